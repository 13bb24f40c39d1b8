//! Cuts the part of a plane out that shows the image.

use std::ops::Range;

use crate::tensor::{ClassMap, Map};

/// Rows and columns of the network's plane that show the image: no padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Rows.
    pub rows: Range<usize>,
    /// Columns.
    pub columns: Range<usize>,
}

impl Part {
    /// This part of a map.
    ///
    /// # Panics
    ///
    /// When the part reaches beyond the map.
    pub fn of_map(&self, map: Map) -> Map {
        let (height, width) = (self.rows.len(), self.columns.len());
        if (height, width) == (map.height, map.width) {
            return map;
        }
        Map { height, width, values: self.of_plane(&map.values, map.width) }
    }

    /// This part of a class map.
    ///
    /// # Panics
    ///
    /// When the part reaches beyond the map.
    pub fn of_classes(&self, map: ClassMap) -> ClassMap {
        let (height, width) = (self.rows.len(), self.columns.len());
        if (height, width) == (map.height, map.width) {
            return map;
        }
        ClassMap { height, width, classes: self.of_plane(&map.classes, map.width) }
    }

    /// This part of each of the planes of `height` x `width` that follow each other.
    ///
    /// # Panics
    ///
    /// When the part reaches beyond the planes.
    pub fn of_planes(
        &self,
        planes: Vec<f32>,
        (height, width): (usize, usize),
    ) -> Vec<f32> {
        if (self.rows.len(), self.columns.len()) == (height, width) {
            return planes;
        }
        let planes = planes.chunks_exact(height * width);
        planes.flat_map(|plane| self.of_plane(plane, width)).collect()
    }

    fn of_plane<T: Copy>(&self, plane: &[T], width: usize) -> Vec<T> {
        let lines = plane.chunks_exact(width).skip(self.rows.start);
        let lines = lines.take(self.rows.len());
        lines.flat_map(|line| &line[self.columns.clone()]).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: Part = Part { rows: 1..3, columns: 2..4 };

    #[test]
    fn rows_and_columns_of_the_part_are_left() {
        let classes: Vec<u16> = (0..20).collect();
        let values: Vec<f32> = classes.iter().map(|&i| f32::from(i)).collect();
        let map = PART.of_map(Map { height: 4, width: 5, values: values.clone() });
        let expected = [7.0, 8.0, 12.0, 13.0];
        assert_eq!(map, Map { height: 2, width: 2, values: expected.to_vec() });
        let map = PART.of_classes(ClassMap { height: 4, width: 5, classes });
        assert_eq!((map.height, map.width, map.classes), (2, 2, vec![7, 8, 12, 13]));
        let planes = [values.clone(), values].concat();
        let cut = PART.of_planes(planes, (4, 5));
        assert_eq!(cut, [expected, expected].concat());
    }

    #[test]
    fn the_whole_is_left_as_it_is() {
        let map = Map { height: 1, width: 2, values: vec![3.0, -0.0] };
        let whole = Part { rows: 0..1, columns: 0..2 };
        assert_eq!(whole.of_map(map.clone()), map);
        assert_eq!(whole.of_planes(vec![1.0; 4], (1, 2)), [1.0; 4]);
    }
}
