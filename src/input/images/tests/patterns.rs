use super::super::pattern::Pattern;
use super::*;

fn matched(folder: &Path, pattern: &str) -> Vec<String> {
    let listing = listed(&[folder.join(pattern)], None);
    let images = listing.map(|listing| listing.images).unwrap_or_default();
    let path = |image: &ImageFile| {
        let path = image.path();
        path.strip_prefix(folder).unwrap().to_string_lossy().replace('\\', "/")
    };
    images.iter().map(path).collect()
}

#[test]
fn wildcards_match_as_documented() {
    let folder = folder(&[
        "1.png",
        "2.png",
        "12.png",
        "ä.png",
        "a.jpg",
        "x/1.png",
        "x/y/1.png",
        "x/y/2.jpg",
        "z/1.png",
        "note.txt",
        ".h.png",
        ".d/1.png",
    ]);
    let cases: &[(&str, &[&str])] = &[
        ("*.png", &["1.png", "12.png", "2.png", "ä.png"]),
        ("?.png", &["1.png", "2.png"]),
        ("??.png", &["12.png", "ä.png"]),
        ("{ä,1}.png", &["1.png", "ä.png"]),
        ("\\?.png", &[]),
        ("[!2].png", &["1.png"]),
        ("[1-2].png", &["1.png", "2.png"]),
        ("*", &["1.png", "12.png", "2.png", "a.jpg", "ä.png"]),
        ("*/1.png", &["x/1.png", "z/1.png"]),
        ("x[!a]1.png", &[]),
        ("x?1.png", &[]),
        ("**/1.png", &["1.png", "x/1.png", "x/y/1.png", "z/1.png"]),
        ("x/**/*.png", &["x/1.png", "x/y/1.png"]),
        ("x/**", &["x/1.png", "x/y/1.png", "x/y/2.jpg"]),
        ("x/**.png", &["x/1.png"]),
        ("./x//*.png", &["x/1.png"]),
        ("{x,z}/1.png", &["x/1.png", "z/1.png"]),
        ("{x/y,z}/*.png", &["x/y/1.png", "z/1.png"]),
        ("**/*.{jpg,txt}", &["a.jpg", "x/y/2.jpg"]),
        ("x", &["x/1.png", "x/y/1.png", "x/y/2.jpg"]),
        ("*.txt", &[]),
        ("x*", &[]),
    ];
    for (pattern, expected) in cases {
        assert_eq!(matched(folder.path(), pattern), *expected, "{pattern}");
    }
}

#[test]
fn ids_are_relative_to_the_part_before_the_first_wildcard() {
    let folder = folder(&["x/y/1.png", "x/z/1.png"]);
    let ids = |pattern: &str| ids(&folder.path().join(pattern), None);
    assert_eq!(ids("x/y/*.png"), ["1.png"]);
    assert_eq!(ids("x/[y]/*.png"), ["y/1.png"]);
    assert_eq!(ids("x/*/1.png"), ["y/1.png", "z/1.png"]);
    assert_eq!(ids("x/y/../*/1.png"), ["y/1.png", "z/1.png"]);
}

#[test]
fn what_exists_is_taken_by_its_name() {
    let folder =
        folder(&["a[1].png", "a1.png", "b{c}/1.png", "b{c}/x/2.png", "bc/1.png"]);
    assert_eq!(matched(folder.path(), "a[1].png"), ["a[1].png"]);
    assert_eq!(matched(folder.path(), "a[[]1].png"), ["a[1].png"]);
    assert_eq!(matched(folder.path(), "[a]1.png"), ["a1.png"]);
    assert_eq!(matched(folder.path(), "b{c}"), ["b{c}/1.png", "b{c}/x/2.png"]);
    assert_eq!(matched(folder.path(), "b{c}/*.png"), ["b{c}/1.png"]);
    fs::remove_dir_all(folder.path().join("b{c}")).unwrap();
    assert_eq!(matched(folder.path(), "b{c}/*.png"), ["bc/1.png"]);
}

#[test]
fn folders_deeper_than_a_pattern_are_not_walked() {
    let depth = |pattern: &str| Pattern::parse(Path::new(pattern)).unwrap().depth;
    assert_eq!(depth("x/*.png"), 1);
    assert_eq!(depth("x/*/*.png"), 2);
    assert_eq!(depth("x/**/a.png"), usize::MAX);
    assert_eq!(depth("{a,b/c}/x.png"), usize::MAX);
}

#[test]
#[cfg(target_os = "linux")]
fn patterns_match_names_that_are_not_utf8_but_are_text_themselves() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = folder(&["b.png"]);
    touch(&folder.path().join(OsStr::from_bytes(b"a\xff.png")));
    assert_eq!(ids(&folder.path().join("a*.png"), None), ["a%FF.png"]);
    let odd = folder.path().join(OsStr::from_bytes(b"\xff*.png"));
    assert!(refusal(&[odd], None).0.contains("not UTF-8"));
}
