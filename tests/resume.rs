//! Tests runs that are killed, stopped, without disk space, and resumed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::fixture;
use crate::skip::skip;

const IMAGES: usize = 40;

/// Time limit, longer than any step takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(5);

/// A folder with `images`: tiles of the streets, small enough for a run of a few seconds.
struct Scene {
    folder: TempDir,
}

impl Scene {
    fn new(n_images: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let images = folder.path().join("images");
        fs::create_dir_all(images.join("b c")).unwrap();
        for i in 0..n_images {
            let street = format!("fixtures/streets/images/street_0{}.png", i % 3);
            let street = image::open(fixture::path(&street)).unwrap();
            let tile =
                street.crop_imm((i as u32 * 13) % 250, (i as u32 * 7) % 120, 64, 32);
            let name = if i % 2 == 0 {
                format!("{i:02}.png")
            } else {
                format!("b c/{i:02}.png")
            };
            tile.save(images.join(name)).unwrap();
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, out: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
        command
            .current_dir(self.folder.path())
            .arg("predict")
            .arg(fixture::path("models/streets.onnx"))
            .args(["images", "-o", out, "--formats", "png,npy"])
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, out: &str, more: &[&str]) -> Output {
        self.command(out, more).output().unwrap()
    }

    fn start(&self, out: &str) -> Child {
        self.command(out, &[]).spawn().unwrap()
    }

    /// Returns every file of a run with its bytes, `run.json` without its times.
    fn files(&self, out: &str) -> BTreeMap<String, Vec<u8>> {
        files(&self.path(out))
    }

    fn rows(&self, out: &str) -> usize {
        let text = fs::read_to_string(self.path(out).join("predictions.csv"));
        text.map_or(0, |text| text.lines().count().saturating_sub(1))
    }
}

fn files(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in walkdir::WalkDir::new(out).into_iter().map(Result::unwrap) {
        if entry.file_type().is_file() {
            let name = entry.path().strip_prefix(out).unwrap().display().to_string();
            let mut bytes = fs::read(entry.path()).unwrap();
            if name == "run.json" {
                let mut record: serde_json::Value =
                    serde_json::from_slice(&bytes).unwrap();
                record["times"] = serde_json::Value::Null;
                bytes = record.to_string().into_bytes();
            }
            files.insert(name, bytes);
        }
    }
    files
}

#[track_caller]
fn assert_same(found: &BTreeMap<String, Vec<u8>>, expected: &BTreeMap<String, Vec<u8>>) {
    let names =
        |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(expected));
    for (name, bytes) in expected {
        assert!(found[name] == *bytes, "{name} has other bytes");
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn refused(output: &Output, parts: &[&str]) {
    let text = text(output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    for part in parts.iter().chain(&["--overwrite", "hint:"]) {
        assert!(text.contains(part), "lacks {part:?}: {text}");
    }
}

/// Pseudo-random numbers, the same in every run of the test.
struct Chance(u64);

impl Chance {
    /// Returns a number in [0, 1).
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(unix)]
fn signal(child: &Child, name: &str) {
    let sent =
        Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Stops a run at random moments with a signal, resumes it each time, and compares the results.
#[cfg(unix)]
fn stopped_at_random(moments: u32, name: &str) {
    let scene = Scene::new(IMAGES);
    let started = Instant::now();
    assert!(scene.run("whole", &[]).status.success());
    let duration = started.elapsed();
    let whole = scene.files("whole");
    let (mut chance, mut cut_short, mut rows_lost) = (Chance(moments.into()), 0, 0);
    // Rows, not seconds, determine the moment, because the machine may be busy in one run and idle
    // in the next. A fraction of the time of one row varies the moments within it.
    let one_row = duration / IMAGES as u32;
    for moment in 0..moments {
        let out = format!("out-{moment}");
        let mut child = scene.start(&out);
        wait_for_rows(&scene, &out, (chance.next() * (IMAGES - 5) as f64) as usize);
        std::thread::sleep(one_row.mul_f64(chance.next()));
        signal(&child, name);
        cut_short += u32::from(!child.wait().unwrap().success());
        let before = scene.rows(&out);
        let again = scene.run(&out, &[]);
        assert!(again.status.success(), "moment {moment}: {}", text(&again));
        let kept = format!("{before} done before");
        rows_lost +=
            u32::from(before > 0 && !text(&again).contains(&kept) && before < IMAGES);
        assert_same(&scene.files(&out), &whole);
        fs::remove_dir_all(scene.path(&out)).unwrap();
    }
    println!("{name} at {moments} moments of {duration:?}: {cut_short} cut short");
    assert!(cut_short * 2 > moments, "only {cut_short} runs were cut short");
    // An incomplete last row may count as a line above.
    assert!(rows_lost * 10 <= moments, "{rows_lost} resumed runs kept fewer rows");
}

#[test]
#[cfg(unix)]
fn a_run_killed_at_20_random_moments_and_resumed_is_as_one_never_stopped() {
    stopped_at_random(20, "-KILL");
}

#[test]
#[cfg(unix)]
fn a_run_terminated_at_10_random_moments_and_resumed_is_as_one_never_stopped() {
    stopped_at_random(10, "-TERM");
}

#[test]
#[cfg(unix)]
#[ignore = "takes minutes"]
fn a_run_killed_at_200_random_moments_and_resumed_is_as_one_never_stopped() {
    stopped_at_random(200, "-KILL");
    stopped_at_random(200, "-TERM");
}

#[cfg(unix)]
fn wait_for_rows(scene: &Scene, out: &str, rows: usize) {
    let started = Instant::now();
    while scene.rows(out) < rows {
        assert!(started.elapsed() < PATIENCE, "no rows came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
#[cfg(unix)]
fn a_signal_ends_a_run_with_its_code_and_a_hint_how_to_go_on() {
    let scene = Scene::new(IMAGES);
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let (ended, _) = end_by_signal(&scene, name);
        let text = text(&ended);
        assert_eq!(ended.status.code(), Some(code), "{text}");
        assert!(
            text.contains("of 40 images are done") && text.contains("hint:"),
            "{text}"
        );
        let done = scene.rows(name);
        assert!(text.contains(&format!("{done} of 40")), "{done} rows: {text}");
        assert!((2..IMAGES).contains(&done));
        assert!(!scene.files(name).keys().any(|file| file.contains(".mcdrop-")));
    }
}

#[test]
#[cfg(unix)]
#[ignore = "measures time and needs an idle machine"]
fn a_signal_ends_a_run_within_5_seconds() {
    let scene = Scene::new(IMAGES);
    for name in ["INT", "TERM"] {
        let (_, time) = end_by_signal(&scene, name);
        println!("SIG{name} ended the run after {:.2} s", time.as_secs_f64());
        assert!(time < Duration::from_secs(5), "{time:?}");
    }
}

/// Sends a signal to a run that has written rows. Returns its output, and the time until it ended.
#[cfg(unix)]
fn end_by_signal(scene: &Scene, name: &str) -> (Output, Duration) {
    let child = scene.start(name);
    wait_for_rows(scene, name, 2);
    let sent = Instant::now();
    signal(&child, &format!("-{name}"));
    (child.wait_with_output().unwrap(), sent.elapsed())
}

#[test]
#[cfg(unix)]
fn a_second_signal_ends_a_run_at_once() {
    let scene = Scene::new(1);
    let child = scene
        .command("out", &["--samples", "4000", "--batch-size", "2000"])
        .spawn()
        .unwrap();
    let started = Instant::now();
    while !scene.path("out/run.json").exists() {
        assert!(started.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, "-TERM");
    std::thread::sleep(Duration::from_millis(200));
    signal(&child, "-INT");
    let ended = child.wait_with_output().unwrap();
    // The exit code of the second signal: the first one did not end the run.
    assert_eq!(ended.status.code(), Some(130), "{}", text(&ended));
}

#[test]
#[cfg(unix)]
fn a_second_process_on_the_same_folder_is_refused() {
    let scene = Scene::new(IMAGES);
    let mut first = scene.start("out");
    wait_for_rows(&scene, "out", 1);
    // It is still running when the others start, however long that takes.
    signal(&first, "-STOP");
    for more in [&[][..], &["--overwrite"]] {
        let second = scene.run("out", more);
        let text = text(&second);
        assert_eq!(second.status.code(), Some(2), "{text}");
        assert!(text.contains("another run is writing into out"), "{text}");
        assert!(text.contains("hint:"), "{text}");
    }
    signal(&first, "-CONT");
    assert!(first.wait().unwrap().success());
    assert_eq!(scene.rows("out"), IMAGES);
}

#[test]
#[cfg(unix)]
fn a_file_that_may_not_grow_ends_a_run_that_loses_nothing_and_goes_on_later() {
    let scene = Scene::new(IMAGES);
    let few = ["--maps", "mutual_information"];
    assert!(scene.run("whole", &few).status.success());
    // The table exceeds the limit before the last row; no map is as large.
    let rows = fs::metadata(scene.path("whole/predictions.csv")).unwrap().len();
    let limited = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", rows * 3 / 4 / 512);
    let command = scene.command("out", &few);
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let ended = Command::new("sh")
        .current_dir(scene.folder.path())
        .args(["-c", &limited, "sh"])
        .args(words)
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(1), "{}", text(&ended));
    assert!(text(&ended).contains("predictions.csv: cannot write"), "{}", text(&ended));
    let table = fs::read_to_string(scene.path("out/predictions.csv")).unwrap();
    assert!(table.ends_with('\n') && table.lines().count() > 2, "{table}");
    let again = scene.run("out", &few);
    assert!(
        again.status.success() && text(&again).contains("done before"),
        "{}",
        text(&again)
    );
    assert_same(&scene.files("out"), &scene.files("whole"));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_ends_a_run_that_loses_nothing_and_goes_on_when_there_is_room() {
    let scene = Scene::new(IMAGES);
    assert!(scene.run("whole", &[]).status.success());
    let size: usize =
        scene.files("whole").values().map(|bytes| bytes.len().max(4096)).sum();
    // A small file system fills up during the run; then there is room, and the same command runs
    // again.
    let script = format!(
        "mkdir out && mount -t tmpfs -o size={} none out || exit 77\n\
         \"$@\"; code=$?; test $code = 1 || exit 78\n\
         test -z \"$(find out -name '.mcdrop-*')\" || exit 79\n\
         mount -o remount,size=64m out && \"$@\" || exit 80\n\
         mkdir saved && cp -a out/. saved",
        size / 2
    );
    let unshare = "unshare -rm sh -c \"$0\" sh \"$@\"";
    let allowed = Command::new("unshare")
        .args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"])
        .output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        return skip("needs the right to mount a file system");
    }
    let command = scene.command("out", &[]);
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let ended = Command::new("sh")
        .current_dir(scene.folder.path())
        .args(["-c", unshare, &script])
        .args(words)
        .output()
        .unwrap();
    let text = text(&ended);
    assert_eq!(ended.status.code(), Some(0), "{text}");
    assert!(text.contains("No space left") && text.contains("done before"), "{text}");
    assert_same(&scene.files("saved"), &scene.files("whole"));
}

#[test]
fn what_differs_from_the_run_before_is_named_and_nothing_is_touched() {
    let scene = Scene::new(4);
    assert!(scene.run("out", &[]).status.success());
    let before = scene.files("out");
    refused(&scene.run("out", &["--samples", "62"]), &["samples was 31, is 62 now"]);
    refused(
        &scene.run("out", &["--seed", "1", "--masks", "shared"]),
        &["seed was 0", "masks was"],
    );
    refused(&scene.run("out", &["--maps", "none"]), &["maps"]);
    refused(
        &scene.run("out", &["--resize", "64x32"]),
        &["resize was none, is 64x32 now"],
    );
    let mut other = scene.command("out", &[]);
    let model = fixture::path("models/streets-dynamo.onnx");
    other.args(["--formats", "png,npy"]);
    let mut renamed = Command::new(other.get_program());
    renamed
        .current_dir(scene.folder.path())
        .arg("predict")
        .arg(model)
        .args(["images", "-o", "out"]);
    refused(&renamed.output().unwrap(), &["the model is another one"]);
    let retrained = scene.path("retrained.onnx");
    let mut bytes = fs::read(fixture::path("models/streets.onnx")).unwrap();
    let weights = bytes.len() / 2;
    bytes[weights] ^= 1;
    fs::write(&retrained, bytes).unwrap();
    fs::copy(fixture::path("models/streets.toml"), retrained.with_extension("toml"))
        .unwrap();
    let mut other = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
    other.current_dir(scene.folder.path()).arg("predict").arg(&retrained);
    other.args(["images", "-o", "out", "--formats", "png,npy"]);
    refused(&other.output().unwrap(), &["the model is another one"]);

    let image = scene.path("images/00.png");
    let bytes = fs::read(&image).unwrap();
    fs::copy(scene.path("images/02.png"), &image).unwrap();
    refused(&scene.run("out", &[]), &["00.png has changed", "sha256"]);
    fs::remove_file(&image).unwrap();
    refused(&scene.run("out", &[]), &["images that are not in this run: 00.png"]);
    fs::write(&image, bytes).unwrap();
    fs::rename(scene.path("out/run.json"), scene.path("kept.json")).unwrap();
    refused(&scene.run("out", &[]), &["no run.json"]);
    fs::write(scene.path("out/run.json"), "{").unwrap();
    refused(&scene.run("out", &[]), &["run.json is damaged"]);
    fs::rename(scene.path("kept.json"), scene.path("out/run.json")).unwrap();
    assert_same(&scene.files("out"), &before);

    let options = ["--threads", "1", "--batch-size", "2", "--memory", "1M"];
    let same = scene.run("out", &options);
    assert!(text(&same).contains("4 images, all done before"), "{}", text(&same));
    assert!(scene.run("out", &["--samples", "2", "--overwrite"]).status.success());
}

#[test]
fn failed_and_new_images_are_done_and_the_rows_come_out_in_order() {
    let scene = Scene::new(4);
    let broken = scene.path("images/01.png");
    fs::write(&broken, b"\x89PNG\r\n\x1a\n").unwrap();
    assert_eq!(scene.run("out", &[]).status.code(), Some(3));
    let again = scene.run("out", &[]);
    assert_eq!(again.status.code(), Some(3), "{}", text(&again));
    assert!(text(&again).contains("4 done before, 1 in"), "{}", text(&again));
    fs::copy(scene.path("images/00.png"), &broken).unwrap();
    fs::copy(scene.path("images/02.png"), scene.path("images/a new one.png")).unwrap();
    let mended = scene.run("out", &[]);
    assert!(mended.status.success(), "{}", text(&mended));
    assert!(scene.run("whole", &[]).status.success());
    assert_same(&scene.files("out"), &scene.files("whole"));
}

#[test]
fn an_image_whose_maps_are_gone_is_done_again() {
    let scene = Scene::new(3);
    assert!(scene.run("out", &[]).status.success());
    let whole = scene.files("out");
    fs::remove_file(scene.path("out/overlay/00.png.png")).unwrap();
    fs::write(scene.path("out/prediction/02.png.png"), b"").unwrap();
    let again = scene.run("out", &[]);
    assert!(text(&again).contains("1 done before, 2 in"), "{}", text(&again));
    assert_same(&scene.files("out"), &whole);
}

#[test]
fn a_model_by_another_name_a_larger_limit_and_an_image_twice_in_the_table_change_nothing()
{
    let scene = Scene::new(3);
    assert!(scene.run("out", &[]).status.success());
    let whole = scene.files("out");
    let table = scene.path("out/predictions.csv");
    let rows = fs::read_to_string(&table).unwrap();
    let last = rows.lines().last().unwrap().to_owned();
    fs::write(&table, format!("{rows}{last}\nno row\n")).unwrap();
    for name in ["onnx", "toml"] {
        let from = fixture::path("models/streets").with_extension(name);
        fs::copy(from, scene.path("renamed").with_extension(name)).unwrap();
    }
    let again = Command::new(env!("CARGO_BIN_EXE_mcdrop"))
        .current_dir(scene.folder.path())
        .args(["predict", "renamed.onnx", "images", "-o", "out", "--formats", "png,npy"])
        .args(["--max-pixels", "300000000"])
        .output()
        .unwrap();
    assert!(text(&again).contains("3 images, all done before"), "{}", text(&again));
    let mut found = scene.files("out");
    let mut expected = whole;
    // The records differ in the path of the model.
    for files in [&mut found, &mut expected] {
        files.remove("run.json");
    }
    assert_same(&found, &expected);
}

#[test]
fn a_refused_run_does_not_touch_a_torn_row_or_a_table_that_is_not_its_own() {
    let scene = Scene::new(2);
    assert!(scene.run("out", &[]).status.success());
    let table = scene.path("out/predictions.csv");
    let torn = fs::read_to_string(&table).unwrap() + "b c/01.png,64,\"32";
    fs::write(&table, &torn).unwrap();
    refused(&scene.run("out", &["--seed", "1"]), &["seed was 0"]);
    assert_eq!(fs::read_to_string(&table).unwrap(), torn);
    fs::create_dir(scene.path("mine")).unwrap();
    fs::write(scene.path("mine/predictions.csv"), "my notes").unwrap();
    refused(&scene.run("mine", &[]), &["has other columns"]);
    assert_eq!(
        fs::read_to_string(scene.path("mine/predictions.csv")).unwrap(),
        "my notes"
    );
}

#[test]
fn every_file_that_a_run_writes_is_looked_for_when_it_goes_on() {
    let scene = Scene::new(1);
    let all = [
        "--formats",
        "png,png16,tiff,npy",
        "--map-size",
        "network",
        "--keep-probabilities",
        "--overwrite",
    ];
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
        command.current_dir(scene.folder.path()).arg("predict");
        command.arg(fixture::path("models/streets.onnx")).args(["images", "-o", "out"]);
        command.args(more).output().unwrap()
    };
    assert!(run(&all).status.success());
    let whole = scene.files("out");
    for file in whole.keys().filter(|file| file.contains('/')) {
        fs::remove_file(scene.path("out").join(file)).unwrap();
        let again = run(&all[..all.len() - 1]);
        assert!(text(&again).contains("1 image in"), "{file}: {}", text(&again));
        assert_same(&scene.files("out"), &whole);
    }
    let meet = run(&["--formats", "npy", "--keep-probabilities", "--overwrite"]);
    assert_eq!(meet.status.code(), Some(2), "{}", text(&meet));
    assert!(text(&meet).contains("--map-size network"), "{}", text(&meet));
}

#[test]
fn images_among_the_results_are_refused_before_anything_is_removed() {
    let scene = Scene::new(1);
    assert!(scene.run("out", &[]).status.success());
    let before = scene.files("out");
    let model = fixture::path("models/streets.onnx");
    let ended = Command::new(env!("CARGO_BIN_EXE_mcdrop"))
        .current_dir(scene.folder.path())
        .arg("predict")
        .arg(model)
        .args(["out/overlay", "-o", "out", "--overwrite"])
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(2), "{}", text(&ended));
    assert!(text(&ended).contains("lies where results are written"), "{}", text(&ended));
    assert_same(&scene.files("out"), &before);
}
