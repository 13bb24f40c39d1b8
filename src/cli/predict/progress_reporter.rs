//! Messages of a run while it is going on, and at its end.

use std::collections::{BTreeMap, HashSet};

use super::jsonl::Lines;
use super::most_uncertain::MostUncertain;
use crate::cli::progress::Progress;
use crate::cli::run::Run;
use crate::cli::terminal;
use crate::input::Remark;
use crate::measure::MUTUAL_INFORMATION;
use crate::pipeline::{Event, Job, MapScale, Summary};
use crate::record::{ImageRecord, OutputRecord};
use crate::sampling::Sampler;
use crate::task::{ModelTask, Quantity, Target};

/// Largest number of scales that are printed.
const MOST_SCALES: usize = 8;

/// Prints events of a run: messages on standard error, rows of JSON on standard output.
pub(super) struct ProgressReporter<'a> {
    run: &'a Run<'a>,
    job: &'a Job,
    progress: Progress,
    /// Hints that were printed.
    hints: HashSet<String>,
    lines: Option<Lines<'a>>,
    most_uncertain: Option<MostUncertain>,
    /// Numbers of images by what was remarked about them.
    remarks: BTreeMap<&'static str, usize>,
    /// Numbers of images by the policy's decision.
    decisions: BTreeMap<&'static str, usize>,
}

impl<'a> ProgressReporter<'a> {
    pub(super) fn new(run: &'a Run<'a>, job: &'a Job) -> Self {
        let progress = Progress::new(job.images.len());
        Self {
            run,
            job,
            progress,
            hints: HashSet::new(),
            lines: None,
            most_uncertain: None,
            remarks: BTreeMap::new(),
            decisions: BTreeMap::new(),
        }
    }

    pub(super) fn on_event(&mut self, event: &Event<'_>) {
        match event {
            Event::Started { sampler, task, record, kept } => {
                self.started(sampler, task, *kept);
                if record.output.map_scale == MapScale::Run {
                    let message = self.scales_of_run(task, &record.output);
                    self.progress.aside(|| terminal::note(&message));
                }
            }
            Event::Kept(record) => self.write(record),
            Event::Remark { id, remark } => self.remark(id, remark),
            Event::Done(record) => {
                self.progress.step();
                self.write(record);
            }
            Event::Failed { record, hint } => {
                self.progress.step();
                self.write(record);
                let message = record.error.as_deref().unwrap_or_default();
                self.progress.aside(|| terminal::warning(&message));
                // A hint that a thousand images share is printed once.
                if let Some(hint) = hint.filter(|hint| !self.hints.contains(*hint)) {
                    self.hints.insert(hint.to_owned());
                    self.progress.aside(|| terminal::hint(hint));
                }
            }
        }
    }

    pub(super) fn finish(&self) {
        self.progress.finish();
    }

    fn started(&mut self, sampler: &Sampler, task: &ModelTask, kept: usize) {
        self.progress.skip(kept);
        let rows = sampler.batching();
        if let (Some(_), Some(reason)) = (sampler.options().batch_size, &rows.limited_by)
        {
            let message = format!("--batch-size is not used: {reason}");
            self.progress.aside(|| terminal::warning(&message));
        }
        let mut shown = self.job.output.shown_measures(task.task);
        if sampler.options().stop.is_some()
            && shown.any(|measure| measure.name == MUTUAL_INFORMATION.name)
        {
            let message = format!(
                "{} is too small by a fraction of about 1/T, and T differs between these images",
                MUTUAL_INFORMATION.name
            );
            self.progress.aside(|| terminal::note(&message));
        }
        if self.run.verbose {
            self.progress.aside(|| describe_sampler(sampler, task));
        }
        self.most_uncertain = MostUncertain::new(sampler, task, self.job);
        if self.run.jsonl {
            self.lines = Some(Lines::new(&self.job.output, task));
        }
    }

    /// Returns the scales of the pictures in one line.
    fn scales_of_run(&self, task: &ModelTask, output: &OutputRecord) -> String {
        let shown = self.job.output.quantities_of_pictures(task);
        let scale = |quantity: &Quantity| {
            let high = *output.bounds.get(&quantity.name)? as f32;
            let low =
                output.lower_bounds.get(&quantity.name).copied().unwrap_or(0.0) as f32;
            let unit = match task.unit(quantity.measure).as_str() {
                "" | "1" => String::new(),
                unit => format!(" {unit}"),
            };
            Some(format!("{} {low} to {high}{unit}", quantity.name))
        };
        let scales: Vec<String> = shown.iter().filter_map(scale).collect();
        let listed = scales[..scales.len().min(MOST_SCALES)].join(", ");
        let more = match scales.len().saturating_sub(MOST_SCALES) {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        format!("scales of this run (99.9 % quantiles of a first look): {listed}{more}")
    }

    /// Prints the first remark of each kind, and counts the others.
    fn remark(&mut self, id: &str, remark: &Remark) {
        let n = self.remarks.entry(remark.kind()).or_insert(0);
        *n += 1;
        if *n == 1 {
            let message = format!("{id} {remark}");
            self.progress.aside(|| {
                terminal::warning_with_hint(&message, remark.hint().as_deref());
            });
        }
    }

    /// Counts the decision of the policy, and prints the record on standard output if `--jsonl`
    /// was given.
    fn write(&mut self, record: &ImageRecord) {
        if let Some(decision) = record.decision {
            *self.decisions.entry(decision.name()).or_insert(0) += 1;
        }
        if let Some(most_uncertain) = &mut self.most_uncertain {
            most_uncertain.add(record);
        }
        let Some(lines) = &mut self.lines else { return };
        let mut result = Ok(());
        self.progress.aside(|| result = lines.write(record));
        if let Err(error) = result {
            let message = format!("stopped writing rows to standard output: {error}");
            self.progress.aside(|| terminal::warning(&message));
        }
    }
}

impl ProgressReporter<'_> {
    /// Prints the number of images, the speed, failures, the folder and the decisions; and, unless the
    /// predictions are only a step, the most uncertain images and what to do next.
    pub(super) fn sum_up(&self, summary: &Summary, is_a_step: bool) {
        sum_up(self.job, summary);
        for (kind, n) in self.remarks.iter().filter(|(_, n)| **n > 1) {
            terminal::note(&format!("{n} images {kind}"));
        }
        if !self.decisions.is_empty() {
            let counted = self.decisions.iter().map(|(what, n)| format!("{n} {what}"));
            terminal::note(&format!(
                "decisions: {}",
                counted.collect::<Vec<_>>().join(", ")
            ));
        }
        if is_a_step || summary.stopped {
            return;
        }
        let line = self.most_uncertain.as_ref().and_then(MostUncertain::line);
        if let Some(line) = line {
            terminal::note(&line);
        }
        if !self.job.output.report && summary.done > 0 {
            let folder = self.job.folder.display();
            terminal::note(&format!("next: `mcdrop report {folder}` makes a page of it"));
        }
    }
}

fn sum_up(job: &Job, summary: &Summary) {
    let total = job.images.len();
    if summary.stopped {
        terminal::note(&format!("stopped: {} of {total} images are done", summary.done));
        terminal::hint(if job.overwrite {
            "the same command without --overwrite continues it"
        } else {
            "the same command continues it"
        });
        return;
    }
    let images = if total == 1 { "image" } else { "images" };
    let new = total - summary.kept;
    let seconds = summary.time.as_secs_f64();
    let speed = new as f64 / seconds.max(1e-9);
    let how = match (summary.kept, new) {
        (0, _) => format!(" in {seconds:.1} s ({speed:.1} images/s)"),
        (_, 0) => ", all done before".to_owned(),
        (kept, _) => format!(", {kept} done before, {new} in {seconds:.1} s"),
    };
    let failed = match summary.failed {
        0 => String::new(),
        n => format!(", {n} failed"),
    };
    let folder = job.folder.display();
    terminal::note(&format!("{total} {images}{how}{failed}: {folder}/predictions.csv"));
}

fn describe_sampler(sampler: &Sampler, task: &ModelTask) {
    let (scores, heads) = (sampler.output_layout(), sampler.plan().heads());
    let (kind, n) = (scores.kind().name(), scores.n_classes());
    let how = if heads.first().role.is_none() {
        "by a probe"
    } else {
        "by the graph or options"
    };
    let name = task.task;
    terminal::note(&match task.task.target {
        Target::Class if scores.has_logit_noise() => format!(
            "{name} of {n} classes; heads {}, with {} draws of the noise per pass",
            heads.described().join(" "),
            sampler.options().logit_noise_draws()
        ),
        Target::Class => {
            format!("{name} of {n} classes; the scores are {kind} ({how})")
        }
        Target::Labels => format!("{name} of {n} labels; the scores are {kind} ({how})"),
        Target::Value => {
            let targets = task.channels.join(", ");
            format!("{name} of {targets}; heads {}", heads.described().join(" "))
        }
    });
    let rows = sampler.batching();
    let reason =
        rows.limited_by.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    if let Some(batch) = rows.opened_batch {
        terminal::note(&format!(
            "the fixed batch size of {batch} was made dynamic; batched runs equal single runs"
        ));
    }
    let n = rows.rows_per_run;
    terminal::note(&format!(
        "{n} {} per run{reason}",
        if n == 1 { "sample" } else { "samples" }
    ));
}
