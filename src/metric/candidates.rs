//! Scores of images: every ranked score by every aggregation, and images in their order.

use std::collections::BTreeMap;

use super::bootstrap;
use super::group::{Group, grouped};
use super::layout::{Layout, Task};
use super::record::Record;
use super::table::Ranked;

/// Images by id: sums over them go along the ids, so they do not depend on the order of arrival.
pub(super) type Records = BTreeMap<String, Record>;

/// Which images are counted, and how often.
#[derive(Debug, Clone, Copy)]
pub(super) enum Draw {
    /// All of them, once.
    All,
    /// As often as a replicate has them.
    Replicate(usize),
}

impl Draw {
    fn weight(self, id: &str) -> f64 {
        match self {
            Self::All => 1.0,
            Self::Replicate(b) => bootstrap::weight(bootstrap::key(id), b) as f64,
        }
    }
}

/// The names of candidates, in the order of [`Record::value`]: score and aggregation.
pub(super) fn names(layout: &Layout) -> Vec<(&str, &'static str)> {
    let scores = layout.ranked().into_iter();
    scores
        .flat_map(|score| layout.aggregations().iter().map(move |by| (score, by.name())))
        .collect()
}

/// The end of a candidate's key.
pub(super) fn suffix(layout: &Layout, (score, aggregation): (&str, &str)) -> String {
    match layout.task() {
        Task::Classification => score.to_owned(),
        Task::Segmentation => format!("{score}.{aggregation}"),
    }
}

/// Images in an order, with what is wrong about them.
#[derive(Debug)]
pub(super) struct Images<'a> {
    /// Images inside the distribution.
    pub(super) inside: &'a Records,
    /// Images outside of it.
    pub(super) outside: &'a Records,
    weights: Weights,
}

/// How often a draw has each image, in the order of ids.
#[derive(Debug)]
struct Weights {
    inside: Vec<f64>,
    outside: Vec<f64>,
}

impl<'a> Images<'a> {
    /// The images of a draw.
    pub(super) fn new(inside: &'a Records, outside: &'a Records, draw: Draw) -> Self {
        let weights =
            |records: &Records| records.keys().map(|id| draw.weight(id)).collect();
        let weights = Weights { inside: weights(inside), outside: weights(outside) };
        Self { inside, outside, weights }
    }

    /// The images in groups by a candidate.
    pub(super) fn groups(
        &self,
        of: Ranked,
        candidate: usize,
        mean_loss: f64,
    ) -> Vec<Group> {
        let inside = self.inside.values().zip(&self.weights.inside);
        let mut items: Vec<(f32, f64, f64)> = match of {
            Ranked::Images => {
                let item = |wrong: f64| {
                    move |(record, &weight): (&Record, &f64)| {
                        (record.value(candidate), wrong, weight)
                    }
                };
                let outside = self.outside.values().zip(&self.weights.outside);
                inside.map(item(0.0)).chain(outside.map(item(1.0))).collect()
            }
            _ => inside
                .filter_map(|(record, &weight)| {
                    let loss = record.loss()?;
                    let is_bad = f64::from(u8::from(loss > mean_loss));
                    let wrong = if of == Ranked::BadImages { is_bad } else { loss };
                    Some((record.value(candidate), wrong, weight))
                })
                .collect(),
        };
        items.retain(|item| item.2 > 0.0);
        grouped(&mut items)
    }
}

/// The mean loss of labelled images, above which an image is a bad one; for losses of 0 and 1
/// these are the wrong ones.
pub(super) fn mean_loss(records: &Records) -> f64 {
    let losses = || records.values().filter_map(Record::loss);
    losses().sum::<f64>() / losses().count().max(1) as f64
}

/// Number of labelled images.
pub(super) fn n_labelled(records: &Records) -> usize {
    records.values().filter(|record| record.n_labelled > 0).count()
}
