//! Progress of a run: a bar on a terminal, otherwise a line every few seconds.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal;

/// Time between two lines without a terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

pub(super) struct Progress {
    bar: ProgressBar,
    total: u64,
    done: u64,
    started: Instant,
    last_line: Instant,
}

impl Progress {
    pub(super) fn new(total: usize) -> Self {
        let bar = ProgressBar::with_draw_target(
            Some(total as u64),
            ProgressDrawTarget::stderr(),
        );
        let style = ProgressStyle::with_template(
            "{bar:32} {pos}/{len} images  {per_sec}  {eta} left",
        );
        if let Ok(style) = style {
            let style = style.with_key(
                "per_sec",
                |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
                    let _ = write!(out, "{:.1} images/s", state.per_sec());
                },
            );
            bar.set_style(style);
        }
        let now = Instant::now();
        Self { bar, total: total as u64, done: 0, started: now, last_line: now }
    }

    /// Leaves out images that an earlier run did.
    pub(super) fn skip(&mut self, images: usize) {
        self.total -= images as u64;
        self.bar.set_length(self.total);
    }

    /// Counts one image.
    pub(super) fn step(&mut self) {
        self.done += 1;
        self.bar.inc(1);
        if self.bar.is_hidden() && self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            let rate = self.done as f64 / self.started.elapsed().as_secs_f64();
            let left = (self.total - self.done.min(self.total)) as f64 / rate;
            terminal::note(&format!(
                "{}/{} images, {rate:.1} images/s, {left:.0} s left",
                self.done, self.total
            ));
        }
    }

    /// Prints while the bar is hidden.
    pub(super) fn aside(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
