//! What forbids a run before its first image.

use super::run::Job;
use crate::error::{Error, Result};
use crate::input::images::same_but_for_case;
use crate::input::{ImageFile, Preprocessing};
use crate::output::folder::tells_case;
use crate::output::format;

/// Images whose results would have one name.
pub(super) fn names(job: &Job) -> Result<()> {
    refuse_maps_that_meet(job)?;
    refuse_names_that_meet(job)
}

/// Two images of which one would replace the other's maps.
fn refuse_maps_that_meet(job: &Job) -> Result<()> {
    let ids = job.images.iter().map(ImageFile::id);
    match format::clash(&job.output.formats, &ids) {
        Some((one, other)) => {
            let message = format!("maps of \"{one}\" and \"{other}\" have the same name");
            let hint = "rename one of the images, or leave a format out";
            Err(Error::setting("--formats", message).with_hint(hint))
        }
        None => Ok(()),
    }
}

/// Where `A.png` and `a.png` are one name, the maps of one would overwrite the other's.
fn refuse_names_that_meet(job: &Job) -> Result<()> {
    match same_but_for_case(&job.images) {
        Some((a, b)) if !tells_case(&job.folder) => {
            let (a, b) = (a.path(), b.path());
            let message = format!(
                "{} and {} would have results of one name: upper and lower case are the same \
                 there",
                a.display(),
                b.display()
            );
            Err(Error::setting("-o", message).with_hint(
                "give one folder above both as IMAGES, or another disk for -o",
            ))
        }
        _ => Ok(()),
    }
}

/// Names for another number of classes belong to another model.
pub(super) fn class_names(preprocessing: &Preprocessing, n_classes: usize) -> Result<()> {
    let Some(n) = preprocessing.class_names.as_ref().map(Vec::len) else { return Ok(()) };
    if n == n_classes {
        return Ok(());
    }
    let mut settings = preprocessing.settings().iter();
    let origin = settings.find(|setting| setting.key == "classes");
    let origin = origin.map_or("classes", |setting| setting.origin.as_str());
    let message = format!("{n} names are given, but the model has {n_classes} classes");
    Err(Error::setting(origin, message).with_hint(if (n, n_classes) == (1, 2) {
        "a model with one output channel has two classes, the second its own"
    } else {
        "give a name for each class with --classes FILE, a line each"
    }))
}
