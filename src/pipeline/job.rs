//! The job of a run, its events and its summary.

use std::path::PathBuf;
use std::time::Duration;

use crate::input::{ImageFile, Remark};
use crate::measure::Measure;
use crate::output::folder::{SET_SIZE, map_path};
use crate::output::format::Format;
use crate::policy::Policy;
use crate::record::{Column, Columns, ImageRecord, MapSize, Precision};
use crate::sampling::{Sampler, SamplingOptions};
use crate::sums::Needs;
use crate::task::{TASKS, Task};

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
    /// Measures of the table of images.
    pub measures: Vec<&'static Measure>,
    /// Measures of which maps are written; `None` for those of the task
    /// ([`Task::default_maps`]).
    pub maps: Option<Vec<&'static Measure>>,
    /// Whether class maps are written.
    pub prediction: bool,
    /// Whether overlays are written.
    pub overlay: bool,
    /// Formats of the maps of measures.
    pub formats: Vec<&'static Format>,
    /// Size of class maps and of maps of measures. Overlays have the size of the image.
    pub map_size: MapSize,
    /// Precision of the mean probabilities, if they are kept.
    pub keep_probabilities: Option<Precision>,
    /// The policy that is applied.
    pub policy: Option<Policy>,
    /// Whether the pictures and values of the page are written.
    pub report: bool,
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
    /// Returns the sums over samples that the measures and maps need.
    pub fn needs(&self) -> Needs {
        // The task is not known before the model runs.
        let overviews = TASKS.iter().map(|task| task.overview);
        let overviews = overviews.filter(|_| self.shows_overview());
        let of_policy = self.policy.iter().flat_map(Policy::measures);
        self.measures_of_any_task()
            .chain(overviews)
            .chain(of_policy)
            .fold(Needs::default(), |needs, measure| needs.union(measure.needs))
    }

    /// Returns the measures of the table, and those of which maps are written for any task. Measures
    /// may be repeated.
    pub fn measures_of_any_task(&self) -> impl Iterator<Item = &'static Measure> {
        let maps = TASKS.iter().flat_map(|task| self.map_measures(task));
        self.measures.iter().copied().chain(maps)
    }

    /// Returns the measures of which maps are written if the task has maps.
    pub fn map_measures(&self, task: &Task) -> Vec<&'static Measure> {
        self.maps.clone().unwrap_or_else(|| task.default_maps.iter().collect())
    }

    fn shows_overview(&self) -> bool {
        self.overlay || self.report
    }

    /// Returns the measures whose values the page shows: those with a map, and the task's overview.
    pub(super) fn measures_of_page(&self, task: &Task) -> Vec<&'static Measure> {
        let maps = self.map_measures(task);
        let has_overview = maps.iter().any(|m| m.name == task.overview.name);
        let overview = (!has_overview).then_some(task.overview);
        overview.into_iter().chain(maps).collect()
    }

    /// Returns every measure that an output needs, without repetitions.
    pub(super) fn computed(&self, task: &Task) -> Vec<&'static Measure> {
        let overview = self.shows_overview().then_some(task.overview);
        let maps = self.map_measures(task).into_iter().chain(overview);
        let maps = maps.filter(|_| task.has_maps());
        let of_policy = self.policy.iter().flat_map(Policy::measures);
        let mut computed = self.measures.clone();
        for measure in maps.chain(of_policy) {
            if !computed.iter().any(|other| other.name == measure.name) {
                computed.push(measure);
            }
        }
        computed
    }

    /// Returns the columns of the table of images.
    pub fn columns(&self, task: &Task) -> Columns {
        let of_policy = self.policy.iter().flat_map(|policy| {
            [
                (Column::CalibratedProbability, policy.temperature.is_some()),
                (Column::SetSize, policy.sets.is_some()),
                (Column::PredictionSet, policy.sets.is_some() && !task.has_maps()),
                (Column::Decision, policy.decides()),
            ]
        });
        let of_policy = of_policy.filter(|(_, is_written)| *is_written);
        Columns::new(task, &self.measures, of_policy.map(|(column, _)| column))
    }

    /// Returns the kind and the path in the output folder of each file of a predicted image.
    ///
    /// The kind is `prediction`, `overlay`, `set_size`, `probabilities`, `deterministic` or a
    /// measure. If there are several files of a kind, the others are called by kind and ending, as
    /// in `margin.npy`.
    pub fn files(&self, task: &Task, id: &str) -> Vec<(String, String)> {
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
        if has_maps && self.prediction {
            add("prediction", "png");
        }
        let maps = if has_maps { self.map_measures(task) } else { Vec::new() };
        for measure in maps {
            for format in &self.formats {
                add(measure.name, format.extension);
            }
        }
        if has_maps && self.overlay {
            add("overlay", "png");
        }
        if has_maps && self.policy.as_ref().is_some_and(|policy| policy.sets.is_some()) {
            self.formats.iter().for_each(|format| add(SET_SIZE, format.extension));
        }
        if self.keep_probabilities.is_some() {
            add("probabilities", "npy");
            add("deterministic", "npy");
            for measure in self.computed(task) {
                add(measure.name, "npy");
            }
        }
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{MUTUAL_INFORMATION, PREDICTIVE_ENTROPY};
    use crate::output::format::FORMATS;
    use crate::task::{CLASSIFICATION, SEGMENTATION};

    fn options(maps: Option<Vec<&'static Measure>>) -> OutputOptions {
        OutputOptions {
            measures: vec![&PREDICTIVE_ENTROPY],
            maps,
            prediction: true,
            overlay: false,
            formats: FORMATS.iter().take(1).collect(),
            map_size: MapSize::Image,
            keep_probabilities: None,
            policy: None,
            report: false,
            private: false,
        }
    }

    #[test]
    fn maps_that_are_not_listed_are_those_of_the_task() {
        let kinds = |maps| {
            let files = options(maps).files(&SEGMENTATION, "a.png");
            files.into_iter().map(|(kind, _)| kind).skip(1).collect::<Vec<_>>()
        };
        let of_task = SEGMENTATION.default_maps.iter().map(|m| m.name.to_owned());
        assert_eq!(kinds(None), of_task.collect::<Vec<_>>());
        assert_eq!(kinds(Some(vec![&MUTUAL_INFORMATION])), ["mutual_information"]);
        assert_eq!(kinds(Some(Vec::new())), [""; 0]);
        assert!(options(None).map_measures(&CLASSIFICATION).is_empty());
        let without_maps = options(Some(Vec::new()));
        assert_eq!(without_maps.measures_of_any_task().count(), 1);
    }
}
