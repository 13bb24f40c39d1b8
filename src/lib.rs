//! mcdrop: Monte-Carlo dropout for ONNX vision models.

pub mod cli;
pub mod error;
pub mod input;
pub mod measure;
pub mod onnx;
mod operator;
pub mod output;
pub mod pipeline;
pub mod random;
pub mod reduce;
pub mod rewrite;
pub mod runtime;
pub mod sampling;
pub mod simd;
pub mod tensor;

pub use error::{Error, Result};
