//! The noise operator, which writes random numbers of a shape, different ones for each row.

use std::sync::Arc;

use ort::operator::{
    BoxedKernel, ComputeContext, KernelContext, Operator, OperatorInput, OperatorOutput,
};
use ort::value::TensorElementType;

use super::draw_groups::{self, Drawing, Groups, missing};
use super::site_counts::SiteCounts;
use crate::operator::{self, GAUSSIAN, NUMBERS};
use crate::random::{self, Stream};

pub(super) struct NoiseOperator {
    pub(super) counts: Arc<SiteCounts>,
}

impl Operator for NoiseOperator {
    type Kernel<'attr> = BoxedKernel<'attr>;

    fn name(&self) -> &str {
        operator::NOISE
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        let shape = OperatorInput::required(TensorElementType::Int64);
        [shape].into_iter().chain(draw_groups::inputs())
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel<'attr>(
        &self,
        context: &KernelContext<'attr>,
    ) -> ort::Result<BoxedKernel<'attr>> {
        let drawing = Drawing::new(context)?;
        let [first, second, off] =
            context.get::<Vec<f32>>(NUMBERS).unwrap_or_default()[..]
        else {
            return Err(ort::Error::new("three numbers are expected"));
        };
        let gaussian = context.get::<i64>(GAUSSIAN) == Some(1);
        let counts = Arc::clone(&self.counts);
        Ok(Box::new(move |context: &ComputeContext| {
            let number = |stream: &Stream, sample, unit| {
                if gaussian {
                    first + second * random::gaussian(stream, sample, unit)
                } else {
                    first + (second - first) * random::uniform(stream, sample, unit)
                }
            };
            let rows = fill(&drawing, context, off, &number)?;
            counts.add(drawing.ordinal, rows);
            Ok(())
        }))
    }
}

/// Fills the output. Returns the number of random rows.
fn fill(
    drawing: &Drawing,
    context: &ComputeContext,
    off: f32,
    number: &dyn Fn(&Stream, u32, u64) -> f32,
) -> ort::Result<usize> {
    let shape = context.input(0)?.ok_or_else(missing)?;
    let shape = shape.try_extract_tensor::<i64>()?.1.to_vec();
    let Groups { live, off: silent, rows } = drawing.groups(context)?;
    let sizes: Vec<usize> =
        shape.iter().map(|&size| usize::try_from(size).unwrap_or(0)).collect();
    let (axis, slices) = match drawing.axis {
        Some(axis) => (axis, sizes.get(axis).copied().unwrap_or(0) / rows.max(1)),
        None if rows == 1 => (0, sizes.first().copied().unwrap_or(1)),
        None => return Err(ort::Error::new("noise without a row axis got several rows")),
    };
    let inner: usize = sizes.get(axis + 1..).unwrap_or_default().iter().product();
    let outer: usize = sizes.get(..axis).unwrap_or_default().iter().product();
    if slices * rows * inner * outer != sizes.iter().product::<usize>() {
        return Err(ort::Error::new(format!("{sizes:?} does not hold {rows} rows")));
    }
    let mut output = context.output(0, shape)?.ok_or_else(missing)?;
    let values = output.try_extract_tensor_mut::<f32>()?.1;
    values.fill(off);
    let span = slices * inner;
    for group in &live {
        for &(row, bit) in &group.rows {
            let sample = group.turn * group.stream.draws.samples_per_key() + bit;
            for block in 0..outer {
                let start = (block * rows + row) * span;
                for (i, value) in values[start..start + span].iter_mut().enumerate() {
                    let (slice, within) = (i / inner.max(1), i % inner.max(1));
                    let unit = (slice * outer + block) * inner + within;
                    *value = number(&group.stream, sample, unit as u64);
                }
            }
        }
    }
    Ok(rows - silent.len())
}
