//! Adding a pass whose channels do not depend on each other: labels, or values with a variance.

use super::elementary::{exp, ln, ln_1p};
use super::strip::{PassKind, PassSource, Strip};
use super::{Invalid, OutputKind, Reason, SpreadForm, TargetUnit};

/// Largest argument of [`exp`].
const HIGHEST_EXPONENT: f32 = 88.0;

impl Strip {
    /// Adds `W` pixels of a pass, channel by channel.
    #[inline(always)]
    pub(super) fn take_channels<const W: usize>(
        &mut self,
        offset: usize,
        source: &PassSource,
        pass: PassKind,
        scratch: &mut [f32],
    ) -> Result<(), Invalid> {
        let (rows, _) = scratch.as_chunks_mut::<W>();
        let (rows, spreads) = rows.split_at_mut(self.n_classes);
        let spreads = &mut spreads[..self.n_classes];
        let first = self.first_pixel + offset;
        let kind = source.scores.load(first, rows);
        if let Some((spread, _)) = &source.spread {
            spread.load(first, spreads);
        }
        for channel in 0..self.n_classes {
            let (value, within) = (&mut rows[channel], &mut spreads[channel]);
            let unit = source.units.get(channel).copied().unwrap_or_default();
            let found = match kind {
                OutputKind::Values => {
                    let form = source.spread.as_ref().map(|(_, form)| *form);
                    to_value(value, within, form, unit)
                }
                OutputKind::LabelProbabilities => clamp_probability(value, within),
                _ => to_probability(value, within),
            };
            if let Some((lane, reason)) = found {
                return Err(Invalid { pixel: first + lane, channel, reason });
            }
            self.add_channel(offset, channel, (value, within), pass);
        }
        Ok(())
    }

    #[inline(always)]
    fn add_channel<const W: usize>(
        &mut self,
        offset: usize,
        channel: usize,
        (value, within): (&[f32; W], &[f32; W]),
        pass: PassKind,
    ) {
        let start = offset * self.n_classes + channel * W;
        let PassKind::Sample { weight } = pass else {
            self.deterministic_values[start..start + W].copy_from_slice(value);
            self.deterministic_within[start..start + W].copy_from_slice(within);
            return;
        };
        let means = &mut self.mean[start..start + W];
        if self.deviations.is_empty() {
            for (mean, value) in means.iter_mut().zip(value) {
                *mean += (value - *mean) * weight;
            }
        } else {
            let deviations = &mut self.deviations[start..start + W];
            for ((mean, deviation), value) in means.iter_mut().zip(deviations).zip(value)
            {
                let before = value - *mean;
                *mean += before * weight;
                *deviation += before * (value - *mean);
            }
        }
        if !self.within.is_empty() {
            for (mean, value) in self.within[start..start + W].iter_mut().zip(within) {
                *mean += (value - *mean) * weight;
            }
        }
    }
}

/// Converts what the network writes to values and variances in the target's unit. Returns the
/// first lane that is invalid.
#[inline(always)]
fn to_value<const W: usize>(
    value: &mut [f32; W],
    spread: &mut [f32; W],
    form: Option<SpreadForm>,
    unit: TargetUnit,
) -> Option<(usize, Reason)> {
    let finite = value.iter().all(|value| value.is_finite());
    if !finite {
        let lane = value.iter().position(|value| !value.is_finite());
        return lane.map(|lane| (lane, Reason::NotFinite));
    }
    for value in value.iter_mut() {
        *value = *value * unit.scale + unit.offset;
    }
    match form {
        Some(form) => variance(spread, form),
        None => *spread = [0.0; W],
    }
    let square = unit.scale * unit.scale;
    let mut is_valid = true;
    for spread in spread.iter_mut() {
        *spread = (*spread + unit.noise_variance) * square;
        // A negative variance or standard deviation is NaN here.
        is_valid &= *spread < f32::INFINITY;
    }
    if is_valid {
        return None;
    }
    let lane = spread.iter().position(|spread| !spread.is_finite());
    lane.map(|lane| (lane, Reason::Spread))
}

/// Converts a head of a variance to the variance; NaN if it is negative or not finite.
#[inline(always)]
pub(super) fn variance<const W: usize>(spread: &mut [f32; W], form: SpreadForm) {
    let unless_negative =
        |value: f32, result: f32| if value >= 0.0 { result } else { f32::NAN };
    let power = |exponent: f32| {
        if exponent <= HIGHEST_EXPONENT { exp(exponent) } else { f32::NAN }
    };
    // The form is chosen outside of the loop, which is then vectorized.
    match form {
        SpreadForm::Variance => replace(spread, |x| unless_negative(x, x)),
        SpreadForm::LogVariance => replace(spread, power),
        SpreadForm::Std => replace(spread, |x| unless_negative(x, x * x)),
        SpreadForm::LogStd => replace(spread, |x| power(2.0 * x)),
        SpreadForm::LaplaceScale => {
            replace(spread, |x| unless_negative(x, 2.0 * x * x));
        }
        SpreadForm::LogLaplaceScale => replace(spread, |x| 2.0 * power(2.0 * x)),
    }
}

#[inline(always)]
fn replace<const W: usize>(values: &mut [f32; W], by: impl Fn(f32) -> f32) {
    for value in values {
        *value = by(*value);
    }
}

/// Converts logits of labels to probabilities and their entropies.
#[inline(always)]
fn to_probability<const W: usize>(
    logit: &mut [f32; W],
    entropy: &mut [f32; W],
) -> Option<(usize, Reason)> {
    let mut is_valid = true;
    for (value, entropy) in logit.iter_mut().zip(entropy) {
        let x = *value;
        is_valid &= !x.is_nan();
        let distance = x.abs().min(HIGHEST_EXPONENT);
        let e = exp(-distance);
        let inverse = 1.0 / (1.0 + e);
        *value = if x < 0.0 { e * inverse } else { inverse };
        // H = ln(1 + e) + |x| e / (1 + e), accurate also where the label is nearly certain.
        *entropy = ln_1p(e) + distance * e * inverse;
        *value = if x.is_nan() { f32::NAN } else { *value };
    }
    if is_valid {
        return None;
    }
    let lane = logit.iter().position(|value| value.is_nan());
    lane.map(|lane| (lane, Reason::NotFinite))
}

/// Limits probabilities of labels to the unit interval and computes their entropies.
#[inline(always)]
fn clamp_probability<const W: usize>(
    probability: &mut [f32; W],
    entropy: &mut [f32; W],
) -> Option<(usize, Reason)> {
    let bad = probability.iter().position(|value| !value.is_finite());
    if let Some(lane) = bad {
        return Some((lane, Reason::NotFinite));
    }
    for (value, entropy) in probability.iter_mut().zip(entropy) {
        *value = value.clamp(0.0, 1.0);
        *entropy = binary_entropy(*value);
    }
    None
}

/// Returns the entropy of an event of this probability, in nats.
#[inline(always)]
pub(crate) fn binary_entropy(p: f32) -> f32 {
    let rest = (1.0 - p).max(f32::MIN_POSITIVE);
    let entropy = -p * ln(p) - rest * ln(rest);
    if entropy > 0.0 { entropy } else { 0.0 }
}
