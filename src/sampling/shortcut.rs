//! Shortcuts: ways to do less work for the same result, each of which can be switched off.

/// A way to do less work. Results with and without it differ at most by rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortcut {
    /// Linear layers over a concatenation are split, and the part without randomness runs once per
    /// image.
    SplitConcatenations,
    /// The last bilinear resize of the logits is left to the sums, which compute it tile by tile.
    ResizeInReduction,
    /// Tensors that cross into the suffix stay one row if their readers repeat them.
    ExpandInPlace,
}

impl Shortcut {
    /// All shortcuts, in the order in which a model uses them.
    pub const ALL: [Self; 3] =
        [Self::SplitConcatenations, Self::ResizeInReduction, Self::ExpandInPlace];

    /// Returns the name in options and listings.
    pub fn name(self) -> &'static str {
        match self {
            Self::SplitConcatenations => "split-concatenations",
            Self::ResizeInReduction => "resize-in-reduction",
            Self::ExpandInPlace => "expand-in-place",
        }
    }

    /// Returns the shortcut of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shortcut| shortcut.name() == name)
    }
}
