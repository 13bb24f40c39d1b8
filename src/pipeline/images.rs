//! Decodes images ahead of the model, in order and with bounded memory.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

use super::memory_budget::{Admitted, MemoryBudget};
use crate::error::{Error, Result};
use crate::input::{Decoded, ImageFile, NetworkInput, Preprocessing};

/// A decoded image and the input of the network.
pub(super) struct Loaded {
    pub(super) decoded: Decoded,
    pub(super) input: NetworkInput,
    /// Memory of the image; `None` for the one that was loaded before the others.
    pub(super) admitted: Option<Admitted>,
}

/// Reads and preprocesses an image.
pub(super) fn load(file: &ImageFile, preprocessing: &Preprocessing) -> Result<Loaded> {
    guarded(file, || {
        let mut decoded = file.read(preprocessing.read_options())?;
        decoded.remarks.extend(preprocessing.remarks(&decoded.picture));
        let input = preprocessing
            .apply(&decoded.picture)
            .map_err(|error| error.of_image(&file.path()))?;
        Ok(Loaded { decoded, input, admitted: None })
    })
}

/// Calls `work` and turns a panic into an error of the image, so that other images are still
/// predicted.
pub(super) fn guarded<T>(
    file: &ImageFile,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::image(
            &file.path(),
            "an internal error of mcdrop occurred on this image",
        )
        .with_hint("report it with the image if possible"))
    })
}

/// Largest number of reader threads. More threads would only decode images earlier than needed.
const MOST_READERS: usize = 4;
/// Number of decoded images that a reader thread keeps ready.
const AHEAD: usize = 2;

/// An image of a [`Reader`] that was loaded before the others.
pub(super) struct LoadedAhead {
    /// Position among the files of the reader.
    pub(super) position: usize,
    pub(super) loaded: Loaded,
}

/// Decodes on several threads and returns the images in their order.
pub(super) struct Reader {
    queues: Vec<Receiver<Result<Loaded>>>,
    ahead: Option<LoadedAhead>,
    next: usize,
}

impl Reader {
    /// Starts `threads` threads, which decode every file except the one that is given as `ahead`.
    pub(super) fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        files: &'scope [&'scope ImageFile],
        ahead: Option<LoadedAhead>,
        preprocessing: &'scope Preprocessing,
        threads: usize,
        go_on: &'scope (dyn Fn() -> bool + Sync),
    ) -> Self {
        let threads = threads.clamp(1, MOST_READERS.min(files.len().max(1)));
        let budget = Arc::new(MemoryBudget::default());
        let position_ahead = ahead.as_ref().map(|image| image.position);
        let start = |first: usize| {
            let (sender, receiver): (SyncSender<Result<Loaded>>, _) = sync_channel(AHEAD);
            let budget = Arc::clone(&budget);
            scope.spawn(move || {
                for (i, file) in files.iter().enumerate().skip(first).step_by(threads) {
                    if Some(i) == position_ahead {
                        budget.admit(i, Some(0));
                        continue;
                    }
                    // A panic would leave the other threads waiting for this image to be admitted.
                    let bytes = guarded(file, || Ok(file.declared_bytes()));
                    let admitted = budget.admit(i, bytes.ok().flatten());
                    let is_sent = || {
                        let loaded = load(file, preprocessing);
                        let loaded = loaded
                            .map(|image| Loaded { admitted: Some(admitted), ..image });
                        sender.send(loaded).is_ok()
                    };
                    if !(go_on() && is_sent()) {
                        budget.close();
                        return;
                    }
                }
            });
            receiver
        };
        Self { queues: (0..threads).map(start).collect(), ahead, next: 0 }
    }

    /// Returns the next image, or its error.
    pub(super) fn next(&mut self) -> Option<Result<Loaded>> {
        let position = self.next;
        self.next += 1;
        if let Some(image) = self.ahead.take_if(|image| image.position == position) {
            return Some(Ok(image.loaded));
        }
        self.queues[position % self.queues.len()].recv().ok()
    }
}
