//! Unusual files of `fixtures/image_files`, compared with the pixels that other libraries read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::input::picture::Values;

/// Returns the values as bytes, and the number of bits of each.
fn bytes_of(values: &Values) -> (Vec<u8>, u64) {
    match values {
        Values::U8(values) => (values.clone(), 8),
        Values::U16 { values, .. } => {
            (values.iter().flat_map(|value| value.to_le_bytes()).collect(), 16)
        }
        Values::F32(values) => {
            (values.iter().flat_map(|value| value.to_le_bytes()).collect(), 32)
        }
    }
}

/// Reads a file of the fixtures, and returns how it differs from what is expected.
fn difference(case: &Value, folder: &Path) -> Option<String> {
    let name = case["name"].as_str().unwrap();
    let path = folder.join(name);
    fs::write(&path, STANDARD.decode(case["file"].as_str().unwrap()).unwrap()).unwrap();
    let channels =
        case["channels"].as_str().map_or(Channels::Rgb, |c| c.parse().unwrap());
    let frame = case["frame"].as_u64().map(|frame| frame as u32);
    let options = ReadOptions { channels, frame, ..ReadOptions::default() };
    let result = read_image(&path, &options);
    if let Some(expected) = case["error"].as_str() {
        return match result {
            Ok(_) => Some(format!("is read, expected: {expected}")),
            Err(error) if error.hint().is_none() => Some("has no hint".to_owned()),
            Err(error) if error.to_string().contains(expected) => None,
            Err(error) => Some(format!("{error}, expected: {expected}")),
        };
    }
    let picture = match result {
        Ok(decoded) => decoded.picture,
        Err(error) => return Some(error.to_string()),
    };
    let (bytes, bits) = bytes_of(&picture.values);
    let found = [picture.width as u64, picture.height as u64, picture.bands as u64, bits];
    let expected =
        ["width", "height", "bands", "bits"].map(|key| case[key].as_u64().unwrap());
    if found != expected {
        return Some(format!("{found:?}, expected {expected:?}"));
    }
    if let Values::U16 { largest, .. } = picture.values
        && u64::from(largest) != case["largest"].as_u64().unwrap()
    {
        return Some(format!("white is {largest}"));
    }
    if let Some(tolerance) = case["tolerance"].as_u64() {
        let expected = bytes_of_hex(case["values"].as_str().unwrap());
        let furthest = bytes.iter().zip(expected).map(|(a, b)| a.abs_diff(b)).max();
        return (u64::from(furthest.unwrap()) > tolerance)
            .then(|| format!("is off by {furthest:?}"));
    }
    let hash: [u8; 32] = Sha256::digest(&bytes).into();
    let is_same = hash[..] == bytes_of_hex(case["sha256"].as_str().unwrap());
    (!is_same).then(|| format!("other values: {:?}", &bytes[..bytes.len().min(24)]))
}

#[test]
fn unusual_files_have_the_pixels_that_other_libraries_read() {
    let file =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/image_files/zoo.json");
    let json: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let cases = json["cases"].as_array().unwrap();
    assert!(cases.len() >= 250, "{}", cases.len());
    let folder = tempfile::tempdir().unwrap();
    let differences: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let difference = difference(case, folder.path())?;
            Some(format!("{}: {difference}", case["name"].as_str().unwrap()))
        })
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
