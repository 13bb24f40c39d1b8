//! Sizes after resizing: the rules of several libraries, with their rounding.
//!
//! A side that would be 0 in a library is 1 here.

use crate::input::settings::{Resize, Size};

/// Returns the size of an image after resizing by a rule.
///
/// Sources: torchvision `_compute_resized_output_size`; transformers `get_size_with_aspect_ratio`,
/// `get_image_size_for_max_height_width` and DPT's `get_resize_output_image_size`; Ultralytics
/// `LetterBox`; timm `ResizeKeepRatio`.
pub(super) fn resized(image: Size, resize: Resize) -> Size {
    let Size { width, height } = match resize {
        Resize::None => image,
        Resize::Exact(size) => size,
        Resize::Short(side) => short(image, side),
        Resize::ShortAtMost { short, long } => short_at_most(image, short, long),
        Resize::Long(side) => long(image, side),
        Resize::Fit(size) => fit(image, size, f64::round_ties_even),
        Resize::Within(size) => fit(image, size, f64::trunc),
        Resize::Bounds { long, short } => bounds(image, long, short),
        Resize::Cover(size) => cover(image, size),
        Resize::Near { size, multiple } => near(image, size, multiple),
    };
    Size { width: width.max(1), height: height.max(1) }
}

/// Sets the shorter side; rounds the longer one down.
fn short(image: Size, side: usize) -> Size {
    if image.width <= image.height {
        Size { width: side, height: side * image.height / image.width }
    } else {
        Size { width: side * image.width / image.height, height: side }
    }
}

/// Sets the longer side; rounds the shorter one down.
fn long(image: Size, side: usize) -> Size {
    if image.width <= image.height {
        Size { width: side * image.width / image.height, height: side }
    } else {
        Size { width: side, height: side * image.height / image.width }
    }
}

/// Rounds the shorter side to the nearest, and the longer one down from the unrounded shorter one.
fn short_at_most(image: Size, side: usize, most: usize) -> Size {
    let (width, height) = (image.width as f64, image.height as f64);
    let (least, largest) = (width.min(height), width.max(height));
    let limited = largest / least * side as f64 > most as f64;
    let exact = if limited { most as f64 * least / largest } else { side as f64 };
    let side = exact.round_ties_even() as usize;
    if image.width.min(image.height) == side {
        image
    } else if image.width < image.height {
        Size { width: side, height: (exact * height / width) as usize }
    } else {
        Size { width: (exact * width / height) as usize, height: side }
    }
}

fn fit(image: Size, within: Size, rounded: fn(f64) -> f64) -> Size {
    let ratio = (within.height as f64 / image.height as f64)
        .min(within.width as f64 / image.width as f64);
    let side = |side: usize| rounded(side as f64 * ratio) as usize;
    Size { width: side(image.width), height: side(image.height) }
}

/// Applies mmcv's rule: the larger bound is for the longer side of the image.
fn bounds(image: Size, long: usize, short: usize) -> Size {
    let (width, height) = (image.width as f64, image.height as f64);
    let ratio = (long as f64 / width.max(height)).min(short as f64 / width.min(height));
    let side = |side: f64| (side * ratio + 0.5) as usize;
    Size { width: side(width), height: side(height) }
}

fn cover(image: Size, size: Size) -> Size {
    let ratio = (image.height as f64 / size.height as f64)
        .min(image.width as f64 / size.width as f64);
    let side = |side: usize| (side as f64 / ratio).round_ties_even() as usize;
    Size { width: side(image.width), height: side(image.height) }
}

/// Scales by the ratio of the side that changes least, then rounds to multiples.
fn near(image: Size, size: Size, multiple: usize) -> Size {
    let across = size.width as f64 / image.width as f64;
    let down = size.height as f64 / image.height as f64;
    let scale = if (1.0 - across).abs() < (1.0 - down).abs() { across } else { down };
    let side = |side: usize| {
        let steps = (scale * side as f64 / multiple as f64).round_ties_even() as usize;
        steps.max(1).saturating_mul(multiple)
    };
    Size { width: side(image.width), height: side(image.height) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: usize, height: usize) -> Size {
        Size { width, height }
    }

    #[test]
    fn the_longer_side_is_rounded_down() {
        let short = |image| resized(image, Resize::Short(256));
        assert_eq!(short(size(640, 427)), size(383, 256));
        assert_eq!(short(size(427, 640)), size(256, 383));
        assert_eq!(short(size(1, 1)), size(256, 256));
        assert_eq!(short(size(1, 7)), size(256, 1792));
        assert_eq!(resized(size(427, 640), Resize::Long(256)), size(170, 256));
        assert_eq!(resized(size(3000, 2), Resize::Long(256)), size(256, 1));
    }

    #[test]
    fn every_rule_gives_the_size_that_its_library_gives() {
        let file =
            concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/preprocessing/sizes.json");
        let text = std::fs::read_to_string(file).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let cases = json["cases"].as_array().unwrap();
        assert!(cases.len() >= 200);
        for case in cases {
            let text = |key: &str| case[key].as_str().unwrap();
            let found =
                resized(text("image").parse().unwrap(), text("resize").parse().unwrap());
            assert_eq!(found.to_string(), text("size"), "{case}");
        }
    }

    #[test]
    fn no_image_comes_out_without_a_side() {
        let line = size(60_000, 1);
        for rule in [
            "short:1,long:7",
            "long:9",
            "fit:8x8",
            "within:8x8",
            "cover:3x3",
            "near:64x64/32",
        ] {
            let Size { width, height } = resized(line, rule.parse().unwrap());
            assert!(width >= 1 && height >= 1, "{rule}: {width}x{height}");
        }
    }
}
