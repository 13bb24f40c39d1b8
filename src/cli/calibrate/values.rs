//! `mcdrop calibrate` for predicted values: options, results and messages.

use clap::{Args, ValueEnum};

use super::{CalibrateArguments, kept_line, out_of_distribution_line};
use crate::calibrate::{
    CalibratedTarget, ValueCalibration, ValueCalibrationOptions, VarianceFit,
    calibrate_values,
};
use crate::cli::labels::tell;
use crate::cli::value_labels::{ValueLabelArguments, refuse};
use crate::cli::{End, names, terminal};
use crate::error::{Error, Result};
use crate::evaluate::{PredictionFolder, ValueLabels};
use crate::measure::TOTAL_STD;
use crate::metric::Aggregation;
use crate::policy::{ImageScore, ScaleMethod, VALUE_AGGREGATIONS};
use crate::task::Task;

#[derive(Debug, Args)]
pub(super) struct ValueArguments {
    #[command(flatten)]
    labels: ValueLabelArguments,
    /// Absolute error above which a value is wrong, for --risk.
    #[arg(long, value_name = "E", value_parser = names::positive, requires = "risk", hide_short_help = true)]
    error_above: Option<f64>,
    /// Criterion of the factor of the variance [default: likelihood].
    #[arg(long, value_enum, requires = "labels", hide_short_help = true)]
    variance_scale: Option<ScaleName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ScaleName {
    /// The largest likelihood of the labels: the mean of squared error over variance.
    Likelihood,
    /// Coverage of Gaussian intervals: on average as large as their levels.
    Coverage,
    /// No factor.
    None,
}

impl ValueArguments {
    /// Refuses these options if something else is calibrated: `predicted`.
    pub(super) fn refuse_typed(&self, predicted: &str) -> Result<()> {
        let others = [
            ("--error-above", self.error_above.is_some()),
            ("--variance-scale", self.variance_scale.is_some()),
        ];
        for options in [&self.labels.typed()[..], &others[..]] {
            refuse(
                options,
                &format!("applies to values, but {predicted} were predicted"),
            )?;
        }
        Ok(())
    }
}

/// Calibrates a folder of predicted values.
pub(super) fn run(
    folder: &PredictionFolder,
    arguments: &CalibrateArguments,
) -> Result<End> {
    arguments.refuse_for_values(folder)?;
    let options = arguments.value_options(folder)?;
    let labels = arguments.labels.as_ref().map(|path| {
        let of_labels = &arguments.values.labels;
        let labels = of_labels.options(arguments.label.rename()?)?;
        ValueLabels::open(path, folder, labels)
    });
    let labels = labels.transpose()?;
    for note in labels.iter().flat_map(ValueLabels::notes) {
        terminal::note(note);
    }
    let calibration =
        calibrate_values(folder, labels.as_ref(), &options, &mut |event| tell(&event))?;
    arguments.write(&calibration.policy)?;
    let unit = folder.record.output.target.as_ref().map_or("", |target| &target.unit);
    terminal::line(&report(&calibration, unit));
    terminal::note(&format!(
        "{} images, {} labeled items: {}",
        calibration.images,
        calibration.items,
        arguments.output.display()
    ));
    for target in &calibration.targets {
        for line in notes(target, folder.task) {
            terminal::note(&format!("{}{line}", prefix(&calibration, target)));
        }
    }
    let all_counted = calibration.missing + calibration.failed == 0;
    Ok(if all_counted { End::Done } else { End::SomeImagesFailed })
}

impl CalibrateArguments {
    /// Refuses options that would have no effect on values.
    fn refuse_for_values(&self, folder: &PredictionFolder) -> Result<()> {
        let of_classes = [
            ("--method", self.method.is_some()),
            ("--no-temperature", self.no_temperature),
        ];
        let of_maps = self.label.of_class_maps();
        for options in [&of_classes[..], &of_maps[..]] {
            refuse(options, "applies to classes, but values were predicted")?;
        }
        let of_labels = self.values.labels.typed();
        if self.labels.is_none() {
            refuse(&of_labels, "applies to labels, but there are none")?;
        }
        self.refuse_idle_score(folder.task, "a regression of images")?;
        if self.risk.is_some() && self.values.error_above.is_none() {
            let message = "needs the error above which a value is wrong";
            return Err(Error::setting("risk", message)
                .with_hint("add `error_above`, in the unit of the target"));
        }
        let is_idle = self.values.variance_scale == Some(ScaleName::None)
            && self.keep.or(self.risk).or(self.ood_keep).or(self.alpha).is_none();
        if is_idle {
            let message = "none leaves nothing to calibrate";
            return Err(Error::setting("--variance-scale", message)
                .with_hint("add --alpha, --keep or --risk"));
        }
        Ok(())
    }

    fn value_options(
        &self,
        folder: &PredictionFolder,
    ) -> Result<ValueCalibrationOptions> {
        Ok(ValueCalibrationOptions {
            score: self.value_score(folder)?,
            target: self.threshold_target(),
            error_above: self.values.error_above,
            confidence: self.confidence,
            ood_keep: self.ood_keep,
            alpha: self.alpha,
            variance_scale: match self.values.variance_scale {
                _ if self.labels.is_none() => None,
                None | Some(ScaleName::Likelihood) => Some(ScaleMethod::Likelihood),
                Some(ScaleName::Coverage) => Some(ScaleMethod::Coverage),
                Some(ScaleName::None) => None,
            },
            threads: self.n_threads(),
        })
    }

    /// Returns the score. With several targets, its name starts with that of one.
    fn value_score(&self, folder: &PredictionFolder) -> Result<ImageScore> {
        let targets = folder.targets();
        let typed = self.measure.as_deref();
        let of_target = typed.and_then(|typed| {
            let find = |(index, name): (usize, &String)| {
                let rest = typed.strip_prefix(name.as_str())?.strip_prefix('.')?;
                Some((index, rest))
            };
            targets.iter().enumerate().find_map(find)
        });
        let (channel, name) = match of_target {
            Some(found) => found,
            None => (0, typed.unwrap_or(TOTAL_STD.name)),
        };
        let measure = ImageScore::value_measure_of(name)
            .map_err(|message| Error::setting("measure", message).with_hint(RANKS))?;
        let has_threshold = self.keep.or(self.risk).or(self.ood_keep).is_some();
        if of_target.is_none() && targets.len() > 1 && has_threshold {
            let named = targets.iter().map(|target| format!("{target}.{name}"));
            let message = "decisions are about one target, and there are several";
            return Err(Error::setting("measure", message).with_hint(format!(
                "name one of {}",
                named.collect::<Vec<_>>().join(", ")
            )));
        }
        let aggregation = self.aggregation.as_deref().unwrap_or(Aggregation::Mean.name());
        let known = |aggregation: &Aggregation| VALUE_AGGREGATIONS.contains(aggregation);
        let Some(aggregation) = Aggregation::by_name(aggregation).filter(known) else {
            let names = VALUE_AGGREGATIONS.map(Aggregation::name).join(", ");
            let message = format!(
                "\"{aggregation}\" does not apply to values: expected one of {names}"
            );
            return Err(Error::setting("aggregation", message).with_hint("use mean"));
        };
        Ok(ImageScore { measure, aggregation, channel: Some(channel) })
    }
}

/// Hint for a score that does not exist.
const RANKS: &str = "`mcdrop evaluate` ranks them";

/// Returns what starts the lines of a target: nothing for the only one.
fn prefix(calibration: &ValueCalibration, target: &CalibratedTarget) -> String {
    match calibration.targets.len() {
        1 => String::new(),
        _ => format!("{}: ", target.name),
    }
}

/// Returns the result as text.
fn report(calibration: &ValueCalibration, unit: &str) -> String {
    let mut lines = Vec::new();
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    for (index, target) in calibration.targets.iter().enumerate() {
        let prefix = prefix(calibration, target);
        let fit = target.fit.as_ref().map(variance);
        lines.extend(fit.map(|line| format!("{prefix}{line}")));
        let rules = calibration.policy.targets.get(index);
        let interval = rules.and_then(|rules| rules.interval.as_ref());
        if let (Some(interval), Some(found)) = (interval, target.interval) {
            lines.push(format!(
                "{prefix}intervals ({}): value ± {:.3} total_std, on average {:.4}{unit} wide; \
                 they {}; of these images {:.2} %",
                interval.method.name(),
                interval.factor,
                found.mean_size,
                interval.promise,
                100.0 * found.coverage
            ));
        }
    }
    let policy = &calibration.policy;
    if let (Some(accept), Some(kept)) = (&policy.accept, calibration.coverage) {
        lines.push(kept_line(accept, kept));
    }
    if let (Some(accept), Some(risk_control)) = (&policy.accept, calibration.risk_control)
    {
        lines.push(super::risk_line(accept, risk_control));
    }
    lines.extend(out_of_distribution_line(policy));
    lines.join("\n")
}

fn variance(fit: &VarianceFit) -> String {
    match fit {
        VarianceFit::Found(scale) => {
            let what = match scale.method {
                ScaleMethod::Likelihood => "negative log-likelihood",
                ScaleMethod::Coverage => "area between coverage and level",
            };
            format!(
                "variance scale {:.4} ({}): {what} {:.4}, before {:.4}",
                scale.value,
                scale.method.name(),
                scale.after,
                scale.before
            )
        }
        VarianceFit::NoBetter => {
            "no variance scale: none is better on held-out images".to_owned()
        }
        VarianceFit::TooFew => "no variance scale: too few labeled images".to_owned(),
        VarianceFit::NoVariance => {
            "no variance scale: total_std is 0 for every label".to_owned()
        }
    }
}

fn notes(target: &CalibratedTarget, task: &Task) -> Vec<String> {
    let plural = task.item.plural();
    let counted = target.n_items;
    let line = target.left_out.describe_items(counted, plural, "do not count");
    let mut lines = vec![line.unwrap_or_else(|| format!("all {plural} count"))];
    let n = target.n_without_variance;
    if n > 0 {
        let share = 100.0 * n as f64 / counted as f64;
        lines.push(format!(
            "total_std is 0 for {n} {plural} ({share:.2} %): no factor widens their intervals"
        ));
    }
    lines
}
