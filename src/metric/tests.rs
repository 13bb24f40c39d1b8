//! Compares metrics with naive ones over sorted lists in f64; tests edge cases, merging and
//! intervals.

mod curves;
pub(super) mod data;
mod edge_cases;
mod fixtures;
mod images;
mod intervals;
mod merging;
mod oracle;
mod outside;
mod pooled;
mod speed;
