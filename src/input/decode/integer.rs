//! Images of 8 and 16 bits: selection of bands, transparency, conversion to 8 bits.

use image::{DynamicImage, ImageBuffer, Pixel};

use super::alpha::on_white;
use super::{CONVERT, Refusal};
use crate::input::picture::{Picture, Values};
use crate::input::settings::{Alpha, Channels, ReadOptions};

/// Converts an image to red, green and blue, or to the four bands that a model takes.
pub(super) fn to_picture(
    image: DynamicImage,
    options: &ReadOptions,
) -> Result<Picture, Refusal> {
    let image = to_8_bits(image)?;
    let bands = usize::from(image.color().channel_count());
    let (width, height) = (image.width() as usize, image.height() as usize);
    if options.channels == Channels::Rgba {
        let DynamicImage::ImageRgba8(image) = image else {
            return Err(wrong_bands(bands, options.channels));
        };
        let values = Values::U8(image.into_raw());
        return Ok(Picture { width, height, bands: 4, values });
    }
    let transparent = image.color().has_alpha() && options.alpha == Alpha::White;
    let values = if transparent {
        on_white(&image.into_rgba8().into_raw())
    } else {
        image.into_rgb8().into_raw()
    };
    Ok(Picture::rgb(width, height, values))
}

/// Returns the reason for refusing an image with other bands than the model takes.
pub(super) fn wrong_bands(found: usize, wanted: Channels) -> Refusal {
    let band = if found == 1 { "band" } else { "bands" };
    let message = format!(
        "the image has {found} {band}, but the model takes {} ({wanted})",
        wanted.count()
    );
    let hint = match wanted {
        Channels::Rgba => {
            "a model of four channels takes RGBA images (PNG, WebP) or TIFFs of four bands"
        }
        _ => "give images of one band (gray) or three (red, green, blue)",
    };
    Refusal { message, hint }
}

fn to_8_bits(image: DynamicImage) -> Result<DynamicImage, Refusal> {
    match image {
        DynamicImage::ImageLuma8(_)
        | DynamicImage::ImageLumaA8(_)
        | DynamicImage::ImageRgb8(_)
        | DynamicImage::ImageRgba8(_) => Ok(image),
        DynamicImage::ImageLuma16(image) => {
            Ok(divided::<_, image::Luma<u8>>(&image).into())
        }
        DynamicImage::ImageLumaA16(image) => {
            Ok(divided::<_, image::LumaA<u8>>(&image).into())
        }
        DynamicImage::ImageRgb16(image) => {
            Ok(divided::<_, image::Rgb<u8>>(&image).into())
        }
        DynamicImage::ImageRgba16(image) => {
            Ok(divided::<_, image::Rgba<u8>>(&image).into())
        }
        other => Err(Refusal {
            message: format!("pixels of kind {:?} are not supported", other.color()),
            hint: CONVERT,
        }),
    }
}

fn divided<From, To>(image: &ImageBuffer<From, Vec<u16>>) -> ImageBuffer<To, Vec<u8>>
where
    From: Pixel<Subpixel = u16>,
    To: Pixel<Subpixel = u8>,
{
    let values = image.as_raw().iter().map(|value| byte(*value)).collect();
    // The number of values fits the size: both kinds of pixel have the same bands.
    ImageBuffer::from_raw(image.width(), image.height(), values)
        .unwrap_or_else(|| ImageBuffer::new(image.width(), image.height()))
}

/// Converts a 16-bit value to 8 bits, rounded.
pub(super) fn byte(value: u16) -> u8 {
    ((u32::from(value) + 128) / 257) as u8
}
