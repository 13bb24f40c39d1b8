//! ONNX Runtime: its library, sessions, values, and the dropout operator.
//!
//! The only module that names `ort`. ONNX Runtime's default optimizer deletes live `Dropout` nodes,
//! and the samples of its own kernel are correlated. Sites therefore run as mcdrop's own operator,
//! which no optimizer knows and which draws the masks of [`random`](crate::random).

mod draw_groups;
mod dropout;
mod library;
mod noise;
mod operators;
mod refusal;
mod session;
mod site_counts;
mod value;

pub use library::Runtime;
pub(crate) use session::{Described, Optimization, Session, SessionOptions};
pub(crate) use site_counts::SiteCounts;
pub(crate) use value::Value;
