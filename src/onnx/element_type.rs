//! The element types of ONNX tensors.

use std::fmt;

/// Element type of a tensor: `TensorProto.DataType` of the ONNX specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ElementType {
    /// The file does not state a type.
    Undefined,
    /// 32-bit floating point.
    F32,
    /// Unsigned 8-bit integer.
    U8,
    /// Signed 8-bit integer.
    I8,
    /// Unsigned 16-bit integer.
    U16,
    /// Signed 16-bit integer.
    I16,
    /// Signed 32-bit integer.
    I32,
    /// Signed 64-bit integer.
    I64,
    /// Text.
    String,
    /// Truth value.
    Bool,
    /// 16-bit floating point, IEEE 754.
    F16,
    /// 64-bit floating point.
    F64,
    /// Unsigned 32-bit integer.
    U32,
    /// Unsigned 64-bit integer.
    U64,
    /// 16-bit floating point with the exponent of f32.
    Bf16,
    /// A type that mcdrop does not read, by its number in the specification.
    Other(i32),
}

/// Types that have a name here, with their numbers and names.
const KNOWN: [(ElementType, i32, &str); 15] = [
    (ElementType::Undefined, 0, "undefined"),
    (ElementType::F32, 1, "f32"),
    (ElementType::U8, 2, "u8"),
    (ElementType::I8, 3, "i8"),
    (ElementType::U16, 4, "u16"),
    (ElementType::I16, 5, "i16"),
    (ElementType::I32, 6, "i32"),
    (ElementType::I64, 7, "i64"),
    (ElementType::String, 8, "string"),
    (ElementType::Bool, 9, "bool"),
    (ElementType::F16, 10, "f16"),
    (ElementType::F64, 11, "f64"),
    (ElementType::U32, 12, "u32"),
    (ElementType::U64, 13, "u64"),
    (ElementType::Bf16, 16, "bf16"),
];

impl ElementType {
    /// Returns the type with a number of the specification.
    pub fn from_number(number: i32) -> Self {
        let known = KNOWN.iter().find(|&&(_, known, _)| known == number);
        known.map_or(Self::Other(number), |&(element, ..)| element)
    }

    /// Returns the number of the type in the specification.
    pub fn number(self) -> i32 {
        match (self, KNOWN.iter().find(|&&(known, ..)| known == self)) {
            (Self::Other(number), _) => number,
            (_, known) => known.map_or(0, |&(_, number, _)| number),
        }
    }

    /// Returns this type, or another one if this is undefined.
    pub(crate) fn or(self, other: Self) -> Self {
        if self == Self::Undefined { other } else { self }
    }

    /// Returns true for f32, f16, f64 and bf16.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::F64 | Self::Bf16)
    }

    /// Returns true for the types of images that a network takes, and if the file states none.
    pub(crate) fn may_be_image(self) -> bool {
        matches!(self, Self::Undefined | Self::F32 | Self::F16)
    }

    /// Returns true for integers and truth values.
    pub(crate) fn is_integer(self) -> bool {
        !self.is_float() && self.bytes().is_some()
    }

    /// Bytes of an element; `None` for text and for types that mcdrop does not read.
    pub(crate) fn bytes(self) -> Option<usize> {
        match self {
            Self::Bool | Self::I8 | Self::U8 => Some(1),
            Self::Bf16 | Self::F16 | Self::I16 | Self::U16 => Some(2),
            Self::F32 | Self::I32 | Self::U32 => Some(4),
            Self::F64 | Self::I64 | Self::U64 => Some(8),
            Self::Other(_) | Self::String | Self::Undefined => None,
        }
    }
}

/// Writes `f32`, or `ONNX type 20` for a type that mcdrop does not read.
impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match KNOWN.iter().find(|(known, ..)| known == self) {
            Some((.., name)) => f.write_str(name),
            None => write!(f, "ONNX type {}", self.number()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_survives() {
        for number in [-1, 0, 1, 7, 10, 14, 16, 17, 23, i32::MAX] {
            assert_eq!(ElementType::from_number(number).number(), number);
        }
        assert_eq!(ElementType::from_number(10), ElementType::F16);
        assert_eq!(ElementType::from_number(20).to_string(), "ONNX type 20");
    }
}
