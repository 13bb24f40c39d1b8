//! The dropout operator: live in every session, its masks those of [`random`].
//!
//! A run has rows, each an image and a sample. Where neighbouring rows share an image and a
//! block, a word is drawn once a unit and serves them all: units are the outer loop, samples
//! the inner one. Work is shared out on ONNX Runtime's own threads, and a tensor that nobody
//! else reads is changed in place.
#![expect(
    unsafe_code,
    reason = "ONNX Runtime hands out input and output that may be one buffer"
)]

mod layout;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use half::f16;
use ort::operator::{
    BoxedKernel, ComputeContext, KernelContext, Operator, OperatorDomain, OperatorInput,
    OperatorOutput,
};
use ort::value::{PrimitiveTensorElementType, TensorElementType};

use layout::{Layout, Run, TILE};

use crate::operator::{self, AXIS, INDEPENDENT, ORDINAL, RATIO, SEED, SITE};
use crate::random::{self, Draws, MaskTable, Stream};

/// How many rows each site has dropped from so far.
#[derive(Debug)]
pub(crate) struct SiteCounts(Vec<AtomicU64>);

impl SiteCounts {
    pub(crate) fn new(sites: usize) -> Self {
        Self((0..sites).map(|_| AtomicU64::new(0)).collect())
    }

    /// The counts, in the order of the sites.
    pub(crate) fn rows(&self) -> Vec<u64> {
        self.0.iter().map(|count| count.load(Ordering::Relaxed)).collect()
    }

    fn add(&self, ordinal: usize, rows: usize) {
        if let Some(count) = self.0.get(ordinal) {
            count.fetch_add(rows as u64, Ordering::Relaxed);
        }
    }
}

/// Registers the operator for each element type.
pub(super) fn add_to(
    domain: OperatorDomain,
    counts: &Arc<SiteCounts>,
) -> ort::Result<OperatorDomain> {
    let single = DropoutOperator::<f32> {
        counts: Arc::clone(counts),
        element: std::marker::PhantomData,
    };
    let half = DropoutOperator::<f16> {
        counts: Arc::clone(counts),
        element: std::marker::PhantomData,
    };
    domain.add(single)?.add(half)
}

/// An element type that dropout is applied to.
trait Element: PrimitiveTensorElementType + Copy + Send + Sync + 'static {
    const TYPE: TensorElementType;
    fn apply(words: &[u32], bit: u32, scale: f32, x: &[Self], y: &mut [Self]);
    fn apply_in_place(words: &[u32], bit: u32, scale: f32, x: &mut [Self]);
}

impl Element for f32 {
    const TYPE: TensorElementType = TensorElementType::Float32;

    fn apply(words: &[u32], bit: u32, scale: f32, x: &[Self], y: &mut [Self]) {
        random::apply_words(words, bit, scale, x, y);
    }

    fn apply_in_place(words: &[u32], bit: u32, scale: f32, x: &mut [Self]) {
        random::apply_words_in_place(words, bit, scale, x);
    }
}

impl Element for f16 {
    const TYPE: TensorElementType = TensorElementType::Float16;

    fn apply(words: &[u32], bit: u32, scale: f32, x: &[Self], y: &mut [Self]) {
        random::apply_words_f16(words, bit, scale, x, y);
    }

    fn apply_in_place(words: &[u32], bit: u32, scale: f32, x: &mut [Self]) {
        random::apply_words_f16_in_place(words, bit, scale, x);
    }
}

struct DropoutOperator<T> {
    counts: Arc<SiteCounts>,
    element: std::marker::PhantomData<T>,
}

impl<T: Element> Operator for DropoutOperator<T> {
    type Kernel<'attr> = BoxedKernel<'attr>;

    const INPLACES: &[(u32, u32)] = &[(0, 0)];

    fn name(&self) -> &str {
        operator::NAME
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [
            OperatorInput::required(T::TYPE),
            OperatorInput::required(TensorElementType::Int64),
            OperatorInput::required(TensorElementType::Int64),
        ]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(T::TYPE)]
    }

    fn create_kernel<'attr>(
        &self,
        context: &KernelContext<'attr>,
    ) -> ort::Result<BoxedKernel<'attr>> {
        let int = |name: &str| {
            let value = context.get::<i64>(name);
            value.ok_or_else(|| {
                ort::Error::new(format!("attribute \"{name}\" is missing"))
            })
        };
        let ratio = context.get::<f32>(RATIO).unwrap_or(f32::NAN);
        let threshold = random::threshold(ratio).ok_or_else(|| {
            ort::Error::new(format!("dropout ratio {ratio} is outside [0, 1)"))
        })?;
        let draws =
            if int(INDEPENDENT)? == 1 { Draws::Independent } else { Draws::Stratified };
        let site = SiteKernel {
            stream: Stream {
                draws,
                seed: int(SEED)?.cast_unsigned(),
                site: int(SITE)?.cast_unsigned(),
                image: 0,
                iteration: 0,
            },
            axis: usize::try_from(int(AXIS)?).ok(),
            threshold,
            scale: random::keep_scale(ratio),
            table: MaskTable::new(threshold),
        };
        let ordinal = usize::try_from(int(ORDINAL)?).unwrap_or(usize::MAX);
        let counts = Arc::clone(&self.counts);
        Ok(Box::new(move |context: &ComputeContext| {
            let rows = site.compute::<T>(context)?;
            counts.add(ordinal, rows);
            Ok(())
        }))
    }
}

/// Neighbouring rows with one image and one turn, which share their words.
struct Group {
    image: u64,
    turn: u32,
    /// Row and bit of each.
    rows: Vec<(usize, u32)>,
}

struct SiteKernel {
    stream: Stream,
    axis: Option<usize>,
    threshold: u64,
    scale: f32,
    table: MaskTable,
}

impl SiteKernel {
    fn compute<T: Element>(&self, context: &ComputeContext) -> ort::Result<usize> {
        let missing = || ort::Error::new("an input of the dropout operator is missing");
        let keys = context.input(1)?.ok_or_else(missing)?;
        let samples = context.input(2)?.ok_or_else(missing)?;
        let (_, keys) = keys.try_extract_tensor::<i64>()?;
        let (_, samples) = samples.try_extract_tensor::<i64>()?;
        let data = context.input(0)?.ok_or_else(missing)?;
        let (shape, x) = data.try_extract_tensor::<T>()?;
        let (dimensions, length, x) = (shape.to_vec(), x.len(), x.as_ptr());
        let mut output = context.output(0, dimensions.clone())?.ok_or_else(missing)?;
        let y = output.try_extract_tensor_mut::<T>()?.1.as_mut_ptr();
        if keys.len() != samples.len() {
            return Err(ort::Error::new("image keys and samples differ in number"));
        }
        let layout =
            Layout::new(&dimensions, self.axis, keys.len()).map_err(ort::Error::new)?;
        let (groups, off) = self.groups(keys, samples)?;
        let buffers = Buffers { x, y, length, in_place: std::ptr::eq(x, y.cast_const()) };
        if !buffers.in_place {
            for &row in &off {
                layout
                    .runs
                    .iter()
                    .for_each(|run| buffers.copy(layout.place(run, row), run.length));
            }
        }
        let tasks = layout.tasks();
        context.par_for(groups.len() * tasks.len(), 0, |task| {
            let (run, from, to) = tasks[task % tasks.len()];
            let group = &groups[task / tasks.len()];
            self.apply(group, &layout, (&layout.runs[run], from, to), &buffers);
        })?;
        Ok(keys.len() - off.len())
    }

    /// Rows by what they share, and the rows of the deterministic pass.
    fn groups(
        &self,
        keys: &[i64],
        samples: &[i64],
    ) -> ort::Result<(Vec<Group>, Vec<usize>)> {
        let (mut groups, mut off): (Vec<Group>, _) = (Vec::new(), Vec::new());
        for (row, (&key, &sample)) in keys.iter().zip(samples).enumerate() {
            if sample < 0 {
                off.push(row);
                continue;
            }
            let sample = u32::try_from(sample)
                .map_err(|_| ort::Error::new("sample is too large"))?;
            let (turn, bit) = self.stream.draws.place(sample);
            let image = key.cast_unsigned();
            match groups
                .last_mut()
                .filter(|group| group.image == image && group.turn == turn)
            {
                Some(group) => group.rows.push((row, bit)),
                None => groups.push(Group { image, turn, rows: vec![(row, bit)] }),
            }
        }
        Ok((groups, off))
    }

    fn apply<T: Element>(
        &self,
        group: &Group,
        layout: &Layout,
        (run, from, to): (&Run, usize, usize),
        buffers: &Buffers<T>,
    ) {
        let mut words = [0; TILE];
        let words = &mut words[..to - from];
        let key = Stream { image: group.image, ..self.stream }.key(group.turn);
        let unit = (run.first_unit + from) as u64;
        match self.stream.draws {
            Draws::Stratified => self.table.words(key, unit, words),
            Draws::Independent => {
                random::independent_words(self.threshold, key, unit, 0, words);
            }
        }
        for &(row, bit) in &group.rows {
            buffers.apply(layout.place(run, row) + from, words, bit, self.scale);
        }
    }
}

/// The operator's input and output: two buffers, or one.
struct Buffers<T> {
    x: *const T,
    y: *mut T,
    length: usize,
    in_place: bool,
}

// SAFETY: tasks touch disjoint ranges of the buffers (a row's tile of a run), and the buffers
// outlive the parallel loop, which ends before the operator's compute function returns.
unsafe impl<T: Send + Sync> Sync for Buffers<T> {}
// SAFETY: as above; the pointers are not tied to a thread.
unsafe impl<T: Send> Send for Buffers<T> {}

impl<T: Element> Buffers<T> {
    fn apply(&self, start: usize, words: &[u32], bit: u32, scale: f32) {
        // SAFETY: a task's tile of a run and row is its own, and the value ends here.
        let y = unsafe { self.output(start, words.len()) };
        if self.in_place {
            T::apply_in_place(words, bit, scale, y);
        } else {
            T::apply(words, bit, scale, self.input(start, words.len()), y);
        }
    }

    fn copy(&self, start: usize, length: usize) {
        // SAFETY: called before the tasks start, one range after the other.
        unsafe { self.output(start, length) }.copy_from_slice(self.input(start, length));
    }

    /// A range of the input, where it is a buffer of its own.
    fn input(&self, start: usize, length: usize) -> &[T] {
        assert!(start + length <= self.length && !self.in_place, "the range is readable");
        // SAFETY: in bounds by the assertion.
        let x = unsafe { self.x.add(start) };
        // SAFETY: `length` initialised values follow, and nobody writes to this buffer.
        unsafe { std::slice::from_raw_parts(x, length) }
    }

    /// A range of the output.
    ///
    /// # Safety
    /// No other value of a range that overlaps may live at the same time.
    #[expect(
        clippy::mut_from_ref,
        reason = "tasks on several threads write to disjoint ranges"
    )]
    unsafe fn output(&self, start: usize, length: usize) -> &mut [T] {
        assert!(start + length <= self.length, "the range lies inside the tensor");
        // SAFETY: in bounds by the assertion.
        let y = unsafe { self.y.add(start) };
        // SAFETY: `length` values follow, and the caller has this range alone.
        unsafe { std::slice::from_raw_parts_mut(y, length) }
    }
}
