//! The images of a figure, as the user names them.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::record::ImageRecord;
use crate::report::ReportedRun;
use crate::tensor::ImageShape;

/// Largest number of ids that an error names.
const MOST_NAMED: usize = 5;

/// Returns the ids of the images with a prediction, and the shapes of these by id.
pub(super) fn predicted(run: &ReportedRun) -> (Vec<String>, HashMap<String, ImageShape>) {
    let rows = || run.rows.iter().filter(|row| row.error.is_none());
    let shapes = rows().filter_map(|row| Some((row.path.clone(), row.shape()?)));
    (rows().map(|row| row.path.clone()).collect(), shapes.collect())
}

/// Returns the rows of the table that the user names, in that order.
pub(super) fn choose<'a>(
    run: &'a ReportedRun,
    images: &[String],
) -> Result<Vec<&'a ImageRecord>> {
    images.iter().map(|image| choose_one(run, image)).collect()
}

fn choose_one<'a>(run: &'a ReportedRun, image: &str) -> Result<&'a ImageRecord> {
    let name = image.trim_start_matches("./");
    let ends = |long: &str, short: &str| {
        long.strip_suffix(short).is_some_and(|rest| rest.ends_with('/'))
    };
    let found = |fits: &dyn Fn(&str) -> bool| -> Vec<&'a ImageRecord> {
        run.rows.iter().filter(|row| fits(&row.path)).collect()
    };
    let mut rows = found(&|id| id == name);
    if rows.is_empty() {
        rows = found(&|id| ends(id, name));
    }
    if rows.is_empty() {
        rows = found(&|id| ends(name, id));
    }
    let refuse = |message: String, hint: String| {
        Err(Error::setting("IMAGE", message).with_hint(hint))
    };
    match rows[..] {
        [row] => match &row.error {
            None => Ok(row),
            Some(error) => refuse(
                format!("\"{}\" has no prediction: {error}", row.path),
                "choose an image that did not fail".to_owned(),
            ),
        },
        [] => refuse(
            format!(
                "\"{image}\" is not in the run, whose images are {}",
                some(run.rows.iter())
            ),
            "name one as predictions.csv does".to_owned(),
        ),
        _ => refuse(
            format!("{} images are named \"{image}\"", rows.len()),
            format!("name one of {}", some(rows.iter().copied())),
        ),
    }
}

/// Returns the ids of the first rows.
fn some<'a>(rows: impl ExactSizeIterator<Item = &'a ImageRecord>) -> String {
    let n = rows.len();
    let named: Vec<&str> = rows.take(MOST_NAMED).map(|row| row.path.as_str()).collect();
    let more = n.saturating_sub(MOST_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", named.join(", "))
}
