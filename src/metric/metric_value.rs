//! The value of a metric, with its interval.

/// Value of a metric on the images of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricValue {
    /// Name of the metric, followed by the class, score, patch size or aggregation if it has one:
    /// `misclassification.auroc.mutual_information`. Before it may be the name of a label or average:
    /// `fog.auroc`.
    pub key: String,
    /// Name of the metric ([`Metric::by_name`](super::Metric::by_name), or that of
    /// [`ValueMetric`](super::ValueMetric) or [`LabelMetric`](super::LabelMetric)).
    pub metric: &'static str,
    /// The value; `None` if the metric is undefined.
    pub value: Option<f64>,
    /// Ends of the 95 % interval by the bootstrap over images. `None` for fewer than
    /// [`FEWEST_IMAGES`](super::FEWEST_IMAGES) labeled images (outside images, for metrics about
    /// these), for counts, and if the metric is often undefined.
    ///
    /// Replicates count scores in coarser bins, 32 per octave (8 for patches, 16 for values and 4
    /// for their rank correlation). The effect of these bins on the value of all images is
    /// subtracted, so the error of the ends is only the change of this effect between replicates.
    /// Metrics whose `bin_error` is zero for every score (accuracy, calibration with equal width)
    /// have exact ends.
    pub interval: Option<(f64, f64)>,
    /// Ends of the 95 % interval of the value minus that of the pass without dropout
    /// ([`DETERMINISTIC`](super::DETERMINISTIC)), over the same replicates. Both see the same images,
    /// so this interval is narrower than the two intervals suggest. Only for metrics of scores, of
    /// labels and of values.
    pub difference: Option<(f64, f64)>,
    /// Bound on the distance from the value without bins.
    pub bin_error: f64,
}
