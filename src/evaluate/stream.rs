//! Images one by one, on several threads.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use super::folder::Folder;
use super::labels::{Found, Labels};
use crate::error::{Error, Result};
use crate::metric::{
    Deterministic, Evaluation, IGNORED, ImageInput, ImageSummary, Layout, Options, Score,
    Task, Value,
};
use crate::tensor::ClassMap;

/// What is told of an image.
#[derive(Debug)]
pub enum Event<'a> {
    /// It was counted.
    Counted {
        /// Its id.
        id: &'a str,
    },
    /// It has no label.
    Missing {
        /// Its id.
        id: &'a str,
        /// What was looked for.
        wanted: &'a str,
    },
    /// Its label or its results cannot be used.
    Failed {
        /// Its id.
        id: &'a str,
        /// Why.
        error: &'a Error,
    },
}

/// What was counted.
#[derive(Debug)]
pub struct Counted {
    /// The sums.
    pub evaluation: Evaluation,
    /// Every metric that the images allow.
    pub metrics: Vec<Value>,
    /// Images without a label.
    pub missing: usize,
    /// Images whose label or results cannot be used.
    pub failed: usize,
}

/// An image's way to the sums.
enum Summary {
    Done(Box<ImageSummary>),
    Missing(String),
}

/// Counts every image of a folder that has labels, and beside them the images of `strange`, which
/// are of another kind and need none; `tell` hears of each, in no fixed order.
///
/// # Errors
/// If no image has labels, or the folders were not predicted alike.
pub fn evaluate(
    folder: &Folder,
    labels: &Labels,
    strange: Option<&Folder>,
    threads: usize,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Counted> {
    if let Some(strange) = strange {
        folder.check_alike(strange)?;
    }
    let mut evaluation = Evaluation::new(layout(folder)?);
    let layout = evaluation.layout().clone();
    let of_labelled = |id: &str| summary(folder, Some(labels), id, &layout);
    let (mut missing, mut failed) = (0, 0);
    each(folder, threads, &of_labelled, &mut |id, found| {
        let added = found.and_then(|found| match found {
            Summary::Missing(wanted) => Ok(Some(wanted)),
            Summary::Done(image) => evaluation.add(*image).map(|()| None),
        });
        match added {
            Ok(None) => tell(Event::Counted { id }),
            Ok(Some(wanted)) => {
                missing += 1;
                tell(Event::Missing { id, wanted: &wanted });
            }
            Err(error) => {
                failed += 1;
                tell(Event::Failed { id, error: &error });
            }
        }
    });
    if evaluation.n_images().0 == 0 {
        let message = format!("none of {} images could be compared", folder.ids.len());
        return Err(Error::setting("--labels", message)
            .with_hint("label names may differ from image names: --match PATTERN NAME"));
    }
    if let Some(strange) = strange {
        let of_strange = |id: &str| summary(strange, None, id, &layout);
        each(strange, threads, &of_strange, &mut |id, found| {
            let added = found.and_then(|found| match found {
                Summary::Missing(_) => Ok(()),
                Summary::Done(image) => evaluation.add_outside(*image),
            });
            if let Err(error) = added {
                failed += 1;
                tell(Event::Failed { id, error: &error });
            }
        });
    }
    let metrics = evaluation.metrics();
    Ok(Counted { evaluation, metrics, missing, failed })
}

/// Summarises the images of a folder on several threads; `take` gets them on this one.
fn each(
    folder: &Folder,
    threads: usize,
    summary: &(dyn Fn(&str) -> Result<Summary> + Sync),
    take: &mut dyn FnMut(&str, Result<Summary>),
) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(threads);
        for _ in 0..threads.clamp(1, folder.ids.len().max(1)) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some(id) = folder.ids.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    if sender.send((&id[..], summary(id))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (id, found) in receiver {
            take(id, found);
        }
    });
}

fn layout(folder: &Folder) -> Result<Layout> {
    let task = if folder.is_map { Task::Segmentation } else { Task::Classification };
    let names = folder.class_names.clone().filter(|names| {
        let different: BTreeSet<&String> = names.iter().collect();
        different.len() == folder.n_classes
    });
    let ids = || (0..folder.n_classes).map(|class| class.to_string()).collect();
    let score = |measure: &&'static crate::measure::Measure| {
        Score::new(measure.name, (measure.bound)(folder.n_classes))
    };
    let scores = folder.measures.iter().map(score).collect();
    let layout =
        Layout::new(task, names.unwrap_or_else(ids), scores, Options::default())?;
    Ok(layout.with_deterministic())
}

/// What an image adds; one without labels of its own has none that counts.
fn summary(
    folder: &Folder,
    labels: Option<&Labels>,
    id: &str,
    layout: &Layout,
) -> Result<Summary> {
    let kept = folder.kept(id)?;
    let (height, width) = kept.size;
    let labels = match labels.map(|labels| labels.of(id, kept.size)).transpose()? {
        Some(Found::Missing(wanted)) => return Ok(Summary::Missing(wanted)),
        Some(Found::Labels(labels)) => labels.into_iter().map(label).collect(),
        None => vec![IGNORED; height * width],
    };
    let scores: Vec<&[f32]> = kept.measures.iter().map(Vec::as_slice).collect();
    let (classes, probabilities) = &kept.deterministic;
    let input = ImageInput {
        id,
        height,
        width,
        probabilities: &kept.probabilities,
        labels: &labels,
        scores: &scores,
        deterministic: Some(Deterministic { classes, probabilities }),
        mask: None,
    };
    ImageSummary::new(&input, layout).map(|summary| Summary::Done(Box::new(summary)))
}

fn label(class: u16) -> u32 {
    if class == ClassMap::NONE { IGNORED } else { u32::from(class) }
}
