//! The job of a run, its events and its summary.

use std::path::PathBuf;
use std::time::Duration;

use crate::error::Result;
use crate::input::{ImageFile, Remark};
use crate::measure::{CALIBRATED_STD, Measure};
use crate::output::folder::{SET_SIZE, label_map_kind, map_path};
use crate::output::format::Format;
use crate::policy::Policy;
use crate::record::{
    Column, Columns, ImageRecord, MapScale, MapSize, Precision, RunRecord,
};
use crate::sampling::{Sampler, SamplingOptions};
use crate::sums::{Family, Needs};
use crate::task::{ModelTask, Quantity, TASKS, Target, Task, ValueRange};

/// The images of a run, and its settings.
#[derive(Debug)]
pub struct Job {
    /// The images, in the order of the rows.
    pub images: Vec<ImageFile>,
    /// The folder of the results.
    pub folder: PathBuf,
    /// Whether results of an earlier run in that folder are replaced.
    pub overwrite: bool,
    /// Settings of the samples.
    pub sampling: SamplingOptions,
    /// Files that are written.
    pub output: OutputOptions,
}

/// Files that a run writes.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each kind of file is written or not")]
pub struct OutputOptions {
    /// Measures of the table of images; `None` for all of the task.
    pub measures: Option<Vec<&'static Measure>>,
    /// Measures of which maps are written; `None` for those of the task
    /// ([`Task::main_measures`]).
    pub maps: Option<Vec<&'static Measure>>,
    /// Whether class maps are written.
    pub prediction: bool,
    /// Whether overlays are written.
    pub overlay: bool,
    /// Formats of the maps of measures.
    pub formats: Vec<&'static Format>,
    /// Size of class maps and of maps of measures. Overlays have the size of the image.
    pub map_size: MapSize,
    /// Choice of the scales of measures with a bound.
    pub map_scale: MapScale,
    /// Precision of the mean probabilities, if they are kept.
    pub keep_probabilities: Option<Precision>,
    /// The policy that is applied.
    pub policy: Option<Policy>,
    /// Whether the pictures and values of the page are written.
    pub report: bool,
    /// Scale of pictures of values; `None` if it is chosen from a few images.
    pub value_range: Option<ValueRange>,
    /// Probability of the intervals of a regression.
    pub interval: Option<f64>,
    /// Whether the record leaves out the folders of the images, the model and the library.
    pub private: bool,
}

/// An event of a run.
#[derive(Debug)]
pub enum Event<'a> {
    /// The model is open, and no image has been predicted yet.
    Started {
        /// The model as it is run.
        sampler: &'a Sampler,
        /// The task, with the labels or targets of the model.
        task: &'a ModelTask,
        /// The record of the run, as it is written before the first image.
        record: &'a RunRecord,
        /// Number of images that an earlier run finished.
        kept: usize,
    },
    /// An earlier run finished the image. These events precede those of all other images.
    Kept(&'a ImageRecord),
    /// An image was read, but perhaps not as expected.
    Remark {
        /// Id of the image.
        id: &'a str,
        /// What there is to know about it.
        remark: &'a Remark,
    },
    /// The image was predicted and its row is written.
    Done(&'a ImageRecord),
    /// The image failed. The record contains the error.
    Failed {
        /// The record of the image.
        record: &'a ImageRecord,
        /// The hint of the error, if it has one.
        hint: Option<&'a str>,
    },
}

/// Numbers of images at the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Number of images with a prediction.
    pub done: usize,
    /// Number of images with an error.
    pub failed: usize,
    /// Number of images that an earlier run predicted.
    pub kept: usize,
    /// Whether the run was stopped before the last image.
    pub stopped: bool,
    /// Time from the first image to the last row.
    pub time: Duration,
}

impl OutputOptions {
    /// Returns the sums over samples that the measures and maps need. `family` is what the heads of the
    /// model state before it runs: scores of classes may turn out to be those of labels.
    pub fn needs(&self, family: Family) -> Needs {
        let has_values = |family| family == Family::Values;
        let is_possible =
            |task: &&'static Task| has_values(task.family) == has_values(family);
        let tasks = TASKS.iter().filter(is_possible);
        let overviews = tasks.clone().map(|task| task.overview);
        let overviews = overviews.filter(|_| self.shows_overview());
        let of_policy = |task: &'static Task| {
            let scores = self.policy.iter().flat_map(Policy::scores);
            scores.filter_map(|score| task.measure(score.measure?.name))
        };
        tasks
            .flat_map(|task| self.shown_measures(task).chain(of_policy(task)))
            .chain(overviews)
            .fold(Needs::default(), |needs, measure| needs.union(measure.needs))
    }

    /// Returns the measures of the table, and those of which maps are written. Measures may be
    /// repeated.
    pub fn shown_measures(
        &self,
        task: &'static Task,
    ) -> impl Iterator<Item = &'static Measure> {
        self.table_measures(task).into_iter().chain(self.map_measures(task))
    }

    /// Returns the measures of the table.
    pub fn table_measures(&self, task: &'static Task) -> Vec<&'static Measure> {
        match &self.measures {
            None => {
                let is_calibrated =
                    self.policy.as_ref().is_some_and(Policy::scales_variance);
                let calibrated = is_calibrated.then(|| task.measure(CALIBRATED_STD.name));
                task.measures.iter().chain(calibrated.flatten()).collect()
            }
            Some(measures) => of_task(task, measures),
        }
    }

    /// Returns the measures of which maps are written if the task has maps.
    pub fn map_measures(&self, task: &'static Task) -> Vec<&'static Measure> {
        match &self.maps {
            None if task.has_maps() => task.main_measures.iter().collect(),
            None => Vec::new(),
            Some(maps) => of_task(task, maps),
        }
    }

    /// Fails if a measure was chosen that the task does not have.
    pub(super) fn check_measures(&self, task: &'static Task) -> Result<()> {
        let lists = [("measures", &self.measures), ("maps", &self.maps)];
        for (setting, measures) in lists {
            task.own_measures(setting, measures.iter().flatten())?;
        }
        Ok(())
    }

    /// Returns true if a file shows the overview of the task.
    pub(super) fn shows_overview(&self) -> bool {
        self.overlay || self.report
    }

    /// Returns whether a file needs scales that are chosen for the run.
    pub(super) fn needs_scales(&self, task: &'static Task) -> bool {
        let has_steps = self.formats.iter().any(|format| format.steps.is_some());
        task.has_maps()
            && (self.shows_overview()
                || (has_steps && !self.map_measures(task).is_empty()))
    }

    /// Returns the quantities that pictures show: those with a map, and the overview.
    pub fn quantities_of_pictures(&self, task: &ModelTask) -> Vec<Quantity> {
        let mut quantities = task.quantities(&self.map_measures(task.task));
        let overview = task.overview();
        let is_listed = quantities.iter().any(|one| one.name == overview.name);
        if self.shows_overview() && !is_listed {
            quantities.insert(0, overview);
        }
        quantities
    }

    /// Returns what the page shows: the quantities with a map, and the overview.
    #[cfg(feature = "report")]
    pub(super) fn quantities_of_page(&self, task: &ModelTask) -> Vec<Quantity> {
        let maps = task.quantities(&self.map_measures(task.task));
        let overview = task.overview();
        let has_overview = maps.iter().any(|one| one.name == overview.name);
        let overview = (!has_overview).then_some(overview);
        overview.into_iter().chain(maps).collect()
    }

    /// Returns everything that an output needs, without repetitions.
    pub(super) fn computed(&self, task: &ModelTask) -> Vec<Quantity> {
        let mut computed = task.quantities(&self.table_measures(task.task));
        let maps = task.quantities(&self.map_measures(task.task));
        let overview = self.shows_overview().then(|| task.overview());
        let maps = maps.into_iter().chain(overview);
        let maps = maps.filter(|_| task.has_maps());
        let of_policy = self.policy.iter().flat_map(Policy::scores);
        let of_policy = of_policy.filter_map(|score| score.quantity(task));
        for quantity in maps.chain(of_policy) {
            if !computed.iter().any(|other| other.name == quantity.name) {
                computed.push(quantity);
            }
        }
        computed
    }

    /// Returns the columns of the table of images.
    pub fn columns(&self, task: &ModelTask) -> Columns {
        let of_policy = self.policy.iter().flat_map(|policy| {
            [
                (Column::CalibratedProbability, policy.temperature.is_some()),
                (Column::SetSize, policy.sets.is_some()),
                (Column::PredictionSet, policy.sets.is_some() && !task.has_maps()),
                (Column::Decision, policy.decides()),
            ]
        });
        let of_policy = of_policy.filter(|(_, is_written)| *is_written);
        let measures = self.table_measures(task.task);
        Columns::new(task, &measures, of_policy.map(|(column, _)| column))
    }

    /// Returns the kind and the path in the output folder of each file of a predicted image.
    ///
    /// The kind is `prediction`, `overlay`, `set_size`, `probabilities`, `deterministic` or a
    /// measure. If there are several files of a kind, the others are called by kind and ending, as
    /// in `margin.npy`.
    pub fn files(&self, task: &ModelTask, id: &str) -> Vec<(String, String)> {
        let has_maps = task.has_maps();
        let mut files = Vec::new();
        let mut add = |kind: &str, extension: &str| {
            let path = map_path(kind, id, extension);
            if files.iter().any(|(_, known)| *known == path) {
                return;
            }
            let first = !files.iter().any(|(name, _)| name == kind);
            let name =
                if first { kind.to_owned() } else { format!("{kind}.{extension}") };
            files.push((name, path));
        };
        if has_maps && self.prediction && task.task.has_class_maps() {
            add("prediction", "png");
        }
        let maps = if has_maps { self.map_measures(task.task) } else { Vec::new() };
        for quantity in task.quantities(&maps) {
            for format in &self.formats {
                add(&quantity.name, format.extension);
            }
        }
        let has_labels = self.policy.as_ref().is_some_and(|one| one.labels.is_some());
        if has_maps && self.prediction && has_labels {
            for label in &task.channels {
                add(&label_map_kind(label), "png");
            }
        }
        if has_maps && self.overlay {
            add("overlay", "png");
        }
        if has_maps && self.policy.as_ref().is_some_and(|policy| policy.sets.is_some()) {
            self.formats.iter().for_each(|format| add(SET_SIZE, format.extension));
        }
        if self.keep_probabilities.is_some() {
            if task.task.target == Target::Class {
                add("probabilities", "npy");
            }
            add("deterministic", "npy");
            for quantity in self.computed(task) {
                add(&quantity.name, "npy");
            }
        }
        files
    }
}

/// Returns the measures of a task with the names of these.
fn of_task(task: &'static Task, measures: &[&'static Measure]) -> Vec<&'static Measure> {
    measures.iter().filter_map(|measure| task.measure(measure.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{MUTUAL_INFORMATION, PREDICTIVE_ENTROPY};
    use crate::output::format::FORMATS;
    use crate::task::{CLASSIFICATION, SEGMENTATION};

    fn options(maps: Option<Vec<&'static Measure>>) -> OutputOptions {
        OutputOptions {
            measures: Some(vec![&PREDICTIVE_ENTROPY]),
            maps,
            prediction: true,
            overlay: false,
            formats: FORMATS.iter().take(1).collect(),
            map_size: MapSize::Image,
            map_scale: MapScale::Fixed,
            keep_probabilities: None,
            policy: None,
            report: false,
            value_range: None,
            interval: None,
            private: false,
        }
    }

    #[test]
    fn maps_that_are_not_listed_are_those_of_the_task() {
        let kinds = |maps| {
            let files =
                options(maps).files(&ModelTask::of_classes(&SEGMENTATION), "a.png");
            files.into_iter().map(|(kind, _)| kind).skip(1).collect::<Vec<_>>()
        };
        let of_task = SEGMENTATION.main_measures.iter().map(|m| m.name.to_owned());
        assert_eq!(kinds(None), of_task.collect::<Vec<_>>());
        assert_eq!(kinds(Some(vec![&MUTUAL_INFORMATION])), ["mutual_information"]);
        assert_eq!(kinds(Some(Vec::new())), [""; 0]);
        assert!(options(None).map_measures(&CLASSIFICATION).is_empty());
    }

    #[test]
    fn maps_of_values_do_not_add_to_the_sums_of_classes() {
        let needs = options(None).needs(Family::Classes);
        // A sampler keeps no sums of noise that a model does not have.
        assert_eq!(needs, Needs { within: true, noise: true, ..Needs::MEAN });
        let nothing = options(Some(Vec::new()));
        assert_eq!(nothing.needs(Family::Classes), Needs::MEAN);
        let of_values = options(None).needs(Family::Values);
        assert_eq!(of_values, Needs { moments: true, within: true, ..Needs::MEAN });
    }
}
