//! Resize and crop, checked against the size that the model takes.

use super::geometry::Geometry;
use super::layers::{Chosen, Layer, choose};
use super::resize::{self, Pixels};
use super::settings::{Crop, Interpolation, ModelInput, Resize, Size};
use crate::error::{Error, Result};
use crate::input::MAX_PIXELS;

/// Where a value comes from that the model file fixes.
pub const MODEL_INPUT: &str = "the model's input";

/// Origin of what nobody said.
const DEFAULT: &str = "default";

/// How images are brought to the network's size.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    resize: Chosen<Resize>,
    interpolation: Chosen<Interpolation>,
    antialias: Chosen<bool>,
    crop: Chosen<Crop>,
    takes: Takes,
}

impl Frame {
    /// Refuses what can give no image that the model takes.
    pub(super) fn plan(layers: &[Layer], input: &ModelInput) -> Result<Self> {
        let takes = Takes { width: input.width, height: input.height };
        let crop = choose(layers, "crop", |layer| layer.crop)
            .unwrap_or_else(|| Chosen::unsaid(Crop::None, DEFAULT));
        let resize = choose(layers, "resize", |layer| layer.resize)
            .unwrap_or_else(|| resize_unsaid(takes, crop.value));
        match (crop.value, resize.value) {
            (Crop::Centre(size), _) => takes.check_setting(&crop.place, size)?,
            (Crop::None, Resize::Exact(size)) => {
                takes.check_setting(&resize.place, size)?;
            }
            (Crop::None, Resize::Short(_)) => {
                if let Some(size) = takes.exactly() {
                    let message = format!(
                        "{} leaves the longer side to the image, but the model's input is \
                         fixed at {size}",
                        resize.value
                    );
                    return Err(Error::setting(&resize.place, message).with_hint(
                        format!("add --crop {size}, or say --resize {size}"),
                    ));
                }
            }
            (Crop::None, Resize::None) => {}
            (Crop::None, other) => {
                return Err(Error::setting(
                    &resize.place,
                    format!("{other} is not supported"),
                ));
            }
        }
        let interpolation = choose(layers, "interpolation", |layer| layer.interpolation)
            .unwrap_or_else(|| Chosen::unsaid(Interpolation::Bilinear, DEFAULT));
        let antialias = if interpolation.value == Interpolation::Nearest {
            Chosen::unsaid(false, "nearest has none")
        } else {
            choose(layers, "antialias", |layer| layer.antialias)
                .unwrap_or_else(|| Chosen::unsaid(true, DEFAULT))
        };
        Ok(Self { resize, interpolation, antialias, crop, takes })
    }

    /// Key, value and origin of what is in effect.
    pub(super) fn settings(&self) -> Vec<(&'static str, String, &str)> {
        let mut list =
            vec![("resize", self.resize.value.to_string(), self.resize.origin.as_str())];
        if self.resize.value != Resize::None {
            let interpolation = &self.interpolation;
            list.push((
                "interpolation",
                interpolation.value.to_string(),
                &interpolation.origin,
            ));
            let antialias = if self.antialias.value { "yes" } else { "no" };
            list.push(("antialias", antialias.to_owned(), &self.antialias.origin));
        }
        list.push(("crop", self.crop.value.to_string(), &self.crop.origin));
        list
    }

    /// What happens to an image of this size; refuses what the model does not take.
    pub(super) fn geometry(&self, image: Size) -> Result<Geometry> {
        if image.pixels() == 0 {
            return Err(Error::setting("image", "has no pixels"));
        }
        let geometry = Geometry::new(image, self.resize.value, self.crop.value);
        let resized = geometry.resized();
        // The columns are done first, so this is what lies between the passes.
        let between = Size { width: resized.width, height: image.height };
        if resized.pixels().max(between.pixels()) > MAX_PIXELS {
            return Err(Error::setting(
                &self.resize.place,
                format!("{image} to {resized} takes more than {MAX_PIXELS} pixels"),
            )
            .with_hint("leave this image out, or choose another --resize"));
        }
        let seen = geometry.seen();
        if !self.takes.takes(seen) {
            let message = format!("takes {}, the image comes out at {seen}", self.takes);
            return Err(Error::setting(MODEL_INPUT, message).with_hint(
                match self.takes.exactly() {
                    Some(size) => {
                        format!("say --resize {size} to stretch images to that size")
                    }
                    None => "say --resize WIDTHxHEIGHT to stretch images to one size"
                        .to_owned(),
                },
            ));
        }
        Ok(geometry)
    }

    pub(super) fn resize(&self, image: Pixels, geometry: &Geometry) -> Result<Pixels> {
        let (interpolation, antialias) = (self.interpolation.value, self.antialias.value);
        resize::resize(image, geometry.resized(), interpolation, antialias)
            .map_err(|message| Error::setting(&self.resize.place, message))
    }
}

/// With a crop said and no resize, cropping is all that is meant.
fn resize_unsaid(takes: Takes, crop: Crop) -> Chosen<Resize> {
    match (takes.exactly(), crop) {
        (Some(size), Crop::None) => Chosen::unsaid(Resize::Exact(size), MODEL_INPUT),
        _ => Chosen::unsaid(Resize::None, DEFAULT),
    }
}

/// The size that the model's input is fixed at, as far as it is.
#[derive(Debug, Clone, Copy)]
struct Takes {
    width: Option<usize>,
    height: Option<usize>,
}

impl Takes {
    fn exactly(self) -> Option<Size> {
        self.width.zip(self.height).map(|(width, height)| Size { width, height })
    }

    fn takes(self, size: Size) -> bool {
        self.width.is_none_or(|width| width == size.width)
            && self.height.is_none_or(|height| height == size.height)
    }

    fn check_setting(self, place: &str, size: Size) -> Result<()> {
        if self.takes(size) {
            return Ok(());
        }
        let message = format!("gives {size}, but the model's input is fixed at {self}");
        let hint =
            "leave resize and crop out, and images are stretched to the model's size";
        Err(Error::setting(place, message).with_hint(hint))
    }
}

impl std::fmt::Display for Takes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.width, self.height) {
            (Some(width), Some(height)) => Size { width, height }.fmt(f),
            (Some(width), None) => write!(f, "a width of {width}"),
            (None, Some(height)) => write!(f, "a height of {height}"),
            (None, None) => f.write_str("any size"),
        }
    }
}
