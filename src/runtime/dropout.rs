//! The dropout operator, which is live in every session and draws the masks of [`random`].
//!
//! Each row of a run is a sample of an image. Neighboring rows of one image and one block share the
//! words of their units: a word is drawn once per unit, units are the outer loop, and samples the
//! inner one. The work runs on ONNX Runtime's own threads. A tensor without other readers is
//! changed in place.
#![expect(
    unsafe_code,
    reason = "ONNX Runtime hands out input and output that may be one buffer"
)]

mod layout;

use std::marker::PhantomData;
use std::sync::Arc;

use half::f16;
use ort::operator::{
    BoxedKernel, ComputeContext, KernelContext, Operator, OperatorInput, OperatorOutput,
};
use ort::value::{PrimitiveTensorElementType, TensorElementType};

use layout::{Layout, Run, TILE};

use super::draw_groups::{self, Drawing, Group, Groups, missing};
use super::site_counts::SiteCounts;
use crate::operator::{self, GROWS, MASK_AXES, RATIO, VALUES};
use crate::random::{self, Applied, Draws, MaskTable};

/// An element type that dropout is applied to.
trait Element: PrimitiveTensorElementType + Copy + Send + Sync + 'static {
    const TYPE: TensorElementType;
    fn apply(words: &[u32], bit: u32, applied: Applied, x: &mut [Self]);
    fn apply_from(words: &[u32], bit: u32, applied: Applied, x: &[Self], y: &mut [Self]);
    fn apply_to_all(dropped: bool, applied: Applied, x: &mut [Self]);
}

impl Element for f32 {
    const TYPE: TensorElementType = TensorElementType::Float32;

    fn apply(words: &[u32], bit: u32, applied: Applied, x: &mut [Self]) {
        random::apply_words_in_place(words, bit, applied, x);
    }

    fn apply_from(words: &[u32], bit: u32, applied: Applied, x: &[Self], y: &mut [Self]) {
        random::apply_words(words, bit, applied, x, y);
    }

    fn apply_to_all(dropped: bool, applied: Applied, x: &mut [Self]) {
        random::apply_to_all(dropped, applied, x);
    }
}

impl Element for f16 {
    const TYPE: TensorElementType = TensorElementType::Float16;

    fn apply(words: &[u32], bit: u32, applied: Applied, x: &mut [Self]) {
        random::apply_words_f16_in_place(words, bit, applied, x);
    }

    fn apply_from(words: &[u32], bit: u32, applied: Applied, x: &[Self], y: &mut [Self]) {
        random::apply_words_f16(words, bit, applied, x, y);
    }

    fn apply_to_all(dropped: bool, applied: Applied, x: &mut [Self]) {
        random::apply_to_all_f16(dropped, applied, x);
    }
}

/// The operator for one element type.
pub(super) struct DropoutOperator<T> {
    counts: Arc<SiteCounts>,
    element: PhantomData<T>,
}

impl<T> DropoutOperator<T> {
    pub(super) fn new(counts: &Arc<SiteCounts>) -> Self {
        Self { counts: Arc::clone(counts), element: PhantomData }
    }
}

impl<T: Element> Operator for DropoutOperator<T> {
    type Kernel<'attr> = BoxedKernel<'attr>;

    const INPLACES: &[(u32, u32)] = &[(0, 0)];

    fn name(&self) -> &str {
        operator::DROPOUT
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [OperatorInput::required(T::TYPE)].into_iter().chain(draw_groups::inputs())
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(T::TYPE)]
    }

    fn create_kernel<'attr>(
        &self,
        context: &KernelContext<'attr>,
    ) -> ort::Result<BoxedKernel<'attr>> {
        let ratio = context.get::<f32>(RATIO).unwrap_or(f32::NAN);
        let threshold = random::threshold(ratio).ok_or_else(|| {
            ort::Error::new(format!("dropout ratio {ratio} is outside [0, 1)"))
        })?;
        let [scale, shift, dropped] =
            context.get::<Vec<f32>>(VALUES).unwrap_or_default()[..]
        else {
            return Err(ort::Error::new("three values are expected"));
        };
        let axes = context.get::<Vec<i64>>(MASK_AXES).unwrap_or_default();
        let drawing = Drawing::new(context)?;
        let ordinal = drawing.ordinal;
        let site = SiteKernel {
            drawing,
            mask_axes: axes
                .split_first()
                .filter(|(some, _)| **some == 1)
                .map(|(_, a)| a.to_vec()),
            threshold,
            grows: context.get::<i64>(GROWS).is_some_and(|grows| grows == 1),
            applied: Applied { scale, shift, dropped },
            table: MaskTable::new(threshold),
        };
        let counts = Arc::clone(&self.counts);
        Ok(Box::new(move |context: &ComputeContext| {
            let rows = site.compute::<T>(context)?;
            counts.add(ordinal, rows);
            Ok(())
        }))
    }
}

struct SiteKernel {
    drawing: Drawing,
    mask_axes: Option<Vec<i64>>,
    /// True if the data are one row, which all rows share.
    grows: bool,
    threshold: u64,
    applied: Applied,
    table: MaskTable,
}

impl SiteKernel {
    fn compute<T: Element>(&self, context: &ComputeContext) -> ort::Result<usize> {
        let Groups { live, off, rows } = self.drawing.groups(context)?;
        let data = context.input(0)?.ok_or_else(missing)?;
        let (shape, x) = data.try_extract_tensor::<T>()?;
        let (mut dimensions, length, x) = (shape.to_vec(), x.len(), x.as_ptr());
        if let (true, Some(first)) = (self.grows, dimensions.first_mut()) {
            *first *= rows as i64;
        }
        let mut output = context.output(0, dimensions.clone())?.ok_or_else(missing)?;
        let y = output.try_extract_tensor_mut::<T>()?.1;
        let (y_length, y) = (y.len(), y.as_mut_ptr());
        let axes = self.mask_axes.as_deref();
        let layout = Layout::new(&dimensions, self.drawing.axis, axes, rows)
            .map_err(ort::Error::new)?;
        let in_place = std::ptr::eq(x, y.cast_const());
        if in_place && y_length != length {
            return Err(ort::Error::new("input and output of several rows share memory"));
        }
        let buffers = Buffers { x, y, length, of_y: y_length, in_place };
        if !buffers.in_place {
            for &row in &off {
                layout.runs.iter().for_each(|run| {
                    let from = layout.place(run, if self.grows { 0 } else { row });
                    buffers.copy(from, layout.place(run, row), run.length);
                });
            }
        }
        let tasks = layout.tasks();
        context.par_for(live.len() * tasks.len(), 0, |task| {
            let (run, from, to) = tasks[task % tasks.len()];
            let group = &live[task / tasks.len()];
            self.apply(group, &layout, (&layout.runs[run], from, to), &buffers);
        })?;
        Ok(rows - off.len())
    }

    fn apply<T: Element>(
        &self,
        group: &Group,
        layout: &Layout,
        (run, from, to): (&Run, usize, usize),
        buffers: &Buffers<T>,
    ) {
        let mut words = [0; TILE];
        let units = if run.is_one_unit { 1 } else { to - from };
        let unit = run.first_unit + if run.is_one_unit { 0 } else { from };
        let words = &mut words[..units];
        self.draw(group, unit as u64, words);
        for &(row, bit) in &group.rows {
            let start = layout.place(run, row) + from;
            let start =
                (layout.place(run, if self.grows { 0 } else { row }) + from, start);
            if run.is_one_unit {
                let dropped = words[0] >> bit & 1 == 1;
                buffers.apply_to_all(start, to - from, dropped, self.applied);
            } else {
                buffers.apply(start, words, bit, self.applied);
            }
        }
    }

    fn draw(&self, group: &Group, first_unit: u64, words: &mut [u32]) {
        match group.stream.draws {
            Draws::Stratified => self.table.words(group.key(), first_unit, words),
            Draws::Independent => {
                random::independent_words(
                    self.threshold,
                    group.key(),
                    first_unit,
                    0,
                    words,
                );
            }
        }
    }
}

/// Input and output of the operator, which may be one buffer.
struct Buffers<T> {
    x: *const T,
    y: *mut T,
    /// Number of values of the input.
    length: usize,
    /// Number of values of the output.
    of_y: usize,
    in_place: bool,
}

// SAFETY: tasks touch disjoint ranges of the buffers (a row's tile of a run), and the buffers
// outlive the parallel loop, which ends before the operator's compute function returns.
unsafe impl<T: Send + Sync> Sync for Buffers<T> {}
// SAFETY: as above; the pointers are not tied to a thread.
unsafe impl<T: Send> Send for Buffers<T> {}

impl<T: Element> Buffers<T> {
    /// Applies dropout to a range; the starts are offsets into input and output.
    fn apply(
        &self,
        (from, start): (usize, usize),
        words: &[u32],
        bit: u32,
        applied: Applied,
    ) {
        // SAFETY: a task's tile of a run and row is its own, and the value ends here.
        let y = unsafe { self.output(start, words.len()) };
        if self.in_place {
            T::apply(words, bit, applied, y);
        } else {
            T::apply_from(words, bit, applied, self.input(from, words.len()), y);
        }
    }

    fn apply_to_all(
        &self,
        (from, start): (usize, usize),
        length: usize,
        dropped: bool,
        applied: Applied,
    ) {
        // SAFETY: as in `apply`.
        let y = unsafe { self.output(start, length) };
        if !self.in_place {
            y.copy_from_slice(self.input(from, length));
        }
        T::apply_to_all(dropped, applied, y);
    }

    fn copy(&self, from: usize, start: usize, length: usize) {
        // SAFETY: called before the tasks start, one range after the other.
        unsafe { self.output(start, length) }.copy_from_slice(self.input(from, length));
    }

    /// Returns a range of the input, which must be a separate buffer.
    fn input(&self, start: usize, length: usize) -> &[T] {
        assert!(start + length <= self.length && !self.in_place, "the range is readable");
        // SAFETY: in bounds by the assertion.
        let x = unsafe { self.x.add(start) };
        // SAFETY: `length` initialized values follow, and nobody writes to this buffer.
        unsafe { std::slice::from_raw_parts(x, length) }
    }

    /// Returns a range of the output.
    ///
    /// # Safety
    /// No other value of a range that overlaps may live at the same time.
    #[expect(
        clippy::mut_from_ref,
        reason = "tasks on several threads write to disjoint ranges"
    )]
    unsafe fn output(&self, start: usize, length: usize) -> &mut [T] {
        assert!(start + length <= self.of_y, "the range lies inside the tensor");
        // SAFETY: in bounds by the assertion.
        let y = unsafe { self.y.add(start) };
        // SAFETY: `length` values follow, and the caller has exclusive access to this range.
        unsafe { std::slice::from_raw_parts_mut(y, length) }
    }
}
