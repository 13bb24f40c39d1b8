//! Ranking of images by their scores, and of scores by how well they rank images.
//!
//! A candidate is a score, which is a measure or the pass without dropout, with an aggregation.

use std::collections::BTreeMap;

use super::bootstrap::{self, FEWEST_IMAGES};
use super::formula::ranking::auroc;
use super::formula::selective::aurc;
use super::histogram::Group;
use super::image_summary::ImageOutcome;
use super::spec::EvaluationSpec;
use super::table::RankedItems;
use crate::task::Item;

/// Images by id. Sums over them follow the order of ids, so they do not depend on the order of
/// arrival.
pub(super) type ImageOutcomes = BTreeMap<String, ImageOutcome>;

/// Returns the names of all candidates, score and aggregation, in the order of
/// [`ImageOutcome::value`].
pub(super) fn candidate_names(spec: &EvaluationSpec) -> Vec<(&str, &'static str)> {
    let scores = spec.ranked().into_iter();
    scores
        .flat_map(|score| spec.aggregations().iter().map(move |by| (score, by.name())))
        .collect()
}

/// Returns the ending of a candidate's key.
pub(super) fn candidate_key(
    spec: &EvaluationSpec,
    (score, aggregation): (&str, &str),
) -> String {
    match spec.item() {
        Item::Image => score.to_owned(),
        Item::Pixel => format!("{score}.{aggregation}"),
    }
}

/// Returns the number of labeled images.
pub(super) fn n_labeled(outcomes: &ImageOutcomes) -> usize {
    outcomes.values().filter(|outcome| outcome.n_labeled > 0).count()
}

/// All images, and their weights in the replicates of the bootstrap.
#[derive(Debug)]
pub(super) struct RankedImages<'a> {
    inside: &'a ImageOutcomes,
    outside: &'a ImageOutcomes,
    /// Mean loss of the labeled images. Images with a larger loss are bad ones; for losses of 0
    /// and 1 these are the wrong ones.
    mean_loss: f64,
    /// For each replicate, the weights of the images inside, in the order of their ids, and then
    /// of those outside.
    replicates: Vec<Vec<f64>>,
}

/// An image in the order of a candidate.
#[derive(Debug, Clone, Copy)]
struct RankedImage {
    score: f32,
    /// Part of the image that counts as wrong, from 0 to 1.
    wrong: f64,
    /// Index of the image in [`RankedImages::replicates`].
    index: usize,
}

impl<'a> RankedImages<'a> {
    pub(super) fn new(
        inside: &'a ImageOutcomes,
        outside: &'a ImageOutcomes,
        n_replicates: usize,
    ) -> Self {
        let keys: Vec<u64> =
            inside.keys().chain(outside.keys()).map(|id| bootstrap::key(id)).collect();
        let replicates = (0..n_replicates)
            .map(|b| keys.iter().map(|&key| bootstrap::weight(key, b) as f64).collect())
            .collect();
        let losses: Vec<f64> = inside.values().filter_map(ImageOutcome::loss).collect();
        let mean_loss = losses.iter().sum::<f64>() / losses.len().max(1) as f64;
        Self { inside, outside, mean_loss, replicates }
    }

    /// Computes a value from all images in the order of a candidate, and from those of each
    /// replicate.
    pub(super) fn values<T>(
        &self,
        items: RankedItems,
        candidate: usize,
        value: impl Fn(&[Group]) -> T,
    ) -> (T, Vec<T>) {
        let mut images = match items {
            RankedItems::OutsideImages => self.inside_and_outside(candidate),
            _ => self.labeled(items, candidate),
        };
        // Sorted once for all replicates, which differ only in the weights.
        images.sort_by(|a, b| a.score.total_cmp(&b.score).then(a.index.cmp(&b.index)));
        let replicates = self.replicates.iter();
        let replicates =
            replicates.map(|weights| value(&grouped(&images, |i| weights[i])));
        (value(&grouped(&images, |_| 1.0)), replicates.collect())
    }

    /// Returns all images; those inside are right, those outside wrong.
    fn inside_and_outside(&self, candidate: usize) -> Vec<RankedImage> {
        let inside = self.inside.values().map(|outcome| (outcome, 0.0));
        let outside = self.outside.values().map(|outcome| (outcome, 1.0));
        (0..)
            .zip(inside.chain(outside))
            .map(|(index, (outcome, wrong))| RankedImage {
                score: outcome.value(candidate),
                wrong,
                index,
            })
            .collect()
    }

    /// Returns the labeled images inside, wrong by their loss or if they are bad.
    fn labeled(&self, items: RankedItems, candidate: usize) -> Vec<RankedImage> {
        let outcomes = (0..).zip(self.inside.values());
        outcomes
            .filter_map(|(index, outcome)| {
                let loss = outcome.loss()?;
                let is_bad = f64::from(u8::from(loss > self.mean_loss));
                let wrong = if items == RankedItems::BadImages { is_bad } else { loss };
                Some(RankedImage { score: outcome.value(candidate), wrong, index })
            })
            .collect()
    }
}

/// Groups sorted images of equal score; `weight` is the number of times that an image counts.
fn grouped(images: &[RankedImage], weight: impl Fn(usize) -> f64) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::with_capacity(images.len());
    let mut previous = None;
    for image in images {
        let weight = weight(image.index);
        if weight > 0.0 {
            let (right, wrong) = (weight * (1.0 - image.wrong), weight * image.wrong);
            let score = Some(image.score.to_bits());
            match groups.last_mut().filter(|_| previous == score) {
                Some(last) => {
                    last.right += right;
                    last.wrong += wrong;
                }
                None => groups.push(Group { right, wrong, is_mixed: false }),
            }
            previous = score;
        }
    }
    groups
}

/// A candidate with its quality at finding images with many wrong items.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreCandidate {
    /// Name of the measure, or [`DETERMINISTIC`](super::DETERMINISTIC).
    pub score: String,
    /// Name of the aggregation.
    pub aggregation: &'static str,
    /// Area under the risk-coverage curve of images; the risk is the share of wrong items.
    pub aurc: f64,
    /// 95 % interval of `aurc`.
    pub aurc_interval: Option<(f64, f64)>,
    /// Probability that an image with a loss above the mean has a higher score than another one;
    /// `None` if all images have the same loss.
    pub auroc: Option<f64>,
    /// 95 % interval of `auroc`.
    pub auroc_interval: Option<(f64, f64)>,
    /// 95 % interval of this AURC minus the best one, over the same replicates of the images;
    /// `None` for the best candidate.
    pub behind_best: Option<(f64, f64)>,
}

/// Conclusion from a ranking of candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RankingVerdict {
    /// The first candidate is better than every other: no interval of a difference contains 0.
    Best,
    /// The first candidate and this number of others cannot be distinguished on these images.
    Tie(usize),
    /// There are too few labeled images for a conclusion, or intervals are disabled.
    TooFew,
    /// All images have the same loss, so there is nothing to find.
    NothingToFind,
}

/// Candidates sorted by AURC, the best first.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageRanking {
    /// All candidates; empty without labeled images.
    pub candidates: Vec<ScoreCandidate>,
    /// Conclusion about the first candidate.
    pub verdict: RankingVerdict,
}

/// A candidate with its AURC in each replicate.
struct RankedCandidate {
    candidate: ScoreCandidate,
    replicates: Vec<Option<f64>>,
}

/// Ranks all candidates by how well they find the images with a high loss.
pub(super) fn rank_candidates(
    spec: &EvaluationSpec,
    inside: &ImageOutcomes,
    outside: &ImageOutcomes,
) -> ImageRanking {
    let n_replicates = match n_labeled(inside) {
        n if n >= FEWEST_IMAGES => spec.options().replicates,
        _ => 0,
    };
    let images = RankedImages::new(inside, outside, n_replicates);
    let mut ranked: Vec<RankedCandidate> = candidate_names(spec)
        .into_iter()
        .enumerate()
        .filter_map(|(i, (score, aggregation))| {
            let (own_aurc, replicates) =
                images.values(RankedItems::ImagesByLoss, i, aurc);
            let (own_auroc, aurocs) = images.values(RankedItems::BadImages, i, auroc);
            let candidate = ScoreCandidate {
                score: score.to_owned(),
                aggregation,
                aurc: own_aurc?,
                aurc_interval: bootstrap::interval(&replicates, 0.0),
                auroc: own_auroc,
                auroc_interval: own_auroc.and(bootstrap::interval(&aurocs, 0.0)),
                behind_best: None,
            };
            Some(RankedCandidate { candidate, replicates })
        })
        .collect();
    ranked.sort_by(|a, b| a.candidate.aurc.total_cmp(&b.candidate.aurc));
    if let Some((best, others)) = ranked.split_first_mut() {
        for other in others {
            other.candidate.behind_best =
                bootstrap::difference_interval(&other.replicates, &best.replicates, 0.0);
        }
    }
    let candidates: Vec<ScoreCandidate> =
        ranked.into_iter().map(|ranked| ranked.candidate).collect();
    let verdict = verdict(&candidates, n_replicates);
    ImageRanking { candidates, verdict }
}

fn verdict(candidates: &[ScoreCandidate], n_replicates: usize) -> RankingVerdict {
    let Some((best, others)) = candidates.split_first() else {
        return RankingVerdict::TooFew;
    };
    if best.auroc.is_none() {
        return RankingVerdict::NothingToFind;
    }
    if n_replicates == 0 {
        return RankingVerdict::TooFew;
    }
    // Without an interval, nothing shows that a candidate is worse.
    let ties =
        others.iter().filter(|other| other.behind_best.is_none_or(|(low, _)| low <= 0.0));
    match ties.count() {
        0 => RankingVerdict::Best,
        n => RankingVerdict::Tie(n),
    }
}
