//! Detection of pixels away from borders between classes.

/// Returns, for each pixel, true if the square of `2 distance + 1` pixels around it, clipped at
/// the edges of the image, has only one class.
///
/// A square has one class if its row windows around the middle column each have one class and
/// these agree. This takes two passes along the rows of the map, for any distance.
pub(super) fn interior(classes: &[u16], width: usize, distance: usize) -> Vec<bool> {
    let height = classes.len() / width;
    let mut is_interior = vec![false; classes.len()];
    let mut is_uniform = vec![false; width];
    // For each column, the number of rows up to this one with the same class in a uniform window.
    let mut runs = vec![0; width];
    for y in 0..height {
        let row = &classes[y * width..][..width];
        let above = &classes[y.saturating_sub(1) * width..][..width];
        uniform_windows(row, distance, &mut is_uniform);
        for (x, run) in runs.iter_mut().enumerate() {
            let continues = row[x] == above[x];
            *run = if !is_uniform[x] {
                0
            } else if continues {
                *run + 1
            } else {
                1
            };
        }
        // The squares that end with this row: several at the lower edge, which clips them.
        let middles = match y.checked_sub(distance) {
            _ if y + 1 == height => y.saturating_sub(distance)..height,
            Some(middle) => middle..middle + 1,
            None => 0..0,
        };
        for middle in middles {
            let n_rows = y - middle.saturating_sub(distance) + 1;
            let out = &mut is_interior[middle * width..][..width];
            for (out, &run) in out.iter_mut().zip(&runs) {
                *out = run >= n_rows;
            }
        }
    }
    is_interior
}

/// Sets `out` to true where all classes within the distance are the same.
fn uniform_windows(classes: &[u16], distance: usize, out: &mut [bool]) {
    let n = classes.len();
    let mut start = 0;
    for run in classes.chunk_by(|a, b| a == b) {
        let end = start + run.len();
        // The edges of the image clip windows, so a run that ends there has no border.
        let first = if start == 0 { 0 } else { (start + distance).min(end) };
        let last = if end == n { n } else { end.saturating_sub(distance).max(first) };
        out[start..first].fill(false);
        out[first..last].fill(true);
        out[last..end].fill(false);
        start = end;
    }
}
