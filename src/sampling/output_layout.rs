//! Layout of what is read: scores of classes or labels, or values, of images or of pixels.

use std::borrow::Cow;

use super::batch_axes::DeterministicRun;
use super::options::SamplingOptions;
use super::size::Size;
use crate::error::{Error, Result};
use crate::graph::Plan;
use crate::head::{ChannelAxis, OmittedChannel, Reading, Role};
use crate::input::preprocessing::{Layout, ModelInput};
use crate::pass::Pass;
use crate::random::{Draws, NoiseStream};
use crate::runtime::Value;
use crate::sums::{
    Coordinates, Family, LogitNoise, OutputKind, PassOutput, Spread, SpreadForm,
    TargetUnit,
};
use crate::task::{Item, OutputShape, TASKS, Task};

/// Shape and kind of what is read of a model's outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputLayout {
    task: &'static Task,
    kind: OutputKind,
    /// The scores or values.
    scores: HeadChannels,
    /// The variances of values.
    spread: Option<(HeadChannels, SpreadForm)>,
    /// The noise of logits.
    noise: Option<NoiseLayout>,
    /// The unit of each target of a regression; empty for other tasks.
    units: Vec<TargetUnit>,
}

/// The variances of the noise of logits, and its draws.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoiseLayout {
    /// Channels of what gives the variances.
    pub(crate) channels: HeadChannels,
    /// Form in which the variances are given.
    pub(crate) form: SpreadForm,
    /// Scheme of the draws.
    pub(crate) draws: Draws,
    /// Seed of the draws.
    pub(crate) seed: u64,
    /// Number of draws in each pass.
    pub(crate) n_draws: u32,
}

/// Channels of a head that are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeadChannels {
    /// Number of the head.
    pub(crate) head: usize,
    /// The first channel.
    pub(crate) first: usize,
    /// Number of channels that are read.
    pub(crate) count: usize,
    /// Number of channels of the head.
    pub(crate) of: usize,
}

/// The output of a run for one head.
pub(super) struct HeadOutput<'a> {
    pub(super) shape: Vec<usize>,
    pub(super) values: Cow<'a, [f32]>,
}

impl<'a> HeadOutput<'a> {
    /// Reads the tensor of a head; f32 is not copied.
    pub(super) fn new(output: &'a Value) -> Result<Self> {
        let values = match output.f32s() {
            Some(values) => Cow::Borrowed(values),
            None => Cow::Owned(output.to_f32()?),
        };
        Ok(Self { shape: output.shape(), values })
    }

    /// Reads the tensors of all heads.
    pub(super) fn all(outputs: &'a [Value]) -> Result<Vec<Self>> {
        outputs.iter().map(Self::new).collect()
    }
}

impl OutputLayout {
    /// Determines the layout from the output of a probe with images of a size (height, width).
    pub(super) fn new(
        plan: &Plan,
        run: &DeterministicRun,
        declared: &[Option<usize>],
        (input, size): (&ModelInput, Size),
        options: &SamplingOptions,
    ) -> Result<Self> {
        let task = options.task;
        let readings = plan.heads().readings();
        let reading = &readings[0];
        let (head, layout) = (&run.heads[reading.head], input.layout);
        let shape = head.shape();
        if shape.first() != Some(&run.rows) {
            return Err(refuse_rows(plan, &shape, run.rows));
        }
        let is_declared_single = matches!(declared, [_, _, Some(1), Some(1)]);
        let n_channels = reading.count(shape.get(1).copied().unwrap_or(0));
        let family = family(plan, n_channels, task);
        if let Some(task) = task.filter(|task| task.family != family) {
            return Err(refuse_role(plan, task, family));
        }
        let spread = readings.get(1);
        let of_noise = spread.and_then(|reading| match reading.role {
            Some(Role::LogitSpread(form)) => Some((reading, form)),
            _ => None,
        });
        let has_logit_noise = of_noise.is_some();
        let chosen = match task {
            Some(task) => task.accepting(&shape, has_logit_noise),
            None => Task::of_output(&OutputShape {
                sizes: &shape,
                is_declared_single,
                family,
                has_logit_noise,
            }),
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
        let scores = HeadChannels::of(plan, reading, &shape)?;
        if task.family == Family::Classes {
            check_channels(plan, scores.count)?;
        }
        let kind = match task.family {
            Family::Classes => kind(plan, head, scores.count)?,
            Family::Labels => label_kind(plan, head)?,
            Family::Values => OutputKind::Values,
        };
        let noise = of_noise.map(|(reading, form)| {
            let of_spread = run.heads[reading.head].shape();
            check_noise(plan, kind, &scores)?;
            let channels = HeadChannels::of(plan, reading, &of_spread)?;
            check_sizes(plan, (&scores, &shape), (&channels, &of_spread))?;
            let (draws, seed) = (options.draws, options.seed);
            let n_draws = options.logit_noise_draws();
            Ok(NoiseLayout { channels, form, draws, seed, n_draws })
        });
        let spread = spread.and_then(|reading| match reading.role {
            Some(Role::Spread(form)) => Some((reading, form)),
            _ => None,
        });
        let spread = spread.map(|(reading, form)| {
            let of_spread = run.heads[reading.head].shape();
            let channels = HeadChannels::of(plan, reading, &of_spread)?;
            check_sizes(plan, (&scores, &shape), (&channels, &of_spread))?;
            Ok((channels, form))
        });
        let units = match task.family {
            Family::Values => vec![options.target; scores.count],
            Family::Classes | Family::Labels => Vec::new(),
        };
        let (spread, noise) = (spread.transpose()?, noise.transpose()?);
        Ok(Self { task, kind, scores, spread, noise, units })
    }

    /// Returns the number of channels that are read. One channel of class scores means two classes.
    pub fn channels(&self) -> usize {
        self.scores.count
    }

    /// Returns the number of classes, labels or targets.
    pub fn n_classes(&self) -> usize {
        self.task.family.channels(self.scores.count)
    }

    /// Returns the task.
    pub fn task(&self) -> &'static Task {
        self.task
    }

    /// Returns the kind of the scores: logits or probabilities of classes or labels, or values.
    pub fn kind(&self) -> OutputKind {
        self.kind
    }

    /// Returns the channels of the scores or values.
    pub(crate) fn score_channels(&self) -> &HeadChannels {
        &self.scores
    }

    /// Returns the channels of the variances of values, and the form in which they are given.
    pub(crate) fn spread_channels(&self) -> Option<(&HeadChannels, SpreadForm)> {
        self.spread.as_ref().map(|(channels, form)| (channels, *form))
    }

    /// Returns the unit of each target of a regression; nothing for other tasks.
    pub(crate) fn units(&self) -> &[TargetUnit] {
        &self.units
    }

    /// Returns whether the model predicts the variances of its values.
    pub fn has_spread(&self) -> bool {
        self.spread.is_some()
    }

    /// Returns the noise of logits, if the model predicts its variance.
    pub(crate) fn noise(&self) -> Option<&NoiseLayout> {
        self.noise.as_ref()
    }

    /// Returns whether the model predicts the variances of a noise of its logits.
    pub fn has_logit_noise(&self) -> bool {
        self.noise.is_some()
    }

    /// Returns the outputs of one row of a run, with their noise if there is any: that of a pass of
    /// the image with this key.
    pub(super) fn row_of_pass<'a>(
        &'a self,
        heads: &'a [HeadOutput<'_>],
        row: usize,
        image: i64,
        pass: Pass,
    ) -> Result<PassOutput<'a>> {
        let scores = self.row(heads, row)?;
        let Some(noise) = &self.noise else { return Ok(scores) };
        let (values, height, width) = self.slice(&noise.channels, heads, row)?;
        if (height, width) != (scores.height, scores.width) {
            return Err(changed(&heads[noise.channels.head].shape));
        }
        let stream = NoiseStream {
            draws: noise.draws,
            seed: noise.seed,
            image: image.cast_unsigned(),
            sample: pass.sample,
        };
        let spread = Spread { values, form: noise.form };
        let logit_noise = Some(LogitNoise { spread, stream, n_draws: noise.n_draws });
        Ok(PassOutput { logit_noise, ..scores })
    }

    /// Returns the outputs of one row of a run, without their noise.
    pub(super) fn row<'a>(
        &'a self,
        heads: &'a [HeadOutput<'_>],
        row: usize,
    ) -> Result<PassOutput<'a>> {
        let (values, height, width) = self.slice(&self.scores, heads, row)?;
        let spread = match &self.spread {
            None => None,
            Some((channels, form)) => {
                let (values, h, w) = self.slice(channels, heads, row)?;
                if (h, w) != (height, width) {
                    return Err(changed(&heads[channels.head].shape));
                }
                Some(Spread { values, form: *form })
            }
        };
        Ok(PassOutput {
            values,
            n_channels: self.scores.count,
            height,
            width,
            kind: self.kind,
            coordinates: Coordinates::HalfPixel,
            spread,
            logit_noise: None,
            units: &self.units,
        })
    }

    /// Returns the values of channels in a row of a run, and their height and width.
    fn slice<'a>(
        &self,
        channels: &HeadChannels,
        heads: &'a [HeadOutput<'_>],
        row: usize,
    ) -> Result<(&'a [f32], usize, usize)> {
        let head = heads.get(channels.head).ok_or_else(|| changed(&[]))?;
        let shape = &head.shape[..];
        let (height, width) = match (self.task.item, shape) {
            (Item::Pixel, &[_, _, height, width]) => (height, width),
            (Item::Image, _) => (1, 1),
            (Item::Pixel, _) => return Err(changed(shape)),
        };
        let (rows, found) = (shape.first().copied().unwrap_or(0), shape.get(1).copied());
        let plane = height * width;
        let length = channels.of * plane;
        if found != Some(channels.of) || row >= rows || head.values.len() != rows * length
        {
            return Err(changed(shape));
        }
        let start = row * length + channels.first * plane;
        Ok((&head.values[start..start + channels.count * plane], height, width))
    }
}

fn changed(shape: &[usize]) -> Error {
    Error::runtime("the model's output", format!("its sizes changed to {shape:?}"))
        .with_hint(
            "export the model with dynamic height and width, or use `resize = WxH`",
        )
}

impl HeadChannels {
    /// Returns the channels that a reading selects of a head of this shape.
    fn of(plan: &Plan, reading: &Reading, shape: &[usize]) -> Result<Self> {
        let of = shape.get(1).copied().unwrap_or(0);
        let range = reading.channels.clone().unwrap_or(0..of);
        if range.end > of {
            let head = plan.heads().tensor_of(reading);
            let message = format!(
                "output \"{}\" has {of} channels, not channel {}",
                head.output,
                range.end - 1
            );
            return Err(Error::setting("head", message)
                .with_hint("count channels from 0; a range leaves its end out"));
        }
        Ok(Self { head: reading.head, first: range.start, count: range.len(), of })
    }
}

impl HeadChannels {
    /// Describes channels of an output of this shape.
    fn describe(&self, plan: &Plan, shape: &[usize]) -> String {
        let head = plan.heads().iter().nth(self.head);
        let name = head.map_or("", |head| head.output.as_str());
        let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
        let of = match self.count {
            count if count == self.of => String::new(),
            1 => format!(", channel {}", self.first),
            count => {
                format!(", channels {} to {}", self.first, self.first + count - 1)
            }
        };
        format!("\"{name}\" ({}{of})", sizes.join("x"))
    }
}

/// Fails if the variances are not as many as the values, or have another size.
fn check_sizes(
    plan: &Plan,
    (scores, shape): (&HeadChannels, &[usize]),
    (spread, of_spread): (&HeadChannels, &[usize]),
) -> Result<()> {
    if scores.count == spread.count && shape.get(2..) == of_spread.get(2..) {
        return Ok(());
    }
    let role = plan.heads().readings().get(1).and_then(|reading| reading.role);
    let value = match role.and_then(Role::owner) {
        Some(Role::Logits) => "logit",
        _ => "value",
    };
    let message = format!(
        "the variances in {} are not one for each {value} in {}",
        spread.describe(plan, of_spread),
        scores.describe(plan, shape)
    );
    let hint = match value {
        "logit" => {
            "choose as many channels, as in `head = logit_log_variance=OUTPUT:8..16`"
        }
        _ => "choose channels, as in `head = log_variance=OUTPUT:1`",
    };
    Err(Error::setting("head", message).with_hint(hint))
}

/// Fails if scores cannot have noise: it is added to logits, one for each class.
fn check_noise(plan: &Plan, kind: OutputKind, scores: &HeadChannels) -> Result<()> {
    let output = &plan.heads().first().output;
    if kind != OutputKind::Logits {
        let message = format!("noise is added to logits, but it holds {}", kind.name());
        return Err(Error::output(output, message).with_hint(
            "export the model up to its logits, or leave their variance out",
        ));
    }
    if scores.count == 1 {
        let message = "noise needs a logit for each class, but it has one channel";
        return Err(Error::output(output, message)
            .with_hint("export the model with two logits, or leave their variance out"));
    }
    Ok(())
}

/// Returns what the channels of the first reading are, by its role, the chosen task and the last
/// operator.
fn family(plan: &Plan, n_channels: usize, task: Option<&'static Task>) -> Family {
    let heads = plan.heads();
    let role = heads.readings()[0].role;
    match role.map(Role::family) {
        Some(family @ (Family::Values | Family::Labels)) => family,
        _ if task.is_some_and(|task| task.family == Family::Labels) => Family::Labels,
        // Several classes can hold at once behind a sigmoid of each.
        _ if task.is_none()
            && n_channels > 1
            && heads.first().activation == Some("Sigmoid") =>
        {
            Family::Labels
        }
        _ => Family::Classes,
    }
}

/// Returns whether scores of labels are logits or probabilities.
fn label_kind(plan: &Plan, head: &Value) -> Result<OutputKind> {
    match plan.heads().readings()[0].role {
        None | Some(Role::LabelLogits | Role::Logits) => Ok(OutputKind::LabelLogits),
        Some(_) => {
            let values = head.to_f32()?;
            match looks(&values, 1, 1) {
                ValueRange::WithinOne | ValueRange::Probabilities => {
                    Ok(OutputKind::LabelProbabilities)
                }
                ValueRange::Free | ValueRange::WholeNumbers => {
                    let (low, high) = range(&values);
                    let message = format!(
                        "it should contain probabilities of labels, but a probe gave values \
                         from {low} to {high}"
                    );
                    Err(Error::output(&plan.heads().first().output, message).with_hint(
                        "if it contains scores before a sigmoid, state that: \
                         `head = label_logits=OUTPUT`",
                    ))
                }
            }
        }
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

/// Returns the error of a head whose role belongs to another task than the chosen one.
fn refuse_role(plan: &Plan, task: &'static Task, family: Family) -> Error {
    let name = |role: Option<Role>| role.map_or("scores", Role::name);
    let role = name(plan.heads().readings()[0].role);
    let roles: Vec<&str> = task.roles.iter().map(|role| role.name()).collect();
    let other = TASKS.iter().find(|task| task.family == family);
    let other = other.map_or(String::new(), |task| format!(", or `task = {task}`"));
    let message = format!("the role {role} does not go with `task = {task}`");
    Error::output(&plan.heads().first().output, message)
        .with_hint(format!("use one of its roles ({}){other}", roles.join(", ")))
}

fn refuse_shape(plan: &Plan, shape: &[usize], task: Option<&'static Task>) -> Error {
    let sizes = shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("x");
    let output = &plan.heads().first().output;
    if shape.len() == 4 && task.is_none_or(|task| task.accepting(shape, false).is_some())
    {
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
                "a sigmoid over {channels} channels means that several classes can hold at once"
            ),
            "use `task = multilabel`; if exactly one class holds, export the model again without \
             the sigmoid",
        ),
        (_, n) if n > MOST_CLASSES => refused(
            format!("it has {n} classes, more than {MOST_CLASSES}"),
            "choose another with `output_name`",
        ),
        _ => Ok(()),
    }
}

fn kind(plan: &Plan, head: &Value, channels: usize) -> Result<OutputKind> {
    let values = head.to_f32()?;
    let pixels = head.shape().get(2..).unwrap_or_default().iter().product::<usize>();
    let unclear = |what: &str, hint: &str| {
        let (low, high) = range(&values);
        let message = format!("{what} (a probe gave values from {low} to {high})");
        Err(Error::output(&plan.heads().first().output, message).with_hint(hint))
    };
    match (plan.heads().first().role, looks(&values, channels, pixels)) {
        (Some(Role::Logits), _) | (None, ValueRange::Free) => Ok(OutputKind::Logits),
        (Some(Role::Probabilities) | None, ValueRange::Probabilities) => {
            Ok(OutputKind::Probabilities)
        }
        (None, _) if plan.heads().first().is_linear => Ok(OutputKind::Logits),
        (Some(Role::Probabilities), ValueRange::WithinOne) if channels == 1 => {
            Ok(OutputKind::Probabilities)
        }
        (Some(Role::Probabilities), _) => unclear(
            "it should contain probabilities, but is not between 0 and 1, or does not sum to 1 \
             over the classes",
            "if it contains scores before a softmax, state that: `scores = logits`; else export \
             the model up to its logits",
        ),
        // Other roles are those of other tasks.
        (
            _,
            ValueRange::WithinOne
            | ValueRange::WholeNumbers
            | ValueRange::Probabilities
            | ValueRange::Free,
        ) => unclear(
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
