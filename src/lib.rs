//! Where is your vision model unsure? Monte-Carlo dropout for ONNX models.
//!
//! mcdrop takes an ONNX file exported from PyTorch and keeps its dropout active at inference. It
//! runs every image many times through ONNX Runtime, each time with other units dropped, and
//! reduces these samples to measures of uncertainty. The program `mcdrop` is a thin layer over this
//! library.
//!
//! # Example
//! ```
//! use mcdrop::{Sampler, measure};
//!
//! # fn main() -> mcdrop::Result<()> {
//! let mut sampler = Sampler::builder("models/digits.onnx").samples(62).seed(7).build()?;
//! let prediction = sampler.predict("fixtures/digits/7/0001.png")?;
//!
//! assert_eq!(prediction.classes()?[[0, 0]], 7);
//! let total = prediction.map(&measure::PREDICTIVE_ENTROPY)?[[0, 0]]; // nats
//! let between_samples = prediction.map(&measure::MUTUAL_INFORMATION)?[[0, 0]];
//! assert!(between_samples <= total && total < 10_f32.ln());
//! # Ok(())
//! # }
//! ```
//! ONNX Runtime's library is loaded at run time. Set the environment variable `ORT_DYLIB_PATH` to
//! its path, or use [`SamplerBuilder::onnx_runtime`]; otherwise the usual places are searched. The
//! folder `examples` has programs for one image, a folder, an array in memory, values and labels, and
//! statistics of single passes.
//!
//! # Where to start
//! - [`Sampler`] predicts single images; [`Prediction`] contains the results as arrays.
//! - [`measure`] lists the measures, [`task`] the tasks.
//! - [`PreprocessingOptions`], [`SiteOptions`] and [`SamplingOptions`] are the settings.
//! - [`guide`] has the pages for users: exporting a model, preprocessing, what the numbers mean.
//! - [`guide::architecture`] explains how the code is organized, and its words: site, unit, prefix,
//!   suffix, head, pass.
//!
//! The interface of the crate consists of its root and of the modules [`error`], [`input`],
//! [`measure`], [`prediction`], [`sampling`] and [`task`]. Other modules are public for the program,
//! tests and benches only, and may change at any time.
//!
//! # References
//! - Y. Gal, Z. Ghahramani (2016), *Dropout as a Bayesian Approximation*, ICML.
//! - A. Kendall, Y. Gal (2017), *What Uncertainties Do We Need in Bayesian Deep Learning for
//!   Computer Vision?*, NIPS; arXiv 1703.04977.

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
#[cfg(feature = "report")]
#[cfg_attr(docsrs, doc(hidden))]
pub mod figure;
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
pub use head::{HeadChoice, ScoresOption};
pub use image_sampler::{ImageSampler as Sampler, ImageSource, SamplerBuilder};
pub use input::preprocessing::Options as PreprocessingOptions;
pub use measure::Measure;
pub use pass::Pass;
pub use prediction::Prediction;
pub use sampling::SamplingOptions;
