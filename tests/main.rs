//! One binary for all integration tests, because linking takes most of the time. Tests of the
//! program need the feature `cli`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "tests may fail loudly, show their figures and list their cases"
)]

/// A real browser that opens pages from disk.
#[cfg(feature = "cli")]
mod browser;
/// The committed models and images, opened.
mod fixture;
/// Tests that cannot run on this machine.
mod skip;

/// Layers, forbidden crates, sizes of files.
mod architecture;
/// Published architectures: verdicts, places and costs.
#[cfg(feature = "cli")]
mod architectures;
/// Policies: computed, applied and refused.
#[cfg(feature = "cli")]
mod calibrate;
/// Policies about values: computed, applied and refused.
#[cfg(feature = "cli")]
mod calibrate_values;
/// Promises of calibration on many splits.
mod calibration_splits;
/// Colors as seen by color-blind people.
mod color_vision;
/// The command line: files, messages, exit codes.
#[cfg(feature = "cli")]
mod command_line;
/// Models that draw their masks themselves.
#[cfg(feature = "cli")]
mod convert;
/// The same bits for any batch size, number of threads, order, and other images.
mod determinism;
/// Predictions against labels.
#[cfg(feature = "cli")]
mod evaluate;
/// Labels of which any number holds, against tables, masks and arrays; their policies.
#[cfg(feature = "cli")]
mod evaluate_labels;
/// Predicted values against maps and tables of numbers.
#[cfg(feature = "cli")]
mod evaluate_values;
/// Large folders of predictions: memory and speed.
#[cfg(feature = "cli")]
mod evaluation_size;
/// The programs of the folder `examples`.
mod examples;
/// Folders as exporters leave them.
#[cfg(feature = "cli")]
mod exports;
/// Failures: messages, hints, files that remain.
#[cfg(feature = "cli")]
mod faults;
/// Figures of prediction folders: golden pictures, columns, crops.
#[cfg(feature = "cli")]
mod figure;
/// The image that the model is opened for, and its single decoding.
mod first_image;
/// Formats, sizes, palettes and lines of JSON.
#[cfg(feature = "cli")]
mod formats;
/// Gain of stratified over independent draws.
mod gain;
/// Models that differ only in their last operators.
mod heads;
/// Help page, manual pages, completions.
#[cfg(feature = "cli")]
mod help;
/// Folders and models from strangers.
#[cfg(feature = "cli")]
mod hostile;
/// Formats that are not read, frames, bands and bits.
#[cfg(feature = "cli")]
mod image_files;
/// Images of floating point, limits and orientation.
#[cfg(feature = "cli")]
mod image_kinds;
/// Files, folders, patterns and lists as IMAGES, and the rows they become.
#[cfg(feature = "cli")]
mod inputs;
/// Label maps of many conventions and formats.
#[cfg(feature = "cli")]
mod labels;
/// Values of the levels of pictures, also in folders of earlier versions; scales of a run.
#[cfg(feature = "cli")]
mod levels;
/// Classes with noise of their logits through the whole program.
#[cfg(feature = "cli")]
mod logit_noise;
/// A folder of many images, some of them broken in every way.
#[cfg(feature = "cli")]
mod many_images;
/// Memory for different numbers of samples.
#[cfg(feature = "cli")]
mod memory;
/// Wrong commands, with the exact answer to each.
#[cfg(feature = "cli")]
mod misuse;
/// Models that were truncated or changed at random.
mod model_faults;
/// The models of the onnx package.
mod onnx_package;
/// Padding does not affect results.
#[cfg(feature = "cli")]
mod padding;
/// Every command that documents, help and hints print.
#[cfg(all(feature = "cli", unix))]
mod printed_commands;
/// Measures and probabilities compared with PyTorch's own dropout.
mod reference;
/// Values, labels and their measures compared with PyTorch's own dropout.
mod reference_tasks;
/// Pages of complete, older, incomplete and hostile folders.
#[cfg(feature = "cli")]
mod report;
/// The page in a real browser.
#[cfg(all(feature = "cli", feature = "charts"))]
mod report_page;
/// Pages of values and labels.
#[cfg(feature = "cli")]
mod report_tasks;
/// Runs that are killed, stopped, without disk space, and resumed.
#[cfg(feature = "cli")]
mod resume;
/// Images with as many samples as they need.
#[cfg(feature = "cli")]
mod stop;
/// Values and labels through the whole program.
#[cfg(feature = "cli")]
mod tasks;
/// Unusual outputs, inputs, sites and weights.
#[cfg(feature = "cli")]
mod unusual_models;
/// Promises of the calibration of values on many splits.
mod value_calibration_splits;
