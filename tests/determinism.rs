//! Results have the same bits for any batch size, number of threads, order, and other images.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use mcdrop::input::{ImageFile, Source, list_images};
use mcdrop::measure::MEASURES;
use mcdrop::output::format;
use mcdrop::pipeline::{self, Job, MapScale, MapSize, OutputOptions, Precision, Setup};
use mcdrop::runtime::Runtime;
use mcdrop::sampling::SamplingOptions;

use crate::fixture;

/// Returns every file of a run except run.json, and the rows of the table by path.
fn run(
    name: &str,
    images: &[ImageFile],
    sampling: SamplingOptions,
) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let opened = fixture::open(name);
    let setup = Setup { plan: opened.plan, preprocessing: opened.preprocessing };
    let output = OutputOptions {
        report: false,
        value_range: None,
        interval: None,
        private: false,
        measures: None,
        maps: Some(MEASURES.iter().collect()),
        prediction: true,
        overlay: true,
        formats: format::FORMATS.iter().filter(|format| format.name != "npy").collect(),
        map_size: MapSize::Image,
        map_scale: MapScale::Fixed,
        keep_probabilities: Some(Precision::F32),
        policy: None,
    };
    let job = Job {
        images: images.to_vec(),
        folder: folder.path().join("out"),
        overwrite: false,
        sampling,
        output,
    };
    let runtime = Runtime::find(None).unwrap();
    let stop = AtomicBool::new(false);
    let summary = pipeline::predict(setup, &runtime, &job, &stop, &mut |_| {}).unwrap();
    assert_eq!((summary.done, summary.failed), (images.len(), 0));
    collect(&job.folder)
}

fn collect(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap) {
        let relative = entry.path().strip_prefix(folder).unwrap().display().to_string();
        if entry.file_type().is_dir() || relative == "run.json" {
            continue;
        }
        let content = fs::read(entry.path()).unwrap();
        if relative == "predictions.csv" {
            let mut rows = csv::Reader::from_reader(&content[..]);
            for row in rows.records().map(Result::unwrap) {
                let fields: Vec<&str> = row.iter().collect();
                files.insert(format!("row {}", &row[0]), fields.join("\n").into_bytes());
            }
        } else {
            files.insert(relative, content);
        }
    }
    files
}

fn assert_same(
    name: &str,
    what: &str,
    a: &BTreeMap<String, Vec<u8>>,
    b: &BTreeMap<String, Vec<u8>>,
) {
    assert!(!a.is_empty());
    for (file, content) in a {
        assert!(b.get(file) == Some(content), "{name}, {what}: {file} differs");
    }
}

#[test]
fn rows_and_maps_do_not_depend_on_batch_threads_order_or_the_other_images() {
    for (name, folder, n, samples) in [
        ("digits", "fixtures/digits", 40, 62),
        ("streets", "fixtures/streets/images", 4, 33),
    ] {
        let all =
            list_images(&[Source::Path(fixture::path(folder))], None).unwrap().images;
        let step = all.len() / n;
        let images: Vec<ImageFile> = all.into_iter().step_by(step).take(n).collect();
        let options = |batch_size, threads| SamplingOptions {
            samples,
            seed: 7,
            batch_size: Some(batch_size),
            threads,
            ..SamplingOptions::default()
        };
        let first = run(name, &images, options(8, 2));
        for (batch_size, threads) in [(1, 2), (3, 1), (8, 1)] {
            let other = run(name, &images, options(batch_size, threads));
            assert_eq!(first.len(), other.len());
            assert_same(
                name,
                &format!("{batch_size} rows, {threads} threads"),
                &first,
                &other,
            );
        }
        let reversed: Vec<ImageFile> = images.iter().rev().cloned().collect();
        assert_same(name, "reversed", &first, &run(name, &reversed, options(8, 2)));
        let half = run(name, &images[n / 2..], options(8, 2));
        assert!(half.len() < first.len());
        assert_same(name, "half the folder", &half, &first);
    }
}
