//! The run over a folder.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant, SystemTime};

use super::Setup;
use super::images::{self, Loaded, Reader};
use super::record::Record;
use super::row;
use super::write::{OutputOptions, Predicted, Writer};
use crate::error::{Error, Result};
use crate::input::{ImageFile, Preprocessing};
use crate::measure::MEASURES;
use crate::output::folder::{Earlier, OutputFolder, RECORD};
use crate::output::format;
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
    Started(&'a Sampler),
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
    /// From the first image to the last row.
    pub time: Duration,
}

/// Predicts every image of a job and writes its files; `tell` hears of each.
///
/// # Errors
/// If the model cannot be opened or sampled, no image can be read, or a file cannot be written.
/// An image that cannot be read or predicted is no error of the run: its row says what is
/// wrong.
pub fn predict(
    setup: Setup,
    runtime: &Runtime,
    job: &Job,
    tell: &mut (dyn FnMut(Event<'_>) + Send),
) -> Result<Summary> {
    let Setup { plan, preprocessing } = setup;
    check_files(job)?;
    if !job.overwrite {
        OutputFolder::refuse_results(&job.folder)?;
    }
    let sampler = open_sampler(&plan, runtime, job, &preprocessing)?;
    check_class_names(&preprocessing, sampler.scores().n_classes())?;
    preprocessing.check_palette(sampler.scores().n_classes())?;
    let measures: Vec<&str> = MEASURES.iter().map(|measure| measure.name).collect();
    let earlier = if job.overwrite {
        Earlier::Replace { measures: &measures }
    } else {
        Earlier::Refuse
    };
    let folder = OutputFolder::create(&job.folder, earlier)?;
    tell(Event::Started(&sampler));
    let started = (SystemTime::now(), Instant::now());
    let mut record = Record::new(&sampler, runtime, &preprocessing, job)?;
    // A run that is cut short leaves word of what it was.
    folder.write(RECORD, &record.encode()?)?;
    let mut run = Run { sampler, folder: &folder, job, preprocessing: &preprocessing };
    let (done, failed) = run.all(tell)?;
    let summary = Summary { done, failed, time: started.1.elapsed() };
    record.finish(started.0, &summary);
    folder.write(RECORD, &record.encode()?)?;
    Ok(summary)
}

/// Two images of which one would replace the other's maps.
fn check_files(job: &Job) -> Result<()> {
    let ids = job.images.iter().map(|image| image.id.as_str());
    match format::clash(&job.output.formats, &ids) {
        Some((one, other)) => {
            let message = format!("maps of \"{one}\" and \"{other}\" have the same name");
            let hint = "rename one of the images, or leave a format out";
            Err(Error::setting("--formats", message).with_hint(hint))
        }
        None => Ok(()),
    }
}

/// Names for another number of classes belong to another model.
fn check_class_names(preprocessing: &Preprocessing, n_classes: usize) -> Result<()> {
    match preprocessing.class_names.as_ref().map(Vec::len) {
        Some(n) if n != n_classes => Err(Error::setting(
            "classes",
            format!("{n} names are given, but the model has {n_classes} classes"),
        )
        .with_hint(
            "a model with one output channel has two classes, the second its own",
        )),
        _ => Ok(()),
    }
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
    let mut tried: Vec<(usize, usize)> = Vec::new();
    for file in job.images.iter().take(MOST_TRIED) {
        let size = match images::load(file, preprocessing) {
            Ok(Loaded { input, .. }) => (input.height, input.width),
            Err(error) => {
                first_unusable = first_unusable.or(Some(error));
                continue;
            }
        };
        if tried.contains(&size) {
            continue;
        }
        match Sampler::new(plan.clone(), runtime, job.sampling.clone(), size) {
            Err(error @ Error::ImageSize { .. }) => {
                first_refused = first_refused.or(Some(error.of_image(&file.path)));
            }
            other => return other,
        }
        tried.push(size);
        if tried.len() == MOST_SIZES {
            break;
        }
    }
    let none = || Error::setting("IMAGES", "there is no image");
    Err(first_refused.or(first_unusable).unwrap_or_else(none))
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
}

impl Run<'_> {
    /// Runs all images; numbers of images done and failed.
    fn all(
        &mut self,
        tell: &mut (dyn FnMut(Event<'_>) + Send),
    ) -> Result<(usize, usize)> {
        let map = self.sampler.scores().is_map();
        let columns = row::columns(&self.job.output, map);
        let mut table = Table::create(self.folder, &columns)?;
        let stop = AtomicBool::new(false);
        let (job, preprocessing, folder) = (self.job, self.preprocessing, self.folder);
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(job.sampling.threads).build();
        let writer = Writer {
            threads: pool
                .map_err(|e| Error::runtime("starting threads", e.to_string()))?,
            folder,
            options: &job.output,
            class_names: preprocessing.class_names.as_deref(),
            palette: preprocessing.palette.clone().unwrap_or_default(),
            map,
        };
        let threads = job.sampling.threads;
        std::thread::scope(|scope| {
            let reader = Reader::start(scope, &job.images, preprocessing, threads, &stop);
            let (outcomes, rows) = start_writers(scope, &job.images, &writer, threads);
            let (stop, files) = (&stop, &job.images);
            let collector = scope.spawn(move || {
                let result = collect(files, &rows, &mut table, columns.len(), tell);
                stop.store(true, Ordering::Relaxed);
                result
            });
            self.sample_all(reader, &outcomes, stop);
            drop(outcomes);
            collector.join().unwrap_or_else(|_| {
                Err(Error::runtime("writing rows", "a thread ended early"))
            })
        })
    }

    fn sample_all(
        &mut self,
        mut reader: Reader,
        outcomes: &[SyncSender<Outcome>],
        stop: &AtomicBool,
    ) {
        for i in 0..self.job.images.len() {
            let Some(loaded) = reader.next() else { return };
            let outcome = loaded.and_then(|loaded| self.sample(i, loaded));
            let gone = outcomes[i % outcomes.len()].send(outcome).is_err();
            if gone || stop.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    fn sample(&mut self, i: usize, loaded: Loaded) -> Outcome {
        let Loaded { decoded, input } = loaded;
        let key = digest_key(&decoded.sha256);
        let path = &self.job.images[i].path;
        let statistics =
            self.sampler.predict(&input, key).map_err(|error| error.of_image(path))?;
        let options = self.sampler.options();
        let samples = if options.deterministic { 0 } else { options.samples };
        Ok(Box::new(Predicted { decoded, geometry: input.geometry, statistics, samples }))
    }
}

/// Threads that write: each holds the sums of two images.
const MOST_WRITERS: usize = 2;

fn start_writers<'scope>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    files: &'scope [ImageFile],
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
fn collect(
    files: &[ImageFile],
    rows: &[Receiver<Result<Row>>],
    table: &mut Table,
    columns: usize,
    tell: &mut (dyn FnMut(Event<'_>) + Send),
) -> Result<(usize, usize)> {
    let (mut done, mut failed) = (0, 0);
    for (i, file) in files.iter().enumerate() {
        let Ok(row) = rows[i % rows.len()].recv() else {
            return Err(Error::runtime("writing rows", "a thread ended early"));
        };
        match row? {
            Row::Filled(fields) => {
                table.append(&fields)?;
                done += 1;
                tell(Event::Done { id: &file.id, fields: &fields });
            }
            Row::Failed { message, hint } => {
                let fields = row::failed(file, &message, columns);
                table.append(&fields)?;
                failed += 1;
                tell(Event::Failed {
                    id: &file.id,
                    message: &message,
                    hint: hint.as_deref(),
                    fields: &fields,
                });
            }
        }
    }
    Ok((done, failed))
}
