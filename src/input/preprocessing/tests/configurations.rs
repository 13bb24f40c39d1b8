//! The network's input equals that of the library which wrote the configuration: checked for every
//! case of `fixtures/configurations`, made by `models/configurations`.

use std::fs;

use rayon::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;

/// Configurations that the library accepts and mcdrop refuses.
const REFUSED: &[&str] = &[
    "mask2former",
    "mask2former_pad",
    "mask2former_pillow",
    "maskformer_old",
    "ultralytics_segment",
];

/// Largest difference of a value of the network's input, relative to 1 or to the value.
const TOLERANCE: f32 = 1e-6;

/// Largest difference if the resizing itself is in floating point, because it adds in another
/// order.
const TOLERANCE_OF_FLOATS: f32 = 2e-6;

/// Largest difference relative to the range of the values: a mean for values in 0..255 loses its
/// last bits when it is stored for values in 0..1.
const TOLERANCE_OF_RANGE: f32 = 1e-7;

fn configurations() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/configurations")
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn pair(value: &Value) -> (usize, usize) {
    let side = |i: usize| value[i].as_u64().unwrap() as usize;
    (side(0), side(1))
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let words = digest.as_chunks().0.iter().map(|word| u128::from_be_bytes(*word));
    words.map(|word| format!("{word:032x}")).collect::<Vec<_>>().concat()
}

/// Computes the image that `formula.json` describes.
fn formula(width: usize, height: usize, bands: usize) -> Vec<u8> {
    let byte = |x: u32, y: u32, c: u32| {
        if (x / 13 + 2 * (y / 11)) % 7 == 3 {
            return if c == 1 { 0 } else { 255 };
        }
        let slope =
            |factor: u32, sign: i64| (i64::from(factor) + sign * 2 * i64::from(c)) as u32;
        let across = x.wrapping_mul(slope(3, 1));
        let down = y.wrapping_mul(slope(7, -1));
        let t = across.wrapping_add(down).wrapping_add(40 * c) % 512;
        let v = if t < 256 { t } else { 511 - t };
        let h = x.wrapping_mul(0x9E37_79B1)
            ^ y.wrapping_mul(0x85EB_CA77)
            ^ c.wrapping_mul(0xC2B2_AE3D);
        let h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
        (v ^ (h >> 27)) as u8
    };
    let mut bytes = Vec::with_capacity(width * height * bands);
    for y in 0..height as u32 {
        for x in 0..width as u32 {
            bytes.extend((0..bands as u32).map(|c| byte(x, y, c)));
        }
    }
    bytes
}

#[test]
fn the_images_are_those_of_the_formula() {
    let images = read(&configurations().join("formula.json"));
    let images = images["images"].as_array().unwrap();
    assert!(images.len() >= 60);
    for image in images {
        let (width, height) = pair(&image["image"]);
        let hash = sha256(&formula(width, height, 3));
        assert_eq!(image["sha256"], hash, "{width}x{height}");
    }
}

/// A case with its configuration in a temporary folder.
struct Case {
    name: String,
    expected: Value,
    folder: tempfile::TempDir,
    options: Options,
}

impl Case {
    fn new(path: &Path) -> Self {
        let expected = read(path);
        let mut case = Self {
            name: expected["name"].as_str().unwrap().to_owned(),
            folder: tempfile::tempdir().unwrap(),
            options: Options::default(),
            expected,
        };
        match case.expected["folder"].as_str() {
            Some(folder) => case.copy(&configurations().join(folder)),
            None => case.preset(),
        }
        case
    }

    fn library(&self) -> &str {
        self.expected["library"].as_str().unwrap()
    }

    fn bands(&self) -> usize {
        self.expected["bands"].as_u64().unwrap() as usize
    }

    fn copy(&mut self, from: &Path) {
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let mut content = read(&path);
            let name = path.file_name().unwrap();
            if name == "metadata_props.json" {
                let entries = content.as_object().unwrap().iter();
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                self.options.metadata =
                    entries.map(|(key, value)| (key.clone(), text(value))).collect();
                continue;
            }
            if name == "preprocessor_config.json" {
                self.say_that_pillow_is_meant(&mut content);
            }
            fs::write(self.folder.path().join(name), content.to_string()).unwrap();
        }
    }

    /// Marks the files as written by transformers 4, which uses Pillow's arithmetic: files do not
    /// name the classes that use Pillow. Transformers 4 does not lay transparent images on white.
    fn say_that_pillow_is_meant(&self, content: &mut Value) {
        let class = self.expected["class"].as_str().unwrap();
        if class.ends_with("Pil") && self.bands() == 4 {
            content["image_processor_type"] = json!(class);
        } else if class.ends_with("Pil") {
            content["transformers_version"] = json!("4.57.1");
        }
    }

    /// Applies the pipeline that torchvision has for these weights.
    fn preset(&mut self) {
        let weights = self.expected["weights"].as_str().unwrap();
        // The presets are for images opened with Pillow, not for tensors.
        let resampler = match self.library() {
            "pillow" => "",
            _ => "resampler = \"torchvision\"",
        };
        let preset = if weights.starts_with("DeepLab") {
            "segmentation"
        } else {
            "classification"
        };
        let more = match weights {
            "ResNet50_Weights.IMAGENET1K_V2" => "resize = \"short:232\"",
            "EfficientNet_B0_Weights.IMAGENET1K_V1" => "interpolation = \"bicubic\"",
            _ => "",
        };
        let sidecar = format!("preset = \"torchvision-{preset}\"\n{resampler}\n{more}\n");
        fs::write(self.folder.path().join("model.toml"), sidecar).unwrap();
    }

    fn input(&self) -> ModelInput {
        let input = &self.expected["input"];
        let side = |key: &str| input[key].as_u64().map(|side| side as usize);
        ModelInput {
            layout: Layout::Nchw,
            channels: side("channels").unwrap(),
            height: side("height"),
            width: side("width"),
        }
    }

    fn resolve(&self, options: &Options) -> Result<Preprocessing> {
        let model = self.folder.path().join("model.onnx");
        Preprocessing::resolve(&model, &self.input(), options)
    }

    /// Returns the differences from the expected input.
    fn check(&self) -> Vec<String> {
        let rows = self.expected["sizes"].as_array().unwrap();
        let is_refused = rows.iter().all(|row| row.get("error").is_some())
            || REFUSED.contains(&self.name.as_str());
        let settled = match self.resolve(&self.options) {
            Ok(_) if is_refused => return vec!["is not refused".to_owned()],
            Err(_) if is_refused => return Vec::new(),
            Err(error) => return vec![error.to_string()],
            Ok(settled) => settled,
        };
        let raw = Options {
            mean: Some(vec![0.0]),
            std: Some(vec![1.0 / 255.0]),
            ..self.options.clone()
        };
        let raw = self.resolve(&raw).unwrap();
        let stds = setting(&settled, "std").0.split(',');
        let least = stds.map(|std| std.parse().unwrap()).fold(f32::INFINITY, f32::min);
        let range = 1.0 / least;
        let mut wrong = Vec::new();
        for row in rows.iter().filter(|row| row.get("error").is_none()) {
            let (width, height) = pair(&row["image"]);
            let picture = self.picture(width, height, &settled);
            let checked = settled.apply(&picture).map_err(|error| error.to_string());
            let checked = checked.and_then(|made| {
                self.check_numbers(row, &made, range)?;
                self.check_bytes(row, &raw.apply(&picture).unwrap())
            });
            if let Err(message) = checked {
                wrong.push(format!("{width}x{height}: {message}"));
            }
        }
        wrong
    }

    /// Returns the image of the formula; one with alpha is read from a file.
    fn picture(&self, width: usize, height: usize, settled: &Preprocessing) -> Picture {
        let bytes = formula(width, height, self.bands());
        if self.bands() == 3 {
            return Picture::rgb(width, height, bytes);
        }
        let path = self.folder.path().join("image.png");
        let image =
            image::RgbaImage::from_raw(width as u32, height as u32, bytes).unwrap();
        image.save(&path).unwrap();
        read_image(&path, settled.read_options()).unwrap().picture
    }

    fn check_numbers(
        &self,
        row: &Value,
        made: &NetworkInput,
        range: f32,
    ) -> Result<(), String> {
        let (width, height) = pair(&row["network"]);
        if (made.width, made.height) != (width, height) {
            return Err(format!(
                "gives {}x{}, expected {width}x{height}",
                made.width, made.height
            ));
        }
        if self.name == "torchvision_efficientnet_b0_tensor" {
            // None of the resamplers has the arithmetic of torchvision's bicubic transform of
            // tensors.
            return Ok(());
        }
        for sample in row["values"].as_array().unwrap() {
            let at = sample[0].as_u64().unwrap() as usize;
            let expected = sample[1].as_f64().unwrap() as f32;
            let found = made.values[at];
            if (found - expected).abs() > self.allowed(expected, range) {
                return Err(format!("value {at} is {found}, expected {expected}"));
            }
        }
        Ok(())
    }

    /// Returns the allowed difference; `range` is the distance between the values of black and
    /// white.
    fn allowed(&self, expected: f32, range: f32) -> f32 {
        let size = expected.abs().max(1.0);
        match self.library() {
            // Transforms of tensors by torchvision's other arithmetic differ by up to one level.
            "rounded" => range / 255.0 + TOLERANCE * size,
            "float" => TOLERANCE_OF_FLOATS * size,
            _ => (TOLERANCE * size).max(TOLERANCE_OF_RANGE * range),
        }
    }

    /// Compares values in 0..255.
    fn check_bytes(&self, row: &Value, made: &NetworkInput) -> Result<(), String> {
        let Some(expected) = row["sha256"].as_str() else { return Ok(()) };
        if self.library() == "rounded" {
            return Ok(());
        }
        let part = |i: usize| row["pixels"][i].as_u64().map(|part| part as usize);
        let (left, top) = (part(0).unwrap_or(0), part(1).unwrap_or(0));
        let (width, height) =
            (part(2).unwrap_or(made.width), part(3).unwrap_or(made.height));
        let plane = made.width * made.height;
        let channels = made.values.len() / plane;
        let mut bytes = Vec::with_capacity(width * height * channels);
        for y in top..top + height {
            for x in left..left + width {
                let at = y * made.width + x;
                bytes.extend((0..channels).map(|c| made.values[c * plane + at] as u8));
            }
        }
        if sha256(&bytes) == expected {
            return Ok(());
        }
        let samples = row["values"].as_array().unwrap().iter();
        let samples = samples.zip(row["bytes"].as_array().unwrap());
        let difference = samples
            .filter_map(|(sample, byte)| {
                let found = made.values[sample[0].as_u64().unwrap() as usize];
                Some((found - byte.as_f64()? as f32).abs())
            })
            .fold(0.0, f32::max);
        Err(format!("other pixels; those sampled differ by up to {difference}"))
    }
}

#[test]
fn networks_are_given_what_the_library_of_their_configuration_gives_them() {
    let mut files: Vec<PathBuf> = fs::read_dir(configurations())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .filter(|path| path.file_stem().is_some_and(|stem| stem != "formula"))
        .collect();
    files.sort();
    assert!(files.len() > 100);
    let wrong: Vec<String> = files
        .par_iter()
        .flat_map_iter(|path| {
            let case = Case::new(path);
            let name = case.name.clone();
            case.check().into_iter().map(move |message| format!("{name}: {message}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
