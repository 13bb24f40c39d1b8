//! A task of one model: with the names of its labels or targets, and everything that is computed for
//! them.

use super::{Item, PredictionColumn, TargetSettings, Task};
use crate::measure::Measure;
use crate::sums::{Family, Statistics, StdFactors};
use crate::tensor::Map;

/// A task, and the labels or targets of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelTask {
    /// The task.
    pub task: &'static Task,
    /// Names of the labels or targets; empty for classes, which share their measures.
    pub channels: Vec<String>,
    /// The targets of a regression.
    pub target: TargetSettings,
    /// Probability of the intervals of a regression.
    pub interval: f64,
    /// Factors of the standard deviation of each target; targets without have those of the default
    /// interval.
    pub std_factors: Vec<StdFactors>,
}

/// A measure of a label or target, or of all classes: what a column or a map shows.
#[derive(Debug, Clone)]
pub struct Quantity {
    /// Name in headers and folders: `total_std`, `depth.total_std`.
    pub name: String,
    /// The measure.
    pub measure: &'static Measure,
    /// The label or target; `None` for all: the classes, or the mean over the labels.
    pub channel: Option<usize>,
    /// Factors of the standard deviation of the target.
    pub std_factors: StdFactors,
}

/// Function that computes the value of a column from a map.
pub type SummaryFunction = fn(&Map) -> f32;

/// A column of the table of images that describes the prediction.
#[derive(Debug, Clone, Copy)]
pub struct NamedColumn<'a> {
    /// The column.
    pub column: &'a PredictionColumn,
    /// The label or target; 0 for columns of the image.
    pub channel: usize,
}

impl ModelTask {
    /// Probability of intervals by default.
    pub const INTERVAL: f64 = 0.95;

    /// Creates the task of a model with `n_channels` classes, labels or targets. `names` are those of
    /// the labels; targets have theirs in `target`. Channels without a name are numbered.
    pub fn new(
        task: &'static Task,
        n_channels: usize,
        names: &[String],
        target: &TargetSettings,
    ) -> Self {
        let names = match task.family {
            Family::Classes => &[][..],
            Family::Labels => names,
            Family::Values => &target.names,
        };
        let n_named = if task.family == Family::Classes { 0 } else { n_channels };
        Self {
            task,
            channels: channel_names(names, n_named),
            target: target.clone(),
            interval: Self::INTERVAL,
            std_factors: Vec::new(),
        }
    }

    /// Returns the task of a model that predicts classes.
    pub fn of_classes(task: &'static Task) -> Self {
        Self::new(task, 0, &[], &TargetSettings::default())
    }

    /// Returns what starts the names of a channel's columns: nothing for the only target.
    fn prefix(&self, channel: usize) -> String {
        let is_only = self.task.family == Family::Values && self.channels.len() == 1;
        match self.channels.get(channel) {
            Some(name) if !is_only => format!("{name}."),
            _ => String::new(),
        }
    }

    /// Returns the factors of the standard deviation of a target.
    pub fn std_factors(&self, target: usize) -> StdFactors {
        self.std_factors.get(target).copied().unwrap_or_default()
    }

    /// Returns what is computed for these measures, in the order of columns.
    pub fn quantities(&self, measures: &[&'static Measure]) -> Vec<Quantity> {
        let of = |channel: Option<usize>| {
            let prefix = channel.map(|channel| self.prefix(channel)).unwrap_or_default();
            measures.iter().map(move |&measure| Quantity {
                name: format!("{prefix}{}", measure.name),
                measure,
                channel,
                std_factors: self.std_factors(channel.unwrap_or(0)),
            })
        };
        let of_all = (self.task.family != Family::Values).then(|| of(None));
        let of_channels = (0..self.channels.len()).flat_map(|channel| of(Some(channel)));
        of_all.into_iter().flatten().chain(of_channels).collect()
    }

    /// Returns the columns that describe the prediction, each with its name.
    pub fn prediction_columns(&self) -> Vec<(String, NamedColumn<'static>)> {
        let columns = self.task.prediction_columns;
        let of = |channel: Option<usize>| {
            let prefix = channel.map(|channel| self.prefix(channel)).unwrap_or_default();
            let of_channel = columns
                .iter()
                .filter(move |column| column.per_channel == channel.is_some());
            of_channel.map(move |column| {
                let channel = channel.unwrap_or(0);
                let name = format!("{prefix}{}", column.name);
                (name, NamedColumn { column, channel })
            })
        };
        let channels = (0..self.channels.len()).flat_map(|channel| of(Some(channel)));
        of(None).chain(channels).collect()
    }

    /// Returns the unit of a measure's values as text, `1` for a pure number.
    pub fn unit(&self, measure: &Measure) -> String {
        measure.unit.text(&self.target.unit)
    }

    /// Returns the quantity that overlays and thumbnails show.
    pub fn overview(&self) -> Quantity {
        let all = self.quantities(&[self.task.overview]);
        let first = all.into_iter().next();
        first.unwrap_or_else(|| Quantity::of_classes(self.task.overview))
    }

    /// Returns true if maps of an image can be written.
    pub fn has_maps(&self) -> bool {
        self.task.item == Item::Pixel
    }
}

/// Returns a name for each channel. Columns and folders are named after them: characters that separate
/// folders become `_`, and names that are missing or repeated get the number of the channel.
fn channel_names(names: &[String], n_channels: usize) -> Vec<String> {
    let mut unique: Vec<String> = Vec::with_capacity(n_channels);
    for channel in 0..n_channels {
        let name = names.get(channel).map(String::as_str).unwrap_or_default().trim();
        let separates = |c: char| matches!(c, '/' | '\\' | ':') || c.is_control();
        let name = name.replace(separates, "_");
        let name = match name.trim_start_matches('.') {
            "" => channel.to_string(),
            name if unique.iter().any(|other| other == name) => {
                format!("{name}_{channel}")
            }
            name => name.to_owned(),
        };
        unique.push(name);
    }
    unique
}

impl Quantity {
    /// Returns a measure of all classes.
    pub fn of_classes(measure: &'static Measure) -> Self {
        Self {
            name: measure.name.to_owned(),
            measure,
            channel: None,
            std_factors: StdFactors::default(),
        }
    }

    /// Returns the largest possible value with a number of classes; infinity if there is none.
    pub fn upper_bound(&self, n_classes: usize) -> f32 {
        self.measure.upper_bound(if self.channel.is_some() { 1 } else { n_classes })
    }

    /// Returns the label and the threshold of its probability, if the quantity is the prediction of a
    /// label.
    pub fn label_of(&self, task: &Task) -> Option<(u16, f32)> {
        let predicted =
            task.predicted.filter(|one| one.measure.name == self.measure.name)?;
        Some((u16::try_from(self.channel?).ok()?, predicted.threshold?))
    }

    /// Computes the value at each pixel, `height × width`.
    ///
    /// # Panics
    /// Panics if the statistics lack sums that the measure needs.
    pub fn map(&self, statistics: &Statistics) -> Map {
        match self.channel {
            Some(channel) => {
                self.measure.map_of_target(statistics, channel, self.std_factors)
            }
            None if statistics.family() == Family::Classes => {
                self.measure.map(statistics)
            }
            None => self.mean_over_channels(statistics),
        }
    }

    fn mean_over_channels(&self, statistics: &Statistics) -> Map {
        let n = statistics.n_classes();
        let mut mean = self.measure.map_of_channel(statistics, 0);
        for channel in 1..n {
            let map = self.measure.map_of_channel(statistics, channel);
            for (sum, value) in mean.values.iter_mut().zip(map.values) {
                *sum += value;
            }
        }
        for value in &mut mean.values {
            *value /= n.max(1) as f32;
        }
        mean
    }

    /// Returns the columns of the table of images, each with the function that computes it.
    pub fn columns(&self, task: &Task) -> Vec<(String, SummaryFunction)> {
        let summaries = task.summaries.iter();
        let of_measure = summaries.filter(|summary| (summary.applies)(self.measure));
        of_measure
            .map(|summary| (format!("{}{}", self.name, summary.suffix), summary.value))
            .collect()
    }
}
