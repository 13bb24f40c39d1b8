//! Compares metrics of values with naive ones over sorted lists in f64 and with those of other
//! libraries; tests edge cases, merging, intervals and curves.

mod curves;
mod data;
mod edge_cases;
mod fixtures;
mod intervals;
mod merging;
mod oracle;
mod pooled;
