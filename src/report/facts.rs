//! Facts about a run as text.

use super::files::Shown;
use crate::record::{
    MapScale, ModelRecord, MultiplyAdds, OutputRecord, PreprocessingSetting, RunRecord,
    SamplingRecord, StopRecord,
};
use crate::task::Target;

/// A short text, and details, which may be empty.
pub(super) type Said = (String, String);

/// A fact about each run.
pub(super) struct Fact {
    pub(super) term: &'static str,
    /// Whether it is visible without a click.
    pub(super) is_first: bool,
    /// Text of each run, with its details.
    pub(super) values: Vec<Said>,
}

/// A site where randomness enters.
pub(super) struct Site {
    pub(super) node: String,
    pub(super) kind: String,
    pub(super) ratio: String,
    pub(super) unit: String,
}

/// Number of facts that are visible without a click.
const FIRST: usize = 6;

/// A fact's name, and the function that finds it.
type Kind = (&'static str, fn(&Shown) -> Option<Said>);

const KINDS: [Kind; 13] = [
    ("Images", |one| Some(images(one))),
    ("Samples (T)", |one| samples(&record(one)?.sampling)),
    ("Dropout sites", sites_count),
    ("Work done once", |one| work(record(one)?.multiply_adds.as_ref()?)),
    ("Time an image", |one| time(record(one)?)),
    ("Task", task),
    ("Model", |one| only(file_name(known(&record(one)?.model.path)?))),
    ("Scale of maps", |one| scale_of_maps(&record(one)?.output)),
    ("Draws", |one| draws(&record(one)?.sampling)),
    ("Seed", |one| seed(&record(one)?.sampling)),
    ("Runtime", |one| runtime(record(one)?)),
    ("Model file", |one| model_file(&record(one)?.model)),
    ("Folder", |one| only(one.name())),
];

/// Returns the facts of the runs. Facts that no record contains are left out.
pub(super) fn facts(shown: &[Shown]) -> Vec<Fact> {
    let fact = |(place, (term, of)): (usize, Kind)| {
        let values: Vec<Option<Said>> = shown.iter().map(of).collect();
        let is_known = values.iter().any(Option::is_some);
        let said = |value: Option<Said>| {
            value.unwrap_or_else(|| ("not known".to_owned(), String::new()))
        };
        let values = values.into_iter().map(said).collect();
        is_known.then_some(Fact { term, is_first: place < FIRST, values })
    };
    KINDS.into_iter().enumerate().filter_map(fact).collect()
}

fn record(shown: &Shown) -> Option<&RunRecord> {
    shown.run.record.as_ref()
}

/// Returns a text of the record, if it is not empty.
fn known(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "as the other facts, which may not be known"
)]
fn only(text: String) -> Option<Said> {
    Some((text, String::new()))
}

fn sites_count(shown: &Shown) -> Option<Said> {
    let n = record(shown)?.sites.len();
    if n > 0 { only(n.to_string()) } else { None }
}

fn seed(sampling: &SamplingRecord) -> Option<Said> {
    known(&sampling.draws)?;
    only(sampling.seed.to_string())
}

fn file_name(path: &str) -> String {
    path.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or(path).to_owned()
}

fn images(shown: &Shown) -> Said {
    let failed = shown.run.rows.iter().filter(|row| row.error.is_some()).count();
    let done = grouped(shown.run.rows.len() - failed);
    match failed {
        0 => (done, String::new()),
        failed => (done, format!("and {} failed", grouped(failed))),
    }
}

/// Formats a number with a comma between thousands.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Describes the scales of the maps of a run that are not those of all runs.
fn scale_of_maps(output: &OutputRecord) -> Option<Said> {
    let text = "this run\'s 99.9 % quantiles, by a first look at some images";
    (output.map_scale == MapScale::Run).then(|| (text.to_owned(), String::new()))
}

fn samples(sampling: &SamplingRecord) -> Option<Said> {
    if sampling.deterministic {
        return Some(("none".to_owned(), "one pass with every dropout off".to_owned()));
    }
    if sampling.samples == 0 {
        return None;
    }
    let samples = sampling.samples;
    match &sampling.stop {
        None => only(samples.to_string()),
        Some(StopRecord { steering, tolerance }) => Some((
            format!("up to {samples}"),
            format!("until {steering} is known to {tolerance}"),
        )),
    }
}

fn draws(sampling: &SamplingRecord) -> Option<Said> {
    let draws = known(&sampling.draws)?;
    let masks = match sampling.masks.as_str() {
        "shared" => "the same masks for all images",
        _ => "masks of its own for each image",
    };
    Some((format!("{draws},"), masks.to_owned()))
}

fn work(costs: &MultiplyAdds) -> Option<Said> {
    let (needed, repeated) = (costs.needed as f64, costs.every_sample as f64);
    if needed <= 0.0 {
        return None;
    }
    let once = 100.0 * (1.0 - repeated / needed);
    let digits = usize::from(once > 99.0 && once < 100.0);
    let (width, height) = (costs.width, costs.height);
    let of = format!("of {} multiply-adds at {width} x {height}", count(needed));
    Some((format!("{once:.digits$} %"), of))
}

fn count(number: f64) -> String {
    let (factor, unit) = match number {
        n if n >= 1e9 => (1e9, " billion"),
        n if n >= 1e6 => (1e6, " million"),
        _ => (1.0, ""),
    };
    let digits = usize::from(number / factor < 10.0 && factor > 1.0);
    format!("{:.digits$}{unit}", number / factor)
}

fn time(record: &RunRecord) -> Option<Said> {
    let seconds = record.times?.seconds;
    let n = record.images.map(|images| images.done).filter(|n| *n > 0)?;
    let each = seconds / n as f64;
    let digits = if each < 0.1 { 4 } else { 2 };
    Some((format!("{each:.digits$} s"), format!("{seconds:.1} s in all")))
}

fn task(shown: &Shown) -> Option<Said> {
    let output = &record(shown)?.output;
    let name = known(&output.task)?.to_owned();
    let target = shown.run.task.as_ref().map(|task| task.task.target);
    let details = match (target, shown.run.task.as_ref()) {
        (Some(Target::Labels), _) => format!("{} labels", output.n_classes),
        (Some(Target::Value), Some(task)) => {
            // Targets without a name are numbered.
            let is_number = |(i, name): (usize, &String)| *name == i.to_string();
            let are_numbers = task.channels.iter().enumerate().all(is_number);
            let named = match task.channels.as_slice() {
                [_] if are_numbers => "1 target".to_owned(),
                names @ ([_] | [_, _] | [_, _, _]) if !are_numbers => names.join(", "),
                names => format!("{} targets", names.len()),
            };
            match task.target.unit.as_str() {
                "" => named,
                unit => format!("{named} in {unit}"),
            }
        }
        _ => format!("{} classes", output.n_classes),
    };
    Some((name, details))
}

fn runtime(record: &RunRecord) -> Option<Said> {
    let (mcdrop, runtime) = (&record.mcdrop, &record.runtime);
    let version = known(&runtime.onnxruntime)?;
    let threads = match runtime.threads {
        1 => "1 thread".to_owned(),
        n => format!("{n} threads"),
    };
    Some((format!("mcdrop {mcdrop}, ONNX Runtime {version},"), threads))
}

fn model_file(model: &ModelRecord) -> Option<Said> {
    let hash = model.hashes().next()?;
    let short = hash.get(..12).unwrap_or(hash);
    Some((format!("sha256 {short}…"), format!("opset {}", model.opset)))
}

/// Returns the sites of the first run.
pub(super) fn sites(shown: &Shown) -> Vec<Site> {
    let sites = record(shown).into_iter().flat_map(|record| &record.sites);
    sites
        .map(|site| Site {
            node: site.node.clone(),
            kind: site.kind.clone(),
            ratio: site
                .ratio
                .map_or("by the image".to_owned(), |ratio| (ratio as f32).to_string()),
            unit: site.unit.clone(),
        })
        .collect()
}

/// Returns the preprocessing settings of the first run.
pub(super) fn settings(shown: &Shown) -> &[PreprocessingSetting] {
    record(shown).map(|record| record.preprocessing.as_slice()).unwrap_or_default()
}
