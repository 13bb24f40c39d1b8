//! The rows of `predictions.csv`.

use super::judge::judged_columns;
use super::write::{ImageNumbers, OutputOptions, Written};
use crate::input::{ImageFile, hexadecimal};
use crate::output::table::shortest;

/// The columns of the table of rows, in order: by what is written, and by whether there are
/// scores for each pixel.
pub fn columns(options: &OutputOptions, map: bool) -> Vec<String> {
    let mut columns = vec!["path", "width", "height"];
    if !map {
        columns.extend(["class", "class_name", "probability", "deterministic_class"]);
    }
    columns.push("deterministic_probability");
    let mut columns: Vec<String> = columns.into_iter().map(str::to_owned).collect();
    for measure in &options.measures {
        columns.push(measure.name.to_owned());
        if map {
            columns.push(format!("{}_patch_max", measure.name));
            columns.push(format!("{}_q95", measure.name));
        }
    }
    if let Some(policy) = &options.policy {
        columns.extend(judged_columns(policy, map).map(str::to_owned));
    }
    columns.extend(["samples", "sha256", "error"].map(str::to_owned));
    columns
}

/// The row of an image that was predicted.
pub(super) fn filled(file: &ImageFile, written: &Written) -> Vec<String> {
    let mut fields =
        vec![file.id().to_owned(), written.width.to_string(), written.height.to_string()];
    match &written.numbers {
        ImageNumbers::Class(class) => fields.extend([
            class.class.to_string(),
            class.name.clone(),
            shortest(class.probability),
            class.deterministic_class.to_string(),
            shortest(class.deterministic_probability),
        ]),
        ImageNumbers::Map { deterministic_probability } => {
            fields.push(shortest(*deterministic_probability));
        }
    }
    fields.extend(written.measures.iter().map(|&value| shortest(value)));
    fields.extend(written.judged.fields());
    fields.push(written.samples.to_string());
    fields.push(hexadecimal(&written.sha256));
    fields.push(String::new());
    fields
}

/// The row of an image that failed.
pub(super) fn failed(file: &ImageFile, message: &str, columns: usize) -> Vec<String> {
    let mut fields = vec![String::new(); columns];
    file.id().clone_into(&mut fields[0]);
    message.clone_into(&mut fields[columns - 1]);
    fields
}
