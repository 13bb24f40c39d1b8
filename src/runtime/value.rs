//! Inputs and outputs of sessions.

use crate::onnx::ElementType;
use half::f16;
use ort::value::{DynValue, Tensor, TensorElementType};

use crate::error::{Error, Result};

/// A tensor of the runtime, of any element type.
#[derive(Debug)]
pub(crate) struct Value(pub(super) DynValue);

/// Runs the body with `$t` as the Rust type of an element type.
macro_rules! for_element_type {
    ($element:expr, $t:ident => $body:expr, $other:expr) => {
        match $element {
            TensorElementType::Float32 => {
                type $t = f32;
                $body
            }
            TensorElementType::Float16 => {
                type $t = f16;
                $body
            }
            TensorElementType::Float64 => {
                type $t = f64;
                $body
            }
            TensorElementType::Int64 => {
                type $t = i64;
                $body
            }
            TensorElementType::Int32 => {
                type $t = i32;
                $body
            }
            TensorElementType::Int16 => {
                type $t = i16;
                $body
            }
            TensorElementType::Int8 => {
                type $t = i8;
                $body
            }
            TensorElementType::Uint8 => {
                type $t = u8;
                $body
            }
            TensorElementType::Uint16 => {
                type $t = u16;
                $body
            }
            TensorElementType::Uint32 => {
                type $t = u32;
                $body
            }
            TensorElementType::Uint64 => {
                type $t = u64;
                $body
            }
            TensorElementType::Bool => {
                type $t = bool;
                $body
            }
            _ => $other,
        }
    };
}

fn problem(error: &ort::Error) -> Error {
    Error::runtime("tensor", error.to_string())
}

impl Value {
    /// Creates a tensor of f32 values.
    pub(crate) fn from_f32(shape: &[usize], values: Vec<f32>) -> Result<Self> {
        Self::from_vec(shape, values)
    }

    /// Creates a tensor of integers.
    pub(crate) fn from_i64(shape: &[usize], values: Vec<i64>) -> Result<Self> {
        Self::from_vec(shape, values)
    }

    /// Creates a tensor of bytes.
    pub(crate) fn from_u8(shape: &[usize], values: Vec<u8>) -> Result<Self> {
        Self::from_vec(shape, values)
    }

    fn from_vec<T>(shape: &[usize], values: Vec<T>) -> Result<Self>
    where
        T: ort::value::PrimitiveTensorElementType + Clone + std::fmt::Debug + 'static,
    {
        let tensor =
            Tensor::from_array((shape.to_vec(), values)).map_err(|e| problem(&e))?;
        Ok(Self(tensor.into_dyn()))
    }

    /// Creates a tensor of f16 values from f32 values.
    pub(crate) fn to_f16(&self) -> Result<Self> {
        let values = self.to_f32()?.into_iter().map(f16::from_f32).collect();
        Self::from_vec(&self.shape(), values)
    }

    /// Returns the sizes.
    pub(crate) fn shape(&self) -> Vec<usize> {
        let shape = self.0.dtype().tensor_shape();
        shape
            .map(|s| s.iter().map(|&n| usize::try_from(n).unwrap_or(0)).collect())
            .unwrap_or_default()
    }

    /// Returns the values; `None` if they are not f32.
    pub(crate) fn f32s(&self) -> Option<&[f32]> {
        self.0.try_extract_tensor::<f32>().ok().map(|(_, values)| values)
    }

    /// Converts the values to f32.
    pub(crate) fn to_f32(&self) -> Result<Vec<f32>> {
        let wrong = || Error::runtime("tensor", "expected f32, f16 or f64 values");
        match self.element()? {
            TensorElementType::Float32 => Ok(self.slice::<f32>()?.to_vec()),
            TensorElementType::Float16 => {
                Ok(self.slice::<f16>()?.iter().map(|v| v.to_f32()).collect())
            }
            TensorElementType::Float64 => {
                Ok(self.slice::<f64>()?.iter().map(|&v| v as f32).collect())
            }
            _ => Err(wrong()),
        }
    }

    /// Returns the values; fails if they are not i64.
    pub(crate) fn i64s(&self) -> Result<&[i64]> {
        self.slice::<i64>()
    }

    /// Converts the values to f64, for comparisons.
    pub(crate) fn numbers(&self) -> Result<Vec<f64>> {
        match self.element()? {
            TensorElementType::Float16 => {
                Ok(self.slice::<f16>()?.iter().map(|v| v.to_f64()).collect())
            }
            TensorElementType::Float32 => {
                Ok(self.slice::<f32>()?.iter().map(|&v| v.into()).collect())
            }
            TensorElementType::Float64 => Ok(self.slice::<f64>()?.to_vec()),
            TensorElementType::Bool => {
                Ok(self.slice::<bool>()?.iter().map(|&v| v.into()).collect())
            }
            TensorElementType::Int64 => {
                Ok(self.slice::<i64>()?.iter().map(|&v| v as f64).collect())
            }
            TensorElementType::Uint64 => {
                Ok(self.slice::<u64>()?.iter().map(|&v| v as f64).collect())
            }
            TensorElementType::Int32 => {
                Ok(self.slice::<i32>()?.iter().map(|&v| v.into()).collect())
            }
            TensorElementType::Uint32 => {
                Ok(self.slice::<u32>()?.iter().map(|&v| v.into()).collect())
            }
            TensorElementType::Int16 => {
                Ok(self.slice::<i16>()?.iter().map(|&v| v.into()).collect())
            }
            TensorElementType::Uint16 => {
                Ok(self.slice::<u16>()?.iter().map(|&v| v.into()).collect())
            }
            TensorElementType::Int8 => {
                Ok(self.slice::<i8>()?.iter().map(|&v| v.into()).collect())
            }
            TensorElementType::Uint8 => {
                Ok(self.slice::<u8>()?.iter().map(|&v| v.into()).collect())
            }
            other => Err(Error::runtime(
                "tensor",
                format!("element type {other:?} is not supported"),
            )),
        }
    }

    /// Concatenates tensors of one type along an axis. Their other sizes must be equal.
    pub(crate) fn stack(parts: &[&Self], axis: usize) -> Result<Self> {
        let wrong =
            || Error::runtime("tensor", "tensors to stack differ in type or shape");
        let first = parts.first().ok_or_else(wrong)?;
        let mut shape = first.shape();
        let same = |part: &&Self| {
            let other = part.shape();
            let sizes = || shape.iter().zip(&other).enumerate();
            other.len() == shape.len() && sizes().all(|(i, (a, b))| i == axis || a == b)
        };
        if axis >= shape.len() || !parts.iter().all(same) {
            return Err(wrong());
        }
        let outer: usize = shape[..axis].iter().product();
        for_element_type!(
            first.element()?,
            T => {
                let slices = parts.iter().map(|p| p.slice::<T>()).collect::<Result<Vec<_>>>()?;
                let mut values = Vec::with_capacity(slices.iter().map(|s| s.len()).sum());
                for block in 0..outer {
                    for slice in &slices {
                        let length = slice.len() / outer;
                        values.extend_from_slice(&slice[block * length..(block + 1) * length]);
                    }
                }
                shape[axis] = parts.iter().map(|part| part.shape()[axis]).sum();
                Self::from_vec(&shape, values)
            },
            Err(Error::runtime("tensor", "this element type cannot be stacked"))
        )
    }

    /// Returns the element type.
    pub(crate) fn element_type(&self) -> Result<ElementType> {
        self.element().map(element_type)
    }

    fn element(&self) -> Result<TensorElementType> {
        let element = self.0.dtype().tensor_type();
        element.ok_or_else(|| Error::runtime("value", "expected a tensor"))
    }

    fn slice<T: ort::value::PrimitiveTensorElementType>(&self) -> Result<&[T]> {
        let extracted = self.0.try_extract_tensor::<T>();
        extracted.map(|(_, values)| values).map_err(|e| problem(&e))
    }
}

/// Returns the element type of ONNX files; undefined for types that do not cross the cut of a
/// vision model.
pub(super) fn element_type(element: TensorElementType) -> ElementType {
    match element {
        TensorElementType::Float32 => ElementType::F32,
        TensorElementType::Uint8 => ElementType::U8,
        TensorElementType::Int8 => ElementType::I8,
        TensorElementType::Uint16 => ElementType::U16,
        TensorElementType::Int16 => ElementType::I16,
        TensorElementType::Int32 => ElementType::I32,
        TensorElementType::Int64 => ElementType::I64,
        TensorElementType::Bool => ElementType::Bool,
        TensorElementType::Float16 => ElementType::F16,
        TensorElementType::Float64 => ElementType::F64,
        TensorElementType::Uint32 => ElementType::U32,
        TensorElementType::Uint64 => ElementType::U64,
        TensorElementType::Bfloat16 => ElementType::Bf16,
        _ => ElementType::Undefined,
    }
}
