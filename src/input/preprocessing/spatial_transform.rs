//! Resize, crop and padding, checked against the size that the model takes.

use super::geometry::{Geometry, Steps};
use super::input_size::{FixedInputSize, MODEL_INPUT, check_sizes};
use super::partial_config::{ConfigStack, Resolved, SettingLocation};
use super::resize::{Method, Pixels};
use super::sizes::resized;
use crate::error::{Error, Result};
use crate::input::settings::{
    Crop, CropRule, Fill, Interpolation, ModelInput, Pad, PadSide, Resampler, Resize,
    Size,
};

/// Steps that bring an image to the network's size: resize, crop and padding.
#[derive(Debug, Clone)]
pub(super) struct SpatialTransform {
    resize: Resolved<Resize>,
    interpolation: Resolved<Interpolation>,
    resampler: Resolved<Resampler>,
    antialias: Resolved<bool>,
    crop: Resolved<Crop>,
    crop_rule: Resolved<CropRule>,
    pad: Resolved<Pad>,
    pad_side: Resolved<PadSide>,
    fill: Resolved<Fill>,
    input_size: FixedInputSize,
    max_pixels: u64,
}

impl SpatialTransform {
    /// Resolves every setting. Fails if no image can come out at a size that the model takes.
    pub(super) fn resolve(
        configs: &ConfigStack,
        input: &ModelInput,
        max_pixels: u64,
    ) -> Result<Self> {
        let input_size = FixedInputSize { width: input.width, height: input.height };
        let (crop, pad) = (configs.crop(), configs.pad());
        let resize = configs.resize(|| implied_resize(input_size, crop.value, pad.value));
        check_sizes(&resize, &crop, &pad, max_pixels)?;
        input_size.check(&resize, &crop, &pad)?;
        let (interpolation, resampler) = (configs.interpolation(), configs.resampler());
        let antialias = resolve_antialias(configs, resampler.value, interpolation.value)?;
        let transform = Self {
            crop_rule: configs.crop_rule(),
            pad_side: configs.pad_side(),
            fill: configs.fill(),
            resize,
            interpolation,
            resampler,
            antialias,
            crop,
            pad,
            input_size,
            max_pixels,
        };
        transform.method().check().map_err(|(message, hint)| {
            transform.interpolation.error(message).with_hint(hint)
        })?;
        Ok(transform)
    }

    /// Returns key, value and origin of each setting in effect.
    pub(super) fn settings(&self) -> Vec<(&'static str, String, &str)> {
        let mut list = vec![entry(&self.resize)];
        if self.resize.value != Resize::None {
            list.push(entry(&self.resampler));
            list.push(entry(&self.interpolation));
            let antialias = if self.antialias.value { "yes" } else { "no" };
            list.push(("antialias", antialias.to_owned(), &self.antialias.origin));
        }
        list.push(entry(&self.crop));
        if self.crop.value != Crop::None {
            list.push(entry(&self.crop_rule));
        }
        list.push(entry(&self.pad));
        if self.pad.value != Pad::None {
            list.push(entry(&self.pad_side));
        }
        let fills_crop =
            self.crop.value != Crop::None && matches!(self.fill.value, Fill::Color(_));
        if self.pad.value != Pad::None || fills_crop {
            list.push(entry(&self.fill));
        }
        list
    }

    /// Returns the geometry of an image of this size. Fails if the model does not take the size
    /// that results.
    pub(super) fn geometry(&self, image: Size) -> Result<Geometry> {
        if image.pixels() == 0 {
            return Err(Error::setting("image", "has no pixels"));
        }
        self.check_resized(image)?;
        let geometry = Geometry::new(image, &self.steps()).map_err(|cropped| {
            let pad = self.pad.value;
            let message = format!("the image comes out at {cropped}, larger than {pad}");
            self.pad.error(message).with_hint(format!(
                "leave this image out, or bring it to that size first: `resize = fit:{pad}`"
            ))
        })?;
        if geometry.seen().pixels() > self.max_pixels {
            return Err(self.too_large(image, geometry.seen(), &self.pad.location));
        }
        self.input_size.check_image(geometry.seen())?;
        Ok(geometry)
    }

    /// Refuses a size that is too large before anything is computed from it.
    fn check_resized(&self, image: Size) -> Result<()> {
        let resized = resized(image, self.resize.value);
        // The columns are resized first, so this is the size between the two passes.
        let between = Size { width: resized.width, height: image.height };
        if resized.pixels().max(between.pixels()) <= self.max_pixels {
            return Ok(());
        }
        Err(self.too_large(image, resized, &self.resize.location))
    }

    fn too_large(&self, image: Size, size: Size, location: &SettingLocation) -> Error {
        let message =
            format!("{image} to {size} takes more than {} pixels", self.max_pixels);
        location.error(message).with_hint(
            "leave this image out, choose another `resize`, or raise `max_pixels`",
        )
    }

    /// Returns the values of the padding.
    pub(super) fn fill(&self) -> Fill {
        self.fill.value
    }

    /// Returns the arithmetic of the resize.
    pub(super) fn method(&self) -> Method {
        Method {
            resampler: self.resampler.value,
            interpolation: self.interpolation.value,
            antialias: self.antialias.value,
        }
    }

    pub(super) fn resize(&self, image: Pixels, size: Size) -> Result<Pixels> {
        self.method().resize(image, size).map_err(|message| self.resize.error(message))
    }

    fn steps(&self) -> Steps {
        Steps {
            resize: self.resize.value,
            crop: self.crop.value,
            crop_rule: self.crop_rule.value,
            pad: self.pad.value,
            pad_side: self.pad_side.value,
        }
    }
}

fn entry<T: ToString>(resolved: &Resolved<T>) -> (&'static str, String, &str) {
    (resolved.key, resolved.value.to_string(), &resolved.origin)
}

/// Returns the resize that the model implies: to the size that it fixes, unless a crop or a
/// padding to a size is given.
fn implied_resize(
    input_size: FixedInputSize,
    crop: Crop,
    pad: Pad,
) -> Option<Resolved<Resize>> {
    match (input_size.both_sides(), crop, pad) {
        (Some(size), Crop::None, Pad::None | Pad::Multiple(_)) => {
            Some(Resolved::implied("resize", Resize::Exact(size), MODEL_INPUT))
        }
        _ => None,
    }
}

/// Resolves `antialias`. Fails if the library of the resampler cannot do what a source gives.
fn resolve_antialias(
    configs: &ConfigStack,
    resampler: Resampler,
    interpolation: Interpolation,
) -> Result<Resolved<bool>> {
    let of_resampler = Method::antialias_of(resampler, interpolation);
    let is_nearest =
        matches!(interpolation, Interpolation::Nearest | Interpolation::NearestExact);
    if is_nearest && of_resampler.is_some() {
        return Ok(Resolved::implied("antialias", false, "nearest has none"));
    }
    let antialias = configs.antialias(|| {
        let origin = format!("resampler {resampler}");
        Some(Resolved::implied("antialias", of_resampler?, &origin))
    });
    match of_resampler {
        Some(always) if antialias.value != always => {
            let word = if always { "always" } else { "never" };
            let message = format!(
                "{interpolation} with the resampler {resampler} {word} antialiases"
            );
            Err(antialias
                .error(message)
                .with_hint("leave `antialias` out, or take the resampler torchvision"))
        }
        _ => Ok(antialias),
    }
}
