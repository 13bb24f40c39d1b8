//! A folder of many images, some of them broken in every way.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::fixture;

/// Ways in which a file with an image's name is not an image: the name, and the content made from a
/// valid PNG and a valid JPEG.
type Breakage = (&'static str, fn(&[u8], &[u8]) -> Vec<u8>);

const BREAKAGES: [Breakage; 12] = [
    ("empty", |_, _| Vec::new()),
    ("text", |_, _| b"this is no image\n".to_vec()),
    ("web page", |_, _| b"<!DOCTYPE html><title>404</title>".to_vec()),
    ("zeros", |png, _| vec![0; png.len()]),
    ("half a PNG", |png, _| png[..png.len() / 2].to_vec()),
    ("half a JPEG", |_, jpeg| jpeg[..jpeg.len() / 2].to_vec()),
    ("only a signature", |png, _| png[..8].to_vec()),
    ("a PNG with a wrong byte", |png, _| flipped(png)),
    ("a PNG of 20,000 x 20,000", |png, _| huge(png)),
    ("another format", |_, _| b"GIF89a\x01\x00\x01\x00\x80\x00\x00".to_vec()),
    ("a TIFF that points nowhere", |_, _| b"II*\0\xff\xff\xff\x7f".to_vec()),
    ("a PNM without pixels", |_, _| b"P6 100 100 255\n".to_vec()),
];

fn flipped(png: &[u8]) -> Vec<u8> {
    let mut bytes = png.to_vec();
    let data = bytes.windows(4).position(|name| name == b"IDAT").unwrap() + 6;
    bytes[data] ^= 0x55;
    bytes
}

fn huge(png: &[u8]) -> Vec<u8> {
    let mut bytes = png.to_vec();
    for at in [16, 20] {
        bytes[at..at + 4].copy_from_slice(&20_000_u32.to_be_bytes());
    }
    let checksum = crc32(&bytes[12..29]).to_be_bytes();
    bytes[29..33].copy_from_slice(&checksum);
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}

/// Creates `n` images of digits, one in a hundred broken; returns the names and kinds of the broken
/// ones.
fn many(folder: &Path, n: usize) -> BTreeMap<String, &'static str> {
    let good = fixture::path("fixtures/digits/3/0001.png");
    let png = fs::read(&good).unwrap();
    let mut jpeg = std::io::Cursor::new(Vec::new());
    image::open(&good)
        .unwrap()
        .to_rgb8()
        .write_to(&mut jpeg, image::ImageFormat::Jpeg)
        .unwrap();
    let mut broken = BTreeMap::new();
    for i in 0..n {
        let name = format!("{:02}/{i:06}.png", i % 20);
        let path = folder.join(&name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if i % 100 == 57 {
            let (kind, make) = BREAKAGES[i / 100 % BREAKAGES.len()];
            fs::write(path, make(&png, jpeg.get_ref())).unwrap();
            broken.insert(name, kind);
        } else {
            let digit = format!("fixtures/digits/{}/0001.png", i % 10);
            link(&fixture::path(&digit), &path);
        }
    }
    broken
}

fn link(from: &Path, to: &Path) {
    #[cfg(unix)]
    std::os::unix::fs::symlink(from, to).unwrap();
    #[cfg(not(unix))]
    fs::copy(from, to).map(drop).unwrap();
}

/// An observation of a process: time in seconds, bytes of its table, resident memory in KiB.
type Seen = (f64, u64, u64);

/// Observes a process periodically until it ends.
fn watch(process: u32, table: &Path, every: Duration) -> Vec<Seen> {
    let started = Instant::now();
    let mut seen = Vec::new();
    // A process that has ended keeps its entry without memory until it is waited for.
    while let Ok(status) = fs::read_to_string(format!("/proc/{process}/status")) {
        let Some(line) = status.lines().find(|line| line.starts_with("VmRSS")) else {
            break;
        };
        let memory = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        let bytes = fs::metadata(table).map_or(0, |table| table.len());
        seen.push((started.elapsed().as_secs_f64(), bytes, memory));
        std::thread::sleep(every);
    }
    seen
}

#[cfg(target_os = "linux")]
fn every_broken_one_is_named(n: usize) -> Vec<Seen> {
    let folder = tempfile::tempdir().unwrap();
    let broken = many(&folder.path().join("images"), n);
    let out = folder.path().join("out");
    let mut child = Command::new(env!("CARGO_BIN_EXE_mcdrop"))
        .current_dir(folder.path())
        .arg("predict")
        .arg(fixture::path("models/digits.onnx"))
        .args(["images", "-o", "out"])
        .stderr(Stdio::from(fs::File::create(folder.path().join("log")).unwrap()))
        .spawn()
        .unwrap();
    let seen = watch(child.id(), &out.join("predictions.csv"), Duration::from_millis(30));
    assert_eq!(child.wait().unwrap().code(), Some(3));

    let mut named = BTreeMap::new();
    let mut reader = csv::Reader::from_path(out.join("predictions.csv")).unwrap();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), n);
    assert!(rows.is_sorted_by(|a, b| a[0] < b[0]), "rows are in input order");
    for row in &rows {
        if !row[row.len() - 1].is_empty() {
            named.insert(row[0].to_owned(), row[row.len() - 1].to_owned());
        }
    }
    assert!(named.keys().eq(broken.keys()), "{named:?}");
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    for (name, message) in &named {
        assert!(
            message.contains(name.as_str()) && log.contains(message.as_str()),
            "{message}"
        );
    }
    seen
}

/// Checks that memory and speed in the last third are those of the middle third.
#[cfg(target_os = "linux")]
fn steady(seen: &[Seen], n: usize) {
    let whole = seen.last().unwrap().1;
    let reached = |share: u64| {
        seen.iter().position(|(_, bytes, _)| *bytes >= whole * share / 3).unwrap()
    };
    let (first, second, last) = (reached(1), reached(2), reached(3));
    let rate = |from: usize, to: usize| {
        let share = (seen[to].1 - seen[from].1) as f64 / whole as f64;
        n as f64 * share / (seen[to].0 - seen[from].0)
    };
    let most = |from: usize, to: usize| {
        seen[from..=to].iter().map(|(_, _, kib)| *kib).max().unwrap()
    };
    let (early, late) = (rate(first, second), rate(second, last));
    let (before, after) = (most(0, second), most(second, last));
    println!("{n} images: {early:.0} then {late:.0} images/s; {before} then {after} KiB");
    assert!(after as f64 <= 1.05 * before as f64, "memory grew: {before} to {after} KiB");
    assert!((0.5..2.0).contains(&(late / early)), "{early:.0} then {late:.0} images/s");
}

#[test]
#[cfg(target_os = "linux")]
fn of_10000_images_every_broken_one_is_named() {
    every_broken_one_is_named(10_000);
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "takes minutes and needs an idle machine"]
fn of_100000_images_every_broken_one_is_named_and_memory_and_speed_stay() {
    steady(&every_broken_one_is_named(100_000), 100_000);
}
