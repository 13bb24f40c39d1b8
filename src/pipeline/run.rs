//! The run over a folder.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant, SystemTime};

use super::Setup;
use super::check;
use super::images::{self, Loaded, Reader};
use super::record::Record;
use super::resume::Rows;
use super::row;
use super::write::{OutputOptions, Predicted, Writer};
use crate::error::{Error, Result};
use crate::input::{ImageFile, Preprocessing};
use crate::output::folder::{OutputFolder, RECORD};
use crate::output::table::Table;
use crate::random::digest_key;
use crate::rewrite::Plan;
use crate::runtime::Runtime;
use crate::sampling::{Sampler, SamplingOptions};

/// What is to be done.
#[derive(Debug)]
pub struct Job {
    /// The images, in the order of the rows.
    pub images: Vec<ImageFile>,
    /// Where files go.
    pub folder: PathBuf,
    /// Whether the results of an earlier run there are replaced.
    pub overwrite: bool,
    /// How images are sampled.
    pub sampling: SamplingOptions,
    /// What is written.
    pub output: OutputOptions,
}

/// What a run tells while it goes on.
#[derive(Debug)]
pub enum Event<'a> {
    /// The model is open; images follow.
    Started {
        /// The model as it is run.
        sampler: &'a Sampler,
        /// Number of images that an earlier run has done.
        kept: usize,
    },
    /// An image was done by an earlier run; told for all of these before the first other.
    Kept {
        /// The image's id.
        id: &'a str,
        /// The fields of its row, in the order of [`columns`](super::columns).
        fields: &'a [String],
    },
    /// An image is done and its row is written.
    Done {
        /// The image's id.
        id: &'a str,
        /// The fields of its row, in the order of [`columns`](super::columns).
        fields: &'a [String],
    },
    /// An image failed; its row says why.
    Failed {
        /// The image's id.
        id: &'a str,
        /// The reason.
        message: &'a str,
        /// The way out, where one is known.
        hint: Option<&'a str>,
        /// The fields of its row, in the order of [`columns`](super::columns).
        fields: &'a [String],
    },
}

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Images with a prediction.
    pub done: usize,
    /// Images with an error.
    pub failed: usize,
    /// Of those done, how many an earlier run had done.
    pub kept: usize,
    /// Whether the run was stopped before the last image.
    pub stopped: bool,
    /// From the first image to the last row.
    pub time: Duration,
}

/// Predicts every image of a job and writes its files; `tell` hears of each.
///
/// Where the folder holds results of the same job, finished images are kept and failed ones
/// tried again; in the end the files are those of a run that was never stopped. Once `stop` is
/// set, images that have been sampled are still written, the others given up.
///
/// # Errors
/// If the model cannot be opened or sampled, no image can be read, a file cannot be written,
/// another process writes into the folder, or it holds results of another job.
/// An image that cannot be read or predicted is no error of the run: its row says what is
/// wrong.
pub fn predict(
    setup: Setup,
    runtime: &Runtime,
    job: &Job,
    stop: &AtomicBool,
    tell: &mut (dyn FnMut(Event<'_>) + Send),
) -> Result<Summary> {
    let Setup { plan, preprocessing } = setup;
    OutputFolder::refuse_file(&job.folder)?;
    check::names(job)?;
    let sampler = open_sampler(&plan, runtime, job, &preprocessing)?;
    check::class_names(&preprocessing, sampler.scores().n_classes())?;
    preprocessing.check_palette(sampler.scores().n_classes())?;
    let map = sampler.scores().is_map();
    let columns = row::columns(&job.output, map);
    let mut record = Record::new(&sampler, runtime, &preprocessing, job)?;
    let folder = OutputFolder::create(&job.folder)?;
    let mut table = Table::claim(&folder, &columns)?;
    let mut rows = Rows::begin(&mut table, &folder, &record, job, map)?;
    // A run that is cut short leaves word of what it was.
    folder.write(RECORD, &record.encode()?)?;
    tell(Event::Started { sampler: &sampler, kept: rows.kept() });
    rows.tell_kept(&mut table, &job.images, tell)?;
    let started = (SystemTime::now(), Instant::now());
    let mut run =
        Run { sampler, folder: &folder, job, preprocessing: &preprocessing, stop };
    let counts = run.all(&mut table, &mut rows, tell)?;
    let summary = Summary {
        done: counts.done,
        failed: counts.failed,
        kept: rows.kept(),
        stopped: counts.stopped,
        time: started.1.elapsed(),
    };
    if !summary.stopped {
        record.finish(started.0, &summary);
        folder.write(RECORD, &record.encode()?)?;
    }
    Ok(summary)
}

/// Images that are looked at for the probe before a model is given up.
const MOST_TRIED: usize = 256;
/// Sizes of images that are tried.
const MOST_SIZES: usize = 8;

/// A sampler, probed with the size of the first image that can be read and that the model takes.
fn open_sampler(
    plan: &Plan,
    runtime: &Runtime,
    job: &Job,
    preprocessing: &Preprocessing,
) -> Result<Sampler> {
    let (mut first_unusable, mut first_refused) = (None, None);
    let mut n_unusable = 0;
    let mut tried: Vec<(usize, usize)> = Vec::new();
    let mut must_be_multiple = 1;
    // A list may begin with any number of files that are not there.
    let is_there = |file: &&ImageFile| file.path().is_file();
    for file in job.images.iter().filter(is_there).take(MOST_TRIED) {
        let size = match images::load(file, preprocessing) {
            Ok(Loaded { input, .. }) => (input.height, input.width),
            Err(error) => {
                first_unusable = first_unusable.or(Some(error));
                n_unusable += 1;
                continue;
            }
        };
        let fits = |side: usize| side.is_multiple_of(must_be_multiple);
        if tried.contains(&size) || !(fits(size.0) && fits(size.1)) {
            continue;
        }
        match Sampler::new(plan.clone(), runtime, job.sampling.clone(), size) {
            Err(error @ Error::ImageSize { multiple, .. }) => {
                must_be_multiple = multiple.unwrap_or(must_be_multiple);
                first_refused = first_refused.or(Some(error.of_image(&file.path())));
            }
            other => return other,
        }
        tried.push(size);
        if tried.len() == MOST_SIZES {
            break;
        }
    }
    let first_missing =
        || job.images.first().and_then(|file| images::load(file, preprocessing).err());
    let none = || {
        Error::setting("IMAGES", "there is no image").with_hint("name files or folders")
    };
    let first_unusable = first_unusable.map(|error| and_more(error, n_unusable - 1));
    Err(first_refused.or(first_unusable).or_else(first_missing).unwrap_or_else(none))
}

/// The error of one image, where more cannot be used, either.
fn and_more(mut error: Error, n: usize) -> Error {
    if let Error::Image { message, .. } = &mut error {
        match n {
            0 => {}
            1 => message.push_str("; 1 more image cannot be used, either"),
            n => {
                let more = format!("; {n} more images cannot be used, either");
                message.push_str(&more);
            }
        }
    }
    error
}

/// An image's way to its row: predicted, or failed.
type Outcome = Result<Box<Predicted>>;

/// A row on its way to the table.
enum Row {
    Filled(Vec<String>),
    Failed { message: String, hint: Option<String> },
}

struct Run<'a> {
    sampler: Sampler,
    folder: &'a OutputFolder,
    job: &'a Job,
    preprocessing: &'a Preprocessing,
    stop: &'a AtomicBool,
}

/// Numbers of images done and failed, and whether any are left.
struct Counts {
    done: usize,
    failed: usize,
    stopped: bool,
}

impl Run<'_> {
    /// Runs the images that have no row yet.
    fn all(
        &mut self,
        table: &mut Table,
        rows: &mut Rows,
        tell: &mut (dyn FnMut(Event<'_>) + Send),
    ) -> Result<Counts> {
        let (job, preprocessing, folder) = (self.job, self.preprocessing, self.folder);
        let pending = rows.pending();
        let files: Vec<&ImageFile> = pending.iter().map(|&i| &job.images[i]).collect();
        let map = self.sampler.scores().is_map();
        let n_columns = row::columns(&job.output, map).len();
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(job.sampling.threads).build();
        let writer = Writer {
            threads: pool.map_err(|e| {
                Error::runtime("starting threads", e.to_string())
                    .with_hint("use fewer: --threads 1; or raise the limit, `ulimit -u`")
            })?,
            folder,
            options: &job.output,
            class_names: preprocessing.class_names.as_deref(),
            palette: preprocessing.palette.clone().unwrap_or_default(),
            map,
        };
        let threads = job.sampling.threads;
        let (ended, stop) = (AtomicBool::new(false), self.stop);
        let go_on = || !(ended.load(Ordering::Relaxed) || stop.load(Ordering::Relaxed));
        std::thread::scope(|scope| {
            let reader = Reader::start(scope, &files, preprocessing, threads, &go_on);
            let (outcomes, written) = start_writers(scope, &files, &writer, threads);
            let (files, ended) = (&files, &ended);
            let collector = scope.spawn(move || {
                let mut collector = Collector { table, rows, n_columns, tell };
                let result = collector.collect(files, &pending, &written, stop);
                ended.store(true, Ordering::Relaxed);
                result
            });
            self.sample_all(reader, files, &outcomes, &go_on);
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
            let outcome = loaded.and_then(|loaded| self.sample(file, loaded));
            let gone = outcomes[i % outcomes.len()].send(outcome).is_err();
            if gone || !go_on() {
                return;
            }
        }
    }

    fn sample(&mut self, file: &ImageFile, loaded: Loaded) -> Outcome {
        let Loaded { decoded, input } = loaded;
        let key = digest_key(&decoded.sha256);
        let statistics = self
            .sampler
            .predict(&input, key)
            .map_err(|error| error.of_image(&file.path()))?;
        let options = self.sampler.options();
        let samples = if options.deterministic { 0 } else { options.samples };
        Ok(Box::new(Predicted { decoded, geometry: input.geometry, statistics, samples }))
    }
}

/// Threads that write: each holds the sums of two images.
const MOST_WRITERS: usize = 2;

fn start_writers<'scope>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    files: &'scope [&'scope ImageFile],
    writer: &'scope Writer<'scope>,
    threads: usize,
) -> (Vec<SyncSender<Outcome>>, Vec<Receiver<Result<Row>>>) {
    let threads = threads.clamp(1, MOST_WRITERS.min(files.len().max(1)));
    let start = |first: usize| {
        let (send_outcome, outcomes) = sync_channel::<Outcome>(1);
        let (send_row, rows) = sync_channel(1);
        scope.spawn(move || {
            for (file, outcome) in files.iter().skip(first).step_by(threads).zip(outcomes)
            {
                let row = match outcome {
                    Ok(image) => {
                        match writer.threads.install(|| writer.write(file, &image)) {
                            Ok(written) => Ok(Row::Filled(row::filled(file, &written))),
                            Err(error) => of_one_image(error),
                        }
                    }
                    Err(error) => Ok(failed(&error)),
                };
                if send_row.send(row).is_err() {
                    return;
                }
            }
        });
        (send_outcome, rows)
    };
    (0..threads).map(start).unzip()
}

fn failed(error: &Error) -> Row {
    Row::Failed { message: error.to_string(), hint: error.hint().map(str::to_owned) }
}

/// A file that cannot be written because of its own name is its image's matter; a full disk or
/// a folder that is gone stops the run.
fn of_one_image(error: Error) -> Result<Row> {
    use std::io::ErrorKind;
    let of_its_name = matches!(
        &error,
        Error::Write { source, .. } if matches!(
            source.kind(),
            ErrorKind::InvalidFilename
                | ErrorKind::InvalidInput
                | ErrorKind::AlreadyExists
                | ErrorKind::NotADirectory
                | ErrorKind::IsADirectory
        )
    );
    if of_its_name { Ok(failed(&error)) } else { Err(error) }
}

/// Appends rows in the order of the images.
struct Collector<'a, 'b> {
    table: &'a mut Table,
    rows: &'a mut Rows,
    n_columns: usize,
    tell: &'a mut (dyn FnMut(Event<'_>) + Send + 'b),
}

impl Collector<'_, '_> {
    fn collect(
        &mut self,
        files: &[&ImageFile],
        pending: &[usize],
        written: &[Receiver<Result<Row>>],
        stop: &AtomicBool,
    ) -> Result<Counts> {
        let mut counts = Counts { done: self.rows.kept(), failed: 0, stopped: false };
        for (i, (file, &image)) in files.iter().zip(pending).enumerate() {
            let Ok(row) = written[i % written.len()].recv() else {
                if stop.load(Ordering::Relaxed) {
                    counts.stopped = true;
                    return Ok(counts);
                }
                return Err(Error::runtime("writing rows", "a thread ended early"));
            };
            match row? {
                Row::Filled(fields) => {
                    self.rows.add(image, self.table.append(&fields)?);
                    counts.done += 1;
                    (self.tell)(Event::Done { id: file.id(), fields: &fields });
                }
                Row::Failed { message, hint } => {
                    let fields = row::failed(file, &message, self.n_columns);
                    self.rows.add(image, self.table.append(&fields)?);
                    counts.failed += 1;
                    (self.tell)(Event::Failed {
                        id: file.id(),
                        message: &message,
                        hint: hint.as_deref(),
                        fields: &fields,
                    });
                }
            }
        }
        self.rows.put_in_order(self.table)?;
        Ok(counts)
    }
}
