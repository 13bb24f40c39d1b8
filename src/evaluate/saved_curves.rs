//! Reads the curves of an evaluation from a folder and draws them.

use std::fs;
use std::io;

use super::curves::{FIGURES, axis, series};
use super::prediction_folder::PredictionFolder;
use super::value_curves::VALUE_FIGURES;
use crate::error::{Error, Result};
use crate::metric::Curve;
use crate::output::chart::{Chart, Marks};
use crate::output::folder::{CURVES, OutputFolder};
use crate::task::Target;

/// Largest number of figures of unknown kinds.
const MOST_UNKNOWN: usize = 24;

/// Largest number of curves in a figure of an unknown kind.
const MOST_CURVES: usize = 7;

/// Curves of a folder, with their explanation.
#[derive(Debug)]
pub struct SavedFigure {
    /// Heading.
    pub title: String,
    /// Explanation of the curves; empty if it is not known.
    pub reading: &'static str,
    /// Description of curves that would be bad news; empty if it is not known.
    pub bad_news: &'static str,
    /// Charts of the figure.
    pub charts: Vec<Chart>,
}

/// Reads the tables of an evaluation from a folder; returns the figures, and the errors of the
/// tables that cannot be read. Tables of an unknown kind are drawn as they are.
pub fn read_curves(folder: &PredictionFolder) -> (Vec<SavedFigure>, Vec<Error>) {
    let (mut figures, mut errors) = (Vec::new(), Vec::new());
    let output = match OutputFolder::open(folder.path()) {
        Ok(output) => output,
        Err(error) => return (figures, vec![error]),
    };
    let known = known_tables(folder);
    for table in &known {
        match read_csv(&output, &table.name) {
            Ok(curves) => figures.extend((table.draw)(&curves)),
            Err(error) => errors.push(error),
        }
    }
    let mut others = csv_names(folder);
    others.retain(|name| known.iter().all(|table| table.name != *name));
    for name in others.into_iter().take(MOST_UNKNOWN) {
        match read_csv(&output, &name) {
            Ok(curves) => figures.extend(unknown_figure(&name, &curves)),
            Err(error) => errors.push(error),
        }
    }
    (figures, errors)
}

/// Draws the curves of a table; `None` if nothing is shown.
type DrawCurves<'a> = dyn Fn(&[Curve]) -> Option<SavedFigure> + 'a;

/// A table of curves whose meaning is known.
struct KnownTable<'a> {
    /// Name without its ending.
    name: String,
    draw: Box<DrawCurves<'a>>,
}

fn known_tables(folder: &PredictionFolder) -> Vec<KnownTable<'_>> {
    match folder.task.target {
        Target::Class => FIGURES
            .iter()
            .map(|kind| KnownTable {
                name: kind.name.to_owned(),
                draw: Box::new(move |curves| {
                    let charts = kind.charts(curves, folder)?;
                    Some(SavedFigure {
                        title: kind.title.to_owned(),
                        reading: kind.reading,
                        bad_news: kind.bad_news,
                        charts,
                    })
                }),
            })
            .collect(),
        Target::Value => value_tables(folder),
        Target::Labels => Vec::new(),
    }
}

fn value_tables(folder: &PredictionFolder) -> Vec<KnownTable<'_>> {
    let target = folder.record.output.target.as_ref();
    let unit = target.map_or("", |target| &target.unit);
    let names = folder.targets();
    let of_target = |name: &String| {
        let (prefix, title) = match names.len() {
            1 => (String::new(), String::new()),
            _ => (format!("{name}."), format!("{name}: ")),
        };
        VALUE_FIGURES.iter().map(move |kind| {
            let title = title.clone();
            KnownTable {
                name: format!("{prefix}{}", kind.name),
                draw: Box::new(move |curves| {
                    let mut chart = kind.chart(curves, unit)?;
                    chart.title.insert_str(0, &title);
                    Some(SavedFigure {
                        title: format!("{title}{}", kind.title),
                        reading: kind.reading,
                        bad_news: kind.bad_news,
                        charts: vec![chart],
                    })
                }),
            }
        })
    };
    names.iter().flat_map(of_target).collect()
}

/// Returns the names of all tables without their ending, in order.
fn csv_names(folder: &PredictionFolder) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder.path().join(CURVES)) else { return Vec::new() };
    let name = |entry: io::Result<fs::DirEntry>| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        name.strip_suffix(".csv").map(str::to_owned)
    };
    let mut names: Vec<String> = entries.filter_map(name).collect();
    names.sort();
    names
}

/// Draws the first curves of a table whose meaning is not known.
fn unknown_figure(name: &str, curves: &[Curve]) -> Option<SavedFigure> {
    let title = name.replace('_', " ");
    let shown = curves.iter().filter(|curve| !curve.x.is_empty()).take(MOST_CURVES);
    let all = shown.map(|curve| {
        let label = curve.name.strip_prefix(name).unwrap_or(&curve.name);
        let label = label.trim_start_matches('.');
        series(if label.is_empty() { name } else { label }, Marks::Curve, curve)
    });
    let chart = Chart {
        title: title.clone(),
        description: format!("Curves of {CURVES}/{name}.csv."),
        x: axis("x", None),
        y: axis("y", None),
        series: all.collect(),
    };
    (!chart.series.is_empty()).then(|| SavedFigure {
        title,
        reading: "",
        bad_news: "",
        charts: vec![chart],
    })
}

/// Reads the curves of a table; returns none if the file does not exist.
fn read_csv(folder: &OutputFolder, name: &str) -> Result<Vec<Curve>> {
    let name = &format!("{CURVES}/{name}.csv");
    let Some(content) = folder.read(name)? else { return Ok(Vec::new()) };
    let file = &folder.path().join(name);
    let text = String::from_utf8(content).map_err(|error| {
        Error::read(file, io::Error::new(io::ErrorKind::InvalidData, error))
    })?;
    let broken = |n: usize| {
        let message = format!("line {}: expected curve,x,y", n + 1);
        Error::read(file, io::Error::new(io::ErrorKind::InvalidData, message))
    };
    let mut curves: Vec<Curve> = Vec::new();
    for (n, line) in text.lines().enumerate().skip(1) {
        let mut fields = line.rsplitn(3, ',');
        let mut number = || fields.next().and_then(|field| field.parse::<f64>().ok());
        let (Some(y), Some(x)) = (number(), number()) else { return Err(broken(n)) };
        let name = fields.next().ok_or_else(|| broken(n))?;
        match curves.last_mut().filter(|curve| curve.name == name) {
            Some(curve) => {
                curve.x.push(x);
                curve.y.push(y);
            }
            None => {
                curves.push(Curve { name: name.to_owned(), x: vec![x], y: vec![y] });
            }
        }
    }
    Ok(curves)
}
