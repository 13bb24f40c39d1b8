//! Tasks: what the outputs of a model mean, and what is computed from them.
//!
//! [`TASKS`] has one row per task. Everything that differs between tasks is in its row, or in the
//! file of this module that the row's functions come from; no other module compares tasks or their
//! names. Prediction, measures and columns are computed from maps: an image-level prediction is
//! a map of 1 x 1.

pub mod categorical;

#[cfg(test)]
mod tests;

use std::fmt;

use crate::head::Role;
use crate::measure::Measure;
use crate::sums::Statistics;
use crate::tensor::{Map, Region};

pub use categorical::{CLASSIFICATION, SEGMENTATION};

/// All tasks. If neither the user nor a configuration chooses one, the first that accepts the
/// model's output is taken.
pub const TASKS: &[Task] = &[CLASSIFICATION, SEGMENTATION];

/// A task.
#[derive(Clone, Copy)]
pub struct Task {
    /// Name in settings, sidecar files and records.
    pub name: &'static str,
    /// Description in one line.
    pub summary: &'static str,
    /// Roles that the head tensor may have.
    pub roles: &'static [Role],
    /// Axes of the output that the task expects, for messages: `[N,C]`.
    pub output_axes: &'static str,
    /// The unit that is predicted, labeled and counted.
    pub item: Item,
    /// Type of the labels.
    pub target: Target,
    /// Measures that the task has.
    pub measures: &'static [Measure],
    /// Measures whose maps are written by default; empty if the task has no maps.
    pub default_maps: &'static [Measure],
    /// Measure of overlays and thumbnails.
    pub overview: &'static Measure,
    /// Columns that describe the prediction in the table of images, in order.
    pub prediction_columns: &'static [PredictionColumn],
    /// Columns of each measure in the table of images, in order.
    pub summaries: &'static [Summary],
    /// Stopping rule for `samples = auto` without a tolerance.
    pub default_stop: DefaultStop,
    /// Number of samples with uniform probabilities that are added when the error of the means is
    /// estimated, so that rare outcomes that were not drawn yet are not ruled out. 0 if there are
    /// many items per image.
    pub pseudo_samples: u32,
    /// Metric by which predictions are compared.
    pub main_metric: MainMetric,
    /// Returns whether an output of this shape can be of the task.
    accepts: fn(&OutputShape) -> bool,
}

/// The unit that is predicted, labeled and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// The image: its maps are 1 x 1, labels come from a table or from folders of classes.
    Image,
    /// Every pixel: maps have the size of the network's input, labels are maps.
    Pixel,
}

/// Type of the labels of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The id of one class.
    Class,
}

/// A column that describes the prediction in the table of images.
#[derive(Debug, Clone, Copy)]
pub struct PredictionColumn {
    /// Name in the header.
    pub name: &'static str,
    /// Type of the values.
    pub kind: ColumnKind,
    /// Computes the value of an image.
    pub value: fn(&ImagePrediction) -> ColumnValue,
}

/// Type of the values of a [`PredictionColumn`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// [`ColumnValue::Class`].
    Class,
    /// [`ColumnValue::Text`].
    Text,
    /// [`ColumnValue::Number`].
    Number,
}

/// The value of a [`PredictionColumn`].
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnValue {
    /// The id of a class.
    Class(u16),
    /// A text, such as the name of a class.
    Text(String),
    /// A number.
    Number(f32),
}

/// A prediction as its columns are computed from it.
#[derive(Debug, Clone, Copy)]
pub struct ImagePrediction<'a> {
    /// Statistics of the samples.
    pub statistics: &'a Statistics,
    /// The part of the maps that shows the image.
    pub region: &'a Region,
    /// Names of the classes, if there are any.
    pub class_names: &'a [String],
}

/// A column of each measure: a number per image, computed from the measure's map.
#[derive(Debug, Clone, Copy)]
pub struct Summary {
    /// Ending of the column's name behind that of the measure.
    pub suffix: &'static str,
    /// Computes the number from a map without NaN.
    pub value: fn(&Map) -> f32,
}

/// Stopping rule: sampling ends once a quantity is known well enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DefaultStop {
    /// Quantity that must be known well enough.
    pub target: StopTarget,
    /// Its largest error.
    pub tolerance: f64,
}

/// A quantity that must be known well enough before sampling ends.
///
/// Mutual information and the variances are not included, because they depend on the number of
/// samples T: they are too small by a fraction of about 1/T, so images with different T would not be
/// comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopTarget {
    /// The predicted class. The tolerance is the probability that infinitely many samples would
    /// give another class. For maps, it is the fraction of pixels whose class is not certain at 95 %
    /// confidence.
    Class,
    /// The predictive entropy. The tolerance is its error in nats, at 95 % confidence. For maps, it is
    /// the root mean square over the pixels.
    PredictiveEntropy,
    /// The mean probability of the predicted class. The tolerance is its error, as for the entropy.
    Probability,
}

impl StopTarget {
    /// All targets.
    pub const ALL: [Self; 3] = [Self::Class, Self::PredictiveEntropy, Self::Probability];

    /// Returns the name in settings and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::PredictiveEntropy => "predictive_entropy",
            Self::Probability => "probability",
        }
    }

    /// Returns the target of a name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// Metric by which predictions are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MainMetric {
    /// Key in `metrics.json`.
    pub key: &'static str,
    /// Name in texts.
    pub title: &'static str,
}

/// Shape of a model's output, as a task is chosen from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputShape<'a> {
    /// Sizes in a run, with the channels behind the batch axis: `[N,C]` or `[N,C,H,W]`.
    pub sizes: &'a [usize],
    /// The model declares that height and width are always 1.
    pub is_declared_single: bool,
}

impl Item {
    /// Returns the size of the maps of an image whose network input has this size (height, width).
    pub fn map_size(self, input: (usize, usize)) -> (usize, usize) {
        match self {
            Self::Image => (1, 1),
            Self::Pixel => input,
        }
    }

    /// Returns the singular noun.
    pub fn singular(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Pixel => "pixel",
        }
    }

    /// Returns the number of axes of an output other than those of images and channels.
    pub fn spatial_axes(self) -> usize {
        match self {
            Self::Image => 0,
            Self::Pixel => 2,
        }
    }

    /// Returns the plural noun.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Image => "images",
            Self::Pixel => "pixels",
        }
    }
}

impl Task {
    /// Returns the task of a name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        TASKS.iter().find(|task| task.name == name)
    }

    /// Returns the first task that accepts an output of this shape.
    pub fn of_output(shape: &OutputShape) -> Option<&'static Self> {
        TASKS.iter().find(|task| (task.accepts)(shape))
    }

    /// Returns true if an output of this shape can be of the task, if the user or a configuration
    /// chose it: a map of one pixel may then be an image-level prediction.
    pub fn accepts(&self, sizes: &[usize]) -> bool {
        (self.accepts)(&OutputShape { sizes, is_declared_single: true })
    }

    /// Returns the columns of a measure in the table of images.
    pub fn measure_columns(&self, measure: &Measure) -> impl Iterator<Item = String> {
        let name = measure.name;
        self.summaries.iter().map(move |summary| format!("{name}{}", summary.suffix))
    }

    /// Returns true if maps of an image can be written.
    pub fn has_maps(&self) -> bool {
        self.item == Item::Pixel
    }
}

impl PartialEq for Task {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Task {}

impl fmt::Debug for Task {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "Task({})", self.name)
    }
}

impl fmt::Display for Task {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

impl std::str::FromStr for &'static Task {
    type Err = String;

    /// Parses the name of a task.
    fn from_str(name: &str) -> Result<Self, String> {
        Task::by_name(name).ok_or_else(|| {
            let names: Vec<_> = TASKS.iter().map(|task| task.name).collect();
            format!("\"{name}\" is not one of {}", names.join(", "))
        })
    }
}
