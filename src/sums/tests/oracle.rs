//! Naive statistics in f64.

use super::super::*;

/// Statistics of samples of the same size as the maps, class by class, pixel by pixel.
pub(super) struct Oracle {
    n_pixels: usize,
    mean: Vec<f64>,
    deviations: Vec<f64>,
    pub(super) entropy: Vec<f64>,
    votes: Vec<u16>,
}

impl Oracle {
    pub(super) fn new(
        samples: &[Vec<f32>],
        n_channels: usize,
        n_pixels: usize,
        kind: OutputKind,
    ) -> Self {
        let (n_classes, n) = (n_channels.max(2), samples.len() as f64);
        let mut oracle = Self {
            n_pixels,
            mean: vec![0.0; n_classes * n_pixels],
            deviations: vec![0.0; n_classes * n_pixels],
            entropy: vec![0.0; n_pixels],
            votes: vec![0; n_classes * n_pixels],
        };
        for pixel in 0..n_pixels {
            let of_sample = |sample: &Vec<f32>| {
                let channels = sample[pixel..].iter().step_by(n_pixels);
                probabilities(&channels.map(|&x| f64::from(x)).collect::<Vec<_>>(), kind)
            };
            let all: Vec<Vec<f64>> = samples.iter().map(of_sample).collect();
            for class in 0..n_classes {
                let mean = all.iter().map(|p| p[class]).sum::<f64>() / n;
                let deviations = all.iter().map(|p| (p[class] - mean).powi(2)).sum();
                oracle.mean[class * n_pixels + pixel] = mean;
                oracle.deviations[class * n_pixels + pixel] = deviations;
            }
            for p in &all {
                let best =
                    (0..n_classes).rev().max_by(|&a, &b| p[a].total_cmp(&p[b])).unwrap();
                oracle.votes[best * n_pixels + pixel] += 1;
                oracle.entropy[pixel] += entropy(p) / n;
            }
        }
        oracle
    }

    /// Checks every sum: means and entropies to `tolerance`, deviations to `tolerance` per sample.
    pub(super) fn assert_close(&self, statistics: &Statistics, tolerance: f64) {
        let n = statistics.n_samples() as f64;
        let close = |value: f32, exact: f64, tolerance: f64| {
            let error = (f64::from(value) - exact).abs();
            assert!(error < tolerance, "{value} {exact}: {error:e}, {n} samples");
        };
        for (first_pixel, tile) in statistics.tiles() {
            for class in 0..statistics.n_classes() {
                for lane in 0..tile.lanes() {
                    let i = class * self.n_pixels + first_pixel + lane;
                    close(tile.mean(class)[lane], self.mean[i], tolerance);
                    let deviation = tile.squared_deviations(class)[lane];
                    close(deviation, self.deviations[i], tolerance * n);
                    assert_eq!(tile.votes(class)[lane], self.votes[i], "class {class}");
                }
            }
            for (lane, &value) in tile.within().iter().enumerate() {
                close(value, self.entropy[first_pixel + lane], 2.0 * tolerance);
            }
        }
    }
}

fn probabilities(channels: &[f64], kind: OutputKind) -> Vec<f64> {
    let scores: Vec<f64> = match (channels, kind) {
        ([one], OutputKind::Logits) => vec![1.0, one.exp()],
        ([one], OutputKind::Probabilities) => vec![1.0 - one, *one],
        (_, OutputKind::Logits) => {
            let largest = channels.iter().copied().fold(f64::MIN, f64::max);
            channels.iter().map(|x| (x - largest).exp()).collect()
        }
        _ => channels.to_vec(),
    };
    let sum: f64 = scores.iter().sum();
    scores.iter().map(|x| x / sum).collect()
}

pub(super) fn entropy(p: &[f64]) -> f64 {
    // The largest probability is not summed as p ln p, so that f64 is accurate if that class is
    // certain.
    let best = (0..p.len()).max_by(|&a, &b| p[a].total_cmp(&p[b])).unwrap();
    let others: f64 = (0..p.len()).filter(|&c| c != best).map(|c| p[c]).sum();
    let terms = (0..p.len()).filter(|&c| c != best && p[c] > 0.0);
    -terms.map(|c| p[c] * p[c].ln()).sum::<f64>() - (1.0 - others) * (-others).ln_1p()
}
