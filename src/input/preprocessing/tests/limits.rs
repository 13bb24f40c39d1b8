//! Sizes: how large they may be.

use super::*;

#[test]
fn a_size_that_no_computer_counts_is_an_error() {
    let size = Size { width: usize::MAX, height: 3 };
    assert_eq!(size.pixels(), u64::MAX);
    for resize in ["cover:200000000x1", "near:200000000x1/65535", "long:65535"] {
        let options = Options {
            resize: Some(resize.parse().unwrap()),
            pad_to_multiple: Some(32),
            ..with_preset(Preset::Unit)
        };
        let settled = resolve(&RGB_ANY, &options).unwrap();
        for (width, height) in [(1, 10_000), (10_000, 1)] {
            let pixels = vec![0; 3 * width * height];
            let made = settled.apply(&Picture::rgb(width, height, pixels));
            assert_eq!(made.is_ok(), resize.starts_with("long"), "{resize}");
            if let Err(error) = made {
                assert!(error.to_string().contains("pixels"), "{error}");
            }
        }
    }
}

#[test]
fn sizes_are_held_to_the_limit_of_the_run() {
    let refused = |resize: Option<&str>, crop: Option<&str>, max_pixels| {
        let options = Options {
            resize: resize.map(|resize| resize.parse().unwrap()),
            crop: crop.map(|crop| crop.parse().unwrap()),
            max_pixels,
            ..with_preset(Preset::Unit)
        };
        let error = resolve(&RGB_ANY, &options).err()?;
        assert!(error.hint().unwrap().contains("--max-pixels"));
        Some(error.to_string())
    };
    let large = Some("20000x20000");
    let message = "20000x20000 has more than 200000000 pixels";
    assert_eq!(refused(large, None, None), Some(format!("--resize: {message}")));
    assert_eq!(refused(None, large, None), Some(format!("--crop: {message}")));
    assert_eq!(refused(large, large, Some(400_000_000)), None);
    assert_eq!(
        refused(Some("8x8"), None, Some(63)),
        Some("--resize: 8x8 has more than 63 pixels".to_owned())
    );
    assert!("65536x65537".parse::<Size>().is_err());
}
