//! Checks of a run before its first image.

use std::path::PathBuf;

use super::job::{Job, OutputOptions};
use crate::error::{Error, Result};
use crate::input::ImageFile;
use crate::input::images::same_but_for_case;
use crate::measure::CALIBRATED_STD;
use crate::output::folder::{KINDS, OutputFolder};
use crate::output::format;
use crate::policy::{Policy, prediction_settings};
use crate::record::{MapScale, MapSize, RunRecord};
use crate::task::{ModelTask, Target, Task};

/// Fails if results of two images would have the same name, or if images lie in folders of results.
pub(super) fn names(job: &Job) -> Result<()> {
    refuse_maps_that_meet(job)?;
    refuse_images_among_results(job)
}

/// Fails if the settings of the run are not those that the policy was calibrated with.
pub(super) fn policy(output: &OutputOptions, record: &RunRecord) -> Result<()> {
    let Some(policy) = &output.policy else { return Ok(()) };
    policy.check(&prediction_settings(record))?;
    // Other tasks have scores of classes.
    match record.output.target {
        Some(_) => policy.check_targets(record.output.n_classes),
        None => Ok(()),
    }
}

/// Fails if the thresholds of a policy are those of other labels.
pub(super) fn label_thresholds(output: &OutputOptions, task: &ModelTask) -> Result<()> {
    let thresholds = output.policy.as_ref().and_then(|policy| policy.labels.as_ref());
    thresholds.map_or(Ok(()), |labels| labels.of(&task.channels).map(|_| ()))
}

/// Fails if the maps of one image would replace those of another.
fn refuse_maps_that_meet(job: &Job) -> Result<()> {
    let ids = job.images.iter().map(ImageFile::id);
    match format::clash(&job.output.formats, &ids) {
        Some((one, other)) => {
            let message = format!("maps of \"{one}\" and \"{other}\" have the same name");
            let hint = "rename one of the images, or leave a format out";
            Err(Error::setting("formats", message).with_hint(hint))
        }
        None => Ok(()),
    }
}

/// Fails if images lie in folders of maps, which `--overwrite` empties.
fn refuse_images_among_results(job: &Job) -> Result<()> {
    let Ok(folder) = job.folder.canonicalize() else { return Ok(()) };
    let measures = Task::all_measure_names().into_iter();
    let kinds: Vec<PathBuf> =
        KINDS.iter().copied().chain(measures).map(|kind| folder.join(kind)).collect();
    // Images are listed folder by folder, so the last folder is usually the same.
    let mut last = (PathBuf::new(), PathBuf::new());
    for image in &job.images {
        let path = image.path();
        let Some(parent) = path.parent() else { continue };
        if last.0 != parent {
            let real = parent.canonicalize().unwrap_or_default();
            last = (parent.to_owned(), real);
        }
        if kinds.iter().any(|kind| last.1.starts_with(kind)) {
            let message = format!("{} lies where results are written", path.display());
            return Err(Error::setting("output", message)
                .with_hint("choose another folder for the results"));
        }
    }
    Ok(())
}

/// Fails if two names differ only in case and the file system ignores case.
pub(super) fn case(job: &Job, folder: &OutputFolder) -> Result<()> {
    match same_but_for_case(&job.images) {
        Some((a, b)) if !folder.tells_case() => {
            let (a, b) = (a.path(), b.path());
            let message = format!(
                "{} and {} would have results of the same name: the file system of `output` \
                 ignores case",
                a.display(),
                b.display()
            );
            Err(Error::setting("output", message).with_hint(
                "name a folder that contains both as IMAGES, or an `output` on another file system",
            ))
        }
        _ => Ok(()),
    }
}

/// Fails if an option has no effect on the task.
pub(super) fn options_of_task(job: &Job, task: &'static Task) -> Result<()> {
    let options = &job.output;
    if let (Target::Labels, Some(policy)) = (task.target, &options.policy)
        && (policy.sets.is_some() || policy.temperature.is_some())
    {
        let message = format!("its sets and its temperature are not of `task = {task}`");
        return Err(Error::setting("policy", message)
            .with_hint("calibrate predictions of labels"));
    }
    let level = options.policy.as_ref().and_then(Policy::interval_level);
    if let (Some(level), Some(_)) = (level, options.interval) {
        let message = format!("the policy has intervals of {level} of its own");
        return Err(Error::setting("interval", message)
            .with_hint("leave `interval` or `policy` out"));
    }
    let is_calibrated = options.policy.as_ref().is_some_and(Policy::scales_variance);
    for (setting, measures) in [("measures", &options.measures), ("maps", &options.maps)]
    {
        let mut listed = measures.iter().flatten();
        if !is_calibrated && listed.any(|measure| measure.name == CALIBRATED_STD.name) {
            let name = CALIBRATED_STD.name;
            let message = format!("{name} needs a policy with a factor of the variance");
            return Err(Error::setting(setting, message).with_hint(
                "calibrate with labels, and name the file with `policy`; or use total_std",
            ));
        }
    }
    if options.report && !cfg!(feature = "report") {
        return Err(Error::setting("report", "the page is a feature that was left out")
            .with_hint("build mcdrop with the feature `report`"));
    }
    if job.sampling.logit_noise_samples.is_some() && !task.has_logit_noise() {
        let message = "the model does not predict the variance of its logits";
        return Err(Error::setting("logit_noise_samples", message).with_hint(
            "leave `logit_noise_samples` out, or name that output: \
             `head = logit_log_variance=OUTPUT`",
        ));
    }
    if options.map_scale == MapScale::Run && !task.has_maps() {
        let message = "predictions of images have no maps";
        return Err(
            Error::setting("map_scale", message).with_hint("leave `map_scale` out")
        );
    }
    let of_values = [
        ("value_range", options.value_range.is_some()),
        ("interval", options.interval.is_some()),
        ("model_precision", job.sampling.target.noise_variance > 0.0),
    ];
    for (setting, _) in of_values.iter().filter(|(_, is_given)| *is_given) {
        if task.target != Target::Value {
            return Err(without_values(setting, task));
        }
    }
    Ok(())
}

/// Returns the error of a setting that has no effect on tasks without values.
pub(super) fn without_values(setting: &str, task: &'static Task) -> Error {
    Error::setting(setting, format!("`task = {task}` has no values"))
        .with_hint(format!("leave `{setting}` out"))
}

/// Fails if maps at the size of the image and kept arrays at the size of the network would have the
/// same name.
pub(super) fn kept_arrays(options: &OutputOptions, task: &'static Task) -> Result<()> {
    let writes_npy = options.formats.iter().any(|format| format.extension == "npy");
    let meet = options.keep_probabilities.is_some()
        && options.map_size == MapSize::Image
        && writes_npy
        && !options.map_measures(task).is_empty();
    if !(task.has_maps() && meet) {
        return Ok(());
    }
    let message = "npy has the size of the image, but `keep_probabilities` writes the same \
                   files at the size of the network";
    Err(Error::setting("formats", message)
        .with_hint("leave npy out, or add `map_size = network`"))
}
