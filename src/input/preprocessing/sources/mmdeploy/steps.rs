//! The transforms of a pipeline, in their order.

use super::keys;
use crate::error::Result;
use crate::input::preprocessing::partial_config::PartialConfig;
use crate::input::preprocessing::sources::fields::{Fields, side};
use crate::input::settings::{Alpha, CropRule, Fill, Pad, PadSide, Resampler};
use crate::input::settings::{Channels, Crop, Interpolation, Resize, Size};

/// What was read so far; the order of transforms has to be that of the steps here.
pub(super) struct Steps {
    layer: PartialConfig,
    /// The last transform that was added, by its place in the order.
    last: Option<(usize, &'static str)>,
    is_normalized: bool,
}

impl Steps {
    pub(super) fn new(file: &str) -> Self {
        let mut layer = PartialConfig::of_file(file);
        layer.resize = Some(Resize::None);
        layer.crop = Some(Crop::None);
        layer.pad = Some(Pad::None);
        layer.interpolation = Some(Interpolation::Bilinear);
        layer.antialias = Some(false);
        layer.resampler = Some(Resampler::Opencv);
        layer.crop_rule = Some(CropRule::Torchvision);
        layer.alpha = Some(Alpha::Drop);
        Self { layer, last: None, is_normalized: false }
    }

    pub(super) fn add(&mut self, transform: Fields<'_>) -> Result<()> {
        keys::check(&transform)?;
        match transform.text("type")?.unwrap_or("") {
            "Resize" => {
                self.follow(&transform, 0, "Resize")?;
                self.resize(transform)
            }
            "CenterCrop" => {
                self.follow(&transform, 1, "CenterCrop")?;
                self.crop(transform)
            }
            "Pad" => {
                self.follow(&transform, 2, "Pad")?;
                self.pad(transform)
            }
            "Normalize" => self.normalize(transform),
            _ => Ok(()),
        }
    }

    /// Refuses what would have to be done in another order, or twice.
    fn follow(
        &mut self,
        transform: &Fields<'_>,
        place: usize,
        name: &'static str,
    ) -> Result<()> {
        if let Some((last, before)) = self.last
            && last >= place
        {
            let message = format!("{name} after {before} is not supported");
            return Err(transform.error("transforms", message));
        }
        if self.is_normalized && name != "Pad" {
            let message = format!("{name} after Normalize is not supported");
            return Err(transform.error("transforms", message));
        }
        self.last = Some((place, name));
        Ok(())
    }

    fn resize(&mut self, transform: Fields<'_>) -> Result<()> {
        let keeps = transform.truth("keep_ratio")?.unwrap_or(false);
        let key = if transform.get("size").is_some() { "size" } else { "scale" };
        self.layer.resize = Some(match (two_sides(&transform, key)?, keeps) {
            ((side, None), _) => Resize::Short(side),
            ((width, Some(height)), false) => Resize::Exact(Size { width, height }),
            // The larger number is for the longer side of the image, whichever that is.
            ((first, Some(second)), true) => {
                Resize::Bounds { long: first.max(second), short: first.min(second) }
            }
        });
        self.layer.interpolation =
            Some(match transform.text("interpolation")?.unwrap_or("bilinear") {
                "nearest" => Interpolation::Nearest,
                "bilinear" => Interpolation::Bilinear,
                "bicubic" => Interpolation::Bicubic,
                other => {
                    let message =
                        format!("\"{other}\" is not one of nearest, bilinear, bicubic");
                    return Err(transform.error("interpolation", message));
                }
            });
        if let Some(backend) = transform.text("backend")? {
            let is_pillow = match backend {
                "cv2" => false,
                "pillow" => true,
                other => {
                    let message = format!("\"{other}\" is not one of cv2, pillow");
                    return Err(transform.error("backend", message));
                }
            };
            if is_pillow {
                self.layer.resampler = Some(Resampler::Pillow);
                self.layer.antialias = Some(true);
            }
        }
        self.note("resize", "Resize");
        Ok(())
    }

    fn crop(&mut self, transform: Fields<'_>) -> Result<()> {
        let (width, height) = match two_sides(&transform, "crop_size")? {
            (height, Some(width)) => (width, height),
            (side, None) => (side, side),
        };
        self.layer.crop = Some(Crop::Center(Size { width, height }));
        self.note("crop", "CenterCrop");
        Ok(())
    }

    fn pad(&mut self, transform: Fields<'_>) -> Result<()> {
        let pad = match (transform.side("size_divisor")?, transform.get("size")) {
            (Some(divisor), None) => Pad::Multiple(divisor),
            (None, Some(_)) => match two_sides(&transform, "size")? {
                (height, Some(width)) => Pad::To(Size { width, height }),
                (side, None) => Pad::To(Size { width: side, height: side }),
            },
            _ => {
                let message = "Pad takes a size or a size_divisor";
                return Err(transform.error("transforms", message));
            }
        };
        let value = transform.numbers("pad_val")?.unwrap_or_else(|| vec![0.0]);
        let levels: Option<Vec<u8>> = value
            .iter()
            .map(|v| ((0.0..=255.0).contains(v) && v.fract() == 0.0).then_some(*v as u8))
            .collect();
        let color = match levels.as_deref() {
            Some([level]) => [*level; 3],
            // The library reads images as blue, green, red, and Normalize turns them.
            Some([blue, green, red]) => [*red, *green, *blue],
            _ => {
                let message = "expected one or three numbers of 0 to 255".to_owned();
                return Err(transform.error("pad_val", message));
            }
        };
        if self.is_normalized && color != [0; 3] {
            let message = "a value other than 0 after Normalize is not supported";
            return Err(transform.error("pad_val", message));
        }
        self.layer.fill =
            Some(if self.is_normalized { Fill::Zero } else { Fill::Color(color) });
        (self.layer.pad, self.layer.pad_side) = (Some(pad), Some(PadSide::End));
        self.note("pad", "Pad");
        Ok(())
    }

    fn normalize(&mut self, transform: Fields<'_>) -> Result<()> {
        if self.is_normalized {
            return Err(transform.error("transforms", "Normalize twice"));
        }
        self.is_normalized = true;
        let numbers = |key: &str| {
            let numbers = transform.numbers(key)?;
            let numbers = numbers.ok_or_else(|| transform.error(key, "is missing"))?;
            Ok(numbers.iter().map(|number| (number / 255.0) as f32).collect())
        };
        self.layer.mean = Some(numbers("mean")?);
        self.layer.std = Some(numbers("std")?);
        let is_rgb = transform.truth("to_rgb")?.unwrap_or(true);
        self.layer.channels = Some(if is_rgb { Channels::Rgb } else { Channels::Bgr });
        Ok(())
    }

    fn note(&mut self, key: &'static str, transform: &str) {
        let file = self.layer.file.clone().unwrap_or_default();
        let place = format!("{file}: {transform}");
        self.layer.comes_from(key, file, place);
    }

    /// Without Normalize the network takes the levels as they are.
    pub(super) fn finish(mut self) -> PartialConfig {
        if !self.is_normalized {
            self.layer.mean = Some(vec![0.0]);
            self.layer.std = Some(vec![1.0 / 255.0]);
            self.layer.channels = Some(Channels::Bgr);
        }
        self.layer
    }
}

/// One number, two, or one and -1, which stands for none.
fn two_sides(transform: &Fields<'_>, key: &str) -> Result<(usize, Option<usize>)> {
    let wrong = |message| transform.error(key, message);
    let Some(value) = transform.get(key) else {
        return Err(wrong("is missing".to_owned()));
    };
    match value.as_array().map(Vec::as_slice) {
        None => {
            let only = side(value).map_err(wrong)?;
            Ok((only, Some(only)))
        }
        Some([first, second]) => {
            let first = side(first).map_err(wrong)?;
            if second.as_f64() == Some(-1.0) {
                return Ok((first, None));
            }
            Ok((first, Some(side(second).map_err(wrong)?)))
        }
        Some(_) => Err(wrong("expected one number, or two".to_owned())),
    }
}
