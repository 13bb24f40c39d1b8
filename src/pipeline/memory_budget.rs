//! Limit on the memory of decoded images that are in work at the same time.
//!
//! A file of 28 bytes may decode to 200 million bytes, and every reader thread could hold several
//! such images. Images are admitted in their order, and an image leaves after it was written, which
//! needs no later image. Therefore waiting for memory ends.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Largest number of bytes of the images in work, unless a single image takes more.
const MOST_BYTES: u64 = 1 << 30;

/// Limit on the memory of images in work.
#[derive(Debug, Default)]
pub(super) struct MemoryBudget {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Position of the image that is admitted next.
    next: usize,
    used: u64,
    is_closed: bool,
}

/// Memory of an admitted image, which is returned when this is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    budget: Arc<MemoryBudget>,
    bytes: u64,
}

impl MemoryBudget {
    /// Waits until all earlier images are admitted and there is memory for this one. An image of
    /// unknown size, or one that needs more than the budget, is in work alone.
    pub(super) fn admit(
        self: &Arc<Self>,
        position: usize,
        bytes: Option<u64>,
    ) -> Admitted {
        let bytes = bytes.map_or(MOST_BYTES, |bytes| bytes.min(MOST_BYTES));
        let mut state = self.lock();
        while !state.is_closed
            && (state.next != position || state.used + bytes > MOST_BYTES)
        {
            let waited = self.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        state.next = state.next.max(position + 1);
        state.used += bytes;
        drop(state);
        self.changed.notify_all();
        Admitted { budget: Arc::clone(self), bytes }
    }

    /// Ends all waiting, because the run ends and some images will not be read.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.budget.lock().used -= self.bytes;
        self.budget.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn large_images_are_in_work_one_at_a_time_and_in_order() {
        let budget = Arc::new(MemoryBudget::default());
        let (in_work, most) = (AtomicU64::new(0), AtomicU64::new(0));
        let order = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for first in 0..4 {
                let (budget, in_work, most, order) = (&budget, &in_work, &most, &order);
                scope.spawn(move || {
                    for position in (first..40).step_by(4) {
                        // Sizes: more than the budget, unknown, small. No two small images follow
                        // each other, so that every image is in work alone.
                        let bytes = [Some(u64::MAX), None, Some(7)][position % 3];
                        let admitted = budget.admit(position, bytes);
                        let now = in_work.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        order.lock().unwrap().push(position);
                        std::thread::yield_now();
                        in_work.fetch_sub(1, Ordering::SeqCst);
                        drop(admitted);
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 1);
        assert_eq!(order.into_inner().unwrap(), (0..40).collect::<Vec<_>>());
        assert_eq!(budget.lock().used, 0);
    }

    #[test]
    fn closing_ends_all_waiting() {
        let budget = Arc::new(MemoryBudget::default());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| budget.admit(3, Some(1)));
            budget.close();
            drop(waiting.join().unwrap());
        });
    }
}
