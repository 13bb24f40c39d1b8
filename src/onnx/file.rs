//! Model files: read through a memory map, and written back.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use bytes::Bytes;
use prost::Message;
use sha2::{Digest, Sha256};

use super::external::ExternalData;
use super::{Model, proto, sniff, truncated};
use crate::error::{Error, Result};

const EXPORT_HINT: &str = "write it with torch.onnx.export; a checkpoint (.pt, .pth, \
                           .safetensors) is not an ONNX file";
const AGAIN_HINT: &str = "copy or download the file again, or export the model again";

impl Model {
    /// Reads a model file. Weights are not copied; external data is found but not read.
    ///
    /// # Errors
    /// Fails if the file cannot be read, is not an ONNX model, has no graph, or names external data
    /// that is missing, too short or outside the model's folder.
    pub fn open(path: &Path) -> Result<Self> {
        let content = map(path)?;
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
        let mut hashes = vec![(own, hash(&self.path)?)];
        for (location, path) in self.external.files() {
            hashes.push((location.to_owned(), hash(path)?));
        }
        Ok(hashes)
    }
}

fn hash(path: &Path) -> Result<[u8; 32]> {
    let read = |source| Error::read(path, source);
    let mut file = File::open(path).map_err(read)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(read)? {
            0 => return Ok(hash.finalize().into()),
            n => hash.update(&buffer[..n]),
        }
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

/// Maps a file into memory without reading it.
#[expect(unsafe_code, reason = "a memory map is how gigabytes of weights stay unread")]
pub(super) fn map(path: &Path) -> Result<Bytes> {
    let file = File::open(path).map_err(|source| Error::read(path, source))?;
    let metadata = file.metadata().map_err(|source| Error::read(path, source))?;
    if metadata.is_dir() {
        return Err(Error::model(path, "a folder, where an .onnx file is expected")
            .with_hint("give the .onnx file in it"));
    }
    if metadata.len() == 0 {
        return Ok(Bytes::new());
    }
    // SAFETY: the map is read-only and private to this process. It is assumed, as by every reader
    // of memory maps including ONNX Runtime, that the file is not shortened while it is open.
    let content = unsafe { memmap2::Mmap::map(&file) };
    Ok(Bytes::from_owner(content.map_err(|source| Error::read(path, source))?))
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
