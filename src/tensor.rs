//! Maps of numbers and of class ids: what is passed between measuring and writing.

use std::ops::Range;

/// A plane of f32 values, row by row from the top left.
///
/// The value is NaN where there is no prediction, outside a crop.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
    /// `height * width` values.
    pub values: Vec<f32>,
}

/// A plane of class ids, row by row from the top left.
///
/// The id is [`ClassMap::NONE`] where there is no prediction, outside a crop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassMap {
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
    /// `height * width` class ids.
    pub classes: Vec<u16>,
}

impl ClassMap {
    /// The id that stands for "no prediction here".
    pub const NONE: u16 = u16::MAX;
}

/// Size and orientation of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageShape {
    /// Number of rows, upright.
    pub height: usize,
    /// Number of columns, upright.
    pub width: usize,
    /// The EXIF orientation (2 to 8) that was applied to the pixels of the file; `None` if they
    /// were upright.
    pub orientation: Option<u8>,
}

/// A rectangle of a map, such as the part of the network's plane that shows the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Rows.
    pub rows: Range<usize>,
    /// Columns.
    pub columns: Range<usize>,
}

impl Region {
    /// The whole of a map of `height` x `width`.
    pub fn whole(height: usize, width: usize) -> Self {
        Self { rows: 0..height, columns: 0..width }
    }

    /// Cuts the region out of a map.
    ///
    /// # Panics
    /// Panics if the region reaches beyond the map.
    pub fn crop_map(&self, map: Map) -> Map {
        let (height, width) = (self.rows.len(), self.columns.len());
        if (height, width) == (map.height, map.width) {
            return map;
        }
        Map { height, width, values: self.crop_plane(&map.values, map.width) }
    }

    /// Cuts the region out of a class map.
    ///
    /// # Panics
    /// Panics if the region reaches beyond the map.
    pub fn crop_classes(&self, map: ClassMap) -> ClassMap {
        let (height, width) = (self.rows.len(), self.columns.len());
        if (height, width) == (map.height, map.width) {
            return map;
        }
        ClassMap { height, width, classes: self.crop_plane(&map.classes, map.width) }
    }

    /// Cuts the region out of each of the consecutive planes of `height` x `width`.
    ///
    /// # Panics
    /// Panics if the region reaches beyond the planes.
    pub fn crop_planes(
        &self,
        planes: Vec<f32>,
        (height, width): (usize, usize),
    ) -> Vec<f32> {
        if (self.rows.len(), self.columns.len()) == (height, width) {
            return planes;
        }
        let planes = planes.chunks_exact(height * width);
        planes.flat_map(|plane| self.crop_plane(plane, width)).collect()
    }

    fn crop_plane<T: Copy>(&self, plane: &[T], width: usize) -> Vec<T> {
        let lines = plane.chunks_exact(width).skip(self.rows.start);
        let lines = lines.take(self.rows.len());
        lines.flat_map(|line| &line[self.columns.clone()]).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: Region = Region { rows: 1..3, columns: 2..4 };

    #[test]
    fn cropping_keeps_the_rows_and_columns_of_the_region() {
        let classes: Vec<u16> = (0..20).collect();
        let values: Vec<f32> = classes.iter().map(|&i| f32::from(i)).collect();
        let map = REGION.crop_map(Map { height: 4, width: 5, values: values.clone() });
        let expected = [7.0, 8.0, 12.0, 13.0];
        assert_eq!(map, Map { height: 2, width: 2, values: expected.to_vec() });
        let map = REGION.crop_classes(ClassMap { height: 4, width: 5, classes });
        assert_eq!((map.height, map.width, map.classes), (2, 2, vec![7, 8, 12, 13]));
        let planes = [values.clone(), values].concat();
        let cut = REGION.crop_planes(planes, (4, 5));
        assert_eq!(cut, [expected, expected].concat());
    }

    #[test]
    fn cropping_to_the_whole_map_changes_nothing() {
        let map = Map { height: 1, width: 2, values: vec![3.0, -0.0] };
        let whole = Region { rows: 0..1, columns: 0..2 };
        assert_eq!(whole.crop_map(map.clone()), map);
        assert_eq!(whole.crop_planes(vec![1.0; 4], (1, 2)), [1.0; 4]);
    }
}
