//! The error of scores that are NaN or infinite.

use crate::error::Error;
use crate::graph::Plan;
use crate::onnx::ElementType;
use crate::pass::Pass;
use crate::sums::{NotFinite, ScoreKind, Scores};

/// A pass with scores that are NaN or infinite.
pub(super) struct BadPass {
    pass: Pass,
    /// Number of the values, in words.
    found: String,
}

impl BadPass {
    /// Returns the first pass of a run that has such scores.
    pub(super) fn first(problem: &NotFinite, passes: &[Pass], scores: &[Scores]) -> Self {
        let first = passes.iter().zip(scores).find_map(|(&pass, scores)| {
            bad_values(scores).map(|found| Self { pass, found })
        });
        // Probabilities that sum to nothing are finite.
        first.unwrap_or_else(|| Self {
            pass: passes.first().copied().unwrap_or(Pass::DETERMINISTIC),
            found: problem.to_string(),
        })
    }

    /// Returns the error of the image.
    pub(super) fn error(&self, plan: &Plan) -> Error {
        let pass = match self.pass.sample {
            None => "the pass without dropout".to_owned(),
            Some(sample) => format!("sample {sample}"),
        };
        let message = format!("{} of {pass}", self.found);
        let hint = if plan.image().element_type == ElementType::F16 {
            "f16 ends at 65504: export the model in f32; and check mean, std and the value range \
             that it was trained with"
        } else {
            "the model overflows on this image: check mean, std and the value range that it was \
             trained with"
        };
        Error::output(plan.heads().first().output.clone(), message).with_hint(hint)
    }
}

fn bad_values(scores: &Scores) -> Option<String> {
    let count = |bad: fn(f32) -> bool| scores.values.iter().filter(|v| bad(**v)).count();
    let (nan, high) = (count(f32::is_nan), count(|v| v == f32::INFINITY));
    let total = scores.values.len();
    match (nan, high) {
        (0, 0) => {
            let n_pixels = (scores.height * scores.width).max(1);
            let impossible = |pixel: usize| {
                let classes = scores.values.iter().skip(pixel).step_by(n_pixels);
                let mut classes = classes.copied();
                scores.n_channels > 1 && classes.all(|v| v == f32::NEG_INFINITY)
            };
            let pixels = (0..n_pixels).filter(|&pixel| impossible(pixel)).count();
            let bad = pixels > 0 && scores.kind == ScoreKind::Logits;
            bad.then(|| {
                format!("minus infinity for every class at {pixels} of {n_pixels} pixels")
            })
        }
        (nan, 0) => Some(format!("NaN in {nan} of {total} values")),
        (0, high) => Some(format!("infinite in {high} of {total} values")),
        (nan, high) => {
            Some(format!("NaN in {nan} and infinite in {high} of {total} values"))
        }
    }
}
