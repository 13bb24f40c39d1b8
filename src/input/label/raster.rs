//! The pixels of a picture, and their ids.

use std::collections::HashSet;

use super::{LabelColors, LabelMap, Refusal, VOID};

const COLORS: &str = "give the color of each class: `label_colors = NAME|FILE`";

/// A decoded picture.
#[derive(Debug)]
pub(super) struct Raster {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) pixels: Pixels,
    pub(super) is_lossy: bool,
}

/// The pixels of a picture, by row.
#[derive(Debug)]
pub(super) enum Pixels {
    /// Gray levels, and the level of white.
    Levels { levels: Vec<u32>, white: u32 },
    /// Indices of a palette.
    Indices { indices: Vec<u32>, palette: Vec<[u8; 3]> },
    /// Colors.
    Colors(Vec<[u8; 3]>),
}

impl Raster {
    /// Returns the ids of the pixels.
    pub(super) fn ids(self, colors: Option<&LabelColors>) -> Result<LabelMap, Refusal> {
        let Self { height, width, pixels, is_lossy } = self;
        let ids = match colors {
            Some(colors) => {
                let converter = ColorConverter { colors, is_lossy };
                converter.ids(pixels, width)?
            }
            None => match pixels {
                Pixels::Levels { levels, .. } => levels,
                Pixels::Indices { indices, .. } => indices,
                Pixels::Colors(pixels) => equal_channels(&pixels)?,
            },
        };
        if ids.len() != height * width {
            let message =
                format!("it has {} pixels instead of {width} x {height}", ids.len());
            return Err(Refusal::unexpected(message));
        }
        Ok(LabelMap { height, width, ids, is_lossy })
    }
}

/// Returns the levels of a picture whose color channels are equal.
fn equal_channels(pixels: &[[u8; 3]]) -> Result<Vec<u32>, Refusal> {
    let level = |&[red, green, blue]: &[u8; 3]| {
        (red == green && green == blue).then_some(u32::from(red))
    };
    let levels: Option<Vec<u32>> = pixels.iter().map(level).collect();
    levels.ok_or_else(|| {
        let found: HashSet<_> = pixels.iter().filter(|p| level(p).is_none()).collect();
        let mut found: Vec<String> =
            found.into_iter().copied().map(hexadecimal).collect();
        found.sort();
        let more = if found.len() > 8 { ", ..." } else { "" };
        found.truncate(8);
        Refusal::new(
            format!("its pixels are colors, not class ids: {}{more}", found.join(", ")),
            COLORS,
        )
    })
}

fn hexadecimal([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Converts colors to ids.
struct ColorConverter<'a> {
    colors: &'a LabelColors,
    /// Takes the nearest color for one that is not given: lossy compression changes colors.
    is_lossy: bool,
}

impl ColorConverter<'_> {
    fn ids(&self, pixels: Pixels, width: usize) -> Result<Vec<u32>, Refusal> {
        let gray = |level: u32, white: u32| {
            let level = (level * 255).div_ceil(white) as u8;
            [level; 3]
        };
        match pixels {
            Pixels::Levels { white, .. } if white > 255 => Err(Refusal::new(
                "its gray levels have more than 8 bits, and colors have 8",
                "leave out `label_colors`, or save the label map with 8 bits",
            )),
            Pixels::Levels { levels, white } => {
                self.each(levels.into_iter().map(|level| gray(level, white)), width)
            }
            Pixels::Indices { indices, palette } => {
                let color = |index: u32| palette.get(index as usize).copied();
                let pixels: Option<Vec<_>> = indices.into_iter().map(color).collect();
                let pixels = pixels.ok_or_else(|| {
                    Refusal::unexpected("an index is not in its palette")
                })?;
                self.each(pixels.into_iter(), width)
            }
            Pixels::Colors(pixels) => self.each(pixels.into_iter(), width),
        }
    }

    fn each(
        &self,
        pixels: impl Iterator<Item = [u8; 3]>,
        width: usize,
    ) -> Result<Vec<u32>, Refusal> {
        let mut ids = Vec::new();
        for color in pixels {
            let id = self.colors.get(&color).copied();
            let id = id.or_else(|| self.is_lossy.then(|| self.nearest(color)).flatten());
            ids.push(id.ok_or_else(|| {
                let (x, y) = (ids.len() % width.max(1), ids.len() / width.max(1));
                let color = hexadecimal(color);
                Refusal::new(
                    format!("{color} at column {x}, row {y} is not the color of a class"),
                    "give this color a line in the file of `label_colors`: of a class, or with \
                     `void` before it for pixels without a label",
                )
            })?);
        }
        Ok(ids)
    }

    fn nearest(&self, color: [u8; 3]) -> Option<u32> {
        let distance = |other: &[u8; 3]| {
            let squares =
                color.iter().zip(other).map(|(a, b)| u32::from(a.abs_diff(*b)).pow(2));
            squares.sum::<u32>()
        };
        let nearest =
            self.colors.iter().min_by_key(|(other, id)| (distance(other), **id));
        nearest.map(|(_, id)| *id)
    }
}

impl Pixels {
    /// Returns the pixels of a format that has no gray without a palette. If all colors that occur
    /// are gray, the pixels are levels; of black and white with the indices 0 and 1 they are bits, 1
    /// for white.
    pub(super) fn of_palette(indices: Vec<u32>, palette: Vec<[u8; 3]>) -> Self {
        let level = |index: &u32| match palette.get(*index as usize) {
            Some(&[red, green, blue]) if red == green && green == blue => {
                Some(u32::from(red))
            }
            _ => None,
        };
        let levels: Option<Vec<u32>> = indices.iter().map(level).collect();
        let Some(mut levels) = levels else { return Self::Indices { indices, palette } };
        let is_bitmap = indices.iter().all(|index| *index <= 1)
            && levels.iter().all(|level| [0, 255].contains(level));
        let white = if is_bitmap { 1 } else { 255 };
        for level in &mut levels {
            *level = *level * white / 255;
        }
        Self::Levels { levels, white }
    }
}

const _: () = assert!(VOID > u16::MAX as u32);
