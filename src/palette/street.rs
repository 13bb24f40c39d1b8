//! Classes of street scenes and their colors: Cityscapes and `CamVid`.
//!
//! # References
//!
//! - M. Cordts et al. (2016), *The Cityscapes Dataset for Semantic Urban Scene Understanding*,
//!   CVPR: the evaluated classes, in the order of their training ids.
//! - V. Badrinarayanan, A. Kendall, R. Cipolla (2017), *`SegNet`*, TPAMI: the eleven
//!   classes into which those of `CamVid` are grouped.

/// The 19 classes of Cityscapes.
#[rustfmt::skip]
pub(super) const CITYSCAPES: [(&str, [u8; 3]); 19] = [
    ("road", [128, 64, 128]), ("sidewalk", [244, 35, 232]),
    ("building", [70, 70, 70]), ("wall", [102, 102, 156]),
    ("fence", [190, 153, 153]), ("pole", [153, 153, 153]),
    ("traffic light", [250, 170, 30]), ("traffic sign", [220, 220, 0]),
    ("vegetation", [107, 142, 35]), ("terrain", [152, 251, 152]),
    ("sky", [70, 130, 180]), ("person", [220, 20, 60]),
    ("rider", [255, 0, 0]), ("car", [0, 0, 142]),
    ("truck", [0, 0, 70]), ("bus", [0, 60, 100]),
    ("train", [0, 80, 100]), ("motorcycle", [0, 0, 230]),
    ("bicycle", [119, 11, 32]),
];

/// The 11 classes of `CamVid`, and the one for pixels without a class.
#[rustfmt::skip]
pub(super) const CAMVID: [(&str, [u8; 3]); 12] = [
    ("sky", [128, 128, 128]), ("building", [128, 0, 0]),
    ("pole", [192, 192, 128]), ("road", [128, 64, 128]),
    ("pavement", [60, 40, 222]), ("tree", [128, 128, 0]),
    ("sign", [192, 128, 128]), ("fence", [64, 64, 128]),
    ("car", [64, 0, 128]), ("pedestrian", [64, 64, 0]),
    ("bicyclist", [0, 128, 192]), ("unlabeled", [0, 0, 0]),
];

/// Colors of pixels without a class in the label maps of Cityscapes: those of its classes that are
/// not evaluated (`labels.py` of the data set's scripts). License plates have the color of cars.
#[rustfmt::skip]
pub(super) const CITYSCAPES_VOID: [[u8; 3]; 10] = [
    [0, 0, 0], [111, 74, 0], [81, 0, 81], [250, 170, 160], [230, 150, 140],
    [180, 165, 180], [150, 100, 100], [150, 120, 90], [0, 0, 90], [0, 0, 110],
];
