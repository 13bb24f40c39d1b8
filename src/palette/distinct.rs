//! Colors for classes without a given color.
//!
//! # References
//!
//! M. Okabe, K. Ito (2008), *Color Universal Design*: the second to the eighth.

/// Colors that people with and without color blindness can distinguish.
///
/// The first is a dark gray, because black looks as if there were no class. Each color after the eighth is
/// the color of a 16 x 16 x 16 grid, with a lightness of at least 20, that is farthest from all previous
/// colors. The distance (CIE 1976) is the smallest of those for normal, protanopic, deuteranopic and
/// tritanopic vision (Machado et al. 2009, severity 1), so the first colors differ most.
#[rustfmt::skip]
pub(super) const DISTINCT: [[u8; 3]; 32] = [
    [85, 85, 85], [230, 159, 0], [86, 180, 233], [0, 158, 115],
    [240, 228, 66], [0, 114, 178], [213, 94, 0], [204, 121, 167],
    [153, 0, 255], [204, 255, 204], [102, 34, 0], [51, 0, 153],
    [153, 187, 102], [85, 17, 102], [153, 119, 255], [0, 255, 255],
    [170, 85, 51], [221, 170, 170], [102, 68, 204], [34, 51, 68],
    [238, 255, 170], [119, 238, 102], [119, 68, 51], [136, 85, 136],
    [0, 68, 153], [153, 221, 153], [187, 34, 0], [102, 0, 204],
    [85, 34, 34], [153, 153, 51], [153, 153, 255], [102, 153, 85],
];
