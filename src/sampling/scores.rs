//! Layout of the scores: class scores of images or of pixels.

use super::batch_axes::DeterministicRun;
use super::size::Size;
use crate::error::{Error, Result};
use crate::graph::Plan;
use crate::head::{ChannelAxis, OmittedChannel, Role};
use crate::input::preprocessing::{Layout, ModelInput};
use crate::runtime::Value;
use crate::sums::{Coordinates, ScoreKind, Scores};
use crate::task::{Item, OutputShape, Task};

/// Shape and kind of a model's scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScoreLayout {
    channels: usize,
    task: &'static Task,
    kind: ScoreKind,
}

impl ScoreLayout {
    /// Determines the layout from the output of a probe with images of a size (height, width).
    pub(super) fn new(
        plan: &Plan,
        run: &DeterministicRun,
        declared: &[Option<usize>],
        (input, size): (&ModelInput, Size),
        task: Option<&'static Task>,
    ) -> Result<Self> {
        let (head, layout) = (&run.heads[0], input.layout);
        let shape = head.shape();
        if shape.first() != Some(&run.rows) {
            return Err(refuse_rows(plan, &shape, run.rows));
        }
        let is_declared_single = matches!(declared, [_, _, Some(1), Some(1)]);
        let chosen = match task {
            Some(task) => Some(task).filter(|task| task.accepts(&shape)),
            None => Task::of_output(&OutputShape { sizes: &shape, is_declared_single }),
        };
        // An axis that the file declares is only refused if the sizes contradict it.
        let is_open = plan.heads().first().channel_axis.is_none();
        let layout = if is_open { layout } else { Layout::Nchw };
        let has_channels_last = match (chosen.map(|task| task.item), &shape[..]) {
            (Some(Item::Pixel), &[_, a, b, c]) => {
                channel_axis([a, b, c], size, layout) == ChannelAxis::Last
            }
            _ => false,
        };
        let lacks_channel = plan.heads().first().omitted_channel != OmittedChannel::No;
        if let (true, &[rows, _, height, width]) = (lacks_channel, &shape[..])
            && !is_proportional((height, width), size)
        {
            return Err(refuse_shape(plan, &[rows, height, width], task));
        }
        let Some(task) = chosen.filter(|_| !has_channels_last) else {
            return Err(refuse_shape(plan, &shape, task));
        };
        let channels = shape[1];
        check_channels(plan, channels)?;
        let kind = kind(plan, head, channels)?;
        Ok(Self { channels, task, kind })
    }

    /// Returns the number of channels of the output. One channel means two classes.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Returns the number of classes.
    pub fn n_classes(&self) -> usize {
        self.channels.max(2)
    }

    /// Returns the task.
    pub fn task(&self) -> &'static Task {
        self.task
    }

    /// Returns the kind of the scores: logits or probabilities.
    pub fn kind(&self) -> ScoreKind {
        self.kind
    }

    /// Returns the scores of one row of a run.
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
            .with_hint(
                "export the model with dynamic height and width, or use `resize = WxH`",
            )
        };
        let (rows, channels) =
            (shape.first().copied().unwrap_or(0), shape.get(1).copied());
        let (height, width) = match (self.task.item, shape) {
            (Item::Pixel, &[_, _, height, width]) => (height, width),
            (Item::Image, _) => (1, 1),
            (Item::Pixel, _) => return Err(changed()),
        };
        let length = self.channels * height * width;
        if channels != Some(self.channels) || row >= rows || values.len() != rows * length
        {
            return Err(changed());
        }
        let values = &values[row * length..(row + 1) * length];
        let coordinates = Coordinates::HalfPixel;
        let (n_channels, kind) = (self.channels, self.kind);
        Ok(Scores { values, n_channels, height, width, kind, coordinates })
    }
}

/// Returns true if a run shows that the head of a plan has its channels last, which the file does
/// not state.
pub(super) fn shows_channels_last(
    plan: &Plan,
    head: &Value,
    layout: Layout,
    size: Size,
) -> bool {
    let is_open = plan.heads().first().channel_axis.is_none();
    match head.shape()[..] {
        [_, _, 1, 1] => false,
        [_, a, b, c] if is_open => {
            channel_axis([a, b, c], size, layout) == ChannelAxis::Last
        }
        _ => false,
    }
}

/// Returns which of the three axes after the batch counts channels: the other two have the
/// proportions of the image. If both ends fit, the channels are where the image has them.
fn channel_axis(
    [first, second, third]: [usize; 3],
    (height, width): Size,
    layout: Layout,
) -> ChannelAxis {
    let fits_first = second * width == third * height;
    let fits_last = first * width == second * height;
    match layout {
        Layout::Nchw if fits_last && !fits_first => ChannelAxis::Last,
        Layout::Nchw => ChannelAxis::First,
        Layout::Nhwc if fits_first && !fits_last => ChannelAxis::First,
        Layout::Nhwc => ChannelAxis::Last,
    }
}

/// Returns true if a map has the proportions of the image, up to the rounding of its sides.
fn is_proportional((height, width): Size, image: Size) -> bool {
    let difference = (height * image.1).abs_diff(width * image.0);
    difference <= image.0.max(image.1)
}

fn refuse_rows(plan: &Plan, shape: &[usize], rows: usize) -> Error {
    let first = shape.first().copied().unwrap_or(0);
    let plural = if rows == 1 { "" } else { "s" };
    let message = format!(
        "it has {first} rows for {rows} image{plural}: pixels or tokens in the batch axis"
    );
    Error::output(&plan.heads().first().output, message)
        .with_hint("export the model with scores [N,C] or [N,C,H,W], N being the images")
}

fn refuse_shape(plan: &Plan, shape: &[usize], task: Option<&'static Task>) -> Error {
    let sizes = shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("x");
    let output = &plan.heads().first().output;
    if shape.len() == 4 && task.is_none_or(|task| task.accepts(shape)) {
        return Error::output(
            output,
            format!("its maps ({sizes}) do not have the proportions of the image"),
        )
        .with_hint("export the model with class scores [N,C,H,W]");
    }
    let wanted = match task {
        Some(task) => format!("class scores {} (`task = {task}`)", task.output_axes),
        None => "class scores [N,C] or [N,C,H,W]".to_owned(),
    };
    Error::output(output, format!("its sizes are {sizes}: expected {wanted}")).with_hint(
        "choose another output with `output_name`, or export the model up to its logits",
    )
}

/// Largest number of classes: class ids are 16-bit, and the largest id means "none".
const MOST_CLASSES: usize = 65_534;

fn check_channels(plan: &Plan, channels: usize) -> Result<()> {
    let head = plan.heads().first();
    let refused = |message: String, hint: &str| {
        Err(Error::output(&head.output, message).with_hint(hint))
    };
    match (head.activation, channels) {
        (_, 0) => {
            refused("it has no channel".to_owned(), "choose another with `output_name`")
        }
        (_, 1) if head.cut_off.contains(&"ArgMax") => refused(
            "an argmax over one class is always 0".to_owned(),
            "export the model up to its logits: one channel then means two classes",
        ),
        (Some("Softmax"), 1) => refused(
            "a softmax over one class is always 1".to_owned(),
            "export the model up to its logits: one channel then means two classes",
        ),
        (Some("Sigmoid"), 2..) => refused(
            format!(
                "a sigmoid over {channels} channels means that several classes can hold at once \
                 (multi-label), which is not supported"
            ),
            "if exactly one class holds, export the model again without the sigmoid",
        ),
        (_, n) if n > MOST_CLASSES => refused(
            format!("it has {n} classes, more than {MOST_CLASSES}"),
            "choose another with `output_name`",
        ),
        _ => Ok(()),
    }
}

fn kind(plan: &Plan, head: &Value, channels: usize) -> Result<ScoreKind> {
    let values = head.to_f32()?;
    let pixels = head.shape().get(2..).unwrap_or_default().iter().product::<usize>();
    let unclear = |what: &str, hint: &str| {
        let (low, high) = range(&values);
        let message = format!("{what} (a probe gave values from {low} to {high})");
        Err(Error::output(&plan.heads().first().output, message).with_hint(hint))
    };
    match (plan.heads().first().role, looks(&values, channels, pixels)) {
        (Some(Role::Logits), _) | (None, ValueRange::Free) => Ok(ScoreKind::Logits),
        (_, ValueRange::Probabilities) => Ok(ScoreKind::Probabilities),
        (None, _) if plan.heads().first().is_linear => Ok(ScoreKind::Logits),
        (Some(Role::Probabilities), ValueRange::WithinOne) if channels == 1 => {
            Ok(ScoreKind::Probabilities)
        }
        (Some(Role::Probabilities), _) => unclear(
            "it should contain probabilities, but is not between 0 and 1, or does not sum to 1 \
             over the classes",
            "if it contains scores before a softmax, state that: `scores = logits`; else export \
             the model up to its logits",
        ),
        (None, ValueRange::WithinOne | ValueRange::WholeNumbers) => unclear(
            "it is unclear if it contains logits",
            "state its content: `scores = logits`, or `scores = probabilities`; class ids are not \
             scores: export the model up to its logits",
        ),
    }
}

/// Range of values.
#[derive(Debug, PartialEq, Eq)]
enum ValueRange {
    /// Between 0 and 1, with a sum of 1 over the classes.
    Probabilities,
    /// Between 0 and 1.
    WithinOne,
    /// Integers, like class ids.
    WholeNumbers,
    /// Anything else.
    Free,
}

/// Rounding of probabilities, f16 included.
const PROBABILITY_ROUNDING: f32 = 2e-3;

fn looks(values: &[f32], channels: usize, pixels: usize) -> ValueRange {
    let all = |holds: fn(f32) -> bool| {
        values.iter().all(|&value| !value.is_finite() || holds(value))
    };
    let within =
        all(|v| (-PROBABILITY_ROUNDING..=1.0 + PROBABILITY_ROUNDING).contains(&v));
    if within && channels > 1 && sums_to_one(values, channels, pixels.max(1)) {
        ValueRange::Probabilities
    } else if within {
        ValueRange::WithinOne
    } else if all(|v| v.fract() == 0.0) {
        ValueRange::WholeNumbers
    } else {
        ValueRange::Free
    }
}

fn sums_to_one(values: &[f32], channels: usize, pixels: usize) -> bool {
    values.chunks(channels * pixels).all(|row| {
        let sum = |pixel: usize| row.iter().skip(pixel).step_by(pixels).sum::<f32>();
        (0..pixels).all(|pixel| (sum(pixel) - 1.0).abs() <= PROBABILITY_ROUNDING)
    })
}

fn range(values: &[f32]) -> (f32, f32) {
    let finite = values.iter().copied().filter(|value| value.is_finite());
    finite.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| {
        (low.min(v), high.max(v))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_tell_probabilities_from_ids_and_logits() {
        assert_eq!(looks(&[0.25, 0.75, 0.5, 0.5], 2, 1), ValueRange::Probabilities);
        assert_eq!(looks(&[0.1, 0.6, 0.9, 0.4], 2, 2), ValueRange::Probabilities);
        assert_eq!(looks(&[0.1, 0.6, 0.9, 0.5], 2, 2), ValueRange::WithinOne);
        assert_eq!(looks(&[0.1, 0.6], 1, 2), ValueRange::WithinOne);
        assert_eq!(looks(&[1.0, 4.0, 0.0], 1, 3), ValueRange::WholeNumbers);
        assert_eq!(looks(&[-0.5, 1.5], 2, 1), ValueRange::Free);
        assert_eq!(looks(&[f32::NAN, 1.5], 2, 1), ValueRange::Free);
    }
}
