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

/// Groups of single items: `(score, wrong part, weight)`, in any order; ties become one group.
pub(super) fn grouped(items: &mut [(f32, f64, f64)]) -> Vec<Group> {
    items.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut groups: Vec<Group> = Vec::with_capacity(items.len());
    let mut previous = None;
    for &mut (score, wrong_part, weight) in items {
        let (right, wrong) = (weight * (1.0 - wrong_part), weight * wrong_part);
        match groups.last_mut().filter(|_| previous == Some(score.to_bits())) {
            Some(last) => {
                last.right += right;
                last.wrong += wrong;
            }
            None => groups.push(Group { right, wrong, is_mixed: false }),
        }
        previous = Some(score.to_bits());
    }
    groups
}
