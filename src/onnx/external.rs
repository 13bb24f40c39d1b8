//! External data: tensors in files beside the model.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;

use super::{file, graph, proto, sniff};
use crate::error::{Error, Result};

/// `TensorProto.DataLocation` of tensors in files.
const EXTERNAL: i32 = 1;

/// Alignment in bytes of the files that [`ExternalData::merge`] joins: that of memory maps on all
/// systems.
const DATA_ALIGNMENT: u64 = 1 << 16;

/// The files that contain a model's external tensors: location in the model, real path.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExternalData {
    files: BTreeMap<String, PathBuf>,
}

impl ExternalData {
    /// Finds each file that the model names. Its location must be inside the model's folder. A
    /// link must lead into that folder, or to the folder of the file that the model is a link to (as in
    /// the caches of model hubs).
    pub(super) fn find(model_path: &Path, model: &proto::Model) -> Result<Self> {
        let folder = model_path.parent().unwrap_or(Path::new(""));
        let mut files = BTreeMap::new();
        let mut problem = None;
        graph::for_each_tensor(model, &mut |tensor| {
            if let (Some(data), None) = (location_of(tensor), &problem)
                && let Err(error) = check(model_path, folder, tensor, &data, &mut files)
            {
                problem = Some(error);
            }
        });
        problem.map_or(Ok(Self { files }), Err)
    }

    /// Returns the real folder of all files, which ONNX Runtime needs to read them for a model in
    /// memory. `None` if they are in several folders.
    pub(crate) fn real_folder(&self) -> Option<&Path> {
        let folder = self.files.values().next()?.parent()?;
        self.files.values().all(|path| path.parent() == Some(folder)).then_some(folder)
    }

    /// Replaces the locations in a model by the real names of the files.
    pub(crate) fn rename(&self, model: &mut proto::Model) {
        if self.files.is_empty() {
            return;
        }
        graph::for_each_tensor_mut(model, &mut |tensor| {
            let entries = tensor.external_data.iter_mut();
            for entry in entries.filter(|e| e.key.as_deref() == Some("location")) {
                let file =
                    entry.value.as_ref().and_then(|location| self.files.get(location));
                if let Some(name) = file.and_then(|path| path.file_name()) {
                    entry.value = Some(name.to_string_lossy().into_owned());
                }
            }
        });
    }

    /// Places all external tensors of a model in one file with this name. Returns the files that it
    /// consists of, each with its offset.
    pub(crate) fn merge(
        &self,
        model: &mut proto::Model,
        name: &str,
    ) -> Vec<(u64, &Path)> {
        let mut parts: Vec<(u64, &Path)> = Vec::new();
        let mut starts: BTreeMap<&str, u64> = BTreeMap::new();
        let mut end = 0_u64;
        for (location, path) in &self.files {
            let known = parts.iter().find(|(_, part)| part == path).map(|part| part.0);
            let start = known.unwrap_or_else(|| {
                let start = end.next_multiple_of(DATA_ALIGNMENT);
                let length = std::fs::metadata(path).map_or(0, |file| file.len());
                end = start.saturating_add(length);
                parts.push((start, path));
                start
            });
            starts.insert(location, start);
        }
        graph::for_each_tensor_mut(model, &mut |tensor| {
            let Some(data) = location_of(tensor) else { return };
            let Some(start) = starts.get(data.location.as_str()) else { return };
            let length = data.length.map(|length| length as u64);
            let entry = |key: &str, value: String| proto::StringEntry {
                key: Some(key.to_owned()),
                value: Some(value),
            };
            let offset = start.saturating_add(data.offset as u64);
            let mut entries = vec![
                entry("location", name.to_owned()),
                entry("offset", offset.to_string()),
            ];
            let length = length.or_else(|| bytes_of(tensor));
            entries.extend(length.map(|length| entry("length", length.to_string())));
            tensor.external_data = entries;
        });
        parts
    }

    /// Returns true if the model has no external data.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Returns each location and its file.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.files.iter().map(|(location, path)| (location.as_str(), path.as_path()))
    }

    /// Returns the content of an external tensor; `None` for other tensors.
    pub(crate) fn content(&self, tensor: &proto::Tensor) -> Result<Option<Bytes>> {
        let Some(data) = location_of(tensor) else { return Ok(None) };
        let Some(path) = self.files.get(&data.location) else { return Ok(None) };
        let content = file::map(path)?;
        let start = data.offset.min(content.len());
        let end = data.length.map_or(content.len(), |n| start.saturating_add(n));
        Ok(Some(content.slice(start..end.min(content.len()))))
    }
}

struct DataLocation {
    location: String,
    offset: usize,
    length: Option<usize>,
}

fn location_of(tensor: &proto::Tensor) -> Option<DataLocation> {
    if tensor.data_location != Some(EXTERNAL) {
        return None;
    }
    let entry = |key: &str| {
        let entries = &tensor.external_data;
        entries
            .iter()
            .find(|e| e.key.as_deref() == Some(key))
            .and_then(|e| e.value.clone())
    };
    Some(DataLocation {
        location: entry("location").unwrap_or_default(),
        // A text that is not a number is read as an offset beyond every file, which the check refuses.
        offset: entry("offset").map_or(0, |text| text.parse().unwrap_or(usize::MAX)),
        length: entry("length").map(|text| text.parse().unwrap_or(usize::MAX)),
    })
}

fn check(
    model_path: &Path,
    folder: &Path,
    tensor: &proto::Tensor,
    data: &DataLocation,
    files: &mut BTreeMap<String, PathBuf>,
) -> Result<()> {
    let name = tensor.name.as_deref().unwrap_or_default();
    let relative = Path::new(&data.location);
    let inside = relative
        .components()
        .all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if data.location.is_empty() || !inside {
        return Err(Error::model(
            model_path,
            format!(
                "tensor \"{name}\" has its data at \"{}\", outside the model's folder",
                data.location
            ),
        )
        .with_hint(
            "external data must lie in the folder of the model; save the model again",
        ));
    }
    let path = folder.join(relative);
    let missing = |_| {
        Error::model(model_path, format!("its data file {} is missing", path.display()))
            .with_hint("copy the data file with the model: both belong together")
    };
    let real = std::fs::canonicalize(&path).map_err(missing)?;
    if !belongs_to(model_path, folder, &real) {
        let message = format!(
            "its data file {} is a link to {}, which does not belong to the model",
            path.display(),
            real.display()
        );
        return Err(Error::model(model_path, message)
            .with_hint("if you trust the model, copy that file to where the link is"));
    }
    let metadata =
        std::fs::metadata(&real).map_err(|source| Error::read(&real, source))?;
    if !metadata.is_file() {
        let message = format!("its data file {} is not a file", path.display());
        return Err(Error::model(model_path, message)
            .with_hint("copy the data file with the model: both belong together"));
    }
    let size = metadata.len();
    let length = data.length.map(|length| length as u64).or_else(|| bytes_of(tensor));
    let end = (data.offset as u64).saturating_add(length.unwrap_or(0));
    if end > size {
        if is_pointer(&real)? {
            let message = format!(
                "its data file {} is a Git LFS pointer, not the data that it stands for",
                path.display()
            );
            return Err(Error::model(model_path, message).with_hint(
                "fetch the content with `git lfs pull`, or download the file from its page",
            ));
        }
        return Err(Error::model(
            model_path,
            format!(
                "tensor \"{name}\" ends at byte {end} of {}, which has {size}",
                path.display()
            ),
        )
        .with_hint(
            "the data file is cut short or belongs to another model: copy it again, with the \
             model",
        ));
    }
    files.insert(data.location.clone(), real);
    Ok(())
}

/// Returns true if the real path of a data file lies in the folder of the model, or beside the file
/// that the model is a link to, as in the caches of model hubs.
fn belongs_to(model_path: &Path, folder: &Path, real: &Path) -> bool {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let is_inside =
        std::fs::canonicalize(folder).is_ok_and(|folder| real.starts_with(folder));
    let beside = || {
        let model = std::fs::canonicalize(model_path).ok();
        model.as_deref().and_then(Path::parent) == real.parent()
    };
    is_inside || beside()
}

fn is_pointer(path: &Path) -> Result<bool> {
    let content = file::map(path)?;
    Ok(sniff::is_lfs_pointer(&content))
}

/// Returns the size of a tensor in bytes by its sizes and type; `None` for types below a byte.
fn bytes_of(tensor: &proto::Tensor) -> Option<u64> {
    let each = tensor.element_type().bytes()?;
    let sizes = tensor.dims.iter().map(|&size| u64::try_from(size).unwrap_or(u64::MAX));
    Some(sizes.fold(each as u64, u64::saturating_mul))
}

#[cfg(test)]
mod tests {
    use super::super::Model;
    use super::*;

    fn opened(data: Option<&[u8]>) -> Result<Model> {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let folder = tempfile::tempdir().unwrap();
        let name = "digits-dynamo.onnx";
        std::fs::copy(models.join(name), folder.path().join(name)).unwrap();
        let place = folder.path().join("digits-dynamo.onnx.data");
        match data {
            Some(data) => std::fs::write(&place, data).unwrap(),
            None => std::fs::create_dir(&place).unwrap(),
        }
        Model::open(&folder.path().join(name))
    }

    #[test]
    fn truncated_or_missing_data_is_named_with_a_hint() {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let whole = std::fs::read(models.join("digits-dynamo.onnx.data")).unwrap();
        assert!(opened(Some(&whole)).is_ok());
        let pointer =
            b"version https://git-lfs.github.com/spec/v1\noid sha256:1f\nsize 9\n";
        for (data, message, hint) in [
            (Some(&whole[..whole.len() - 1]), "ends at byte", "cut short"),
            (Some(&b""[..]), "which has 0", "cut short"),
            (Some(&pointer[..]), "Git LFS pointer", "git lfs pull"),
            (None, "not a file", "copy the data file"),
        ] {
            let error = opened(data).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
            assert!(error.hint().is_some_and(|text| text.contains(hint)), "{error}");
        }
    }

    #[test]
    fn the_size_of_a_tensor_follows_from_its_shape() {
        let tensor = |data_type, dims: &[i64]| proto::Tensor {
            data_type: Some(data_type),
            dims: dims.to_vec(),
            ..proto::Tensor::default()
        };
        assert_eq!(bytes_of(&tensor(1, &[3, 5])), Some(60));
        assert_eq!(bytes_of(&tensor(10, &[])), Some(2));
        assert_eq!(bytes_of(&tensor(7, &[i64::MAX, 9])), Some(u64::MAX));
        assert_eq!(bytes_of(&tensor(1, &[-1])), Some(u64::MAX));
        assert_eq!(bytes_of(&tensor(22, &[3])), None);
    }
}
