//! The data that the script of the page reads.

use serde_json::{Map, Value, json};

use super::files::{Image, Shown};
use super::quantities::{MOST_NUMBERS, PageQuantity, Role, ValueKind};
use super::truth::{Truth, ValueTruth};
use crate::input::hexadecimal;
use crate::output::colormap;
use crate::palette::Palette;
use crate::record::{Column, Field, ImageRecord, shortest};
use crate::task::{ColumnKind, Target};

/// Number of digits of numbers on the page.
const DIGITS: usize = 4;

/// Returns the data of the script: one or two runs, the second one in the order of the first.
pub(super) fn script_data(shown: &[Shown], quantities: &[PageQuantity]) -> Value {
    let first = &shown[0];
    let ids: Vec<&str> = first.run.rows.iter().map(|row| row.path.as_str()).collect();
    let runs = shown.iter().map(|one| run(one, &ids, quantities));
    let task = first.run.task.as_ref();
    json!({
        "paths": ids,
        "isMap": first.run.has_maps(),
        "hasLabels": first.has_labels,
        "classes": classes(first),
        "channels": channels(first),
        "hasSeveral": task.is_some_and(|task| task.task.target == Target::Labels),
        "threshold": task.and_then(|task| task.task.predicted?.threshold),
        "interval": first.run.record.as_ref().and_then(|record| record.output.interval),
        "overview": task.map(|task| task.overview().name),
        "quantities": quantities.iter().map(quantity).collect::<Value>(),
        "colors": hexadecimal(colormap::palette().as_flattened()),
        "runs": runs.collect::<Value>(),
    })
}

/// Returns the classes or labels of the predictions with their colors.
fn classes(shown: &Shown) -> Value {
    let Some(folder) = &shown.run.folder else { return json!([]) };
    let palette = folder.record.palette.clone().map(Palette::new).unwrap_or_default();
    let names = folder.class_names.as_deref().unwrap_or_default();
    let (kind, n) = match (folder.task.target, &shown.run.task) {
        (Target::Value, _) => return json!([]),
        (Target::Labels, Some(task)) => ("label", task.channels.len()),
        _ => ("class", folder.n_classes),
    };
    // The number of a hostile record may be too large.
    let n = n.min(usize::from(u16::MAX)) as u16;
    let class = |class: u16| {
        let [red, green, blue] = palette.color(class);
        let name = names.get(usize::from(class)).cloned();
        json!({
            "name": name.unwrap_or_else(|| format!("{kind} {class}")),
            "color": format!("#{red:02x}{green:02x}{blue:02x}"),
        })
    };
    (0..n).map(class).collect()
}

/// Returns the names of the labels or targets.
fn channels(shown: &Shown) -> &[String] {
    shown.run.task.as_ref().map(|task| task.channels.as_slice()).unwrap_or_default()
}

/// Returns a quantity with its description.
fn quantity(quantity: &PageQuantity) -> Value {
    json!({
        "name": quantity.name,
        "measure": quantity.measure,
        "channel": quantity.channel,
        "unit": quantity.unit,
        "role": quantity.role.name(),
        "low": quantity.scale.map(|scale| number(scale.low)),
        "bound": quantity.scale.map(|scale| number(scale.high)),
        "isBounded": quantity.range == ValueKind::Bounded,
        "isSigned": quantity.range == ValueKind::Any,
        "spacing": quantity.scale.map(|scale| scale.spacing).unwrap_or_default(),
        "columns": quantity.columns,
    })
}

/// Returns a number with the digits of its f32.
fn number(number: f32) -> Value {
    shortest(number).parse::<f64>().map_or(Value::Null, |number| json!(number))
}

fn run(shown: &Shown, ids: &[&str], quantities: &[PageQuantity]) -> Value {
    let run = &shown.run;
    let place: std::collections::HashMap<&str, usize> =
        run.rows.iter().enumerate().map(|(i, row)| (row.path.as_str(), i)).collect();
    let places: Vec<Option<usize>> =
        ids.iter().map(|id| place.get(id).copied()).collect();
    let rows = |of: &dyn Fn(usize) -> Value| -> Value {
        places.iter().map(|place| place.map_or(Value::Null, of)).collect()
    };
    let code = |of: &dyn Fn(usize) -> char| -> String {
        places.iter().map(|place| place.map_or('-', of)).collect()
    };
    let images = &shown.images;
    let mut numbers = Map::new();
    for name in numeric_columns(shown, quantities) {
        let Some(column) = run.columns.named(&name) else { continue };
        let of = |i: usize| rounded(run.rows[i].field(column).as_f64());
        numbers.insert(name, rows(&of));
    }
    if images.iter().any(|image| matches!(image.truth, Truth::Wrong(_))) {
        let of = |i: usize| match images[i].truth {
            Truth::Wrong(share) => rounded(Some(f64::from(share))),
            _ => Value::Null,
        };
        numbers.insert("wrong".to_owned(), rows(&of));
    }
    let of_labels = [Role::Label, Role::Error].into_iter().flat_map(|role| {
        let of_role = quantities.iter().filter(move |one| one.role == role);
        of_role.enumerate().filter(|(_, one)| !one.columns.is_empty())
    });
    for (target, quantity) in of_labels {
        let of = |truth: &ValueTruth| match quantity.role {
            Role::Label => truth.label,
            _ => truth.error,
        };
        let number = |i: usize| match &images[i].truth {
            Truth::Values(targets) => {
                rounded(targets.get(target).and_then(of).map(f64::from))
            }
            _ => Value::Null,
        };
        numbers.insert(quantity.name.clone(), rows(&number));
    }
    let of_column = |column: &Column| match run.columns.named(column.name()) {
        None => Value::Null,
        Some(column) => rows(&|i| json!(run.rows[i].field(column))),
    };
    let has_labels = images.iter().any(|image| matches!(image.truth, Truth::Class(_)));
    let label = |i: usize| match images[i].truth {
        Truth::Class(label) => json!(label),
        _ => Value::Null,
    };
    let labels = if has_labels { rows(&label) } else { Value::Null };
    json!({
        "name": shown.name(),
        "place": shown.page_folder,
        "numbers": numbers,
        "decision": of_column(&Column::Decision),
        "predictionSet": of_column(&Column::PredictionSet),
        "labels": labels,
        "holding": holding(shown, &places),
        "errors": errors(shown, &places),
        "shares": shares(images, &places),
        "picture": code(&|i| ending(images[i].pictures.whole)),
        "thumbnail": code(&|i| ending(images[i].pictures.small)),
        "data": code(&|i| if images[i].has_data { '1' } else { '0' }),
    })
}

/// Returns the numeric columns that the page shows.
fn numeric_columns(shown: &Shown, quantities: &[PageQuantity]) -> Vec<String> {
    let columns = &shown.run.columns;
    let of_run = ["width", "height"].into_iter().map(str::to_owned);
    let mut of_prediction: Vec<String> = columns
        .iter()
        .filter_map(|column| match column {
            Column::Prediction { name, kind, .. } if *kind != ColumnKind::Text => {
                Some(name.clone())
            }
            _ => None,
        })
        .collect();
    if of_prediction.len().saturating_mul(shown.run.rows.len()) > MOST_NUMBERS {
        of_prediction.truncate(MOST_OF_PREDICTION);
    }
    let of_policy = ["calibrated_probability", "set_size", "samples"];
    let of_quantities = quantities.iter().flat_map(|one| one.columns.iter().cloned());
    of_run
        .chain(of_prediction)
        .chain(of_policy.into_iter().map(str::to_owned))
        .chain(of_quantities)
        .filter(|name| columns.named(name).is_some())
        .collect()
}

/// Number of columns of predictions that the page shows if there are too many.
const MOST_OF_PREDICTION: usize = 8;

/// Smallest probability of a label that is listed although it does not hold.
const LISTED_FROM: f64 = 0.1;

/// Largest number of labels that are listed of an image, if fewer hold.
const MOST_LISTED: usize = 8;

/// Returns for each image its likely labels, the most probable one first: label, probability, and
/// whether it holds. Null if labels of images are not predicted.
fn holding(shown: &Shown, places: &[Option<usize>]) -> Value {
    let run = &shown.run;
    let (Some(task), false) = (&run.task, run.has_maps()) else { return Value::Null };
    if task.task.target != Target::Labels {
        return Value::Null;
    }
    let threshold = task.task.predicted.and_then(|predicted| predicted.threshold);
    let Some(threshold) = threshold else { return Value::Null };
    let names: Vec<String> = {
        let names = run.folder.as_ref().and_then(|folder| folder.class_names.as_deref());
        let name = |label: usize| {
            let name = names.unwrap_or_default().get(label).cloned();
            name.unwrap_or_else(|| label.to_string())
        };
        (0..task.channels.len()).map(name).collect()
    };
    let listed = run.columns.iter().find(|column| {
        matches!(column, Column::Prediction { kind: ColumnKind::Text, .. })
    });
    let measure = task.task.predicted.map(|predicted| predicted.measure);
    let columns: Vec<(usize, &Column)> = task
        .quantities(measure.as_slice())
        .iter()
        .filter_map(|one| Some((one.channel?, run.columns.named(&one.name)?)))
        .collect();
    let of_row = |row: &ImageRecord| -> Value {
        let predicted = listed.map(|column| match row.field(column) {
            Field::Text(text) => listed_labels(&text, &names),
            _ => Vec::new(),
        });
        let mut labels: Vec<(usize, f64, bool)> = columns
            .iter()
            .filter_map(|(label, column)| {
                let probability = row.field(column).as_f64()?;
                let holds = predicted
                    .as_ref()
                    .map_or(probability >= f64::from(threshold), |predicted| {
                        predicted.contains(label)
                    });
                Some((*label, probability, holds))
            })
            .collect();
        labels.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let n_holding = labels.iter().filter(|(_, _, holds)| *holds).count();
        let mut n_others = 0;
        labels.retain(|(_, probability, holds)| {
            n_others += usize::from(!holds);
            *holds
                || (n_holding + n_others <= MOST_LISTED
                    && (*probability >= LISTED_FROM || (n_holding == 0 && n_others == 1)))
        });
        let numbers = labels.iter().flat_map(|(label, probability, holds)| {
            [json!(label), rounded(Some(*probability)), json!(u8::from(*holds))]
        });
        numbers.collect()
    };
    places
        .iter()
        .map(|place| place.map_or(Value::Null, |i| of_row(&run.rows[i])))
        .collect()
}

/// Returns the labels of a list such as `fog; rain`, in which they have the order of their numbers.
fn listed_labels(text: &str, names: &[String]) -> Vec<usize> {
    let mut rest = text;
    let mut found = Vec::new();
    for (label, name) in names.iter().enumerate() {
        let Some(after) = rest.strip_prefix(name.as_str()) else { continue };
        if after.is_empty() {
            found.push(label);
            break;
        }
        if let Some(after) = after.strip_prefix("; ") {
            found.push(label);
            rest = after;
        }
    }
    found
}

fn ending(ending: Option<&str>) -> char {
    match ending {
        Some("png") => 'p',
        Some(_) => 'j',
        None => '0',
    }
}

/// Returns the errors by the index of the image.
fn errors(shown: &Shown, places: &[Option<usize>]) -> Value {
    let error = |(at, place): (usize, &Option<usize>)| {
        let error = shown.run.rows[(*place)?].error.as_deref()?;
        Some((at.to_string(), json!(error)))
    };
    Value::Object(places.iter().enumerate().filter_map(error).collect())
}

/// Returns the classes on each image with their shares in percent: class, share, class, share.
fn shares(images: &[Image], places: &[Option<usize>]) -> Value {
    if images.iter().all(|image| image.shares.is_empty()) {
        return Value::Null;
    }
    let of = |place: &Option<usize>| -> Value {
        let shares = place.map(|i| images[i].shares.as_slice()).unwrap_or_default();
        shares
            .iter()
            .flat_map(|(class, share)| [json!(class), rounded(Some(f64::from(*share)))])
            .collect()
    };
    places.iter().map(of).collect()
}

/// Rounds a number to four digits.
pub(super) fn rounded(number: Option<f64>) -> Value {
    let Some(number) = number else { return Value::Null };
    let text = format!("{number:.*e}", DIGITS - 1);
    let Ok(short) = text.parse::<f64>() else { return Value::Null };
    // Whole numbers keep all their digits.
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return json!(number as i64);
    }
    json!(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_labels_are_read_back() {
        let names = ["fog", "fog; thin", "rain", "2"].map(str::to_owned);
        assert_eq!(listed_labels("fog; rain; 2", &names), [0, 2, 3]);
        assert_eq!(listed_labels("rain", &names), [2]);
        assert_eq!(listed_labels("", &names), [0; 0]);
        assert_eq!(listed_labels("snow", &names), [0; 0]);
    }

    #[test]
    fn numbers_have_four_digits_and_whole_ones_all() {
        let text = |number: f64| rounded(Some(number)).to_string();
        assert_eq!(text(0.123_456), "0.1235");
        assert_eq!(text(1.0), "1");
        assert_eq!(text(123_456.0), "123456");
        assert_eq!(text(0.000_012_344), "0.00001234");
        assert_eq!(text(-2.5), "-2.5");
        assert_eq!(rounded(None), Value::Null);
    }
}
