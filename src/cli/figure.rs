//! `mcdrop figure`: draws images of a folder of predictions for a publication.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::labels::LabelArguments;
use super::report::RunLabels;
use super::value_labels::ValueLabelArguments;
use super::{End, names, settings, terminal};
use crate::error::Result;
use crate::figure::{self, Captions, Crop, FigureScale, Options};

const EXAMPLES: &str = "\
Examples:
  mcdrop figure out image.png -o figure.pdf --labels labels/
  mcdrop figure out image.png -o figure.svg --crop 9,5,200x100 --width 8cm

The ending of the figure, .png, .svg or .pdf, is its format. Columns are image,
label, prediction, error and the measures of the run.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct FigureArguments {
    /// Folder written by mcdrop predict.
    #[arg(value_name = "OUT")]
    folder: PathBuf,
    /// Images of that folder, as in its table, or names of their files.
    #[arg(value_name = "IMAGE", required = true)]
    shown: Vec<String>,
    /// The figure.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Columns from left to right [default: the task's].
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// Part of each image in pixels.
    #[arg(long, value_name = "X,Y,WxH", value_parser = crop)]
    crop: Option<Crop>,
    /// Width in mm, cm or in.
    #[arg(long, value_name = "LENGTH", default_value = "180mm", value_parser = length)]
    width: f64,
    /// Dots per inch.
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = names::from_1_to::<4800, u32>)]
    dpi: u32,
    /// Text beside images: name, path or none.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "name",
        hide_possible_values = true
    )]
    captions: CaptionsArgument,
    /// Ends of color scales: fixed or shown.
    #[arg(
        long,
        value_name = "ENDS",
        default_value = "fixed",
        hide_possible_values = true
    )]
    scale: ScaleArgument,
    /// Labels, as for evaluate [default: those of the last evaluate].
    #[arg(long, value_name = "FOLDER|FILE")]
    labels: Option<PathBuf>,
    /// New folder of the images, if they were moved.
    #[arg(long, value_name = "FOLDER", hide_short_help = true)]
    images: Option<PathBuf>,
    /// Number of threads that read labels [default: one per core].
    #[arg(long, value_name = "N", value_parser = names::from_1_to::<1024, u32>, hide_short_help = true)]
    threads: Option<u32>,
    #[command(flatten)]
    label: LabelArguments,
    #[command(flatten)]
    values: ValueLabelArguments,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CaptionsArgument {
    Name,
    Path,
    None,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ScaleArgument {
    Fixed,
    Shown,
}

pub(super) fn run(arguments: &FigureArguments) -> Result<End> {
    let labels = RunLabels::new(
        &arguments.folder,
        arguments.labels.as_deref(),
        &arguments.label,
        &arguments.values,
        arguments.threads,
    );
    let open = labels.opener();
    let options = Options {
        images: arguments.images.as_deref(),
        labels: Some(&open),
        columns: arguments.columns.as_deref(),
        crop: arguments.crop,
        width: arguments.width,
        dpi: f64::from(arguments.dpi),
        captions: match arguments.captions {
            CaptionsArgument::Name => Captions::Name,
            CaptionsArgument::Path => Captions::Path,
            CaptionsArgument::None => Captions::None,
        },
        scale: match arguments.scale {
            ScaleArgument::Fixed => FigureScale::Fixed,
            ScaleArgument::Shown => FigureScale::Shown,
        },
    };
    let notes =
        figure::write(&arguments.folder, &arguments.shown, &arguments.output, &options)?;
    for note in notes {
        terminal::note(&settings::to_options(&note));
    }
    terminal::note(&format!("open {}", arguments.output.display()));
    Ok(End::Done)
}

/// Largest width of a figure in millimeters.
const WIDEST: f64 = 2000.0;

/// Parses a length, and returns it in millimeters.
fn length(text: &str) -> Result<f64, String> {
    let units = [("mm", 1.0), ("cm", 10.0), ("in", 25.4)];
    let parsed = units.into_iter().find_map(|(unit, millimeters)| {
        let number: f64 = text.strip_suffix(unit)?.trim().parse().ok()?;
        Some(number * millimeters)
    });
    parsed.filter(|length| *length > 0.0 && *length <= WIDEST).ok_or_else(|| {
        format!(
            "expected a length such as 180mm, 18cm or 7in, at most 2 m, found \"{text}\""
        )
    })
}

/// Parses a rectangle: `X,Y,WxH`.
fn crop(text: &str) -> Result<Crop, String> {
    let parse = || {
        let mut parts = text.splitn(3, ',');
        let (left, top) = (parts.next()?.trim(), parts.next()?.trim());
        let (width, height) = parts.next()?.trim().split_once('x')?;
        Some(Crop {
            left: left.parse().ok()?,
            top: top.parse().ok()?,
            width: width.parse().ok()?,
            height: height.parse().ok()?,
        })
    };
    parse().ok_or_else(|| {
        format!("expected X,Y,WxH in pixels such as 100,50,200x100, found \"{text}\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_millimeters() {
        let close =
            |text: &str, expected: f64| (length(text).unwrap() - expected).abs() < 1e-9;
        assert!(close("180mm", 180.0) && close("8.8 cm", 88.0) && close("7in", 177.8));
        for wrong in ["180", "mm", "-1mm", "0mm", "3m", "NaNmm", "infmm"] {
            assert!(length(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_crop_has_four_whole_numbers() {
        let expected = Crop { left: 1, top: 2, width: 30, height: 40 };
        assert_eq!(crop("1,2,30x40"), Ok(expected));
        for wrong in ["1,2,30", "1,2", "-1,2,3x4", "1,2,3x4x5", "1,2,3,4"] {
            assert!(crop(wrong).is_err(), "{wrong}");
        }
    }
}
