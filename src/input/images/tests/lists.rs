use super::super::list;
use super::*;
use crate::input::ReadOptions;

fn entries(content: &[u8]) -> Result<Vec<String>> {
    let mut entries = Vec::new();
    list::paths("list", content, |path| entries.push(path.to_str().unwrap().to_owned()))?;
    Ok(entries)
}

#[test]
fn lists_are_read_by_line_by_nul_and_as_tables() {
    let cases: &[(&[u8], &[&str])] = &[
        (b"a.png\nb.png", &["a.png", "b.png"]),
        (b"a.png\r\n\r\n\nb.png\r\n", &["a.png", "b.png"]),
        (b"\xef\xbb\xbfa.png\n", &["a.png"]),
        (b"#1.png\n b .png\n\"c\".png\n", &["#1.png", " b .png", "\"c\".png"]),
        (b"-\n-o\n~/x\n", &["-", "-o", "~/x"]),
        (b"a,b.png\nc;d.png", &["a,b.png", "c;d.png"]),
        (b"a\nb.png\0c.png\r\0\0", &["a\nb.png", "c.png\r"]),
        (b"path\0x\0", &["path", "x"]),
        (b"path\na.png\n", &["a.png"]),
        (b"./path\na.png\n", &["./path", "a.png"]),
        (b"paths\na.png\n", &["paths", "a.png"]),
        (b"\xef\xbb\xbfpath,label\na.png,1\n", &["a.png"]),
        (
            b"\r\nid,\"path\"\r\n1,a.png\r\n\r\n2,\"b,\r\n\"\"c\"\".png\"\r\n",
            &["a.png", "b,\r\n\"c\".png"],
        ),
        (b"path,label\na.png\nb.png,1,2\n", &["a.png", "b.png"]),
        (b"", &[]),
        (b"\n\n", &[]),
        (b"path\n", &[]),
    ];
    for (content, expected) in cases {
        let text = String::from_utf8_lossy(content);
        assert_eq!(entries(content).unwrap(), *expected, "{text:?}");
    }
}

#[test]
fn an_error_in_a_list_names_its_line() {
    let long = "x".repeat((64 << 10) + 1);
    let png = fs::read("fixtures/digits/7/0001.png").unwrap();
    let unclosed = format!("path\na.png\n\"{}", "x\n".repeat(1 << 20));
    let row = format!("n,path\n\n1,a.png\n{long},b.png\n");
    let cases: &[(&[u8], &str)] = &[
        (
            &format!("a\n\n{long}\n").into_bytes(),
            "list: line 3: is longer than 65536 bytes",
        ),
        (
            &format!("a\0{long}\0").into_bytes(),
            "list: line 2: is longer than 65536 bytes",
        ),
        (row.as_bytes(), "list: line 4: is longer than 65536 bytes"),
        (unclosed.as_bytes(), "list: line 3: is longer than 65536 bytes"),
        (b"n,path\n1,a.png\n2\n", "list: line 3: has nothing in the column \"path\""),
        (b"n,path\n1,\n", "list: line 2: has nothing in the column \"path\""),
        (b"path,path\na,b\n", "list: line 1: two columns are called \"path\""),
        (b"\xff\xfea\0.\0p\0", "list: the list is UTF-16"),
        (&png, "list: is an image"),
    ];
    for (content, message) in cases {
        let error = entries(content).unwrap_err();
        assert!(error.to_string().contains(message), "{message}: {error}");
        assert!(error.hint().is_some(), "{message}");
    }
    let fits = "x".repeat(64 << 10);
    assert_eq!(entries(fits.as_bytes()).unwrap(), [fits]);
}

#[test]
fn a_table_of_many_rows_is_read_to_its_end() {
    use std::fmt::Write as _;
    let mut table = "n,path\n".to_owned();
    for i in 0..200_000 {
        writeln!(table, "{i},\"folder/{i}.png\"").unwrap();
    }
    let read = entries(table.as_bytes()).unwrap();
    assert_eq!((read.len(), &*read[199_999]), (200_000, "folder/199999.png"));
}

#[test]
fn a_list_that_is_too_large_is_refused_with_its_line() {
    let error = list::read("list", &b"a.png\nb.png\nc.png"[..], 13).unwrap_err();
    assert!(
        error.to_string().starts_with("list: line 3: the list is larger than 13 bytes")
    );
    assert!(error.hint().unwrap().contains("several"));
    let whole = list::read("list", &b"a.png\nb.png\nc.png"[..], 17).unwrap().unwrap();
    assert_eq!(whole.len(), 17);
    let folder = tempfile::tempdir().unwrap();
    let error = list::read_file(folder.path()).unwrap_err();
    assert!(error.to_string().ends_with("is a folder, not a list"), "{error}");
    assert!(list::read_file(&folder.path().join("missing")).is_err());
}

#[test]
#[cfg(unix)]
fn a_list_keeps_its_order_and_what_is_not_there() {
    let folder = folder(&["b.png", "lists/there.png"]);
    let working = folder.path();
    let lists = working.join("lists");
    let content = b"b.png\na.png\nthere.png\n../x.png\n./b.png\n/nowhere/c.png\n";
    let mut lister = Lister::new(working, None);
    let mut images = lister.list("list", content, Some(PathBuf::from("lists"))).unwrap();
    assert_eq!(repeats::take_once(&mut images).unwrap(), 1);
    let above = format!("outside{}/x.png", working.parent().unwrap().display());
    let ids: Vec<&str> = images.iter().map(ImageFile::id).collect();
    assert_eq!(ids, ["b.png", "a.png", "there.png", &above, "outside/nowhere/c.png"]);
    let hint = |i: usize| {
        images[i].read(&ReadOptions::default()).unwrap_err().hint().unwrap().to_owned()
    };
    assert!(
        hint(1).contains("relative to the working directory; if it is"),
        "{}",
        hint(1)
    );
    let there = format!("but {} exists", lists.join("there.png").display());
    assert!(hint(2).contains(&there), "{}", hint(2));
    assert!(!hint(3).contains("exists") && !hint(4).contains("exists"));
    touch(&working.join("x.png"));
    assert!(hint(3).contains("x.png exists: run from"), "{}", hint(3));
    let error = lister.list("list", b"\n\r\n", None).unwrap_err();
    assert!(error.to_string().contains("this list contains no path"));
    let two = Source::StandardInput;
    assert!(lister.all(&[two.clone(), two]).is_err());
}

#[test]
#[cfg(unix)]
fn two_entries_with_one_id_are_an_error_unless_they_are_one_file() {
    let lister = Lister::new(Path::new("/home/u"), None);
    let of = |content: &[u8]| {
        let mut images = lister.list("list", content, None).unwrap();
        repeats::take_once(&mut images).map(|repeated| (images.len(), repeated))
    };
    assert_eq!(of(b"a\n./a\n/home/u/a\nx/../a\n").unwrap(), (1, 3));
    let error = of(b"outside/x/a\n/x/a\n").unwrap_err();
    let message = "outside/x/a and /x/a would both be \"outside/x/a\" in the results";
    assert!(error.to_string().ends_with(message), "{error}");
    assert!(error.hint().unwrap().contains("a folder above both"));
}

#[test]
#[cfg(target_os = "linux")]
fn names_in_a_list_need_not_be_utf8() {
    use std::os::unix::ffi::OsStrExt;
    let lister = Lister::new(Path::new("/home/u"), None);
    for content in [&b"a%FF.png\na\xff.png\n"[..], b"path,n\na%FF.png,1\na\xff.png,2\n"] {
        let images = lister.list("list", content, None).unwrap();
        assert_eq!((images[0].id(), images[1].id()), ("a%FF.png", "a%25FF.png"));
        let path = images[1].path();
        assert_eq!(path.as_os_str().as_bytes(), b"/home/u/a\xff.png");
    }
}
