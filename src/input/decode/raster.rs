//! The pixels of a file with all its bands, and the choice of the bands that a model takes.

use image::metadata::Orientation;
use image::{DynamicImage, GenericImageView as _};

use super::alpha::{bytes_on_white, floats_on_white, shorts_on_white};
use super::orient::orient;
use super::{CONVERT, Refusal, UprightPicture};
use crate::input::picture::{Picture, Values};
use crate::input::settings::{Alpha, Channels, Exif, ReadOptions};

/// Pixels of a file, with all its bands.
#[derive(Debug)]
pub(super) struct Raster {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Number of values per pixel.
    pub(super) bands: usize,
    pub(super) meaning: Meaning,
    /// Transparency in the band behind the colors.
    pub(super) alpha: Option<AlphaKind>,
    pub(super) values: Values,
}

/// Meaning of the first bands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The first is gray.
    Gray,
    /// The first three are red, green and blue.
    Colors,
    /// Bands of any kind.
    Unknown,
}

/// Relation of colors to their alpha.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AlphaKind {
    /// The colors are not multiplied by alpha.
    Straight,
    /// The colors are multiplied by alpha.
    Multiplied,
}

impl Raster {
    /// Takes the pixels of an image that the image library decoded.
    pub(super) fn of_image(image: DynamicImage) -> Result<Self, Refusal> {
        let (width, height) = image.dimensions();
        let color = image.color();
        let alpha = color.has_alpha().then_some(AlphaKind::Straight);
        let meaning = if color.has_color() { Meaning::Colors } else { Meaning::Gray };
        let bands = usize::from(color.channel_count());
        let values = match image {
            DynamicImage::ImageLuma8(image) => Values::U8(image.into_raw()),
            DynamicImage::ImageLumaA8(image) => Values::U8(image.into_raw()),
            DynamicImage::ImageRgb8(image) => Values::U8(image.into_raw()),
            DynamicImage::ImageRgba8(image) => Values::U8(image.into_raw()),
            DynamicImage::ImageLuma16(image) => Values::shorts(image.into_raw()),
            DynamicImage::ImageLumaA16(image) => Values::shorts(image.into_raw()),
            DynamicImage::ImageRgb16(image) => Values::shorts(image.into_raw()),
            DynamicImage::ImageRgba16(image) => Values::shorts(image.into_raw()),
            DynamicImage::ImageRgb32F(image) => Values::F32(image.into_raw()),
            DynamicImage::ImageRgba32F(image) => Values::F32(image.into_raw()),
            other => {
                return Err(Refusal {
                    message: format!(
                        "pixels of kind {:?} are not supported",
                        other.color()
                    ),
                    hint: CONVERT,
                });
            }
        };
        let (width, height) = (width as usize, height as usize);
        Ok(Self { width, height, bands, meaning, alpha, values })
    }

    /// Turns the pixels upright from the orientation of the file, unless the options ignore it, and
    /// keeps the bands that the options select or that the model takes.
    pub(super) fn into_upright(
        self,
        orientation: Orientation,
        options: &ReadOptions,
    ) -> Result<UprightPicture, Refusal> {
        let orientation = match options.exif {
            Exif::Apply => orientation,
            Exif::Ignore => Orientation::NoTransforms,
        };
        let picture = self.oriented(orientation).into_picture(options)?;
        Ok(UprightPicture { picture, orientation })
    }

    /// Turns the pixels upright.
    fn oriented(self, orientation: Orientation) -> Self {
        let (size, bands) = ((self.width, self.height), self.bands);
        let (values, (width, height)) = match self.values {
            Values::U8(values) => {
                let (values, size) = orient(values, size, bands, orientation);
                (Values::U8(values), size)
            }
            Values::U16 { values, largest } => {
                let (values, size) = orient(values, size, bands, orientation);
                (Values::U16 { values, largest }, size)
            }
            Values::F32(values) => {
                let (values, size) = orient(values, size, bands, orientation);
                (Values::F32(values), size)
            }
        };
        Self { width, height, values, ..self }
    }

    /// Keeps the bands that the options select, or that the model takes.
    pub(super) fn into_picture(self, options: &ReadOptions) -> Result<Picture, Refusal> {
        let picture = match (&options.bands, options.channels) {
            (Some(list), _) => self.selected(&list.0)?,
            (None, Channels::Rgba | Channels::Bands(_)) => {
                if self.bands != options.channels.count() {
                    return Err(wrong_bands(self.bands, options.channels));
                }
                let Self { width, height, bands, values, .. } = self;
                Picture { width, height, bands, values }
            }
            (None, Channels::Rgb | Channels::Bgr | Channels::Gray) => {
                self.colors(options)?
            }
        };
        check_finite(&picture)?;
        Ok(picture)
    }

    /// Takes the bands of a list, which counts from 1.
    fn selected(self, list: &[u16]) -> Result<Picture, Refusal> {
        if let Some(band) = list.iter().find(|band| usize::from(**band) > self.bands) {
            let plural = if self.bands == 1 { "" } else { "s" };
            let message = format!(
                "the image has {} band{plural}, but `bands` selects band {band}",
                self.bands
            );
            return Err(Refusal { message, hint: "select bands that every image has" });
        }
        let Self { width, height, bands, .. } = self;
        let list: Vec<usize> = list.iter().map(|band| usize::from(*band) - 1).collect();
        let values = match self.values {
            Values::U8(values) => Values::U8(picked(values, bands, &list)),
            Values::U16 { values, largest } => {
                Values::U16 { values: picked(values, bands, &list), largest }
            }
            Values::F32(values) => Values::F32(picked(values, bands, &list)),
        };
        Ok(Picture { width, height, bands: list.len(), values })
    }

    /// Takes red, green and blue, or gray.
    fn colors(self, options: &ReadOptions) -> Result<Picture, Refusal> {
        let Self { width, height, bands, meaning, .. } = self;
        let colors = match meaning {
            Meaning::Gray => 1,
            Meaning::Colors => 3,
            Meaning::Unknown if bands == 3 => 3,
            Meaning::Unknown => return Err(wrong_bands(bands, options.channels)),
        };
        let alpha = self.alpha.filter(|_| options.alpha == Alpha::White);
        let first: Vec<usize> = (0..colors).collect();
        let is_multiplied = alpha == Some(AlphaKind::Multiplied);
        let values = match (self.values, alpha) {
            (Values::U8(values), Some(_)) => {
                Values::U8(bytes_on_white(&values, colors, bands, is_multiplied))
            }
            (Values::U16 { values, largest }, Some(_)) => Values::U16 {
                values: shorts_on_white(&values, colors, bands, largest, is_multiplied),
                largest,
            },
            (Values::F32(values), Some(_)) => {
                Values::F32(floats_on_white(&values, colors, bands, is_multiplied)?)
            }
            (Values::U8(values), None) => Values::U8(picked(values, bands, &first)),
            (Values::U16 { values, largest }, None) => {
                Values::U16 { values: picked(values, bands, &first), largest }
            }
            (Values::F32(values), None) => Values::F32(picked(values, bands, &first)),
        };
        // Gray of 8 bits is shown and resized as three equal colors.
        Ok(match values {
            Values::U8(values) if colors == 1 => {
                Picture::rgb(width, height, picked(values, 1, &[0, 0, 0]))
            }
            values => Picture { width, height, bands: colors, values },
        })
    }
}

/// Returns the values of some bands of each pixel.
fn picked<T: Copy>(values: Vec<T>, bands: usize, list: &[usize]) -> Vec<T> {
    if list.iter().copied().eq(0..bands) {
        return values;
    }
    let pixels = values.chunks_exact(bands.max(1));
    pixels.flat_map(|pixel| list.iter().map(|band| pixel[*band])).collect()
}

/// Returns the reason for refusing an image with other bands than the model takes.
fn wrong_bands(found: usize, wanted: Channels) -> Refusal {
    let band = if found == 1 { "band" } else { "bands" };
    let message = format!(
        "the image has {found} {band}, but the model takes {} ({wanted})",
        wanted.count()
    );
    let hint = match wanted {
        Channels::Rgba => {
            "a model of four channels takes RGBA images (PNG, WebP) or TIFFs of four bands; \
             select bands by their numbers: `bands = 1,2,3,4`"
        }
        Channels::Bands(_) => {
            "give TIFFs of as many bands, or select bands by their numbers with `bands`"
        }
        _ if found > 3 => "select bands by their numbers: `bands = 1,2,3`",
        _ => "give images of one band (gray) or three (red, green, blue)",
    };
    Refusal { message, hint }
}

fn check_finite(picture: &Picture) -> Result<(), Refusal> {
    let Values::F32(values) = &picture.values else { return Ok(()) };
    let Some(at) = values.iter().position(|value| !value.is_finite()) else {
        return Ok(());
    };
    let pixel = at / picture.bands;
    Err(Refusal {
        message: format!(
            "the value at column {}, row {} is {}; expected finite numbers",
            pixel % picture.width,
            pixel / picture.width,
            values[at]
        ),
        hint: "replace missing values by a number before prediction",
    })
}
