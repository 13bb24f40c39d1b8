//! mcdrop: Monte-Carlo dropout for ONNX vision models.

pub mod error;
pub mod input;
pub mod measure;
pub mod onnx;
mod operator;
pub mod output;
pub mod random;
pub mod reduce;
pub mod rewrite;
pub mod runtime;
pub mod simd;
pub mod tensor;

pub use error::{Error, Result};
