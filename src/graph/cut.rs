//! The cut: the nodes of the suffix, and the tensors that cross into it.

use std::collections::{BTreeSet, HashSet};

use super::reach::Reach;

/// The suffix, and the tensors and shapes that cross into it.
pub(super) struct Cut {
    pub(super) suffix: BTreeSet<usize>,
    pub(super) tensors: BTreeSet<String>,
    pub(super) shapes: BTreeSet<String>,
}

impl Cut {
    pub(super) fn new(
        reach: &Reach,
        random: &HashSet<usize>,
        constant: &HashSet<usize>,
    ) -> Self {
        let arithmetic = reach.shape_arithmetic(constant);
        let mut cut = Self {
            suffix: BTreeSet::new(),
            tensors: BTreeSet::new(),
            shapes: BTreeSet::new(),
        };
        let mut open: Vec<usize> = random.iter().copied().collect();
        while let Some(node) = open.pop() {
            if !cut.suffix.insert(node) {
                continue;
            }
            for &name in reach.reads(node) {
                match reach.index.producer_index(name) {
                    _ if reach.index.initializers.contains_key(name) => {}
                    Some(writer)
                        if random.contains(&writer) || constant.contains(&writer) =>
                    {
                        open.push(writer);
                    }
                    Some(writer) if arithmetic.contains(&writer) => {
                        if reach.is_shape(writer) {
                            cut.shapes.insert(name.to_owned());
                        } else {
                            open.push(writer);
                        }
                    }
                    // The graph input, or a tensor of the prefix.
                    None | Some(_) => {
                        cut.tensors.insert(name.to_owned());
                    }
                }
            }
        }
        cut
    }

    pub(super) fn prefix(&self, reach: &Reach) -> BTreeSet<usize> {
        let crossing = self.tensors.iter().chain(&self.shapes).map(String::as_str);
        reach.needed(crossing).into_iter().collect()
    }
}
