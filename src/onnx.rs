//! ONNX files, read without copying their weights and written back byte for byte.
//!
//! A [`Model`] is a decoded file. It knows its external data and the values of its constants, but
//! not what operators compute: that is left to ONNX Runtime. Files are untrusted: reading any
//! file returns a model or an error.

pub(crate) mod build;
mod constant;
mod declare;
mod element_type;
mod external;
mod file;
mod find;
mod graph;
mod model;
mod node;
pub(crate) mod proto;
mod sniff;
mod truncated;

pub(crate) use constant::{first_values, float_scalar, int_values, tensor_values};
pub(crate) use declare::{declared, typed, untyped};
pub(crate) use graph::{GraphIndex, captured_names, is_standard_domain, normal_domain};
#[cfg(test)]
pub(crate) use node::AttributeType;

pub use declare::ValueDescription;
pub use element_type::ElementType;
pub use find::find_model;
pub use model::Model;
