use super::*;

/// Predicts and evaluates with absolute paths, and returns all texts of the folder of results.
fn texts(scratch: &Path, more: &[&str]) -> String {
    let at = |name: &str| scratch.join(name).to_str().unwrap().to_owned();
    let (images, labels, out) = (at("in"), at("labels"), at("out"));
    let _ = fs::remove_dir_all(&out);
    let model = at("customer/model.onnx");
    let predict = ["predict", &model, &images, "-o", &out, "--samples", "2", "--report"];
    let evaluate = ["evaluate", &out, "--labels", &labels];
    for typed in [
        &[&predict[..], &["--keep-probabilities"], more].concat()[..],
        &[&evaluate[..], more].concat()[..],
        &["report", &out],
    ] {
        let (code, said) = mcdrop(scratch, typed);
        assert_eq!(code, 0, "{typed:?}: {said}");
    }
    let files = contents(&scratch.join("out"));
    let texts = files.iter().filter(|(path, _)| {
        path.extension().is_some_and(|ending| {
            ["json", "html", "csv", "js", "svg"].iter().any(|text| ending == *text)
        })
    });
    texts.map(|(_, content)| String::from_utf8_lossy(content)).collect()
}

/// Creates `customer/model.onnx` with a sidecar and a file that is not recognized.
fn add_model(scratch: &Path) {
    let at = |name: &str| scratch.join(name);
    fs::create_dir(at("customer")).unwrap();
    fs::copy(model("streets"), at("customer/model.onnx")).unwrap();
    let sidecar = "task = \"segmentation\"\npreset = \"imagenet\"\nresize = \"none\"\n";
    fs::write(at("customer/model.toml"), sidecar).unwrap();
    fs::write(at("customer/preprocessor_config.json"), "{\"unknown\": 1}").unwrap();
}

#[test]
fn paths_are_relative_to_the_run_and_private_ones_are_left_out() {
    let scratch = scratch();
    let path = scratch.path();
    add_model(path);
    add_labels(path);
    let texts_of_run = texts(path, &[]);
    // Other paths, such as that of the library, may be in other folders of this machine.
    assert!(!texts_of_run.contains(path.to_str().unwrap()), "{texts_of_run}");
    assert!(texts_of_run.contains("\"../in\"") && texts_of_run.contains("\"../labels\""));
    // The folder is moved with all that belongs to it, and its page is made again.
    let moved = scratch.path().join("moved");
    fs::create_dir(&moved).unwrap();
    for name in ["in", "labels", "out"] {
        fs::rename(path.join(name), moved.join(name)).unwrap();
    }
    fs::remove_dir_all(moved.join("out/report")).unwrap();
    let (code, said) = mcdrop(path, &["report", "moved/out"]);
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("warning"), "{said}");
    assert!(moved.join("out/report/labels").is_dir());
    for name in ["in", "labels", "out"] {
        fs::rename(moved.join(name), path.join(name)).unwrap();
    }
    let private = texts(path, &["--private"]);
    assert!(!private.contains(path.to_str().unwrap()));
    assert!(!private.contains("../in") && !private.contains("../labels"));
    assert!(!private.contains(env!("CARGO_MANIFEST_DIR")), "the library's folder");
    assert!(private.contains("\"model.onnx\""));
    assert!(private.contains("preset imagenet (model.toml)"));
    assert!(private.contains("preprocessor_config.json: unknown"));
    assert!(!private.contains("customer"), "{private}");
    // The same for a path that was typed as a relative one.
    let typed = ["predict", "customer/model.onnx", "in", "-o", "relative", "--private"];
    let (code, said) = mcdrop(path, &[&typed[..], &["--samples", "2"]].concat());
    assert_eq!(code, 0, "{said}");
    let record = fs::read_to_string(path.join("relative/run.json")).unwrap();
    assert!(!record.contains("customer"), "{record}");
}

#[test]
fn the_policy_of_the_page_names_its_script_and_style_by_hash() {
    let scratch = scratch();
    assert_eq!(predict(scratch.path(), &["--report"]).0, 0);
    let page = fs::read_to_string(scratch.path().join("out/report.html")).unwrap();
    let policy = page.split("Content-Security-Policy\" content=\"").nth(1).unwrap();
    let policy = policy.split('"').next().unwrap();
    assert!(!policy.contains("unsafe"), "{policy}");
    for rule in ["default-src 'none'", "base-uri 'none'", "form-action 'none'"] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert_eq!(policy.matches("'sha256-").count(), 2, "{policy}");
    assert!(!page.contains(" style=\"") && !page.contains(" onclick="));
}
