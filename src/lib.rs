//! Where is a vision model unsure? Monte-Carlo dropout for ONNX models.
//!
//! mcdrop takes an ONNX file exported from PyTorch, keeps its dropout alive at inference, runs
//! it many times over images through ONNX Runtime and reduces the samples to measures of
//! uncertainty: class maps, heat maps and a table. The program `mcdrop` is a thin layer over
//! this library.
//!
//! # Example
//! ```
//! use mcdrop::{Sampler, measure};
//!
//! # fn main() -> mcdrop::Result<()> {
//! let mut sampler = Sampler::builder("models/digits.onnx").samples(62).seed(7).build()?;
//! let prediction = sampler.predict("fixtures/digits/7/0001.png")?;
//!
//! assert_eq!(prediction.classes()[[0, 0]], 7);
//! let total = prediction.map(&measure::PREDICTIVE_ENTROPY)?[[0, 0]]; // nats
//! let between_samples = prediction.map(&measure::MUTUAL_INFORMATION)?[[0, 0]];
//! assert!(between_samples <= total && total < 10_f32.ln());
//! # Ok(())
//! # }
//! ```
//! The folder `examples` has programs for one image, a folder, an array in memory, and statistics
//! of single passes.
//!
//! # Words
//! A **site** is a place where randomness enters (a dropout), known by the tensor it writes. A
//! **sample** is one stochastic pass; there are T. The **prefix** is everything no site can
//! reach, the **suffix** everything downstream of one; a **row** is one (image, sample) pair in
//! a run of the suffix. A **measure** turns sums over samples into a number a pixel or image.
//! Entropies are in nats; variances divide by T.
//!
//! # How data flows
//! ```text
//! model.onnx -> onnx -> graph (sites, cut) -> runtime (prefix and suffix, dropout operator)
//! images     -> input (decode, resize, normalize) -> prefix once -> suffix T times
//!                                                 -> sums -> measure -> output -> report
//! ```
//!
//! # Code map
//! A module names only modules below it in this table, which a test checks.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cli`] | flags, messages, exit codes; the only one that prints |
//! | [`calibrate`], [`tune`], [`report`] | thresholds, temperature and sets of classes, found on labeled predictions; where dropout is put in; the page a person looks at |
//! | [`evaluate`] | a folder of predictions, or a run, against labels |
//! | [`pipeline`], [`convert`] | a folder: reading ahead, sampling, writing behind, in order; a model that draws its masks itself |
//! | [`ImageSampler`](Sampler), [`policy`] | the entrance for single images; what is decided about an image |
//! | [`sampling`], [`output`], [`cost`], [`metric`] | the loop over samples; files and pictures; multiply-adds; predictions against labels |
//! | [`runtime`], [`graph`] | ONNX Runtime; sites and the cut |
//! | [`input`], [`prediction`], [`record`] | images; the prediction of an image as arrays; what is recorded of a run and of each image |
//! | [`task`] | what a model's outputs mean, and what is computed from them |
//! | [`head`], [`measure`] | the output tensors that are read; what is measured |
//! | [`onnx`], [`sums`], [`pass`] | model files; sums over passes; passes and their order |
//! | [`random`] | which units a sample drops |
//! | [`simd`], [`npy`], [`tensor`], [`palette`], [`error`] | instruction sets; arrays of `NumPy`; planes; colors of classes; errors |
//!
//! # What holds everywhere
//! - A mask is a pure function of seed, site, image, sample and unit ([`random`]). Results do
//!   not depend on threads, batch, order or the other images of a run; ONNX Runtime's own
//!   arithmetic may differ in the last bits between processors, which `run.json` records, and in
//!   a few operators between one row and several (the mean over a transformer's tokens).
//! - Nothing random is silently dead. A site that was found must run; an output that no live
//!   dropout reaches, and a model that has none, are errors with a way out.
//! - Memory does not grow with the number of samples.
//! - What is not supported is an error that names the node or file, never a wrong map.
//! - Only [`runtime`] names `ort`; the library does not print and has no state of its own beside
//!   the one that ONNX Runtime allows a process.
//!
//! # References
//! - Y. Gal, Z. Ghahramani (2016), *Dropout as a Bayesian Approximation*, ICML.
//! - A. Kendall, Y. Gal (2017), *What Uncertainties Do We Need in Bayesian Deep Learning for
//!   Computer Vision?*, NIPS; arXiv 1703.04977.

// The crate's interface is what its root re-exports, with `input`, `measure`, `sampling` and `task`. The
// other modules are public for the program, the tests and the benches, and may change at any time.
#[cfg_attr(docsrs, doc(hidden))]
pub mod calibrate;
#[cfg(feature = "cli")]
#[cfg_attr(docsrs, doc(hidden))]
pub mod cli;
#[cfg_attr(docsrs, doc(hidden))]
pub mod convert;
#[cfg_attr(docsrs, doc(hidden))]
pub mod cost;
pub mod error;
#[cfg_attr(docsrs, doc(hidden))]
pub mod evaluate;
#[cfg_attr(docsrs, doc(hidden))]
pub mod graph;
pub mod guide;
#[cfg_attr(docsrs, doc(hidden))]
pub mod head;
mod image_sampler;
pub mod input;
pub mod measure;
#[cfg_attr(docsrs, doc(hidden))]
pub mod metric;
#[cfg_attr(docsrs, doc(hidden))]
pub mod npy;
#[cfg_attr(docsrs, doc(hidden))]
pub mod onnx;
mod operator;
#[cfg_attr(docsrs, doc(hidden))]
pub mod output;
#[cfg_attr(docsrs, doc(hidden))]
pub mod palette;
#[cfg_attr(docsrs, doc(hidden))]
pub mod pass;
#[cfg_attr(docsrs, doc(hidden))]
pub mod pipeline;
#[cfg_attr(docsrs, doc(hidden))]
pub mod policy;
pub mod prediction;
mod python_literal;
#[cfg_attr(docsrs, doc(hidden))]
pub mod random;
#[cfg_attr(docsrs, doc(hidden))]
pub mod record;
#[cfg(feature = "report")]
#[cfg_attr(docsrs, doc(hidden))]
pub mod report;
#[cfg_attr(docsrs, doc(hidden))]
pub mod runtime;
pub mod sampling;
#[cfg_attr(docsrs, doc(hidden))]
pub mod simd;
#[cfg_attr(docsrs, doc(hidden))]
pub mod sums;
pub mod task;
#[cfg_attr(docsrs, doc(hidden))]
pub mod tensor;
#[cfg_attr(docsrs, doc(hidden))]
pub mod tune;

pub use error::{Error, Result};
pub use graph::SiteOptions;
pub use head::ScoresOption;
pub use image_sampler::{ImageSampler as Sampler, ImageSource, SamplerBuilder};
pub use input::preprocessing::Options as PreprocessingOptions;
pub use measure::Measure;
pub use pass::Pass;
pub use prediction::Prediction;
pub use sampling::SamplingOptions;
