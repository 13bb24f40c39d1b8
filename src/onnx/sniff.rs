//! Detection of files that are not ONNX models, by their content.

/// A file of another format, and a hint on how to get an ONNX model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ForeignFile {
    pub(super) what: String,
    pub(super) hint: &'static str,
}

const EXPORT: &str = "export the network itself with torch.onnx.export: weights do not tell what to \
                      compute";
const CONVERT: &str = "export the network to ONNX with the library that wrote it";
const DOWNLOAD: &str = "download the file itself, not the page about it (on model hubs its \
                        address has /resolve/ or /raw/ in it)";
const LFS: &str =
    "fetch the content with `git lfs pull`, or download the file from its page";
const UNPACK: &str = "unpack it and give the .onnx file in it";
const ORDER: &str = "the model comes first: mcdrop predict MODEL IMAGES -o FOLDER";
const AGAIN: &str = "copy or download the file again";

/// Magic numbers: offset, bytes, format, hint.
const MAGIC: &[(usize, &[u8], &str, &str)] = &[
    (0, b"\x89PNG\r\n\x1a\n", "a PNG image", ORDER),
    (0, b"\xff\xd8\xff", "a JPEG image", ORDER),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes them", CONVERT),
    (4, b"TFL3", "a TensorFlow Lite model", "convert it with tf2onnx (--tflite)"),
    (4, b"ORTM", "ONNX Runtime's own .ort format", "give the .onnx file it was made of"),
    (0, b"ftrt", "a TensorRT engine", "give the .onnx file it was built from"),
    (0, b"ptrt", "a TensorRT engine", "give the .onnx file it was built from"),
    (0, b"GGUF", "a GGUF file of weights", EXPORT),
    (0, b"\x93NUMPY", "a NumPy array", EXPORT),
    (0, b"\x7fELF", "a program or shared library", AGAIN),
    (0, b"\x1f\x8b", "packed with gzip", UNPACK),
    (0, b"\xfd7zXZ\0", "packed with xz", UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "packed with zstd", UNPACK),
    (0, b"BZh", "packed with bzip2", UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (257, b"ustar", "a tar archive", UNPACK),
];

/// Number of bytes at the beginning and end of a file that are examined.
const EXAMINED: usize = 64 << 10;

/// Returns the format of a file, if it is known and not ONNX.
pub(super) fn sniff(content: &[u8]) -> Option<ForeignFile> {
    let found = |what: &str, hint| Some(ForeignFile { what: what.to_owned(), hint });
    if let Some(&(_, _, what, hint)) = MAGIC.iter().find(|(offset, magic, ..)| {
        content.get(*offset..).is_some_and(|rest| rest.starts_with(magic))
    }) {
        return found(what, hint);
    }
    let head = &content[..content.len().min(EXAMINED)];
    let tail = &content[content.len().saturating_sub(EXAMINED)..];
    let holds = |word: &[u8]| contains(head, word) || contains(tail, word);
    match content {
        [b'P', b'K', 3 | 5, 4 | 6, ..] => return Some(zip(&holds)),
        // Pickles of protocol 2 and later begin so.
        [0x80, 2..=5, ..] => {
            return found("a Python pickle: a PyTorch checkpoint", EXPORT);
        }
        _ => {}
    }
    let is_tensors = safetensors(content);
    if is_tensors {
        return found("weights in safetensors format", EXPORT);
    }
    // Its first field is a version that is always 1; models of ONNX begin with 3 or more there.
    let is_old = content.starts_with(&[8, 1]);
    if is_old && (holds(b"saved_model_main_op") || holds(b"serving_default")) {
        return found("a TensorFlow SavedModel", "convert its folder with tf2onnx");
    }
    if content.starts_with(b"\n") && holds(b"Placeholder") {
        return found("a TensorFlow graph", "convert it with tf2onnx (--graphdef)");
    }
    if !content.is_empty() && head.iter().chain(tail).all(|&byte| byte == 0) {
        return found("nothing but zeros: an unfinished download", AGAIN);
    }
    text(head)
}

/// Returns true for a Git LFS pointer, which takes the place of the file itself.
pub(super) fn is_lfs_pointer(content: &[u8]) -> bool {
    content.starts_with(b"version https://git-lfs")
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

/// Returns the format of a zip archive, by the names in it.
fn zip(holds: &dyn Fn(&[u8]) -> bool) -> ForeignFile {
    let (what, hint) = if holds(b"constants.pkl") {
        ("a TorchScript archive", EXPORT)
    } else if holds(b"data.pkl") {
        ("a PyTorch checkpoint (.pt, .pth)", EXPORT)
    } else if holds(b"model.weights.h5") {
        ("a Keras model", CONVERT)
    } else if holds(b".npy") {
        ("NumPy arrays (.npz)", EXPORT)
    } else {
        ("a zip archive", UNPACK)
    };
    ForeignFile { what: what.to_owned(), hint }
}

/// Returns true for eight bytes of length, then JSON.
fn safetensors(content: &[u8]) -> bool {
    let Some((length, rest)) = content.split_first_chunk::<8>() else { return false };
    let length = u64::from_le_bytes(*length);
    (2..100 << 20).contains(&length) && rest.starts_with(b"{\"")
}

/// Number of characters of a text that are shown.
const SHOWN: usize = 40;

fn text(head: &[u8]) -> Option<ForeignFile> {
    // The end of the examined bytes may cut a character.
    let valid = match str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return None,
    };
    let is_text = |c: char| !c.is_control() || c.is_ascii_whitespace();
    let text = valid.trim_start_matches('\u{feff}').trim_start();
    if text.is_empty() || !text.chars().all(is_text) {
        return None;
    }
    let lower: String =
        text.chars().take(SHOWN).map(|c| c.to_ascii_lowercase()).collect();
    let starts = |word: &str| lower.starts_with(word);
    let (what, hint) = if is_lfs_pointer(text.as_bytes()) {
        ("a Git LFS pointer, not the model that it stands for", LFS)
    } else if starts("<!doctype html") || starts("<html") || starts("<head") {
        ("a web page", DOWNLOAD)
    } else if starts("<?xml") && text.contains("<net") {
        ("an OpenVINO graph", "give the .onnx file it was converted from")
    } else if starts("<") {
        ("XML text", DOWNLOAD)
    } else if starts("{") || starts("[") {
        ("JSON text", DOWNLOAD)
    } else {
        let line = text.lines().next().unwrap_or_default();
        let shown: String = line.chars().take(SHOWN).collect();
        let what = format!("text that begins with \"{}\"", shown.trim_end());
        return Some(ForeignFile { what, hint: EXPORT });
    };
    Some(ForeignFile { what: what.to_owned(), hint })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_formats_are_detected_by_their_content() {
        let tar = [&[b'a'; 257][..], b"ustar\0", &[0; 250]].concat();
        let tensors = [&200_u64.to_le_bytes()[..], b"{\"a\":{\"dtype\":\"F32\""].concat();
        let cases: &[(&[u8], &str, &str)] = &[
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:1f\n",
                "Git LFS",
                "git lfs pull",
            ),
            (b"<!DOCTYPE html>\n<html>", "a web page", "/resolve/"),
            (b"\n  <html lang=en>", "a web page", "/resolve/"),
            (b"<?xml version=\"1.0\"?><net name=\"a\">", "OpenVINO", "converted from"),
            (b"{\"error\": \"not found\"}", "JSON", "download"),
            (b"\xef\xbb\xbfimport torch\n", "\"import torch\"", "torch.onnx.export"),
            (b"PK\x03\x04....archive/data.pkl", "PyTorch checkpoint", "export"),
            (b"PK\x03\x04...constants.pkl, data.pkl", "TorchScript", "export"),
            (b"PK\x03\x04....weights.npy", "NumPy", "export"),
            (b"PK\x03\x04....model.onnx", "a zip archive", "unpack"),
            (b"\x80\x02\x8a\x0al\xfc\x9cF", "a PyTorch checkpoint", "export"),
            (&tensors, "safetensors", "export"),
            (&tar, "a tar archive", "unpack"),
            (b"\x89HDF\r\n\x1a\n....", "Keras", "ONNX"),
            (b"\x1c\0\0\0TFL3....", "TensorFlow Lite", "tf2onnx"),
            (b"\x08\x01\x12\x99....serving_default....\xff", "SavedModel", "tf2onnx"),
            (b"\n\x20\n\x05input\x12\x0bPlaceholder\xff", "TensorFlow graph", "tf2onnx"),
            (b"ftrt\x01\x02", "TensorRT", ".onnx"),
            (b"\x1c\0\0\0ORTM....", ".ort", ".onnx"),
            (b"\xff\xd8\xff\xe0..JFIF", "JPEG", "MODEL IMAGES"),
            (b"\x1f\x8b\x08\0", "gzip", "unpack"),
            (&[0; 5000], "zeros", "again"),
        ];
        for (content, what, hint) in cases {
            let found = sniff(content).unwrap_or_else(|| panic!("{what} is not known"));
            assert!(found.what.contains(what), "{what}: {found:?}");
            assert!(found.hint.contains(hint), "{what}: {found:?}");
        }
    }

    #[test]
    fn models_and_noise_are_not_other_formats() {
        for name in ["models/digits.onnx", "models/streets-dynamo.onnx"] {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
            assert_eq!(sniff(&std::fs::read(path).unwrap()), None, "{name}");
        }
        for content in [&b""[..], b"\x08\x08\x12\x07pytorch", b"\xde\xad\xbe\xef"] {
            assert_eq!(sniff(content), None, "{content:?}");
        }
    }

    #[test]
    fn a_long_text_is_shown_by_its_first_words_and_may_end_inside_a_character() {
        let content = "ü".repeat(EXAMINED);
        let found = sniff(&content.as_bytes()[..EXAMINED - 1]).unwrap();
        assert!(found.what.chars().count() < 80, "{found:?}");
    }
}
