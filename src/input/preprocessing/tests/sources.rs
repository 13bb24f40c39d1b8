//! Tests the precedence of sources, and the errors for wrong settings.

use std::fs;

use super::*;
use crate::error::Error;

/// Creates a folder with a model's sidecar; returns it with the path of the model.
fn beside(sidecar: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("model.toml"), sidecar).unwrap();
    let model = folder.path().join("model.onnx");
    (folder, model)
}

fn resolve_beside(sidecar: &str, options: &Options) -> Result<Preprocessing> {
    let (_folder, model) = beside(sidecar);
    Preprocessing::resolve(&model, &RGB_ANY, options)
}

#[test]
fn later_sources_win_key_by_key() {
    let sidecar = "task = \"segmentation\"\npreset = \"imagenet\"\nresize = \"64x32\"\n\
                   crop = \"32x32\"\nclasses = [\"road\", \"sky\"]\n\
                   palette = [[128, 64, 128], [70, 130, 180]]\n";
    let (folder, model) = beside(sidecar);
    let config = folder.path().join("more.toml");
    fs::write(&config, "resize = \"short:40\"\nmean = 0.5\n").unwrap();
    let mut options = Options { config: Some(config.clone()), ..Options::default() };
    options.crop = Some(Crop::None);
    let settled = Preprocessing::resolve(&model, &RGB_ANY, &options).unwrap();

    let beside = model.with_extension("toml").display().to_string();
    let config = config.display().to_string();
    let preset = format!("preset imagenet ({beside})");
    assert_eq!(setting(&settled, "task"), ("segmentation", beside.as_str()));
    assert_eq!(setting(&settled, "layout"), ("NCHW", "the model's input"));
    assert_eq!(setting(&settled, "channels"), ("rgb", "default"));
    assert_eq!(setting(&settled, "resize"), ("short:40", config.as_str()));
    assert_eq!(setting(&settled, "interpolation"), ("bilinear", "default"));
    assert_eq!(setting(&settled, "antialias"), ("yes", "default"));
    assert_eq!(setting(&settled, "crop"), ("none", "`crop`"));
    assert_eq!(setting(&settled, "mean"), ("0.5,0.5,0.5", config.as_str()));
    assert_eq!(setting(&settled, "std"), ("0.229,0.224,0.225", preset.as_str()));
    assert_eq!(setting(&settled, "classes"), ("2 names", beside.as_str()));
    assert_eq!(settled.class_names.unwrap(), ["road", "sky"]);
    assert_eq!(settled.palette.unwrap().colors()[1], [70, 130, 180]);
    assert_eq!(settled.task, Some(&crate::task::SEGMENTATION));
}

#[test]
fn a_preset_of_a_later_source_replaces_numbers_of_an_earlier_one() {
    let sidecar = "mean = [0.1, 0.2, 0.3]\nstd = 0.5\n";
    let settled = resolve_beside(sidecar, &with_preset(Preset::Unit)).unwrap();
    assert_eq!(setting(&settled, "mean"), ("0,0,0", "preset unit (`preset`)"));
    assert_eq!(setting(&settled, "std"), ("1,1,1", "preset unit (`preset`)"));
}

#[test]
fn a_missing_scale_is_an_error_that_lists_the_ways_to_set_it() {
    let error = resolve(&RGB_ANY, &Options::default()).unwrap_err();
    let hint = error.hint().unwrap();
    for way in
        ["imagenet", "unit", "raw", "`mean` and `std`", "no-such-folder/model.toml"]
    {
        assert!(hint.contains(way), "{hint}");
    }
}

#[test]
fn an_error_in_a_sidecar_names_the_position_and_what_is_expected() {
    for (sidecar, expected) in [
        ("means = 1", "model.toml: unknown setting \"means\""),
        (
            "preset = \"unti\"",
            "model.toml: preset: \"unti\" is not one of imagenet, unit, raw",
        ),
        ("preset = 3", "model.toml: preset: expected text, found 3"),
        (
            "crop = \"9\"",
            "model.toml: crop: \"9\" is not a size; expected WIDTHxHEIGHT, as in 512x256",
        ),
        (
            "crop = \"99999x99999\"",
            "model.toml: crop: 99999x99999 has more than 4294967296 pixels",
        ),
        (
            "resize = \"short:0\"",
            "model.toml: resize: \"0\" is not a side between 1 and 65535",
        ),
        (
            "resize = \"0x4\"",
            "model.toml: resize: \"0x4\" is not one of none, WIDTHxHEIGHT (512x256), short:SIDE",
        ),
        ("antialias = 1", "model.toml: antialias: expected true or false, found 1"),
        (
            "mean = [0.5, 0.5]\nstd = 1",
            "model.toml: mean: 2 numbers for the 3 channels of rgb",
        ),
        (
            "mean = [0.5, \"a\", 0.5]",
            "model.toml: mean: expected a number or a list of numbers, found \"a\"",
        ),
        ("mean = 0.5", "model.toml: mean: is given, but std is not"),
        (
            "mean = 0.5\nstd = 0",
            "model.toml: std: 0 is not a standard deviation: expected more than 0",
        ),
        (
            "mean = 0.5\nstd = nan",
            "model.toml: std: NaN is not a standard deviation: expected more than 0",
        ),
        (
            "mean = 0.5\nstd = 1e-38",
            "model.toml: std: 0.00000000000000000000000000000000000001 is so small that",
        ),
        (
            "mean = inf\nstd = 1",
            "model.toml: mean: inf is not a mean: expected a finite number",
        ),
        (
            "classes = [\"a\", 2]",
            "model.toml: classes: entry 1: expected a name, found 2",
        ),
        (
            "classes = []",
            "model.toml: classes: expected a list of names, found an empty one",
        ),
        (
            "palette = [[0, 0, 256]]",
            "model.toml: palette: entry 0: expected [red, green, blue] of 0 to 255, found [0, 0, 256]",
        ),
        (
            "palette = \"pascal\"",
            "model.toml: palette: \"pascal\" is not one of cityscapes, camvid, voc, ade20k",
        ),
        (
            "preset = \"unit\"\nclasses = [\"a\", \"b\"]\npalette = [[0, 0, 0]]",
            "model.toml: palette: holds 1 colors for 2 classes",
        ),
        ("preset = \"unit\"\n\nresize =\n", "model.toml: line 3: "),
        ("{\"mean\": 1}", "model.toml: is JSON; expected TOML"),
    ] {
        let error = resolve_beside(sidecar, &Options::default()).unwrap_err().to_string();
        assert!(error.contains(expected), "{sidecar:?} gives {error:?}");
    }
}

#[test]
fn unknown_keys_are_answered_with_the_known_ones() {
    let error = resolve_beside("Mean = 1", &Options::default()).unwrap_err();
    assert_eq!(
        error.hint().unwrap(),
        "the settings are task, heads, target, targets, preset, channels, bands, input_range, bits, \
         mean, std, resize, interpolation, antialias, resampler, crop, crop_rule, alpha, pad, \
         pad_side, fill, reduce_zero_label, classes, palette"
    );
}

#[test]
fn files_that_are_named_have_to_be_there() {
    let missing = PathBuf::from("no-such-folder/file");
    let config = Options { config: Some(missing.clone()), ..with_preset(Preset::Unit) };
    assert!(matches!(resolve(&RGB_ANY, &config), Err(Error::Read { .. })));
    assert!(matches!(read_class_names(&missing), Err(Error::Read { .. })));
}
