//! Grouping of the rows of a run by the draws that they share.

use ort::operator::{ComputeContext, KernelContext};
use ort::value::TensorElementType;

use crate::operator::{AXIS, INDEPENDENT, ORDINAL, SEED, SITE};
use crate::random::{Draws, Stream};

/// The stream and the rows of an operator that draws.
pub(super) struct Drawing {
    pub(super) stream: Stream,
    pub(super) axis: Option<usize>,
    pub(super) ordinal: usize,
}

/// Neighboring rows of one image and one block of samples, which share their words.
pub(super) struct Group {
    pub(super) stream: Stream,
    pub(super) turn: u32,
    /// Row, and the bit of its sample in the words.
    pub(super) rows: Vec<(usize, u32)>,
}

/// The rows of a run.
pub(super) struct Groups {
    pub(super) live: Vec<Group>,
    /// Rows of the deterministic pass.
    pub(super) off: Vec<usize>,
    /// Number of all rows.
    pub(super) rows: usize,
}

impl Drawing {
    pub(super) fn new(context: &KernelContext<'_>) -> ort::Result<Self> {
        let int = |name: &str| {
            let value = context.get::<i64>(name);
            value.ok_or_else(|| {
                ort::Error::new(format!("attribute \"{name}\" is missing"))
            })
        };
        let draws =
            if int(INDEPENDENT)? == 1 { Draws::Independent } else { Draws::Stratified };
        Ok(Self {
            stream: Stream {
                draws,
                seed: int(SEED)?.cast_unsigned(),
                site: int(SITE)?.cast_unsigned(),
                image: 0,
                iteration: 0,
            },
            axis: usize::try_from(int(AXIS)?).ok(),
            ordinal: usize::try_from(int(ORDINAL)?).unwrap_or(usize::MAX),
        })
    }

    /// Groups the rows of a run. Image keys and samples are inputs 1 and 2; the iteration of the
    /// enclosing loop is input 3, if there is a loop.
    pub(super) fn groups(&self, context: &ComputeContext) -> ort::Result<Groups> {
        let keys = context.input(1)?.ok_or_else(missing)?;
        let samples = context.input(2)?.ok_or_else(missing)?;
        let (_, keys) = keys.try_extract_tensor::<i64>()?;
        let (_, samples) = samples.try_extract_tensor::<i64>()?;
        if keys.len() != samples.len() {
            return Err(ort::Error::new("image keys and samples differ in number"));
        }
        let iteration = iteration(context)?;
        let (mut live, mut off): (Vec<Group>, _) = (Vec::new(), Vec::new());
        for (row, (&key, &sample)) in keys.iter().zip(samples).enumerate() {
            if sample < 0 {
                off.push(row);
                continue;
            }
            let sample = u32::try_from(sample)
                .map_err(|_| ort::Error::new("sample is too large"))?;
            let (turn, bit) = self.stream.draws.block_and_bit(sample);
            let stream = Stream { image: key.cast_unsigned(), iteration, ..self.stream };
            match live
                .last_mut()
                .filter(|group| group.stream.image == stream.image && group.turn == turn)
            {
                Some(group) => group.rows.push((row, bit)),
                None => live.push(Group { stream, turn, rows: vec![(row, bit)] }),
            }
        }
        Ok(Groups { live, off, rows: keys.len() })
    }
}

/// Returns the iteration of the enclosing loop; 0 outside of loops.
fn iteration(context: &ComputeContext) -> ort::Result<u32> {
    if context.num_inputs()? < 4 {
        return Ok(0);
    }
    let Some(trip) = context.input(3)? else { return Ok(0) };
    let trip = trip.try_extract_tensor::<i64>()?.1.first().copied();
    u32::try_from(trip.unwrap_or(0))
        .map_err(|_| ort::Error::new("the loop runs too often"))
}

impl Group {
    pub(super) fn key(&self) -> u64 {
        self.stream.key(self.turn)
    }
}

/// Returns the types of the inputs after the first.
pub(super) fn inputs() -> [ort::operator::OperatorInput; 3] {
    use ort::operator::OperatorInput;
    [
        OperatorInput::required(TensorElementType::Int64),
        OperatorInput::required(TensorElementType::Int64),
        OperatorInput::optional(TensorElementType::Int64),
    ]
}

pub(super) fn missing() -> ort::Error {
    ort::Error::new("an input of the operator is missing")
}
