//! Tests limits of sizes, and the hints for sizes that the model does not take.

use std::fs;

use super::other_libraries::folder;
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
        assert!(error.hint().unwrap().contains("`max_pixels`"));
        Some(error.to_string())
    };
    let large = Some("20000x20000");
    let message = "20000x20000 has more than 200000000 pixels";
    assert_eq!(refused(large, None, None), Some(format!("resize: {message}")));
    assert_eq!(refused(None, large, None), Some(format!("crop: {message}")));
    assert_eq!(refused(large, large, Some(400_000_000)), None);
    assert_eq!(
        refused(Some("8x8"), None, Some(63)),
        Some("resize: 8x8 has more than 63 pixels".to_owned())
    );
    assert!("65536x65537".parse::<Size>().is_err());
}

#[test]
fn the_way_out_of_a_files_wrong_size_is_one() {
    let input = ModelInput { height: Some(224), width: Some(224), ..RGB_ANY };
    let resolved = |json: &str, options: &Options| {
        let folder = folder(&[("preprocessor_config.json", json)]);
        let mut options = options.clone();
        options.config = options.config.map(|config| folder.path().join(config));
        let pads = "resize = \"224x224\"\ncrop = \"none\"\npad = \"none\"\n";
        fs::write(folder.path().join("hint.toml"), pads).unwrap();
        Preprocessing::resolve(&folder.path().join("model.onnx"), &input, &options)
    };
    let hint = |json: &str, options: &Options| {
        resolved(json, options).unwrap_err().hint().unwrap().to_owned()
    };
    let cropping = r#"{"image_processor_type": "CLIPImageProcessor", "crop_size": 256}"#;
    let expected = "use `resize = 224x224` and `crop = none`: images are then stretched to the model's size";
    assert_eq!(hint(cropping, &Options::default()), expected);
    let stretched = Options {
        resize: Some("224x224".parse().unwrap()),
        crop: Some(Crop::None),
        ..Options::default()
    };
    assert!(resolved(cropping, &stretched).is_ok());

    let padding = r#"{"image_processor_type": "ViTImageProcessor", "do_pad": true,
                      "pad_size": {"height": 256, "width": 256}}"#;
    let found = hint(padding, &stretched);
    assert!(
        found.starts_with("write resize = \"224x224\", crop = \"none\" and pad"),
        "{found}"
    );
    let config = Some(PathBuf::from("hint.toml"));
    assert!(resolved(padding, &Options { config, ..Options::default() }).is_ok());

    let flags = Options { crop: Some("64x64".parse().unwrap()), ..Options::default() };
    let plain = r#"{"image_processor_type": "ViTImageProcessor", "do_resize": false}"#;
    assert!(hint(plain, &flags).starts_with("leave resize, crop and padding out"));
}
