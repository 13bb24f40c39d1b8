use super::*;

fn names(path: &Path) -> Vec<String> {
    let entries = walkdir::WalkDir::new(path).min_depth(1).sort_by_file_name();
    let relative = |entry: walkdir::Result<walkdir::DirEntry>| {
        let entry = entry.unwrap();
        entry.path().strip_prefix(path).unwrap().to_string_lossy().replace('\\', "/")
    };
    entries.into_iter().map(relative).collect()
}

#[test]
fn files_are_written_with_the_folders_on_the_way_and_nothing_else_stays() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("new/out");
    let folder = OutputFolder::create(&root, Earlier::Refuse).unwrap();
    let path = map_path("prediction", "town/a.jpg", "png");
    assert_eq!(path, "prediction/town/a.jpg.png");
    folder.write(&path, b"first").unwrap();
    folder.write(&path, b"second").unwrap();
    folder.save("run.json", Ok(b"{}".to_vec())).unwrap();
    assert_eq!(fs::read(root.join(&path)).unwrap(), b"second");
    let expected = ["prediction", "prediction/town", &path, "run.json"];
    assert_eq!(names(&root), expected);
}

#[test]
fn paths_that_leave_the_folder_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().join("out");
    let folder = OutputFolder::create(&root, Earlier::Refuse).unwrap();
    for path in ["../a", "a/../../b", "/a", "", "a/", ".", "..", "./a", "a/.."] {
        let error = folder.write(path, b"x").unwrap_err();
        assert!(error.to_string().contains("does not stay inside"), "{path}: {error}");
    }
    assert_eq!(names(scratch.path()), ["out"]);
}

#[cfg(unix)]
#[test]
fn odd_names_are_names_like_others() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = OutputFolder::create(scratch.path(), Earlier::Refuse).unwrap();
    let odd = "overlay/a \"b\"\n;,ü\\../..c.png";
    folder.write(odd, b"x").unwrap();
    assert_eq!(fs::read(scratch.path().join(odd)).unwrap(), b"x");
}

#[test]
fn a_failure_leaves_what_was_there_and_no_temporary_file() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = OutputFolder::create(scratch.path(), Earlier::Refuse).unwrap();
    folder.write("overlay/a.png/inside", b"old").unwrap();
    // A folder stands where the file should go: the last step, the renaming, fails.
    let error = folder.write("overlay/a.png", b"new").unwrap_err();
    assert!(error.to_string().contains("cannot write"), "{error}");
    assert!(error.to_string().contains("a.png"), "{error}");
    // A file stands where a folder should be.
    assert!(folder.write("overlay/a.png/inside/b", b"new").is_err());
    let unmade = Err(io::Error::other("5 values are not 2 x 3"));
    let error = folder.save("overlay/a.png/inside", unmade).unwrap_err();
    assert!(error.to_string().ends_with("cannot write: 5 values are not 2 x 3"));
    assert_eq!(fs::read(scratch.path().join("overlay/a.png/inside")).unwrap(), b"old");
    assert_eq!(
        names(scratch.path()),
        ["overlay", "overlay/a.png", "overlay/a.png/inside"]
    );
}

#[cfg(unix)]
#[test]
fn files_are_as_readable_as_those_of_other_programs() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = tempfile::tempdir().unwrap();
    let folder = OutputFolder::create(scratch.path(), Earlier::Refuse).unwrap();
    folder.write("ours", b"x").unwrap();
    fs::write(scratch.path().join("plain"), b"x").unwrap();
    let mode =
        |name| fs::metadata(scratch.path().join(name)).unwrap().permissions().mode();
    assert_eq!(mode("ours"), mode("plain"));
}

#[test]
fn results_of_an_earlier_run_are_refused_with_the_way_out() {
    let scratch = tempfile::tempdir().unwrap();
    fs::write(scratch.path().join("notes.txt"), "mine").unwrap();
    OutputFolder::create(scratch.path(), Earlier::Refuse).unwrap();
    fs::write(scratch.path().join(TABLE), "path\n").unwrap();
    let error = OutputFolder::create(scratch.path(), Earlier::Refuse).unwrap_err();
    assert!(error.to_string().ends_with("holds predictions.csv already"), "{error}");
    assert!(error.hint().unwrap().contains("--overwrite"));
    assert_eq!(names(scratch.path()), ["notes.txt", TABLE]);
}

#[test]
fn replacing_removes_results_and_leaves_everything_else() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = OutputFolder::create(scratch.path(), Earlier::Refuse).unwrap();
    let ours = [
        "predictions.csv",
        "run.json",
        "prediction/a.jpg.png",
        "overlay/town/b.png.png",
        "margin/a.jpg.png",
        "margin/a.jpg.npy",
        "margin/a.jpg.16.png",
        "margin/a.jpg.tif",
        "probabilities/.mcdrop-x1y2z3.part",
    ];
    let others = [
        "images/c.png",
        "margin/readme.txt",
        "margin/tif",
        "notes.csv",
        "prediction/sub/mine.xlsx",
        "top.png",
        "variation_ratio/a.jpg.png",
    ];
    for path in ours.iter().chain(&others) {
        folder.write(path, b"x").unwrap();
    }
    let earlier = Earlier::Replace { measures: &["margin"] };
    OutputFolder::create(scratch.path(), earlier).unwrap();
    let left = names(scratch.path());
    let left: Vec<_> =
        left.iter().filter(|name| !scratch.path().join(name).is_dir()).collect();
    assert_eq!(left, others.iter().collect::<Vec<_>>());
    assert!(!scratch.path().join("overlay").exists());
}

#[test]
fn replacing_touches_nothing_where_no_run_has_been() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = OutputFolder::create(scratch.path(), Earlier::Refuse).unwrap();
    folder.write("overlay/mine.png", b"x").unwrap();
    let earlier = Earlier::Replace { measures: &[] };
    OutputFolder::create(scratch.path(), earlier).unwrap();
    assert!(scratch.path().join("overlay/mine.png").exists());
}

#[cfg(unix)]
#[test]
fn replacing_does_not_follow_links() {
    let scratch = tempfile::tempdir().unwrap();
    let photos = scratch.path().join("photos");
    let out = scratch.path().join("out");
    fs::create_dir_all(&photos).unwrap();
    fs::create_dir_all(out.join("prediction")).unwrap();
    fs::write(photos.join("a.png"), "photo").unwrap();
    fs::write(out.join(TABLE), "path\n").unwrap();
    std::os::unix::fs::symlink(&photos, out.join("overlay")).unwrap();
    std::os::unix::fs::symlink(&photos, out.join("prediction/more")).unwrap();
    OutputFolder::create(&out, Earlier::Replace { measures: &[] }).unwrap();
    assert_eq!(fs::read(photos.join("a.png")).unwrap(), b"photo");
}

#[test]
fn a_file_in_the_place_of_the_folder_is_an_error() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("file");
    fs::write(&path, "x").unwrap();
    let error = OutputFolder::create(&path, Earlier::Refuse).unwrap_err();
    assert!(error.to_string().contains("cannot write"), "{error}");
}
