//! `mcdrop calibrate` for labels of which any number holds: options, results and messages.

use std::path::PathBuf;

use super::{CalibrateArguments, kept_line, out_of_distribution_line, risk_line};
use crate::calibrate::{LabelCalibration, LabelCalibrationOptions, calibrate_labels};
use crate::cli::labels::tell;
use crate::cli::{End, terminal};
use crate::error::{Error, Result};
use crate::evaluate::PredictionFolder;
use crate::measure::LABEL_PREDICTIVE_ENTROPY;
use crate::metric::Aggregation;
use crate::policy::{ImageScore, LabelThresholdMethod};

/// Aggregations of pixels that need no classes.
const AGGREGATIONS: [Aggregation; 3] =
    [Aggregation::Mean, Aggregation::Quantile95, Aggregation::PatchMax];

/// Calibrates a folder of predicted labels.
pub(super) fn run(
    folder: &PredictionFolder,
    arguments: &CalibrateArguments,
) -> Result<End> {
    arguments.values.refuse_typed("labels")?;
    let options = arguments.label_options(folder)?;
    let threads = options.threads;
    let open =
        |labels: &PathBuf| arguments.label.open_multi_labels(labels, folder, threads);
    let source = arguments.labels.as_ref().map(open).transpose()?;
    let source = source.as_ref();
    let calibration =
        calibrate_labels(folder, source, &options, &mut |event| tell(&event))?;
    arguments.write(&calibration.policy)?;
    terminal::line(&report(&calibration));
    terminal::note(&format!(
        "{} images, {} decisions about labels: {}",
        calibration.images,
        calibration.decisions,
        arguments.output.display()
    ));
    let all_counted = calibration.missing + calibration.failed == 0;
    Ok(if all_counted { End::Done } else { End::SomeImagesFailed })
}

impl CalibrateArguments {
    fn label_options(
        &self,
        folder: &PredictionFolder,
    ) -> Result<LabelCalibrationOptions> {
        self.refuse_idle_score(folder.task, "one prediction per image")?;
        let of_classes = [
            ("--method", self.method.is_some()),
            ("--no-temperature", self.no_temperature),
        ];
        if let Some((option, _)) = of_classes.into_iter().find(|(_, is_typed)| *is_typed)
        {
            let message = "applies to classes, but labels were predicted";
            return Err(Error::setting(option, message).with_hint("leave it out"));
        }
        Ok(LabelCalibrationOptions {
            score: self.label_score()?,
            target: self.threshold_target(),
            confidence: self.confidence,
            ood_keep: self.ood_keep,
            alpha: self.alpha,
            threads: self.n_threads(),
        })
    }

    /// Returns the score of the thresholds.
    fn label_score(&self) -> Result<ImageScore> {
        let measure = self.measure.as_deref().unwrap_or(LABEL_PREDICTIVE_ENTROPY.name);
        let measure = ImageScore::label_measure_of(measure).map_err(|message| {
            Error::setting("measure", message).with_hint("`mcdrop evaluate` ranks them")
        })?;
        let typed = self.aggregation.as_deref().unwrap_or(Aggregation::Mean.name());
        let possible = AGGREGATIONS.into_iter().find(|one| one.name() == typed);
        let Some(aggregation) = possible else {
            let names = AGGREGATIONS.map(Aggregation::name).join(", ");
            let message = format!("unknown aggregation \"{typed}\": labels have {names}");
            return Err(
                Error::setting("aggregation", message).with_hint("use one of them")
            );
        };
        Ok(ImageScore { measure, aggregation, channel: None })
    }
}

/// Returns the result as text.
fn report(calibration: &LabelCalibration) -> String {
    let mut lines = Vec::new();
    let policy = &calibration.policy;
    if let Some(labels) = &policy.labels {
        let n = labels.images;
        match labels.method {
            LabelThresholdMethod::RiskControl => {
                let at_least = labels.thresholds.first().map_or(0.5, |one| one.at_least);
                lines.push(format!(
                    "all labels hold from {at_least:.4} on ({n} images): {}",
                    labels.promise
                ));
            }
            LabelThresholdMethod::F1 => {
                lines.push(format!("thresholds with the largest F1 ({n} images)"));
                for (found, threshold) in calibration.f1.iter().zip(&labels.thresholds) {
                    let name = &threshold.label;
                    lines.push(match found {
                        Some(found) => format!(
                            "  {name:<20} {:.4}: F1 {:.4}, with 0.5 {:.4}",
                            found.at_least, found.f1, found.f1_before
                        ),
                        None => format!(
                            "  {name:<20} {:.4}: it holds for none or for all",
                            threshold.at_least
                        ),
                    });
                }
            }
        }
    }
    if let (Some(accept), Some(kept)) = (&policy.accept, calibration.coverage) {
        lines.push(kept_line(accept, kept));
    }
    if let (Some(accept), Some((risk_control, n))) =
        (&policy.accept, calibration.risk_control)
    {
        let line = risk_line(accept, risk_control);
        lines.push(format!("{line} ({n} other images)"));
    }
    lines.extend(out_of_distribution_line(policy));
    lines.join("\n")
}
