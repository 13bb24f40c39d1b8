//! What is kept of every image: its loss and its scores.

/// An image by itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    /// Labelled items.
    pub(super) n_labelled: u64,
    /// Wrong ones.
    pub(super) n_wrong: u64,
    /// For each ranked score, its value by every aggregation.
    values: Box<[f32]>,
}

impl Record {
    pub(super) fn new(n_labelled: u64, n_wrong: u64, values: Vec<f32>) -> Self {
        Self { n_labelled, n_wrong, values: values.into_boxed_slice() }
    }

    /// The share of labelled items that are wrong; None where none is labelled.
    pub(super) fn loss(&self) -> Option<f64> {
        (self.n_labelled > 0).then(|| self.n_wrong as f64 / self.n_labelled as f64)
    }

    /// The value of a candidate: a ranked score times the number of aggregations, plus the
    /// aggregation.
    pub(super) fn value(&self, candidate: usize) -> f32 {
        self.values[candidate]
    }
}
