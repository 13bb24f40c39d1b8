//! Curves behind the metrics of values, as plain numbers for drawing.

use super::distribution::level;
use super::formula::calibration::{coverages, std_bins};
use super::formula::sparsification::{RemovalKey, steps};
use super::spec::StdSource;
use super::value_evaluation::ValueEvaluation;
use crate::metric::curve::Curve;

impl ValueEvaluation {
    /// Returns `error_by_std.STD` for each standard deviation: the root of the mean squared error
    /// over the root of the mean variance, in 15 bins of the standard deviation with equally many
    /// items. Both are in the unit of the target; they are equal for a calibrated prediction.
    pub fn error_by_std(&self) -> Vec<Curve> {
        let data = self.data();
        let selections = data.stds().into_iter().zip(data.spec.std_sources());
        selections
            .map(|(selection, source)| {
                let bins = std_bins(&selection.input(data.pooled));
                let points = bins.iter().map(|bin| (bin.std(), bin.rmse()));
                Curve::new(format!("error_by_std.{}", source.name()), points)
            })
            .collect()
    }

    /// Returns `coverage.total_std`, and `coverage.deterministic_std` if the pass without dropout
    /// has a variance: the share of the labels inside of the central interval over its level.
    pub fn coverage(&self) -> Vec<Curve> {
        let data = self.data();
        let names = [StdSource::Total, StdSource::Deterministic].map(StdSource::name);
        let selections = data.distributions().into_iter().zip(names);
        selections
            .map(|(selection, name)| {
                let coverages =
                    coverages(&selection.input(data.pooled)).into_iter().enumerate();
                let points = coverages.map(|(index, share)| (level(index), share));
                Curve::new(format!("coverage.{name}"), points)
            })
            .collect()
    }

    /// Returns `sparsification.STD` for each standard deviation, and `sparsification.best` in the
    /// order of the errors: the root of the mean squared error of the remaining items over the
    /// share removed, divided by that of all items. If the pass without dropout has a variance,
    /// `sparsification.deterministic_best` is the best order of its own errors.
    pub fn sparsification(&self) -> Vec<Curve> {
        let data = self.data();
        let sources = data.spec.std_sources();
        let stds =
            data.stds().into_iter().zip(sources.iter().map(|source| source.name()));
        let stds = stds.map(|(selection, name)| (selection, RemovalKey::Std, name));
        let best = data.distributions().into_iter().zip(["best", "deterministic_best"]);
        let best = best.map(|(selection, name)| (selection, RemovalKey::Error, name));
        stds.chain(best)
            .filter_map(|(selection, key, name)| {
                let steps = steps(&selection.input(data.pooled), key)?;
                let points = steps.iter().map(|step| (step.removed, step.rest));
                Some(Curve::new(format!("sparsification.{name}"), points))
            })
            .collect()
    }
}
