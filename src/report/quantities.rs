//! What the page shows of each image: the quantities of the run, their units, scales and columns.

use super::files::{Image, Shown};
use super::map_scales::{scale, with_maps};
use super::truth::{ERROR, LABEL, Truth};
use crate::measure::{Measure, Range, Unit};
use crate::output::heat_map::{Scale, Spacing};
use crate::task::{ModelTask, Quantity};

/// Largest number of numbers of images on the page.
pub(super) const MOST_NUMBERS: usize = 3_000_000;

/// A quantity on the page: numbers of images, a layer, or both.
#[derive(Debug, Clone)]
pub(super) struct PageQuantity {
    /// Name in headers and in the data of images.
    pub(super) name: String,
    /// Name without that of the label or target.
    pub(super) measure: String,
    /// The label or target; `None` for all classes, or the mean over the labels.
    pub(super) channel: Option<usize>,
    /// Unit; empty for a pure number.
    pub(super) unit: String,
    pub(super) role: Role,
    /// The scale of its layer; `None` if it has none.
    pub(super) scale: Option<Scale>,
    pub(super) range: ValueKind,
    /// The columns of the table of images.
    pub(super) columns: Vec<String>,
}

/// Part of a quantity in the readout of a pixel or an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The prediction of a label or target itself.
    Prediction,
    /// The standard deviation of the prediction.
    Std,
    /// The true value.
    Label,
    /// The absolute error.
    Error,
    /// Anything else.
    Uncertainty,
}

/// Values that a quantity may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueKind {
    /// From 0 to a bound.
    Bounded,
    /// From 0 upwards.
    Unbounded,
    /// Any number.
    Any,
}

impl Role {
    /// Returns the name in the data of the page.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Prediction => "prediction",
            Self::Std => "std",
            Self::Label => "label",
            Self::Error => "error",
            Self::Uncertainty => "uncertainty",
        }
    }
}

impl ValueKind {
    fn of(measure: &Measure) -> Self {
        match measure.range {
            Range::Fixed(_) => Self::Bounded,
            Range::Unbounded => Self::Unbounded,
            Range::Any => Self::Any,
        }
    }
}

/// Returns what the page shows of one or two runs, and a note if columns are left out.
pub(super) fn quantities(shown: &[Shown]) -> (Vec<PageQuantity>, Option<String>) {
    let first = &shown[0];
    let Some(task) = &first.run.task else { return (Vec::new(), None) };
    let measures: Vec<&Measure> = task.task.measures.iter().collect();
    let layers: Vec<Quantity> = with_maps(&first.run);
    let mut made: Vec<PageQuantity> = Vec::new();
    for quantity in task.quantities(&measures) {
        let columns = quantity.columns(task.task).into_iter().map(|(name, _)| name);
        let columns: Vec<String> =
            columns.filter(|name| first.run.columns.named(name).is_some()).collect();
        let has_layer = first.run.has_maps()
            && (layers.iter().any(|layer| layer.name == quantity.name)
                || quantity.name == task.overview().name);
        if columns.is_empty() && !has_layer {
            continue;
        }
        let scale = has_layer.then(|| shared_scale(shown, &quantity)).flatten();
        let is_number = quantity.measure.unit == Unit::One;
        made.push(PageQuantity {
            measure: quantity.measure.name.to_owned(),
            channel: quantity.channel,
            unit: if is_number { String::new() } else { task.unit(quantity.measure) },
            role: role(task, quantity.measure),
            scale,
            range: ValueKind::of(quantity.measure),
            columns,
            name: quantity.name,
        });
    }
    let of_labels = of_labels(first, &made);
    made.extend(of_labels);
    let note = leave_out_columns(&mut made, first.run.rows.len() * shown.len());
    (made, note)
}

fn role(task: &ModelTask, measure: &Measure) -> Role {
    let Some(predicted) = task.task.predicted else { return Role::Uncertainty };
    if predicted.measure.name == measure.name {
        Role::Prediction
    } else if predicted.std.is_some_and(|std| std.name == measure.name) {
        Role::Std
    } else {
        Role::Uncertainty
    }
}

/// Returns the true values and the errors, if values were compared with labels.
fn of_labels(first: &Shown, made: &[PageQuantity]) -> Vec<PageQuantity> {
    let compared = |image: &Image| matches!(image.truth, Truth::Values(_));
    if !first.images.iter().any(compared) {
        return Vec::new();
    }
    let has_maps = first.run.has_maps();
    let predicted = made.iter().filter(|one| one.role == Role::Prediction);
    predicted
        .flat_map(|value| {
            let prefix = value.name.strip_suffix(&value.measure).unwrap_or_default();
            let of = |measure: &str, role, range| PageQuantity {
                name: format!("{prefix}{measure}"),
                measure: measure.to_owned(),
                role,
                range,
                columns: Vec::new(),
                scale: value.scale,
                ..value.clone()
            };
            let mut label = of(LABEL, Role::Label, ValueKind::Any);
            let mut error = of(ERROR, Role::Error, ValueKind::Unbounded);
            error.columns = vec![error.name.clone()];
            error.scale =
                scale_of_images(&first.images, &error.name, ValueKind::Unbounded);
            if !has_maps {
                label.columns = vec![label.name.clone()];
            }
            [label, error]
        })
        .collect()
}

/// Returns the scale of a quantity that all runs share.
fn shared_scale(shown: &[Shown], quantity: &Quantity) -> Option<Scale> {
    let kind = ValueKind::of(quantity.measure);
    let scales = shown.iter().filter_map(|one| {
        scale(&one.run, quantity)
            .or_else(|| scale_of_images(&one.images, &quantity.name, kind))
    });
    let shared = scales.reduce(|one, other| Scale {
        low: one.low.min(other.low),
        high: one.high.max(other.high),
        ..one
    });
    // Colors are those of this version, whatever the levels of the files.
    shared.map(|scale| scale.with_spacing(Spacing::of(quantity.measure.sqrt_scale)))
}

/// Returns a scale for nearly all values of images, with round ends.
fn scale_of_images(images: &[Image], name: &str, kind: ValueKind) -> Option<Scale> {
    let ranges = images.iter().filter_map(|image| image.ranges.get(name));
    let range = ranges.fold(None, |all: Option<Scale>, range| {
        let all = all.unwrap_or(*range);
        Some(Scale::new(all.low.min(range.low), all.high.max(range.high)))
    })?;
    let low = if kind == ValueKind::Any { range.low } else { 0.0 };
    let length = f64::from(range.high) - f64::from(low);
    if length <= 0.0 {
        return Some(Scale::new(low, low + 1.0));
    }
    let step = 10_f64.powf(length.log10().floor() - 1.0);
    let round = |end: f64, rounded: fn(f64) -> f64| (rounded(end / step) * step) as f32;
    let high = round(f64::from(range.high), f64::ceil);
    Some(Scale::new(round(f64::from(low), f64::floor), high))
}

/// Leaves out columns of labels and targets if there are too many numbers, and returns a note about
/// that.
fn leave_out_columns(made: &mut [PageQuantity], n_rows: usize) -> Option<String> {
    let count = |made: &[PageQuantity]| {
        let columns = made.iter().map(|one| one.columns.len()).sum::<usize>();
        columns.saturating_mul(n_rows)
    };
    if count(made) <= MOST_NUMBERS {
        return None;
    }
    for is_kept in [
        |one: &PageQuantity| one.channel.is_none() || one.role != Role::Uncertainty,
        |one: &PageQuantity| one.channel.is_none_or(|channel| channel == 0),
    ] {
        for one in made.iter_mut().filter(|one| !is_kept(one)) {
            one.columns.clear();
        }
        if count(made) <= MOST_NUMBERS {
            break;
        }
    }
    let n_left_out = made.iter().filter(|one| one.columns.is_empty()).count();
    Some(format!(
        "The page has no numbers of images for {n_left_out} quantities, because there are too \
         many; predictions.csv has them."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(low: f32, high: f32) -> Image {
        let mut image = Image::default();
        image.ranges.insert("value".to_owned(), Scale::new(low, high));
        image
    }

    #[test]
    fn scales_without_a_record_cover_the_images_with_round_ends() {
        let images = [image(0.37, 51.2), Image::default(), image(2.0, 79.1)];
        let scale = scale_of_images(&images, "value", ValueKind::Any).unwrap();
        assert_eq!((scale.low, scale.high), (0.0, 80.0));
        let scale = scale_of_images(&images, "value", ValueKind::Unbounded).unwrap();
        assert_eq!((scale.low, scale.high), (0.0, 80.0));
        assert!(scale_of_images(&images, "other", ValueKind::Any).is_none());
        let same = [image(3.0, 3.0)];
        let scale = scale_of_images(&same, "value", ValueKind::Any).unwrap();
        assert_eq!((scale.low, scale.high), (3.0, 4.0));
    }

    #[test]
    fn too_many_columns_of_labels_are_left_out_with_a_note() {
        let of = |channel: Option<usize>, role| PageQuantity {
            name: String::new(),
            measure: String::new(),
            channel,
            unit: String::new(),
            role,
            scale: None,
            range: ValueKind::Bounded,
            columns: vec![String::new()],
        };
        let all = || -> Vec<PageQuantity> {
            let of_labels = (0..100).flat_map(|label| {
                [of(Some(label), Role::Prediction), of(Some(label), Role::Uncertainty)]
            });
            [of(None, Role::Prediction)].into_iter().chain(of_labels).collect()
        };
        let columns = |made: &[PageQuantity]| {
            made.iter().filter(|one| !one.columns.is_empty()).count()
        };
        for (n_rows, kept) in [(10, 201), (20_000, 101), (200_000, 2)] {
            let mut made = all();
            let note = leave_out_columns(&mut made, n_rows);
            assert_eq!((columns(&made), note.is_some()), (kept, kept < 201), "{n_rows}");
        }
    }
}
