//! Fills in the record of a run (`run.json`).

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::job::{Job, Summary};
use super::scales::Scales;
use crate::cost::costs;
use crate::error::{Error, Result};
use crate::graph::Warning;
use crate::head::Role;
use crate::input::{ImageFile, Preprocessing, hexadecimal};
use crate::output::format::Format;
use crate::record::{
    FileHash, ImageCounts, InputFolder, LEVELS_VERSION, ModelRecord, MultiplyAdds,
    OutputRecord, PreprocessingSetting, RunRecord, RuntimeRecord, SamplingRecord,
    SiteRecord, StopRecord, TargetRecord, Times, name_of, recorded_path,
};
use crate::runtime::Runtime;
use crate::sampling::{Sampler, model_input};
use crate::simd::Isa;
use crate::task::{ModelTask, TASKS, Target};

/// What is known about a run that is about to start.
pub(super) struct StartingRun<'a> {
    pub(super) sampler: &'a Sampler,
    /// Height and width of the network's input for the first image.
    pub(super) size: (usize, usize),
    pub(super) task: &'a ModelTask,
    pub(super) scales: &'a Scales,
    pub(super) runtime: &'a Runtime,
    pub(super) preprocessing: &'a Preprocessing,
    pub(super) job: &'a Job,
}

/// Returns the record of a run that is about to start.
pub(super) fn run_record(run: &StartingRun) -> Result<RunRecord> {
    let StartingRun { sampler, size, runtime, preprocessing, job, .. } = *run;
    let settings = preprocessing.settings().iter();
    let path_of = |path: &Path| match job.output.private {
        true => name_of(path),
        // A relative path is recorded as it was typed.
        false if path.is_absolute() => recorded_path(path, &job.folder),
        false => path.display().to_string(),
    };
    let with_recorded_paths = |text: &str| {
        preprocessing.paths().iter().fold(text.to_owned(), |text, path| {
            text.replace(&path.display().to_string(), &path_of(path))
        })
    };
    Ok(RunRecord {
        mcdrop: env!("CARGO_PKG_VERSION").to_owned(),
        model: model(sampler, path_of(sampler.plan().model().path()))?,
        runtime: RuntimeRecord {
            onnxruntime: runtime.version().to_string(),
            library: path_of(runtime.path()),
            provider: "CPUExecutionProvider".to_owned(),
            kernels: Isa::detect().name().to_owned(),
            threads: sampler.options().threads,
        },
        sampling: sampling(sampler),
        multiply_adds: multiply_adds(sampler, runtime, size),
        sites: sites(sampler),
        preprocessing: settings
            .map(|setting| PreprocessingSetting {
                key: setting.key.to_owned(),
                value: with_recorded_paths(&setting.value),
                from: with_recorded_paths(&setting.origin),
            })
            .collect(),
        classes: preprocessing.class_names.clone(),
        palette: preprocessing.palette.as_ref().map(|palette| palette.colors().to_vec()),
        output: output(run)?,
        inputs: inputs(job),
        images: None,
        times: None,
    })
}

/// Adds the numbers of images and the times at the end of the run.
pub(super) fn finish(record: &mut RunRecord, started: SystemTime, summary: &Summary) {
    let unix = started.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    record.images =
        Some(ImageCounts { done: summary.done as u64, failed: summary.failed as u64 });
    record.times =
        Some(Times { started_unix_seconds: unix, seconds: summary.time.as_secs_f64() });
}

fn model(sampler: &Sampler, path: String) -> Result<ModelRecord> {
    let plan = sampler.plan();
    let files = plan.model().file_hashes()?;
    let (prefix_nodes, suffix_nodes) = plan.node_counts();
    let head = plan.heads().first();
    Ok(ModelRecord {
        path,
        files: files
            .into_iter()
            .map(|(name, hash)| FileHash { name, sha256: hexadecimal(&hash) })
            .collect(),
        producer: plan.model().producer(),
        opset: plan.model().opset(),
        output: head.output.clone(),
        scores: sampler.output_layout().kind().name().to_owned(),
        heads: match sampler.output_layout().task().target {
            Target::Class if !sampler.output_layout().has_logit_noise() => Vec::new(),
            Target::Class | Target::Labels | Target::Value => plan.heads().described(),
        },
        removed_from_end: Some(head.cut_off.join(", ")).filter(|text| !text.is_empty()),
        prefix_nodes,
        suffix_nodes,
        warnings: plan.survey().warnings.iter().map(Warning::message).collect(),
    })
}

fn sampling(sampler: &Sampler) -> SamplingRecord {
    let options = sampler.options();
    let batching = sampler.batching();
    SamplingRecord {
        samples: if options.deterministic { 0 } else { options.samples },
        stop: sampler.stop_rule().map(|stop| StopRecord {
            steering: stop.target.name().to_owned(),
            tolerance: stop.tolerance,
        }),
        seed: options.seed,
        draws: options.draws.name().to_owned(),
        logit_noise_samples: sampler
            .output_layout()
            .has_logit_noise()
            .then(|| options.logit_noise_draws()),
        masks: options.masks.name().to_owned(),
        deterministic: options.deterministic,
        batch_size: options.batch_size,
        memory: options.memory,
        rows_per_run: batching.rows_per_run,
        rows_per_run_limited_by: batching.limited_by.clone(),
        batch_size_opened: batching.opened_batch,
        disabled: options.disabled.iter().map(|one| one.name().to_owned()).collect(),
    }
}

fn sites(sampler: &Sampler) -> Vec<SiteRecord> {
    let sites = sampler.plan().sites().iter();
    sites
        .map(|site| SiteRecord {
            node: site.node.clone(),
            tensor: site.tensor.clone(),
            ratio: site.ratio.map(f64::from),
            kind: site.kind.name().to_owned(),
            unit: site.unit.name().to_owned(),
            key: format!("{:016x}", site.key),
        })
        .collect()
}

fn output(run: &StartingRun) -> Result<OutputRecord> {
    let StartingRun { sampler, task, scales, job, .. } = *run;
    let options = &job.output;
    let n_classes = sampler.output_layout().n_classes();
    let overview = options.shows_overview().then_some(task.task.overview);
    let maps = options.map_measures(task.task);
    let measures = options.table_measures(task.task);
    let shown: Vec<_> = measures.iter().chain(&maps).copied().chain(overview).collect();
    let quantities = task.quantities(&shown);
    let scaled = quantities.iter().map(|one| (one, scales.of(one, n_classes)));
    let scaled: Vec<_> = scaled.filter(|(_, scale)| scale.high.is_finite()).collect();
    let is_regression = task.task.target == Target::Value;
    let policy = options.policy.as_ref().map(serde_json::to_value).transpose();
    Ok(OutputRecord {
        task: task.task.name.to_owned(),
        item: item_of_record(task),
        n_classes,
        targets: if is_regression { task.channels.clone() } else { Vec::new() },
        interval: is_regression.then_some(task.interval),
        target: is_regression.then(|| target(sampler, task)),
        measures: measures.iter().map(|m| m.name.to_owned()).collect(),
        maps: maps.iter().map(|m| m.name.to_owned()).collect(),
        prediction: options.prediction,
        overlay: options.overlay,
        formats: options.formats.iter().map(|f| f.name.to_owned()).collect(),
        reading: options
            .formats
            .iter()
            .map(|format| (format.name, reading(format, is_regression)))
            .collect(),
        map_size: options.map_size,
        map_scale: options.map_scale,
        levels_version: task.has_maps().then_some(LEVELS_VERSION),
        square_root: if task.has_maps() { square_root(task, job) } else { Vec::new() },
        bounds: scaled
            .iter()
            .map(|(one, scale)| (one.name.as_str(), f64::from(scale.high)))
            .collect(),
        lower_bounds: scaled
            .iter()
            .filter(|(_, scale)| scale.low != 0.0)
            .map(|(one, scale)| (one.name.as_str(), f64::from(scale.low)))
            .collect(),
        units: shown.iter().map(|m| (m.name, task.unit(m))).collect(),
        keep_probabilities: options.keep_probabilities,
        policy: policy
            .map_err(|error| Error::runtime("recording the policy", error.to_string()))?,
        report: options.report,
    })
}

/// Returns the names of the maps whose levels are those of the square root.
fn square_root(task: &ModelTask, job: &Job) -> Vec<String> {
    let shown = job.output.quantities_of_pictures(task).into_iter();
    shown.filter(|one| one.measure.sqrt_scale).map(|one| one.name).collect()
}

fn target(sampler: &Sampler, task: &ModelTask) -> TargetRecord {
    let mut roles = sampler.plan().heads().readings().iter().filter_map(|one| one.role);
    let noise_variance = f64::from(sampler.options().target.noise_variance);
    TargetRecord {
        unit: task.target.unit.clone(),
        has_variance: roles.any(Role::is_spread) || noise_variance > 0.0,
        noise_variance,
        valid: task.target.valid.map(|range| [range.low, range.high]),
        invalid: task.target.invalid,
    }
}

/// Returns the formula from pixels of a format to values. Scales of a regression may start at another
/// value than 0.
fn reading(format: &Format, is_regression: bool) -> String {
    if !is_regression {
        return format.reading.to_owned();
    }
    let from_low = "low = lower_bound or 0: value = low + (bound - low) *";
    format.reading.replace("value = bound *", from_low)
}

/// Returns what is predicted one by one, where the name of the task does not tell.
fn item_of_record(task: &ModelTask) -> Option<String> {
    let mut named = TASKS.iter().filter(|other| other.name == task.task.name);
    let is_open = named.any(|other| other.item != task.task.item);
    is_open.then(|| task.task.item.singular().to_owned())
}

/// Largest number of input folders in the record.
const MAX_INPUT_FOLDERS: usize = 64;

/// Returns the folders of the images, from which `mcdrop report` reads them later.
fn inputs(job: &Job) -> Vec<InputFolder> {
    if job.output.private {
        return Vec::new();
    }
    let mut roots: Vec<(&Path, usize)> = Vec::new();
    for root in job.images.iter().filter_map(ImageFile::root) {
        if roots.last() != Some(&root) && !roots.contains(&root) {
            roots.push(root);
        }
        if roots.len() == MAX_INPUT_FOLDERS {
            break;
        }
    }
    roots
        .into_iter()
        .map(|(path, skip)| InputFolder {
            folder: recorded_path(path, &job.folder),
            skip,
        })
        .collect()
}

/// Counts the multiply-adds of an image of this size; `None` if they cannot be counted.
fn multiply_adds(
    sampler: &Sampler,
    runtime: &Runtime,
    (height, width): (usize, usize),
) -> Option<MultiplyAdds> {
    let plan = sampler.plan();
    let input = model_input(plan).ok()?;
    let counted = costs(plan.model(), runtime, &input.sizes(1, height, width)).ok()?;
    Some(MultiplyAdds {
        needed: counted.of(plan.needed_nodes()),
        every_sample: counted.of(plan.suffix_nodes()),
        height,
        width,
    })
}
