//! A `predictions.csv` of an earlier run, made of arbitrary bytes.

use std::fs;
use std::path::Path;

use mcdrop::output::folder::{OutputFolder, TABLE};
use mcdrop::output::table::{Span, Table};
use mcdrop::record::{Columns, ImageRecord};

use crate::Target;
use crate::scratch::Scratch;

pub(crate) const TARGET: Target = Target { name: "table", seeds, words: WORDS, run };

const HEADER: &[u8] = b"path,class_name,error\n";

const WORDS: &[&[u8]] = &[
    HEADER,
    b"\"",
    b"\"\"",
    b"\"\"\"",
    b"\n",
    b"\r\n",
    b"\r",
    b",",
    b",,",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\0",
    b"a.png,cat,\n",
    b"\"a\nb.png\",,\"x\"\n",
    b" \"a\" ,",
];

fn seeds() -> Vec<Vec<u8>> {
    let rows: &[&[u8]] = &[
        b"",
        b"a.png,cat,\nb.png,,no such file\n",
        b"\"a,b.png\",\"say \"\"cat\"\"\",\n\"two\nlines.png\",\"\r\",\n",
        b"a.png,cat,\nb.png,c",
        b"a.png,cat,\n\"b.png,c\nd.png,cat,\n",
        b"a.png\nb.png,1,2,3\nc.png,dog,\n\xff,x,\n",
    ];
    rows.iter().map(|rows| [HEADER, rows].concat()).collect()
}

fn run(scratch: &Scratch, bytes: &[u8]) {
    go_on(scratch, bytes);
    if !bytes.starts_with(HEADER) {
        go_on(scratch, &[HEADER, bytes].concat());
    }
}

fn claimed(folder: &Path) -> Table {
    let columns = Columns::from_header(["path", "class_name", "error"]);
    Table::claim(&OutputFolder::create(folder).unwrap(), columns).unwrap()
}

/// Returns the positions of a table's rows, and the rows.
fn rows(table: &mut Table) -> mcdrop::Result<(Vec<Span>, Vec<ImageRecord>)> {
    let (mut places, mut rows) = (Vec::new(), Vec::new());
    table.read_rows(|record, place| {
        places.push(place);
        rows.push(record);
    })?;
    Ok((places, rows))
}

fn go_on(scratch: &Scratch, bytes: &[u8]) {
    let path = scratch.write(TABLE, bytes);
    let mut table = claimed(scratch.path());
    let Ok((places, read)) = rows(&mut table) else {
        assert_eq!(fs::read(&path).unwrap(), bytes, "a table of others was changed");
        return;
    };
    assert_eq!(fs::read(&path).unwrap(), bytes, "reading changed a table");
    table.cut_torn().unwrap();
    let left = fs::read(&path).unwrap();
    assert!(bytes.starts_with(&left), "more than its end was cut");
    if left.is_empty() {
        table.start().unwrap();
    }

    let again = rows(&mut table).unwrap();
    assert_eq!(again, (places.clone(), read.clone()));
    let mut at = Vec::new();
    table.read_at(places.iter().copied(), |record| at.push(record)).unwrap();
    assert_eq!(at, read);

    let added = ImageRecord {
        prediction: vec![None],
        ..ImageRecord::failed("new\n\".png", "x,y")
    };
    let place = table.append(&added).unwrap();
    let mut expected = read.clone();
    expected.push(added.clone());
    assert_eq!(rows(&mut table).unwrap().1, expected);

    // As a run does that computes some rows again.
    let kept: Vec<Span> = places.iter().copied().step_by(2).chain([place]).collect();
    let kept = table.keep(&kept).unwrap();
    let expected: Vec<_> = read.into_iter().step_by(2).chain([added]).collect();
    assert_eq!(rows(&mut table).unwrap(), (kept, expected));
}
