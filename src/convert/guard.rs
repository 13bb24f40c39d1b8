//! Guard against runtimes that compute 64-bit integers in another way.
//!
//! Some runtimes hold 64-bit integers in 32 bits, or divide them as floating-point numbers. Their
//! masks would differ from those of [`crate::random`], and nothing would show it. A converted file
//! therefore computes words whose values are known, with the operators that draw its masks. If one
//! of them differs, all outputs become NaN, or empty if their type has no NaN.
//!
//! The words depend on a value that is always 0 but comes from an input: words of constants would
//! be computed in advance by an optimizer, which may be more precise than the runtime itself. An
//! input's sizes are not enough either, since arithmetic with sizes stays on the CPU.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::generator::{absorb, halves, squares};
use crate::onnx::ElementType::{Bf16, F16, F32, F64, I64};
use crate::onnx::build::{NodeBuilder, initializer, rename_tensors};
use crate::onnx::{ElementType, proto};
use crate::random;

/// Word that the guard's key is made from.
const WORD: u64 = 0x0123_4567_89AB_CDEF;
/// Number of random words that are compared.
const COUNT: u32 = 8;
/// Smallest word that is negative as a signed 32-bit integer.
const MIDDLE: i64 = 1 << 31;

/// Description of a guard in the metadata of a file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Guard {
    /// Tensor that is true if the words are right.
    pub(crate) passes: String,
    pub(crate) outputs: Vec<GuardedOutput>,
}

/// An output that a guard protects.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct GuardedOutput {
    pub(crate) name: String,
    /// Tensor with the values before the guard.
    pub(crate) unguarded: String,
    /// Content of the output if the guard does not pass: `nan` or `empty`.
    pub(crate) otherwise: String,
}

/// Input that the guard's words depend on.
pub(super) struct GuardSource<'a> {
    pub(super) name: &'a str,
    pub(super) element_type: ElementType,
}

impl Guard {
    /// Adds a guard to a complete graph.
    pub(super) fn add(
        b: &mut NodeBuilder,
        graph: &mut proto::Graph,
        source: &GuardSource,
    ) -> Self {
        "guard".clone_into(&mut b.scope);
        let passes = passes(b, source);
        let mut outputs = Vec::new();
        let written: HashSet<&String> =
            graph.node.iter().flat_map(|node| &node.output).collect();
        let mut new = HashMap::new();
        for output in &graph.output {
            let Some(name) = output.name.as_ref().filter(|name| written.contains(name))
            else {
                continue;
            };
            let Some(otherwise) = Otherwise::of(output) else { continue };
            let unguarded = b.names.unique(&format!("mcdrop/unguarded/{name}"));
            otherwise.protect(b, &passes, &unguarded, name);
            new.insert(name.clone(), unguarded.clone());
            outputs.push(GuardedOutput {
                name: name.clone(),
                unguarded,
                otherwise: otherwise.name().to_owned(),
            });
        }
        graph.node.iter_mut().for_each(|node| rename_tensors(node, &new));
        graph.node.append(&mut b.take());
        Self { passes, outputs }
    }
}

/// Content of an output if the guard does not pass.
enum Otherwise {
    Nan(ElementType),
    Empty,
}

impl Otherwise {
    /// Chooses the content by the type of an output; `None` if it is not a tensor, or an integer
    /// without axes.
    fn of(output: &proto::ValueInfo) -> Option<Self> {
        let tensor = match output.r#type.as_ref().and_then(|t| t.value.as_ref()) {
            Some(proto::TypeValue::Tensor(tensor)) => tensor,
            Some(_) => return None,
            None => return Some(Self::Nan(F32)),
        };
        match tensor.elem_type.map_or(F32, ElementType::from_number) {
            ElementType::Undefined => Some(Self::Nan(F32)),
            float @ (F32 | F64 | F16 | Bf16) => Some(Self::Nan(float)),
            _ => {
                let has_axes = tensor.shape.as_ref().is_none_or(|s| !s.dim.is_empty());
                has_axes.then_some(Self::Empty)
            }
        }
    }

    /// Returns the name in the metadata.
    fn name(&self) -> &'static str {
        match self {
            Self::Nan(_) => "nan",
            Self::Empty => "empty",
        }
    }

    /// Writes an output from its value before the guard.
    fn protect(&self, b: &mut NodeBuilder, passes: &str, unguarded: &str, output: &str) {
        let node = b.names.unique(&format!("mcdrop/guard/{output}"));
        match *self {
            Self::Nan(element_type) => {
                let nan = nan(b, element_type);
                b.named("Where", &[passes, unguarded, &nan], &node, output);
            }
            Self::Empty => {
                let [first, all] = [0, i64::from(i32::MAX)].map(|value| b.ints(&[value]));
                let end = b.op("Where", &[passes, &all, &first]);
                b.named("Slice", &[unguarded, &first, &end], &node, output);
            }
        }
    }
}

/// Adds NaN as a constant of a floating-point type.
fn nan(b: &mut NodeBuilder, element_type: ElementType) -> String {
    match element_type {
        F64 => b.double(f64::NAN),
        F16 => b.half(f32::NAN),
        Bf16 => {
            let name = b.names.unique("mcdrop/guard/nan");
            b.constants.push(initializer(&name, Bf16, &[], &0x7fc0_u16.to_le_bytes()));
            name
        }
        _ => b.float(f32::NAN),
    }
}

/// Adds the words, and returns the tensor that is true if all are right.
fn passes(b: &mut NodeBuilder, source: &GuardSource) -> String {
    let zero = zero(b, source);
    let word = b.int(WORD.cast_signed());
    let word = b.op("Add", &[&zero, &word]);
    let [low, _] = halves(b, &word);
    let start = b.tensor(&[1, 1], &[random::KEY_START.cast_signed()]);
    let key = absorb(b, &start, &low);
    let counters: Vec<i64> = (0..i64::from(COUNT)).collect();
    let counters = b.ints(&counters);
    let counters = b.op("Add", &[&counters, &zero]);
    let words = squares(b, &counters, &key);
    let known = known_words();
    let limits: Vec<i64> = LIMITS.iter().flat_map(|limit| known.map(limit)).collect();
    let expected = LIMITS.iter().flat_map(|limit| known.map(|word| word < limit(word)));
    let expected: Vec<f32> = expected.map(f32::from).collect();
    let limits = b.tensor(&[LIMITS.len() as i64, i64::from(COUNT)], &limits);
    let is_less = b.op("Less", &[&words, &limits]);
    let is_less = b.reshape(&is_less, &[-1]);
    let is_less = b.cast(&is_less, F32);
    let expected = b.floats(&expected);
    let is_right = b.op("Equal", &[&is_less, &expected]);
    let is_right = b.cast(&is_right, F32);
    let keep = vec![proto::Attribute::int("keepdims", 0)];
    let all_right = b.op_with("ReduceMin", &[&is_right], keep);
    b.cast(&all_right, ElementType::Bool)
}

/// Limits that each word is compared with. The first two admit only the known word.
const LIMITS: [fn(i64) -> i64; 3] = [|word| word, |word| word + 1, |_| MIDDLE];

/// Computes the words from the definition of the masks.
fn known_words() -> [i64; COUNT as usize] {
    let key = random::absorb(random::KEY_START, WORD as u32);
    std::array::from_fn(|counter| i64::from(random::squares32(counter as u64, key)))
}

/// Adds an integer that is always 0 and depends on an input, `[1]`.
fn zero(b: &mut NodeBuilder, source: &GuardSource) -> String {
    let values = b.reshape(source.name, &[-1]);
    let first = b.ints(&[0]);
    let mut value = b.gather(&values, &first, 0);
    if source.element_type != I64 {
        value = b.cast(&value, I64);
    }
    let one = b.int(1);
    b.op("Mod", &[&value, &one])
}
