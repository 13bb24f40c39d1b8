//! Conversion of a picture into the network's input, step by step.

use super::normalize::{Scaling, unit_of_byte};
use super::tensor_layout::TensorLayout;
use super::{Geometry, NetworkInput, Preprocessing, bands, levels};
use crate::error::{Error, Result};
use crate::input::picture::{Picture, Values};
use crate::input::remark::Remark;
use crate::input::settings::{ReadOptions, Resampler, Size};

impl Preprocessing {
    /// Returns the options with which image files have to be read for [`Self::apply`].
    pub fn read_options(&self) -> &ReadOptions {
        &self.read_options
    }

    /// Resizes, crops, normalizes and pads an image.
    ///
    /// # Errors
    ///
    /// Fails with [`Error::Setting`] (which does not name the image) if the image has other bands
    /// than the model takes, contains values outside the preset's range or values that do not stay
    /// finite, or would come out at a size that the model does not take or that is too large.
    pub fn apply(&self, picture: &Picture) -> Result<NetworkInput> {
        let size = Size { width: picture.width, height: picture.height };
        if picture.values.len() as u64 != size.pixels() * picture.bands as u64 {
            let found = picture.values.len();
            let message = format!("{found} values for {size} pixels");
            return Err(Error::setting("image", message));
        }
        let geometry = self.spatial.geometry(size)?;
        let values = match (&picture.values, self.input_range) {
            (Values::U8(values), None) => self.of_bytes(values, picture, &geometry)?,
            (Values::F32(values), None) => self.of_floats(values, picture, &geometry)?,
            (_, range) => {
                let units = levels::units(picture, range);
                self.of_levels(&units, picture, &geometry)?
            }
        };
        let Geometry { width, height, .. } = geometry;
        Ok(NetworkInput { values, height, width, geometry })
    }

    /// Returns remarks about what [`Self::apply`] makes of an image.
    pub fn remarks(&self, picture: &Picture) -> Vec<Remark> {
        let is_wide = matches!(picture.values, Values::U16 { .. });
        let mut remarks = Vec::new();
        let method = self.spatial.method();
        if is_wide && method.is_of_8_bits() {
            remarks.push(Remark::CutTo8Bits(method.resampler));
        }
        let is_scaled = is_wide || self.input_range.is_some();
        if is_scaled
            && let Some((largest, white)) = levels::dark(picture, self.input_range)
        {
            remarks.push(Remark::Dark { largest, white });
        }
        remarks
    }

    fn of_bytes(
        &self,
        values: &[u8],
        picture: &Picture,
        geometry: &Geometry,
    ) -> Result<Vec<f32>> {
        if let Some(number) = &self.only_for_floats {
            return Err(number.error());
        }
        let (scaling, layout) = (&self.scaling, self.tensor_layout());
        let (method, size) = (self.spatial.method(), geometry.resized());
        let pixels = bands::select(values, picture, self.channels, bands::luma)?;
        if method.resampler == Resampler::Float {
            let resized = method.resize_floats(pixels.map(unit_of_byte), size);
            return Ok(layout.arrange(&resized, geometry, scaling, |channel, value| {
                scaling.unit(channel, value)
            }));
        }
        let resized = self.spatial.resize(pixels, size)?;
        Ok(layout.arrange(&resized, geometry, scaling, |channel, value| {
            scaling.byte(channel, value)
        }))
    }

    /// Scales values of 0..1 that were levels of more than 8 bits, or to which a range was applied.
    fn of_levels(
        &self,
        units: &[f32],
        picture: &Picture,
        geometry: &Geometry,
    ) -> Result<Vec<f32>> {
        if self.spatial.method().is_of_8_bits() {
            return self.of_bytes(&levels::to_bytes(units), picture, geometry);
        }
        if let Some(number) = &self.only_for_floats {
            return Err(number.error());
        }
        self.resized_floats(units, picture, geometry, Scaling::unit)
    }

    fn of_floats(
        &self,
        values: &[f32],
        picture: &Picture,
        geometry: &Geometry,
    ) -> Result<Vec<f32>> {
        self.check_range(values)?;
        self.resized_floats(values, picture, geometry, Scaling::float)
    }

    /// Resizes values in floating point, and scales each of them with `scale`.
    fn resized_floats(
        &self,
        values: &[f32],
        picture: &Picture,
        geometry: &Geometry,
        scale: impl Fn(&Scaling, usize, f32) -> f32,
    ) -> Result<Vec<f32>> {
        let scaling = &self.scaling;
        let pixels = bands::select(values, picture, self.channels, bands::float_luma)?;
        let resized = self.spatial.method().resize_floats(pixels, geometry.resized());
        let layout = self.tensor_layout();
        let arranged = layout.arrange(&resized, geometry, scaling, |channel, value| {
            scale(scaling, channel, value)
        });
        check_finite(&arranged)?;
        Ok(arranged)
    }

    fn tensor_layout(&self) -> TensorLayout {
        TensorLayout {
            layout: self.layout,
            channels: self.channels,
            fill: self.spatial.fill(),
        }
    }

    /// Refuses values of a floating-point image that are not finite or outside the preset's range.
    fn check_range(&self, values: &[f32]) -> Result<()> {
        // Rounding in an earlier program may have left values slightly outside.
        const SLACK: f32 = 1e-3;
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            let message = format!("holds {value}; expected finite numbers");
            return Err(Error::setting("image", message));
        }
        let Some(preset) = self.scaling.preset_of_unit_values() else { return Ok(()) };
        let range = -SLACK..=1.0 + SLACK;
        let Some(value) = values.iter().find(|value| !range.contains(*value)) else {
            return Ok(());
        };
        let message = format!(
            "holds {value} in floating point, but {preset} is for values from 0 to 1"
        );
        Err(Error::setting("image", message).with_hint(
            "use `preset = raw` for values as they are in the file, or give the `mean` and \
             `std` of its values, or their range: `input_range = LOW:HIGH`",
        ))
    }
}

/// Refuses values that were finite before resizing and scaling.
fn check_finite(values: &[f32]) -> Result<()> {
    if values.iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    let message = "holds values that are too large: after resizing and scaling by mean and std \
                   they are not finite";
    Err(Error::setting("image", message)
        .with_hint("divide the values of the file, mean and std by the same number"))
}
