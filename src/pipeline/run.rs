//! Runs a job: reads, samples and writes its images.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::{Instant, SystemTime};

use super::Setup;
use super::check;
use super::collect::{Collector, Counts, Outcome, start_writers};
use super::images::{self, Loaded, LoadedAhead, Reader};
use super::job::{Event, Job, Summary};
use super::observe::Observer;
use super::open::{FirstImage, OpenedModel, open_model};
use super::record::{StartingRun, finish, run_record};
use super::resume::Rows;
use super::scales::Scales;
use super::write::{Predicted, Writer};
use crate::error::{Error, Result};
use crate::input::{ImageFile, Preprocessing};
use crate::output::folder::{OutputFolder, RECORD};
use crate::output::table::Table;
use crate::policy::{Policy, gaussian_factor};
use crate::record::RunRecord;
use crate::runtime::Runtime;
use crate::sampling::Sampler;
use crate::sums::StdFactors;
use crate::task::{ModelTask, Target};

/// Predicts every image of a job and writes its files. `tell` receives the events of the run.
///
/// If the folder contains results of the same job, finished images are kept and failed ones are
/// tried again. In the end the files are those of a run that was never stopped. Once `stop` is set,
/// images that have been sampled are still written, and the others are not predicted.
///
/// # Errors
/// Fails if the model cannot be opened or sampled, if no image can be read, if a file cannot be
/// written, if another process writes into the folder, or if it contains results of another job.
/// An image that cannot be read or predicted does not fail the run: its row contains the error.
pub fn predict(
    setup: Setup,
    runtime: &Runtime,
    job: &Job,
    stop: &AtomicBool,
    tell: &mut (dyn FnMut(Event<'_>) + Send),
) -> Result<Summary> {
    predict_observed(setup, runtime, job, stop, tell, None)
}

/// Predicts like [`predict`], and passes each prediction to an observer.
///
/// # Errors
/// Fails like [`predict`], and if the observer refuses the run or the folder contains finished
/// images, which the observer would not receive.
pub fn predict_observed(
    setup: Setup,
    runtime: &Runtime,
    job: &Job,
    stop: &AtomicBool,
    tell: &mut (dyn FnMut(Event<'_>) + Send),
    observer: Option<&dyn Observer>,
) -> Result<Summary> {
    let Setup { plan, preprocessing } = setup;
    OutputFolder::refuse_file(&job.folder)?;
    check::names(job)?;
    let OpenedModel { mut sampler, first } =
        open_model(&plan, runtime, job, &preprocessing)?;
    let task = &model_task(&sampler, &preprocessing, job)?;
    job.output.check_measures(task.task)?;
    check::options_of_task(job, task.task)?;
    check::kept_arrays(&job.output, task.task)?;
    let columns = job.output.columns(task);
    let size = first.loaded.input.size();
    let scales = Scales::choose(&mut sampler, task, job, (&preprocessing, &first));
    let mut record = run_record(&StartingRun {
        sampler: &sampler,
        size,
        task,
        scales: &scales,
        runtime,
        preprocessing: &preprocessing,
        job,
    })?;
    check::policy(&job.output, &record)?;
    check::label_thresholds(&job.output, task)?;
    if let Some(observer) = observer {
        let ids = job.images.iter().map(|file| file.id().to_owned()).collect();
        observer.begin(&record, ids)?;
    }
    let folder = OutputFolder::create(&job.folder)?;
    let mut table = Table::claim(&folder, columns)?;
    check::case(job, &folder)?;
    let mut rows = Rows::begin(&mut table, &folder, &record, job, task)?;
    if observer.is_some() && rows.kept() > 0 {
        let message = format!(
            "contains {} images of an earlier run, which would not be predicted again",
            rows.kept()
        );
        return Err(Error::setting("output", message)
            .with_hint("replace them with `overwrite = true`, or name another folder"));
    }
    if !rows.pending().is_empty() {
        folder.clear_derived()?;
    }
    // Written first, so that the record exists even if the run is killed.
    write_record(&folder, &record)?;
    let kept = rows.kept();
    tell(Event::Started { sampler: &sampler, task, record: &record, kept });
    rows.tell_kept(&mut table, tell)?;
    let started = (SystemTime::now(), Instant::now());
    let mut run = Run {
        sampler,
        task,
        scales: &scales,
        folder: &folder,
        job,
        preprocessing: &preprocessing,
        stop,
        observer,
    };
    let counts = run.all(first, &mut table, &mut rows, tell)?;
    let summary = Summary {
        done: counts.done,
        failed: counts.failed,
        kept: rows.kept(),
        stopped: counts.stopped,
        time: started.1.elapsed(),
    };
    if !summary.stopped {
        finish(&mut record, started.0, &summary);
        write_record(&folder, &record)?;
    }
    Ok(summary)
}

/// Returns the task of a model, with the names of its labels or targets.
///
/// # Errors
/// Fails if names or colors were given and are not as many as the classes, labels or targets.
fn model_task(
    sampler: &Sampler,
    preprocessing: &Preprocessing,
    job: &Job,
) -> Result<ModelTask> {
    let (task, n) = (sampler.output_layout().task(), sampler.output_layout().n_classes());
    if task.target == Target::Value {
        preprocessing.check_targets(n)?;
    } else {
        if preprocessing.has_targets_option() {
            return Err(check::without_values("targets", task));
        }
        preprocessing.check_class_names(n)?;
        preprocessing.check_palette(n)?;
    }
    let names = preprocessing.class_names.as_deref().unwrap_or_default();
    let task = ModelTask::new(task, n, names, &preprocessing.target);
    if task.task.target != Target::Value {
        return Ok(task);
    }
    let policy = job.output.policy.as_ref();
    let of_policy = policy.and_then(Policy::interval_level);
    let interval = job.output.interval.or(of_policy).unwrap_or(ModelTask::INTERVAL);
    let gaussian = StdFactors {
        interval: gaussian_factor(interval),
        calibrated: StdFactors::default().calibrated,
    };
    let std_factors = match policy {
        Some(policy) if !policy.targets.is_empty() => policy.std_factors(interval),
        _ => vec![gaussian; n],
    };
    Ok(ModelTask { interval, std_factors, ..task })
}

fn write_record(folder: &OutputFolder, record: &RunRecord) -> Result<()> {
    folder.save(RECORD, record.encode().map_err(std::io::Error::from))
}

struct Run<'a> {
    sampler: Sampler,
    task: &'a ModelTask,
    scales: &'a Scales,
    folder: &'a OutputFolder,
    job: &'a Job,
    preprocessing: &'a Preprocessing,
    stop: &'a AtomicBool,
    observer: Option<&'a dyn Observer>,
}

impl Run<'_> {
    /// Runs the images that have no row yet.
    fn all(
        &mut self,
        first: FirstImage,
        table: &mut Table,
        rows: &mut Rows,
        tell: &mut (dyn FnMut(Event<'_>) + Send),
    ) -> Result<Counts> {
        let (job, preprocessing, folder) = (self.job, self.preprocessing, self.folder);
        let pending = rows.pending();
        let files: Vec<&ImageFile> = pending.iter().map(|&i| &job.images[i]).collect();
        let position = pending.iter().position(|&image| image == first.index);
        let ahead =
            position.map(|position| LoadedAhead { position, loaded: first.loaded });
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(job.sampling.threads).build();
        let writer = Writer {
            threads: pool.map_err(|e| {
                Error::runtime("starting threads", e.to_string()).with_hint(
                    "use fewer: `threads = 1`; or raise the limit, `ulimit -u`",
                )
            })?,
            folder,
            options: &job.output,
            class_names: preprocessing.class_names.as_deref(),
            palette: preprocessing.palette.clone().unwrap_or_default(),
            task: self.task,
            scales: self.scales,
            observer: self.observer,
        };
        let threads = job.sampling.threads;
        let (ended, stop) = (AtomicBool::new(false), self.stop);
        let go_on = || !(ended.load(Ordering::Relaxed) || stop.load(Ordering::Relaxed));
        std::thread::scope(|scope| {
            let reader =
                Reader::start(scope, &files, ahead, preprocessing, threads, &go_on);
            let (outcomes, written) = start_writers(scope, &files, &writer, threads);
            let ended = &ended;
            let collector = scope.spawn(move || {
                let mut collector = Collector { table, rows, tell };
                let result = collector.collect(&pending, &written, stop);
                ended.store(true, Ordering::Relaxed);
                result
            });
            self.sample_all(reader, &files, &outcomes, &go_on);
            drop(outcomes);
            collector.join().unwrap_or_else(|_| {
                Err(Error::runtime("writing rows", "a thread ended early"))
            })
        })
    }

    fn sample_all(
        &mut self,
        mut reader: Reader,
        files: &[&ImageFile],
        outcomes: &[SyncSender<Outcome>],
        go_on: &dyn Fn() -> bool,
    ) {
        for (i, file) in files.iter().enumerate() {
            let Some(loaded) = reader.next() else { return };
            let sampled = loaded.and_then(|loaded| {
                images::guarded(file, || self.sample(file, loaded, go_on))
            });
            let Some(outcome) = sampled.transpose() else { return };
            let gone = outcomes[i % outcomes.len()].send(outcome).is_err();
            if gone || !go_on() {
                return;
            }
        }
    }

    /// Samples an image; returns `None` if the run was stopped meanwhile.
    fn sample(
        &mut self,
        file: &ImageFile,
        loaded: Loaded,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Option<Box<Predicted>>> {
        let Loaded { decoded, input, admitted } = loaded;
        let key = decoded.mask_key();
        let geometry = input.geometry;
        let statistics = self
            .sampler
            .sample_while(input, key, go_on)
            .map_err(|error| error.of_image(&file.path()))?;
        let Some(statistics) = statistics else { return Ok(None) };
        let is_deterministic = self.sampler.options().deterministic;
        let samples = if is_deterministic { 0 } else { statistics.n_samples() as u32 };
        Ok(Some(Box::new(Predicted { decoded, geometry, statistics, samples, admitted })))
    }
}
