//! Times the program on one image and measures its peak memory: a digit of 8 x 8 pixels, and a
//! photo of 12 megapixels with a generated model. `make bench`.

#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "memory is read from /proc")
)]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for developers")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Number of runs per case; the median counts.
const RUNS: usize = 5;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let digit = root.join("fixtures/digits/7/0001.png");
    report(
        "digit of 8 x 8 pixels",
        &root.join("models/digits.onnx"),
        &digit,
        folder.path(),
    );

    let model = folder.path().join("model.onnx");
    fs::write(&model, network()).unwrap();
    let photo = folder.path().join("photo.png");
    image::RgbImage::from_fn(4000, 3000, |x, y| {
        image::Rgb([(x / 16) as u8, (y / 12) as u8, ((x + y) / 28) as u8])
    })
    .save(&photo)
    .unwrap();
    report("photo of 4000 x 3000 pixels", &model, &photo, folder.path());
}

/// Prints the medians of several runs.
fn report(name: &str, model: &Path, image: &Path, folder: &Path) {
    let mut runs: Vec<(Duration, u64)> =
        (0..RUNS).map(|_| run(model, image, &folder.join("out"))).collect();
    runs.sort_unstable();
    let seconds = runs[RUNS / 2].0.as_secs_f64();
    runs.sort_unstable_by_key(|run| run.1);
    let mebibytes = runs[RUNS / 2].1 >> 10;
    println!(
        "{name}: {seconds:.3} s, peak memory {mebibytes} MiB (medians of {RUNS} runs)"
    );
}

/// Returns the time of one run and its peak memory in KiB.
fn run(model: &Path, image: &Path, out: &Path) -> (Duration, u64) {
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_mcdrop"))
        .arg("predict")
        .args([model, image])
        .args(["--preset", "unit", "--maps", "predictive_entropy", "--overwrite", "-o"])
        .arg(out)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(1));
    };
    assert!(ended.success(), "{}: {ended}", model.display());
    (start.elapsed(), peak)
}

/// Returns a segmentation network of three classes: convolution, `ReLU`, live dropout, convolution.
fn network() -> Vec<u8> {
    let nodes = [
        node("Conv", &["x", "w1"], "a", Some([1; 4])),
        node("Relu", &["a"], "b", None),
        node("Dropout", &["b", "ratio", "training"], "d", None),
        node("Conv", &["d", "w2"], "y", Some([1; 4])),
    ];
    let weights = |n: usize| -> Vec<u8> {
        (0..n)
            .flat_map(|i| ((i * 7919 % 101) as f32 / 101.0 - 0.5).to_le_bytes())
            .collect()
    };
    let initializers = [
        tensor("w1", &[8, 3, 3, 3], 1, &weights(8 * 3 * 9)),
        tensor("w2", &[3, 8, 3, 3], 1, &weights(3 * 8 * 9)),
        tensor("ratio", &[], 1, &0.3_f32.to_le_bytes()),
        tensor("training", &[], 9, &[1]),
    ];
    let mut graph = Vec::new();
    for node in &nodes {
        field(&mut graph, 1, node);
    }
    field(&mut graph, 2, b"graph");
    for tensor in &initializers {
        field(&mut graph, 5, tensor);
    }
    field(&mut graph, 11, &value("x", 3));
    field(&mut graph, 12, &value("y", 3));
    let mut opset = Vec::new();
    number(&mut opset, 2, 17);
    let mut model = Vec::new();
    number(&mut model, 1, 8);
    field(&mut model, 7, &graph);
    field(&mut model, 8, &opset);
    model
}

fn node(
    operator: &str,
    inputs: &[&str],
    output: &str,
    pads: Option<[u64; 4]>,
) -> Vec<u8> {
    let mut node = Vec::new();
    for input in inputs {
        field(&mut node, 1, input.as_bytes());
    }
    field(&mut node, 2, output.as_bytes());
    field(&mut node, 3, output.as_bytes());
    field(&mut node, 4, operator.as_bytes());
    if let Some(pads) = pads {
        let mut attribute = Vec::new();
        field(&mut attribute, 1, b"pads");
        for pad in &pads {
            number(&mut attribute, 8, *pad);
        }
        number(&mut attribute, 20, 7);
        field(&mut node, 5, &attribute);
    }
    node
}

fn tensor(name: &str, dimensions: &[u64], element_type: u64, bytes: &[u8]) -> Vec<u8> {
    let mut tensor = Vec::new();
    for dimension in dimensions {
        number(&mut tensor, 1, *dimension);
    }
    number(&mut tensor, 2, element_type);
    field(&mut tensor, 8, name.as_bytes());
    field(&mut tensor, 9, bytes);
    tensor
}

/// Describes an input or output of type f32 and shape `[n, channels, h, w]`.
fn value(name: &str, channels: u64) -> Vec<u8> {
    let mut shape = Vec::new();
    for axis in ["n", "", "h", "w"] {
        let mut dimension = Vec::new();
        if axis.is_empty() {
            number(&mut dimension, 1, channels);
        } else {
            field(&mut dimension, 2, axis.as_bytes());
        }
        field(&mut shape, 1, &dimension);
    }
    let mut tensor_type = Vec::new();
    number(&mut tensor_type, 1, 1);
    field(&mut tensor_type, 2, &shape);
    let mut kind = Vec::new();
    field(&mut kind, 1, &tensor_type);
    let mut value = Vec::new();
    field(&mut value, 1, name.as_bytes());
    field(&mut value, 2, &kind);
    value
}

/// Appends a bytes field in the format of protocol buffers.
fn field(message: &mut Vec<u8>, id: u64, bytes: &[u8]) {
    varint(message, (id << 3) | 2);
    varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

/// Appends an integer field.
fn number(message: &mut Vec<u8>, id: u64, value: u64) {
    varint(message, id << 3);
    varint(message, value);
}

fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}
