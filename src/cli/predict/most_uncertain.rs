//! The images of a run that are the most uncertain, for the end of its messages.

use crate::pipeline::Job;
use crate::record::{Column, ImageRecord};
use crate::sampling::Sampler;
use crate::task::ModelTask;

/// Number of images that are listed.
const LISTED: usize = 3;

/// The images with the largest values of the measure that overlays show.
pub(super) struct MostUncertain {
    /// Name of the measure, with its unit and its bound.
    title: String,
    /// Position of its column among those of measures.
    index: usize,
    /// The largest values, in descending order, with the ids of their images.
    images: Vec<(f32, String)>,
    /// Number of images with a value.
    n_images: usize,
}

impl MostUncertain {
    /// Returns an empty list; `None` if the table does not have the measure.
    pub(super) fn new(sampler: &Sampler, task: &ModelTask, job: &Job) -> Option<Self> {
        let overview = task.overview();
        let columns = job.output.columns(task);
        let Column::Measure { index, .. } = columns.named(&overview.name)? else {
            return None;
        };
        let index = *index;
        let n_classes = if task.channels.is_empty() {
            sampler.output_layout().n_classes()
        } else {
            1
        };
        let bound = overview.measure.upper_bound(n_classes);
        let unit = task.unit(overview.measure);
        let parts = [
            Some(unit).filter(|unit| !matches!(&unit[..], "" | "1")),
            bound.is_finite().then(|| format!("at most {bound:.2}")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let about = match parts.join(", ") {
            about if about.is_empty() => about,
            about => format!(" ({about})"),
        };
        let title = format!("{}{about}", overview.name);
        Some(Self { title, index, images: Vec::new(), n_images: 0 })
    }

    /// Takes an image into account.
    pub(super) fn add(&mut self, record: &ImageRecord) {
        let value = record.measures.get(self.index).copied();
        let Some(value) = value.filter(|value| value.is_finite()) else { return };
        self.n_images += 1;
        let place = self.images.partition_point(|(other, _)| *other >= value);
        if place < LISTED {
            self.images.insert(place, (value, record.path.clone()));
            self.images.truncate(LISTED);
        }
    }

    /// Returns the list as a line; `None` if it would list all images.
    pub(super) fn line(&self) -> Option<String> {
        let images = self.images.iter().map(|(value, id)| format!("{id} {value:.3}"));
        let images: Vec<String> = images.collect();
        let is_a_choice = self.n_images > LISTED;
        is_a_choice
            .then(|| format!("most uncertain by {}: {}", self.title, images.join(", ")))
    }
}
