//! From a picture to the network's input, step by step.

use super::normalize::unit_of_byte;
use super::tensor_layout::TensorLayout;
use super::{Geometry, NetworkInput, Preprocessing, bands};
use crate::error::{Error, Result};
use crate::input::picture::{Picture, Values};
use crate::input::settings::ReadOptions;
use crate::input::settings::Resampler;
use crate::input::settings::Size;

impl Preprocessing {
    /// How image files are to be read for [`Self::apply`].
    pub fn reading(&self) -> &ReadOptions {
        &self.reading
    }

    /// Resizes, crops, normalizes and pads an image.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] (which does not name the image) where the image has not the bands
    /// that the model takes, holds values that the preset or the mean is not for or that would
    /// not stay finite, or would not come out at the size that the model takes, or at more
    /// pixels than allowed.
    pub fn apply(&self, picture: &Picture) -> Result<NetworkInput> {
        let size = Size { width: picture.width, height: picture.height };
        if picture.values.len() as u64 != size.pixels() * picture.bands as u64 {
            let found = picture.values.len();
            let message = format!("{found} values for {size} pixels");
            return Err(Error::setting("image", message));
        }
        let geometry = self.spatial.geometry(size)?;
        let resized = geometry.resized();
        let (scaling, arrangement) = (&self.scaling, self.arrangement());
        let values = match &picture.values {
            Values::U8(values) => {
                if let Some(unfit) = &self.unfit_for_levels {
                    return Err(unfit.error());
                }
                let pixels = bands::chosen(values, picture, self.channels, bands::luma)?;
                if self.spatial.method().resampler == Resampler::Float {
                    let units = pixels.map(unit_of_byte);
                    let resized = self.spatial.method().resize_floats(units, resized);
                    arrangement.arrange(&resized, &geometry, scaling, |channel, value| {
                        scaling.unit(channel, value)
                    })
                } else {
                    let resized = self.spatial.resize(pixels, resized)?;
                    arrangement.arrange(&resized, &geometry, scaling, |channel, value| {
                        scaling.byte(channel, value)
                    })
                }
            }
            Values::F32(values) => {
                self.check_range(values)?;
                let pixels =
                    bands::chosen(values, picture, self.channels, bands::float_luma)?;
                let resized = self.spatial.method().resize_floats(pixels, resized);
                let arranged = arrangement.arrange(
                    &resized,
                    &geometry,
                    scaling,
                    |channel, value| scaling.float(channel, value),
                );
                check_finite(&arranged)?;
                arranged
            }
        };
        let Geometry { width, height, .. } = geometry;
        Ok(NetworkInput { values, height, width, geometry })
    }

    fn arrangement(&self) -> TensorLayout {
        TensorLayout {
            layout: self.layout,
            channels: self.channels,
            fill: self.spatial.fill(),
        }
    }

    /// Refuses values of a floating-point file that the preset is not for, or that are none.
    fn check_range(&self, values: &[f32]) -> Result<()> {
        // Rounding on the way may have left values a bit outside.
        const SLACK: f32 = 1e-3;
        let found = |is_wrong: &dyn Fn(f32) -> bool| {
            values.iter().copied().find(|value| is_wrong(*value))
        };
        if let Some(value) = found(&|value| !value.is_finite()) {
            let message = format!("holds {value}; expected finite numbers");
            return Err(Error::setting("image", message));
        }
        let Some(preset) = self.scaling.preset_of_unit_values() else { return Ok(()) };
        let range = -SLACK..=1.0 + SLACK;
        let Some(value) = found(&|value| !range.contains(&value)) else { return Ok(()) };
        let message = format!(
            "holds {value} in floating point, but {preset} is for values from 0 to 1"
        );
        Err(Error::setting("image", message).with_hint(
            "say --preset raw for values as they are in the file, or give the --mean and \
             --std of its values",
        ))
    }
}

/// Refuses values of a floating-point file that were finite and no longer are.
fn check_finite(values: &[f32]) -> Result<()> {
    if values.iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    let message = "holds values that are too large: resized and scaled by mean and std they \
                   are no longer finite";
    Err(Error::setting("image", message)
        .with_hint("divide the values of the file, and mean and std by as much"))
}
