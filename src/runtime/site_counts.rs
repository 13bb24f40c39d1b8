//! Counts of the rows that each site was run on, which show that every site runs.

use std::sync::atomic::{AtomicU64, Ordering};

/// Number of rows that each site has dropped from so far.
#[derive(Debug)]
pub(crate) struct SiteCounts(Vec<AtomicU64>);

impl SiteCounts {
    pub(crate) fn new(sites: usize) -> Self {
        Self((0..sites).map(|_| AtomicU64::new(0)).collect())
    }

    /// Returns the counts, in the order of the sites.
    pub(crate) fn rows(&self) -> Vec<u64> {
        self.0.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }

    pub(super) fn add(&self, ordinal: usize, rows: usize) {
        if let Some(count) = self.0.get(ordinal) {
            count.fetch_add(rows as u64, Ordering::Relaxed);
        }
    }
}
