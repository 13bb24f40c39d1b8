//! Opens the model for the images of a job.

use super::images::{self, Loaded};
use super::job::Job;
use crate::error::{Error, Result};
use crate::graph::Plan;
use crate::input::{ImageFile, Preprocessing};
use crate::runtime::Runtime;
use crate::sampling::Sampler;

/// Largest number of images that are tried before opening the model fails.
const MOST_TRIED: usize = 256;
/// Largest number of image sizes that are tried.
const MOST_SIZES: usize = 8;

/// A sampler, and the image that it was probed for.
pub(super) struct OpenedModel {
    pub(super) sampler: Sampler,
    pub(super) first: FirstImage,
}

/// The first image that can be read and that the model takes. It is kept so that it is decoded
/// only once.
pub(super) struct FirstImage {
    /// Index of the image in the job.
    pub(super) index: usize,
    pub(super) loaded: Loaded,
}

/// Opens the model for the size of the first image that can be read and that the model takes.
///
/// # Errors
/// Fails if there is no such image, or if the model cannot be opened for any size.
pub(super) fn open_model(
    plan: &Plan,
    runtime: &Runtime,
    job: &Job,
    preprocessing: &Preprocessing,
) -> Result<OpenedModel> {
    let (mut first_unusable, mut first_refused) = (None, None);
    let mut n_unusable = 0;
    let mut tried: Vec<(usize, usize)> = Vec::new();
    let mut must_be_multiple = 1;
    // Missing files and files of other formats do not count as tried.
    let is_there = |(_, file): &(usize, &ImageFile)| {
        !file.is_of_other_format() && file.path().is_file()
    };
    for (index, file) in job.images.iter().enumerate().filter(is_there).take(MOST_TRIED) {
        let loaded = match images::load(file, preprocessing) {
            Ok(loaded) => loaded,
            Err(error) => {
                first_unusable = first_unusable.or(Some(error));
                n_unusable += 1;
                continue;
            }
        };
        let size = loaded.input.size();
        let fits = |side: usize| side.is_multiple_of(must_be_multiple);
        if tried.contains(&size) || !(fits(size.0) && fits(size.1)) {
            continue;
        }
        match Sampler::open(plan.clone(), runtime, job.sampling.clone(), size) {
            Err(error @ Error::ImageSize { multiple, .. }) => {
                must_be_multiple = multiple.unwrap_or(must_be_multiple);
                first_refused = first_refused.or(Some(error.of_image(&file.path())));
            }
            Err(error) => return Err(error),
            Ok(sampler) => {
                let first = FirstImage { index, loaded };
                return Ok(OpenedModel { sampler, first });
            }
        }
        tried.push(size);
        if tried.len() == MOST_SIZES {
            break;
        }
    }
    let first_missing =
        || job.images.first().and_then(|file| images::load(file, preprocessing).err());
    let none = || {
        Error::setting("IMAGES", "there is no image").with_hint("name files or folders")
    };
    let first_unusable = first_unusable.map(|error| and_more(error, n_unusable - 1));
    Err(first_refused.or(first_unusable).or_else(first_missing).unwrap_or_else(none))
}

/// Adds the number of other images that cannot be used to the error of an image.
fn and_more(mut error: Error, n: usize) -> Error {
    if let Error::Image { message, .. } = &mut error {
        match n {
            0 => {}
            1 => message.push_str("; 1 more image cannot be used either"),
            n => {
                let more = format!("; {n} more images cannot be used either");
                message.push_str(&more);
            }
        }
    }
    error
}
