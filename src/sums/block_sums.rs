//! Sums of blocks of samples that merge to the same bits in any order.

use std::collections::BTreeMap;

use super::Sums;

/// Sums of some of the blocks that an image's samples are drawn in.
///
/// Blocks are the leaves of a binary tree. If the sums of both children of a node are there, they
/// are merged to those of the node, the lower one first; so the sums of a node do not depend on the
/// order in which its blocks arrived.
#[derive(Debug, Clone)]
pub struct BlockSums<S> {
    /// Sums by the first block and the level of their node, which has `2^level` blocks.
    nodes: BTreeMap<(u32, u32), S>,
}

impl<S> Default for BlockSums<S> {
    fn default() -> Self {
        Self { nodes: BTreeMap::new() }
    }
}

impl<S: Sums> BlockSums<S> {
    /// Adds the sums of one block; blocks are numbered from 0.
    ///
    /// # Panics
    /// Panics if the block is already contained, or as [`Sums::merge`] does.
    pub fn insert(&mut self, block: u32, sums: S) {
        self.insert_node((block, 0), sums);
    }

    /// Adds the sums of other blocks.
    ///
    /// # Panics
    /// Panics if both contain the same block, or as [`Sums::merge`] does.
    pub fn merge(&mut self, other: Self) {
        for (node, sums) in other.nodes {
            self.insert_node(node, sums);
        }
    }

    /// Returns the sums of all blocks; `None` if there are none.
    pub fn finish(self) -> Option<S> {
        self.nodes.into_values().reduce(|mut sums, next| {
            sums.merge(next);
            sums
        })
    }

    fn insert_node(&mut self, (first, level): (u32, u32), sums: S) {
        let end = u64::from(first) + (1_u64 << level);
        let overlaps = self.nodes.keys().any(|&(other, other_level)| {
            u64::from(other) < end
                && u64::from(first) < u64::from(other) + (1_u64 << other_level)
        });
        assert!(!overlaps, "block {first} is already contained");
        let (mut first, mut level, mut sums) = (first, level, sums);
        loop {
            let size = 1_u32 << level;
            let sibling = first ^ size;
            let Some(other) = self.nodes.remove(&(sibling, level)) else { break };
            let (mut left, right) =
                if sibling < first { (other, sums) } else { (sums, other) };
            left.merge(right);
            (first, level, sums) = (first.min(sibling), level + 1, left);
        }
        self.nodes.insert((first, level), sums);
    }
}
