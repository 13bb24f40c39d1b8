//! The command line: what was typed, what it means, what is said about it.
//!
//! The only module that names `clap` and that prints. Data go to files or standard output,
//! everything else to standard error. Exit codes: 0 all done, 1 failed, 2 usage, 3 finished but
//! some images failed, 130 and 143 stopped by a signal.

mod doctor;
mod names;
mod predict;
mod progress;
mod signals;
mod terminal;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::Error;

/// What is typed after `mcdrop`.
#[derive(Debug, Parser)]
#[command(
    name = "mcdrop",
    version,
    about = "Where is your vision model unsure? Monte-Carlo dropout for ONNX models",
    after_help = "Try: mcdrop predict model.onnx images -o out --preset imagenet",
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sample a model on images; write class maps, uncertainty maps and predictions.csv.
    Predict(Box<predict::PredictArguments>),
    /// Show which ONNX Runtime is found, where, and what works.
    Doctor(doctor::DoctorArguments),
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    SomeImagesFailed,
    /// By a signal, with the exit code that tells which.
    Stopped(u8),
}

/// Parses the process's arguments, runs the command and reports how it ended.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Predict(arguments) => predict::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
    };
    match result {
        Ok(End::Done) => ExitCode::SUCCESS,
        Ok(End::SomeImagesFailed) => ExitCode::from(3),
        Ok(End::Stopped(code)) => ExitCode::from(code),
        Err(error) => {
            terminal::error(&error);
            ExitCode::from(if matches!(error, Error::Setting { .. }) { 2 } else { 1 })
        }
    }
}
