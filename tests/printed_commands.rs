//! Every command that the documents, the help and the hints print is run as printed.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use image::{Rgb, RgbImage};

use crate::fixture;
use crate::skip::skip;

const PROGRAM: &str = env!("CARGO_BIN_EXE_mcdrop");
/// Enough images for every guarantee that is printed.
const N_IMAGES: u32 = 160;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a line in a shell in a folder, with `mcdrop` in the path and `~` inside the folder.
fn shell(folder: &Path, line: &str) -> Output {
    let programs = Path::new(PROGRAM).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    Command::new("sh")
        .args(["-c", line])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("HOME", folder)
        .output()
        .unwrap()
}

fn run(folder: &Path, line: &str) {
    let output = shell(folder, line);
    assert!(output.status.success(), "{line}\n{}", text(&output.stderr));
}

/// Commands in blocks of shell code of a page.
fn commands_of_page(page: &str) -> Vec<String> {
    let (mut commands, mut inside) = (Vec::new(), false);
    for line in page.lines() {
        if line.starts_with("```") {
            inside = !inside && line == "```sh";
        } else if inside && line.contains("mcdrop ") && !line.contains("target/release") {
            commands.push(line.to_owned());
        }
    }
    commands
}

/// Commands among the examples of the help.
fn commands_of_help(help: &str) -> Vec<String> {
    let Some((_, examples)) = help.split_once("Examples:\n") else { return Vec::new() };
    let lines = examples.lines().take_while(|line| line.starts_with("  "));
    // An explanation stands apart by two spaces.
    let commands = lines.filter_map(|line| line.trim().split("  ").next());
    commands.map(str::to_owned).collect()
}

/// Commands in backquotes of the answers to misuse.
fn commands_of_hints() -> BTreeSet<String> {
    let table = fs::read_to_string(fixture::path("tests/misuse.txt")).unwrap();
    let hints = table.lines().filter(|line| line.starts_with("hint:"));
    let quoted = hints.flat_map(|line| line.split('`').skip(1).step_by(2));
    quoted.filter(|text| text.starts_with("mcdrop ")).map(str::to_owned).collect()
}

/// A folder with everything that printed commands name.
struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A segmentation: models, images, label maps that are the model's own predictions, and results.
    fn of_maps(n_images: u32) -> Self {
        let scene = Self { folder: tempfile::tempdir().unwrap() };
        let root = scene.path();
        let model = fixture::path("fixtures/heads/logits.onnx");
        for name in ["model", "unet", "segmenter", "land", "optimum-folder/model"] {
            let file = root.join(format!("{name}.onnx"));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::copy(&model, &file).unwrap();
            fs::write(file.with_extension("toml"), "preset = \"unit\"\n").unwrap();
        }
        for folder in ["images", "val", "new", "scans", "photos"] {
            fs::create_dir(root.join(folder)).unwrap();
            for i in 0..n_images {
                let name = format!("{folder}/{i:03}_leftImg8bit.png");
                picture(i).save(root.join(name)).unwrap();
            }
        }
        bands(&root.join("sentinel"));
        run(root, "mkdir few && cp model.* unet.* images/00[01]* few");
        for link in ["models", "fixtures"] {
            std::os::unix::fs::symlink(fixture::path(link), root.join(link)).unwrap();
        }
        let depth = fixture::path("fixtures/streets_depth/depth");
        std::os::unix::fs::symlink(depth, root.join("depth")).unwrap();
        let shapes = fixture::path("fixtures/shapes/names.csv");
        std::os::unix::fs::symlink(shapes, root.join("shapes.csv")).unwrap();
        run(root, "mcdrop predict model.onnx val -o out --keep-probabilities --report");
        fs::create_dir(root.join("gtFine")).unwrap();
        fs::create_dir(root.join("labels")).unwrap();
        for entry in fs::read_dir(root.join("out/prediction")).unwrap() {
            let file = entry.unwrap().path();
            let stem =
                file.file_name().unwrap().to_str().unwrap().split('.').next().unwrap();
            fs::copy(&file, root.join(format!("labels/{stem}.png"))).unwrap();
            let stem = stem.replace("_leftImg8bit", "_gtFine_labelTrainIds");
            fs::copy(&file, root.join(format!("gtFine/{stem}.png"))).unwrap();
        }
        for other in ["out-val", "out-other", "out-strange", "out-ood"] {
            run(root, &format!("cp -r out {other}"));
        }
        run(root, "mcdrop calibrate out --labels labels -o policy.toml --keep 0.9");
        run(root, "cp -r out pristine");
        scene
    }

    /// A segmentation whose model has several places for dropout, and none that is live.
    fn of_streets() -> Self {
        let scene = Self { folder: tempfile::tempdir().unwrap() };
        let root = scene.path();
        for ending in ["onnx", "toml"] {
            let file = format!("models/streets.{ending}");
            fs::copy(fixture::path(&file), root.join(format!("model.{ending}"))).unwrap();
        }
        for (folder, from) in [("val", "images"), ("labels", "labels")] {
            fs::create_dir(root.join(folder)).unwrap();
            let from = fixture::path(&format!("fixtures/streets/{from}/street_00.png"));
            fs::copy(from, root.join(folder).join("street_00.png")).unwrap();
        }
        rest(root, b"\x10\x09J\x01\x01");
        scene
    }

    /// A classification: digits in folders of classes, and a table.
    fn of_images() -> Self {
        let scene = Self { folder: tempfile::tempdir().unwrap() };
        let root = scene.path();
        let digits = fixture::path("fixtures/digits");
        fs::copy(fixture::path("models/digits.onnx"), root.join("model.onnx")).unwrap();
        fs::copy(fixture::path("models/digits.toml"), root.join("model.toml")).unwrap();
        let mut table = "path,label\n".to_owned();
        for class in 0..3 {
            fs::create_dir_all(root.join(format!("val/{class}"))).unwrap();
            let mut files: Vec<PathBuf> = fs::read_dir(digits.join(class.to_string()))
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .collect();
            files.sort();
            for file in files.iter().take(4) {
                let name = file.file_name().unwrap().to_str().unwrap();
                let id = format!("{class}/{name}");
                fs::copy(file, root.join("val").join(&id)).unwrap();
                writeln!(table, "val/{id},{class}").unwrap();
            }
        }
        fs::write(root.join("labels.csv"), table).unwrap();
        run(root, "mcdrop predict model.onnx val -o out --keep-probabilities");
        for other in ["out-strange", "out-ood", "pristine"] {
            run(root, &format!("cp -r out {other}"));
        }
        rest(root, b"\x10\x09J\x01\x01");
        scene
    }
}

/// Writes `plain.onnx`, the model with its dropout switched off; `on` ends in the byte that does it.
fn rest(root: &Path, on: &[u8]) {
    let mut bytes = fs::read(root.join("model.onnx")).unwrap();
    let places: Vec<usize> =
        (0..bytes.len() - on.len()).filter(|i| bytes[*i..].starts_with(on)).collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place + on.len() - 1] = 0;
    }
    fs::write(root.join("plain.onnx"), bytes).unwrap();
    fs::copy(root.join("model.toml"), root.join("plain.toml")).unwrap();
}

fn picture(seed: u32) -> RgbImage {
    RgbImage::from_fn(16, 12, |x, y| {
        let mixed = (x * 7 + y * 13 + seed * 29).wrapping_mul(2_654_435_761) % 65_521;
        Rgb([mixed as u8, (mixed >> 3) as u8, (mixed >> 6) as u8])
    })
}

/// Writes TIFFs of four bands with 16 bits.
fn bands(folder: &Path) {
    fs::create_dir(folder).unwrap();
    for name in ["a.tif", "b.tif"] {
        let values: Vec<u16> = (0..16 * 12 * 4).map(|i| (i * 37 % 9000) as u16).collect();
        let file = fs::File::create(folder.join(name)).unwrap();
        let mut encoder = tiff::encoder::TiffEncoder::new(file).unwrap();
        encoder.write_image::<tiff::encoder::colortype::RGBA16>(16, 12, &values).unwrap();
    }
}

struct Scenes {
    maps: Scene,
    images: Scene,
    streets: Scene,
}

/// Runs a command in its scene: what it writes is removed before.
fn check(scenes: &Scenes, line: &str) {
    let Scenes { maps, images, streets } = scenes;
    let line = line.replace("/opt/onnxruntime/lib", "\"$ORT_DYLIB_PATH\"");
    if line.contains("| man -l") && !shell(maps.path(), "command -v man").status.success()
    {
        skip("the command that shows the manual needs the program man");
        return;
    }
    let of_classes = line.contains("labels.csv")
        || line.contains("--labels val/")
        || line.contains("plain.onnx")
        || line.contains("--insert");
    let few = maps.path().join("few");
    let root = match () {
        () if line.starts_with("find .") => &few,
        () if of_classes => images.path(),
        () if line.contains("--places") => streets.path(),
        () => maps.path(),
    };
    // The image folder of the documents, and a model without dropout where it is inserted.
    let line = if of_classes {
        let line = line.replace("model.onnx images", "plain.onnx val");
        if line.contains("--insert") {
            line.replace(" model.onnx", " plain.onnx")
        } else {
            line
        }
    } else if line.contains("--places") {
        line.replace(" model.onnx", " plain.onnx")
    } else {
        line
    };
    // An image of that folder, and a part of it.
    let line = line.replace(" image.png", " 000_leftImg8bit.png");
    let line = line.replace("--crop 9,5,200x100", "--crop 9,5,6x4");
    // What a command writes is new, and the results that others read are as before.
    let writes = ["predict ", "evaluate model.onnx", "evaluate models/", "convert "];
    let target = writes
        .iter()
        .any(|verb| line.contains(&format!("mcdrop {verb}")))
        .then(|| line.split(" -o ").nth(1)?.split_whitespace().next())
        .flatten();
    if let Some(target) = target {
        run(root, &format!("rm -rf {target}"));
    }
    run(
        root,
        "mkdir -p ~/.local/share/man/man1 ~/.local/share/bash-completion/completions",
    );
    run(root, "mkdir -p ~/.zfunc ~/.config/fish/completions");
    let output = shell(root, &line);
    assert!(output.status.success(), "{line}\n{}", text(&output.stderr));
    if target == Some("out") && root.join("pristine").exists() {
        run(root, "rm -rf out && cp -r pristine out");
    }
}

#[test]
#[cfg(unix)]
fn every_printed_command_runs_as_printed() {
    let mut commands: Vec<String> = Vec::new();
    let mut pages = vec![fixture::path("README.md")];
    for entry in fs::read_dir(fixture::path("docs")).unwrap() {
        pages.push(entry.unwrap().path());
    }
    pages.sort();
    for page in &pages {
        commands.extend(commands_of_page(&fs::read_to_string(page).unwrap()));
    }
    assert!(commands.len() >= 25, "{commands:#?}");
    let help = text(&Command::new(PROGRAM).arg("--help").output().unwrap().stdout);
    commands.extend(commands_of_help(&help));
    let names =
        ["predict", "inspect", "convert", "evaluate", "calibrate", "tune", "report"];
    for name in names.into_iter().chain(["doctor", "man", "completions"]) {
        let output = Command::new(PROGRAM).args(["help", name]).output().unwrap();
        let examples = commands_of_help(&text(&output.stdout));
        assert!(!examples.is_empty(), "{name} has no examples");
        commands.extend(examples);
    }
    // In their order: a page shows a command before another reads its results.
    let mut seen = BTreeSet::new();
    commands.retain(|line| seen.insert(line.clone()));
    let scenes = Scenes {
        maps: Scene::of_maps(N_IMAGES),
        images: Scene::of_images(),
        streets: Scene::of_streets(),
    };
    for line in &commands {
        check(&scenes, line);
    }
}

#[test]
fn every_command_of_a_hint_without_placeholders_runs() {
    let hints = commands_of_hints();
    assert!(hints.len() >= 5, "{hints:?}");
    for line in hints {
        // Names in capitals are for the user to fill in, and so is the end of an open option.
        let is_complete = !line.split(' ').any(|word| {
            word.len() > 1
                && word.chars().all(|c| c.is_ascii_uppercase() || "_|".contains(c))
        });
        if is_complete && line.split(' ').count() > 2 && !line.ends_with("-o") {
            let output = shell(Path::new("."), &format!("{line} >/dev/null"));
            assert!(output.status.success(), "{line}\n{}", text(&output.stderr));
        }
    }
}
