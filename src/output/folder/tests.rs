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
    let folder = OutputFolder::create(&root).unwrap();
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
    let folder = OutputFolder::create(&root).unwrap();
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
    let folder = OutputFolder::create(scratch.path()).unwrap();
    let odd = "overlay/a \"b\"\n;,ü\\../..c.png";
    folder.write(odd, b"x").unwrap();
    assert_eq!(fs::read(scratch.path().join(odd)).unwrap(), b"x");
}

#[test]
fn a_failure_leaves_what_was_there_and_no_temporary_file() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = OutputFolder::create(scratch.path()).unwrap();
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
    let folder = OutputFolder::create(scratch.path()).unwrap();
    folder.write("ours", b"x").unwrap();
    fs::write(scratch.path().join("plain"), b"x").unwrap();
    let mode =
        |name| fs::metadata(scratch.path().join(name)).unwrap().permissions().mode();
    assert_eq!(mode("ours"), mode("plain"));
}

#[test]
fn clearing_removes_results_and_leaves_everything_else() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = OutputFolder::create(scratch.path()).unwrap();
    let ours = [
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
        "predictions.csv",
        "top.png",
        "variation_ratio/a.jpg.png",
    ];
    for path in ours.iter().chain(&others) {
        folder.write(path, b"x").unwrap();
    }
    folder.clear(&["margin"]).unwrap();
    let left = names(scratch.path());
    let left: Vec<_> =
        left.iter().filter(|name| !scratch.path().join(name).is_dir()).collect();
    assert_eq!(left, others.iter().collect::<Vec<_>>());
    assert!(!scratch.path().join("overlay").exists());
}

#[test]
fn sweeping_removes_what_a_killed_run_left_half_written_and_nothing_else() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = OutputFolder::create(scratch.path()).unwrap();
    for path in [
        ".mcdrop-a.part",
        "margin/.mcdrop-b.part",
        "overlay/town/.mcdrop-c.part",
        "overlay/town/a.png.png",
        "other/.mcdrop-d.part",
        "overlay/mcdrop.part",
        "run.json",
    ] {
        folder.write(path, b"x").unwrap();
    }
    folder.sweep(&["margin"]).unwrap();
    let expected = [
        "other",
        "other/.mcdrop-d.part",
        "overlay",
        "overlay/mcdrop.part",
        "overlay/town",
        "overlay/town/a.png.png",
        "run.json",
    ];
    assert_eq!(names(scratch.path()), expected);
}

#[cfg(unix)]
#[test]
fn clearing_does_not_follow_links() {
    let scratch = tempfile::tempdir().unwrap();
    let photos = scratch.path().join("photos");
    let out = scratch.path().join("out");
    fs::create_dir_all(&photos).unwrap();
    fs::create_dir_all(out.join("prediction")).unwrap();
    fs::write(photos.join("a.png"), "photo").unwrap();
    fs::write(out.join(TABLE), "path\n").unwrap();
    std::os::unix::fs::symlink(&photos, out.join("overlay")).unwrap();
    std::os::unix::fs::symlink(&photos, out.join("prediction/more")).unwrap();
    OutputFolder::create(&out).unwrap().clear(&[]).unwrap();
    assert_eq!(fs::read(photos.join("a.png")).unwrap(), b"photo");
}

#[test]
fn a_file_in_the_place_of_the_folder_is_an_error() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("file");
    fs::write(&path, "x").unwrap();
    let error = OutputFolder::create(&path).unwrap_err();
    assert!(error.to_string().contains("is a file; expected a folder"), "{error}");
    let below = OutputFolder::create(&path.join("out")).unwrap_err();
    assert!(below.to_string().contains("cannot write"), "{below}");
}

#[test]
fn maps_of_different_ids_never_meet_as_file_or_folder() {
    let names =
        ["a", "a.png", "a.PNG", "a.npy", "a.png_", "a.png__", "a.png.png", "a_", "b.png"];
    let mut ids: Vec<String> = names.map(str::to_owned).to_vec();
    for folder in names {
        for name in names {
            ids.push(format!("{folder}/{name}"));
            ids.push(format!("{folder}/{folder}/{name}"));
        }
    }
    let mut paths: Vec<String> = Vec::new();
    for id in &ids {
        paths.extend(["png", "npy"].map(|ending| map_path("overlay", id, ending)));
    }
    let all: std::collections::HashSet<&str> = paths.iter().map(String::as_str).collect();
    assert_eq!(all.len(), paths.len(), "two maps have one name");
    for path in &paths {
        let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
        for folder in folders {
            assert!(!all.contains(folder), "{folder} is a map and the folder of {path}");
        }
    }
    assert_eq!(map_path("margin", "a.png/b/c.jpg", "npy"), "margin/a.png_/b/c.jpg.npy");
    assert_eq!(map_path("margin", "x.jpg/b.v2/c", "png"), "margin/x.jpg/b.v2/c.png");
}

#[test]
fn whether_case_is_told_is_seen_by_the_tables_name() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = OutputFolder::create(scratch.path()).unwrap();
    folder.write(TABLE, b"").unwrap();
    let told = fs::write(scratch.path().join("x"), "").is_ok()
        && !scratch.path().join("X").exists();
    assert_eq!(folder.tells_case(), told);
    folder.write(&TABLE.to_ascii_uppercase(), b"").unwrap();
    assert!(!folder.tells_case(), "as on a disk that gives the same file by both names");
}
