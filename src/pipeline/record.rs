//! `run.json`: everything needed to do a run again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::run::{Job, Summary};
use super::write::Precision;
use crate::cost::costs;
use crate::error::{Error, Result};
use crate::input::{ImageFile, Preprocessing, hexadecimal};
use crate::measure::PREDICTIVE_ENTROPY;
use crate::palette::Palette;
use crate::runtime::Runtime;
use crate::sampling::{Sampler, model_input};
use crate::simd::Isa;
use crate::sums::ScoreKind;

/// The record of a run.
pub(super) struct Record(Map<String, Value>);

impl Record {
    pub(super) fn new(
        (sampler, size): (&Sampler, (usize, usize)),
        runtime: &Runtime,
        preprocessing: &Preprocessing,
        job: &Job,
    ) -> Result<Self> {
        let mut record = Map::new();
        let mut put = |key: &str, value: Value| record.insert(key.to_owned(), value);
        put("mcdrop", json!(env!("CARGO_PKG_VERSION")));
        put("model", model(sampler)?);
        put(
            "runtime",
            json!({
                "onnxruntime": runtime.version(),
                "library": runtime.path().display().to_string(),
                "provider": "CPUExecutionProvider",
                "kernels": Isa::detect().name(),
                "threads": sampler.options().threads,
            }),
        );
        put("sampling", sampling(sampler));
        put("multiply_adds", multiply_adds(sampler, runtime, size));
        put("sites", sites(sampler));
        let settings = preprocessing.settings().iter();
        let settings =
            settings.map(|s| json!({"key": s.key, "value": s.value, "from": s.origin}));
        put("preprocessing", settings.collect());
        put("classes", json!(preprocessing.class_names));
        put("palette", json!(preprocessing.palette.as_ref().map(Palette::colors)));
        put("output", output(sampler, job));
        put("inputs", inputs(job));
        Ok(Self(record))
    }

    /// Adds what is known at the end.
    pub(super) fn finish(&mut self, started: SystemTime, summary: &Summary) {
        let unix = started.duration_since(UNIX_EPOCH).map(|time| time.as_secs());
        let images = json!({"done": summary.done, "failed": summary.failed});
        let times = json!({
            "started_unix_seconds": unix.unwrap_or(0),
            "seconds": summary.time.as_secs_f64(),
        });
        self.0.insert("images".to_owned(), images);
        self.0.insert("times".to_owned(), times);
    }

    /// What an earlier run's record says otherwise, as far as results depend on it: a phrase
    /// for each value, none where the rows of both can stand in one table.
    pub(super) fn differences(&self, earlier: &Value) -> Vec<String> {
        let (before, now) = (decisive(earlier), decisive(&self.value()));
        let keys: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
        let differs = |key: &&&String| before.get(**key) != now.get(**key);
        let keys: Vec<&String> = keys.iter().filter(differs).copied().collect();
        // With another model or another mcdrop everything else differs by itself.
        let causes = ["mcdrop", "model.files"];
        if let Some(key) =
            causes.iter().find(|key| keys.iter().any(|other| other == *key))
        {
            return vec![difference(key, before.get(*key), now.get(*key))];
        }
        keys.iter().map(|key| difference(key, before.get(*key), now.get(*key))).collect()
    }

    /// What it says, as it is read from `run.json`.
    pub(super) fn value(&self) -> Value {
        Value::Object(self.0.clone())
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(&self.0)
            .map_err(|error| Error::runtime("writing run.json", error.to_string()))?;
        text.push(b'\n');
        Ok(text)
    }
}

/// Values of a record on which results do not depend.
const INDECISIVE: &[&str] = &[
    "model.path",
    "preprocessing.max_pixels",
    "preprocessing.left out",
    "model.prefix_nodes",
    "model.suffix_nodes",
    "runtime.library",
    "runtime.kernels",
    "runtime.threads",
    "sampling.batch_size",
    "sampling.memory",
    "sampling.rows_per_run",
    "sampling.rows_per_run_limited_by",
    "sampling.batch_size_opened",
    "multiply_adds",
    "output.report",
    "inputs",
    "images",
    "times",
];

/// The values of a record on which results depend, by `group.key`.
fn decisive(record: &Value) -> BTreeMap<String, Value> {
    let mut values = BTreeMap::new();
    for (group, value) in record.as_object().into_iter().flatten() {
        match value {
            Value::Object(inner) => {
                let keyed = |(key, value): (&String, &Value)| {
                    let key = format!("{group}.{key}");
                    let is_model = key == "model.files";
                    let value =
                        if is_model { without_names(value) } else { value.clone() };
                    (key, value)
                };
                values.extend(inner.iter().map(keyed));
            }
            Value::Array(settings) if group == "preprocessing" => {
                let keyed = |setting: &Value| {
                    let key = setting["key"].as_str().unwrap_or_default();
                    (format!("{group}.{key}"), setting["value"].clone())
                };
                values.extend(settings.iter().map(keyed));
            }
            value => drop(values.insert(group.clone(), value.clone())),
        }
    }
    let is_indecisive = |key: &str| {
        INDECISIVE.iter().any(|name| {
            key.strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };
    values.retain(|key, _| !is_indecisive(key));
    values
}

/// A model is what is in its files, whatever they are called.
fn without_names(files: &Value) -> Value {
    let files = files.as_array().map(Vec::as_slice).unwrap_or_default();
    files.iter().map(|file| file["sha256"].clone()).collect()
}

fn difference(key: &str, before: Option<&Value>, now: Option<&Value>) -> String {
    let key = key.rsplit('.').next().unwrap_or(key);
    let short = |value: Option<&Value>| match value {
        None | Some(Value::Null) => Some("none".to_owned()),
        Some(Value::String(text)) => Some(text.clone()),
        Some(value) => Some(value.to_string()),
    };
    let short = |value| short(value).filter(|text| text.len() <= 80);
    match (short(before), short(now)) {
        _ if key == "files" => "the model is another one".to_owned(),
        (Some(before), Some(now)) => format!("{key} was {before}, is {now} now"),
        _ => format!("{key} are others"),
    }
}

fn model(sampler: &Sampler) -> Result<Value> {
    let plan = sampler.plan();
    let files = plan.model().file_hashes()?;
    let files = files
        .iter()
        .map(|(name, hash)| json!({"name": name, "sha256": hexadecimal(hash)}));
    let (prefix, suffix) = plan.node_counts();
    Ok(json!({
        "path": plan.model().path().display().to_string(),
        "files": files.collect::<Value>(),
        "producer": plan.model().producer(),
        "opset": plan.model().opset(),
        "output": plan.heads().first().output,
        "scores": match sampler.scores().kind() {
            ScoreKind::Logits => "logits",
            ScoreKind::Probabilities => "probabilities",
        },
        "removed_from_end": Some(plan.heads().first().cut_off.join(", ")).filter(|removed| !removed.is_empty()),
        "prefix_nodes": prefix,
        "suffix_nodes": suffix,
    }))
}

fn sampling(sampler: &Sampler) -> Value {
    let options = sampler.options();
    json!({
        "samples": if options.deterministic { 0 } else { options.samples },
        "stop": sampler.stop_rule().map(|stop| json!({
            "steering": stop.target.name(),
            "tolerance": stop.tolerance,
        })),
        "seed": options.seed,
        "draws": options.draws.name(),
        "masks": options.masks.name(),
        "deterministic": options.deterministic,
        "batch_size": options.batch_size,
        "memory": options.memory,
        "rows_per_run": sampler.batching().rows_per_run,
        "rows_per_run_limited_by": sampler.batching().limited_by,
        "batch_size_opened": sampler.batching().opened_batch,
        "disabled": options.disabled.iter().map(|one| one.name()).collect::<Vec<_>>(),
    })
}

fn sites(sampler: &Sampler) -> Value {
    let sites = sampler.plan().sites().iter().map(|site| {
        json!({
            "node": site.node,
            "tensor": site.tensor,
            "ratio": site.ratio,
            "kind": site.kind.name(),
            "unit": site.unit.name(),
            "key": format!("{:016x}", site.key),
        })
    });
    sites.collect()
}

fn output(sampler: &Sampler, job: &Job) -> Value {
    let n_classes = sampler.scores().n_classes();
    let options = &job.output;
    let overlay = options.overlay.then_some(&PREDICTIVE_ENTROPY);
    let measures =
        || options.measures.iter().chain(&options.maps).copied().chain(overlay);
    let bounds: Map<String, Value> = measures()
        .map(|m| (m.name.to_owned(), json!(m.upper_bound(n_classes))))
        .collect();
    let units: Map<String, Value> =
        measures().map(|m| (m.name.to_owned(), json!(m.unit))).collect();
    let reading: Map<String, Value> =
        options.formats.iter().map(|f| (f.name.to_owned(), json!(f.reading))).collect();
    json!({
        "task": if sampler.scores().is_map() { "segmentation" } else { "classification" },
        "n_classes": n_classes,
        "measures": options.measures.iter().map(|m| m.name).collect::<Value>(),
        "maps": options.maps.iter().map(|m| m.name).collect::<Value>(),
        "prediction": options.prediction,
        "overlay": options.overlay,
        "formats": options.formats.iter().map(|f| f.name).collect::<Value>(),
        "reading": reading,
        "map_size": options.map_size.name(),
        "bounds": bounds,
        "units": units,
        "keep_probabilities": options.keep_probabilities.map(|precision| match precision {
            Precision::F32 => "f32",
            Precision::F16 => "f16",
        }),
        "policy": options.policy,
        "report": options.report,
    })
}

/// Folders of images that are named.
const MOST_ROOTS: usize = 64;

/// Where the images were: a page made later shows them from there.
fn inputs(job: &Job) -> Value {
    let mut roots: Vec<(&Path, usize)> = Vec::new();
    for root in job.images.iter().filter_map(ImageFile::root) {
        if roots.last() != Some(&root) && !roots.contains(&root) {
            roots.push(root);
        }
        if roots.len() == MOST_ROOTS {
            break;
        }
    }
    let root = |(path, skip): &(&Path, usize)| json!({"folder": path.display().to_string(), "skip": skip});
    roots.iter().map(root).collect()
}

/// Multiply-adds of an image of this size: those of what is needed, and of what every sample
/// repeats; nothing where they cannot be counted.
fn multiply_adds(
    sampler: &Sampler,
    runtime: &Runtime,
    (height, width): (usize, usize),
) -> Value {
    let plan = sampler.plan();
    let counted = model_input(plan)
        .and_then(|input| costs(plan.model(), runtime, &input.sizes(1, height, width)));
    let Ok(counted) = counted else { return Value::Null };
    json!({
        "needed": counted.of(plan.needed_nodes()),
        "every_sample": counted.of(plan.suffix_nodes()),
        "height": height,
        "width": width,
    })
}
