//! Model files, decoded and written back.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use prost::Message as _;

use super::declare::{ValueDescription, describe};
use super::external::ExternalData;
use super::{GraphIndex, file, is_standard_domain, proto, sniff, truncated};
use crate::error::{Error, Result};

const EXPORT_HINT: &str = "write it with torch.onnx.export; a checkpoint (.pt, .pth, \
                           .safetensors) is not an ONNX file";
const AGAIN_HINT: &str = "copy or download the file again, or export the model again";

/// A model file, decoded. The weights of a large file stay in it, mapped into memory.
#[derive(Debug, Clone)]
pub struct Model {
    path: PathBuf,
    /// All fields of the file except the graph.
    pub(crate) shell: proto::Model,
    pub(crate) graph: proto::Graph,
    pub(crate) external: ExternalData,
    unknown_bytes: u64,
}

impl Model {
    /// Reads a model file. The weights of a file of more than 16 MiB stay in it; external data is
    /// found but not read.
    ///
    /// # Errors
    /// Fails if the file cannot be read, is not an ONNX model, has no graph, or names external data
    /// that is missing, too short or outside the model's folder.
    pub fn open(path: &Path) -> Result<Self> {
        let content = file::content(path)?;
        if content.is_empty() {
            return Err(Error::model(path, "the file is empty").with_hint(AGAIN_HINT));
        }
        if let Some(other) = sniff::sniff(&content) {
            let message = format!("not an ONNX model: it is {}", other.what);
            return Err(Error::model(path, message).with_hint(other.hint));
        }
        let mut shell = decode(path, &content)?;
        let unknown_bytes = content.len().saturating_sub(shell.encoded_len()) as u64;
        let external = ExternalData::find(path, &shell)?;
        let Some(graph) = shell.graph.take() else {
            return Err(Error::model(path, "not an ONNX model: it contains no graph")
                .with_hint(EXPORT_HINT));
        };
        if shell.opset_import.is_empty() {
            let message = "it does not state which operator sets it uses: it is truncated or was \
                           written by hand";
            return Err(Error::model(path, message).with_hint(AGAIN_HINT));
        }
        Ok(Self { path: path.to_owned(), shell, graph, external, unknown_bytes })
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the program that wrote the file, for example `pytorch 2.15.0`.
    pub fn producer(&self) -> String {
        let name = self.shell.producer_name.as_deref().unwrap_or_default();
        let version = self.shell.producer_version.as_deref().unwrap_or_default();
        format!("{name} {version}").trim().to_owned()
    }

    /// Returns the metadata of the file as names and texts, in the file's order and unchecked.
    pub fn metadata(&self) -> Vec<(String, String)> {
        let entries = self.shell.metadata_props.iter();
        entries
            .map(|entry| {
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                (text(&entry.key), text(&entry.value))
            })
            .collect()
    }

    /// Returns the version of the standard operator set, 0 if the file imports none.
    pub fn opset(&self) -> i64 {
        let imports = self.shell.opset_import.iter();
        imports
            .filter(|set| is_standard_domain(set.domain.as_deref()))
            .filter_map(|set| set.version)
            .max()
            .unwrap_or(0)
    }

    /// Returns the number of bytes in fields newer than IR 14, which are lost when the model is
    /// written again. 0 for the files of today's exporters.
    pub fn unknown_bytes(&self) -> u64 {
        self.unknown_bytes
    }

    /// Returns the inputs that must be fed: graph inputs that are not initializers.
    pub fn inputs(&self) -> Vec<ValueDescription> {
        let index = GraphIndex::new(&self.graph);
        let fed = self.graph.input.iter().filter(|value| {
            value
                .name
                .as_deref()
                .is_some_and(|name| !index.initializers.contains_key(name))
        });
        fed.map(describe).collect()
    }

    /// Returns the graph outputs.
    pub fn outputs(&self) -> Vec<ValueDescription> {
        self.graph.output.iter().map(describe).collect()
    }

    /// Encodes the model: to the bytes that were read if nothing was changed and
    /// [`Model::unknown_bytes`] is 0.
    pub fn encode(&self) -> Vec<u8> {
        self.with_graph(self.graph.clone()).encode_to_vec()
    }

    /// Returns the model's messages with another graph.
    pub(crate) fn with_graph(&self, graph: proto::Graph) -> proto::Model {
        proto::Model { graph: Some(graph), ..self.shell.clone() }
    }

    /// Encodes a model's messages.
    pub(crate) fn encode_messages(model: &proto::Model) -> Vec<u8> {
        model.encode_to_vec()
    }

    /// Returns name and SHA-256 of the model file and of each file of external data. Reads whole
    /// files.
    ///
    /// # Errors
    /// Fails if a file cannot be read.
    pub fn file_hashes(&self) -> Result<Vec<(String, [u8; 32])>> {
        let own =
            self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut hashes = vec![(own, file::hash(&self.path)?)];
        for (location, path) in self.external.files() {
            hashes.push((location.to_owned(), file::hash(path)?));
        }
        Ok(hashes)
    }
}

fn decode(path: &Path, content: &Bytes) -> Result<proto::Model> {
    proto::Model::decode(content.clone()).map_err(|source| {
        if let Some((part, end)) = truncated::missing_end(content) {
            let size = content.len();
            let message = format!(
                "cut short: the file has {size} bytes, but {part} ends at byte {end}"
            );
            return Error::model(path, message).with_hint(AGAIN_HINT);
        }
        Error::model(path, format!("not an ONNX model, or a damaged one: {source}"))
            .with_hint(EXPORT_HINT)
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn fixtures(folder: &str) -> Vec<PathBuf> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut found: Vec<PathBuf> = walkdir::WalkDir::new(root)
            .into_iter()
            .filter_map(Result::ok)
            .map(walkdir::DirEntry::into_path)
            .filter(|path| path.extension().is_some_and(|e| e == "onnx"))
            // Their weights are not there.
            .filter(|path| !path.iter().any(|part| part == "architectures"))
            .collect();
        found.sort();
        assert!(!found.is_empty());
        found
    }

    #[test]
    fn every_committed_model_is_written_back_byte_for_byte() {
        for path in [fixtures("models"), fixtures("fixtures")].concat() {
            let model = Model::open(&path).unwrap();
            assert_eq!(model.unknown_bytes(), 0, "{}", path.display());
            let same = model.encode() == std::fs::read(&path).unwrap();
            assert!(same, "{} changes when written again", path.display());
        }
    }

    #[test]
    fn a_field_newer_than_the_known_ones_is_counted() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/digits.onnx");
        let folder = tempfile::tempdir().unwrap();
        let newer = folder.path().join("newer.onnx");
        let mut content = std::fs::read(path).unwrap();
        content.extend([0x92, 0x3f, 3, b'n', b'e', b'w']); // field 1010, three bytes
        std::fs::write(&newer, content).unwrap();
        assert_eq!(Model::open(&newer).map(|model| model.unknown_bytes()).unwrap(), 6);
    }

    #[test]
    fn a_model_cut_anywhere_is_an_error_or_a_model_but_no_panic() {
        let content = std::fs::read(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("models/digits.onnx"),
        )
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cut.onnx");
        for length in (0..content.len()).step_by(content.len() / 400 + 1) {
            std::fs::write(&path, &content[..length]).unwrap();
            let _ = Model::open(&path);
        }
        std::fs::write(&path, "import torch\n").unwrap();
        let error = Model::open(&path).unwrap_err();
        assert!(error.to_string().contains("not an ONNX model"), "{error}");
    }
}
