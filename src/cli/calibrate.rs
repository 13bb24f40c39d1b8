//! `mcdrop calibrate`: from labeled predictions to a policy.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::labels::{LabelArguments, tell};
use super::names;
use super::{End, terminal};
use crate::calibrate::{
    Calibration, CalibrationOptions, SetMethod, Target, TemperatureFit,
    calibrate as calibrate_folder,
};
use crate::error::{Error, Result};
use crate::evaluate::PredictionFolder;
use crate::measure::PREDICTIVE_ENTROPY;
use crate::metric::Aggregation;
use crate::output::folder::OutputFolder;
use crate::policy::ImageScore;
use crate::sampling::SamplingOptions;

const EXAMPLES: &str = "\
Examples:
  mcdrop predict model.onnx val -o out-val --keep-probabilities
  mcdrop calibrate out-val --labels labels -o policy.toml --risk 0.02
  mcdrop calibrate out-val -o policy.toml --keep 0.95        # needs no labels
  mcdrop calibrate out-val --labels labels -o policy.toml --alpha 0.1
  mcdrop predict model.onnx new -o out --policy policy.toml";

const MEANING: &str = "\
Promises hold for images like those of OUT: new ones that nobody chose by their scores, predicted
with the same settings (predict --policy checks that). Use other images than the model was trained
on. In segmentation, --risk is about the share of wrong pixels of an image, and --alpha about the
share of an image's pixels whose set misses their class.";

const MEASURES: &str = "\
The measure that thresholds look at, or deterministic [default: predictive_entropy]";

const AGGREGATIONS: &str = "\
How pixels become one number: mean, quantile_95, patch_max, above_threshold_mean, class_mean, \
interior_mean [default: mean]";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{MEANING}"))]
pub(super) struct CalibrateArguments {
    /// A folder that predict --keep-probabilities wrote.
    #[arg(value_name = "OUT")]
    folder: PathBuf,
    /// Label maps by the images' relative paths; or a CSV with path,label; or folders of classes.
    #[arg(long, value_name = "FOLDER|FILE", required_unless_present_any = ["keep", "ood_keep"])]
    labels: Option<PathBuf>,
    /// The file to write.
    #[arg(short, long, value_name = "POLICY")]
    output: PathBuf,
    /// Accept this share of images, on average.
    #[arg(long, value_name = "SHARE", value_parser = names::share, conflicts_with = "risk")]
    keep: Option<f64>,
    /// Accept as many as leave at most this share of the accepted wrong.
    #[arg(long, value_name = "SHARE", value_parser = names::share, requires = "labels")]
    risk: Option<f64>,
    /// How sure the promise of --risk is.
    #[arg(long, value_name = "SHARE", default_value = "0.95", value_parser = names::share, requires = "risk", hide_short_help = true)]
    confidence: f64,
    /// Call images out of distribution, but at most one less this share of images like these.
    #[arg(long, value_name = "SHARE", value_parser = names::share)]
    ood_keep: Option<f64>,
    /// Make sets of classes of which this share may miss the true one.
    #[arg(long, value_name = "SHARE", value_parser = names::share, requires = "labels")]
    alpha: Option<f64>,
    /// How sets are made in classification [default: lac]; in segmentation it is conformal risk
    /// control.
    #[arg(long, value_enum, requires = "alpha", hide_short_help = true)]
    method: Option<MethodName>,
    #[arg(help = MEASURES, long, value_name = "NAME")]
    measure: Option<String>,
    #[arg(help = AGGREGATIONS, long, value_name = "NAME")]
    aggregation: Option<String>,
    /// Leave probabilities as they are.
    #[arg(long, hide_short_help = true)]
    no_temperature: bool,
    /// Threads [default: one a core].
    #[arg(long, value_name = "N", value_parser = names::from_1_to::<1024, u32>, hide_short_help = true)]
    threads: Option<u32>,
    #[command(flatten)]
    label: LabelArguments,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MethodName {
    /// Classes of at least a probability: the smallest sets on average.
    Lac,
    /// The most probable classes up to a sum: larger where the model is unsure.
    Aps,
}

pub(super) fn run(arguments: &CalibrateArguments) -> Result<End> {
    let options = arguments.options()?;
    let folder = PredictionFolder::open(&arguments.folder)?;
    let open = |labels: &PathBuf| arguments.label.open(labels, &folder);
    let labels = arguments.labels.as_ref().map(open).transpose()?;
    arguments.refuse_idle(folder.is_map)?;
    let calibration =
        calibrate_folder(&folder, labels.as_ref(), &options, &mut |event| tell(&event))?;
    arguments.write(&calibration)?;
    terminal::line(&report(&calibration, folder.is_map));
    terminal::note(&format!(
        "{} images, {} labeled items: {}",
        calibration.images,
        calibration.items,
        arguments.output.display()
    ));
    let all_counted = calibration.left_out == (0, 0);
    Ok(if all_counted { End::Done } else { End::SomeImagesFailed })
}

impl CalibrateArguments {
    fn options(&self) -> Result<CalibrationOptions> {
        let unknown = |option: &'static str| {
            move |message: String| {
                Error::setting(option, message).with_hint("`mcdrop evaluate` ranks them")
            }
        };
        let measure = self.measure.as_deref().unwrap_or(PREDICTIVE_ENTROPY.name);
        let measure = ImageScore::measure_of(measure).map_err(unknown("--measure"))?;
        let aggregation = self.aggregation.as_deref().unwrap_or(Aggregation::Mean.name());
        let aggregation =
            ImageScore::aggregation_of(aggregation).map_err(unknown("--aggregation"))?;
        let score = ImageScore { measure, aggregation };
        let target = self.keep.map(Target::Keep).or(self.risk.map(Target::Risk));
        Ok(CalibrationOptions {
            score,
            target,
            confidence: self.confidence,
            ood_keep: self.ood_keep,
            alpha: self.alpha,
            method: match self.method {
                None | Some(MethodName::Lac) => SetMethod::Lac,
                Some(MethodName::Aps) => SetMethod::Aps,
            },
            temperature: !self.no_temperature,
            threads: self
                .threads
                .map_or_else(|| SamplingOptions::default().threads, |n| n as usize),
        })
    }

    /// Refuses what was typed and would change nothing.
    fn refuse_idle(&self, is_map: bool) -> Result<()> {
        let has_threshold = self.keep.or(self.risk).or(self.ood_keep).is_some();
        let no_threshold = "is about thresholds, and none is asked for";
        let idle = [
            ("--measure", self.measure.is_some() && !has_threshold, no_threshold),
            ("--aggregation", self.aggregation.is_some() && !has_threshold, no_threshold),
            (
                "--aggregation",
                self.aggregation.is_some() && !is_map,
                "is about pixels, and this is a classification",
            ),
            (
                "--method",
                self.method.is_some() && is_map,
                "is about classification; in segmentation it is conformal risk control",
            ),
        ];
        match idle.into_iter().find(|(_, is_idle, _)| *is_idle) {
            Some((option, _, why)) => {
                Err(Error::setting(option, why).with_hint("leave it out"))
            }
            None => Ok(()),
        }
    }

    fn write(&self, calibration: &Calibration) -> Result<()> {
        let (Some(parent), Some(name)) = (self.output.parent(), self.output.file_name())
        else {
            let message = format!("{} is no name of a file", self.output.display());
            return Err(Error::setting("-o", message).with_hint("such as policy.toml"));
        };
        let parent = if parent.as_os_str().is_empty() { ".".as_ref() } else { parent };
        let text = calibration.policy.encode()?;
        OutputFolder::create(parent)?.write(&name.to_string_lossy(), text.as_bytes())
    }
}

/// What was found, for people.
fn report(calibration: &Calibration, is_map: bool) -> String {
    let mut lines = Vec::new();
    if let Some(fit) = &calibration.fit {
        lines.push(temperature(fit));
    }
    let policy = &calibration.policy;
    if let (Some(accept), Some(kept)) = (&policy.accept, calibration.coverage) {
        lines.push(format!(
            "accept: {} below {:.4} keeps between {:.1} and {:.1} % of new images (95 % confidence)",
            accept.score.label(),
            kept.below,
            100.0 * kept.interval.0,
            100.0 * kept.interval.1
        ));
    }
    if let (Some(accept), Some(risk_control)) = (&policy.accept, calibration.risk_control)
    {
        let limit = risk_control
            .below
            .map_or("any value".to_owned(), |below| format!("below {below:.4}"));
        lines.push(format!(
            "accept: {} {limit}: {:.1} % of these images, of which {:.2} % is wrong; {}",
            accept.score.label(),
            100.0 * risk_control.coverage,
            100.0 * risk_control.loss,
            accept.promise
        ));
    }
    if let Some(Some(below)) =
        policy.out_of_distribution.as_ref().map(|limit| limit.below)
    {
        lines.push(format!("out of distribution: from {below:.4} on"));
    }
    if let (Some(sets), Some((size, held))) = (&policy.sets, calibration.sets) {
        let items = if is_map { "pixels" } else { "images" };
        lines.push(format!(
            "sets ({}): {size:.2} classes on average; they {}; of these {items} {:.2} %",
            sets.method,
            sets.promise,
            100.0 * held
        ));
    }
    lines.join("\n")
}

fn temperature(fit: &TemperatureFit) -> String {
    match fit {
        TemperatureFit::Found(found) => format!(
            "temperature {:.3}: negative log-likelihood {:.4}, before {:.4}",
            found.value,
            found.negative_log_likelihood_after,
            found.negative_log_likelihood_before
        ),
        TemperatureFit::NoBetter => {
            "temperature: none, none lowers the negative log-likelihood of other images"
                .to_owned()
        }
        TemperatureFit::AtTheEnd(value) => format!(
            "temperature: none, the best one runs to {value:.2}, as where all predictions are right \
             or labels are of other images"
        ),
        TemperatureFit::TooFew => {
            "temperature: none, of too few labeled images".to_owned()
        }
    }
}
