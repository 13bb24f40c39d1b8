//! Bins of which only those that are not empty are kept.

/// Content of a bin, which can be added a number of times.
pub(super) trait BinContent: Clone + Default {
    /// Adds another content `weight` times.
    fn add(&mut self, other: &Self, weight: u64);
}

impl BinContent for u64 {
    fn add(&mut self, other: &Self, weight: u64) {
        *self += other * weight;
    }
}

/// Bins by index, in ascending order. Their number is limited by the resolution of the index and
/// does not grow with the number of images.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SparseBins<T> {
    bins: Vec<(u32, T)>,
}

impl<T> Default for SparseBins<T> {
    fn default() -> Self {
        Self { bins: Vec::new() }
    }
}

impl<T: BinContent> SparseBins<T> {
    /// Returns the last bin, or a new one after it; indices must not decrease from call to call.
    #[inline]
    pub(super) fn last(&mut self, index: u32) -> &mut T {
        if self.bins.last().is_none_or(|(last, _)| *last != index) {
            self.bins.push((index, T::default()));
        }
        let at = self.bins.len() - 1;
        &mut self.bins[at].1
    }

    /// Adds other bins `weight` times, which must not be 0.
    pub(super) fn add(&mut self, other: &Self, weight: u64) {
        let n = self.bins.len();
        let mut at = 0;
        for (index, content) in &other.bins {
            at += self.bins[at..n].partition_point(|(present, _)| present < index);
            match self.bins[..n].get_mut(at) {
                Some((present, sum)) if present == index => sum.add(content, weight),
                _ => {
                    let mut sum = T::default();
                    sum.add(content, weight);
                    self.bins.push((*index, sum));
                }
            }
        }
        if self.bins.len() > n {
            // Two ascending runs: a stable sort merges them in linear time.
            self.bins.sort_by_key(|&(index, _)| index);
        }
    }

    /// Returns the same content in bins of which several have the same index; `coarser` must not
    /// decrease with the index.
    pub(super) fn coarsened(&self, coarser: impl Fn(u32) -> u32) -> Self {
        let mut coarse = Self::default();
        for (index, content) in &self.bins {
            coarse.last(coarser(*index)).add(content, 1);
        }
        coarse
    }

    /// Returns the bins in ascending order.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (u32, &T)> {
        self.bins.iter().map(|(index, content)| (*index, content))
    }

    /// Changes the content of every bin.
    pub(super) fn for_each(&mut self, change: impl Fn(&mut T)) {
        for (_, content) in &mut self.bins {
            change(content);
        }
    }

    /// Returns the size in bytes.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.bins.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bins(pairs: &[(u32, u64)]) -> SparseBins<u64> {
        let mut bins = SparseBins::default();
        for &(index, count) in pairs {
            *bins.last(index) += count;
        }
        bins
    }

    #[test]
    fn added_bins_stay_in_order() {
        let mut sum = bins(&[(3, 1), (7, 2)]);
        sum.add(&bins(&[(1, 1), (3, 1), (5, 1), (9, 1)]), 2);
        assert_eq!(sum, bins(&[(1, 2), (3, 3), (5, 2), (7, 2), (9, 2)]));
        assert_eq!(sum.coarsened(|i| i / 4), bins(&[(0, 5), (1, 4), (2, 2)]));
    }
}
