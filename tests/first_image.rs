//! The image that the model is opened for, and its single decoding.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use mcdrop::input::{Source, list_images};
use mcdrop::measure::PREDICTIVE_ENTROPY;
use mcdrop::pipeline::{
    self, Event, Job, MapScale, MapSize, OutputOptions, Setup, Summary,
};
use mcdrop::runtime::Runtime;
use mcdrop::sampling::SamplingOptions;

use crate::fixture;

/// Predicts the images of a folder with the model of the digits; `on_started` is called after the
/// model was opened and before any other image is read.
fn predict(images: &Path, out: &Path, on_started: &(dyn Fn() + Sync)) -> Summary {
    let opened = fixture::open("digits");
    let setup = Setup { plan: opened.plan, preprocessing: opened.preprocessing };
    let images = list_images(&[Source::Path(images.to_owned())], None).unwrap().images;
    let output = OutputOptions {
        measures: Some(vec![&PREDICTIVE_ENTROPY]),
        maps: Some(Vec::new()),
        prediction: false,
        overlay: false,
        formats: Vec::new(),
        map_size: MapSize::Image,
        map_scale: MapScale::Fixed,
        keep_probabilities: None,
        policy: None,
        report: false,
        value_range: None,
        interval: None,
        private: false,
    };
    let sampling = SamplingOptions { threads: 2, ..SamplingOptions::default() };
    let folder = out.to_owned();
    let job = Job { images, folder, overwrite: false, sampling, output };
    let runtime = Runtime::find(None).unwrap();
    let stop = AtomicBool::new(false);
    let on_event = &mut |event: Event<'_>| {
        if let Event::Started { .. } = event {
            on_started();
        }
    };
    pipeline::predict(setup, &runtime, &job, &stop, on_event).unwrap()
}

/// Lines of the table of images.
fn rows(out: &Path) -> Vec<String> {
    let text = fs::read_to_string(out.join("predictions.csv")).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Copies digits into `images` as `0.png`, `1.png`, ...
fn copy_digits(images: &Path, digits: &[u32]) {
    fs::create_dir_all(images).unwrap();
    for (i, digit) in digits.iter().enumerate() {
        let digit = fixture::path(&format!("fixtures/digits/{digit}/0001.png"));
        fs::copy(digit, images.join(format!("{i}.png"))).unwrap();
    }
}

/// The file is deleted once the model is open: a second decoding would fail.
#[test]
fn the_image_that_opens_the_model_is_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    copy_digits(&images, &[7, 3, 5, 1]);
    // The first image cannot be decoded, so the second opens the model.
    fs::write(images.join("0.png"), "not an image").unwrap();
    let expected = folder.path().join("expected");
    let summary = predict(&images, &expected, &|| {});
    assert_eq!((summary.done, summary.failed), (3, 1));

    let out = folder.path().join("out");
    let summary = predict(&images, &out, &|| {
        fs::remove_file(images.join("1.png")).unwrap();
    });
    assert_eq!((summary.done, summary.failed), (3, 1));
    assert_eq!(rows(&out), rows(&expected));
}

/// Images that an earlier run finished open the model, but are not predicted again; the next
/// image must not get their pixels.
#[test]
fn a_finished_image_that_opens_the_model_is_not_predicted_again() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    copy_digits(&images, &[7, 3, 5, 1]);
    let expected = folder.path().join("expected");
    predict(&images, &expected, &|| {});

    let out = folder.path().join("out");
    let (later, early) = (folder.path().join("later.png"), images.join("2.png"));
    fs::rename(&early, &later).unwrap();
    fs::write(&early, "not an image").unwrap();
    let summary = predict(&images, &out, &|| {});
    assert_eq!((summary.done, summary.failed), (3, 1));
    fs::rename(&later, &early).unwrap();
    let summary = predict(&images, &out, &|| {});
    assert_eq!((summary.done, summary.kept, summary.failed), (4, 3, 0));
    assert_eq!(rows(&out), rows(&expected));
}
