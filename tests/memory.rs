//! Memory does not grow with the number of samples.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::fixture;

/// Returns the peak resident memory in KiB of a run of the program.
fn peak(samples: u32) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    fs::create_dir(&images).unwrap();
    for name in ["street_00.png", "street_01.png"] {
        let from = fixture::path("fixtures/streets/images").join(name);
        fs::copy(from, images.join(name)).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
    command
        .arg("predict")
        .arg(fixture::path("models/streets.onnx"))
        .arg(&images)
        .args(["--samples", &samples.to_string(), "-o"])
        .arg(folder.path().join("out"));
    peak_of(&mut command)
}

/// Returns the peak resident memory in KiB of a command that succeeds.
pub(crate) fn peak_of(command: &mut Command) -> u64 {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib =
            line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(child.wait().unwrap().success());
    peak
}

/// Runs of a network on a large image: the network is opened with small ones.
#[test]
fn a_large_image_takes_the_memory_of_one_pass() {
    let folder = tempfile::tempdir().unwrap();
    let peak_at = |width: u32, height: u32| {
        let image = folder.path().join(format!("{width}.png"));
        image::RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([(x / 9) as u8, (y / 7) as u8, ((x + y) / 5) as u8])
        })
        .save(&image)
        .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
        command
            .arg("predict")
            .arg(fixture::path("fixtures/heads/logits.onnx"))
            .arg(&image)
            .args([
                "--preset",
                "unit",
                "--samples",
                "1",
                "--maps",
                "none",
                "--overwrite",
                "-o",
            ])
            .arg(folder.path().join("out"));
        peak_of(&mut command)
    };
    let (small, large) = (peak_at(64, 48), peak_at(1600, 1250));
    // Eight channels before dropout, behind it and behind a layer, and three classes, of 4 bytes.
    let per_pixel = (large - small) as f64 * 1024.0 / (1600.0 * 1250.0);
    println!("peak memory: {small} KiB for a small image; {per_pixel} bytes a pixel");
    assert!(per_pixel < 450.0, "{per_pixel} bytes a pixel");
}

#[test]
fn ten_times_the_samples_take_the_same_memory() {
    let (few, many) = (peak(31), peak(310));
    println!("peak memory: {few} KiB with 31 samples, {many} KiB with 310");
    assert!(few > 10_000);
    assert!(
        many as f64 <= 1.05 * few as f64,
        "{few} KiB with 31 samples, {many} with 310"
    );
}
