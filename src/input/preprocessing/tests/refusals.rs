//! Tests files of other libraries that cannot be honored, or that are broken.

use super::other_libraries::{VIT, folder, resolved};
use super::*;

fn refused(files: &[(&str, &str)], options: &Options) -> (String, String) {
    let error = resolved(files, options).unwrap_err();
    (error.to_string(), error.hint().unwrap_or_default().to_owned())
}

#[test]
fn what_a_processors_file_should_not_hold_is_named_with_a_way_out() {
    for (json, expected) in [
        (
            r#"{"image_processor_type": "DetrImageProcessor"}"#,
            "image_processor_type: DetrImageProcessor is not supported: it prepares images for \
          detection, with a mask of their pixels",
        ),
        (
            r#"{"image_processor_type": "Mask2FormerImageProcessorFast"}"#,
            "Mask2FormerImageProcessor is not supported",
        ),
        (
            r#"{"feature_extractor_type": "GLPNFeatureExtractor"}"#,
            "GLPNImageProcessor is not supported",
        ),
        (
            r#"{"image_processor_type": "ViTImageProcessor", "do_thumbnail": true}"#,
            "do_thumbnail: true is not supported: the meaning of this key is not known, and it could \
          change pixels",
        ),
        (
            r#"{"image_processor_type": "ViTImageProcessor", "size": {"min_pixels": 3, "max_pixels": 9}}"#,
            "max_pixels, min_pixels",
        ),
        (
            r#"{"image_processor_type": "ViTImageProcessor", "size": {"longest_edge": 9}}"#,
            "size: ViTImageProcessor takes only a longest_edge with a shortest_edge",
        ),
        (
            r#"{"image_processor_type": "OurImageProcessor", "crop_pct": 0.9}"#,
            "crop_pct: 0.9 is not supported",
        ),
        (
            r#"{"image_processor_type": "ConvNextImageProcessor", "size": 224, "crop_size": 200, "do_center_crop": true}"#,
            "do_center_crop: a second crop",
        ),
        (
            r#"{"image_processor_type": "ViTImageProcessor", "size": null}"#,
            "size: is null, though do_resize is true",
        ),
        (
            r#"{"image_processor_type": "ViTImageProcessor", "do_center_crop": true}"#,
            "crop_size: is missing, though do_center_crop is true",
        ),
    ] {
        let (error, hint) =
            refused(&[("preprocessor_config.json", json)], &Options::default());
        assert!(error.contains("preprocessor_config.json: "), "{error}");
        assert!(error.contains(expected), "{json} gives {error:?}");
        assert!(hint.contains("`config`") && hint.contains("ignored"), "{hint}");
    }
}

#[test]
fn wrong_values_say_what_was_found_and_what_was_expected() {
    for (keys, expected) in [
        (r#""size": "224""#, "size: expected a number, [height, width] or an object"),
        (r#""size": 0"#, "size: expected a side between 1 and 65535, found 0"),
        (r#""size": 1e300"#, "size: expected a side between 1 and 65535, found 1e+300"),
        (r#""size": [1, 2, 3]"#, "found [1,2,3]"),
        (r#""size": [60000, 60000]"#, "size: 60000x60000 has more than 200000000 pixels"),
        (r#""size": {"height": 3}"#, "found height"),
        (r#""resample": 6"#, "resample: expected 0 to 5"),
        (r#""resample": true"#, "resample: expected 0 to 5"),
        (r#""do_resize": "yes""#, "do_resize: expected true or false, found \"yes\""),
        (r#""image_mean": "a""#, "image_mean: expected a number or a list of numbers"),
        (
            r#""image_mean": [0.5, 0.5]"#,
            "image_mean: 2 numbers for the 3 channels of rgb",
        ),
        (r#""image_mean": 127.5"#, "image_mean: 127.5 is not the mean of values in 0..1"),
        (r#""image_std": 0"#, "image_std: 0 is not a standard deviation"),
        (r#""rescale_factor": 0"#, "rescale_factor: expected more than 0, found 0"),
        (r#""rescale_factor": -1"#, "rescale_factor: expected more than 0, found -1"),
        (r#""transformers_version": "five""#, "transformers_version: expected a version"),
        (r#""size": 3, "size": 4"#, "the key \"size\" is there twice"),
    ] {
        let json = format!(r#"{{"image_processor_type": "ViTImageProcessor", {keys}}}"#);
        let (error, _) =
            refused(&[("preprocessor_config.json", &json)], &Options::default());
        assert!(error.contains("preprocessor_config.json: "), "{error}");
        assert!(error.contains(expected), "{keys} gives {error:?}");
    }
}

#[test]
fn broken_files_are_named() {
    let deep = format!("{{\"a\": {}", "[".repeat(200_000));
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n";
    let huge = format!("{{\"a\": \"{}\"}}", "x".repeat(17 << 20));
    for (content, expected) in [
        ("", "not valid JSON"),
        ("{\"do_resize\": tru", "not valid JSON"),
        ("[1, 2]", "expected a JSON object {...}, found [1,2]"),
        ("<html></html>", "not valid JSON"),
        (deep.as_str(), "recursion limit"),
        (
            pointer,
            "is a Git LFS pointer, not the file itself; fetch it with git lfs pull",
        ),
        (huge.as_str(), "is larger than 16 MiB"),
    ] {
        for file in ["preprocessor_config.json", "processor_config.json"] {
            let (error, _) = refused(&[(file, content)], &Options::default());
            assert!(error.contains(&format!("{file}: ")), "{error}");
            assert!(error.contains(expected), "{expected:?} is not in {error:?}");
        }
        let files = [("preprocessor_config.json", VIT), ("config.json", content)];
        let (error, _) = refused(&files, &Options::default());
        assert!(error.contains("config.json: ") && error.contains(expected), "{error}");
    }
}

#[test]
fn files_of_other_programs_stop_no_run() {
    let metadata = [("task", "classify"), ("imgsz", "8"), ("names", "['a']")];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let options = Options { metadata: metadata.to_vec(), ..Options::default() };
    let huge = format!("{{\"a\": \"{}\"}}", "x".repeat(17 << 20));
    for name in ["config.json", "pipeline.json", "deploy.json"] {
        for content in ["", "[1, 2]", "3", "// ours\n{}", "<html></html>", huge.as_str()]
        {
            let settled = resolved(&[(name, content)], &options).unwrap();
            let (value, origin) = setting(&settled, "left out");
            assert!(value.contains(&format!("{name}: ")), "{value}");
            assert_eq!(origin, "not recognized");
            let (error, hint) = refused(&[(name, content)], &Options::default());
            assert!(error.contains("the scale of pixel values is not known"), "{error}");
            assert!(hint.contains(&format!("{name}: ")), "{hint}");
        }
        for content in ["{}", r#"{"steps": [{"type": "Resize"}], "task": 3}"#] {
            let settled = resolved(&[(name, content)], &options).unwrap();
            assert!(settled.settings().iter().all(|setting| setting.key != "left out"));
        }
    }
}

#[test]
fn a_broken_file_that_shows_whose_it_is_stops_the_run() {
    for (name, content) in [
        ("config.json", r#"{"model_type": "vit", "id2label": {"0": "a""#),
        ("config.json", r#"{"architecture": "x", "pretrained_cfg": {"mean": [0.5,"#),
        ("pipeline.json", r#"{"pipeline": {"tasks": [{"transforms": ["#),
        ("deploy.json", r#"{"task": "Segmentor", "customs": [], }"#),
    ] {
        let (error, _) = refused(&[(name, content)], &Options::default());
        assert!(error.contains(&format!("{name}: not valid JSON")), "{error}");
        let settled = resolved(&[(name, content)], &with_preset(Preset::Unit)).unwrap();
        assert_eq!(setting(&settled, "left out").1, "mean and std are given explicitly");
    }
}

#[test]
fn labels_with_gaps_or_doubles_are_errors() {
    for (labels, expected) in [
        (r#"{"0": "a", "2": "b"}"#, "id2label: \"2\" is not an index from 0 to 1"),
        (r#"{"0": "a", "00": "b"}"#, "id2label: entry 1: expected a name, found null"),
        (r#"{"0": "a", "0": "b"}"#, "the key \"0\" is there twice"),
        (r#"{"0": "a", "1": 3}"#, "id2label: entry 1: expected a name, found 3"),
        (r#"{"-1": "a"}"#, "id2label: \"-1\" is not an index from 0 to 0"),
        (r#"["a"]"#, "id2label: expected an object, found [\"a\"]"),
    ] {
        let model = format!(r#"{{"model_type": "vit", "id2label": {labels}}}"#);
        let files = [("preprocessor_config.json", VIT), ("config.json", &model)];
        let (error, hint) = refused(&files, &Options::default());
        assert!(error.contains(expected), "{labels} gives {error:?}");
        assert!(labels.starts_with('[') || !hint.is_empty());
    }
    let timm = r#"{"architecture": "x", "num_classes": 3, "label_names": ["a", "b"],
                   "pretrained_cfg": {}}"#;
    let (error, hint) = refused(&[("config.json", timm)], &Options::default());
    assert!(error.contains("label_names: 2 names for 3 classes"), "{error}");
    assert_eq!(hint, "give the names with `classes`");
}

#[test]
fn a_scale_given_by_hand_replaces_files_that_cannot_be_honored() {
    let detection = r#"{"image_processor_type": "YolosImageProcessor"}"#;
    let files = [("preprocessor_config.json", detection)];
    let settled = resolved(&files, &with_preset(Preset::Unit)).unwrap();
    let (value, origin) = setting(&settled, "left out");
    assert!(value.contains("YolosImageProcessor is not supported"), "{value}");
    assert_eq!(origin, "mean and std are given explicitly");
    let files = [files[0], ("model.toml", "mean = 0.5\nstd = 0.5\n")];
    assert!(resolved(&files, &Options::default()).is_ok());
    let files = [files[0], ("model.toml", "resize = \"9x9\"\n")];
    assert!(resolved(&files, &Options::default()).is_err());
}

#[test]
fn other_libraries_files_are_refused_by_what_is_not_supported() {
    let timm = |rest: &str| {
        format!(
            r#"{{"architecture": "x", "pretrained_cfg": {{"input_size": [3, 8, 8]{rest}}}}}"#
        )
    };
    let pipeline = |transforms: &str| {
        format!(r#"{{"pipeline": {{"tasks": [{{"transforms": [{transforms}]}}]}}}}"#)
    };
    let normalize = r#"{"type": "Normalize", "mean": [0], "std": [1]}"#;
    for (file, json, expected) in [
        (
            "config.json",
            timm(r#", "crop_mode": "corner""#),
            "crop_mode: \"corner\" is not one of center, squash, border",
        ),
        (
            "config.json",
            timm(r#", "interpolation": "random""#),
            "interpolation: \"random\" is not one of nearest",
        ),
        (
            "config.json",
            timm(r#", "crop_pct": -0.5"#),
            "crop_pct: -0.5 makes no size out of 8x8",
        ),
        (
            "config.json",
            timm(r#", "crop_pct": 1e-9"#),
            "crop_pct: 0.000000001 makes no size",
        ),
        (
            "pipeline.json",
            pipeline(r#"{"type": "TopDownAffine"}"#),
            "transforms: \"TopDownAffine\" is not supported",
        ),
        (
            "pipeline.json",
            pipeline(&format!("{normalize}, {normalize}")),
            "Normalize twice",
        ),
        (
            "pipeline.json",
            pipeline(&format!(r#"{normalize}, {{"type": "Resize", "size": 3}}"#)),
            "Resize after Normalize is not supported",
        ),
        (
            "pipeline.json",
            pipeline(
                r#"{"type": "CenterCrop", "crop_size": 3}, {"type": "Resize", "size": 3}"#,
            ),
            "Resize after CenterCrop is not supported",
        ),
        (
            "pipeline.json",
            pipeline(r#"{"type": "Pad", "size_divisor": 32, "padding_mode": "reflect"}"#),
            "padding_mode: Pad with \"reflect\" is not supported",
        ),
        (
            "pipeline.json",
            pipeline(
                r#"{"type": "CenterCrop", "crop_size": 3, "efficientnet_style": true}"#,
            ),
            "efficientnet_style: CenterCrop with true is not supported",
        ),
        (
            "pipeline.json",
            pipeline(r#"{"type": "Resize", "size": [3, 4], "backend": "turbo"}"#),
            "backend: \"turbo\" is not one of cv2, pillow",
        ),
        (
            "deploy.json",
            r#"{"task": "Detector", "models": [], "customs": []}"#.to_owned(),
            "task: \"Detector\" is not supported: expected Classifier or Segmentor",
        ),
    ] {
        let (error, hint) = refused(&[(file, &json)], &Options::default());
        assert!(error.contains(expected), "{json} gives {error:?}");
        assert!(hint.contains("TOML") || expected.contains("makes no size"), "{hint}");
    }
}

#[test]
fn metadata_of_other_tasks_and_broken_literals_are_refused() {
    for (task, size, names, expected) in [
        ("detect", "[8, 8]", "{0: 'a'}", "metadata: task: \"detect\" is not supported"),
        (
            "classify",
            "[8, 8",
            "{0: 'a'}",
            "metadata: imgsz: expected \"]\", found its end",
        ),
        (
            "classify",
            "[8, 8, 8]",
            "{0: 'a'}",
            "imgsz: expected [height, width], found [8,8,8]",
        ),
        ("semantic", "(0, 8)", "{0: 'a'}", "imgsz: expected a side between 1 and 65535"),
        ("semantic", "8", "{0: 'a', 0: 'b'}", "names: the key 0 is there twice"),
        ("semantic", "8", "{1: 'a'}", "names: \"1\" is not an index from 0 to 0"),
        ("semantic", "8", "open('x')", "names: expected a value, found \"open('x')\""),
    ] {
        let entries = [("task", task), ("imgsz", size), ("names", names)];
        let metadata = entries.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let options = Options { metadata: metadata.to_vec(), ..Options::default() };
        let (error, _) = refused(&[], &options);
        assert!(error.contains(expected), "{expected:?} is not in {error:?}");
    }
}

#[test]
fn json_of_no_known_form_is_refused_only_where_it_was_named() {
    let files = [("config.json", r#"{"name": "anything"}"#)];
    assert!(resolved(&files, &with_preset(Preset::Unit)).is_ok());
    let folder = folder(&files);
    let config = Some(folder.path().join("config.json"));
    let options = Options { config, ..with_preset(Preset::Unit) };
    let error = resolve(&RGB_ANY, &options).unwrap_err();
    assert!(error.to_string().ends_with("is JSON of no known form"), "{error}");
    assert!(error.hint().unwrap().contains("preprocessor_config.json"));
}

/// Keys that some reader uses.
const KEYS: &[&str] = &[
    "size",
    "crop_size",
    "resample",
    "do_resize",
    "do_center_crop",
    "do_pad",
    "pad_size",
    "image_mean",
    "image_std",
    "rescale_factor",
    "crop_pct",
    "ensure_multiple_of",
    "keep_aspect_ratio",
    "rescale_offset",
    "input_size",
    "pretrained_cfg",
    "architecture",
    "crop_mode",
    "id2label",
    "label_names",
    "pipeline",
    "tasks",
    "transforms",
    "type",
    "image_processor",
    "model_args",
    "img_size",
    "fixed_input_size",
    "shortest_edge",
    "longest_edge",
    "height",
    "width",
    "mean",
    "std",
    "task",
    "imgsz",
    "names",
    "transformers_version",
    "auto_map",
    "size_divisor",
    "do_rescale",
    "do_normalize",
];

const CLASSES: &[&str] = &[
    "ViT",
    "ConvNext",
    "DPT",
    "PoolFormer",
    "EfficientNet",
    "Levit",
    "MobileViT",
    "Our",
    "TimmWrapper",
    "Detr",
];

/// Generates JSON that looks like a configuration: known keys with any values.
fn any_configuration() -> impl Strategy<Value = String> {
    let key = prop::sample::select(KEYS);
    let class = prop::sample::select(CLASSES);
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        (-3_i64..70_000).prop_map(|value| value.to_string()),
        Just("1e308".to_owned()),
        Just("-0.0".to_owned()),
        (0.0_f64..2.0).prop_map(|value| value.to_string()),
        Just("\"Resize\"".to_owned()),
        "\"[a-z\\[{(,0-9]{0,6}\"",
    ];
    let value = leaf.prop_recursive(3, 24, 4, {
        let key = key.clone();
        move |inner| {
            let entry = (key.clone(), inner.clone())
                .prop_map(|(key, value)| format!("\"{key}\": {value}"));
            prop_oneof![
                prop::collection::vec(inner, 0..4)
                    .prop_map(|values| format!("[{}]", values.join(","))),
                prop::collection::vec(entry, 0..4)
                    .prop_map(|entries| format!("{{{}}}", entries.join(","))),
            ]
        }
    });
    let entries = prop::collection::vec((key, value), 0..8);
    (class, entries).prop_map(|(class, entries)| {
        let entries = entries.iter().map(|(key, value)| format!(", \"{key}\": {value}"));
        let rest: String = entries.collect();
        format!("{{\"image_processor_type\": \"{class}ImageProcessor\"{rest}}}")
    })
}

proptest! {
    #[test]
    fn any_configuration_is_settled_or_refused(json in any_configuration()) {
        for file in ["preprocessor_config.json", "config.json", "pipeline.json"] {
            let folder = folder(&[(file, json.as_str())]);
            let model = folder.path().join("model.onnx");
            if let Ok(settled) = Preprocessing::resolve(&model, &RGB_ANY, &Options::default()) {
                prop_assert!(!settled.settings().is_empty());
            }
            let config = Some(folder.path().join(file));
            let options = Options { config, ..Options::default() };
            let _ = resolve(&RGB_ANY, &options);
        }
    }

    #[test]
    fn any_text_in_the_place_of_a_file_is_settled_or_refused(text in "\\PC*") {
        let folder = folder(&[("preprocessor_config.json", &text), ("model.toml", &text)]);
        let model = folder.path().join("model.onnx");
        let _ = Preprocessing::resolve(&model, &RGB_ANY, &Options::default());
        let entry = |key: &str| (key.to_owned(), text.clone());
        let metadata = vec![entry("task"), entry("imgsz"), entry("names"), entry("channels")];
        let _ = resolve(&RGB_ANY, &Options { metadata, ..with_preset(Preset::Unit) });
    }
}
