//! Configuration files of preprocessing, and options, made of arbitrary bytes.
//!
//! An input holds several files; a line `== NAME` begins each. `flags` has an option and its value
//! on each line, `metadata` the metadata of a model file as JSON.

use std::path::Path;
use std::str::FromStr;

use mcdrop::input::picture::{Picture, Values};
use mcdrop::input::preprocessing::{
    Channels, Layout, ModelInput, Options, read_class_names, read_palette,
};
use mcdrop::input::{NetworkInput, Preprocessing};

use crate::Target;
use crate::scratch::Scratch;
use crate::seeds;

pub(crate) const TARGET: Target =
    Target { name: "configuration", seeds: all, words: WORDS, run };

const MODEL: &str = "model.onnx";
/// Names of the files that the library looks for beside a model, and of the sidecar.
const BESIDE: &[&str] = &[
    "model.toml",
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "pipeline.json",
    "deploy.json",
];

const WORDS: &[&[u8]] = &[
    b"\n== model.toml\n",
    b"\n== config.json\n",
    b"\n== preprocessor_config.json\n",
    b"\n== processor_config.json\n",
    b"\n== pipeline.json\n",
    b"\n== deploy.json\n",
    b"\n== metadata\n",
    b"\n== classes\n",
    b"\n== palette\n",
    b"\n== config\n",
    b"\n== flags\n",
    b"resize near:65535x3000/65535",
    b"crop 20000x10000",
    b"pad-to-multiple 18446744073709551615",
    b"preset = \"imagenet\"\n",
    b"mean = 0\nstd = 1\n",
    b"std = 1e-38\n",
    b"resize = \"short:1,long:65535\"\n",
    b"resize = \"bounds:65535x1\"\n",
    b"pad = \"multiple:65535\"\n",
    b"pad = \"64x64\"\n",
    b"fill = \"reflect\"\n",
    b"pad_side = \"center\"\n",
    b"resampler = \"opencv\"\n",
    b"resampler = \"pillow\"\n",
    b"resampler = \"float\"\n",
    b"interpolation = \"lanczos\"\n",
    b"crop = \"1x9000\"\n",
    b"crop_rule = \"huggingface4\"\n",
    b"\"size\": {\"height\": 1, \"width\": 1}",
    b"\"shortest_edge\": 1",
    b"\"longest_edge\": 9",
    b"\"size_divisor\": 0",
    b"\"do_pad\": true",
    b"\"crop_pct\": 0.001",
    b"\"size_divisibility\": 32",
    b"\"resample\": 0",
    b"{'a': (1,)}",
    b"[[1, 2, 3]]",
    b"#80ff00\n",
    b"\\ud800",
    b"\\N{BULLET}",
    b"[[[[[[[[",
    b"{\"a\":{\"a\":{\"a\":",
    b"\xef\xbb\xbf",
    b"true",
    b"null",
    b"\"channels\": \"1\"",
];

fn all() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut folders: Vec<_> = std::fs::read_dir(seeds::path("fixtures/configurations"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    for folder in folders {
        let read = |name: &str| std::fs::read(folder.join(name)).ok();
        let mut parts: Vec<(&str, Vec<u8>)> =
            BESIDE.iter().filter_map(|name| Some((*name, read(name)?))).collect();
        parts.extend(read("metadata_props.json").map(|content| ("metadata", content)));
        all.push(joined(&parts));
        if let [(_, content)] = parts.as_slice() {
            all.push(joined(&[("config", content.clone())]));
        }
    }
    for sidecar in
        seeds::files("models", |path| path.extension() == Some("toml".as_ref()))
    {
        all.push(joined(&[("model.toml", sidecar)]));
    }
    all.extend(WRITTEN.iter().map(|text| text.as_bytes().to_vec()));
    all
}

const WRITTEN: &[&str] = &[
    "== model.toml\npreset = \"torchvision-classification\"\ninterpolation = \"bicubic\"\n\
     fill = \"114,114,114\"\npad = \"multiple:32\"\npad_side = \"center\"\nalpha = \"white\"\n",
    "== model.toml\npreset = \"unit\"\nresize = \"near:64x48/16\"\nresampler = \"float\"\n\
     antialias = false\nchannels = \"bgr\"\ncrop = \"20x30\"\ncrop_rule = \"huggingface4\"\n",
    "== flags\npreset raw\nresize within:40x30\ncrop 9x9\ninterpolation nearest-exact\n\
     pad-to-multiple 7\nchannels rgb\nclasses\npalette voc\ntask segmentation\n",
    "== flags\nmean 0.5,0.4,0.3\nstd 0.2\nresize cover:30x20\nantialias yes\npalette\n\
     classes\n== classes\nroad\nsky\n== palette\n1,2,3\n#102030\n",
    "== classes\n{\"id2label\": {\"0\": \"road\", \"1\": \"sky\"}}\n== palette\n\
     [[1, 2, 3], \"#405060\"]\n== flags\nclasses\npalette\npreset imagenet\n",
];

fn joined(parts: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let part = |(name, content): &(&str, Vec<u8>)| {
        [b"== ", name.as_bytes(), b"\n", content, b"\n"].concat()
    };
    parts.iter().map(part).collect::<Vec<_>>().concat()
}

/// Splits an input into its files: names and contents.
fn parts(bytes: &[u8]) -> Vec<(&str, Vec<u8>)> {
    let mut parts: Vec<(&str, Vec<u8>)> = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let name = line.strip_prefix(b"== ").and_then(|name| str::from_utf8(name).ok());
        match (name, parts.last_mut()) {
            (Some(name), _) => parts.push((name.trim_end(), Vec::new())),
            (None, Some((_, content))) => content.extend_from_slice(line),
            (None, None) => {}
        }
    }
    parts
}

fn run(scratch: &Scratch, bytes: &[u8]) {
    let mut options =
        Options { max_pixels: Some(1 << 18), exif: None, ..Options::default() };
    for (name, content) in parts(bytes) {
        match name {
            "metadata" => options.metadata = metadata(&content),
            "config" => options.config = Some(scratch.write("config", &content)),
            "classes" | "palette" => drop(scratch.write(name, &content)),
            "flags" => flags(&mut options, scratch, &String::from_utf8_lossy(&content)),
            _ if BESIDE.contains(&name) => drop(scratch.write(name, &content)),
            _ => {}
        }
    }
    let model = scratch.path().join(MODEL);
    for input in inputs() {
        match Preprocessing::resolve(&model, &input, &options) {
            Ok(preprocessing) => use_it(&preprocessing, &input),
            Err(error) => check(&error),
        }
    }
}

fn metadata(content: &[u8]) -> Vec<(String, String)> {
    let Ok(serde_json::Value::Object(table)) = serde_json::from_slice(content) else {
        return Vec::new();
    };
    let text = |(key, value): (String, serde_json::Value)| {
        Some((key, value.as_str()?.to_owned()))
    };
    table.into_iter().filter_map(text).collect()
}

/// Reads options with their values as the command line does; invalid ones are left out.
fn flags(options: &mut Options, scratch: &Scratch, text: &str) {
    fn value<T: FromStr>(text: &str) -> Option<T> {
        text.parse().ok()
    }
    let numbers =
        |text: &str| text.split(',').map(|number| number.parse().ok()).collect();
    for line in text.lines() {
        let (flag, text) = line.split_once(' ').unwrap_or((line, ""));
        match flag {
            "preset" => options.preset = value(text),
            "resize" => options.resize = value(text),
            "crop" => options.crop = value(text),
            "interpolation" => options.interpolation = value(text),
            "antialias" => options.antialias = Some(text == "yes"),
            "pad-to-multiple" => options.pad_to_multiple = value(text),
            "mean" => options.mean = numbers(text),
            "std" => options.std = numbers(text),
            "channels" => options.channels = value(text),
            "task" => options.task = value(text),
            "classes" => {
                options.classes = read_class_names(&scratch.path().join(flag)).ok();
            }
            "palette" if text.is_empty() => {
                let path = scratch.path().join(flag);
                options.palette = path.to_str().and_then(|path| read_palette(path).ok());
            }
            // File names without folders: files are in the scratch folder and nowhere else.
            "palette" if !text.contains(['/', '.']) => {
                options.palette = read_palette(text).ok();
            }
            _ => {}
        }
    }
}

/// Returns image inputs of models.
fn inputs() -> [ModelInput; 4] {
    let input =
        |layout, channels, height, width| ModelInput { layout, channels, height, width };
    [
        input(Layout::Nchw, 3, None, None),
        input(Layout::Nchw, 3, Some(32), Some(64)),
        input(Layout::Nhwc, 1, None, Some(28)),
        input(Layout::Nchw, 4, None, None),
    ]
}

fn use_it(preprocessing: &Preprocessing, input: &ModelInput) {
    for setting in preprocessing.settings() {
        assert!(!setting.value.is_empty() && !setting.origin.is_empty(), "{setting:?}");
    }
    for n in [1, 2, 300] {
        let _ = preprocessing.check_palette(n);
    }
    let bands =
        if preprocessing.read_options().channels == Channels::Rgba { 4 } else { 3 };
    let bytes =
        |n: usize| Values::U8((0..n).map(|i| (i * 37 % 256) as u8).collect::<Vec<_>>());
    let floats = |n: usize| Values::F32((0..n).map(|i| (i % 11) as f32 / 10.0).collect());
    for (width, height, values) in [
        (13, 7, bytes(13 * 7 * bands)),
        (1, 1, bytes(bands)),
        (5, 11, floats(5 * 11 * bands)),
        (300, 1, bytes(300 * bands)),
    ] {
        let picture = Picture { width, height, bands, values };
        match preprocessing.apply(&picture) {
            Ok(image) => prepared(&image, input),
            Err(error) => check(&error),
        }
    }
}

/// Checks the input of a network.
fn prepared(image: &NetworkInput, input: &ModelInput) {
    let NetworkInput { values, height, width, geometry } = image;
    assert_eq!(values.len(), height * width * input.channels);
    assert!(input.height.is_none_or(|fixed| fixed == *height));
    assert!(input.width.is_none_or(|fixed| fixed == *width));
    let (rows, columns) = geometry.valid();
    assert!(rows.start < rows.end && rows.end <= *height, "{rows:?} of {height}");
    assert!(columns.start < columns.end && columns.end <= *width, "{columns:?}");
    assert!(values.iter().all(|value| value.is_finite()), "a value is not finite");
}

fn check(error: &mcdrop::Error) {
    let text = error.to_string();
    assert!(!text.is_empty() && !text.contains('\n'), "{text}");
}

/// Checks that the files of an input are found; otherwise nothing would be tested.
#[test]
fn an_input_is_split_into_its_files() {
    let input = joined(&[("config", b"a\nb".to_vec()), ("flags", b"c".to_vec())]);
    let found = parts(&input);
    assert_eq!(found, [("config", b"a\nb\n".to_vec()), ("flags", b"c\n".to_vec())]);
    let resolved = |bytes: &[u8]| {
        let scratch = Scratch::new();
        for (name, content) in parts(bytes) {
            scratch.write(name, &content);
        }
        let model = scratch.path().join(Path::new(MODEL));
        Preprocessing::resolve(&model, &inputs()[0], &Options::default()).is_ok()
    };
    let n = all().iter().filter(|seed| resolved(seed)).count();
    assert!(n > 80, "{n} seeds resolve");
}
