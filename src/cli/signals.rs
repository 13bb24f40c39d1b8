//! Being asked to stop: by the keyboard (SIGINT) or by a scheduler (SIGTERM).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use super::terminal;

/// Each signal and the exit code of a process that it stopped: 128 and its number.
const SIGNALS: [(i32, u8); 2] = [(SIGINT, 130), (SIGTERM, 143)];

/// How long after a signal images in flight may take; schedulers kill after 10 s or more.
const PATIENCE: Duration = Duration::from_millis(4500);

/// Between two looks at whether a signal has come.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Whether to stop, and by which signal.
pub(super) struct Signals {
    stop: Arc<AtomicBool>,
    code: Arc<AtomicUsize>,
}

impl Signals {
    pub(super) fn new() -> Self {
        Self { stop: Arc::default(), code: Arc::default() }
    }

    /// From now on the first signal sets [`Signals::stop`], and ends the process if that takes
    /// too long; a second one ends it at once. Files are whole at any moment.
    pub(super) fn listen(&self) {
        for (signal, code) in SIGNALS {
            let stop = || Arc::clone(&self.stop);
            // In the order in which they act; without them a signal ends the process, as before.
            let _ = flag::register_conditional_shutdown(signal, code.into(), stop());
            let _ = flag::register_usize(signal, Arc::clone(&self.code), code.into());
            let _ = flag::register(signal, stop());
        }
        let (stop, code) = (Arc::clone(&self.stop), Arc::clone(&self.code));
        std::thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                std::thread::sleep(LOOK_EVERY);
            }
            terminal::note(&"stopping: images that are sampled are still written");
            std::thread::sleep(PATIENCE);
            terminal::note(&"stopped; the images in flight are given up");
            low_level::exit(code.load(Ordering::SeqCst) as i32);
        });
    }

    /// Set once a signal has come.
    pub(super) fn stop(&self) -> &AtomicBool {
        &self.stop
    }

    /// The exit code that tells which signal it was.
    pub(super) fn code(&self) -> u8 {
        u8::try_from(self.code.load(Ordering::SeqCst)).unwrap_or(1)
    }
}
