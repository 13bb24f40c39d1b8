//! Detection of ONNX files that end early.

use prost::encoding::{WireType, decode_key, decode_varint};

/// `ModelProto.graph`.
const GRAPH: u32 = 7;

/// Returns the part of a model that the file is too short for, and the byte where it would end.
/// `None` if the file is not an ONNX model or is long enough.
pub(super) fn missing_end(content: &[u8]) -> Option<(&'static str, u64)> {
    if !begins_like_a_model(content) {
        return None;
    }
    let mut rest = content;
    while !rest.is_empty() {
        let Ok((field, kind)) = decode_key(&mut rest) else {
            return ends_within(content, rest);
        };
        let skipped = match kind {
            WireType::Varint => {
                decode_varint(&mut rest).map(|_| 0).map_err(|_| content.len() as u64 + 1)
            }
            WireType::LengthDelimited => {
                decode_varint(&mut rest).map_err(|_| content.len() as u64 + 1)
            }
            WireType::ThirtyTwoBit => Ok(4),
            WireType::SixtyFourBit => Ok(8),
            WireType::StartGroup | WireType::EndGroup => return None,
        };
        let part = if field == GRAPH { "its graph" } else { "one of its parts" };
        let position = (content.len() - rest.len()) as u64;
        match skipped {
            Err(end) => return Some((part, end)),
            Ok(length) if length > rest.len() as u64 => {
                return Some((part, position.saturating_add(length)));
            }
            Ok(length) => rest = &rest[length as usize..],
        }
    }
    None
}

/// Returns true if a file begins with an IR version, as every exporter writes it.
fn begins_like_a_model(content: &[u8]) -> bool {
    const NEWEST_PLAUSIBLE: u8 = 64;
    matches!(content, [0x08, 1..=NEWEST_PLAUSIBLE, ..])
}

/// Returns the end of a key that the end of the file cuts.
fn ends_within(content: &[u8], rest: &[u8]) -> Option<(&'static str, u64)> {
    rest.is_empty().then_some(("one of its parts", content.len() as u64 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truncated_model_is_detected_with_the_end_of_its_graph() {
        let path =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/digits.onnx");
        let content = std::fs::read(path).unwrap();
        assert_eq!(missing_end(&content), None);
        let (part, end) = missing_end(&content[..content.len() / 2]).unwrap();
        assert_eq!(part, "its graph");
        assert!(end <= content.len() as u64 && end > content.len() as u64 / 2, "{end}");
    }

    #[test]
    fn other_bytes_are_not_truncated_models() {
        for content in [&b"import torch"[..], b"", b"\x08", b"\x08\xff\xff", b"\x0a\x05a"]
        {
            assert_eq!(missing_end(content), None, "{content:?}");
        }
        // A length beyond any file.
        let huge = b"\x08\x08\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        assert_eq!(missing_end(huge), Some(("its graph", u64::MAX)));
    }
}
