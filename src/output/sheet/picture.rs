//! Pictures on a sheet.

/// A picture in red, green and blue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RgbPicture {
    /// Number of columns.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
    /// Red, green and blue of each pixel, row by row from the top left.
    pub rgb: Vec<u8>,
}

/// A rectangle of a picture, in pixels; its sides may lie within pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PictureRegion {
    /// First column.
    pub left: f64,
    /// First row.
    pub top: f64,
    /// Number of columns.
    pub width: f64,
    /// Number of rows.
    pub height: f64,
}

impl RgbPicture {
    /// Returns all of the picture.
    pub fn region(&self) -> PictureRegion {
        let (width, height) = (self.width as f64, self.height as f64);
        PictureRegion { left: 0.0, top: 0.0, width, height }
    }

    /// Returns a region at a size (width, height). Each pixel is the mean of what it covers, so that
    /// enlarged pixels keep sharp edges and equal sizes.
    #[must_use]
    pub fn resized(
        &self,
        region: PictureRegion,
        (width, height): (usize, usize),
    ) -> Self {
        if region == self.region() && (width, height) == (self.width, self.height) {
            return self.clone();
        }
        let columns = covered(region.left, region.width, width, self.width);
        let rows = covered(region.top, region.height, height, self.height);
        // Columns first, for the rows that are needed.
        let mut narrow = vec![0.0_f32; 3 * width * self.height];
        let used = rows.first().map_or(0, |row| row.first)
            ..rows.last().map_or(0, |row| row.first + row.weights.len());
        for y in used {
            let line = &self.rgb[3 * y * self.width..][..3 * self.width];
            let out = &mut narrow[3 * y * width..][..3 * width];
            for (pixel, column) in out.as_chunks_mut::<3>().0.iter_mut().zip(&columns) {
                for (x, weight) in (column.first..).zip(&column.weights) {
                    for (sum, value) in pixel.iter_mut().zip(&line[3 * x..][..3]) {
                        *sum += weight * f32::from(*value);
                    }
                }
            }
        }
        let mut rgb = Vec::with_capacity(3 * width * height);
        let mut line = vec![0.0_f32; 3 * width];
        for row in &rows {
            line.fill(0.0);
            for (y, weight) in (row.first..).zip(&row.weights) {
                for (sum, value) in
                    line.iter_mut().zip(&narrow[3 * y * width..][..3 * width])
                {
                    *sum += weight * value;
                }
            }
            rgb.extend(line.iter().map(|value| value.round() as u8));
        }
        Self { width, height, rgb }
    }
}

/// The lines of a picture that a line of a resized one covers.
struct Covered {
    first: usize,
    /// Share of each, which sum to 1.
    weights: Vec<f32>,
}

/// Returns what each of `n` lines covers of a length that starts at `start`, of `n_source` lines.
fn covered(start: f64, length: f64, n: usize, n_source: usize) -> Vec<Covered> {
    let step = length / n as f64;
    let of = |line: usize| {
        let low = (start + line as f64 * step).clamp(0.0, n_source as f64);
        let high = (start + (line + 1) as f64 * step).clamp(low, n_source as f64);
        let first = (low as usize).min(n_source - 1);
        // A remainder from rounding is not a line.
        let end = ((high - 1e-9).ceil() as usize).clamp(first + 1, n_source);
        let shares: Vec<f64> = (first..end)
            .map(|source| {
                (high.min(source as f64 + 1.0) - low.max(source as f64)).max(0.0)
            })
            .collect();
        let sum: f64 = shares.iter().sum();
        let weights =
            shares.iter().map(|share| if sum > 0.0 { (share / sum) as f32 } else { 1.0 });
        Covered { first, weights: weights.collect() }
    };
    (0..n).map(of).collect()
}
