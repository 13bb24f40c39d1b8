//! Weights that are never read.
#![cfg(target_os = "linux")]

use crate::onnx::ElementType;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::process::Command;
use std::time::Instant;

use super::*;

/// Products with nine matrices of 256 MiB.
const LAYERS: usize = 9;
const SIDE: usize = 8192;
const LAYER: usize = 4 * SIDE * SIDE;

fn outside(
    name: &str,
    data_type: i32,
    dims: &[usize],
    (offset, length): (usize, usize),
) -> proto::Tensor {
    let entry = |(key, value): (&str, String)| proto::StringEntry {
        key: Some(key.to_owned()),
        value: Some(value),
    };
    let entries = [
        ("location", "model.data".to_owned()),
        ("offset", offset.to_string()),
        ("length", length.to_string()),
    ];
    proto::Tensor {
        name: Some(name.to_owned()),
        data_type: Some(data_type),
        dims: dims.iter().map(|&size| size as i64).collect(),
        data_location: Some(1),
        external_data: entries.map(entry).to_vec(),
        ..proto::Tensor::default()
    }
}

/// A model whose data file has 2.4 GB, of which the disk holds the last 16 bytes: a shape.
fn large(folder: &Path) -> Model {
    let end = LAYERS * LAYER;
    let mut nodes = vec![node("Reshape", &["x", "flat"], &["x0"])];
    let mut initializer = vec![outside("flat", 7, &[2], (end, 16))];
    for i in 0..LAYERS {
        let (from, weight, to) =
            (format!("x{i}"), format!("w{i}"), format!("x{}", i + 1));
        nodes.push(node("MatMul", &[&from, &weight], &[&to]));
        initializer.push(outside(&weight, 1, &[SIDE, SIDE], (i * LAYER, LAYER)));
    }
    let data = File::create(folder.join("model.data")).unwrap();
    data.set_len(end as u64).unwrap();
    let flat: Vec<u8> = [1, SIDE as i64].into_iter().flat_map(i64::to_le_bytes).collect();
    data.write_all_at(&flat, end as u64).unwrap();
    let image = value("x", ElementType::F32, &[None, None, None, None]);
    let output = format!("x{LAYERS}");
    saved(folder, shell(17), graph(nodes, initializer, vec![image], &[&output]))
}

/// Peak resident memory of this process, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().split(' ').next().unwrap().parse().unwrap()
}

/// What [`gigabytes_of_weights_take_no_memory`] looks at, in a process of its own.
#[test]
#[ignore = "part of another test, which runs it alone in a process"]
fn costs_of_gigabytes() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = runtime();
    // What the first session of a process takes is not the model's matter.
    let digits = Model::open(&file("models/digits.onnx")).unwrap();
    costs(&digits, &runtime, &[1, 1, 8, 8]).unwrap();
    let (before, start) = (peak(), Instant::now());
    let model = large(folder.path());
    let costs = costs(&model, &runtime, &[1, 2, 64, 64]).unwrap();
    let (taken, time) = (peak() - before, start.elapsed());
    assert_eq!(costs.total(), (LAYERS * SIDE * SIDE) as u64);
    assert!(costs.unknown.is_empty(), "{:?}", costs.unknown);
    // Not the macro, whose words a test keeps to itself.
    writeln!(std::io::stdout(), "{taken} KiB, {time:?}").unwrap();
    assert!(taken < 8 << 10, "{taken} KiB");
}

#[test]
fn gigabytes_of_weights_take_no_memory() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "cost::tests::weights::costs_of_gigabytes"])
        .args(["--ignored", "--nocapture"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{failed}");
}
