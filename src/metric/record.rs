//! What is kept of every image: its loss and its scores.

/// An image by itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ImageOutcome {
    /// Labeled items.
    pub(super) n_labeled: u64,
    /// Wrong ones.
    pub(super) n_wrong: u64,
    /// For each ranked score, its value by every aggregation.
    values: Box<[f32]>,
}

impl ImageOutcome {
    pub(super) fn new(n_labeled: u64, n_wrong: u64, values: Vec<f32>) -> Self {
        Self { n_labeled, n_wrong, values: values.into_boxed_slice() }
    }

    /// The share of labeled items that are wrong; None where none is labeled.
    pub(super) fn loss(&self) -> Option<f64> {
        (self.n_labeled > 0).then(|| self.n_wrong as f64 / self.n_labeled as f64)
    }

    /// The value of a candidate: a ranked score times the number of aggregations, plus the
    /// aggregation.
    pub(super) fn value(&self, candidate: usize) -> f32 {
        self.values[candidate]
    }
}
