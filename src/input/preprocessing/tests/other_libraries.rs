//! Tests the settings that files of other libraries give, and their precedence.

use std::fs;

use super::*;

pub(super) const VIT: &str = r#"{"image_processor_type": "ViTImageProcessor"}"#;

/// Creates a folder with these files, and a model in it that is not read.
pub(super) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

pub(super) fn resolved(
    files: &[(&str, &str)],
    options: &Options,
) -> Result<Preprocessing> {
    let folder = folder(files);
    Preprocessing::resolve(&folder.path().join("model.onnx"), &RGB_ANY, options)
}

/// Returns the value and origin of a key, with the path of the folder left out.
fn value_and_origin(settled: &Preprocessing, key: &str) -> (String, String) {
    let (value, origin) = setting(settled, key);
    let mut origin = origin.to_owned();
    while let Some(end) = origin.find("/.tmp") {
        let start = origin[..end].rfind(['(', ' ']).map_or(0, |at| at + 1);
        let rest = origin[end + 1..].find('/').map_or(origin.len(), |at| end + at + 2);
        origin.replace_range(start..rest, "");
    }
    (value.to_owned(), origin)
}

/// Returns the value of a key from one preprocessor file.
fn of_processor(json: &str, key: &str) -> String {
    let files = [("preprocessor_config.json", json)];
    let settled = resolved(&files, &Options::default()).unwrap();
    setting(&settled, key).0.to_owned()
}

fn pair(value: &str, origin: &str) -> (String, String) {
    (value.to_owned(), origin.to_owned())
}

#[test]
fn a_processors_keys_and_the_defaults_of_its_class_are_told_apart() {
    let json = r#"{"image_processor_type": "CLIPImageProcessor", "size": 336,
                   "image_std": 0.25, "resample": 2}"#;
    let settled =
        resolved(&[("preprocessor_config.json", json)], &Options::default()).unwrap();
    let file = "preprocessor_config.json";
    let default = format!("CLIPImageProcessor default ({file})");
    assert_eq!(value_and_origin(&settled, "resize"), pair("short:336", file));
    assert_eq!(value_and_origin(&settled, "interpolation"), pair("bilinear", file));
    assert_eq!(value_and_origin(&settled, "std"), pair("0.25,0.25,0.25", file));
    assert_eq!(value_and_origin(&settled, "crop"), pair("224x224", &default));
    assert_eq!(value_and_origin(&settled, "mean").1, default);
}

#[test]
fn sizes_are_read_in_all_their_forms() {
    let resize = |class: &str, size: &str| {
        let json = format!(
            r#"{{"image_processor_type": "{class}ImageProcessor", "size": {size}}}"#
        );
        of_processor(&json, "resize")
    };
    for (class, size, expected) in [
        ("ViT", "384", "384x384"),
        ("CLIP", "384", "short:384"),
        ("Siglip", "384", "short:384"),
        ("ViT", "[240, 320]", "320x240"),
        ("ViT", r#"{"width": 320, "height": 240}"#, "320x240"),
        ("ViT", r#"{"shortest_edge": 256}"#, "short:256"),
        ("ViT", r#"{"shortest_edge": 256, "longest_edge": 400}"#, "short:256,long:400"),
        ("ViT", r#"{"max_height": 200, "max_width": 300}"#, "within:300x200"),
        ("ConvNext", r#"{"shortest_edge": 224}"#, "short:256"),
        ("ConvNext", r#"{"shortest_edge": 288}"#, "short:329"),
        ("ConvNext", "384", "384x384"),
        ("Levit", "224", "short:256"),
        ("Levit", "[100, 200]", "200x100"),
        ("PoolFormer", "224", "short:248"),
        ("PoolFormer", "[224, 224]", "short:248"),
        ("PoolFormer", "[90, 180]", "200x100"),
        ("DPT", "384", "384x384"),
    ] {
        assert_eq!(resize(class, size), expected, "{class} {size}");
    }
    let json = r#"{"feature_extractor_type": "DPTFeatureExtractor", "keep_aspect_ratio": true,
                   "ensure_multiple_of": 32}"#;
    assert_eq!(of_processor(json, "resize"), "near:384x384/32");
    let json = r#"{"image_processor_type": "DPTImageProcessor", "size": 400,
                   "ensure_multiple_of": 32}"#;
    assert_eq!(of_processor(json, "resize"), "384x384");
    let json =
        r#"{"image_processor_type": "PoolFormerImageProcessor", "crop_pct": null}"#;
    assert_eq!(of_processor(json, "resize"), "short:224");
    let json = r#"{"image_processor_type": "ConvNextImageProcessor", "size": 224}"#;
    assert_eq!(of_processor(json, "crop"), "224x224");
}

#[test]
fn the_steps_of_scaling_come_to_one_mean_and_std() {
    for (keys, mean, std) in [
        ("", 0.5, 0.5),
        (r#", "do_normalize": false"#, 0.0, 1.0),
        (r#", "do_rescale": null"#, 0.5 / 255.0, 0.5 / 255.0),
        (r#", "do_rescale": false, "do_normalize": false"#, 0.0, 1.0 / 255.0),
        (r#", "rescale_factor": 0.00784313725490196"#, 0.25, 0.25),
    ] {
        let json = format!(r#"{{"image_processor_type": "ViTImageProcessor"{keys}}}"#);
        let three = |number: f64| comma_separated(&[number as f32; 3]);
        assert_eq!(of_processor(&json, "mean"), three(mean), "{keys}");
        assert_eq!(of_processor(&json, "std"), three(std), "{keys}");
    }
    let json = r#"{"image_processor_type": "EfficientNetImageProcessor",
                   "rescale_offset": true, "rescale_factor": 0.00784313725490196}"#;
    assert_eq!(of_processor(json, "mean"), "0.75,0.75,0.75");
    assert_eq!(of_processor(json, "std"), "0.125,0.125,0.125");
}

#[test]
fn neither_step_of_scaling_leaves_levels_bit_for_bit() {
    let json = r#"{"image_processor_type": "ViTImageProcessor", "do_rescale": false,
                   "do_normalize": false, "do_resize": false}"#;
    let files = [("preprocessor_config.json", json)];
    let settled = resolved(&files, &Options::default()).unwrap();
    let image = image("rgb.png");
    let raw = resolve(&RGB_ANY, &with_preset(Preset::Raw)).unwrap();
    assert_eq!(settled.apply(&image).unwrap().values, raw.apply(&image).unwrap().values);
}

#[test]
fn mobilevit_turns_the_channels_and_has_no_mean() {
    let json =
        r#"{"image_processor_type": "MobileViTImageProcessor", "do_normalize": true}"#;
    assert_eq!(of_processor(json, "channels"), "bgr");
    assert_eq!(of_processor(json, "mean"), "0,0,0");
    let json = r#"{"image_processor_type": "MobileViTImageProcessor",
                   "do_flip_channel_order": false}"#;
    assert_eq!(of_processor(json, "channels"), "rgb");
}

#[test]
fn the_class_may_be_named_by_old_keys_or_by_the_models_type() {
    let model = r#"{"model_type": "convnextv2"}"#;
    let files =
        [("preprocessor_config.json", r#"{"size": 224}"#), ("config.json", model)];
    let settled = resolved(&files, &Options::default()).unwrap();
    assert_eq!(
        value_and_origin(&settled, "resize"),
        pair("short:256", "preprocessor_config.json")
    );
    assert_eq!(
        value_and_origin(&settled, "mean").1,
        "ConvNextImageProcessor default (preprocessor_config.json)"
    );
    for name in
        ["CLIPFeatureExtractor", "CLIPImageProcessorFast", "CLIPImageProcessorPil"]
    {
        for key in ["image_processor_type", "feature_extractor_type"] {
            let json = format!(r#"{{"{key}": "{name}"}}"#);
            assert_eq!(of_processor(&json, "crop"), "224x224", "{name}");
        }
    }
}

#[test]
fn an_unknown_class_gives_only_the_keys_of_its_file() {
    let json = r#"{"image_processor_type": "OurImageProcessor", "do_resize": true,
                   "size": 64, "do_rescale": true, "do_normalize": true,
                   "image_mean": 0.5, "image_std": 0.5}"#;
    let files = [("preprocessor_config.json", json)];
    let settled = resolved(&files, &Options::default()).unwrap();
    assert_eq!(setting(&settled, "crop"), ("none", "default"));
    assert_eq!(
        value_and_origin(&settled, "resize"),
        pair(
            "64x64",
            "preprocessor_config.json; OurImageProcessor and its defaults are not known"
        )
    );
    let json = r#"{"image_processor_type": "OurImageProcessor", "do_resize": true,
                   "size": 64, "image_mean": 0.5, "image_std": 0.5}"#;
    let error =
        resolved(&[("preprocessor_config.json", json)], &Options::default()).unwrap_err();
    assert!(error.to_string().contains("the scale of pixel values is not known"));
}

#[test]
fn a_nested_processor_wins_over_a_file_of_its_own() {
    let nested = r#"{"image_processor": {"image_processor_type": "ViTImageProcessor",
                     "size": 48}, "processor_class": "X"}"#;
    let plain = r#"{"image_processor_type": "ViTImageProcessor", "size": 32}"#;
    let files = [("processor_config.json", nested), ("preprocessor_config.json", plain)];
    let settled = resolved(&files, &Options::default()).unwrap();
    assert_eq!(
        value_and_origin(&settled, "resize"),
        pair("48x48", "processor_config.json")
    );
    let files = [
        ("processor_config.json", r#"{"processor_class": "X"}"#),
        ("preprocessor_config.json", plain),
    ];
    let settled = resolved(&files, &Options::default()).unwrap();
    assert_eq!(
        value_and_origin(&settled, "resize"),
        pair("32x32", "preprocessor_config.json")
    );
}

#[test]
fn timms_configuration_counts_unless_a_processor_lies_beside_it() {
    let timm = r#"{"architecture": "vit_tiny", "num_classes": 2, "label_names": ["n1", "n2"],
        "label_descriptions": {"n1": "road"}, "pretrained_cfg": {"input_size": [3, 96, 96],
        "interpolation": "bilinear", "crop_pct": 0.9, "mean": [0.5, 0.5, 0.5],
        "test_input_size": [3, 128, 128]}}"#;
    let settled = resolved(&[("config.json", timm)], &Options::default()).unwrap();
    assert_eq!(value_and_origin(&settled, "resize"), pair("short:106", "config.json"));
    assert_eq!(value_and_origin(&settled, "crop"), pair("96x96", "config.json"));
    assert_eq!(
        value_and_origin(&settled, "std"),
        pair("0.229,0.224,0.225", "timm's default (config.json)")
    );
    assert_eq!(settled.class_names.unwrap(), ["road", "n2"]);

    let files = [("config.json", timm), ("preprocessor_config.json", VIT)];
    let settled = resolved(&files, &Options::default()).unwrap();
    assert_eq!(value_and_origin(&settled, "resize").0, "224x224");

    let wrapper = r#"{"image_processor_type": "TimmWrapperImageProcessor"}"#;
    let files = [("config.json", timm), ("preprocessor_config.json", wrapper)];
    let settled = resolved(&files, &Options::default()).unwrap();
    assert_eq!(value_and_origin(&settled, "resize"), pair("short:106", "config.json"));
}

#[test]
fn timms_sizes_follow_its_crop_modes() {
    let resize = |rest: &str| {
        let json = format!(
            r#"{{"architecture": "x", "pretrained_cfg": {{"crop_pct": 0.875{rest}}}}}"#
        );
        let settled = resolved(&[("config.json", &json)], &Options::default()).unwrap();
        let crop = setting(&settled, "crop").0;
        format!("{} {crop}", setting(&settled, "resize").0)
    };
    assert_eq!(resize(""), "short:256 224x224");
    assert_eq!(resize(r#", "crop_mode": "squash""#), "256x256 224x224");
    assert_eq!(resize(r#", "crop_mode": "border""#), "fit:256x256 224x224");
    assert_eq!(resize(r#", "input_size": [3, 224, 112]"#), "cover:128x256 112x224");
    let flat = r#"{"architecture": "resnet18", "num_classes": 2, "input_size": [3, 64, 64],
                   "crop_pct": 1.0, "labels": ["a", "b"]}"#;
    let settled = resolved(&[("config.json", flat)], &Options::default()).unwrap();
    assert_eq!(setting(&settled, "resize").0, "short:64");
    assert_eq!(settled.class_names.unwrap(), ["a", "b"]);
    let fixed = r#"{"architecture": "vit", "model_args": {"img_size": 80}, "pretrained_cfg":
        {"input_size": [3, 64, 64], "fixed_input_size": true, "crop_pct": 1.0}}"#;
    let settled = resolved(&[("config.json", fixed)], &Options::default()).unwrap();
    assert_eq!(setting(&settled, "resize").0, "short:80");
}

fn metadata(task: &str) -> Options {
    let entries = [
        ("task", task),
        ("imgsz", "[48, 64]"),
        ("names", "{0: 'road', 1: \"driver's\"}"),
        ("channels", "3"),
        ("author", "someone"),
    ];
    let entries = entries.map(|(key, value)| (key.to_owned(), value.to_owned()));
    Options { metadata: entries.to_vec(), ..Options::default() }
}

#[test]
fn metadata_of_the_model_are_the_weakest_source() {
    let settled = resolved(&[], &metadata("classify")).unwrap();
    assert_eq!(setting(&settled, "resize").0, "64x48");
    assert_eq!(setting(&settled, "crop").0, "64x48");
    assert_eq!(setting(&settled, "mean").0, "0,0,0");
    assert!(setting(&settled, "mean").1.ends_with("model.onnx's metadata"));
    assert_eq!(settled.task, Some(&crate::task::CLASSIFICATION));
    assert_eq!(settled.class_names.unwrap(), ["road", "driver's"]);

    let files = [("preprocessor_config.json", VIT)];
    let settled = resolved(&files, &metadata("classify")).unwrap();
    assert_eq!(setting(&settled, "resize").0, "224x224");
    assert_eq!(setting(&settled, "mean").0, "0.5,0.5,0.5");
}

const PIPELINE: &str = r#"{"pipeline": {"input": ["img"], "tasks": [
    {"type": "Task", "module": "Transform", "transforms": [
        {"type": "LoadImageFromFile"},
        {"type": "Resize", "size": [64, 32], "keep_ratio": false},
        {"type": "Normalize", "mean": [127.5, 127.5, 127.5], "std": [51, 51, 51],
         "to_rgb": false},
        {"type": "ImageToTensor", "keys": ["img"]},
        {"type": "Collect", "keys": ["img"]}]},
    {"type": "Task", "module": "Net"}]}}"#;

#[test]
fn a_pipeline_of_mmdeploy_is_read() {
    let deploy =
        r#"{"version": "1.0", "task": "Segmentor", "models": [], "customs": []}"#;
    let files = [("pipeline.json", PIPELINE), ("deploy.json", deploy)];
    let settled = resolved(&files, &Options::default()).unwrap();
    assert_eq!(value_and_origin(&settled, "resize"), pair("64x32", "pipeline.json"));
    assert_eq!(value_and_origin(&settled, "channels"), pair("bgr", "pipeline.json"));
    assert_eq!(value_and_origin(&settled, "mean"), pair("0.5,0.5,0.5", "pipeline.json"));
    assert_eq!(value_and_origin(&settled, "std"), pair("0.2,0.2,0.2", "pipeline.json"));
    assert_eq!(settled.task, Some(&crate::task::SEGMENTATION));
}

#[test]
fn the_keep_ratio_of_mmdeploy_measures_the_longer_side_by_the_larger_number() {
    let pipeline = PIPELINE.replace("\"keep_ratio\": false", "\"keep_ratio\": true");
    let folder = folder(&[("pipeline.json", pipeline.as_str())]);
    let model = folder.path().join("model.onnx");
    let settled = Preprocessing::resolve(&model, &RGB_ANY, &Options::default()).unwrap();
    assert_eq!(setting(&settled, "resize").0, "bounds:64x32");
}

#[test]
fn the_color_that_mmdeploy_pads_with_is_blue_first() {
    let fill = |value: &str, normalize: &str| {
        let json = format!(
            r#"{{"pipeline": {{"tasks": [{{"transforms": [{{"type": "LoadImageFromFile"}},
                {{"type": "Pad", "size_divisor": 4, "pad_val": {value}}}{normalize}]}}]}}}}"#
        );
        let files = [("pipeline.json", json.as_str())];
        let settled = resolved(&files, &Options::default()).unwrap();
        setting(&settled, "fill").0.to_owned()
    };
    let normalize =
        r#", {"type": "Normalize", "mean": [0, 0, 0], "std": [1, 1, 1], "to_rgb": true}"#;
    assert_eq!(fill("[10, 20, 30]", normalize), "30,20,10");
    assert_eq!(fill("[10, 20, 30]", ""), "30,20,10");
    assert_eq!(fill("114", normalize), "114,114,114");
}

#[test]
fn sidecars_win_over_other_files_and_flags_over_all() {
    let files = [
        ("preprocessor_config.json", VIT),
        ("model.toml", "resize = \"32x32\"\ncrop = \"16x16\"\n"),
    ];
    let options = Options { crop: Some(Crop::None), ..Options::default() };
    let settled = resolved(&files, &options).unwrap();
    assert_eq!(value_and_origin(&settled, "resize"), pair("32x32", "model.toml"));
    assert_eq!(setting(&settled, "crop"), ("none", "`crop`"));
    assert_eq!(
        value_and_origin(&settled, "mean").1,
        "ViTImageProcessor default (preprocessor_config.json)"
    );
}

#[test]
fn the_file_of_config_is_told_by_its_content() {
    let metadata = r#"{"task": "classify", "imgsz": "32", "names": "['a']"}"#;
    let timm = r#"{"architecture": "x", "pretrained_cfg": {"crop_pct": 1, "input_size": [3, 40, 40]}}"#;
    let nested = r#"{"image_processor": {"size": 20}}"#;
    let model = r#"{"model_type": "swin", "transformers_version": "4.57.0"}"#;
    for (name, content, expected) in [
        ("a.json", metadata, "short:32"),
        ("b.json", timm, "short:40"),
        ("c.json", PIPELINE, "64x32"),
        ("d.json", r#"{"feature_extractor_type": "ViTFeatureExtractor"}"#, "224x224"),
        ("e/f.json", nested, "20x20"),
        ("g.toml", "resize = \"9x9\"\npreset = \"unit\"", "9x9"),
    ] {
        let folder = folder(&[(name, content), ("e/config.json", model)]);
        let config = Some(folder.path().join(name));
        let options = Options { config, ..Options::default() };
        let settled =
            Preprocessing::resolve(Path::new("none/model.onnx"), &RGB_ANY, &options);
        let settled = settled.unwrap();
        assert_eq!(setting(&settled, "resize").0, expected, "{name}");
    }
}

#[test]
fn labels_are_sorted_by_their_numbers() {
    let names: Vec<String> =
        (0..12).rev().map(|i| format!("\"{i}\": \"LABEL_{i}\"")).collect();
    let model =
        format!(r#"{{"model_type": "vit", "id2label": {{{}}}}}"#, names.join(","));
    let files = [("preprocessor_config.json", VIT), ("config.json", &model)];
    let settled = resolved(&files, &Options::default()).unwrap();
    let names = settled.class_names.unwrap();
    assert_eq!((names.len(), names[2].as_str()), (12, "LABEL_2"));
    assert_eq!(names[10], "LABEL_10");
}

#[test]
fn files_above_a_folder_onnx_belong_to_the_model_in_it() {
    let folder =
        folder(&[("preprocessor_config.json", VIT), ("onnx/x", ""), ("other/x", "")]);
    let at = |name: &str| {
        let model = folder.path().join(name);
        Preprocessing::resolve(&model, &RGB_ANY, &Options::default())
    };
    assert!(at("onnx/model.onnx").is_ok());
    assert!(at("other/model.onnx").is_err());
}

#[cfg(unix)]
#[test]
fn a_cache_of_links_is_read_at_the_link_and_then_at_its_target() {
    let folder = folder(&[("blobs/1", VIT), ("blobs/2", ""), ("snapshots/a/x", "")]);
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(target, folder.path().join(name)).unwrap();
    };
    link("../../blobs/2", "snapshots/a/model.onnx");
    link("../../blobs/1", "snapshots/a/preprocessor_config.json");
    let model = folder.path().join("snapshots/a/model.onnx");
    let settled = Preprocessing::resolve(&model, &RGB_ANY, &Options::default()).unwrap();
    assert_eq!(setting(&settled, "resize").0, "224x224");

    link("blobs/2", "linked.onnx");
    fs::write(folder.path().join("blobs/preprocessor_config.json"), VIT).unwrap();
    let model = folder.path().join("linked.onnx");
    assert!(Preprocessing::resolve(&model, &RGB_ANY, &Options::default()).is_ok());
}

#[test]
fn presets_of_torchvision_say_sizes_as_well() {
    let settled =
        resolve(&RGB_ANY, &with_preset(Preset::TorchvisionClassification)).unwrap();
    let origin = "preset torchvision-classification (`preset`)";
    assert_eq!(setting(&settled, "resize"), ("short:256", origin));
    assert_eq!(setting(&settled, "crop"), ("224x224", origin));
    assert_eq!(setting(&settled, "mean"), ("0.485,0.456,0.406", origin));
    let settled =
        resolve(&RGB_ANY, &with_preset(Preset::TorchvisionSegmentation)).unwrap();
    assert_eq!(setting(&settled, "resize").0, "short:520");
    assert_eq!(setting(&settled, "crop").0, "none");
}
