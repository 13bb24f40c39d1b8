//! Tests the argument IMAGES: files, folders, patterns, lists, and the rows that they become.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::fixture;

/// Creates a folder with copies of a digit under these names.
fn folder(names: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        digit(&folder.path().join(name));
    }
    folder
}

fn digit(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::copy(fixture::path("fixtures/digits/7/0001.png"), path).unwrap();
}

struct Ended {
    code: i32,
    stderr: String,
}

/// Runs `mcdrop predict digits.onnx ARGUMENTS -o out` in a folder.
fn predict(folder: &Path, arguments: &[&str], input: &[u8]) -> Ended {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mcdrop"))
        .current_dir(folder)
        .arg("predict")
        .arg(fixture::path("models/digits.onnx"))
        .args(["-o", "out", "--samples", "2"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read standard input closes it.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code().unwrap(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Returns the ids of the rows, and whether each failed.
fn rows(folder: &Path) -> Vec<(String, bool)> {
    let reader = csv::Reader::from_path(folder.join("out/predictions.csv")).unwrap();
    let row = |row: csv::Result<csv::StringRecord>| {
        let row = row.unwrap();
        (row[0].to_owned(), !row[row.len() - 1].is_empty())
    };
    reader.into_records().map(row).collect()
}

fn done(ids: &[&str]) -> Vec<(String, bool)> {
    ids.iter().map(|id| ((*id).to_owned(), false)).collect()
}

#[test]
fn files_folders_and_patterns_give_rows_in_the_order_given() {
    let folder =
        folder(&["p/b.png", "p/a.png", "q/sub/d.png", "c.png", "x[1].png", "x1.png"]);
    let arguments = ["c.png", "p", "q/**/*.png", "x[1].png", "-v"];
    let ended = predict(folder.path(), &arguments, b"");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let expected = ["c.png", "a.png", "b.png", "sub/d.png", "x[1].png"];
    assert_eq!(rows(folder.path()), done(&expected));
}

#[test]
fn a_file_has_one_row_however_often_it_is_named() {
    let folder = folder(&["p/a.png", "p/a.jpg"]);
    let arguments = ["p/*", "p/*.png", "p", "./p/../p/a.jpg"];
    let ended = predict(folder.path(), &arguments, b"");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("3 images were listed more than once"),
        "{}",
        ended.stderr
    );
    assert_eq!(rows(folder.path()), done(&["a.jpg", "a.png"]));
}

#[test]
#[cfg(unix)]
fn odd_names_come_from_folders_patterns_and_lists_alike() {
    let names = ["-o.png", "a 'b' \"c\".png", "a\nb.png", "a\tb.png", "a.jpg", "a.png"];
    let folder = folder(&names.map(|name| format!("p/{name}")).each_ref().map(|s| &**s));
    let nul = names.map(|name| format!("p/{name}\0")).concat();
    let table = names.map(|name| format!("7,\"p/{}\"\n", name.replace('"', "\"\"")));
    fs::write(folder.path().join("nul"), &nul).unwrap();
    fs::write(folder.path().join("table.csv"), format!("class,path\n{}", table.concat()))
        .unwrap();
    let cases: [(&[&str], &[u8], &str); 5] = [
        (&["p"], b"", ""),
        (&["p/*"], b"", ""),
        (&["-"], nul.as_bytes(), "p/"),
        (&["--manifest", "nul"], b"", "p/"),
        (&["--manifest", "table.csv"], b"", "p/"),
    ];
    for (arguments, input, prefix) in cases {
        let ended =
            predict(folder.path(), &[arguments, &["--overwrite"]].concat(), input);
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
        let ids: Vec<String> =
            names.iter().map(|name| format!("{prefix}{name}")).collect();
        let expected: Vec<(String, bool)> =
            ids.into_iter().map(|id| (id, false)).collect();
        let mut found = rows(folder.path());
        found.sort();
        let mut expected = expected;
        expected.sort();
        assert_eq!(found, expected, "{arguments:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn names_that_are_not_utf8_are_read_from_folders_and_lists() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = folder(&["p/b.png"]);
    digit(&folder.path().join("p").join(OsStr::from_bytes(b"a\xff.png")));
    for (arguments, input, ids) in [
        ("p", &b""[..], ["a%FF.png", "b.png"]),
        ("-", b"p/a\xff.png\np/b.png\n", ["p/a%FF.png", "p/b.png"]),
    ] {
        let ended = predict(folder.path(), &[arguments, "--overwrite"], input);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(rows(folder.path()), done(&ids));
    }
}

#[test]
#[cfg(unix)]
fn a_list_keeps_its_order_and_stays_within_the_output_folder() {
    let top = folder(&["work/b.png", "work/a.png", "other/c.png", "work/lists/e.png"]);
    let work = top.path().join("work");
    let c = top.path().join("other/c.png");
    let list = format!(
        "\u{feff}b.png\r\n\r\nmissing.png\r\n./lists/../a.png\r\n../other/c.png\r\n{}\r\n\
         #1.png\r\ne.png\r\nlists\r\n",
        c.display()
    );
    fs::write(work.join("lists/all.txt"), list).unwrap();
    let ended = predict(&work, &["--manifest", "lists/all.txt"], b"");
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let outside = |path: &Path| format!("outside{}", path.display());
    let expected: Vec<(String, bool)> = vec![
        ("b.png".to_owned(), false),
        ("missing.png".to_owned(), true),
        ("a.png".to_owned(), false),
        (outside(&c), false),
        ("#1.png".to_owned(), true),
        ("e.png".to_owned(), true),
        ("lists".to_owned(), true),
    ];
    assert_eq!(rows(&work), expected);
    for part in [
        "missing.png: no such file",
        "relative to the working directory",
        "lists/e.png exists: run from the folder",
        "lists: is a folder",
        "1 image was listed more than once",
    ] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
}

#[test]
fn a_list_may_begin_with_any_number_of_files_that_are_not_there() {
    let folder = folder(&["a.png"]);
    let names: Vec<String> = (0..300).map(|i| format!("missing/{i}.png\n")).collect();
    let mut list = names.concat();
    let none = predict(folder.path(), &["-"], list.as_bytes());
    assert_eq!(none.code, 1, "{}", none.stderr);
    assert!(none.stderr.contains("0.png: no such file"), "{}", none.stderr);
    assert!(!folder.path().join("out").exists());
    list.push_str("a.png\n");
    let ended = predict(folder.path(), &["-"], list.as_bytes());
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let rows = rows(folder.path());
    assert_eq!((rows.len(), &rows[300]), (301, &("a.png".to_owned(), false)));
}

#[test]
#[cfg(unix)]
fn maps_of_what_lies_elsewhere_are_written_below_outside() {
    let top = tempfile::tempdir().unwrap();
    let work = top.path().join("work");
    fs::create_dir(&work).unwrap();
    let image = top.path().join("photo.png/a.png");
    fs::create_dir_all(image.parent().unwrap()).unwrap();
    image::RgbImage::new(32, 32).save(&image).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_mcdrop"))
        .current_dir(&work)
        .arg("predict")
        .arg(fixture::path("models/streets.onnx"))
        .args(["-", "-o", "out", "--samples", "2", "--maps", "prediction"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"../photo.png/a.png").unwrap();
    assert!(child.wait().unwrap().success());
    let folder = format!("out/prediction/outside{}/photo.png_", top.path().display());
    assert!(work.join(folder).join("a.png.png").is_file());
    let beside: Vec<_> = fs::read_dir(top.path()).unwrap().collect();
    assert_eq!(beside.len(), 2, "{beside:?}");
}

#[test]
#[cfg(unix)]
fn links_and_folders_that_cannot_be_read_are_told() {
    use std::os::unix::fs::symlink;
    let folder = folder(&["p/a.png", "q/b.png"]);
    symlink(folder.path().join("q"), folder.path().join("p/q")).unwrap();
    symlink(folder.path().join("p"), folder.path().join("p/circle")).unwrap();
    symlink("nowhere", folder.path().join("p/notes")).unwrap();
    symlink("nowhere", folder.path().join("p/nothing.png")).unwrap();
    let ended = predict(folder.path(), &["p"], b"");
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    let mut expected = done(&["a.png", "nothing.png", "q/b.png"]);
    expected[1].1 = true;
    assert_eq!(rows(folder.path()), expected);
    for line in [
        "2 broken or circular links are left out",
        "p/nothing.png: is a link to nowhere, which does not exist",
        "hint: restore the file that the link names, or remove the link: `rm p/nothing.png`",
    ] {
        assert!(ended.stderr.contains(line), "{}", ended.stderr);
    }
}

/// Creates a path that is longer than the system allows, which cannot be read even by root.
#[test]
#[cfg(target_os = "linux")]
fn a_folder_that_cannot_be_read_ends_the_run_with_3() {
    let folder = folder(&["p/a.png"]);
    let chain = |top: &str| {
        let names = std::iter::repeat_n("d".repeat(200), 15);
        names.fold(folder.path().join(top), |path, name| path.join(name))
    };
    fs::create_dir_all(chain("p/deep")).unwrap();
    fs::create_dir_all(chain("m")).unwrap();
    fs::rename(folder.path().join("m"), chain("p/deep").join("m")).unwrap();
    let ended = predict(folder.path(), &["p"], b"");
    fs::rename(chain("p/deep").join("m"), folder.path().join("m")).unwrap();
    assert_eq!(ended.code, 3, "{}", ended.stderr);
    assert!(ended.stderr.contains("a folder cannot be read: p/deep/ddd"));
    assert_eq!(rows(folder.path()), done(&["a.png"]));
}

#[test]
fn what_is_given_wrong_is_answered_before_anything_is_written() {
    let folder = folder(&["p/a.png", "q/a.png", "file"]);
    fs::write(folder.path().join("empty.txt"), "\n\n").unwrap();
    fs::write(folder.path().join("two.csv"), "path,path\na,b\n").unwrap();
    let cases: &[(&[&str], i32, &[&str])] = &[
        (&[], 2, &["IMAGES"]),
        (&["p", "nowhere"], 1, &["nowhere", "no such file or folder", "standard input"]),
        (&["p", "q"], 2, &["p/a.png and q/a.png", "\"a.png\"", "one folder above both"]),
        (&["p/*.jpg"], 2, &["p/*.jpg", "no image matches", "jpg, lsm, mpo, pam"]),
        (&["p/[a.png"], 1, &["p/[a.png", "unclosed character class"]),
        (&["-", "-"], 2, &["given twice"]),
        (&["-"], 2, &["standard input", "contains no path"]),
        (&["p", "--manifest", "empty.txt"], 2, &["--manifest"]),
        (&["--manifest", "empty.txt"], 2, &["empty.txt", "contains no path"]),
        (&["--manifest", "two.csv"], 2, &["two.csv: line 1", "two columns"]),
        (&["--manifest", "p"], 2, &["p: is a folder", "as IMAGES"]),
        (&["--manifest", "p/a.png"], 2, &["p/a.png: is an image"]),
        (&["--manifest", "none.txt"], 1, &["none.txt"]),
    ];
    for (arguments, code, parts) in cases {
        let ended = predict(folder.path(), arguments, b"");
        assert_eq!(ended.code, *code, "{arguments:?}: {}", ended.stderr);
        for part in *parts {
            let stderr = &ended.stderr.replace('\\', "/");
            assert!(stderr.contains(part), "{arguments:?} lacks {part:?}: {stderr}");
        }
        assert!(!folder.path().join("out").exists(), "{arguments:?} wrote");
    }
    fs::write(folder.path().join("out"), "mine").unwrap();
    let ended = predict(folder.path(), &["p"], b"");
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(
        ended.stderr.contains("out is a file; expected a folder"),
        "{}",
        ended.stderr
    );
    assert_eq!(fs::read(folder.path().join("out")).unwrap(), b"mine");
}

/// Measures the memory for listing a million paths of a hundred bytes each.
#[test]
#[ignore = "takes a minute; by hand with make verify"]
#[cfg(target_os = "linux")]
fn a_million_paths_are_listed_in_less_than_250_mb() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list.txt");
    let mut writer = std::io::BufWriter::new(fs::File::create(&list).unwrap());
    for i in 0..1_000_000 {
        let (a, b) = (i / 10_000, i / 100 % 100);
        writeln!(writer, "sequences/city_{a:03}/camera_{b:03}/frame_{i:08}.png").unwrap();
    }
    writer.into_inner().unwrap().sync_all().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_mcdrop"))
        .current_dir(folder.path())
        .arg("predict")
        .arg(fixture::path("models/digits.onnx"))
        .args(["--manifest", "list.txt", "-o", "out"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib =
            line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    println!(
        "peak memory with a million listed paths: {peak} KiB, runtime library included"
    );
    assert!(peak > 10_000 && peak < 250_000, "{peak} KiB");
}
