//! Opens the committed models and images.

use std::path::{Path, PathBuf};

use mcdrop::graph::{Plan, ScoresOption};
use mcdrop::input::{NetworkInput, Preprocessing, read_image};
use mcdrop::onnx::Model;
use mcdrop::random::digest_key;
use mcdrop::runtime::Runtime;
use mcdrop::sampling::{Sampler, SamplingOptions, model_input};

/// Returns the path of a file of the repository.
pub(crate) fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// A model with its preprocessing.
pub(crate) struct Opened {
    pub(crate) plan: Plan,
    pub(crate) preprocessing: Preprocessing,
}

/// Opens `models/NAME.onnx`.
pub(crate) fn open(name: &str) -> Opened {
    let file = path(&format!("models/{name}.onnx"));
    let plan = Plan::new(Model::open(&file).unwrap(), None, ScoresOption::Auto).unwrap();
    let input = model_input(&plan).unwrap();
    let preprocessing = Preprocessing::resolve(
        &file,
        &input,
        &mcdrop::input::preprocessing::Options::default(),
    )
    .unwrap();
    Opened { plan, preprocessing }
}

/// Returns an image as the network's input, and its key.
pub(crate) fn image(opened: &Opened, relative: &str) -> (NetworkInput, u64) {
    let decoded =
        read_image(&path(relative), opened.preprocessing.read_options()).unwrap();
    (opened.preprocessing.apply(&decoded.picture).unwrap(), digest_key(&decoded.sha256))
}

/// Opens a sampler for images of the size of this one.
pub(crate) fn sampler(
    name: &str,
    options: SamplingOptions,
    size: (usize, usize),
) -> Sampler {
    Sampler::open(open(name).plan, &Runtime::find(None).unwrap(), options, size).unwrap()
}
