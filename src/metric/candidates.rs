//! Scores of images: every ranked score by every aggregation, and images in their order.

use std::collections::BTreeMap;

use super::bootstrap;
use super::group::Group;
use super::record::ImageOutcome;
use super::spec::EvaluationSpec;
use super::table::RankedItems;
use crate::task::Item;

/// Images by id: sums over them go along the ids, so they do not depend on the order of arrival.
pub(super) type ImageOutcomes = BTreeMap<String, ImageOutcome>;

/// The names of candidates, in the order of [`ImageOutcome::value`]: score and aggregation.
pub(super) fn names(spec: &EvaluationSpec) -> Vec<(&str, &'static str)> {
    let scores = spec.ranked().into_iter();
    scores
        .flat_map(|score| spec.aggregations().iter().map(move |by| (score, by.name())))
        .collect()
}

/// The end of a candidate's key.
pub(super) fn suffix(
    spec: &EvaluationSpec,
    (score, aggregation): (&str, &str),
) -> String {
    match spec.item() {
        Item::Image => score.to_owned(),
        Item::Pixel => format!("{score}.{aggregation}"),
    }
}

/// Images, and how often the replicates of the bootstrap have each.
#[derive(Debug)]
pub(super) struct RankedImages<'a> {
    inside: &'a ImageOutcomes,
    outside: &'a ImageOutcomes,
    mean_loss: f64,
    /// For each replicate the times of the images inside, in the order of their ids, then of
    /// those outside.
    replicates: Vec<Vec<f64>>,
}

/// An image in the order of a candidate: its score, its wrong part, and which one it is.
type RankedImage = (f32, f64, usize);

impl<'a> RankedImages<'a> {
    pub(super) fn new(
        inside: &'a ImageOutcomes,
        outside: &'a ImageOutcomes,
        n_replicates: usize,
    ) -> Self {
        let ids = || inside.keys().chain(outside.keys());
        let keys: Vec<u64> = ids().map(|id| bootstrap::key(id)).collect();
        let times =
            |b: usize| keys.iter().map(|&key| bootstrap::weight(key, b) as f64).collect();
        let replicates = (0..n_replicates).map(times).collect();
        Self { inside, outside, mean_loss: mean_loss(inside), replicates }
    }

    /// What a function makes of all images in the order of a candidate, and of those of each
    /// replicate.
    pub(super) fn values<T>(
        &self,
        of: RankedItems,
        candidate: usize,
        value: impl Fn(&[Group]) -> T,
    ) -> (T, Vec<T>) {
        let mut places = match of {
            RankedItems::OutsideImages => self.sides(candidate),
            _ => self.losses(of, candidate),
        };
        // Sorted once for all replicates, which differ in the times alone.
        places.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.2.cmp(&b.2)));
        let replicates = self.replicates.iter();
        let replicates = replicates.map(|times| value(&grouped(&places, |i| times[i])));
        (value(&grouped(&places, |_| 1.0)), replicates.collect())
    }

    /// Images inside are right, those outside wrong.
    fn sides(&self, candidate: usize) -> Vec<RankedImage> {
        let inside = self.inside.values().map(|record| (record, 0.0));
        let outside = self.outside.values().map(|record| (record, 1.0));
        (0..)
            .zip(inside.chain(outside))
            .map(|(i, (record, wrong))| (record.value(candidate), wrong, i))
            .collect()
    }

    /// Labeled images inside are wrong by their loss, or when they are bad.
    fn losses(&self, of: RankedItems, candidate: usize) -> Vec<RankedImage> {
        let records = (0..).zip(self.inside.values());
        records
            .filter_map(|(i, record)| {
                let loss = record.loss()?;
                let is_bad = f64::from(u8::from(loss > self.mean_loss));
                let wrong = if of == RankedItems::BadImages { is_bad } else { loss };
                Some((record.value(candidate), wrong, i))
            })
            .collect()
    }
}

/// Images in the order of their scores, each some times, ties in one group.
fn grouped(places: &[RankedImage], times: impl Fn(usize) -> f64) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::with_capacity(places.len());
    let mut previous = None;
    for &(score, wrong_part, i) in places {
        let times = times(i);
        if times > 0.0 {
            let (right, wrong) = (times * (1.0 - wrong_part), times * wrong_part);
            match groups.last_mut().filter(|_| previous == Some(score.to_bits())) {
                Some(last) => {
                    last.right += right;
                    last.wrong += wrong;
                }
                None => groups.push(Group { right, wrong, is_mixed: false }),
            }
            previous = Some(score.to_bits());
        }
    }
    groups
}

/// The mean loss of labeled images, above which an image is a bad one; for losses of 0 and 1
/// these are the wrong ones.
fn mean_loss(records: &ImageOutcomes) -> f64 {
    let losses = || records.values().filter_map(ImageOutcome::loss);
    losses().sum::<f64>() / losses().count().max(1) as f64
}

/// Number of labeled images.
pub(super) fn n_labeled(records: &ImageOutcomes) -> usize {
    records.values().filter(|record| record.n_labeled > 0).count()
}
