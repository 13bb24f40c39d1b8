//! Conversion of levels of any number of bits to 0..1, by their bits or by a given range.

use crate::input::picture::{Picture, Values, is_dark};
use crate::input::settings::InputRange;

/// Scales the values of a picture to 0..1. Those outside the range stay outside 0..1, unless
/// percentiles give the range.
pub(super) fn units(picture: &Picture, range: Option<InputRange>) -> Vec<f32> {
    let values = &picture.values;
    match range {
        None => {
            let range = UnitRange { low: 0.0, high: largest_of(values) };
            map(values, |value| range.unit(value))
        }
        Some(InputRange::Values { low, high }) => {
            let range = UnitRange { low, high };
            map(values, |value| range.unit(value))
        }
        Some(InputRange::Percentiles { low, high }) => {
            let mut sorted = map(values, |value| value);
            let low = percentile(&mut sorted, low);
            let high = percentile(&mut sorted, high);
            let range = UnitRange { low, high };
            map(values, |value| range.unit(value).clamp(0.0, 1.0))
        }
    }
}

/// Rounds values of 0..1 to 8 bits, as libraries for 8-bit images do.
pub(super) fn to_bytes(units: &[f32]) -> Vec<u8> {
    let byte = |unit: &f32| (f64::from(*unit) * 255.0).round().clamp(0.0, 255.0) as u8;
    units.iter().map(byte).collect()
}

/// Returns the largest value and white, if that value is below a sixteenth of the range.
pub(super) fn dark(picture: &Picture, range: Option<InputRange>) -> Option<(f32, f32)> {
    let (low, white) = match range {
        None => (0.0, largest_of(&picture.values)),
        Some(InputRange::Values { low, high }) => (low, high),
        Some(InputRange::Percentiles { .. }) => return None,
    };
    let most = match &picture.values {
        Values::U8(values) => values.iter().max().copied().map(f32::from),
        Values::U16 { values, .. } => values.iter().max().copied().map(f32::from),
        Values::F32(values) => values.iter().copied().max_by(f32::total_cmp),
    }?;
    let [most_above, white_above] =
        [most, white].map(|value| f64::from(value) - f64::from(low));
    is_dark(most_above, white_above).then_some((most, white))
}

/// The values that become 0 and 1.
#[derive(Debug, Clone, Copy)]
struct UnitRange {
    low: f32,
    high: f32,
}

impl UnitRange {
    /// Scales a value; an image of a single value becomes black.
    fn unit(self, value: f32) -> f32 {
        let (low, high) = (f64::from(self.low), f64::from(self.high));
        if high > low { ((f64::from(value) - low) / (high - low)) as f32 } else { 0.0 }
    }
}

/// Returns white, by the bits of the values; 1 in floating point.
fn largest_of(values: &Values) -> f32 {
    match values {
        Values::U8(_) => f32::from(u8::MAX),
        Values::U16 { largest, .. } => f32::from(*largest),
        Values::F32(_) => 1.0,
    }
}

fn map(values: &Values, unit: impl Fn(f32) -> f32) -> Vec<f32> {
    match values {
        Values::U8(values) => {
            values.iter().map(|value| unit(f32::from(*value))).collect()
        }
        Values::U16 { values, .. } => {
            values.iter().map(|value| unit(f32::from(*value))).collect()
        }
        Values::F32(values) => values.iter().map(|value| unit(*value)).collect(),
    }
}

/// Returns a percentile with the linear interpolation of `NumPy`. Reorders the values.
fn percentile(values: &mut [f32], percent: f32) -> f32 {
    let Some(last) = values.len().checked_sub(1) else { return 0.0 };
    let place = f64::from(percent) / 100.0 * last as f64;
    let below = (place.floor() as usize).min(last);
    let (_, low, above) = values.select_nth_unstable_by(below, f32::total_cmp);
    let low = f64::from(*low);
    let next = above.iter().copied().min_by(f32::total_cmp).map_or(low, f64::from);
    (low + (next - low) * (place - below as f64)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gray(values: Values) -> Picture {
        Picture { width: values.len(), height: 1, bands: 1, values }
    }

    fn units(values: Values, range: Option<&str>) -> Vec<f32> {
        let range = range.map(|range| range.parse().unwrap());
        super::units(&gray(values), range)
    }

    fn twelve(values: &[u16]) -> Values {
        Values::U16 { values: values.to_vec(), largest: 4095 }
    }

    #[test]
    fn levels_reach_from_0_to_the_largest_of_their_bits() {
        assert_eq!(units(twelve(&[0, 819, 4095]), None), [0.0, 0.2, 1.0]);
        let shorts = Values::shorts(vec![0, 1, 65_535]);
        assert_eq!(units(shorts, None), [0.0, 1.0 / 65_535.0, 1.0]);
    }

    #[test]
    fn a_range_scales_values_of_every_kind() {
        let shorts = Values::shorts(vec![1000, 2000, 6000]);
        assert_eq!(units(shorts, Some("1000:5000")), [0.0, 0.25, 1.25]);
        assert_eq!(units(Values::U8(vec![0, 51, 102]), Some("0:102")), [0.0, 0.5, 1.0]);
        let floats = Values::F32(vec![-100.0, 0.0, 300.0]);
        assert_eq!(units(floats, Some("-100:300")), [0.0, 0.25, 1.0]);
    }

    #[test]
    fn percentiles_are_those_of_numpy_and_clip() {
        // numpy.percentile([10, 20, 30, 40, 50], [10, 90]) is [14, 46].
        let found = units(Values::shorts(vec![50, 10, 30, 20, 40]), Some("10%:90%"));
        let expected = [1.0, 0.0, 0.5, 6.0 / 32.0, 26.0 / 32.0];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        assert_eq!(units(Values::U8(vec![7; 4]), Some("1%:99%")), [0.0; 4]);
    }

    #[test]
    fn an_image_below_a_sixteenth_of_the_range_is_dark() {
        let found = |values, range: Option<&str>| {
            dark(&gray(values), range.map(|range| range.parse().unwrap()))
        };
        let shorts = |most| Values::shorts(vec![0, most]);
        assert_eq!(found(shorts(4095), None), Some((4095.0, 65_535.0)));
        assert_eq!(found(shorts(4096), None), None);
        assert_eq!(found(shorts(2999), Some("0:4095")), None);
        assert_eq!(found(Values::U8(vec![200]), Some("0:4095")), Some((200.0, 4095.0)));
        assert_eq!(found(shorts(9), Some("1%:99%")), None);
        assert_eq!(
            found(Values::F32(vec![-900.0]), Some("-1000:3000")),
            Some((-900.0, 3000.0))
        );
    }
}
