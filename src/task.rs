//! Tasks: what the outputs of a model mean, and what is computed from them.
//!
//! [`TASKS`] has one row per task. Everything that differs between tasks is in its row, or in the
//! file of this module that the row's functions come from; no other module compares tasks or their
//! names. Prediction, measures and columns are computed from maps: an image-level prediction is
//! a map of 1 x 1.

pub mod categorical;
pub mod logit_noise;
mod model_precision;
mod model_task;
pub mod multilabel;
pub mod regression;
mod target;

#[cfg(test)]
mod tests;

use std::fmt;

use crate::error::{Error, Result};
use crate::head::Role;
use crate::measure::{Measure, image_level};
use crate::sums::{Family, Statistics, StdFactors};
use crate::tensor::Region;

pub use categorical::{CLASSIFICATION, SEGMENTATION};
pub use logit_noise::{NOISY_CLASSIFICATION, NOISY_SEGMENTATION};
pub use model_precision::{DropoutTraining, ModelPrecision};
pub use model_task::{ModelTask, NamedColumn, Quantity, SummaryFunction};
pub use multilabel::{IMAGE_LABELS, PIXEL_LABELS};
pub use regression::{IMAGE_REGRESSION, PIXEL_REGRESSION};
pub use target::{TargetSettings, ValueRange};

/// All tasks. The first one that accepts the model's output is taken, of those with the name that
/// the user or a configuration chooses. A task for images and for pixels has a row for each, and so has
/// one whose logits may have noise.
pub const TASKS: &[Task] = &[
    CLASSIFICATION,
    SEGMENTATION,
    NOISY_CLASSIFICATION,
    NOISY_SEGMENTATION,
    IMAGE_LABELS,
    PIXEL_LABELS,
    IMAGE_REGRESSION,
    PIXEL_REGRESSION,
];

/// A task.
#[derive(Clone, Copy)]
pub struct Task {
    /// Name in settings, sidecar files and records.
    pub name: &'static str,
    /// Description in one line.
    pub summary: &'static str,
    /// What the channels of the output are.
    pub family: Family,
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
    /// Measures that are computed only if they are named, because they follow from others.
    pub optional_measures: &'static [Measure],
    /// Measures whose maps are written, and that become outputs of a converted model, by default.
    pub main_measures: &'static [Measure],
    /// Measure of overlays and thumbnails.
    pub overview: &'static Measure,
    /// Measure that is the prediction of a label or target itself; `None` for classes.
    pub predicted: Option<PredictedMeasure>,
    /// Columns that describe the prediction in the table of images, in order.
    pub prediction_columns: &'static [PredictionColumn],
    /// Columns of each measure in the table of images, in order.
    pub summaries: &'static [Summary],
    /// Quantities whose error can end sampling.
    pub stop_targets: &'static [StopTarget],
    /// Stopping rule for `samples = auto` without a tolerance; `None` if there is no usual one.
    pub default_stop: Option<DefaultStop>,
    /// Number of samples with uniform probabilities that are added when the error of the means is
    /// estimated, so that rare outcomes that were not drawn yet are not ruled out. 0 if there are
    /// many items per image.
    pub pseudo_samples: u32,
    /// Metrics by which choices of dropout are compared.
    pub tuning: TuningMetrics,
    /// Returns whether an output of this shape can be of the task.
    accepts: fn(&OutputShape) -> bool,
}

/// A measure that is a prediction itself, not its uncertainty.
#[derive(Debug, Clone, Copy)]
pub struct PredictedMeasure {
    /// The measure.
    pub measure: &'static Measure,
    /// Its standard deviation, which is shown behind `±`.
    pub std: Option<&'static Measure>,
    /// Value from which on a label holds.
    pub threshold: Option<f32>,
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
    /// Labels, each of which holds or not.
    Labels,
    /// Numbers in the unit of the target.
    Value,
}

/// A column that describes the prediction in the table of images.
#[derive(Debug, Clone, Copy)]
pub struct PredictionColumn {
    /// Name in the header.
    pub name: &'static str,
    /// Type of the values.
    pub kind: ColumnKind,
    /// Set if there is a column for each label or target.
    pub per_channel: bool,
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
    /// Names of the classes or labels, if there are any.
    pub class_names: &'a [String],
    /// The label or target of a column per channel.
    pub channel: usize,
    /// Factors of the standard deviation of the target of a column.
    pub std_factors: StdFactors,
    /// Smallest probability of each label with which it is listed; 0.5 if there are none.
    pub label_thresholds: &'a [f32],
}

/// A column of each measure: a number per image, computed from the measure's map.
#[derive(Debug, Clone, Copy)]
pub struct Summary {
    /// Ending of the column's name behind that of the measure.
    pub suffix: &'static str,
    /// Returns whether a measure has this column.
    pub applies: fn(&Measure) -> bool,
    /// Computes the number from a map without NaN.
    pub value: SummaryFunction,
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
    /// The mean probabilities of labels: the root mean square of their errors.
    LabelProbability,
    /// The mean values of targets: the root mean square of their errors, in the target's unit.
    Value,
}

impl StopTarget {
    /// All targets.
    pub const ALL: [Self; 5] = [
        Self::Class,
        Self::PredictiveEntropy,
        Self::Probability,
        Self::LabelProbability,
        Self::Value,
    ];

    /// Returns the name in settings and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::PredictiveEntropy => "predictive_entropy",
            Self::Probability => "probability",
            Self::LabelProbability => "label_probability",
            Self::Value => "value",
        }
    }

    /// Returns the target of a name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// Metrics by which choices of dropout are compared; each is a key in `metrics.json`.
#[derive(Debug, Clone, Copy)]
pub struct TuningMetrics {
    /// Negative log-likelihood of the labels.
    pub negative_log_likelihood: &'static str,
    /// Quality of the predictions.
    pub quality: &'static str,
    /// Returns how much quality is lost, of that of the model without dropout and that of a choice.
    pub loss: fn(plain: f64, choice: f64) -> f64,
    /// Error of calibration.
    pub calibration: &'static str,
    /// How well uncertainty finds errors.
    pub error_finding: &'static str,
}

/// Shape of a model's output, as a task is chosen from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputShape<'a> {
    /// Sizes in a run, with the channels behind the batch axis: `[N,C]` or `[N,C,H,W]`.
    pub sizes: &'a [usize],
    /// The model declares that height and width are always 1.
    pub is_declared_single: bool,
    /// What the channels are.
    pub family: Family,
    /// The model predicts the variances of a noise of its logits.
    pub has_logit_noise: bool,
}

impl OutputShape<'_> {
    /// Returns whether there is one item per image.
    fn is_image_level(&self) -> bool {
        match self.sizes {
            [_, _] => true,
            // A map that is 1 x 1 only because the image is small is still a map.
            [_, _, 1, 1] => self.is_declared_single,
            _ => false,
        }
    }
}

impl Summary {
    /// The mean over the items.
    pub const MEAN: Self =
        Self { suffix: "", applies: |_| true, value: image_level::mean };
    /// The largest mean of a patch.
    pub const PATCH_MAX: Self =
        Self { suffix: "_patch_max", applies: |_| true, value: image_level::patch_max };
    /// The 95 % quantile over the pixels.
    pub const QUANTILE_95: Self =
        Self { suffix: "_q95", applies: |_| true, value: image_level::quantile_95 };
}

/// Returns the quantile of the standard normal distribution at a probability in (0, 1).
pub fn normal_quantile(probability: f64) -> f64 {
    use statrs::distribution::{ContinuousCDF, Normal};
    Normal::standard().inverse_cdf(probability)
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

    /// Returns the first task of a name, for images or for pixels, that has all of these measures, else
    /// the first one of that name.
    pub fn with_measures(
        name: &str,
        item: Option<Item>,
        measures: &[String],
    ) -> Option<&'static Self> {
        let fits =
            |task: &&Self| task.name == name && item.is_none_or(|item| task.item == item);
        let has_all =
            |task: &&Self| measures.iter().all(|measure| task.measure(measure).is_some());
        let mut tasks = TASKS.iter().filter(fits);
        let first = tasks.clone().next();
        tasks.find(has_all).or(first)
    }

    /// Returns whether the logits of the task have noise.
    pub fn has_logit_noise(&self) -> bool {
        self.roles.iter().any(|role| matches!(role, Role::LogitSpread(_)))
    }

    /// Returns the first task that accepts an output of this shape.
    pub fn of_output(shape: &OutputShape) -> Option<&'static Self> {
        TASKS.iter().find(|task| (task.accepts)(shape))
    }

    /// Returns the row of this task's name that accepts an output of this shape, if the user or a
    /// configuration chose it: a map of one pixel may then be an image-level prediction.
    pub fn accepting(
        &self,
        sizes: &[usize],
        has_logit_noise: bool,
    ) -> Option<&'static Self> {
        let (is_declared_single, family) = (true, self.family);
        let shape = OutputShape { sizes, is_declared_single, family, has_logit_noise };
        let mut rows = TASKS.iter().filter(|task| task.name == self.name);
        rows.find(|task| (task.accepts)(&shape))
    }

    /// Returns the measure of a name.
    pub fn measure(&self, name: &str) -> Option<&'static Measure> {
        self.all_measures().find(|measure| measure.name == name)
    }

    /// Returns the name of the mean over samples as an output of a converted model.
    pub fn mean_output(&self) -> &'static str {
        self.predicted.map_or("probabilities", |predicted| predicted.measure.name)
    }

    /// Returns the measures, with those that are computed only if they are named.
    pub fn all_measures(&self) -> impl Iterator<Item = &'static Measure> + use<> {
        self.measures.iter().chain(self.optional_measures)
    }

    /// Returns this task's measures with the names of other tasks' measures. A measure that is in no
    /// table is returned as it is.
    ///
    /// # Errors
    /// Fails if the task does not have one of them; `setting` is where they were chosen.
    pub(crate) fn own_measures<'m>(
        &self,
        setting: &str,
        measures: impl IntoIterator<Item = &'m &'static Measure>,
    ) -> Result<Vec<&'static Measure>> {
        let of_task = |measure: &&'static Measure| {
            if Self::measure_of_any(measure.name).is_none() {
                return Ok(*measure);
            }
            self.measure(measure.name).ok_or_else(|| {
                let names: Vec<&str> = self.all_measures().map(|m| m.name).collect();
                let message = format!("`task = {self}` has no {}", measure.name);
                Error::setting(setting, message)
                    .with_hint(format!("its measures are {}", names.join(", ")))
            })
        };
        measures.into_iter().map(of_task).collect()
    }

    /// Returns the measure of a name in any task; where several have it, the first one's.
    pub fn measure_of_any(name: &str) -> Option<&'static Measure> {
        TASKS.iter().find_map(|task| task.measure(name))
    }

    /// Returns the names of the measures of all tasks, without repetitions.
    pub fn all_measure_names() -> Vec<&'static str> {
        let mut names: Vec<&str> = Vec::new();
        for measure in TASKS.iter().flat_map(Self::all_measures) {
            if !names.contains(&measure.name) {
                names.push(measure.name);
            }
        }
        names
    }

    /// Returns the names of all tasks, without repetitions.
    pub fn names() -> Vec<&'static str> {
        let mut names: Vec<&str> = Vec::new();
        for task in TASKS {
            if !names.contains(&task.name) {
                names.push(task.name);
            }
        }
        names
    }

    /// Returns true if maps of predicted classes can be written.
    pub fn has_class_maps(&self) -> bool {
        self.has_maps() && self.target == Target::Class
    }

    /// Returns true if maps of an image can be written.
    pub fn has_maps(&self) -> bool {
        self.item == Item::Pixel
    }
}

impl PartialEq for Task {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.item == other.item
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
            format!("\"{name}\" is not one of {}", Task::names().join(", "))
        })
    }
}
