use serde_json::{Value as Json, json};

use super::*;

/// Runs all commands that read a folder of results.
fn read_everything(scratch: &Path) -> Vec<(i32, String)> {
    [
        &["report", "out"][..],
        &["report", "out", "--labels", "labels"],
        &["evaluate", "out", "--labels", "labels"],
        &["calibrate", "out", "--labels", "labels", "-o", "p.toml", "--keep", "0.5"],
    ]
    .into_iter()
    .map(|typed| mcdrop(scratch, typed))
    .collect()
}

#[test]
fn records_that_lie_about_numbers_are_refused() {
    let scratch = scratch();
    let path = scratch.path();
    add_labels(path);
    assert_eq!(predict(path, &["--keep-probabilities"]).0, 0);
    let record = path.join("out/run.json");
    let original: Json = serde_json::from_slice(&fs::read(&record).unwrap()).unwrap();
    let lies = [
        ("/output/n_classes", json!(9_223_372_036_854_775_808_u64)),
        ("/output/n_classes", json!(1_000_000_000)),
        ("/output/n_classes", json!(70_000)),
        ("/output/n_classes", json!(65_534)),
        ("/output/n_classes", json!(0)),
        ("/output/n_classes", json!(-3)),
        ("/output/n_classes", json!(1e300)),
        ("/output/measures", json!(["a", "a", "mutual_information", "../../x"])),
        ("/output/maps", json!(["../../etc/passwd", "mutual_information"])),
        ("/classes", json!(["a"])),
        ("/sampling/samples", json!(u32::MAX)),
        ("/sampling/memory", json!(u64::MAX)),
        ("/images", json!({"done": u64::MAX, "failed": u64::MAX})),
        ("/inputs", json!([{"folder": "/", "skip": u64::MAX}])),
        ("/inputs", json!([{"folder": "é", "skip": 1}])),
        ("/preprocessing", json!([{"key": "bands", "value": "4294967295,4294967295"}])),
        ("/multiply_adds", json!({"needed": u64::MAX, "every_sample": u64::MAX})),
        ("/times", json!({"seconds": 1e308, "started_unix_seconds": u64::MAX})),
    ];
    for (place, lie) in lies {
        let mut record_of_lie = original.clone();
        match record_of_lie.pointer_mut(place) {
            Some(value) => *value = lie.clone(),
            None => record_of_lie[&place[1..]] = lie.clone(),
        }
        fs::write(&record, record_of_lie.to_string()).unwrap();
        let answers = read_everything(path);
        if place.ends_with("n_classes") {
            assert!(answers[2..].iter().all(|(code, _)| *code != 0), "{lie} {answers:?}");
        }
    }
    for text in ["[".repeat(200_000), "{\"a\":".repeat(200_000), "\u{0}".into()] {
        fs::write(&record, text).unwrap();
        read_everything(path);
    }
    fs::write(&record, original.to_string()).unwrap();
    for metrics in [
        json!({"metrics": {"mean_iou": {"value": 1e308, "low": -1e308, "high": 1e308}}}),
        json!({"images": u64::MAX, "items": u64::MAX, "images_failed": u64::MAX}),
        json!({"labels": {"path": "/dev/zero", "options": {"rename": ["(", "$9"]}}}),
        json!({"labels": {"path": "labels", "options": {"ignore_index": [u32::MAX]}}}),
    ] {
        fs::write(path.join("out/metrics.json"), metrics.to_string()).unwrap();
        mcdrop(path, &["report", "out"]);
        mcdrop(path, &["report", "out", "--labels", "labels"]);
    }
    let _ = fs::remove_file(path.join("out/metrics.json"));
    // Sizes in the table and in an array that no image has.
    let table = fs::read_to_string(path.join("out/predictions.csv")).unwrap();
    let changed = table.replacen("a.png,", "a.png,99999999999999999999", 1);
    fs::write(path.join("out/predictions.csv"), changed).unwrap();
    read_everything(path);
    fs::write(path.join("out/predictions.csv"), table).unwrap();
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': \
                  (0, 9223372036854775807, 9223372036854775807), }";
    let array =
        [b"\x93NUMPY\x01\0\x76\0", format!("{header:<117}\n").as_bytes()].concat();
    fs::write(path.join("out/probabilities/a.png.npy"), array).unwrap();
    let answers = read_everything(path);
    assert!(answers[2..].iter().all(|(code, _)| *code != 0), "{answers:?}");
}

#[cfg(unix)]
#[test]
fn files_without_end_are_refused_as_settings() {
    let scratch = scratch();
    let path = scratch.path();
    add_labels(path);
    assert_eq!(predict(path, &["--keep-probabilities"]).0, 0);
    std::os::unix::fs::symlink("/dev/zero", path.join("zero.toml")).unwrap();
    let evaluate =
        ["evaluate", "out", "--labels", "labels", "--label-colors", "zero.toml"];
    for (code, said) in [
        predict(path, &["--overwrite", "--policy", "zero.toml"]),
        predict(path, &["--overwrite", "--config", "zero.toml"]),
        predict(path, &["--overwrite", "--palette", "zero.toml"]),
        predict(path, &["--overwrite", "--classes", "zero.toml"]),
        mcdrop(path, &evaluate),
    ] {
        assert_ne!(code, 0, "{said}");
        let is_named =
            said.contains("is larger than 16 MiB") || said.contains("is not a file");
        assert!(is_named, "{said}");
    }
}

#[test]
fn rows_and_files_of_any_size_make_a_small_page() {
    let scratch = scratch();
    let path = scratch.path();
    add_labels(path);
    assert_eq!(predict(path, &["--keep-probabilities"]).0, 0);
    let table = path.join("out/predictions.csv");
    let original = fs::read_to_string(&table).unwrap();
    let row = original.lines().nth(1).unwrap();
    let long = "x".repeat(3 << 20);
    let rest = row.strip_prefix("a.png").unwrap();
    for added in [
        format!("{long}{rest}\n"),
        format!("b.png{rest}{long}\n"),
        format!("c.png,{long}{}\n", ",".repeat(rest.matches(',').count() - 1)),
        format!("\"{}\"{rest}\n", "../".repeat(1 << 20)),
    ] {
        fs::write(&table, format!("{original}{added}")).unwrap();
        for (code, said) in read_everything(path) {
            assert!(code == 0 || code == 2 || code == 3, "{said}");
        }
        let page = fs::metadata(path.join("out/report.html")).unwrap().len();
        assert!(page < 1 << 20, "{page} bytes");
    }
}

#[test]
fn names_do_not_act_on_the_terminal() {
    let active =
        ["a\u{1b}[2J.png", "gnp.\u{202e}a.png", "b\u{9b}31m.png", "c\u{2066}.png"];
    let scratch = scratch();
    let path = scratch.path();
    for name in active.iter().chain(&["d\nhint: run this.png", "e\rf.png"]) {
        if fs::write(path.join("in").join(name), "not an image").is_err() {
            crate::skip::skip("needs a file system that takes any name");
            return;
        }
    }
    // Names of the model's nodes: `conv` becomes an escape sequence of the same length.
    let mut content = fs::read(model("streets")).unwrap();
    let node = content.windows(7).position(|bytes| bytes == b"Dropout").unwrap();
    content[node..node + 2].copy_from_slice(b"\x1bc");
    fs::write(path.join("odd.onnx"), content).unwrap();
    let model = model("streets");
    for typed in [
        &["predict", &model, "in", "-o", "out", "--samples", "2", "-v"][..],
        &["report", "out"],
        &["inspect", "odd.onnx", "-v"],
        &["predict", "odd.onnx", "in", "-o", "other"],
        &["predict", &model, "no\u{1b}[31mthing", "-o", "out2"],
        &["predict", &model, "in", "-o", "out3", "--preset", "\u{202e}x"],
        &["evaluate", "g\u{1b}]0;title\u{7}"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcdrop"));
        let output = command.current_dir(path).args(typed).timeout(PATIENCE).output();
        let output = output.unwrap();
        for text in [output.stdout, output.stderr] {
            let text = String::from_utf8_lossy(&text);
            let acts = |letter: char| {
                (letter.is_control() && letter != '\n')
                    || "\u{202e}\u{2066}\u{2028}".contains(letter)
            };
            assert!(!text.contains(acts), "{typed:?}: {text:?}");
            assert!(
                !text.lines().any(|line| line.starts_with("hint: run this")),
                "{text}"
            );
        }
    }
}
