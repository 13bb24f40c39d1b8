//! Colors for classes without a given color.
//!
//! # References
//!
//! M. Okabe, K. Ito (2008), *Color Universal Design*: the first eight.

/// Colors that people with and without color blindness can distinguish.
///
/// Each color after the eighth is the color of a 16 x 16 x 16 grid that is farthest from all previous
/// colors. The distance (CIE 1976) is the smallest of those for normal, protanopic, deuteranopic and
/// tritanopic vision (Machado et al. 2009, severity 1), so the first colors differ most.
#[rustfmt::skip]
pub(super) const DISTINCT: [[u8; 3]; 32] = [
    [0, 0, 0], [230, 159, 0], [86, 180, 233], [0, 158, 115],
    [240, 228, 66], [0, 114, 178], [213, 94, 0], [204, 121, 167],
    [136, 0, 255], [102, 51, 17], [204, 255, 204], [17, 34, 136],
    [85, 68, 85], [153, 187, 102], [187, 85, 255], [0, 255, 255],
    [51, 0, 68], [221, 0, 68], [221, 170, 170], [136, 17, 204],
    [238, 255, 170], [119, 238, 102], [170, 0, 136], [0, 51, 34],
    [153, 68, 0], [255, 68, 119], [85, 119, 68], [221, 0, 187],
    [153, 221, 153], [34, 34, 51], [153, 153, 255], [153, 153, 51],
];
