//! Labels as people have them: `mcdrop evaluate` and `calibrate` with masks of many conventions.

use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use image::{GrayImage, Luma, Rgb, RgbImage};
use serde_json::Value;

use crate::fixture;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder with images, predictions and labels.
struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    /// Predicts images of this size with a model of `fixtures/heads`.
    fn new(model: &str, names: &[&str], (width, height): (u32, u32)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (i, name) in names.iter().enumerate() {
            let image = RgbImage::from_fn(width, height, |x, y| {
                Rgb([(x * 13) as u8, (y * 17) as u8, (x * y * 3 + i as u32) as u8])
            });
            let file = folder.path().join("images").join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            image.save(file).unwrap();
        }
        let scene = Self { folder };
        scene.predict(model, &[]);
        scene
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn predict(&self, model: &str, more: &[&str]) {
        let model = fixture::path(&format!("fixtures/heads/{model}.onnx"));
        let mut arguments =
            vec!["predict", model.to_str().unwrap(), "images", "-o", "out"];
        arguments.extend("--preset unit --samples 4 --maps none --overwrite".split(' '));
        arguments.push("--keep-probabilities");
        arguments.extend(more);
        let output = self.run(&arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
        command.current_dir(self.path()).args(arguments).output().unwrap()
    }

    /// Writes a gray label map.
    fn label(
        &self,
        file: &str,
        (width, height): (u32, u32),
        id: impl Fn(u32, u32) -> u8,
    ) {
        let file = self.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        GrayImage::from_fn(width, height, |x, y| Luma([id(x, y)])).save(file).unwrap();
    }

    /// Evaluates; returns metrics.json and the messages.
    fn evaluate(&self, labels: &str, more: &[&str]) -> (Value, String) {
        let mut arguments = vec!["evaluate", "out", "--labels", labels];
        arguments.extend(more);
        let output = self.run(&arguments);
        let messages = text(&output.stderr);
        assert!(output.status.success(), "{messages}");
        (self.metrics(), messages)
    }

    fn metrics(&self) -> Value {
        let file = fs::read(self.path().join("out/metrics.json")).unwrap();
        serde_json::from_slice(&file).unwrap()
    }

    /// Expects a refusal; returns its message.
    fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let messages = text(&output.stderr);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(messages.contains("hint:"), "{messages}");
        messages
    }
}

const SIZE: (u32, u32) = (24, 18);

fn is_object(x: u32, y: u32) -> bool {
    (x / 5 + y / 4) % 2 == 1
}

#[test]
fn white_masks_give_the_metrics_of_masks_of_zero_and_one() {
    let scene = Scene::new("one-channel", &["0.png", "1.png"], SIZE);
    for name in ["0.png", "1.png"] {
        scene.label(&format!("ids/{name}"), SIZE, |x, y| u8::from(is_object(x, y)));
        scene.label(&format!("white/{name}"), SIZE, |x, y| {
            255 * u8::from(is_object(x, y))
        });
        let lossy = name.replace("png", "jpg");
        scene.label(&format!("lossy/{lossy}"), SIZE, |x, y| {
            255 * u8::from(is_object(x, y))
        });
    }
    let (expected, messages) = scene.evaluate("ids", &[]);
    assert!(messages.contains("every pixel has a label"), "{messages}");
    let (white, messages) = scene.evaluate("white", &[]);
    assert!(messages.contains("255 is the object, class 1"), "{messages}");
    assert_eq!(white["metrics"], expected["metrics"]);
    assert_eq!(white["items"], 2 * SIZE.0 * SIZE.1);
    let (lossy, messages) = scene.evaluate("lossy", &[]);
    assert!(messages.contains("levels from 128 on are the object"), "{messages}");
    assert_eq!(lossy["items"], white["items"]);

    let policy = |labels: &str| {
        let output = scene.run(&[
            "calibrate",
            "out",
            "--labels",
            labels,
            "-o",
            "p.toml",
            "--keep",
            "0.5",
        ]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        fs::read(scene.path().join("p.toml")).unwrap()
    };
    assert_eq!(policy("white"), policy("ids"));

    // What is given is not doubted, but it is printed.
    let (ignored, messages) = scene.evaluate("white", &["--ignore-index", "255"]);
    assert!(messages.contains("of the pixels have no label (id 255)"), "{messages}");
    assert!(ignored["items"].as_u64() < white["items"].as_u64());
}

#[test]
fn ids_that_do_not_fit_the_classes_are_refused_with_an_option_that_works() {
    let scene = Scene::new("logits", &["0.png"], SIZE);
    scene.label("levels/0.png", SIZE, |x, _| [0, 127, 254][(x % 3) as usize]);
    scene.label("from-1/0.png", SIZE, |x, _| (x % 4) as u8);
    scene.label("single/0.png", SIZE, |_, _| 0);
    scene.label("other/0.png", SIZE, |x, _| [0, 1, 2, 77][(x % 4) as usize]);

    let message = scene.refusal(&["evaluate", "out", "--labels", "levels"]);
    for part in
        ["0 (33.3 %), 127 (33.3 %), 254 (33.3 %)", "--label-colors FILE", "#7f7f7f"]
    {
        assert!(message.contains(part), "{message}");
    }
    fs::write(scene.path().join("levels.txt"), "#000000\n#7f7f7f\n#fefefe\n").unwrap();
    let (levels, _) = scene.evaluate("levels", &["--label-colors", "levels.txt"]);
    assert_eq!(levels["items"], SIZE.0 * SIZE.1);

    let message = scene.refusal(&["evaluate", "out", "--labels", "from-1"]);
    assert!(message.contains("3 (25.0 %)"), "{message}");
    assert!(message.contains("--reduce-zero-label"), "{message}");
    let (_, message) = scene.evaluate("from-1", &["--reduce-zero-label"]);
    assert!(message.contains("25.0 % of the pixels have no label (id 0)"), "{message}");

    let message = scene.refusal(&["evaluate", "out", "--labels", "single"]);
    assert!(message.contains("every pixel of 1 label map has the id 0"), "{message}");
    scene.evaluate("single", &["--ignore-index", "255"]);

    let message = scene.refusal(&["evaluate", "out", "--labels", "other"]);
    assert!(message.contains("--ignore-index 77,255"), "{message}");
    let (other, message) = scene.evaluate("other", &["--ignore-index", "77,255"]);
    assert!(message.contains("25.0 % of the pixels have no label (id 77)"), "{message}");
    assert_eq!(other["items"], SIZE.0 * SIZE.1 * 3 / 4);
    // The same before the first image is sampled.
    let model = fixture::path("fixtures/heads/logits.onnx");
    let message = scene.refusal(&[
        "evaluate",
        model.to_str().unwrap(),
        "images",
        "--labels",
        "other",
        "-o",
        "live",
        "--preset",
        "unit",
    ]);
    assert!(message.contains("77 (25.0 %)"), "{message}");
}

#[test]
fn a_match_with_a_name_behind_the_group_finds_the_labels_of_cityscapes() {
    let scene = Scene::new("logits", &["aachen/a_leftImg8bit.png"], SIZE);
    scene.label("gtFine/aachen/a_gtFine_labelTrainIds.png", SIZE, |x, y| {
        ((x + y) % 3) as u8
    });
    let (metrics, _) = scene
        .evaluate("gtFine", &["--match", "(.*)_leftImg8bit", "$1_gtFine_labelTrainIds"]);
    assert_eq!(metrics["items"], SIZE.0 * SIZE.1);
    let message = scene.refusal(&[
        "evaluate",
        "out",
        "--labels",
        "gtFine",
        "--match",
        ".*_leftImg8bit",
        "$1_gtFine",
    ]);
    assert!(message.contains("no group ${1}"), "{message}");
}

#[test]
fn labels_that_cannot_be_used_have_a_hint_about_their_cause() {
    let scene = Scene::new("logits", &["a.png"], SIZE);
    let id = |x: u32, y: u32| ((x + y) % 3) as u8;
    scene.label("labels/a.png", SIZE, id);
    let rename = |rule: [&str; 2]| {
        scene.refusal(&[
            "evaluate", "out", "--labels", "labels", "--match", rule[0], rule[1],
        ])
    };
    let message = rename(["(.*)", "\\1_mask"]);
    assert!(message.contains("hint: write `$1`"), "{message}");
    let message = rename(["_image", "_mask"]);
    assert!(message.contains("must match the whole path"), "{message}");

    fs::create_dir(scene.path().join("arrays")).unwrap();
    fs::write(scene.path().join("arrays/a.npz"), "PK").unwrap();
    let message = scene.refusal(&["evaluate", "out", "--labels", "arrays"]);
    let file = Path::new("arrays").join("a.npz");
    assert!(message.contains(&format!("{} is not read", file.display())), "{message}");

    // Of several pages, none is taken for the label map.
    let pages = fixture::path("fixtures/preprocessing/pages.tif");
    fs::create_dir(scene.path().join("pages")).unwrap();
    fs::copy(pages, scene.path().join("pages/a.tif")).unwrap();
    let message = scene.refusal(&["evaluate", "out", "--labels", "pages"]);
    assert!(message.contains("it has 2 pages or frames; expected one"), "{message}");
    assert!(message.contains("hint: correct the label maps"), "{message}");

    // Lossy compression of ids.
    let lossy = scene.path().join("lossy/a.jpg");
    fs::create_dir(lossy.parent().unwrap()).unwrap();
    GrayImage::from_fn(SIZE.0, SIZE.1, |x, y| Luma([100 * id(x, y)]))
        .save(lossy)
        .unwrap();
    let message = scene.refusal(&["evaluate", "out", "--labels", "lossy"]);
    assert!(message.contains("make the label maps again as PNG"), "{message}");
}

#[test]
fn images_that_exif_turns_unseen_are_counted() {
    let scene = Scene { folder: tempfile::tempdir().unwrap() };
    fs::create_dir(scene.path().join("images")).unwrap();
    // Rotated by 180 degrees, mirrored, rotated by 90 degrees, and a square that is.
    for (i, (orientation, width)) in
        [(3, 24), (2, 24), (6, 24), (6, 18)].into_iter().enumerate()
    {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, 18);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().unwrap();
        let mut exif =
            *b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        exif[18] = orientation;
        writer.write_chunk(png::chunk::eXIf, &exif).unwrap();
        writer.write_image_data(&vec![i as u8 * 40; width as usize * 18 * 3]).unwrap();
        drop(writer);
        fs::write(scene.path().join(format!("images/{i}.png")), bytes).unwrap();
        let upright =
            if (orientation, width) == (6, 24) { (18, 24) } else { (width, 18) };
        scene.label(&format!("labels/{i}.png"), upright, |x, y| ((x + y) % 3) as u8);
    }
    scene.predict("logits", &[]);
    let (_, messages) = scene.evaluate("labels", &[]);
    assert!(messages.contains("3 images are rotated or mirrored by EXIF"), "{messages}");
}

#[test]
fn usual_suffixes_are_found_if_they_are_unambiguous() {
    let scene = Scene::new("logits", &["a.png", "b.png"], SIZE);
    for name in ["a_mask", "b_mask"] {
        scene.label(&format!("labels/{name}.bmp"), SIZE, |x, y| ((x + y) % 3) as u8);
    }
    let (metrics, messages) = scene.evaluate("labels", &[]);
    assert_eq!(metrics["images"], 2);
    assert!(messages.contains("2 images are found by the suffix _mask"), "{messages}");
    scene.label("labels/a_gt.png", SIZE, |_, _| 0);
    let output = scene.run(&["evaluate", "out", "--labels", "labels"]);
    assert_eq!(output.status.code(), Some(3));
    let messages = text(&output.stderr);
    assert!(
        messages.contains("a_mask.bmp and") && messages.contains("a_gt.png"),
        "{messages}"
    );
}

#[test]
fn void_colors_count_as_no_label() {
    let scene = Scene::new("logits", &["0.png"], SIZE);
    let colors = [[128, 64, 128], [244, 35, 232], [70, 70, 70], [0, 0, 0]];
    fs::create_dir(scene.path().join("colors")).unwrap();
    let picture = |x: u32, _: u32| Rgb(colors[(x % 4) as usize]);
    RgbImage::from_fn(SIZE.0, SIZE.1, picture)
        .save(scene.path().join("colors/0.png"))
        .unwrap();
    scene.label("ids/0.png", SIZE, |x, _| [0, 1, 2, 255][(x % 4) as usize]);
    let (expected, _) = scene.evaluate("ids", &[]);
    let (known, messages) = scene.evaluate("colors", &["--label-colors", "cityscapes"]);
    assert_eq!(known["metrics"], expected["metrics"]);
    assert!(
        messages.contains("25.0 % of the pixels have no label (void color)"),
        "{messages}"
    );

    // The 12th color of CamVid, black, is a class only of models with 12 classes.
    let camvid = [[128, 128, 128], [128, 0, 0], [192, 192, 128], [0, 0, 0]];
    let picture = |x: u32, _: u32| Rgb(camvid[(x % 4) as usize]);
    fs::create_dir(scene.path().join("camvid")).unwrap();
    let file = scene.path().join("camvid/0.png");
    RgbImage::from_fn(SIZE.0, SIZE.1, picture).save(file).unwrap();
    let (eleven, _) = scene.evaluate("camvid", &["--label-colors", "camvid"]);
    assert_eq!(eleven["metrics"], expected["metrics"]);

    let lines = "128,64,128\n244,35,232\n70,70,70\n";
    let file = scene.path().join("colors.txt");
    fs::write(&file, format!("{lines}void #000000\n")).unwrap();
    let (own, _) = scene.evaluate("colors", &["--label-colors", "colors.txt"]);
    assert_eq!(own["metrics"], expected["metrics"]);
    fs::write(&file, format!("{lines}0,0,0\n")).unwrap();
    let options = ["--label-colors", "colors.txt", "--ignore-index", "3"];
    let (by_index, _) = scene.evaluate("colors", &options);
    assert_eq!(by_index["metrics"], expected["metrics"]);
    fs::write(&file, lines).unwrap();
    let output = scene.run(&[
        "evaluate",
        "out",
        "--labels",
        "colors",
        "--label-colors",
        "colors.txt",
    ]);
    let messages = text(&output.stderr);
    assert!(messages.contains("#000000 at column 3, row 0"), "{messages}");
    assert!(messages.contains("`void` before it"), "{messages}");
}

#[test]
fn labels_with_the_stored_sides_are_rotated_like_the_image() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene { folder };
    fs::create_dir(scene.path().join("images")).unwrap();
    let stored =
        RgbImage::from_fn(18, 24, |x, y| Rgb([(x * 13) as u8, (y * 10) as u8, 40]));
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 18, 24);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    // Orientation 6: the first column is the top.
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    writer.write_chunk(png::chunk::eXIf, exif).unwrap();
    writer.write_image_data(&stored).unwrap();
    drop(writer);
    fs::write(scene.path().join("images/0.png"), bytes).unwrap();
    scene.predict("logits", &[]);
    let id = |x: u32, y: u32| ((x / 6 + y / 8) % 3) as u8;
    scene.label("stored/0.png", (18, 24), id);
    scene.label("shown/0.png", (24, 18), |x, y| id(y, 23 - x));
    let (shown, _) = scene.evaluate("shown", &[]);
    let (stored, _) = scene.evaluate("stored", &[]);
    assert_eq!(stored["metrics"], shown["metrics"]);
    scene.label("square/0.png", (18, 18), id);
    let output = scene.run(&["evaluate", "out", "--labels", "square"]);
    let messages = text(&output.stderr);
    assert!(messages.contains("has 18 x 18 pixels, and the image 24 x 18"), "{messages}");
    // Ignored, the image has the stored sides.
    scene.predict("logits", &["--exif", "ignore"]);
    scene.evaluate("stored", &[]);
    let output = scene.run(&["evaluate", "out", "--labels", "shown"]);
    assert!(
        text(&output.stderr).contains("rotate the label map"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn every_file_format_of_a_label_map_gives_the_same_ids() {
    let folder = fixture::path("fixtures/labels");
    let read = |file: &Path| mcdrop::input::label::read_label_map(file, None).unwrap();
    let expected = read(&folder.join("ids.npy"));
    let mask: Vec<u32> = expected.ids.iter().map(|id| u32::from(*id == 1)).collect();
    let (mut n_ids, mut n_masks) = (0, 0);
    for entry in fs::read_dir(&folder).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with("ids.") {
            assert_eq!(read(&file), expected, "{name}");
            n_ids += 1;
        } else if name.starts_with("mask.") {
            assert_eq!(read(&file).ids, mask, "{name}");
            n_masks += 1;
        }
    }
    assert!(n_ids >= 20 && n_masks >= 6, "{n_ids} {n_masks}");
    let lossy = read(&folder.join("white.jpg"));
    assert!(lossy.is_lossy && lossy.ids.iter().any(|id| ![0, 255].contains(id)));
}

#[test]
fn pixels_that_are_left_out_of_masks_are_counted_apart_from_labels() {
    let scene = Scene::new("logits", &["0.png"], SIZE);
    scene.label("masks/0.png", SIZE, |x, _| [0, 1, 7, 1][(x % 4) as usize]);
    scene.label("labels/0.png", SIZE, |x, _| [0, 1, 2, 255][(x % 4) as usize]);
    let output = scene.run(&["evaluate", "out", "--ood-masks", "masks"]);
    let messages = text(&output.stderr);
    assert!(output.status.success(), "{messages}");
    let of_masks =
        "25.0 % of the pixels are neither in nor out of distribution in the masks (id 7)";
    assert!(messages.contains(of_masks), "{messages}");
    assert!(
        !messages.contains("label)") && !messages.contains("every pixel"),
        "{messages}"
    );
    let (_, messages) = scene.evaluate("labels", &["--ood-masks", "masks"]);
    assert!(messages.contains(of_masks), "{messages}");
    assert!(
        messages.contains("25.0 % of the pixels have no label (id 255)"),
        "{messages}"
    );
}

#[test]
fn labels_are_opened_once_for_all_choices_of_a_tuning() {
    let scene = Scene::new("one-channel", &["0.png"], SIZE);
    scene.label("white/0.png", SIZE, |x, y| 255 * u8::from(is_object(x, y)));
    let model = fixture::path("fixtures/heads/one-channel.onnx");
    let output = scene.run(&[
        "tune",
        model.to_str().unwrap(),
        "images",
        "--labels",
        "white",
        "--ratios",
        "0.1,0.2",
        "--preset",
        "unit",
        "--samples",
        "4",
    ]);
    let messages = text(&output.stderr);
    assert!(output.status.success(), "{messages}");
    assert_eq!(messages.matches("255 is the object").count(), 1, "{messages}");
}

#[test]
fn reduced_labels_of_a_configuration_apply_to_evaluation() {
    let scene = Scene::new("logits", &["0.png"], SIZE);
    let model = scene.path().join("model");
    fs::create_dir(&model).unwrap();
    fs::copy(fixture::path("fixtures/heads/logits.onnx"), model.join("model.onnx"))
        .unwrap();
    let configuration = r#"{"image_processor_type": "SegformerImageProcessor", "do_resize": false,
        "do_rescale": true, "rescale_factor": 0.00392156862745098, "do_normalize": false,
        "do_reduce_labels": true}"#;
    fs::write(model.join("preprocessor_config.json"), configuration).unwrap();
    let arguments = "predict model images -o out --samples 4 --maps none --overwrite \
                     --keep-probabilities";
    let output = scene.run(&arguments.split_whitespace().collect::<Vec<_>>());
    assert!(output.status.success(), "{}", text(&output.stderr));
    scene.label("labels/0.png", SIZE, |x, _| (x % 4) as u8);
    let (metrics, messages) = scene.evaluate("labels", &[]);
    assert_eq!(metrics["items"], SIZE.0 * SIZE.1 * 3 / 4);
    assert!(messages.contains("do_reduce_labels"), "{messages}");
    let message = scene.refusal(&[
        "evaluate",
        "out",
        "--labels",
        "labels",
        "--reduce-zero-label=false",
    ]);
    assert!(message.contains("3 (25.0 %)"), "{message}");
}
