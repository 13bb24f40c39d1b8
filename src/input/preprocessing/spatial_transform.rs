//! Resize, crop and padding, checked against the size that the model takes.

use super::geometry::{Geometry, Steps};
use super::input_size::{FixedInputSize, check_sizes};
use super::partial_config::{PartialConfig, Resolved, choose};
use super::resize::{Method, Pixels};
use super::sizes::resized;
use crate::error::{Error, Result};
use crate::input::settings::{Crop, Interpolation, ModelInput, Resize, Size};
use crate::input::settings::{CropRule, Fill, Pad, PadSide, Resampler};

/// Where a value comes from that the model file fixes.
pub const MODEL_INPUT: &str = "the model's input";

/// Origin of what nobody said.
const DEFAULT: &str = "default";

/// How images are brought to the network's size.
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
    takes: FixedInputSize,
    max_pixels: u64,
}

impl SpatialTransform {
    /// Refuses what can give no image that the model takes.
    pub(super) fn plan(
        layers: &[PartialConfig],
        input: &ModelInput,
        max_pixels: u64,
    ) -> Result<Self> {
        let takes = FixedInputSize { width: input.width, height: input.height };
        let crop = or_default(choose(layers, "crop", |layer| layer.crop), Crop::None);
        let pad = or_default(choose(layers, "pad", |layer| layer.pad), Pad::None);
        let pad = by_its_flag(pad);
        let resize = choose(layers, "resize", |layer| layer.resize)
            .unwrap_or_else(|| resize_unsaid(takes, crop.value, pad.value));
        check_sizes(&resize, &crop, &pad, max_pixels)?;
        takes.check(&resize, &crop, &pad)?;
        let interpolation = or_default(
            choose(layers, "interpolation", |layer| layer.interpolation),
            Interpolation::Bilinear,
        );
        let resampler = or_default(
            choose(layers, "resampler", |layer| layer.resampler),
            Resampler::Torchvision,
        );
        let antialias = antialias(layers, &resampler, &interpolation)?;
        let frame = Self {
            crop_rule: or_default(
                choose(layers, "crop_rule", |layer| layer.crop_rule),
                CropRule::Torchvision,
            ),
            pad_side: or_default(
                choose(layers, "pad_side", |layer| layer.pad_side),
                PadSide::End,
            ),
            fill: or_default(choose(layers, "fill", |layer| layer.fill), Fill::Zero),
            resize,
            interpolation,
            resampler,
            antialias,
            crop,
            pad,
            takes,
            max_pixels,
        };
        frame.method().check().map_err(|(message, hint)| {
            Error::setting(&frame.interpolation.place, message).with_hint(hint)
        })?;
        Ok(frame)
    }

    /// Key, value and origin of what is in effect.
    pub(super) fn settings(&self) -> Vec<(&'static str, String, &str)> {
        let mut list = Vec::new();
        list.push(entry("resize", &self.resize));
        if self.resize.value != Resize::None {
            list.push(entry("resampler", &self.resampler));
            list.push(entry("interpolation", &self.interpolation));
            let antialias = if self.antialias.value { "yes" } else { "no" };
            list.push(("antialias", antialias.to_owned(), &self.antialias.origin));
        }
        list.push(entry("crop", &self.crop));
        if self.crop.value != Crop::None {
            list.push(entry("crop_rule", &self.crop_rule));
        }
        list.push(entry("pad", &self.pad));
        if self.pad.value != Pad::None {
            list.push(entry("pad_side", &self.pad_side));
        }
        let color =
            self.crop.value != Crop::None && matches!(self.fill.value, Fill::Color(_));
        if self.pad.value != Pad::None || color {
            list.push(entry("fill", &self.fill));
        }
        list
    }

    /// What happens to an image of this size; refuses what the model does not take.
    pub(super) fn geometry(&self, image: Size) -> Result<Geometry> {
        if image.pixels() == 0 {
            return Err(Error::setting("image", "has no pixels"));
        }
        self.check_resized(image)?;
        let geometry = Geometry::new(image, &self.steps()).map_err(|cropped| {
            let message = format!(
                "the image comes out at {cropped}, larger than {}",
                self.pad.value
            );
            Error::setting(&self.pad.place, message).with_hint(format!(
                "leave this image out, or bring it to that size first: --resize fit:{}",
                self.pad.value
            ))
        })?;
        if geometry.seen().pixels() > self.max_pixels {
            return Err(self.too_large(image, geometry.seen(), &self.pad.place));
        }
        self.takes.check_image(geometry.seen())?;
        Ok(geometry)
    }

    /// Before anything is computed from the new size, which knows no bound until here.
    fn check_resized(&self, image: Size) -> Result<()> {
        let resized = resized(image, self.resize.value);
        // The columns are done first, so this is what lies between the passes.
        let between = Size { width: resized.width, height: image.height };
        if resized.pixels().max(between.pixels()) <= self.max_pixels {
            return Ok(());
        }
        Err(self.too_large(image, resized, &self.resize.place))
    }

    fn too_large(&self, image: Size, size: Size, place: &str) -> Error {
        let message =
            format!("{image} to {size} takes more than {} pixels", self.max_pixels);
        Error::setting(place, message).with_hint(
            "leave this image out, choose another --resize, or raise --max-pixels",
        )
    }

    /// What padding is made of.
    pub(super) fn fill(&self) -> Fill {
        self.fill.value
    }

    /// How pixels are resized.
    pub(super) fn method(&self) -> Method {
        Method {
            resampler: self.resampler.value,
            interpolation: self.interpolation.value,
            antialias: self.antialias.value,
        }
    }

    pub(super) fn resize(&self, image: Pixels, size: Size) -> Result<Pixels> {
        self.method()
            .resize(image, size)
            .map_err(|message| Error::setting(&self.resize.place, message))
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

fn entry<'a, T: ToString>(
    key: &'static str,
    chosen: &'a Resolved<T>,
) -> (&'static str, String, &'a str) {
    (key, chosen.value.to_string(), &chosen.origin)
}

fn or_default<T>(chosen: Option<Resolved<T>>, default: T) -> Resolved<T> {
    chosen.unwrap_or_else(|| Resolved::default(default, DEFAULT))
}

/// The flag for padding has another name than the key.
fn by_its_flag(pad: Resolved<Pad>) -> Resolved<Pad> {
    if pad.origin != "--pad" {
        return pad;
    }
    let flag = "--pad-to-multiple".to_owned();
    Resolved { value: pad.value, origin: flag.clone(), place: flag }
}

/// With a crop or a padding to a size said and no resize, that is all that is meant.
fn resize_unsaid(takes: FixedInputSize, crop: Crop, pad: Pad) -> Resolved<Resize> {
    match (takes.exactly(), crop, pad) {
        (Some(size), Crop::None, Pad::None | Pad::Multiple(_)) => {
            Resolved::default(Resize::Exact(size), MODEL_INPUT)
        }
        _ => Resolved::default(Resize::None, DEFAULT),
    }
}

/// Refuses to be asked for what the library does not do.
fn antialias(
    layers: &[PartialConfig],
    resampler: &Resolved<Resampler>,
    interpolation: &Resolved<Interpolation>,
) -> Result<Resolved<bool>> {
    let said = choose(layers, "antialias", |layer| layer.antialias);
    let (resampler, interpolation) = (resampler.value, interpolation.value);
    let Some(always) = Method::antialias_of(resampler, interpolation) else {
        return Ok(or_default(said, true));
    };
    let nearest =
        matches!(interpolation, Interpolation::Nearest | Interpolation::NearestExact);
    match said {
        _ if nearest => Ok(Resolved::default(false, "nearest has none")),
        Some(said) if said.value != always => {
            let word = if always { "always" } else { "never" };
            let message = format!(
                "{interpolation} with the resampler {resampler} {word} antialiases"
            );
            Err(Error::setting(said.place, message)
                .with_hint("leave antialias out, or take the resampler torchvision"))
        }
        said => Ok(said.unwrap_or_else(|| {
            Resolved::default(always, &format!("resampler {resampler}"))
        })),
    }
}
