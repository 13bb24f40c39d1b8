//! Recognizes files that are named like images but contain something else.

use super::{FORMATS, Refusal, SAVE_AGAIN};

const LFS: &str =
    "fetch the content with `git lfs pull`, or download the file from its page";
const DOWNLOAD: &str = "download the image itself, not the page about it";
const LEAVE_OUT: &str =
    "leave it out, or give it an extension that is not one of an image";

/// Beginnings of files after white space, in lower case, with a description and a hint.
const BEGINNINGS: &[(&[u8], &str, &str)] = &[
    (b"version https://git-lfs", "a Git LFS pointer, not the image itself", LFS),
    (b"<!doctype html", "a web page", DOWNLOAD),
    (b"<html", "a web page", DOWNLOAD),
    (b"<svg", "a drawing (SVG)", FORMATS),
    (b"%pdf", "a PDF document", FORMATS),
];

/// Brands of files that begin with a size and `ftyp`.
const BRANDS: &[(&[u8], &str)] = &[
    (b"avif", "AVIF"),
    (b"heic", "HEIC"),
    (b"heix", "HEIC"),
    (b"mif1", "HEIF"),
    (b"qt  ", "a video"),
    (b"isom", "a video"),
    (b"mp42", "a video"),
];

/// Returns the reason for refusing content that is not of an image format.
pub(super) fn refusal(bytes: &[u8]) -> Refusal {
    let begin: Vec<u8> = bytes.trim_ascii_start().iter().take(64).copied().collect();
    let begin = begin.to_ascii_lowercase();
    let found = BEGINNINGS.iter().find(|(words, ..)| begin.starts_with(words));
    if let Some((_, what, hint)) = found {
        return Refusal { message: format!("not an image, but {what}"), hint };
    }
    let brand = bytes.get(4..12).and_then(|brand| brand.strip_prefix(b"ftyp"));
    if let Some((_, name)) = BRANDS.iter().find(|(word, _)| brand == Some(word)) {
        let message = format!("{name} is not supported");
        return Refusal { message, hint: FORMATS };
    }
    if bytes.iter().all(|&byte| byte == 0) {
        return Refusal { message: "all its bytes are 0".to_owned(), hint: SAVE_AGAIN };
    }
    if bytes
        .iter()
        .take(512)
        .all(|&byte| matches!(byte, b'\t' | b'\n' | b'\r' | 32..=126))
    {
        return Refusal { message: "not an image, but text".to_owned(), hint: LEAVE_OUT };
    }
    let message = "not an image of a supported format".to_owned();
    Refusal { message, hint: FORMATS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_are_named_for_what_they_are() {
        for (content, message, hint) in [
            (
                &b"version https://git-lfs.github.com/spec/v1\n"[..],
                "Git LFS pointer",
                LFS,
            ),
            (b"\n <!DOCTYPE html>", "a web page", DOWNLOAD),
            (b"%PDF-1.7 \xff", "a PDF document", FORMATS),
            (b"\0\0\0\x18ftypheic\0", "HEIC is not supported", FORMATS),
            (&[0; 9], "all its bytes are 0", SAVE_AGAIN),
            (b"plain\nwords\n", "not an image, but text", LEAVE_OUT),
            (b"\xde\xad", "not an image of a supported format", FORMATS),
        ] {
            let refusal = refusal(content);
            assert!(refusal.message.contains(message), "{}", refusal.message);
            assert_eq!(refusal.hint, hint, "{message}");
        }
    }
}
