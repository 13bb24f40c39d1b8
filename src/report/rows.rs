//! The data that the script of the page reads.

use serde_json::{Map, Value, json};

use super::files::{Image, Shown};
use super::maps;
use super::truth::Truth;
use crate::input::hexadecimal;
use crate::measure::{MEASURES, Measure, Unit};
use crate::output::colormap::{self, Ramp};
use crate::palette::Palette;
use crate::record::Column;

/// Number of digits of numbers on the page.
const DIGITS: usize = 4;

/// Returns the data of the script: one or two runs, the second one in the order of the first.
pub(super) fn script_data(shown: &[Shown]) -> Value {
    let first = &shown[0];
    let ids: Vec<&str> = first.run.rows.iter().map(|row| row.path.as_str()).collect();
    let runs = shown.iter().map(|one| run(one, &ids));
    json!({
        "paths": ids,
        "isMap": first.run.has_maps(),
        "hasLabels": first.has_labels,
        "classes": classes(first),
        "measures": measures(first),
        "colors": {
            "linear": hexadecimal(colormap::palette(Ramp::Linear).as_flattened()),
            "squareRoot": hexadecimal(colormap::palette(Ramp::SquareRoot).as_flattened()),
        },
        "runs": runs.collect::<Value>(),
    })
}

fn classes(shown: &Shown) -> Value {
    let Some(folder) = &shown.run.folder else { return json!([]) };
    let palette = folder.record.palette.clone().map(Palette::new).unwrap_or_default();
    let names = folder.class_names.as_deref().unwrap_or_default();
    // The number of a hostile record may be too large.
    let n = folder.n_classes.min(usize::from(u16::MAX)) as u16;
    let class = |class: u16| {
        let [red, green, blue] = palette.color(class);
        let name = names.get(usize::from(class)).cloned();
        json!({
            "name": name.unwrap_or_else(|| format!("class {class}")),
            "color": format!("#{red:02x}{green:02x}{blue:02x}"),
        })
    };
    (0..n).map(class).collect()
}

/// Returns the measures of the table or of maps, with their descriptions.
fn measures(shown: &Shown) -> Value {
    let run = &shown.run;
    let with_maps: Vec<&str> = maps::measures(run).iter().map(|m| m.name).collect();
    let n_classes = run.folder.as_ref().map(|folder| folder.n_classes);
    let is_known = |measure: &&Measure| {
        run.columns.named(measure.name).is_some() || with_maps.contains(&measure.name)
    };
    let measure = |measure: &Measure| {
        json!({
            "name": measure.name,
            "unit": if measure.unit == Unit::One { String::new() } else { measure.unit.text("") },
            "bound": n_classes.map(|n| measure.upper_bound(n)),
            "ramp": if measure.sqrt_scale { "squareRoot" } else { "linear" },
            "columns": columns_of(shown, measure.name),
        })
    };
    MEASURES.iter().filter(is_known).map(measure).collect()
}

/// Returns the columns of a measure.
fn columns_of(shown: &Shown, name: &str) -> Vec<String> {
    let all = ["", "_patch_max", "_q95"].map(|ending| format!("{name}{ending}"));
    all.into_iter().filter(|column| shown.run.columns.named(column).is_some()).collect()
}

fn run(shown: &Shown, ids: &[&str]) -> Value {
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
    for name in numeric_columns(shown) {
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
        "errors": errors(shown, &places),
        "shares": shares(images, &places),
        "picture": code(&|i| ending(images[i].pictures.whole)),
        "thumbnail": code(&|i| ending(images[i].pictures.small)),
        "data": code(&|i| if images[i].has_data { '1' } else { '0' }),
    })
}

/// Returns the numeric columns that the page shows.
fn numeric_columns(shown: &Shown) -> Vec<String> {
    let known = [
        "width",
        "height",
        "class",
        "probability",
        "deterministic_class",
        "deterministic_probability",
        "calibrated_probability",
        "set_size",
        "samples",
    ];
    let known = known.into_iter().map(str::to_owned);
    let of_measures = MEASURES.iter().flat_map(|m| columns_of(shown, m.name));
    known
        .chain(of_measures)
        .filter(|name| shown.run.columns.named(name).is_some())
        .collect()
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
