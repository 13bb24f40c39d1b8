//! Selection of the bands of a picture that become channels.

use super::resize::Pixels;
use crate::error::{Error, Result};
use crate::input::picture::Picture;
use crate::input::settings::{Channels, Size};

/// Returns the values of a picture with the channels of the model, red first. `luma` computes gray
/// from red, green and blue.
pub(super) fn select<T: Copy>(
    values: &[T],
    picture: &Picture,
    channels: Channels,
    luma: fn([T; 3]) -> T,
) -> Result<Pixels<T>> {
    let values = match (picture.bands, channels) {
        (bands, channels) if bands == channels.count() => values.to_vec(),
        (3, Channels::Gray) => values.as_chunks().0.iter().copied().map(luma).collect(),
        (1, Channels::Rgb | Channels::Bgr) => {
            values.iter().flat_map(|value| [*value; 3]).collect()
        }
        (bands, _) => {
            let message = format!(
                "has {bands} {}, but the model takes {} ({channels})",
                if bands == 1 { "band" } else { "bands" },
                channels.count()
            );
            return Err(Error::setting("image", message).with_hint(
                "read the image with the options that the preprocessing asks for",
            ));
        }
    };
    let size = Size { width: picture.width, height: picture.height };
    Ok(Pixels { size, channels: channels.count(), values })
}

/// Weights of red, green and blue in gray, in units of 1/65,536.
const LUMA: [u16; 3] = [19_595, 38_470, 7_471];

/// Computes luma with the integer formula of Pillow's `convert("L")`, which keeps gray values.
pub(super) fn luma([red, green, blue]: [u8; 3]) -> u8 {
    let [red, green, blue] = [red, green, blue].map(u32::from);
    let shares = LUMA.map(u32::from);
    ((shares[0] * red + shares[1] * green + shares[2] * blue + 32_768) >> 16) as u8
}

/// Computes luma with the same formula, without rounding.
pub(super) fn float_luma(rgb: [f32; 3]) -> f32 {
    let parts = rgb.iter().zip(LUMA);
    let sum: f64 = parts.map(|(value, share)| f64::from(*value) * f64::from(share)).sum();
    (sum / 65_536.0) as f32
}
