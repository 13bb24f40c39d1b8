//! A last bilinear resize of the logits that is left to the sums, which compute it tile by tile.

use super::Shortcut;
use super::engine::{Opener, Prefix, Suffix, SuffixLayout};
use super::options::SamplingOptions;
use super::output_layout::{HeadOutput, OutputLayout};
use super::size::Size;
use crate::error::Result;
use crate::graph::{LastResize, Plan};
use crate::runtime::Value;
use crate::sums::{Coordinates, ImageSums, PassOutput};
use crate::task::Item;

/// Largest difference of logits that counts as rounding, relative to the largest logit.
const TOLERANCE: f32 = 1e-4;

/// The resize, and the low-resolution logits that it reads.
#[derive(Debug, Clone)]
pub(super) struct DeferredResize {
    logits: String,
    coordinates: Coordinates,
}

impl DeferredResize {
    /// Returns the resize that writes the scores of a map.
    pub(super) fn of(
        plan: &Plan,
        scores: &OutputLayout,
        options: &SamplingOptions,
    ) -> Option<Self> {
        if scores.task().item == Item::Image
            || plan.heads().len() > 1
            || scores.has_logit_noise()
            || !options.uses(Shortcut::ResizeInReduction)
        {
            return None;
        }
        let resize = LastResize::of_heads(plan)?.into_iter().next()?;
        Some(Self { logits: resize.logits, coordinates: resize.coordinates })
    }

    /// Opens the suffix up to the low-resolution logits.
    pub(super) fn open(
        &self,
        plan: &Plan,
        opener: Opener,
        prefix: &Prefix,
        layout: &SuffixLayout,
    ) -> Result<Suffix> {
        Suffix::open_to(&[&self.logits], plan, opener, prefix, layout)
    }

    /// Returns true if the sums compute the logits of the whole suffix from the low-resolution
    /// logits of an image of this size.
    pub(super) fn reproduces(
        &self,
        whole: &Value,
        logits: &Value,
        layout: &OutputLayout,
        size: Size,
    ) -> Result<bool> {
        let (whole_shape, shape) = (whole.shape(), logits.shape());
        let ([_, _, height, width], [_, _, _, _]) = (&whole_shape[..], &shape[..]) else {
            return Ok(false);
        };
        if (*height, *width) != size {
            return Ok(false);
        }
        let whole = [HeadOutput::new(whole)?];
        let low = [HeadOutput::new(logits)?];
        let Ok(scores) = layout.row(&low, 0) else { return Ok(false) };
        let expected = layout.row(&whole, 0)?;
        Ok(are_close(&self.apply(scores), &expected))
    }

    /// Marks scores as low-resolution logits of this resize.
    pub(super) fn apply<'a>(&self, scores: PassOutput<'a>) -> PassOutput<'a> {
        PassOutput { coordinates: self.coordinates, ..scores }
    }
}

/// Returns true if the resized scores equal the expected ones up to rounding.
fn are_close(scores: &PassOutput, expected: &PassOutput) -> bool {
    let Ok(found) = ImageSums::resized(scores, (expected.height, expected.width)) else {
        return false;
    };
    let largest = expected.values.iter().fold(f32::MIN_POSITIVE, |a, b| a.max(b.abs()));
    let mut pairs = found.iter().zip(expected.values);
    found.len() == expected.values.len()
        && pairs.all(|(a, b)| (a - b).abs() <= TOLERANCE * largest)
}
