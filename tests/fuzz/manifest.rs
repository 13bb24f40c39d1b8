//! Lists of images made of arbitrary bytes: lines, NUL-separated paths, a table.

use std::collections::HashSet;

use mcdrop::input::{Source, list_images};

use crate::Target;
use crate::scratch::Scratch;

pub(crate) const TARGET: Target = Target { name: "manifest", seeds, words: WORDS, run };

const WORDS: &[&[u8]] = &[
    b"\0",
    b"\n",
    b"\r\n",
    b"\r",
    b"\"",
    b"\"\"",
    b",",
    b"path",
    b"path,label\n",
    b"id,path\n",
    b"../",
    b"..",
    b"./",
    b".",
    b"/",
    b"//",
    b"/../../",
    b"a/../..",
    b"\\",
    b"..\\",
    b"%",
    b"%25",
    b"%5C",
    b"outside/",
    b"outside",
    b"\xff",
    b"\xef\xbb\xbf",
    b"C:\\",
    b"~",
    b"a.png",
    b"dev/null",
    b" ",
    b"\t",
];

fn seeds() -> Vec<Vec<u8>> {
    let texts: &[&[u8]] = &[
        b"a.png\nb/c.png\r\n\n./d.png\n../e.png\n",
        b"a.png\0b\nc.png\0/d/e.png\0",
        b"path,label\na.png,1\n\"b,\"\"c.png\",2\n",
        b"\xef\xbb\xbfid,\"path\"\r\n1,a.png\r\n2,\"b\r\nc.png\"\r\n",
        b"caf\xe9.png\ncaf%E9.png\na\\b.png\n100%.png\n",
        b"outside/a.png\n/a.png\n",
        b"a/../b.png\nx/./y//z.png\n/../../etc/x\n",
        b"a.png\na.png\nA.png\n./a.png\n",
    ];
    let long = [b"path,x\n".as_slice(), &b"a/".repeat(3000), b"b.png,1\n"].concat();
    texts.iter().map(|text| text.to_vec()).chain([long]).collect()
}

fn run(scratch: &Scratch, bytes: &[u8]) {
    let path = scratch.write("list", bytes);
    let listing = match list_images(&[Source::list(&path)], None) {
        Ok(listing) => listing,
        Err(error) => {
            let text = error.to_string();
            assert!(error.hint().is_some(), "no hint: {text}");
            return;
        }
    };
    assert!(!listing.images.is_empty());
    let mut ids = HashSet::new();
    for image in &listing.images {
        let id = image.id();
        let is_plain = |part: &str| !matches!(part, "" | "." | "..");
        assert!(id.split('/').all(is_plain), "{id:?}");
        assert!(!id.contains(['\\', '\0']), "{id:?}");
        assert!(ids.insert(id), "{id:?} is there twice");
        assert!(!image.path().as_os_str().is_empty(), "{id:?}");
    }
}
