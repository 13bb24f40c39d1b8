use std::os::unix::fs::symlink;

use super::*;

const REFUSED: &str = "link, which is not followed";

/// Creates a folder that is precious to the user, beside the folder of results.
fn victim(scratch: &Path) -> PathBuf {
    let victim = scratch.join("victim");
    for folder in ["labels", "compare", "images", "data", "thumbnails"] {
        fs::create_dir_all(victim.join(folder).join("sub")).unwrap();
        for name in ["a.png", "a.png.png", "b.jpg", "tool.js", "keep.txt", "sub/c.png"] {
            fs::write(victim.join(folder).join(name), "precious").unwrap();
        }
    }
    for name in ["a.png.png", "a.png.npy", "reliability.csv", "reliability.svg", "file"] {
        fs::write(victim.join(name), "precious").unwrap();
    }
    victim
}

#[test]
fn report_neither_deletes_nor_writes_through_a_link() {
    let scratch = scratch();
    let path = scratch.path();
    let victim = victim(path);
    let (code, said) = predict(path, &["--keep-probabilities"]);
    assert_eq!(code, 0, "{said}");
    let before = contents(&victim);
    let absolute = victim.to_str().unwrap();
    // The folder of the page, folders in it, and the page itself.
    for (place, target) in [
        ("report", ".."),
        ("report", "../victim"),
        ("report", absolute),
        ("report/labels", "../../victim/labels"),
        ("report/compare", "../../victim"),
        ("report/images", "../../victim/images"),
        ("report/data", "../../victim/data"),
        ("report/thumbnails", absolute),
        ("report.html", "../victim/file"),
        ("report.html", "../victim/new"),
    ] {
        let _ = fs::remove_dir_all(path.join("out/report"));
        let _ = fs::remove_file(path.join("out/report"));
        let _ = fs::remove_file(path.join("out/report.html"));
        let place = path.join("out").join(place);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        symlink(target, &place).unwrap();
        let siblings = contents(path).len();
        let labels = fixture::path("fixtures/streets/labels");
        let labels = labels.to_str().unwrap();
        let (_, _) = mcdrop(path, &["report", "out", "--labels", labels]);
        let (code, said) = mcdrop(path, &["report", "out", "--compare", "out"]);
        if !matches!(place.file_name().unwrap().to_str(), Some("labels")) {
            assert_ne!(code, 0, "{}: {said}", place.display());
            assert!(said.contains(REFUSED), "{}: {said}", place.display());
            assert!(said.contains("hint: remove it"), "{said}");
        }
        assert_eq!(contents(&victim), before, "{}", place.display());
        assert!(contents(path).len() >= siblings);
        assert!(place.is_symlink(), "{}", place.display());
    }
}

#[test]
fn predict_and_evaluate_do_not_write_through_links() {
    let scratch = scratch();
    let path = scratch.path();
    let victim = victim(path);
    let before = contents(&victim);
    let out = path.join("out");
    add_labels(path);
    for place in [
        "prediction",
        "overlay",
        "mutual_information",
        "probabilities",
        "deterministic",
        "report",
        "run.json",
        "predictions.csv",
        "prediction/a.png.png",
        "overlay/a.png.png",
    ] {
        let _ = fs::remove_dir_all(&out);
        let place = out.join(place);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        let is_file = place.extension().is_some();
        symlink(victim.join(if is_file { "file" } else { "" }), &place).unwrap();
        for more in [&[][..], &["--overwrite"]] {
            let more = [&["--keep-probabilities", "--report"], more].concat();
            let (code, said) = predict(path, &more);
            assert_ne!(code, 0, "{}: {said}", place.display());
            let is_named = said.contains(REFUSED) || said.contains("not a regular file");
            assert!(is_named, "{}: {said}", place.display());
            assert_eq!(contents(&victim), before, "{}", place.display());
        }
    }
    for place in ["curves", "metrics.json", "curves/reliability.csv"] {
        let _ = fs::remove_dir_all(&out);
        assert_eq!(predict(path, &["--keep-probabilities"]).0, 0);
        let place = out.join(place);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        let is_file = place.extension().is_some();
        symlink(victim.join(if is_file { "file" } else { "" }), &place).unwrap();
        let (code, said) = mcdrop(path, &["evaluate", "out", "--labels", "labels"]);
        assert_ne!(code, 0, "{}: {said}", place.display());
        assert!(said.contains(REFUSED), "{}: {said}", place.display());
        assert_eq!(contents(&victim), before, "{}", place.display());
    }
}

#[test]
fn files_with_a_second_name_elsewhere_are_not_changed() {
    let scratch = scratch();
    let path = scratch.path();
    add_labels(path);
    let victim = path.join("victim");
    for place in [
        "predictions.csv",
        "run.json",
        "report.html",
        "metrics.json",
        "prediction/a.png.png",
        "probabilities/a.png.npy",
        "curves/reliability.csv",
    ] {
        let _ = fs::remove_dir_all(path.join("out"));
        assert_eq!(predict(path, &["--keep-probabilities", "--report"]).0, 0);
        let place = path.join("out").join(place);
        let _ = fs::remove_file(&place);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&victim, "precious").unwrap();
        fs::hard_link(&victim, &place).unwrap();
        predict(path, &["--keep-probabilities", "--report"]);
        mcdrop(path, &["evaluate", "out", "--labels", "labels"]);
        mcdrop(path, &["report", "out"]);
        let (code, said) = predict(path, &["--overwrite", "--keep-probabilities"]);
        assert_eq!(code != 0, place.ends_with("predictions.csv"), "{said}");
        assert_eq!(fs::read(&victim).unwrap(), b"precious", "{}", place.display());
    }
}

#[test]
fn a_link_as_the_name_of_the_output_folder_is_followed() {
    let scratch = scratch();
    let path = scratch.path();
    fs::create_dir(path.join("disk")).unwrap();
    symlink("disk", path.join("out")).unwrap();
    let (code, said) = predict(path, &[]);
    assert_eq!(code, 0, "{said}");
    assert!(path.join("disk/predictions.csv").is_file());
    assert_eq!(mcdrop(path, &["report", "out"]).0, 0);
}

#[test]
fn links_in_the_folder_of_results_are_not_read() {
    let scratch = scratch();
    let path = scratch.path();
    let private = fs::read(path.join("in/a.png")).unwrap();
    fs::write(path.join("private.png"), &private).unwrap();
    let (code, said) = predict(path, &["--keep-probabilities"]);
    assert_eq!(code, 0, "{said}");
    // The image is gone, so that the page is made from the overlay.
    fs::remove_file(path.join("in/a.png")).unwrap();
    for place in ["overlay/a.png.png", "prediction/a.png.png", "probabilities/a.png.npy"]
    {
        let place = path.join("out").join(place);
        fs::remove_file(&place).unwrap();
        symlink(path.join("private.png"), place).unwrap();
    }
    let (code, said) = mcdrop(path, &["report", "out"]);
    assert_eq!(code, 0, "{said}");
    let copied = contents(&path.join("out/report"));
    let is_picture = |path: &Path| path.extension().is_some_and(|end| end != "js");
    assert!(!copied.iter().any(|(path, _)| is_picture(path)), "{copied:?}");
    let labels = fixture::path("fixtures/streets/labels");
    let labels = labels.to_str().unwrap();
    let (code, _) = mcdrop(path, &["evaluate", "out", "--labels", labels]);
    assert_ne!(code, 0);
    for name in ["run.json", "predictions.csv"] {
        let place = path.join("out").join(name);
        fs::rename(&place, path.join(name)).unwrap();
        symlink(path.join(name), &place).unwrap();
        let (code, said) = mcdrop(path, &["evaluate", "out", "--labels", labels]);
        assert_ne!(code, 0, "{name}");
        assert!(said.contains(REFUSED), "{name}: {said}");
        fs::remove_file(&place).unwrap();
        fs::rename(path.join(name), &place).unwrap();
    }
}

#[test]
fn special_files_in_the_folder_of_results_do_not_block() {
    let scratch = scratch();
    let path = scratch.path();
    let labels = fixture::path("fixtures/streets/labels");
    let labels = labels.to_str().unwrap();
    for place in [
        "run.json",
        "predictions.csv",
        "metrics.json",
        "report.html",
        "prediction/a.png.png",
        "overlay/a.png.png",
        "probabilities/a.png.npy",
        "mutual_information/a.png.npy",
        "curves/reliability.csv",
        "report/data/a.png.js",
    ] {
        let _ = fs::remove_dir_all(path.join("out"));
        assert_eq!(predict(path, &["--keep-probabilities"]).0, 0);
        let pipe = path.join("out").join(place);
        let _ = fs::remove_file(&pipe);
        fs::create_dir_all(pipe.parent().unwrap()).unwrap();
        make_pipe(&pipe);
        for typed in [
            &["report", "out"][..],
            &["evaluate", "out", "--labels", labels],
            &["calibrate", "out", "--labels", labels, "-o", "p.toml", "--keep", "0.5"],
        ] {
            // A missing map is a note, a missing table an error; nothing waits for a writer.
            mcdrop(path, typed);
        }
        predict(path, &["--keep-probabilities"]);
        predict(path, &["--keep-probabilities", "--overwrite"]);
    }
}
