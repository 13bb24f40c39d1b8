//! What the output of a model holds: class scores of images, or of pixels.

use crate::error::{Error, Result};
use crate::input::preprocessing::{Layout, Task};
use crate::reduce::{ScoreKind, Scores};
use crate::rewrite::{Plan, Scores as Declared};
use crate::runtime::Value;

/// Shape and kind of a model's scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScoreLayout {
    channels: usize,
    map: bool,
    kind: ScoreKind,
}

impl ScoreLayout {
    /// Decides from the output of a probe.
    pub(super) fn new(
        plan: &Plan,
        head: &Value,
        layout: Layout,
        task: Option<Task>,
    ) -> Result<Self> {
        let shape = head.shape();
        let refused = |message: String, hint: &str| {
            Error::node(plan.head().output.clone(), message).with_hint(hint)
        };
        let text = || shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("x");
        let (channels, map) = match (&shape[..], task) {
            (&([_, c] | [_, c, 1, 1]), None | Some(Task::Classification)) => (c, false),
            (&[_, c, _, _], None | Some(Task::Segmentation))
                if layout == Layout::Nchw =>
            {
                (c, true)
            }
            (&[_, _, _, _], None | Some(Task::Segmentation)) => {
                return Err(refused(
                    format!(
                        "this output ({}) belongs to a channels-last model, whose maps are not supported yet",
                        text()
                    ),
                    "end the model with a transpose to [N,C,H,W] and take images as [N,C,H,W]",
                ));
            }
            (_, task) => {
                let wanted = match task {
                    Some(Task::Classification) => {
                        "class scores [N,C] (--task classification)"
                    }
                    Some(Task::Segmentation) => {
                        "class scores [N,C,H,W] (--task segmentation)"
                    }
                    None => "class scores [N,C] or [N,C,H,W]",
                };
                return Err(refused(
                    format!(
                        "this output has the sizes {}, where {wanted} are expected",
                        text()
                    ),
                    "choose another output with --output-name, or export the model up to its logits",
                ));
            }
        };
        check_channels(plan, channels)?;
        let kind = kind(plan, head, channels)?;
        Ok(Self { channels, map, kind })
    }

    /// Channels of the output; one stands for two classes.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.channels.max(2)
    }

    /// Whether there are scores for each pixel, not for the image alone.
    pub fn is_map(&self) -> bool {
        self.map
    }

    /// Whether they are logits or probabilities.
    pub fn kind(&self) -> ScoreKind {
        self.kind
    }

    /// The scores of one row of a run.
    pub(super) fn row<'a>(
        &self,
        shape: &[usize],
        values: &'a [f32],
        row: usize,
    ) -> Result<Scores<'a>> {
        let changed = || {
            Error::runtime(
                "the model's output",
                format!("its sizes changed to {shape:?}"),
            )
        };
        let (rows, channels) =
            (shape.first().copied().unwrap_or(0), shape.get(1).copied());
        let (height, width) = match (self.map, shape) {
            (true, &[_, _, height, width]) => (height, width),
            (false, _) => (1, 1),
            _ => return Err(changed()),
        };
        let length = self.channels * height * width;
        if channels != Some(self.channels) || row >= rows || values.len() != rows * length
        {
            return Err(changed());
        }
        let values = &values[row * length..(row + 1) * length];
        Ok(Scores { values, n_channels: self.channels, height, width, kind: self.kind })
    }
}

/// Class ids are 16-bit, and the largest stands for "none".
const MOST_CLASSES: usize = 65_534;

fn check_channels(plan: &Plan, channels: usize) -> Result<()> {
    let head = plan.head();
    let refused = |message: String, hint: &str| {
        Err(Error::node(head.output.clone(), message).with_hint(hint))
    };
    match (head.cut_off.as_deref(), channels) {
        (_, 0) => refused(
            "this output has no channel".to_owned(),
            "choose another with --output-name",
        ),
        (Some("Softmax"), 1) => refused(
            "a softmax over one class is always 1".to_owned(),
            "export the model up to its logits: one channel then stands for two classes",
        ),
        (Some("Sigmoid"), 2..) => refused(
            format!(
                "a sigmoid over {channels} channels says that several classes can hold at once (multi-label), which is not supported"
            ),
            "if exactly one class holds, export the model up to its logits and let them be softmaxed: --scores logits",
        ),
        (_, n) if n > MOST_CLASSES => refused(
            format!("this output has {n} classes, more than {MOST_CLASSES}"),
            "choose another with --output-name",
        ),
        _ => Ok(()),
    }
}

fn kind(plan: &Plan, head: &Value, channels: usize) -> Result<ScoreKind> {
    match plan.head().scores {
        Declared::Logits => Ok(ScoreKind::Logits),
        Declared::Probabilities => Ok(ScoreKind::Probabilities),
        Declared::ToBeProbed => {
            let values = head.to_f32()?;
            let pixels =
                head.shape().get(2..).unwrap_or_default().iter().product::<usize>();
            Ok(if sums_to_one(&values, channels, pixels) {
                ScoreKind::Probabilities
            } else {
                ScoreKind::Logits
            })
        }
    }
}

fn sums_to_one(values: &[f32], channels: usize, pixels: usize) -> bool {
    channels > 1
        && values.iter().all(|&value| value >= 0.0)
        && values.chunks(channels * pixels.max(1)).all(|row| {
            let sum =
                |pixel: usize| row.iter().skip(pixel).step_by(pixels.max(1)).sum::<f32>();
            (0..pixels.max(1)).all(|pixel| (sum(pixel) - 1.0).abs() < 1e-3)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_told_by_their_sums_over_the_classes() {
        assert!(sums_to_one(&[0.25, 0.75, 0.5, 0.5], 2, 1));
        assert!(sums_to_one(&[0.1, 0.6, 0.9, 0.4], 2, 2));
        assert!(!sums_to_one(&[0.1, 0.6, 0.9, 0.5], 2, 2));
        assert!(!sums_to_one(&[-0.5, 1.5], 2, 1));
        assert!(!sums_to_one(&[1.0, 1.0], 1, 1));
    }
}
