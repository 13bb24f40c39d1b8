//! Messages of a run while it is going on, and at its end.

use std::collections::{BTreeMap, HashSet};

use super::jsonl::Lines;
use crate::cli::progress::Progress;
use crate::cli::run::Run;
use crate::cli::terminal;
use crate::pipeline::{Event, Job, Summary, columns};
use crate::sampling::Sampler;
use crate::sums::ScoreKind;

/// Prints events of a run: messages on standard error, rows of JSON on standard output.
pub(super) struct ProgressReporter<'a> {
    run: &'a Run<'a>,
    job: &'a Job,
    progress: Progress,
    /// Hints that were printed.
    hints: HashSet<String>,
    lines: Option<Lines<'a>>,
    /// Column of the decision.
    decision: Option<usize>,
    decisions: BTreeMap<String, usize>,
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
            decision: None,
            decisions: BTreeMap::new(),
        }
    }

    pub(super) fn on_event(&mut self, event: &Event<'_>) {
        match event {
            Event::Started { sampler, kept } => self.started(sampler, *kept),
            Event::Kept { id, fields } => {
                self.decide(fields);
                self.row(id, fields, true);
            }
            Event::Done { id, fields } => {
                self.progress.step();
                self.decide(fields);
                self.row(id, fields, true);
            }
            Event::Failed { id, message, hint, fields } => {
                self.progress.step();
                self.row(id, fields, false);
                self.progress.aside(|| terminal::warning(message));
                // The same hint for a thousand images is printed once.
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

    fn started(&mut self, sampler: &Sampler, kept: usize) {
        self.progress.skip(kept);
        let rows = sampler.batching();
        if let (Some(_), Some(reason)) = (sampler.options().batch_size, &rows.limited_by)
        {
            let message = format!("--batch-size is not used: {reason}");
            self.progress.aside(|| terminal::warning(&message));
        }
        if self.run.verbose {
            self.progress.aside(|| describe_sampler(sampler));
        }
        let map = sampler.scores().is_map();
        let columns = columns(&self.job.output, map);
        self.decision = columns.iter().position(|column| column == "decision");
        if self.run.jsonl {
            self.lines = Some(Lines::new(&self.job.output, map));
        }
    }

    /// Prints a row on standard output, if `--jsonl` was given.
    fn row(&mut self, id: &str, fields: &[String], done: bool) {
        let Some(lines) = &mut self.lines else { return };
        let mut result = Ok(());
        self.progress.aside(|| result = lines.row(id, fields, done));
        if let Err(error) = result {
            let message = format!("stopped writing rows to standard output: {error}");
            self.progress.aside(|| terminal::warning(&message));
        }
    }
}

impl ProgressReporter<'_> {
    /// Prints the number of images, the speed, failures, the folder and the decisions.
    pub(super) fn sum_up(&self, summary: &Summary) {
        sum_up(self.job, summary);
        if !self.decisions.is_empty() {
            let counted = self.decisions.iter().map(|(what, n)| format!("{n} {what}"));
            terminal::note(&format!(
                "decisions: {}",
                counted.collect::<Vec<_>>().join(", ")
            ));
        }
    }

    /// Counts the decisions of the policy.
    fn decide(&mut self, fields: &[String]) {
        let decision = self.decision.and_then(|place| fields.get(place));
        if let Some(decision) = decision.filter(|decision| !decision.is_empty()) {
            *self.decisions.entry(decision.clone()).or_insert(0) += 1;
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

fn describe_sampler(sampler: &Sampler) {
    let (scores, head) = (sampler.scores(), sampler.plan().heads().first());
    let kind = match scores.kind() {
        ScoreKind::Logits => "logits",
        ScoreKind::Probabilities => "probabilities",
    };
    let how = if head.role.is_none() { "by a probe" } else { "by the graph or --scores" };
    let task = scores.task();
    let n = scores.n_classes();
    terminal::note(&format!("{task} of {n} classes; the scores are {kind} ({how})"));
    let rows = sampler.batching();
    let reason =
        rows.limited_by.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    if let Some(batch) = rows.opened_batch {
        terminal::note(&format!(
            "the fixed batch size of {batch} was made dynamic; batched runs equal single runs"
        ));
    }
    let n = rows.rows_per_run;
    terminal::note(&format!("{n} {} a run{reason}", if n == 1 { "row" } else { "rows" }));
}
