//! Creates a folder of models, images, lists and results that are wrong in many ways, and a few
//! good ones.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::fixture;

/// The folder, and what must stay alive while it is used.
pub(super) struct Scene {
    folder: TempDir,
    /// A locked file, so that another run seems to write there.
    busy: Option<File>,
}

impl Scene {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut scene = Self { folder, busy: None };
        scene.good();
        scene.models();
        scene.exports();
        scene.settings();
        scene.images();
        scene.broken_images();
        scene.lists();
        scene.results();
        scene.without_permission();
        scene
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns true if this user cannot write to a folder without write permission.
    pub(super) fn permissions_bind(&self) -> bool {
        File::create(self.path().join("without-permission/folder/a")).is_err()
    }

    /// Writes a file, and creates its parent folders.
    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn fixture(&self, from: &str, to: &str) {
        self.write(to, content(from));
    }

    fn pixels(&self, name: &str, width: u32, height: u32, value: u8) {
        let path = self.write(name, b"");
        image::RgbImage::from_pixel(width, height, image::Rgb([value; 3]))
            .save(path)
            .unwrap();
    }

    fn good(&self) {
        let names = [
            "digits",
            "streets",
            "digits_angle",
            "streets_depth",
            "streets_depth-joined",
            "streets_logit_noise",
            "shapes",
        ];
        let files = names.map(|name| [format!("{name}.onnx"), format!("{name}.toml")]);
        for name in &files.concat() {
            self.fixture(&format!("models/{name}"), name);
        }
        for trap in fs::read_dir(fixture::path("fixtures/traps")).unwrap() {
            let name = trap.unwrap().file_name().into_string().unwrap();
            if name.contains(".onnx") {
                self.fixture(&format!("fixtures/traps/{name}"), &format!("traps/{name}"));
            }
        }
        for head in ["argmax-over-batch.onnx", "one-channel.onnx", "top-k.onnx"] {
            self.fixture(&format!("fixtures/heads/{head}"), &format!("heads/{head}"));
        }
        self.fixture("fixtures/digits/0/0001.png", "images/a.png");
        self.fixture("fixtures/digits/1/0001.png", "images/sub/b.png");
        self.pixels("streets/a.png", 64, 32, 90);
        let angle = "fixtures/digits_angle/images/evaluation_00.png";
        self.fixture(angle, "angles/a.png");
        self.fixture("fixtures/shapes/images/evaluation_00.png", "shapes/a.png");
    }

    fn models(&self) {
        let digits = content("models/digits.onnx");
        self.write("empty.onnx", "");
        self.write("text.onnx", "import torch\n");
        self.write("page.onnx", "<!doctype html><html><title>Sign in</title></html>");
        self.write("json.onnx", "{\"model\": 1}");
        self.write("pointer.onnx", POINTER);
        self.write("checkpoint.pt", b"PK\x03\x04\x14\0archive/data.pkl");
        self.write("weights.pth", b"\x80\x02\x8a\x0a");
        self.write("weights.h5", b"\x89HDF\r\n\x1a\n");
        self.write("packed.onnx.gz", b"\x1f\x8b\x08\0");
        self.write("cut.onnx", &digits[..digits.len() / 2]);
        self.write("damaged.onnx", b"\xde\xad\xbe\xef");
        self.write("without-graph.onnx", b"\x08\x08");
        // The IR version is the first field; the operator set is the last byte of the last field.
        self.write("newer.onnx", [&[8, 99], &digits[2..]].concat());
        let mut opset = digits.clone();
        let version = opset.iter().rposition(|&byte| byte == 17).unwrap();
        opset[version] = 120;
        self.write("opset.onnx", opset);
        for name in ["newer.toml", "opset.toml"] {
            self.fixture("models/digits.toml", name);
        }
        let external = content("fixtures/traps/external/model.onnx");
        let data = content("fixtures/traps/external/model.onnx.data");
        self.write("data-missing/model.onnx", &external);
        self.write("data-short/model.onnx", &external);
        self.write("data-short/model.onnx.data", &data[..data.len() / 2]);
        self.write("data-pointer/model.onnx", &external);
        self.write("data-pointer/model.onnx.data", POINTER);
        self.write("several/a.onnx", &digits);
        self.write("several/b.onnx", &digits);
        // The same network after one more step of training.
        let mut trained = digits.clone();
        let weights = trained.len() / 2;
        trained[weights] ^= 1;
        self.write("trained.onnx", &trained);
        self.write("checkpoint/pytorch_model.bin", b"PK\x03\x04");
        self.write("checkpoint/config.json", "{}");
    }

    /// Writes models with configuration files of other libraries beside them.
    fn exports(&self) {
        let digits = content("models/digits.onnx");
        let vit = |rest: &str| {
            format!(
                "{{\"image_processor_type\": \"ViTImageProcessor\", \"size\": 8, \
                 \"image_mean\": [0.3], \"image_std\": [0.4]{rest}}}"
            )
        };
        let timm = "{\"architecture\": \"x\", \"num_classes\": 3, \"label_names\": \
                    [\"a\", \"b\"], \"pretrained_cfg\": {}}";
        let deploy = "{\"task\": \"Detector\", \"models\": [], \"customs\": []}";
        let labels =
            "{\"model_type\": \"vit\", \"id2label\": {\"0\": \"a\", \"2\": \"b\"}}";
        let two = "{\"model_type\": \"vit\", \"id2label\": {\"0\": \"a\", \"1\": \"b\"}}";
        let processor = "preprocessor_config.json";
        for (folder, file, text) in [
            (
                "detr",
                processor,
                "{\"image_processor_type\": \"DetrImageProcessor\"}".into(),
            ),
            ("unknown-key", processor, vit(", \"do_thumbnail\": true")),
            (
                "wrong-mean",
                processor,
                vit(", \"image_mean\": 127.5").replacen("\"image_mean\": [0.3], ", "", 1),
            ),
            ("broken-json", processor, "{\"do_resize\": tru".into()),
            ("pointer-json", processor, POINTER.into()),
            ("label-gap", "config.json", labels.into()),
            ("two-labels", "config.json", two.into()),
            ("timm-labels", "config.json", timm.into()),
            ("mmdeploy-detector", "deploy.json", deploy.into()),
        ] {
            self.write(&format!("{folder}/model.onnx"), &digits);
            self.write(&format!("{folder}/{file}"), text);
        }
        for folder in ["label-gap", "two-labels"] {
            self.write(&format!("{folder}/{processor}"), vit(""));
        }
        let names = "['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']";
        for (file, entries) in [
            ("detect.onnx", [("task", "detect"), ("imgsz", "[8, 8]"), ("names", names)]),
            ("imgsz.onnx", [("task", "classify"), ("imgsz", "[8, 8"), ("names", names)]),
        ] {
            let mut model = digits.clone();
            for (key, value) in entries {
                let entry = [field(0x0a, key.as_bytes()), field(0x12, value.as_bytes())];
                model.extend(field(0x72, &entry.concat()));
            }
            self.write(&format!("ultralytics/{file}"), model);
        }
    }

    /// Writes configurations, class names and colors.
    fn settings(&self) {
        for (name, text) in [
            ("syntax.toml", "mean = [0.5, 0.5\nstd = 1\n"),
            ("unknown.toml", "mean = 0.5\nstd = 0.5\nsize = 224\n"),
            ("type.toml", "mean = \"0.5\"\n"),
            ("value.toml", "resize = \"224\"\n"),
            ("value-task.toml", "task = \"detection\"\n"),
            (
                "antialias.toml",
                "resampler = \"opencv\"\nantialias = true\nresize = \"8x8\"\n",
            ),
            ("fill.toml", "fill = \"black\"\n"),
            ("json.toml", "{\"mean\": 0.5}"),
            ("other.json", "{\"name\": \"anything\"}"),
            ("broken.json", "{\"mean\": "),
            ("two-names.txt", "cat\ndog\n"),
            ("gap-names.txt", "cat\n\ndog\n"),
            ("no-names.txt", ""),
            ("names.json", "[\"cat\", 3]"),
            ("small-palette.txt", "#804080\n#f423e8\n"),
            ("broken-palette.txt", "#804080\nred\n"),
        ] {
            self.write(&format!("settings/{name}"), text);
        }
        self.write("settings/bytes-names.txt", b"caf\xe9\n");
    }

    fn images(&self) {
        fs::create_dir(self.path().join("no-images")).unwrap();
        self.write("notes/notes.txt", "x");
        self.write("notes/scan.pdf", "%PDF-1.7");
        for name in ["twins/one/a.png", "twins/two/a.png"] {
            self.fixture("fixtures/digits/7/0001.png", name);
        }
        for (name, width, height) in [
            ("odd.png", 100, 50),
            ("odds/a.png", 100, 50),
            ("odds/b.png", 64, 32),
            ("odds/c.png", 101, 52),
            ("seven.png", 7, 7),
        ] {
            self.pixels(name, width, height, 90);
        }
        self.pixels("white.png", 16, 16, 255);
        self.pixels("lights/dark.png", 16, 16, 10);
        self.pixels("lights/light.png", 16, 16, 255);
        for name in [
            "float-rgb.tif",
            "not-a-number.tif",
            "four-for-three.tif",
            "three-for-four.tif",
            "cmyk-for-four.tif",
            "signed.tif",
            "planes-tiled.tif",
            "two.tif",
            "rgba.png",
            "rgb.png",
        ] {
            self.fixture(
                &format!("fixtures/preprocessing/{name}"),
                &format!("kinds/{name}"),
            );
        }
    }

    fn broken_images(&self) {
        let png = content("fixtures/digits/3/0001.png");
        let jpeg = content("fixtures/preprocessing/gray.jpg");
        let webp = content("fixtures/preprocessing/lossless.webp");
        let tiff = content("fixtures/preprocessing/rgb.tif");
        let bmp = content("fixtures/preprocessing/rgb.bmp");
        let mut damaged = png.clone();
        let data = damaged.windows(4).position(|name| name == b"IDAT").unwrap() + 6;
        damaged[data] ^= 0x55;
        for (name, content) in [
            ("empty.png", &b""[..]),
            ("text.png", b"this is no image\n"),
            ("page.jpg", b"<!DOCTYPE html><title>404</title>"),
            ("zeros.png", &[0; 300]),
            ("pointer.png", POINTER.as_bytes()),
            ("half.png", &png[..png.len() / 2]),
            ("half.jpg", &jpeg[..jpeg.len() / 2]),
            ("half.webp", &webp[..webp.len() / 2]),
            ("half.tif", &tiff[..tiff.len() / 2]),
            ("half.bmp", &bmp[..bmp.len() / 2]),
            ("signature.png", &png[..8]),
            ("damaged.png", &damaged),
            ("nowhere.tif", b"II*\0\xff\xff\xff\x7f"),
            ("no-pixels.ppm", b"P6 100 100 255\n"),
            ("moving.gif", b"GIF89a\x01\x00\x01\x00\x80\x00\x00"),
            ("photo.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
            ("scan.pdf", b"%PDF-1.7\n"),
        ] {
            self.write(&format!("broken/{name}"), content);
        }
        self.write("broken/huge.png", huge(&png));
        self.fixture("fixtures/digits/0/0001.png", "some-broken/a.png");
        self.fixture("fixtures/digits/1/0001.png", "some-broken/c.png");
        self.write("some-broken/b.png", &png[..png.len() / 2]);
        self.write("some-broken/d.jpg", b"");
        self.write("all-broken/a.png", b"");
        self.write("all-broken/b.png", b"");
    }

    fn lists(&self) {
        for (name, text) in [
            ("empty.txt", &b""[..]),
            ("missing.txt", b"images/a.png\nimages/gone.png\n"),
            ("moved.txt", b"a.png\n"),
            ("folder.txt", b"images\n"),
            ("columns.csv", b"file,class\nimages/a.png,0\n"),
            ("shapes.csv", b"path,labels\na.png,disc; ring\n"),
            ("names-of-shapes.csv", b"path,labels\na.png,disc ring;hexagon\n"),
            ("columns-of-shapes.csv", b"path,disc,ring\na.png,1,1\n"),
            (
                "states-of-shapes.csv",
                b"path,disc,square,triangle,cross,ring\na.png,1,0,0,maybe,0\n",
            ),
            ("unknown-shapes.csv", b"path,disc,square,triangle,cross,ring\na.png,,,,,\n"),
            ("quotes.csv", b"path,class\n\"images/a.png,0\n"),
            ("utf16.txt", b"\xff\xfei\0m\0a\0g\0e\0s\0"),
        ] {
            self.write(&format!("lists/{name}"), text);
        }
    }

    /// Writes folders with results of runs with other settings.
    fn results(&mut self) {
        self.fixture("fixtures/digits/5/0001.png", "changing/a.png");
        self.predict("digits.onnx", "images", "earlier");
        self.predict("digits.onnx", "changing", "changed");
        self.predict("digits.onnx", "images", "unrecorded");
        self.predict("digits.onnx", "images", "damaged-record");
        self.predict("digits.onnx", "images", "busy");
        self.predict("streets.onnx", "streets", "maps");
        self.run(&[
            "predict",
            "streets.onnx",
            "streets",
            "-o",
            "no-maps",
            "--maps",
            "none",
        ]);
        self.write("accept.toml", ACCEPT);
        self.predict("digits_angle.onnx", "angles", "values");
        self.predict("shapes.onnx", "shapes", "labels");
        self.write("intervals.toml", INTERVALS);
        self.write("angles.csv", "path,value\na.png,3\n");
        self.predict_kept("digits.onnx", "images", "kept");
        self.predict_kept("digits_angle.onnx", "angles", "kept-values");
        let mut changed = content("fixtures/digits/5/0001.png");
        changed.extend(b"edited");
        self.write("changing/a.png", changed);
        fs::remove_file(self.path().join("unrecorded/run.json")).unwrap();
        self.write("damaged-record/run.json", "{");
        self.write("foreign-table/predictions.csv", "name,score\nx,1\n");
        let table =
            File::options().write(true).open(self.path().join("busy/predictions.csv"));
        let table = table.unwrap();
        table.try_lock().unwrap();
        self.busy = Some(table);
    }

    fn predict(&self, model: &str, images: &str, out: &str) {
        self.run(&["predict", model, images, "-o", out]);
    }

    fn predict_kept(&self, model: &str, images: &str, out: &str) {
        self.run(&["predict", model, images, "-o", out, "--keep-probabilities"]);
    }

    fn run(&self, arguments: &[&str]) {
        let status = Command::new(env!("CARGO_BIN_EXE_mcdrop"))
            .current_dir(self.path())
            .args(arguments)
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
    }

    fn without_permission(&self) {
        self.fixture("fixtures/digits/0/0001.png", "without-permission/images/a.png");
        self.fixture("fixtures/digits/0/0001.png", "without-permission/images/b.png");
        self.fixture("models/digits.onnx", "without-permission/model.onnx");
        fs::create_dir(self.path().join("without-permission/folder")).unwrap();
        #[cfg(unix)]
        for (name, mode) in [("images/b.png", 0), ("model.onnx", 0), ("folder", 0o555)] {
            use std::os::unix::fs::PermissionsExt;
            let path = self.path().join("without-permission").join(name);
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
    }
}

/// Intervals of values.
const INTERVALS: &str = "\
version = 1
[[targets]]
name = \"angle\"
[targets.interval]
method = \"split_conformal\"
promise = \"\"
alpha = 0.1
images = 99
factor = 2.0
[made_with]
";

/// A policy about classes.
const ACCEPT: &str = "version = 1
[accept]
below = 1.2
promise = \"keeps 0.9 of images like these on average\"
images = 420
[accept.score]
measure = \"predictive_entropy\"
aggregation = \"mean\"
[made_with]
";

const POINTER: &str =
    "version https://git-lfs.github.com/spec/v1\noid sha256:1f\nsize 9\n";

fn content(name: &str) -> Vec<u8> {
    fs::read(fixture::path(name)).unwrap()
}

/// Encodes a field of the protocol buffers message of an ONNX file.
fn field(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
}

/// Returns a PNG whose header claims 20,000 x 20,000 pixels.
fn huge(png: &[u8]) -> Vec<u8> {
    let mut bytes = png.to_vec();
    for at in [16, 20] {
        bytes[at..at + 4].copy_from_slice(&20_000_u32.to_be_bytes());
    }
    let mut sum = flate2::Crc::new();
    sum.update(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.sum().to_be_bytes());
    bytes
}
