//! Curves behind the metrics of labels, as plain numbers for drawing.

use super::label_evaluation::LabelEvaluation;
use super::spec::MICRO;
use super::sums::{LabelPredictionSums, LabelSums};
use crate::metric::curve::{Curve, thinned};
use crate::metric::histogram::{number, totals};

impl LabelEvaluation {
    /// Returns `reliability.micro` and `reliability.LABEL` for each label: the frequency of the
    /// label over its mean probability, in each of the 15 bins that is not empty.
    pub fn reliability(&self) -> Vec<Curve> {
        self.of_labels("reliability", |sums| {
            let bins = sums.tally.reliability.iter().filter(|bin| bin.count > 0);
            bins.map(|bin| {
                let count = bin.count as f64;
                (number(bin.sum) / count, bin.hits as f64 / count)
            })
            .collect()
        })
    }

    /// Returns `roc.micro` and `roc.LABEL` for each label with items of both kinds: the share of the
    /// items with the label that are found, over the share of the others that are found too.
    pub fn roc(&self) -> Vec<Curve> {
        self.of_labels("roc", |sums| {
            let groups = sums.probabilities.groups();
            let (negatives, positives) = totals(&groups);
            if negatives == 0.0 || positives == 0.0 {
                return Vec::new();
            }
            let (mut x, mut y) = (0.0, 0.0);
            let found = groups.iter().rev().map(|group| {
                x += group.right / negatives;
                y += group.wrong / positives;
                (x, y)
            });
            std::iter::once((0.0, 0.0)).chain(found).collect()
        })
    }

    /// Returns `precision_recall.micro` and `precision_recall.LABEL` for each label with items of
    /// both kinds: the precision over the recall.
    pub fn precision_recall(&self) -> Vec<Curve> {
        self.of_labels("precision_recall", |sums| {
            let groups = sums.probabilities.groups();
            let (negatives, positives) = totals(&groups);
            if negatives == 0.0 || positives == 0.0 {
                return Vec::new();
            }
            let (mut found, mut count) = (0.0, 0.0);
            let points = groups.iter().rev().map(|group| {
                found += group.wrong;
                count += group.count();
                (found / positives, found / count)
            });
            points.collect()
        })
    }

    fn of_labels(
        &self,
        name: &str,
        points: impl Fn(&LabelPredictionSums) -> Vec<(f64, f64)>,
    ) -> Vec<Curve> {
        let data = self.data();
        let together = data.pooled.together(data.spec);
        let names = data.spec.labels().iter().map(|label| label.name.as_str());
        let names = std::iter::once(MICRO).chain(names);
        let sums = std::iter::once(&together).chain(&data.pooled.labels);
        names
            .zip(sums)
            .map(|(label, LabelSums { predictions, .. })| {
                Curve::new(format!("{name}.{label}"), thinned(points(&predictions[0])))
            })
            .collect()
    }
}
