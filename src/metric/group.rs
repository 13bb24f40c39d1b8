//! Items in the order of a score: what ranking metrics are computed from.

/// Items that share a score, or a bin of scores. In a list, groups stand in ascending order of
/// the score: the most certain come first.
///
/// Counts are whole numbers below 2⁵³ and so exact, except where a loss between 0 and 1 is
/// split into its wrong and its right part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Group {
    /// Items that are right (inside the distribution).
    pub(super) right: f64,
    /// Items that are wrong (outside the distribution).
    pub(super) wrong: f64,
    /// Whether the scores differ, so that the true order inside the group is unknown.
    pub(super) is_mixed: bool,
}

impl Group {
    /// Number of items.
    pub(super) fn count(&self) -> f64 {
        self.right + self.wrong
    }
}

/// All right and all wrong items.
pub(super) fn totals(groups: &[Group]) -> (f64, f64) {
    groups.iter().fold((0.0, 0.0), |(right, wrong), group| {
        (right + group.right, wrong + group.wrong)
    })
}
