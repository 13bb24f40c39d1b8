//! Ways to do less work for the same result, each of which can be switched off.

/// A way to do less work: results with it and without differ by rounding at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortcut {
    /// Linear layers over a concatenation are taken apart, and the part that no site reaches is
    /// computed once an image.
    SplitConcatenations,
    /// A last bilinear resize of the logits is left to the reduction, tile by tile.
    ResizeInReduction,
    /// Tensors that cross into the sampled part stay one row where what reads them grows them.
    ExpandInPlace,
}

impl Shortcut {
    /// All, in the order of the model's work.
    pub const ALL: [Self; 3] =
        [Self::SplitConcatenations, Self::ResizeInReduction, Self::ExpandInPlace];

    /// The name to type and to show.
    pub fn name(self) -> &'static str {
        match self {
            Self::SplitConcatenations => "split-concatenations",
            Self::ResizeInReduction => "resize-in-reduction",
            Self::ExpandInPlace => "expand-in-place",
        }
    }

    /// The one of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shortcut| shortcut.name() == name)
    }
}
