//! The classes of PASCAL VOC and their colors.
//!
//! # References
//!
//! M. Everingham et al. (2010), *The PASCAL Visual Object Classes Challenge*, IJCV, and its
//! development kit.

/// The background and the 20 classes.
#[rustfmt::skip]
pub(super) const VOC: [(&str, [u8; 3]); 21] = [
    ("background", voc_color(0)), ("aeroplane", voc_color(1)),
    ("bicycle", voc_color(2)), ("bird", voc_color(3)),
    ("boat", voc_color(4)), ("bottle", voc_color(5)),
    ("bus", voc_color(6)), ("car", voc_color(7)),
    ("cat", voc_color(8)), ("chair", voc_color(9)),
    ("cow", voc_color(10)), ("diningtable", voc_color(11)),
    ("dog", voc_color(12)), ("horse", voc_color(13)),
    ("motorbike", voc_color(14)), ("person", voc_color(15)),
    ("pottedplant", voc_color(16)), ("sheep", voc_color(17)),
    ("sofa", voc_color(18)), ("train", voc_color(19)),
    ("tvmonitor", voc_color(20)),
];

/// Returns the color of a class in the PASCAL VOC annotations: the bits of its index are distributed in
/// turn to red, green and blue, highest bits first.
pub(super) const fn voc_color(class: u16) -> [u8; 3] {
    let mut color = [0_u8; 3];
    let mut rest = class;
    let mut shift = 8;
    while shift > 0 {
        shift -= 1;
        let mut channel = 0;
        while channel < 3 {
            color[channel] |= ((rest & 1) as u8) << shift;
            rest >>= 1;
            channel += 1;
        }
    }
    color
}
