//! Compares metrics of labels with naive ones over lists in f64 and with those of other libraries;
//! tests edge cases, merging, intervals and curves.

mod data;
mod edge_cases;
mod fixtures;
mod intervals;
mod merging;
mod pooled;
