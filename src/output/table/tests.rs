//! Rows in, rows out, torn and whole.

use std::fs;

use std::path::Path;

use super::*;

fn columns(names: &[&str]) -> Columns {
    Columns::from_header(names.iter().copied())
}

/// A record whose second column is an error.
fn record(path: &str, error: &str) -> ImageRecord {
    ImageRecord::failed(path, error)
}

fn table(scratch: &Path, columns: &[&str]) -> Table {
    let folder = OutputFolder::create(scratch).unwrap();
    Table::claim(&folder, self::columns(columns)).unwrap()
}

fn scratch_table(columns: &[&str]) -> (tempfile::TempDir, Table) {
    let scratch = tempfile::tempdir().unwrap();
    let mut table = table(scratch.path(), columns);
    table.start().unwrap();
    (scratch, table)
}

/// What is read from a table of two columns with this content: the rows, and what it holds then.
fn reread(content: &[u8]) -> (Vec<String>, Vec<u8>) {
    let scratch = tempfile::tempdir().unwrap();
    fs::write(scratch.path().join(TABLE), content).unwrap();
    let mut table = table(scratch.path(), &["path", "error"]);
    let mut rows = Vec::new();
    table
        .read_rows(|record, _| {
            let error = record.error.unwrap_or_default();
            rows.push(format!("{}|{error}", record.path));
        })
        .unwrap();
    assert_eq!(fs::read(scratch.path().join(TABLE)).unwrap(), content, "not changed yet");
    table.cut_torn().unwrap();
    (rows, fs::read(scratch.path().join(TABLE)).unwrap())
}

fn text(scratch: &tempfile::TempDir) -> String {
    fs::read_to_string(scratch.path().join(TABLE)).unwrap()
}

#[test]
fn every_row_is_in_the_file_when_append_returns() {
    let (scratch, mut table) = scratch_table(&["path", "margin"]);
    assert_eq!(text(&scratch), "path,margin\n");
    let with_margin = |path: &str, margin: f32| ImageRecord {
        path: path.to_owned(),
        measures: vec![margin],
        ..ImageRecord::default()
    };
    table.append(&with_margin("a.png", 0.25)).unwrap();
    assert_eq!(text(&scratch), "path,margin\na.png,0.25\n");
    table.append(&with_margin("b.png", f32::NAN)).unwrap();
    assert_eq!(text(&scratch), "path,margin\na.png,0.25\nb.png,\n");
}

#[test]
fn odd_names_are_quoted_and_read_back() {
    let odd = ["a,b.png", "say \"hi\".png", "two\nlines.png", "cr\r.png", " ", "ü", ""];
    let (scratch, mut table) = scratch_table(&["path", "error"]);
    for name in odd {
        table.append(&record(name, "x")).unwrap();
    }
    let text = text(&scratch);
    assert!(text.contains("\"say \"\"hi\"\".png\",x\n"), "{text}");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let read: Vec<_> = reader.records().map(|row| row.unwrap()[0].to_owned()).collect();
    assert_eq!(read, odd);
}

#[test]
fn a_table_is_held_by_one_at_a_time() {
    let (scratch, table) = scratch_table(&["path"]);
    let folder = OutputFolder::create(scratch.path()).unwrap();
    let error = Table::claim(&folder, columns(&["path"])).unwrap_err();
    assert!(error.to_string().contains("another run is writing"), "{error}");
    assert!(error.hint().is_some());
    drop(table);
    Table::claim(&folder, columns(&["path"])).unwrap();
}

#[test]
fn a_table_that_was_rewritten_is_still_held() {
    let (scratch, mut table) = scratch_table(&["path"]);
    let span = table.append(&record("a", "")).unwrap();
    table.keep(&[span]).unwrap();
    let folder = OutputFolder::create(scratch.path()).unwrap();
    assert!(Table::claim(&folder, columns(&["path"])).is_err());
}

#[test]
fn wherever_a_table_was_cut_its_whole_rows_are_read_and_the_rest_is_gone() {
    let whole = b"path,error\na,\n\"b\nb\",\"say \"\"no\"\"\"\nc,x\n";
    let ends = [11, 14, 33, 37];
    let rows = ["a|", "b\nb|say \"no\"", "c|x"];
    for length in 0..=whole.len() {
        let complete = ends.iter().filter(|end| **end <= length).count();
        let (found, left) = reread(&whole[..length]);
        assert_eq!(found, rows[..complete.saturating_sub(1)], "cut at {length}");
        let expected = if complete == 0 { 0 } else { ends[complete - 1] };
        assert_eq!(left, whole[..expected], "cut at {length}");
    }
}

#[test]
fn damaged_rows_are_left_out() {
    let (rows, _) = reread(b"path,error\na,\nb\nc,x,y\n\xff,z\n\0\0\0\nd,\n");
    assert_eq!(rows, ["a|", "d|"]);
}

#[test]
fn a_table_with_other_columns_is_refused() {
    let (scratch, held) = scratch_table(&["path", "margin"]);
    drop(held);
    let mut other = table(scratch.path(), &["path", "error"]);
    let error = other.read_rows(|_, _| ()).unwrap_err();
    assert!(error.to_string().contains("has other columns"), "{error}");
    assert_eq!(text(&scratch), "path,margin\n");
}

#[test]
fn a_file_that_never_was_a_table_is_refused_and_stays() {
    for content in ["my own notes", "\"path,error\n", "path;error\n1;2\n"] {
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join(TABLE), content).unwrap();
        let mut table = table(scratch.path(), &["path", "error"]);
        let error = table.read_rows(|_, _| ()).unwrap_err();
        assert!(error.to_string().contains("has other columns"), "{error}");
        assert_eq!(text(&scratch), content);
    }
}

#[test]
fn rows_are_kept_byte_by_byte_in_the_order_that_is_asked_for_and_appended_to() {
    let (scratch, mut table) = scratch_table(&["path", "error"]);
    let names = ["a", "b\n\"", "c"];
    let spans = names.map(|name| table.append(&record(name, "")).unwrap());
    table.keep(&[spans[2], spans[1]]).unwrap();
    assert_eq!(text(&scratch), "path,error\nc,\n\"b\n\"\"\",\n");
    table.append(&record("d", "")).unwrap();
    assert_eq!(text(&scratch), "path,error\nc,\n\"b\n\"\"\",\nd,\n");
    let entries = fs::read_dir(scratch.path()).unwrap().count();
    assert_eq!(entries, 1, "no temporary file stays");
}
