//! Measures memory and speed of `mcdrop evaluate` on large folders of predictions.
#![cfg(target_os = "linux")]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use mcdrop::measure::MEASURES;
use mcdrop::npy;

use crate::memory::peak_of;

const MIB: f64 = 1024.0 * 1024.0;

/// A folder of predictions and a folder of labels, whose files are links to a few images.
struct Links {
    folder: tempfile::TempDir,
    different: usize,
    classes: usize,
    height: usize,
    width: usize,
}

impl Links {
    fn new(different: usize, classes: usize, (height, width): (usize, usize)) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let links = Self { folder, different, classes, height, width };
        (0..different).for_each(|image| links.generate(image));
        links
    }

    fn n(&self) -> usize {
        self.height * self.width
    }

    fn path(&self, kind: &str, name: &str) -> PathBuf {
        let folder = if kind == "labels" { "labels" } else { "out" };
        let kind = if kind == "labels" { "" } else { kind };
        self.folder.path().join(folder).join(kind).join(name)
    }

    fn write(&self, kind: &str, image: usize, bytes: &[u8]) {
        let path = self.path(kind, &format!("source-{image}"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Writes one image: bands of classes, less certain at their borders.
    fn generate(&self, image: usize) {
        let (n, shape) = (self.n(), [self.height, self.width]);
        let class =
            |i: usize| (i / self.width / 40 + i % self.width / 90 + image) % self.classes;
        let top = |i: usize| 0.5 + 0.49 * ((i * (image + 3)) % 101) as f32 / 100.0;
        let rest = |i: usize| (1.0 - top(i)) / (self.classes - 1) as f32;
        let mut p = vec![0.0; n * self.classes];
        for i in 0..n {
            (0..self.classes).for_each(|c| p[c * n + i] = rest(i));
            p[class(i) * n + i] = top(i);
        }
        let whole = [self.classes, self.height, self.width];
        self.write("probabilities", image, &npy::encode_f16(&whole, &p).unwrap());
        let classes = (0..n).map(|i| class(i) as f32);
        let both: Vec<f32> = classes.chain((0..n).map(top)).collect();
        let both_shape = [2, self.height, self.width];
        self.write("deterministic", image, &npy::encode_f32(&both_shape, &both).unwrap());
        for (k, measure) in MEASURES.iter().enumerate() {
            let values: Vec<f32> =
                (0..n).map(|i| (1.0 - top(i)) * 0.5 / (k + 1) as f32).collect();
            self.write(measure.name, image, &npy::encode_f32(&shape, &values).unwrap());
        }
        let label = |i: usize| if i.is_multiple_of(17) { 0 } else { class(i) as u8 };
        let labels: Vec<u8> = (0..n).map(label).collect();
        let mut bytes = Vec::new();
        let (width, height) = (self.width as u32, self.height as u32);
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.write_header().unwrap().write_image_data(&labels).unwrap();
        self.write("labels", image, &bytes);
    }

    /// Links the given number of images; returns their size in bytes.
    fn link(&self, images: usize) -> u64 {
        let out = self.folder.path().join("out");
        let names: Vec<&str> = MEASURES.iter().map(|measure| measure.name).collect();
        let record = serde_json::json!({
            "output": {
                "task": "segmentation", "n_classes": self.classes, "measures": names,
                "keep_probabilities": "f16",
            },
        });
        fs::write(out.join("run.json"), record.to_string()).unwrap();
        let mut table = "path,error\n".to_owned();
        let kinds =
            names.iter().copied().chain(["probabilities", "deterministic", "labels"]);
        let kinds: Vec<&str> = kinds.collect();
        let mut bytes = 0;
        for image in 0..images {
            writeln!(table, "{image:05}.png,").unwrap();
            for kind in &kinds {
                let ending = if *kind == "labels" { "png" } else { "png.npy" };
                let source =
                    self.path(kind, &format!("source-{}", image % self.different));
                let link = self.path(kind, &format!("{image:05}.{ending}"));
                bytes += fs::metadata(&source).unwrap().len();
                if !link.exists() {
                    fs::hard_link(source, link).unwrap();
                }
            }
        }
        fs::write(out.join("predictions.csv"), table).unwrap();
        bytes
    }

    /// Evaluates the folder; returns the time in seconds and the peak memory in KiB.
    fn evaluate(&self) -> (f64, u64) {
        let started = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
        command.arg("evaluate").arg(self.folder.path().join("out"));
        let peak =
            peak_of(command.arg("--labels").arg(self.folder.path().join("labels")));
        (started.elapsed().as_secs_f64(), peak)
    }
}

/// Returns the speed in bytes per second of reading a file from the page cache piece by piece, as
/// from the fastest disk.
fn reading_speed(file: &Path) -> f64 {
    let mut piece = vec![0; 1 << 20];
    let started = Instant::now();
    let mut file = File::open(file).unwrap();
    let mut bytes = 0;
    loop {
        match file.read(&mut piece).unwrap() {
            0 => break,
            n => bytes += n,
        }
    }
    bytes as f64 / started.elapsed().as_secs_f64()
}

#[test]
#[ignore = "takes minutes and a gigabyte of disk"]
fn two_hundred_large_images_are_evaluated_in_the_memory_of_a_few() {
    let links = Links::new(3, 19, (1024, 2048));
    let mut peaks = Vec::new();
    for images in [20, 200] {
        let bytes = links.link(images) as f64;
        let (seconds, peak) = links.evaluate();
        let rate = bytes / seconds / MIB;
        println!(
            "{images} images of 1024 x 2048, 19 classes: {seconds:.1} s, {:.2} images/s, {rate:.0} \
             MiB/s, peak {} MiB",
            images as f64 / seconds,
            peak / 1024
        );
        peaks.push(peak);
    }
    let speed = reading_speed(&links.path("probabilities", "source-0")) / MIB;
    println!("reading the same files from memory: {speed:.0} MiB/s");
    assert!(peaks[1] < 1 << 20, "{peaks:?}");
    assert!(peaks[1] as f64 <= 1.1 * peaks[0] as f64, "{peaks:?}");
}

#[test]
#[ignore = "takes minutes"]
fn ten_thousand_small_images_take_the_memory_of_a_thousand() {
    let links = Links::new(3, 8, (64, 64));
    let mut peaks = Vec::new();
    for images in [1000, 10_000] {
        links.link(images);
        let (seconds, peak) = links.evaluate();
        println!(
            "{images} images of 64 x 64, 8 classes: {seconds:.1} s, peak {} MiB",
            peak / 1024
        );
        peaks.push(peak);
    }
    assert!(peaks[1] < 1 << 20, "{peaks:?}");
    assert!(peaks[1] as f64 <= 1.2 * peaks[0] as f64, "{peaks:?}");
}
