//! Signals that stop a run: from the keyboard (SIGINT) or a scheduler (SIGTERM).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use super::terminal;

/// Signals, and exit codes of processes that they stop: 128 plus the number.
const SIGNALS: [(i32, u8); 2] = [(SIGINT, 130), (SIGTERM, 143)];

/// Time that images in flight have after a signal; schedulers kill after 10 s or more.
const PATIENCE: Duration = Duration::from_millis(4500);

/// Interval between two checks for a signal.
const CHECK_EVERY: Duration = Duration::from_millis(50);

/// The signal that stops a run, if one came.
pub(super) struct Signals {
    stop: Arc<AtomicBool>,
    code: Arc<AtomicUsize>,
}

impl Signals {
    pub(super) fn new() -> Self {
        Self { stop: Arc::default(), code: Arc::default() }
    }

    /// Starts to listen: the first signal sets [`Signals::stop`], and ends the process if that
    /// takes too long; a second one ends it immediately. Files are complete at any moment.
    pub(super) fn listen(&self) {
        for (signal, code) in SIGNALS {
            let stop = || Arc::clone(&self.stop);
            // In the order in which they act. If one fails, a signal ends the process as before.
            let _ = flag::register_conditional_shutdown(signal, code.into(), stop());
            let _ = flag::register_usize(signal, Arc::clone(&self.code), code.into());
            let _ = flag::register(signal, stop());
        }
        let (stop, code) = (Arc::clone(&self.stop), Arc::clone(&self.code));
        std::thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                std::thread::sleep(CHECK_EVERY);
            }
            terminal::note(&"stopping after the images in flight");
            std::thread::sleep(PATIENCE);
            terminal::note(&"stopped without the images in flight");
            low_level::exit(code.load(Ordering::SeqCst) as i32);
        });
    }

    /// Returns the flag that is set when a signal comes.
    pub(super) fn stop(&self) -> &AtomicBool {
        &self.stop
    }

    /// Returns the exit code of the signal that came.
    pub(super) fn code(&self) -> u8 {
        u8::try_from(self.code.load(Ordering::SeqCst)).unwrap_or(1)
    }
}
