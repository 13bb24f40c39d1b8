//! Tensors kept in files beside the model.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;

use super::{file, graph, proto};
use crate::error::{Error, Result};

/// `TensorProto.DataLocation`: the value that means "in a file".
const EXTERNAL: i32 = 1;

/// The files that hold a model's external tensors: location in the model, real path.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExternalData {
    files: BTreeMap<String, PathBuf>,
}

impl ExternalData {
    /// Finds each file that the model names. A location must stay in the model's folder by its
    /// name; where it is a link (as in hub caches), the link is followed.
    pub(super) fn find(model_path: &Path, model: &proto::Model) -> Result<Self> {
        let folder = model_path.parent().unwrap_or(Path::new(""));
        let mut files = BTreeMap::new();
        let mut problem = None;
        graph::for_each_tensor(model, &mut |tensor| {
            if let (Some(place), None) = (place_of(tensor), &problem)
                && let Err(error) = check(model_path, folder, tensor, &place, &mut files)
            {
                problem = Some(error);
            }
        });
        problem.map_or(Ok(Self { files }), Err)
    }

    /// The one real folder that holds all files: what ONNX Runtime needs to read them for a
    /// model that it gets from memory. `None` where they are spread over several.
    pub(crate) fn real_folder(&self) -> Option<&Path> {
        let folder = self.files.values().next()?.parent()?;
        self.files.values().all(|path| path.parent() == Some(folder)).then_some(folder)
    }

    /// Changes the locations in a model to the real names of the files.
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

    /// Whether the model keeps everything in its own file.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Each location and the file it stands for.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.files.iter().map(|(location, path)| (location.as_str(), path.as_path()))
    }

    /// The bytes of an external tensor.
    pub(crate) fn content(&self, tensor: &proto::Tensor) -> Result<Option<Bytes>> {
        let Some(place) = place_of(tensor) else { return Ok(None) };
        let Some(path) = self.files.get(&place.location) else { return Ok(None) };
        let content = file::map(path)?;
        let start = place.offset.min(content.len());
        let end = place.length.map_or(content.len(), |n| start.saturating_add(n));
        Ok(Some(content.slice(start..end.min(content.len()))))
    }
}

struct Place {
    location: String,
    offset: usize,
    length: Option<usize>,
}

fn place_of(tensor: &proto::Tensor) -> Option<Place> {
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
    Some(Place {
        location: entry("location").unwrap_or_default(),
        // What is no number lies beyond every file, which the check refuses.
        offset: entry("offset").map_or(0, |text| text.parse().unwrap_or(usize::MAX)),
        length: entry("length").map(|text| text.parse().unwrap_or(usize::MAX)),
    })
}

fn check(
    model_path: &Path,
    folder: &Path,
    tensor: &proto::Tensor,
    place: &Place,
    files: &mut BTreeMap<String, PathBuf>,
) -> Result<()> {
    let name = tensor.name.as_deref().unwrap_or_default();
    let relative = Path::new(&place.location);
    let inside = relative
        .components()
        .all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if place.location.is_empty() || !inside {
        return Err(Error::model(
            model_path,
            format!(
                "tensor \"{name}\" has its data at \"{}\", outside the model's folder",
                place.location
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
    let size =
        std::fs::metadata(&real).map_err(|source| Error::read(&real, source))?.len();
    let end = (place.offset as u64).saturating_add(place.length.unwrap_or(0) as u64);
    if end > size {
        return Err(Error::model(
            model_path,
            format!(
                "tensor \"{name}\" ends at byte {end} of {}, which has {size}",
                path.display()
            ),
        )
        .with_hint("the data file is cut short or belongs to another model"));
    }
    files.insert(place.location.clone(), real);
    Ok(())
}
