//! Decoding ahead of the model, in order and with bounded memory.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

use crate::error::{Error, Result};
use crate::input::{Decoded, ImageFile, NetworkInput, Preprocessing};

/// An image, decoded and brought to the network's size.
pub(super) struct Loaded {
    pub(super) decoded: Decoded,
    pub(super) input: NetworkInput,
}

/// Reads one image.
pub(super) fn load(file: &ImageFile, preprocessing: &Preprocessing) -> Result<Loaded> {
    guarded(file, || {
        let decoded = file.read(preprocessing.read_options())?;
        let input = preprocessing
            .apply(&decoded.picture)
            .map_err(|error| error.of_image(&file.path()))?;
        Ok(Loaded { decoded, input })
    })
}

/// A fault of the program that shows with one image fails that image, not the others. What
/// `work` holds is thrown away with it.
pub(super) fn guarded<T>(
    file: &ImageFile,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::image(
            &file.path(),
            "mcdrop failed on this image; the fault is its own",
        )
        .with_hint("please report it, with the image if you can"))
    })
}

/// Threads that decode: more would hold more images ready than a model can use.
const MOST_READERS: usize = 4;
/// Images that a thread holds ready.
const AHEAD: usize = 2;

/// Decodes on `threads` threads; images come out in their order.
pub(super) struct Reader {
    queues: Vec<Receiver<Result<Loaded>>>,
    next: usize,
}

impl Reader {
    pub(super) fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        files: &'scope [&'scope ImageFile],
        preprocessing: &'scope Preprocessing,
        threads: usize,
        go_on: &'scope (dyn Fn() -> bool + Sync),
    ) -> Self {
        let threads = threads.clamp(1, MOST_READERS.min(files.len().max(1)));
        let start = |first: usize| {
            let (sender, receiver): (SyncSender<Result<Loaded>>, _) = sync_channel(AHEAD);
            scope.spawn(move || {
                for file in files.iter().skip(first).step_by(threads) {
                    let gone = || sender.send(load(file, preprocessing)).is_err();
                    if !go_on() || gone() {
                        return;
                    }
                }
            });
            receiver
        };
        Self { queues: (0..threads).map(start).collect(), next: 0 }
    }

    /// The next image, or its error.
    pub(super) fn next(&mut self) -> Option<Result<Loaded>> {
        let queue = &self.queues[self.next % self.queues.len()];
        self.next += 1;
        queue.recv().ok()
    }
}
