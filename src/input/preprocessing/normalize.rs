//! Scales pixel values to the numbers that the network takes.
//!
//! An 8-bit value v becomes `(v * (1 / 255) - mean) / std` in f32, in the order and with the
//! rounding of torchvision's `ToDtype(float32, scale=True)` and `Normalize`. A table
//! per channel holds all 256 values. A value of a floating-point file is not divided by 255:
//! `(v - mean) / std`.

use super::presets::{IMAGENET_MEAN, IMAGENET_STD, single_precision};
use crate::input::settings::Preset;

/// Standard deviation that keeps values in 0..255.
const RAW: f32 = 1.0 / 255.0;

/// Mean and standard deviation of each channel, and a table of the 8-bit values.
#[derive(Debug, Clone)]
pub(super) struct Scaling {
    mean: Vec<f32>,
    std: Vec<f32>,
    tables: Vec<[f32; 256]>,
}

impl Scaling {
    /// Creates the tables. `mean` and `std` have one number per channel, for values in 0..1.
    pub(super) fn new(mean: &[f32], std: &[f32]) -> Self {
        let table = |(mean, std): (&f32, &f32)| {
            std::array::from_fn(|value| {
                let value = value as f32;
                if is_raw(*mean, *std) { value } else { (value * RAW - mean) / std }
            })
        };
        let tables = mean.iter().zip(std).map(table).collect();
        Self { mean: mean.to_vec(), std: std.to_vec(), tables }
    }

    /// Scales an 8-bit value.
    #[inline]
    pub(super) fn byte(&self, channel: usize, value: u8) -> f32 {
        self.tables[channel][usize::from(value)]
    }

    /// Scales a value of 0..1 that was an 8-bit value.
    #[inline]
    pub(super) fn unit(&self, channel: usize, value: f32) -> f32 {
        (value - self.mean[channel]) / self.std[channel]
    }

    /// Scales a value of a floating-point file.
    #[inline]
    pub(super) fn float(&self, channel: usize, value: f32) -> f32 {
        let (mean, std) = (self.mean[channel], self.std[channel]);
        if is_raw(mean, std) { value } else { (value - mean) / std }
    }

    /// Returns the preset with these numbers if it is only for values of 0..1.
    pub(super) fn preset_of_unit_values(&self) -> Option<Preset> {
        let all = |mean: &[f32], std: &[f32]| {
            bits(&self.mean).eq(bits(mean)) && bits(&self.std).eq(bits(std))
        };
        let (mean, std) =
            (single_precision(IMAGENET_MEAN), single_precision(IMAGENET_STD));
        let mut reversed = (mean, std);
        reversed.0.reverse();
        reversed.1.reverse();
        let count = self.mean.len();
        if all(&mean, &std) || all(&reversed.0, &reversed.1) {
            Some(Preset::Imagenet)
        } else if all(&vec![0.0; count], &vec![1.0; count]) {
            Some(Preset::Unit)
        } else {
            None
        }
    }
}

/// Converts an 8-bit value to 0..1.
#[inline]
pub(super) fn unit_of_byte(value: u8) -> f32 {
    f32::from(value) * RAW
}

fn is_raw(mean: f32, std: f32) -> bool {
    mean == 0.0 && std.to_bits() == RAW.to_bits()
}

fn bits(values: &[f32]) -> impl Iterator<Item = u32> {
    values.iter().map(|value| value.to_bits())
}

#[cfg(test)]
mod tests {
    use super::super::presets;
    use super::*;
    use crate::input::settings::Channels;

    #[test]
    fn raw_leaves_values_as_they_are() {
        let scaling = Scaling::new(&[0.0], &[RAW]);
        for value in 0..=255 {
            let expected = f32::from(value).to_bits();
            assert_eq!(scaling.byte(0, value).to_bits(), expected);
            assert_eq!(scaling.float(0, f32::from(value)).to_bits(), expected);
        }
    }

    #[test]
    fn presets_for_values_of_0_to_1_are_known_by_their_numbers() {
        let (mean, std) = presets::mean_and_std(Preset::Imagenet, Channels::Bgr).unwrap();
        let scaling = Scaling::new(&mean, &std);
        assert_eq!(scaling.preset_of_unit_values(), Some(Preset::Imagenet));
        let unit = Scaling::new(&[0.0; 4], &[1.0; 4]);
        assert_eq!(unit.preset_of_unit_values(), Some(Preset::Unit));
        assert_eq!(Scaling::new(&[0.0], &[RAW]).preset_of_unit_values(), None);
        assert_eq!(Scaling::new(&[0.5], &[0.5]).preset_of_unit_values(), None);
    }
}
