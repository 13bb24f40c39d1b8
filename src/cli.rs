//! The command line: arguments, messages and exit codes.
//!
//! Only this module uses `clap` and prints. Data go to files or standard output, everything else to
//! standard error. Exit codes: 0 success, 1 failure, 2 wrong usage, 3 finished but some images
//! failed, 130 and 143 stopped by a signal.

mod calibrate;
mod convert;
mod doctor;
mod evaluate;
mod figure;
mod inspect;
mod labels;
mod manual;
mod names;
mod predict;
mod progress;
mod report;
mod run;
mod settings;
mod signals;
mod sites;
mod terminal;
mod tune;
mod usage;
mod value_labels;

use std::process::ExitCode;

use clap::{Arg, ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand};

/// Arguments of the program.
#[derive(Debug, Parser)]
#[command(
    name = "mcdrop",
    version,
    about = "Monte-Carlo dropout for ONNX vision models: where is your model uncertain?",
    after_help = "\
Examples:
  mcdrop predict model.onnx images -o out --preset imagenet
  mcdrop inspect model.onnx    lists the dropouts of a model
  mcdrop evaluate out --labels labels
  mcdrop calibrate out --labels labels -o policy.toml --risk 0.02
  mcdrop report out            writes a page that shows all results
  mcdrop figure out image.png -o figure.pdf
  mcdrop convert model.onnx -o live.onnx
  mcdrop predict --help        shows the options used most, with examples
  mcdrop help predict          shows all options
  mcdrop doctor                shows which ONNX Runtime is found

Exit codes: 0 success, 1 failure, 2 wrong usage, 3 some images failed, 130 or 143 stopped.",
    disable_help_flag = true,
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Show this page (all options: mcdrop help COMMAND).
    #[arg(short, long, global = true, action = ArgAction::HelpShort)]
    help: Option<bool>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sample a model on images; write class maps, uncertainty maps and predictions.csv.
    Predict(Box<predict::PredictArguments>),
    /// Show the dropouts of a model, where more could be inserted, and the cost.
    Inspect(Box<inspect::InspectArguments>),
    /// Compare predictions with labels: accuracy, calibration, error detection.
    Evaluate(Box<evaluate::EvaluateArguments>),
    /// Find thresholds, a temperature and prediction sets from labels.
    Calibrate(Box<calibrate::CalibrateArguments>),
    /// Find the best place and ratio of inserted dropout.
    Tune(Box<tune::TuneArguments>),
    /// Write an HTML page: maps, values, evaluation, comparison of runs.
    Report(Box<report::ReportArguments>),
    /// Draw images with their maps for a publication: PNG, SVG or PDF.
    Figure(Box<figure::FigureArguments>),
    /// Write a standard ONNX model whose dropout is always active.
    Convert(Box<convert::ConvertArguments>),
    /// Show which ONNX Runtime is found, and whether it works.
    Doctor(doctor::DoctorArguments),
    /// Print the manual page of a command.
    Man(manual::ManArguments),
    /// Print the completions for a shell.
    Completions(manual::CompletionsArguments),
}

/// End of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    SomeImagesFailed,
    /// Stopped by a signal, with its exit code.
    Stopped(u8),
}

/// Returns all commands. Options that describe a run are listed in full only for `predict`;
/// `evaluate` accepts them only with images.
fn command() -> clap::Command {
    let of_run = predict::options_of_a_run();
    let is_of_run = |argument: &Arg| of_run.contains(argument.get_id());
    let hide = |argument: Arg| {
        if is_of_run(&argument) { argument.hide_short_help(true) } else { argument }
    };
    let needs_images = |argument: Arg| {
        let needs = is_of_run(&argument) && argument.get_id() != "threads";
        if needs { argument.requires("images") } else { argument }
    };
    let mut of_labels = labels::options();
    of_labels.extend(value_labels::options());
    let needs_labels = |argument: Arg| {
        let needs = of_labels.contains(argument.get_id());
        if needs { argument.requires("labels") } else { argument }
    };
    Cli::command().mut_subcommands(|command| match command.get_name() {
        "evaluate" => command.mut_args(hide).mut_args(needs_images),
        "tune" => command.mut_args(hide),
        "report" | "figure" => command.mut_args(needs_labels),
        _ => command,
    })
}

/// Parses the arguments of the process, runs the command and returns the exit code.
pub fn main() -> ExitCode {
    let program = command();
    let name = std::env::args().nth(1);
    if let Some(chosen) = name.and_then(|name| program.find_subcommand(name)) {
        settings::use_options_of(chosen, program.find_subcommand("predict"));
    }
    let parsed = program.try_get_matches().and_then(|m| Cli::from_arg_matches(&m));
    let typed = match parsed {
        Ok(typed) => typed,
        Err(error) => return usage::answer(&error),
    };
    let result = match typed.command {
        Command::Predict(arguments) => predict::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Evaluate(arguments) => evaluate::run(&arguments),
        Command::Calibrate(arguments) => calibrate::run(&arguments),
        Command::Tune(arguments) => tune::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Figure(arguments) => figure::run(&arguments),
        Command::Convert(arguments) => convert::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Man(arguments) => manual::print_page(command(), &arguments),
        Command::Completions(arguments) => {
            Ok(manual::print_completions(&mut command(), &arguments))
        }
    };
    match result {
        Ok(End::Done) => ExitCode::SUCCESS,
        Ok(End::SomeImagesFailed) => ExitCode::from(3),
        Ok(End::Stopped(code)) => ExitCode::from(code),
        Err(error) => {
            terminal::error(&error);
            ExitCode::from(if error.is_setting() { 2 } else { 1 })
        }
    }
}
