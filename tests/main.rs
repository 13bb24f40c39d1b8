//! One binary for all integration tests: linking is what costs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::too_many_lines,
    reason = "tests may fail loudly, show their figures and list their cases"
)]

/// A real browser that opens pages from disk.
mod browser;
/// The committed models and images, opened.
mod fixture;
/// Tests that cannot run on this machine.
mod skip;

/// Layers, forbidden crates, file sizes.
mod architecture;
/// Published architectures: verdicts, places and costs.
mod architectures;
/// Policies: found, applied and refused.
mod calibrate;
/// Promises of calibration, over and over.
mod calibration_splits;
/// Colors as the color-blind see them.
mod color_vision;
/// The program as a user types it: files, messages, exit codes.
mod command_line;
/// Models that draw their masks themselves.
mod convert;
/// Same bits whatever the batch, the threads, the order and the other images.
mod determinism;
/// Predictions against labels.
mod evaluate;
/// Large folders of predictions: memory and speed.
mod evaluation_size;
/// Folders as exporters leave them.
mod exports;
/// What goes wrong as a user meets it: messages, ways out, what stays written.
mod faults;
/// Formats, sizes, palettes and lines of JSON.
mod formats;
/// What stratified draws gain over independent ones.
mod gain;
/// What the program says about itself: help on a screen, manual pages, completions.
mod help;
/// Images of floating point, limits and orientation.
mod image_kinds;
/// Files, folders, patterns and lists as IMAGES, and the rows they become.
mod inputs;
/// A folder of many images, some of them broken in every way.
mod many_images;
/// Memory against the number of samples.
mod memory;
/// What can be typed wrong, with the exact answer to each.
mod misuse;
/// Models that were cut or changed at random.
mod model_faults;
/// The models of the onnx package.
mod onnx_package;
/// Padding counts for nothing.
mod padding;
/// Measures and probabilities against PyTorch's own dropout.
mod reference;
/// Pages of whole, older, half-written and hostile folders.
mod report;
/// The page in a real browser.
mod report_page;
/// Runs that are killed, stopped, starved of disk space, and started again.
mod resume;
/// Images that take as many samples as they need.
mod stop;
