use super::*;

/// The model `digits-dynamo` with another name of its data file, which is as long.
fn renamed(location: &str) -> Vec<u8> {
    let old = b"digits-dynamo.onnx.data";
    let mut content = fs::read(fixture::path("models/digits-dynamo.onnx")).unwrap();
    assert_eq!(location.len(), old.len(), "{location}");
    for start in 0..content.len() - old.len() {
        if content[start..].starts_with(old) {
            content[start..start + old.len()].copy_from_slice(location.as_bytes());
        }
    }
    content
}

/// Creates `download/model.onnx`, whose data are at `location` and executable.
fn download(location: &str) -> TempDir {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("download");
    let data = folder.join(location);
    fs::create_dir_all(data.parent().unwrap()).unwrap();
    fs::copy(fixture::path("models/digits-dynamo.onnx.data"), &data).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::write(folder.join("model.onnx"), renamed(location)).unwrap();
    fs::create_dir(scratch.path().join("repo")).unwrap();
    scratch
}

#[test]
fn a_model_does_not_name_the_files_that_convert_writes() {
    for location in [
        "./.git/hooks/pre-commit",
        "./././././././notes.csv",
        ".//////////////.profile",
        "a/b/c/d/e/f/g/authorize",
        "././././././././Makefil",
    ] {
        let scratch = download(location);
        let repo = scratch.path().join("repo");
        for name in ["notes.csv", ".profile", "Makefil"] {
            fs::write(repo.join(name), "years of work").unwrap();
        }
        let before = contents(&repo);
        for more in [&[][..], &["--overwrite"]] {
            let typed = ["convert", "../download/model.onnx", "-o", "live.onnx"];
            let (code, said) = mcdrop(&repo, &[&typed[..], more].concat());
            assert_eq!(code, 0, "{location}: {said}");
        }
        let after = contents(&repo);
        let new: Vec<_> = after.iter().filter(|file| !before.contains(file)).collect();
        let names =
            new.iter().map(|(path, _)| path.file_name().unwrap().to_str().unwrap());
        assert_eq!(names.collect::<Vec<_>>(), ["live.onnx", "live.onnx.data"]);
        assert!(before.iter().all(|file| after.contains(file)), "{location}");
        #[cfg(unix)]
        for (path, _) in new {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o111, 0, "{} can be executed", path.display());
        }
    }
}

#[test]
fn overwrite_covers_the_target_and_its_data() {
    let scratch = download("././weights/weights.bin");
    let repo = scratch.path().join("repo");
    let data = repo.join("live.onnx.data");
    fs::write(&data, "another model's").unwrap();
    let typed = ["convert", "../download/model.onnx", "-o", "live.onnx"];
    let (code, said) = mcdrop(&repo, &typed);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("live.onnx.data is there already"), "{said}");
    assert_eq!(fs::read(&data).unwrap(), b"another model's");
    let (code, said) = mcdrop(&repo, &[&typed[..], &["--overwrite"]].concat());
    assert_eq!(code, 0, "{said}");
    let original = fs::read(fixture::path("models/digits-dynamo.onnx.data")).unwrap();
    assert_eq!(fs::read(&data).unwrap(), original);
}

#[test]
fn the_data_of_the_model_itself_are_not_replaced() {
    let scratch = tempfile::tempdir().unwrap();
    for name in ["digits-dynamo.onnx", "digits-dynamo.onnx.data"] {
        let folder = scratch.path().join("other");
        fs::create_dir_all(&folder).unwrap();
        fs::copy(fixture::path(&format!("models/{name}")), folder.join(name)).unwrap();
    }
    // The data of this target would have the name of the model's own.
    fs::rename(
        scratch.path().join("other/digits-dynamo.onnx"),
        scratch.path().join("other/model.onnx"),
    )
    .unwrap();
    let before = contents(scratch.path());
    let target = "other/digits-dynamo.onnx";
    let typed = ["convert", "other/model.onnx", "-o", target, "--overwrite"];
    let (code, said) = mcdrop(scratch.path(), &typed);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("the model itself or its data"), "{said}");
    assert_eq!(contents(scratch.path()), before);
}

/// Links `model/DATA` to a file, and returns the answers of all commands that open the model.
#[cfg(unix)]
fn with_linked_data(scratch: &Path, target: &str) -> Vec<(i32, String)> {
    let folder = scratch.join("model");
    fs::create_dir_all(&folder).unwrap();
    let model = fixture::path("models/digits-dynamo.onnx");
    fs::copy(model, folder.join("digits-dynamo.onnx")).unwrap();
    let data = folder.join("digits-dynamo.onnx.data");
    let _ = fs::remove_file(&data);
    std::os::unix::fs::symlink(target, data).unwrap();
    let images = fixture::path("fixtures/digits/7");
    let model = "model/digits-dynamo.onnx";
    [
        &["convert", model, "-o", "live.onnx", "--overwrite"][..],
        &["inspect", model],
        &["predict", model, images.to_str().unwrap(), "-o", "out", "--samples", "2"],
    ]
    .into_iter()
    .map(|typed| mcdrop(scratch, typed))
    .collect()
}

#[cfg(unix)]
#[test]
fn data_that_are_links_to_files_elsewhere_are_refused() {
    let data = fs::read(fixture::path("models/digits-dynamo.onnx.data")).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let home = scratch.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("id_key"), &data).unwrap();
    // A link to a link, an absolute link, and one through a linked folder.
    std::os::unix::fs::symlink("id_key", home.join("second")).unwrap();
    fs::create_dir(scratch.path().join("model")).unwrap();
    std::os::unix::fs::symlink("../home", scratch.path().join("model/sub")).unwrap();
    let absolute = home.join("id_key");
    for target in
        ["../home/id_key", "../home/second", absolute.to_str().unwrap(), "sub/id_key"]
    {
        for (code, said) in with_linked_data(scratch.path(), target) {
            assert_eq!(code, 1, "{target}: {said}");
            assert!(said.contains("does not belong to the model"), "{target}: {said}");
            assert!(said.contains("hint: if you trust the model"), "{said}");
        }
        assert!(!scratch.path().join("live.onnx.data").exists());
    }
    assert_eq!(fs::read(home.join("id_key")).unwrap(), data);
}

#[cfg(unix)]
#[test]
fn special_files_are_not_replaced_by_a_converted_model() {
    use std::os::unix::fs::FileTypeExt as _;
    let scratch = download("././weights/weights.bin");
    let repo = scratch.path().join("repo");
    for place in ["live.onnx", "live.onnx.data"] {
        make_pipe(&repo.join(place));
        std::os::unix::fs::symlink(place, repo.join("link.onnx")).unwrap();
        let targets = if place == "live.onnx" {
            &["live.onnx", "link.onnx"][..]
        } else {
            &["live.onnx"]
        };
        for target in targets {
            let typed =
                ["convert", "../download/model.onnx", "-o", target, "--overwrite"];
            let (code, said) = mcdrop(&repo, &typed);
            assert_eq!(code, 2, "{target}: {said}");
            assert!(said.contains("is not a regular file"), "{said}");
            let kind = fs::symlink_metadata(repo.join(place)).unwrap().file_type();
            assert!(kind.is_fifo(), "{target}");
        }
        fs::remove_file(repo.join(place)).unwrap();
        fs::remove_file(repo.join("link.onnx")).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn special_files_as_data_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    fs::create_dir(scratch.path().join("model")).unwrap();
    make_pipe(&scratch.path().join("model/pipe"));
    for target in ["pipe", "/dev/zero", "."] {
        for (code, said) in with_linked_data(scratch.path(), target) {
            assert_eq!(code, 1, "{target}: {said}");
        }
    }
}

#[cfg(unix)]
#[test]
fn links_inside_the_folder_and_those_of_hub_caches_are_followed() {
    use std::os::unix::fs::symlink;
    let scratch = tempfile::tempdir().unwrap();
    let blobs = scratch.path().join("hub/blobs");
    let snapshot = scratch.path().join("hub/snapshots/1f/onnx");
    fs::create_dir_all(&blobs).unwrap();
    fs::create_dir_all(&snapshot).unwrap();
    for (name, blob) in [("digits-dynamo.onnx", "aa"), ("digits-dynamo.onnx.data", "bb")]
    {
        fs::copy(fixture::path(&format!("models/{name}")), blobs.join(blob)).unwrap();
        symlink(format!("../../../blobs/{blob}"), snapshot.join(name)).unwrap();
    }
    let typed = ["convert", "hub/snapshots/1f/onnx/digits-dynamo.onnx", "-o", "a.onnx"];
    let (code, said) = mcdrop(scratch.path(), &typed);
    assert_eq!(code, 0, "{said}");
    let original = fs::read(fixture::path("models/digits-dynamo.onnx.data")).unwrap();
    fs::create_dir_all(scratch.path().join("model/store")).unwrap();
    fs::write(scratch.path().join("model/store/weights"), &original).unwrap();
    let answers = with_linked_data(scratch.path(), "store/weights");
    // A change of the copy does not reach the original.
    fs::write(scratch.path().join("live.onnx.data"), "changed").unwrap();
    assert_eq!(fs::read(scratch.path().join("model/store/weights")).unwrap(), original);
    assert!(answers[..2].iter().all(|(code, _)| *code == 0), "{answers:?}");
}
