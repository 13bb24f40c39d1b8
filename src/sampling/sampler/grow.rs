//! Tensors that cross the cut as one row, and grow where they are read.

use super::super::options::SamplingOptions;
use super::super::probe::CutLayout;
use super::Sampler;
use crate::graph::{Growing, Plan, SiteAxis};
use crate::sampling::Shortcut;

/// What grows in the suffix, as far as the options and the crossings allow.
pub(super) fn growing(
    plan: &Plan,
    axes: &[SiteAxis],
    crossings: &[CutLayout],
    options: &SamplingOptions,
) -> Growing {
    if !options.uses(Shortcut::ExpandInPlace) {
        return Growing::default();
    }
    let by_rows: Vec<bool> =
        crossings.iter().map(|crossing| *crossing == CutLayout::Rows(0)).collect();
    plan.growing(axes, &by_rows)
}

impl Sampler {
    /// How tensors at the cut become those of a run before they are fed.
    pub(super) fn grown_before(&self) -> Vec<CutLayout> {
        let grows = |i: usize| self.growing.cuts.get(i) == Some(&true);
        let each = self.crossings.iter().enumerate();
        each.map(|(i, &crossing)| if grows(i) { CutLayout::Shared } else { crossing })
            .collect()
    }
}
