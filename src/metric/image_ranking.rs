//! Which score of an image, by which aggregation, finds the images with many wrong items.

use super::bootstrap::{self, FEWEST_IMAGES};
use super::candidates::{self, RankedImages};
use super::evaluation::Evaluation;
use super::ranking::auroc;
use super::selective::aurc;
use super::table::RankedItems;

/// A score of images: a measure, or the pass without dropout, by an aggregation.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreCandidate {
    /// The measure, or [`DETERMINISTIC`](super::DETERMINISTIC).
    pub score: String,
    /// The name of the aggregation.
    pub aggregation: &'static str,
    /// The area under the risk-coverage curve of images; the risk is the share of wrong items.
    pub aurc: f64,
    /// Its 95 % interval.
    pub aurc_interval: Option<(f64, f64)>,
    /// The probability that an image with a loss above the mean has a higher score than
    /// another; None where all have the same loss.
    pub auroc: Option<f64>,
    /// Its 95 % interval.
    pub auroc_interval: Option<(f64, f64)>,
    /// The 95 % interval of this AURC less the best one's, over the same replicates of the
    /// images; None for the best itself.
    pub behind_best: Option<(f64, f64)>,
}

/// What a ranking of candidates comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RankingVerdict {
    /// The first is better than every other: no interval of a difference holds 0.
    Best,
    /// The first and this many behind it cannot be told apart on these images.
    Tie(usize),
    /// There are too few labeled images to tell, or no intervals were asked for.
    TooFew,
    /// No image differs from another in its loss, so nothing can be found.
    NothingToFind,
}

/// The candidates by their AURC, the best first.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageRanking {
    /// All candidates; empty without labeled images.
    pub candidates: Vec<ScoreCandidate>,
    /// Whether the first is to be used.
    pub verdict: RankingVerdict,
}

impl Evaluation {
    /// Ranks all scores and aggregations by how well they find the images with a high loss, the
    /// share of their labeled items that are wrong.
    ///
    /// Candidates of equal AURC stand in the order of the spec. A candidate ties with the best
    /// when the interval of the difference of their AURC over the replicates holds 0. With many
    /// candidates some that are worse will tie by chance; the best of several that tie is no
    /// finding.
    pub fn rank_images(&self) -> ImageRanking {
        let source = self.source();
        let (spec, inside) = (source.spec, source.inside);
        let n_replicates = match candidates::n_labeled(inside) {
            n if n >= FEWEST_IMAGES => spec.options().replicates,
            _ => 0,
        };
        let images = RankedImages::new(inside, source.outside, n_replicates);
        let mut ranked: Vec<(ScoreCandidate, Vec<Option<f64>>)> = (0..)
            .zip(candidates::names(spec))
            .filter_map(|(i, (score, aggregation))| {
                let (own_aurc, aurcs) = images.values(RankedItems::ImagesByLoss, i, aurc);
                let (own_auroc, aurocs) = images.values(RankedItems::BadImages, i, auroc);
                let candidate = ScoreCandidate {
                    score: score.to_owned(),
                    aggregation,
                    aurc: own_aurc?,
                    aurc_interval: bootstrap::interval(&aurcs, 0.0),
                    auroc: own_auroc,
                    auroc_interval: own_auroc.and(bootstrap::interval(&aurocs, 0.0)),
                    behind_best: None,
                };
                Some((candidate, aurcs))
            })
            .collect();
        ranked.sort_by(|a, b| a.0.aurc.total_cmp(&b.0.aurc));
        compare(&mut ranked);
        let verdict = verdict(&ranked, n_replicates);
        let candidates = ranked.into_iter().map(|(candidate, _)| candidate).collect();
        ImageRanking { candidates, verdict }
    }
}

/// Fills in the differences to the first, replicate by replicate.
fn compare(ranked: &mut [(ScoreCandidate, Vec<Option<f64>>)]) {
    let Some(((_, best), others)) = ranked.split_first_mut() else { return };
    for (candidate, aurcs) in others {
        let pairs = aurcs.iter().zip(&*best);
        let differences: Vec<Option<f64>> =
            pairs.map(|(own, best)| Some((*own)? - (*best)?)).collect();
        candidate.behind_best = bootstrap::interval(&differences, 0.0);
    }
}

fn verdict(
    ranked: &[(ScoreCandidate, Vec<Option<f64>>)],
    n_replicates: usize,
) -> RankingVerdict {
    let Some((best, _)) = ranked.first() else { return RankingVerdict::TooFew };
    if best.auroc.is_none() {
        return RankingVerdict::NothingToFind;
    }
    if n_replicates == 0 {
        return RankingVerdict::TooFew;
    }
    let ties = ranked[1..].iter().filter(|(candidate, _)| {
        // Without an interval nothing says that it is worse.
        candidate.behind_best.is_none_or(|(low, _)| low <= 0.0)
    });
    match ties.count() {
        0 => RankingVerdict::Best,
        n => RankingVerdict::Tie(n),
    }
}
