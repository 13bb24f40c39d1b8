//! What a run was, in words.

use serde_json::Value;

use super::files::Shown;

/// In few words, and what else there is to say, if anything.
pub(super) type Said = (String, String);

/// A fact: what, and what it is.
pub(super) struct Fact {
    pub(super) term: &'static str,
    /// Whether it is seen at once.
    pub(super) is_first: bool,
    /// As many as runs: in few words, and what else there is to say.
    pub(super) values: Vec<Said>,
}

/// A site where randomness enters.
pub(super) struct Site {
    pub(super) node: String,
    pub(super) kind: String,
    pub(super) ratio: String,
    pub(super) unit: String,
}

/// A setting of the preprocessing, and where it came from.
pub(super) struct Setting {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) from: String,
}

/// Facts that are seen at once; the others are a click away.
const FIRST: usize = 6;

/// What a fact is called, and how it is found.
type Kind = (&'static str, fn(&Shown) -> Option<Said>);

const KINDS: [Kind; 12] = [
    ("Images", |one| Some(images(one))),
    ("Samples (T)", |one| samples(&one.run.record["sampling"])),
    ("Dropout sites", |one| alone(one.run.record["sites"].as_array()?.len().to_string())),
    ("Work done once", |one| work(&one.run.record)),
    ("Time an image", time),
    ("Task", |one| task(&one.run.record["output"])),
    ("Model", |one| alone(file_name(one.run.record["model"]["path"].as_str()?))),
    ("Draws", |one| draws(&one.run.record["sampling"])),
    ("Seed", |one| alone(one.run.record["sampling"]["seed"].as_u64()?.to_string())),
    ("Runtime", |one| runtime(&one.run.record)),
    ("Model file", |one| model_file(&one.run.record["model"])),
    ("Folder", |one| alone(one.run.path.display().to_string())),
];

/// The facts of the runs, side by side; what no record says is left out.
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

#[expect(
    clippy::unnecessary_wraps,
    reason = "as the other facts, which may not be known"
)]
fn alone(text: String) -> Option<Said> {
    Some((text, String::new()))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
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

/// A number with a comma between thousands.
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

fn samples(sampling: &Value) -> Option<Said> {
    let samples = sampling["samples"].as_u64()?;
    if sampling["deterministic"] == true {
        return Some(("none".to_owned(), "one pass with every dropout off".to_owned()));
    }
    let stop = &sampling["stop"];
    let more = stop["steering"].as_str().zip(stop["tolerance"].as_f64());
    match more {
        None => alone(samples.to_string()),
        Some((steering, tolerance)) => Some((
            format!("up to {samples}"),
            format!("until {steering} is known to {tolerance}"),
        )),
    }
}

fn draws(sampling: &Value) -> Option<Said> {
    let masks = match sampling["masks"].as_str()? {
        "shared" => "the same masks for all images",
        _ => "masks of its own for each image",
    };
    Some((format!("{},", sampling["draws"].as_str()?), masks.to_owned()))
}

fn work(record: &Value) -> Option<Said> {
    let costs = &record["multiply_adds"];
    let (needed, repeated) = (costs["needed"].as_f64()?, costs["every_sample"].as_f64()?);
    if needed <= 0.0 {
        return None;
    }
    let once = 100.0 * (1.0 - repeated / needed);
    let digits = usize::from(once > 99.0 && once < 100.0);
    let (width, height) = (costs["width"].as_u64()?, costs["height"].as_u64()?);
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

fn time(shown: &Shown) -> Option<Said> {
    let seconds = shown.run.record["times"]["seconds"].as_f64()?;
    let n = shown.run.record["images"]["done"].as_u64().filter(|n| *n > 0)?;
    let each = seconds / n as f64;
    let digits = if each < 0.1 { 4 } else { 2 };
    Some((format!("{each:.digits$} s"), format!("{seconds:.1} s in all")))
}

fn task(output: &Value) -> Option<Said> {
    let n_classes = output["n_classes"].as_u64()?;
    Some((output["task"].as_str()?.to_owned(), format!("{n_classes} classes")))
}

fn runtime(record: &Value) -> Option<Said> {
    let runtime = &record["runtime"];
    let version = runtime["onnxruntime"].as_str()?;
    let mcdrop = record["mcdrop"].as_str()?;
    let threads = match runtime["threads"].as_u64()? {
        1 => "1 thread".to_owned(),
        n => format!("{n} threads"),
    };
    Some((format!("mcdrop {mcdrop}, ONNX Runtime {version},"), threads))
}

fn model_file(model: &Value) -> Option<Said> {
    let hash = model["files"][0]["sha256"].as_str()?;
    let short = hash.get(..12).unwrap_or(hash);
    let opset = model["opset"].as_i64().map(|opset| format!("opset {opset}"));
    Some((format!("sha256 {short}…"), opset.unwrap_or_default()))
}

/// The sites of the first run.
pub(super) fn sites(shown: &Shown) -> Vec<Site> {
    let site = |site: &Value| Site {
        node: text(&site["node"]).unwrap_or_default(),
        kind: text(&site["kind"]).unwrap_or_default(),
        ratio: site["ratio"]
            .as_f64()
            .map_or("by the image".to_owned(), |r| (r as f32).to_string()),
        unit: text(&site["unit"]).unwrap_or_default(),
    };
    shown.run.record["sites"].as_array().into_iter().flatten().map(site).collect()
}

/// Its preprocessing.
pub(super) fn settings(shown: &Shown) -> Vec<Setting> {
    let setting = |setting: &Value| Setting {
        key: text(&setting["key"]).unwrap_or_default(),
        value: text(&setting["value"]).unwrap_or_else(|| setting["value"].to_string()),
        from: text(&setting["from"]).unwrap_or_default(),
    };
    let settings = shown.run.record["preprocessing"].as_array();
    settings.into_iter().flatten().map(setting).collect()
}
