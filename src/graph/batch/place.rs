//! Where the images of a run lie in a tensor.

/// The axis that counts images, of size `outer * batch * inner`: one image's slices lie `inner`
/// side by side, and come again `outer` times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) axis: usize,
    pub(super) outer: usize,
    pub(super) inner: usize,
}

/// Which axis is taken where sizes alone do not say it: after attention with the tokens first,
/// `[tokens, batch, width]` may become `[tokens, batch * heads, width / heads]` or
/// `[tokens * batch, heads, width / heads]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preference {
    /// The one that begins with the images.
    Leading,
    /// The one that ends with the images.
    Trailing,
}

impl Preference {
    pub(crate) const ALL: [Self; 2] = [Self::Leading, Self::Trailing];
}

impl Place {
    pub(super) const FIRST: Self = Self { axis: 0, outer: 1, inner: 1 };

    /// The axis counts images and nothing else.
    pub(super) fn is_pure(self) -> bool {
        self.outer == 1 && self.inner == 1
    }

    pub(super) fn on(self, axis: usize) -> Self {
        Self { axis, ..self }
    }

    /// Where the images lie after a reshape between these sizes, and whether that is a guess.
    pub(super) fn reshaped(
        self,
        from: &[usize],
        to: &[usize],
        batch: usize,
        preference: Preference,
    ) -> Option<(Self, bool)> {
        let (before, after) = (from.get(..self.axis)?, from.get(self.axis + 1..)?);
        let above = self.outer * before.iter().product::<usize>();
        let below = self.inner * after.iter().product::<usize>();
        let fits = |axis: usize| {
            let (before, after): (usize, usize) =
                (to[..axis].iter().product(), to[axis + 1..].iter().product());
            let whole = before > 0
                && after > 0
                && above.is_multiple_of(before)
                && below.is_multiple_of(after);
            let place =
                Self { axis, outer: above / before.max(1), inner: below / after.max(1) };
            (whole && to[axis] == place.outer * batch * place.inner).then_some(place)
        };
        let mut found: Vec<Self> = (0..to.len()).filter_map(fits).collect();
        let rank = |place: &Self| {
            let side = match preference {
                Preference::Leading => place.outer > 1,
                Preference::Trailing => place.inner > 1,
            };
            // The last axis holds features, which seldom count anything.
            let is_last = place.axis + 1 == to.len() && to.len() > 1;
            (!place.is_pure(), is_last, side)
        };
        found.sort_by_key(rank);
        let best = *found.first()?;
        let is_guessed = !best.is_pure() && found.len() > 1;
        Some((best, is_guessed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Axis, outer and inner after reshapes one after the other, of a batch of 1 on `axis`.
    fn after(
        axis: usize,
        shapes: &[&[usize]],
        preference: Preference,
    ) -> Option<(usize, usize, usize)> {
        let mut place = Place::FIRST.on(axis);
        for pair in shapes.windows(2) {
            place = place.reshaped(pair[0], pair[1], 1, preference)?.0;
        }
        Some((place.axis, place.outer, place.inner))
    }

    #[test]
    fn images_are_followed_into_and_out_of_heads_and_windows() {
        let leading =
            |axis, shapes: &[&[usize]]| after(axis, shapes, Preference::Leading);
        let heads: &[&[usize]] = &[&[1, 4, 9, 8], &[4, 9, 8], &[1, 4, 9, 8]];
        assert_eq!(leading(0, &heads[..2]), Some((0, 1, 4)));
        assert_eq!(leading(0, heads), Some((0, 1, 1)));
        let windows: &[&[usize]] = &[&[1, 2, 2, 7, 7, 3], &[4, 49, 3], &[4, 49, 1, 3]];
        assert_eq!(leading(0, windows), Some((0, 1, 4)));
        assert_eq!(leading(0, &[&[1, 3, 2, 2], &[1, 12]]), Some((0, 1, 1)));
    }

    #[test]
    fn with_the_tokens_first_the_preference_decides_between_heads_and_tokens() {
        let shapes: &[&[usize]] = &[&[9, 1, 8], &[9, 4, 2]];
        assert_eq!(after(1, shapes, Preference::Leading), Some((1, 1, 4)));
        assert_eq!(after(1, shapes, Preference::Trailing), Some((0, 9, 1)));
        let shapes: &[&[usize]] = &[&[9, 1, 8], &[9, 8]];
        assert_eq!(after(1, shapes, Preference::Leading), Some((0, 9, 1)));
        let shapes: &[&[usize]] = &[&[9, 1, 8], &[9, 8], &[9, 1, 8]];
        assert_eq!(after(1, shapes, Preference::Leading), Some((1, 1, 1)));
    }

    #[test]
    fn images_that_are_spread_over_two_axes_have_no_place() {
        let place = Place::FIRST;
        let spread = place.reshaped(&[6, 5], &[2, 3, 5], 6, Preference::Leading);
        assert_eq!(spread, None);
        assert_eq!(place.reshaped(&[0, 5], &[5, 0], 0, Preference::Leading), None);
    }
}
