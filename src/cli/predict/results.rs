//! Options about the files that a run writes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::names::{self, FIRST, List, Maps};
use crate::error::Result;
use crate::measure::Measure;
use crate::output::format::Format;
use crate::pipeline::{MapScale, MapSize, OutputOptions, Precision};
use crate::policy::Policy;
use crate::task::ValueRange;

#[derive(Debug, Args)]
#[command(next_help_heading = "Results")]
pub(in crate::cli) struct ResultArguments {
    /// Measures in predictions.csv.
    #[arg(long, value_name = "LIST", default_value = "all", value_parser = names::measures, hide_short_help = true)]
    measures: List<&'static Measure>,
    #[arg(
        help = "none, prediction, overlay, measures by name [default: prediction, overlay, and the measures that the task chooses]",
        long,
        value_name = "LIST",
        value_parser = names::maps,
        help_heading = FIRST
    )]
    maps: Option<Maps>,
    /// Formats of these maps: png, png16, tiff, npy.
    #[arg(long, value_name = "LIST", default_value = "png", value_parser = names::formats, help_heading = FIRST)]
    formats: List<&'static Format>,
    /// Size of the class maps and the measures' maps; overlays have the image's size.
    #[arg(long, value_enum, default_value_t = MapSizeName::Image, hide_short_help = true)]
    map_size: MapSizeName,
    /// Scale of pictures of measures with a bound.
    #[arg(long, value_enum, default_value_t = MapScaleName::Fixed, hide_short_help = true)]
    map_scale: MapScaleName,
    /// Also print each row as a line of JSON.
    #[arg(long, help_heading = FIRST)]
    pub(super) jsonl: bool,
    /// Keep mean probabilities and measures as .npy, for evaluate and calibrate.
    #[arg(long, value_name = "f32|f16", num_args = 0..=1, require_equals = true, default_missing_value = "f32", hide_short_help = true)]
    keep_probabilities: Option<PrecisionName>,
    /// Policy of mcdrop calibrate: adds decisions, sets of classes and intervals of values.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    policy: Option<PathBuf>,
    /// Also write report.html, a page of all results.
    #[arg(long, help_heading = FIRST)]
    report: bool,
    /// Scale of pictures of values, in the target's unit [default: chosen from up to 16 images].
    #[arg(long, value_name = "LOW:HIGH", value_parser = names::value_range, allow_hyphen_values = true, hide_short_help = true)]
    value_range: Option<ValueRange>,
    /// Probability of the intervals of values [default: 0.95].
    #[arg(long, value_name = "P", value_parser = names::share, hide_short_help = true)]
    interval: Option<f64>,
    /// Record no folders of this machine in run.json, so that OUT can be passed on.
    #[arg(long, hide_short_help = true)]
    private: bool,
}

impl ResultArguments {
    /// Returns the options of the output.
    ///
    /// # Errors
    /// Fails if the policy cannot be read.
    pub(super) fn output(&self) -> Result<OutputOptions> {
        Ok(OutputOptions {
            measures: Some(self.measures.0.clone()).filter(|list| !list.is_empty()),
            maps: self.maps.as_ref().map(|maps| maps.measures.clone()),
            prediction: self.maps.as_ref().is_none_or(|maps| maps.prediction),
            overlay: self.maps.as_ref().is_none_or(|maps| maps.overlay),
            formats: self.formats.0.clone(),
            map_size: match self.map_size {
                MapSizeName::Image => MapSize::Image,
                MapSizeName::Network => MapSize::Network,
            },
            map_scale: match self.map_scale {
                MapScaleName::Fixed => MapScale::Fixed,
                MapScaleName::Run => MapScale::Run,
            },
            keep_probabilities: self.keep_probabilities.map(
                |precision| match precision {
                    PrecisionName::F32 => Precision::F32,
                    PrecisionName::F16 => Precision::F16,
                },
            ),
            policy: self.policy.as_deref().map(Policy::read).transpose()?,
            report: self.report,
            value_range: self.value_range,
            interval: self.interval,
            private: self.private,
        })
    }
}

/// Returns options that write only the table, with every measure.
pub(in crate::cli) fn table_only() -> OutputOptions {
    OutputOptions {
        measures: None,
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
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MapSizeName {
    /// Size of the image, with "none" where the network did not see it.
    Image,
    /// Size of the network's input.
    Network,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MapScaleName {
    /// Up to the largest possible value: pictures of different runs can be compared.
    Fixed,
    /// Up to the 99.9 % quantile of a first look at up to 16 images, with 8 samples each.
    Run,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PrecisionName {
    F32,
    F16,
}
