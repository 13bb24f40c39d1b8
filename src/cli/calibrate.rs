//! `mcdrop calibrate`: finds a policy from labeled predictions.

mod labels;
mod values;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use self::values::ValueArguments;
use super::labels::{LabelArguments, print_unlabeled, tell};
use super::names;
use super::{End, terminal};
use crate::calibrate::{
    Calibration, CalibrationOptions, QuantileThreshold, RiskControl, SetMethod,
    TemperatureFit, ThresholdTarget, calibrate as calibrate_folder,
};
use crate::error::{Error, Result};
use crate::evaluate::PredictionFolder;
use crate::measure::PREDICTIVE_ENTROPY;
use crate::metric::Aggregation;
use crate::output::folder::OutputFolder;
use crate::policy::{ImageScore, Policy, Threshold};
use crate::sampling::SamplingOptions;
use crate::task::{Target, Task};

const EXAMPLES: &str = "\
Examples:
  mcdrop predict model.onnx val -o out-val --keep-probabilities
  mcdrop calibrate out-val --labels labels -o policy.toml --risk 0.02
  mcdrop calibrate out-val -o policy.toml --keep 0.95        # needs no labels
  mcdrop calibrate out-val --labels labels -o policy.toml --alpha 0.1
  mcdrop predict model.onnx new -o out --policy policy.toml";

const MEANING: &str = "\
Guarantees hold for new images from the same distribution as OUT, predicted with the same settings
(predict --policy checks that). Use images that the model was not trained on. In segmentation, --risk
limits the fraction of wrong pixels of an image, and --alpha the fraction of an image's pixels whose
set does not contain the true class. For labels of which any number holds, a threshold is found for
each label: that of the largest F1, or with --alpha one for all labels that misses few true ones;
--risk then limits the fraction of wrong decisions about labels, and uses the other half of the
images for it. For values, --risk limits the fraction of an image's pixels whose error is above
--error-above, and --alpha the fraction whose interval does not contain the label.";

const MEASURES: &str = "\
Measure for thresholds, or deterministic [default: predictive_entropy; of values: total_std]";

const AGGREGATIONS: &str = "\
Aggregation of pixels to one number: mean, quantile_95, patch_max, above_threshold_mean, class_mean, \
interior_mean [default: mean]";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{MEANING}"))]
pub(super) struct CalibrateArguments {
    /// Folder written by mcdrop predict --keep-probabilities.
    #[arg(value_name = "OUT")]
    folder: PathBuf,
    /// Folder of maps with the images' relative paths, CSV with path and label, value or a column per
    /// label, or folder with one folder per class.
    #[arg(long, value_name = "FOLDER|FILE", required_unless_present_any = ["keep", "ood_keep"])]
    labels: Option<PathBuf>,
    /// File to write.
    #[arg(short, long, value_name = "POLICY")]
    output: PathBuf,
    /// Accept this fraction of images, on average.
    #[arg(long, value_name = "FRACTION", value_parser = names::share, conflicts_with = "risk")]
    keep: Option<f64>,
    /// Accept as many images as possible with at most this fraction of them wrong.
    #[arg(long, value_name = "FRACTION", value_parser = names::share, requires = "labels")]
    risk: Option<f64>,
    /// Confidence of the guarantee of --risk.
    #[arg(long, value_name = "FRACTION", default_value = "0.95", value_parser = names::share, requires = "risk", hide_short_help = true)]
    confidence: f64,
    /// Set the out-of-distribution threshold that keeps this fraction of images like these.
    #[arg(long, value_name = "FRACTION", value_parser = names::share)]
    ood_keep: Option<f64>,
    /// Make sets of classes, intervals of values or thresholds of labels that miss at most this fraction.
    #[arg(long, value_name = "FRACTION", value_parser = names::share, requires = "labels")]
    alpha: Option<f64>,
    /// Method for sets in classification [default: lac]; segmentation uses conformal risk
    /// control.
    #[arg(long, value_enum, requires = "alpha", hide_short_help = true)]
    method: Option<MethodName>,
    #[arg(help = MEASURES, long, value_name = "NAME")]
    measure: Option<String>,
    #[arg(help = AGGREGATIONS, long, value_name = "NAME")]
    aggregation: Option<String>,
    /// Do not fit a temperature.
    #[arg(long, hide_short_help = true)]
    no_temperature: bool,
    /// Number of threads [default: one per core].
    #[arg(long, value_name = "N", value_parser = names::from_1_to::<1024, u32>, hide_short_help = true)]
    threads: Option<u32>,
    #[command(flatten)]
    label: LabelArguments,
    #[command(flatten)]
    values: ValueArguments,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MethodName {
    /// Classes whose probability is above a threshold: the smallest sets on average.
    Lac,
    /// The most probable classes up to a sum of probabilities: larger sets if the model is uncertain.
    Aps,
}

pub(super) fn run(arguments: &CalibrateArguments) -> Result<End> {
    let folder = PredictionFolder::open_any(&arguments.folder)?;
    match folder.task.target {
        Target::Value => return values::run(&folder, arguments),
        Target::Labels => return labels::run(&folder, arguments),
        Target::Class => arguments.values.refuse_typed("classes")?,
    }
    let options = arguments.options()?;
    let threads = options.threads;
    let open = |labels: &PathBuf| arguments.label.open(labels, &folder, threads);
    let labels = arguments.labels.as_ref().map(open).transpose()?;
    arguments.refuse_idle(folder.task)?;
    let calibration =
        calibrate_folder(&folder, labels.as_ref(), &options, &mut |event| tell(&event))?;
    arguments.write(&calibration.policy)?;
    terminal::line(&report(&calibration, folder.task));
    terminal::note(&format!(
        "{} images, {} labeled items: {}",
        calibration.images,
        calibration.items,
        arguments.output.display()
    ));
    if labels.is_some() && folder.task.has_maps() {
        print_unlabeled(&calibration.left_out, calibration.items);
    }
    let all_counted = calibration.missing + calibration.failed == 0;
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
        let measure = ImageScore::measure_of(measure).map_err(unknown("measure"))?;
        let aggregation = self.aggregation.as_deref().unwrap_or(Aggregation::Mean.name());
        let aggregation =
            ImageScore::aggregation_of(aggregation).map_err(unknown("aggregation"))?;
        let score = ImageScore { measure, aggregation, channel: None };
        Ok(CalibrationOptions {
            score,
            target: self.threshold_target(),
            confidence: self.confidence,
            ood_keep: self.ood_keep,
            alpha: self.alpha,
            method: match self.method {
                None | Some(MethodName::Lac) => SetMethod::Lac,
                Some(MethodName::Aps) => SetMethod::Aps,
            },
            temperature: !self.no_temperature,
            threads: self.n_threads(),
        })
    }

    fn threshold_target(&self) -> Option<ThresholdTarget> {
        let risk = self.risk.map(ThresholdTarget::Risk);
        self.keep.map(ThresholdTarget::Keep).or(risk)
    }

    fn n_threads(&self) -> usize {
        let threads = self.threads.map(|n| n as usize);
        threads.unwrap_or_else(|| SamplingOptions::default().threads)
    }

    /// Refuses options that would have no effect.
    fn refuse_idle(&self, task: &Task) -> Result<()> {
        self.refuse_idle_score(task, "a classification")?;
        if self.method.is_some() && task.has_maps() {
            let why =
                "applies to classification; segmentation uses conformal risk control";
            return Err(Error::setting("method", why).with_hint("leave it out"));
        }
        Ok(())
    }

    /// Refuses the options of scores if there is no threshold, and the aggregation if there are no
    /// pixels; `predicted` is then what there is.
    fn refuse_idle_score(&self, task: &Task, predicted: &str) -> Result<()> {
        let has_threshold = self.keep.or(self.risk).or(self.ood_keep).is_some();
        let no_threshold = "applies to thresholds, but none is requested";
        let idle = [
            ("measure", self.measure.is_some() && !has_threshold, no_threshold),
            ("aggregation", self.aggregation.is_some() && !has_threshold, no_threshold),
            (
                "aggregation",
                self.aggregation.is_some() && !task.has_maps(),
                &format!("applies to pixels, but this is {predicted}"),
            ),
        ];
        match idle.into_iter().find(|(_, is_idle, _)| *is_idle) {
            Some((option, _, why)) => {
                Err(Error::setting(option, why.to_owned()).with_hint("leave it out"))
            }
            None => Ok(()),
        }
    }

    fn write(&self, policy: &Policy) -> Result<()> {
        let (Some(parent), Some(name)) = (self.output.parent(), self.output.file_name())
        else {
            let message =
                format!("expected a file name, found {}", self.output.display());
            return Err(
                Error::setting("output", message).with_hint("such as policy.toml")
            );
        };
        let parent = if parent.as_os_str().is_empty() { ".".as_ref() } else { parent };
        let text = policy.encode()?;
        OutputFolder::create(parent)?.write(&name.to_string_lossy(), text.as_bytes())
    }
}

/// Returns the result as text.
fn report(calibration: &Calibration, task: &Task) -> String {
    let mut lines = Vec::new();
    if let Some(fit) = &calibration.fit {
        lines.push(temperature(fit));
    }
    let policy = &calibration.policy;
    if let (Some(accept), Some(kept)) = (&policy.accept, calibration.coverage) {
        lines.push(kept_line(accept, kept));
    }
    if let (Some(accept), Some(risk_control)) = (&policy.accept, calibration.risk_control)
    {
        lines.push(risk_line(accept, risk_control));
    }
    lines.extend(out_of_distribution_line(policy));
    if let (Some(sets), Some(found)) = (&policy.sets, calibration.sets) {
        lines.push(format!(
            "sets ({}): {:.2} classes on average; they {}; of these {} {:.2} %",
            sets.method,
            found.mean_size,
            sets.promise,
            task.item.plural(),
            100.0 * found.coverage
        ));
    }
    lines.join("\n")
}

fn kept_line(accept: &Threshold, kept: QuantileThreshold) -> String {
    format!(
        "accept: {} below {:.4} keeps between {:.1} and {:.1} % of new images (95 % confidence)",
        accept.score.label(),
        kept.below,
        100.0 * kept.interval.0,
        100.0 * kept.interval.1
    )
}

fn risk_line(accept: &Threshold, risk_control: RiskControl) -> String {
    let limit = risk_control
        .below
        .map_or("any value".to_owned(), |below| format!("below {below:.4}"));
    format!(
        "accept: {} {limit}: {:.1} % of these images, of which {:.2} % is wrong; {}",
        accept.score.label(),
        100.0 * risk_control.coverage,
        100.0 * risk_control.loss,
        accept.promise
    )
}

fn out_of_distribution_line(policy: &Policy) -> Option<String> {
    let below = policy.out_of_distribution.as_ref()?.below?;
    Some(format!("out of distribution: from {below:.4} on"))
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
            "no temperature: none lowers the negative log-likelihood on held-out images"
                .to_owned()
        }
        TemperatureFit::AtTheEnd(value) => format!(
            "no temperature: the fit diverges ({value:.2}); either all predictions are right, or the \
             labels belong to other images"
        ),
        TemperatureFit::TooFew => "no temperature: too few labeled images".to_owned(),
    }
}
