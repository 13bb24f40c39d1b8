use std::fs;

use super::*;
use crate::input::ReadOptions;

mod ids;
mod lists;
mod patterns;

fn folder(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        touch(&folder.path().join(file));
    }
    folder
}

fn touch(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, "").unwrap();
}

fn listed(paths: &[PathBuf], out: Option<&Path>) -> Result<Listing> {
    let sources: Vec<Source> = paths.iter().map(|path| Source::images(path)).collect();
    list_images(&sources, out)
}

fn ids_of(listing: &Listing) -> Vec<&str> {
    listing.images.iter().map(ImageFile::id).collect()
}

fn ids(root: &Path, out: Option<&Path>) -> Vec<String> {
    let listing = listed(&[root.to_owned()], out).unwrap();
    assert!(listing.images.iter().all(|image| image.path().is_file()));
    ids_of(&listing).into_iter().map(str::to_owned).collect()
}

fn refusal(paths: &[PathBuf], out: Option<&Path>) -> (String, String) {
    let error = listed(paths, out).unwrap_err();
    (error.to_string(), error.hint().unwrap_or_default().to_owned())
}

#[test]
fn images_are_listed_in_bytewise_order_of_their_relative_path() {
    let folder = folder(&[
        "b/1.png",
        "b.png",
        "b-1.png",
        "a b'\"\n.JPG",
        "Z.tiff",
        "ä.webp",
        "b/c/2.pgm",
        "notes.txt",
        "png",
        ".hidden.png",
        ".cache/1.png",
        "a.jpg.txt",
        "x.PnG",
    ]);
    let expected = [
        "Z.tiff",
        "a b'\"\n.JPG",
        "b-1.png",
        "b.png",
        "b/1.png",
        "b/c/2.pgm",
        "x.PnG",
        "ä.webp",
    ];
    assert_eq!(ids(folder.path(), None), expected);
    let dotted = folder.path().join("b/../.");
    assert_eq!(ids(&dotted, None), expected);
}

#[test]
fn images_of_other_formats_are_listed_so_that_reading_them_says_why() {
    let folder =
        folder(&["a.HEIC", "b.nii.gz", "c.tar.gz", "d.gif", "scan.dcm", "x.mov"]);
    fs::write(folder.path().join("envi.hdr"), "ENVI\nsamples = 3\n").unwrap();
    fs::write(folder.path().join("lamp.hdr"), "#?RADIANCE\n").unwrap();
    for name in ["IM-0001", "1.2.840.113619.2"] {
        let scan = [&[0; 128][..], b"DICM"].concat();
        fs::write(folder.path().join(name), scan).unwrap();
    }
    for name in ["README", "model.17"] {
        fs::write(folder.path().join(name), "text").unwrap();
    }
    let expected = [
        "1.2.840.113619.2",
        "IM-0001",
        "a.HEIC",
        "b.nii.gz",
        "d.gif",
        "lamp.hdr",
        "scan.dcm",
    ];
    assert_eq!(ids(folder.path(), None), expected);
}

#[test]
fn a_hidden_folder_that_is_asked_for_is_read() {
    let folder = folder(&[".cache/1.png"]);
    assert_eq!(ids(&folder.path().join(".cache"), None), ["1.png"]);
    assert_eq!(ids(&folder.path().join(".cache/*"), None), ["1.png"]);
}

#[test]
fn one_file_is_taken_whatever_its_name() {
    let folder = folder(&["b/frame.0001", "b/.hidden"]);
    let file = folder.path().join("b/frame.0001");
    let images = listed(std::slice::from_ref(&file), None).unwrap().images;
    assert_eq!((images[0].id(), images[0].path()), ("frame.0001", file));
    assert_eq!(ids(&folder.path().join("b/.hidden"), None), [".hidden"]);
}

#[test]
fn sources_follow_in_the_order_given_each_sorted_for_itself() {
    let folder = folder(&["z/b.png", "z/a.png", "y/d.png", "y/c.png", "x.png"]);
    let paths = ["z", "x.png", "y/*.png"].map(|name| folder.path().join(name));
    let listing = listed(&paths, None).unwrap();
    assert_eq!(ids_of(&listing), ["a.png", "b.png", "x.png", "c.png", "d.png"]);
}

#[test]
fn the_output_folder_is_left_out() {
    let folder = folder(&["a.png", "out/prediction/a.png.png", "b/out/c.png"]);
    let out = folder.path().join("b/../out");
    assert_eq!(ids(folder.path(), Some(&out)), ["a.png", "b/out/c.png"]);
    assert_eq!(ids(&folder.path().join("**"), Some(&out)), ["a.png", "b/out/c.png"]);
    let elsewhere = folder.path().join("not-yet-there");
    assert_eq!(ids(folder.path(), Some(&elsewhere)).len(), 3);
    for root in [folder.path().to_owned(), folder.path().join("*.png")] {
        let (message, hint) = refusal(&[root], Some(folder.path()));
        assert!(message.contains("results would become images"), "{message}");
        assert!(hint.contains("another folder"), "{hint}");
    }
}

#[test]
fn results_of_an_earlier_run_are_no_images() {
    let root = folder(&["a.png", "out/overlay/a.png.png", "out/predictions.csv"]);
    assert_eq!(ids(root.path(), None), ["a.png", "out/overlay/a.png.png"]);
    touch(&root.path().join("out/run.json"));
    assert_eq!(ids(root.path(), None), ["a.png"]);
    assert_eq!(ids(&root.path().join("out"), None), ["overlay/a.png.png"]);
}

#[test]
fn what_gives_no_image_is_an_error_with_the_way_out() {
    let folder = folder(&["notes.txt", "sub/a.png", "full/a.png"]);
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("empty")).unwrap();
    let cases = [
        (at("empty"), "no images in this folder", "jpg, lsm, mpo, pam, pbm"),
        (at("missing"), "no such file or folder", "standard input"),
        (at("*.txt"), "*.txt: no image matches this pattern", "jpg, lsm, mpo, pam, pbm"),
        (at("*/*.JPG"), "*/*.JPG: no image matches this pattern", "upper and lower"),
        (at("missing/*.png"), "needs the folder", "working directory"),
        (at("sub/[a.png"), "not a valid pattern: unclosed character class", "[*]"),
        (at("sub/{a.png"), "not a valid pattern: unclosed alternate group", "{"),
        (at("*/../a.png"), ".. after a wildcard", "before"),
        (PathBuf::new(), "an empty path is given", "write ."),
    ];
    for (path, message, hint) in cases {
        // Behind a source that gives some images, too.
        for paths in [vec![path.clone()], vec![at("full"), path.clone()]] {
            let (said, way_out) = refusal(&paths, None);
            assert!(said.contains(message), "{path:?}: {said}");
            assert!(way_out.contains(hint), "{path:?}: {way_out}");
        }
    }
    let twice = [PathBuf::from("-"), PathBuf::from("-")];
    assert!(refusal(&twice, None).0.contains("given twice"));
}

#[test]
fn a_file_named_twice_is_taken_once() {
    let folder = folder(&["a/1.png", "a/b/2.png"]);
    let at = |name: &str| folder.path().join(name);
    let overlapping = listed(&[at("a/**/*.png"), at("a/**"), at("a/b/*")], None).unwrap();
    assert_eq!(ids_of(&overlapping), ["1.png", "b/2.png"]);
    assert_eq!(overlapping.repeated, 0);
    let named = listed(&[at("a/b/2.png"), at("a"), at("a/b/../1.png")], None).unwrap();
    assert_eq!(ids_of(&named), ["2.png", "1.png"]);
    assert_eq!(named.repeated, 2);
}

#[test]
fn two_files_with_one_id_are_an_error_that_names_both() {
    let folder = folder(&["a/1.png", "b/1.png"]);
    let paths = [folder.path().join("a"), folder.path().join("b/1.png")];
    let (message, hint) = refusal(&paths, None);
    for path in [paths[0].join("1.png"), paths[1].clone()] {
        assert!(message.contains(&path.display().to_string()), "{message}");
    }
    assert!(hint.contains("one folder above both"), "{hint}");
    assert_eq!(ids(folder.path(), None), ["a/1.png", "b/1.png"]);
}

#[test]
fn ids_that_differ_only_in_case_are_found() {
    let root = folder(&["a/One.png", "b/oNE.PNG", "c/two.png"]);
    let paths = ["a", "b", "c"].map(|name| root.path().join(name));
    let images = listed(&paths, None).unwrap().images;
    let (a, b) = same_but_for_case(&images).unwrap();
    assert_eq!((a.id(), b.id()), ("One.png", "oNE.PNG"));
    assert!(same_but_for_case(&images[1..]).is_none());
}

#[test]
fn a_file_that_was_removed_or_truncated_after_listing_is_an_error() {
    let folder = folder(&["a.png", "b.png"]);
    let image = |name: &str| {
        image::RgbImage::new(40, 40).save(folder.path().join(name)).unwrap();
    };
    image("a.png");
    image("b.png");
    let listing = listed(&[folder.path().to_owned()], None).unwrap();
    assert!(
        listing.images.iter().all(|image| image.read(&ReadOptions::default()).is_ok())
    );
    fs::remove_file(folder.path().join("a.png")).unwrap();
    let bytes = fs::read(folder.path().join("b.png")).unwrap();
    fs::write(folder.path().join("b.png"), &bytes[..bytes.len() / 2]).unwrap();
    let errors =
        [0, 1].map(|i| listing.images[i].read(&ReadOptions::default()).unwrap_err());
    assert!(
        errors[0]
            .to_string()
            .ends_with("a.png: was removed after the images were listed")
    );
    assert!(
        errors[1].to_string().contains("ends before the image does"),
        "{}",
        errors[1]
    );
    assert!(errors.iter().all(|error| error.hint().is_some()));
    fs::write(folder.path().join("b.png"), [&bytes[..], &bytes[..]].concat()).unwrap();
    assert!(
        listing.images[1].read(&ReadOptions::default()).is_ok(),
        "bytes behind an image are no part of it"
    );
    fs::remove_file(folder.path().join("b.png")).unwrap();
    fs::create_dir(folder.path().join("b.png")).unwrap();
    let error = listing.images[1].read(&ReadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("is a folder"), "{error}");
}

#[cfg(unix)]
mod on_unix {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_and_those_to_nothing_are_images_that_cannot_be_read() {
        let there = folder(&["x.png", "sub/y.png"]);
        let folder = folder(&["a.png"]);
        let link = |target: &Path, name: &str| {
            symlink(target, folder.path().join(name)).unwrap();
        };
        link(&there.path().join("x.png"), "b.png");
        link(&there.path().join("sub"), "c");
        link(folder.path(), "circle");
        link(Path::new("nowhere.png"), "d.png");
        link(Path::new("nowhere"), "notes");
        link(Path::new("itself.png"), "itself.png");
        link(Path::new("a.png/below"), "e.png");
        link(Path::new("../.git/annex/objects/x/SHA256E-s1--ab.jpg"), "f.jpg");
        link(Path::new("/data/.dvc/cache/files/md5/ab/cd"), "g h.heic");
        let listing = listed(&[folder.path().to_owned()], None).unwrap();
        assert_eq!(
            ids_of(&listing),
            [
                "a.png",
                "b.png",
                "c/y.png",
                "d.png",
                "e.png",
                "f.jpg",
                "g h.heic",
                "itself.png"
            ]
        );
        assert_eq!((listing.broken_links, listing.unreadable.len()), (2, 0));
        for (id, message, hint) in [
            ("d.png", "is a link to nowhere.png, which does not exist", "`rm "),
            (
                "e.png",
                "is a link to a.png/below, which does not exist",
                "remove the link",
            ),
            ("f.jpg", "is a link to ../.git/annex/objects/", "`git annex get "),
            ("g h.heic", "is a link to /data/.dvc/cache", "g h.heic'`"),
            ("itself.png", "is a link to itself.png, which leads nowhere", "`rm "),
        ] {
            let image = listing.images.iter().find(|image| image.id() == id).unwrap();
            let error = image.read(&ReadOptions::default()).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
            assert!(error.hint().unwrap().contains(hint), "{:?}", error.hint());
        }
        let out = folder.path().join("c");
        let listing = listed(&[folder.path().to_owned()], Some(&out)).unwrap();
        assert!(!ids_of(&listing).contains(&"c/y.png"));
        let (message, _) = refusal(&[folder.path().join("d.png")], None);
        assert!(message.contains("d.png: no such file or folder"), "{message}");
    }

    #[test]
    fn the_same_file_by_a_link_in_front_is_taken_once() {
        let folder = folder(&["a/1.png"]);
        symlink(folder.path().join("a"), folder.path().join("b")).unwrap();
        let paths = ["a", "b"].map(|name| folder.path().join(name));
        let listing = listed(&paths, None).unwrap();
        assert_eq!((ids_of(&listing), listing.repeated), (vec!["1.png"], 1));
        // With a link, `..` leads elsewhere.
        touch(&folder.path().join("c/1.png"));
        fs::create_dir(folder.path().join("c/sub")).unwrap();
        symlink(folder.path().join("c/sub"), folder.path().join("a/link")).unwrap();
        let paths = ["a/1.png", "a/link/../1.png"].map(|name| folder.path().join(name));
        assert!(refusal(&paths, None).0.contains("would both be \"1.png\""));
    }

    /// Creates a path that is longer than the system allows, which cannot be read even by root.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_folder_that_cannot_be_read_is_reported_and_the_others_are_read() {
        let folder = folder(&["a.png", "z/b.png"]);
        let chain = |top: &str| {
            let names = std::iter::repeat_n("d".repeat(200), 11);
            names.fold(folder.path().join(top), |path, name| path.join(name))
        };
        fs::create_dir_all(chain("deep")).unwrap();
        fs::create_dir_all(chain("m")).unwrap();
        fs::rename(folder.path().join("m"), chain("deep").join("m")).unwrap();
        let listing = listed(&[folder.path().to_owned()], None).unwrap();
        assert_eq!(ids_of(&listing), ["a.png", "z/b.png"]);
        let reasons: Vec<String> =
            listing.unreadable.iter().map(ToString::to_string).collect();
        assert_eq!(reasons.len(), 1, "{reasons:?}");
        assert!(reasons[0].contains("/deep/ddd") && reasons[0].contains("too long"));
        // Moves the folder back, so that it can be removed.
        fs::rename(chain("deep").join("m"), folder.path().join("m")).unwrap();
    }

    #[test]
    fn a_folder_without_the_right_to_read_it_is_reported() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder(&["a.png", "locked/b.png"]);
        let locked = folder.path().join("locked");
        let allow = |mode| {
            fs::set_permissions(&locked, fs::Permissions::from_mode(mode)).unwrap();
        };
        allow(0);
        let is_barred = fs::read_dir(&locked).is_err();
        let inside = listed(&[folder.path().to_owned()], None);
        let itself = listed(std::slice::from_ref(&locked), None);
        allow(0o700);
        let inside = inside.unwrap();
        // Root can read everything.
        let expected =
            if is_barred { vec!["a.png"] } else { vec!["a.png", "locked/b.png"] };
        assert_eq!(ids_of(&inside), expected);
        assert_eq!(inside.unreadable.len(), usize::from(is_barred));
        assert_eq!(itself.is_err(), is_barred);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn names_that_are_not_utf8_or_hold_a_backslash_are_escaped_and_stay_unique() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;

        let folder = folder(&["a%FF.png", "100%.png", "x\\..\\..\\y.png", "b%5C/y.png"]);
        touch(&folder.path().join(OsStr::from_bytes(b"a\xff.png")));
        touch(&folder.path().join(OsStr::from_bytes(b"50%\xfe.png")));
        touch(&folder.path().join("b\\/y.png"));
        let expected = [
            "100%.png",
            "50%25%FE.png",
            "a%25FF.png",
            "a%FF.png",
            "b%255C/y.png",
            "b%5C/y.png",
            "x%5C..%5C..%5Cy.png",
        ];
        assert_eq!(ids(folder.path(), None), expected);
        assert_eq!(ids(&folder.path().join("**/*"), None), expected);
        let file = folder.path().join(OsStr::from_bytes(b"a\xff.png"));
        assert_eq!(ids(&file, None), ["a%FF.png"]);
    }
}
