use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::super::id::{self, Placed};
use super::*;

fn place(entry: &str) -> Placed {
    id::place(Path::new(entry), Path::new("/home/u"))
}

#[test]
#[cfg(unix)]
fn an_entry_is_placed_by_its_text() {
    let cases = [
        ("a.png", "a.png", None),
        ("./a.png", "a.png", None),
        ("x//y/./a.png", "x/y/a.png", None),
        ("x/../a.png", "a.png", None),
        ("x/y/../../a b.png", "a b.png", None),
        ("../u/a.png", "a.png", None),
        ("/home/u/a.png", "a.png", None),
        ("/home/u/x/../../u/a.png", "a.png", None),
        ("../v/a.png", "outside/home/v/a.png", Some("/")),
        ("x/../../a.png", "outside/home/a.png", Some("/")),
        ("../../../../../etc/passwd", "outside/etc/passwd", Some("/")),
        ("/data/a.png", "outside/data/a.png", Some("/")),
        ("/home/user/a.png", "outside/home/user/a.png", Some("/")),
        ("//data//./a.png", "outside/data/a.png", Some("/")),
        ("/", "outside", Some("/")),
        (".", "outside/home/u", Some("/")),
        ("..", "outside/home", Some("/")),
        ("..a/...", "..a/...", None),
        ("-", "-", None),
        ("#1.png", "#1.png", None),
        ("C:\\x\\..\\..\\a.png", "C:%5Cx%5C..%5C..%5Ca.png", None),
        ("50%\\.png", "50%25%5C.png", None),
        ("outside/x", "outside/x", None),
        ("a\nb\t\"c\".png", "a\nb\t\"c\".png", None),
    ];
    for (entry, id, root) in cases {
        let placed = place(entry);
        assert_eq!(placed.id.text, id, "{entry:?}");
        assert_eq!(placed.root.as_deref(), root.map(Path::new), "{entry:?}");
        assert_eq!(placed.id.escaped, id.contains('%'), "{entry:?}");
        if let (false, Some(root)) = (placed.id.escaped, &placed.root) {
            assert_eq!(root.join(&id[placed.skip..]), placed.absolute, "{entry:?}");
        }
    }
    assert_eq!(
        ["x/../a", "../x/../a", "../../a", "./../a"]
            .map(|entry| place(entry).climbs_back),
        [true, true, false, false]
    );
}

#[test]
#[cfg(windows)]
fn drives_and_shares_are_parts_of_an_id() {
    let place = |entry: &str| id::place(Path::new(entry), Path::new("C:\\u"));
    for (entry, id) in [
        ("x\\..\\a.png", "a.png"),
        ("C:\\u\\a.png", "a.png"),
        ("C:/v/a.png", "outside/C/v/a.png"),
        ("d:\\a.png", "outside/D/a.png"),
        ("\\\\server\\share\\a.png", "outside/server/share/a.png"),
    ] {
        assert_eq!(place(entry).id.text, id, "{entry}");
    }
}

#[test]
fn the_way_from_a_folder_to_a_file_is_found() {
    let relative = |file: &str, folder: &str| {
        id::relative(Path::new(file), Path::new(folder))
            .to_string_lossy()
            .replace('\\', "/")
    };
    assert_eq!(relative("/a/b/c.png", "/a/b"), "c.png");
    assert_eq!(relative("/a/x/c.png", "/a/b"), "../x/c.png");
    assert_eq!(relative("/c.png", "/a/b"), "../../c.png");
}

fn assert_safe(id: &str) {
    assert!(!id.starts_with('/') && !Path::new(id).is_absolute(), "{id:?} is absolute");
    assert!(!id.contains('\\') && !id.contains('\0'), "{id:?}");
    for part in id.split('/') {
        assert!(!["", ".", ".."].contains(&part), "{id:?} has the part {part:?}");
    }
}

/// Generates texts that are likely to climb, to be escaped and to collide.
fn entry() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        6 => prop::sample::select(vec![
            &b".."[..], b".", b"", b"a", b"b", b"outside", b"home", b"u", b"%FF", b"\xff",
            b"a\\b", b"a%5Cb", b"..\\..", b"C:", b"a%255Cb", b"\xc3\xa4", b"\xc3", b"~",
        ]).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(1_u8.., 1..5),
    ];
    let parts = prop::collection::vec(part, 1..7);
    (any::<bool>(), parts).prop_map(|(absolute, parts)| {
        let text = parts.join(&b'/');
        if absolute { [b"/", &text[..]].concat() } else { text }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    #[cfg(unix)]
    fn every_id_stays_inside_and_is_one_files(
        entries in prop::collection::vec(entry(), 1..12)
    ) {
        let content: Vec<u8> = entries.join(&0);
        // A single entry would be read as lines.
        let content = [&content[..], b"\0"].concat();
        let working = Path::new("/home/u");
        let lister = Lister::new(working, None);
        let Ok(mut images) = lister.list("list", &content, None) else { return Ok(()) };
        let mut places = HashMap::new();
        for image in &images {
            assert_safe(image.id());
            let place = id::lexical(&working.join(image.path()));
            let is_inside = place.starts_with(working) && place != working;
            let is_outside = image.id().split('/').next() == Some("outside");
            prop_assert!(is_inside || is_outside, "{:?} {place:?}", image.id());
            places.entry(place).or_insert_with(|| image.id().to_owned());
        }
        // None of these files exists, so an id that another entry has is refused.
        if repeats::take_once(&mut images).is_ok() {
            let ids: HashSet<&str> = images.iter().map(ImageFile::id).collect();
            prop_assert_eq!(ids.len(), images.len());
            prop_assert_eq!(ids.len(), places.len());
        } else {
            let ids: HashSet<&String> = places.values().collect();
            prop_assert!(ids.len() < places.len(), "refused without reason: {places:?}");
        }
    }
}
