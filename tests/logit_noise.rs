//! Tests classes with noise of their logits by the files and messages of the program.

use std::fs;
use std::process::Command;

use crate::fixture;
use crate::tasks::{Scene, messages};

const MEASURE: &str = "logit_noise_information";

fn scene(n: usize) -> Scene {
    Scene::with_images("streets_logit_noise", "streets_depth", n)
}

/// Runs the program in the folder of a scene, and returns what it prints.
#[track_caller]
fn run(scene: &Scene, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
    let output = command.current_dir(scene.path()).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", messages(&output));
    String::from_utf8(output.stdout.clone()).unwrap() + &messages(&output)
}

#[test]
fn a_head_of_noise_adds_one_measure_and_no_head_of_noise_does_not() {
    let scene = scene(1);
    let few = ["--samples", "2", "--logit-noise-samples", "4"];
    let noisy = scene.predict("noisy", &few);
    let plain = scene.predict("plain", &["--samples", "2", "--head", "logits=logits"]);
    let added =
        [MEASURE, "logit_noise_information_patch_max", "logit_noise_information_q95"];
    assert_eq!(noisy.columns(), [&plain.columns()[..], &added[..]].concat());
    assert!(
        scene.path().join("noisy/logit_noise_information/evaluation_00.png.png").exists()
    );
    assert!(!scene.path().join("plain/logit_noise_information").exists());
    let (noisy, plain) = (scene.record("noisy"), scene.record("plain"));
    assert_eq!(noisy["sampling"]["logit_noise_samples"], 4);
    assert_eq!(
        noisy["model"]["heads"],
        serde_json::json!(["logits=logits", "logit_log_variance=logit_log_variance"])
    );
    assert!(plain["sampling"].get("logit_noise_samples").is_none());
    assert_eq!(noisy["output"]["task"], "segmentation");
}

#[test]
fn roles_by_option_and_sidecar_are_those_that_names_suggest() {
    let scene = scene(1);
    let few = ["--samples", "2", "--logit-noise-samples", "3"];
    let output = scene.command("guessed", &few).output().unwrap();
    assert!(
        messages(&output).contains(
            "by the names of the outputs: --head logits=logits \
             --head logit_log_variance=logit_log_variance"
        ),
        "{}",
        messages(&output)
    );
    let heads =
        ["--head", "logits=logits", "--head", "logit_log_variance=logit_log_variance"];
    scene.predict("option", &[&few[..], &heads[..]].concat());
    assert_eq!(scene.files("option"), scene.files("guessed"));
    let file = scene.path().join("model.toml");
    let sidecar = fs::read_to_string(&file).unwrap();
    let heads =
        "[heads]\nlogits = \"logits\"\nlogit_log_variance = \"logit_log_variance\"\n";
    fs::write(file, sidecar + "\n" + heads).unwrap();
    let output = scene.command("sidecar", &few).output().unwrap();
    assert!(!messages(&output).contains("by the names"), "{}", messages(&output));
    assert_eq!(scene.files("sidecar"), scene.files("guessed"));
}

#[test]
fn noise_does_not_depend_on_batch_size_threads_or_what_an_earlier_run_finished() {
    let scene = scene(2);
    let few = ["--samples", "3", "--logit-noise-samples", "5"];
    let with = |more: &[&'static str]| [&few[..], more].concat();
    scene.predict("whole", &few);
    scene.predict("single", &with(&["--batch-size", "1", "--threads", "1"]));
    assert_eq!(scene.files("single"), scene.files("whole"));
    scene.predict("resumed", &few);
    let table = scene.path().join("resumed/predictions.csv");
    let rows = fs::read_to_string(&table).unwrap();
    let kept: Vec<&str> = rows.lines().take(2).collect();
    fs::write(&table, kept.join("\n") + "\n").unwrap();
    scene.predict("resumed", &few);
    assert_eq!(scene.files("resumed"), scene.files("whole"));
}

#[test]
fn a_run_with_another_number_of_draws_is_not_continued() {
    let scene = scene(1);
    scene.predict("out", &["--samples", "1", "--logit-noise-samples", "2"]);
    let more = ["--samples", "1", "--logit-noise-samples", "3"];
    let output = scene.command("out", &more).output().unwrap();
    assert!(!output.status.success());
    assert!(messages(&output).contains("logit_noise_samples"), "{}", messages(&output));
}

#[test]
fn one_draw_has_no_information_and_many_draws_have_that_of_the_definition() {
    let scene = scene(1);
    let keep = ["--samples", "2", "--keep-probabilities", "--maps", "none"];
    let map = format!("{MEASURE}/evaluation_00.png.npy");
    scene.predict("one", &[&keep[..], &["--logit-noise-samples", "1"]].concat());
    let one = scene.npy(&format!("one/{map}"));
    assert!(one.iter().all(|value| *value < 1e-6));
    scene.predict("many", &[&keep[..], &["--logit-noise-samples", "7"]].concat());
    let many = scene.npy(&format!("many/{map}"));
    let expected = scene.npy("many/expected_entropy/evaluation_00.png.npy");
    assert!(many.iter().zip(&expected).all(|(part, all)| *part <= all + 1e-6));
    let mean = many.iter().sum::<f32>() / many.len() as f32;
    assert!((0.005..0.2).contains(&mean), "{mean}");
}

#[test]
fn predictions_with_noise_are_evaluated_and_calibrated_like_classes() {
    let scene = scene(3);
    let few = ["--samples", "2", "--logit-noise-samples", "4", "--keep-probabilities"];
    scene.predict("out", &few);
    let labels = fixture::path("fixtures/streets_depth/classes");
    let labels = labels.to_str().unwrap();
    let printed = run(&scene, &["evaluate", "out", "--labels", labels]);
    assert!(printed.contains("  logit_noise_information "), "{printed}");
    run(
        &scene,
        &["calibrate", "out", "--labels", labels, "-o", "policy.toml", "--keep", "0.5"],
    );
    scene.predict("applied", &[&few[..], &["--policy", "policy.toml"]].concat());
    let other =
        ["--samples", "2", "--logit-noise-samples", "5", "--policy", "policy.toml"];
    let output = scene.command("other", &other).output().unwrap();
    assert!(!output.status.success());
    assert!(messages(&output).contains("logit_noise_samples"), "{}", messages(&output));
}

#[test]
fn a_model_with_noise_is_converted_with_all_of_its_outputs() {
    let scene = scene(0);
    let target = scene.path().join("live.onnx");
    run(&scene, &["convert", "model.onnx", "-o", "live.onnx", "--size", "64x32"]);
    let model = mcdrop::onnx::Model::open(&target).unwrap();
    let outputs = model.outputs();
    let outputs: Vec<&str> = outputs.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(outputs, ["logits", "logit_log_variance"]);
}
