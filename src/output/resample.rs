//! Resamples maps from the size of the network to that of the image.

use crate::tensor::{ClassMap, Map};

/// Placement of the pixels of an image in the plane that the network saw.
///
/// The center of the pixel in column `x` of the image is at `(x + 0.5) * scale_x - left - 0.5` in
/// columns of the network's plane, and likewise for rows. A stretched image has scales other than 1,
/// a crop has a positive `left` or `top`, padding a negative one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Columns of the network's plane per column of the image.
    pub scale_x: f64,
    /// Rows of the network's plane per row of the image.
    pub scale_y: f64,
    /// Columns cut off at the left, after scaling.
    pub left: f64,
    /// Rows cut off at the top, after scaling.
    pub top: f64,
}

impl Placement {
    /// Placement of an image that is exactly the network's plane.
    pub const IDENTITY: Self = Self { scale_x: 1.0, scale_y: 1.0, left: 0.0, top: 0.0 };

    /// Returns the placement of the same image with width and height divided by these factors.
    #[must_use]
    pub fn of_smaller(self, (by_x, by_y): (f64, f64)) -> Self {
        Self { scale_x: self.scale_x * by_x, scale_y: self.scale_y * by_y, ..self }
    }
}

/// Returns the values of a map at the pixels of an image of `height` x `width`.
///
/// Values are interpolated bilinearly between the centers of the map's pixels, and the outermost
/// pixels extend to the edge. Pixels whose center lies outside the map are NaN. With the identity and
/// an image of the map's size, the result is an exact copy.
///
/// # Panics
///
/// Panics if `map` does not have the stated size.
pub fn values(map: &Map, placement: &Placement, height: usize, width: usize) -> Map {
    if *placement == Placement::IDENTITY && (height, width) == (map.height, map.width) {
        return map.clone();
    }
    let rows = positions(placement.scale_y, placement.top, height, map.height);
    let columns = positions(placement.scale_x, placement.left, width, map.width);
    let mut values = Vec::with_capacity(height * width);
    let mut blended = vec![0.0; map.width];
    for row in rows {
        let Some(row) = row else {
            values.extend(std::iter::repeat_n(f32::NAN, width));
            continue;
        };
        let above = &map.values[row.before * map.width..][..map.width];
        let below = &map.values[row.after * map.width..][..map.width];
        for (out, (above, below)) in blended.iter_mut().zip(above.iter().zip(below)) {
            *out = row.blend(*above, *below);
        }
        let at = |column: &Option<Position>| match column {
            Some(column) => column.blend(blended[column.before], blended[column.after]),
            None => f32::NAN,
        };
        values.extend(columns.iter().map(at));
    }
    Map { height, width, values }
}

/// Returns the class ids of a map at the pixels of an image of `height` x `width`.
///
/// A pixel gets the id of the map's pixel that contains its center, and [`ClassMap::NONE`] outside
/// the map.
///
/// # Panics
///
/// Panics if `map` does not have the stated size.
pub fn classes(
    map: &ClassMap,
    placement: &Placement,
    height: usize,
    width: usize,
) -> ClassMap {
    if *placement == Placement::IDENTITY && (height, width) == (map.height, map.width) {
        return map.clone();
    }
    let rows = positions(placement.scale_y, placement.top, height, map.height);
    let columns = positions(placement.scale_x, placement.left, width, map.width);
    let mut classes = Vec::with_capacity(height * width);
    for row in rows {
        let Some(row) = row else {
            classes.extend(std::iter::repeat_n(ClassMap::NONE, width));
            continue;
        };
        let ids = &map.classes[row.within * map.width..][..map.width];
        let at =
            |column: &Option<Position>| column.map_or(ClassMap::NONE, |c| ids[c.within]);
        classes.extend(columns.iter().map(at));
    }
    ClassMap { height, width, classes }
}

/// Position of a line of the image (a row or a column) among the lines of the map.
#[derive(Debug, Clone, Copy)]
struct Position {
    /// Line that contains the center.
    within: usize,
    /// Nearest line whose center is before the position, or the only one.
    before: usize,
    /// Nearest line whose center is behind the position, or the only one.
    after: usize,
    /// Weight of the line behind.
    weight: f32,
}

impl Position {
    #[inline]
    fn blend(self, before: f32, after: f32) -> f32 {
        before + (after - before) * self.weight
    }
}

/// Returns the positions of `n` lines of the image along an axis; `None` for lines outside the map.
fn positions(scale: f64, cut: f64, n: usize, n_map: usize) -> Vec<Option<Position>> {
    let position = |line: usize| {
        // Measured from the edge: pixel `i` of the map extends from `i` to `i + 1`.
        let place = (line as f64 + 0.5) * scale - cut;
        if !(0.0..n_map as f64).contains(&place) {
            return None;
        }
        let last = n_map - 1;
        let center = (place - 0.5).clamp(0.0, last as f64);
        let before = center as usize;
        let weight = (center - before as f64) as f32;
        // A neighbor with weight 0 is left out, so that its NaN does not spread.
        let after = if weight > 0.0 { (before + 1).min(last) } else { before };
        Some(Position { within: (place as usize).min(last), before, after, weight })
    };
    (0..n).map(position).collect()
}

#[cfg(test)]
mod tests;
