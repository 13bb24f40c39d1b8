//! Probing: runs on noise show what a model does with a batch, before the first image is sampled.
//!
//! Axes and independence of the rows are proven on the smallest noise image that the model takes.
//! An image of the real size makes one pass only, which shows the sizes of the tensors (for the
//! rows of a run) and the layout of what is read. What cannot be proven on small images is tried
//! on the real size.

use super::batch_axes::{AxisProbe, BatchAxes, DeterministicRun, ProvenPlan};
use super::batching::Batching;
use super::deferred_resize::DeferredResize;
use super::engine::{
    CutLayout, CutTensors, DETERMINISTIC, DETERMINISTIC_SUFFIX, Opener, Prefix,
    PreparedImage, Suffix, SuffixLayout, filled,
};
use super::image::{self, Batch};
use super::not_finite;
use super::open_batch::OpenBatch;
use super::options::SamplingOptions;
use super::output_layout::{self, OutputLayout};
use super::probe_tensor::ProbeTensor;
use super::size::{Size, Sizes};
use super::stop::StopRule;
use super::{Shortcut, model_input};
use crate::error::{Error, Result};
use crate::graph::{
    Growing, Plan, SiteAxis, SuffixKind, TypedTensor, with_concatenations_split,
};
use crate::input::preprocessing::{Layout, ModelInput};
use crate::runtime::{Runtime, Value};

/// A model that is ready to be sampled: its plan, and everything that runs have proven about it. It
/// is immutable.
pub struct ProbedModel {
    pub(super) plan: Plan,
    pub(super) runtime: Runtime,
    pub(super) input: ModelInput,
    pub(super) options: SamplingOptions,
    pub(super) layout: SuffixLayout,
    pub(super) cut_inputs: Vec<TypedTensor>,
    pub(super) batching: Batching,
    /// Rows of a run of images that do not use the deferred resize.
    pub(super) whole_rows_per_run: usize,
    pub(super) output_layout: OutputLayout,
    pub(super) stop_rule: Option<StopRule>,
    pub(super) deferred_resize: Option<DeferredResize>,
    /// Height and width of the image that it was probed with.
    pub(super) size: Size,
}

impl std::fmt::Debug for ProbedModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProbedModel")
            .field("batching", &self.batching)
            .field("output_layout", &self.output_layout)
            .finish_non_exhaustive()
    }
}

/// The sessions of a probed model.
pub(super) struct Sessions {
    pub(super) prefix: Prefix,
    pub(super) suffix: Suffix,
    /// The suffix up to the logits of the deferred resize.
    pub(super) low_resolution: Option<Suffix>,
    /// Threads of the sums and resizes.
    pub(super) threads: rayon::ThreadPool,
}

impl ProbedModel {
    /// Probes a model for images of `size` (height, width). Later images may have other sizes if
    /// the model takes them.
    ///
    /// # Errors
    /// Fails if ONNX Runtime rejects the model, a site does not run, samples are asked for although
    /// there is no site, the output does not contain class scores, or the axis of the images cannot
    /// be found at a fixed batch size.
    pub fn probe(
        plan: Plan,
        runtime: &Runtime,
        options: SamplingOptions,
        size: (usize, usize),
    ) -> Result<Self> {
        probe(plan, runtime, options, size).map(|(model, _)| model)
    }

    /// Returns the plan that is run. Its layers may have been split, and a fixed batch size opened
    /// ([`Batching::opened_batch`]).
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns the options.
    pub fn options(&self) -> &SamplingOptions {
        &self.options
    }

    /// Returns the number of rows of a run, and what limits it.
    pub fn batching(&self) -> &Batching {
        &self.batching
    }

    /// Returns the layout of what is read.
    pub fn output_layout(&self) -> &OutputLayout {
        &self.output_layout
    }

    /// Returns the rule by which an image has enough samples before the last one.
    pub fn stop_rule(&self) -> Option<StopRule> {
        self.stop_rule
    }

    /// Returns the size (height, width) of the images that it was probed for.
    pub(crate) fn size(&self) -> Size {
        self.size
    }

    /// Returns the axis of each draw that counts rows.
    pub(crate) fn axes(&self) -> &[SiteAxis] {
        &self.layout.axes
    }

    /// Returns the types of the tensors of the draws that a probe can see, in the order of
    /// [`Plan::probed`](crate::graph::Plan::probed).
    pub(crate) fn types(&self) -> &[TypedTensor] {
        &self.layout.types
    }

    /// Returns the layout of each tensor that crosses the cut: first those of
    /// [`Plan::cuts`](crate::graph::Plan::cuts), then its shapes.
    pub(crate) fn cut_layouts(&self) -> &[CutLayout] {
        &self.layout.cuts
    }

    /// Returns the tensors that cross the cut, in the same order.
    pub(crate) fn cut_inputs(&self) -> &[TypedTensor] {
        &self.cut_inputs
    }

    /// Returns true if channels are the last axis of an image.
    pub(crate) fn is_channels_last(&self) -> bool {
        self.input.layout == Layout::Nhwc
    }

    /// Returns the values of a noise image. Each `number` gives another image.
    pub(crate) fn noise_values(&self, number: u64, (height, width): Size) -> Vec<f32> {
        image::noise(self.input.channels * height * width, number)
    }

    /// Returns a noise image of a size (height, width) as the model's input.
    pub(crate) fn noise(&self, number: u64, size: Size) -> Result<Value> {
        image::noise_tensor(&self.plan, &self.input, number, size)
    }

    /// Returns the shapes of the tensors of the draws that a probe can see, for an image.
    pub(crate) fn draw_shapes(&self, size: Size) -> Result<Vec<Vec<usize>>> {
        let mut prefix = Prefix::open(&self.plan, self.opener())?;
        let cut = prefix.run(filled(self.noise(0, size)?, image::rows(&self.plan))?)?;
        let (_, sites) = run_site_shapes(&self.plan, self.opener(), &prefix, &cut)?;
        Ok(sites)
    }

    pub(super) fn opener(&self) -> Opener<'_> {
        Opener { runtime: &self.runtime, options: &self.options }
    }

    /// Opens the sessions that sampling needs.
    pub(super) fn open(&self) -> Result<Sessions> {
        let opener = self.opener();
        let prefix = Prefix::open(&self.plan, opener)?;
        let suffix = Suffix::open(&self.plan, opener, &prefix, &self.layout)?;
        let low_resolution = self
            .deferred_resize
            .as_ref()
            .map(|resize| resize.open(&self.plan, opener, &prefix, &self.layout))
            .transpose()?;
        let threads = thread_pool(&self.options)?;
        Ok(Sessions { prefix, suffix, low_resolution, threads })
    }
}

/// Probes a model, and keeps the sessions that sampling needs.
pub(super) fn probe(
    plan: Plan,
    runtime: &Runtime,
    options: SamplingOptions,
    size: Size,
) -> Result<(ProbedModel, Sessions)> {
    options.check()?;
    check_sites(&plan, &options)?;
    let plan = if options.uses(Shortcut::SplitConcatenations) {
        with_concatenations_split(plan)?
    } else {
        plan
    };
    let input = model_input(&plan)?;
    let opener = Opener { runtime, options: &options };
    let probe = Probe { opener, input: &input, size };
    let (probed, sessions) = probe.run(plan)?;
    let Probed {
        plan,
        layout,
        batching,
        whole_rows_per_run,
        output_layout,
        deferred_resize,
    } = probed;
    let cut_inputs = sessions.prefix.cut_inputs();
    let stop = options.stop.filter(|_| !options.deterministic);
    let stop_rule = stop.map(|stop| stop.rule(output_layout.task())).transpose()?;
    let model = ProbedModel {
        plan,
        runtime: runtime.clone(),
        input,
        options,
        layout,
        cut_inputs,
        batching,
        whole_rows_per_run,
        output_layout,
        stop_rule,
        deferred_resize,
        size,
    };
    Ok((model, sessions))
}

/// Fails if samples of a model without sites are asked for, which would all be equal.
fn check_sites(plan: &Plan, options: &SamplingOptions) -> Result<()> {
    if options.deterministic || !plan.sites().is_empty() {
        return Ok(());
    }
    let message = "the model has no live dropout, so all samples would be equal";
    Err(Error::model(plan.model().path(), message)
        .with_hint("put dropout in: `insert = head`; or use `deterministic`"))
}

/// Facts that the probe has shown about a plan.
struct Probed {
    plan: Plan,
    layout: SuffixLayout,
    batching: Batching,
    whole_rows_per_run: usize,
    output_layout: OutputLayout,
    deferred_resize: Option<DeferredResize>,
}

/// Sides of the square noise images that axes are proven on, in this order, if the model leaves
/// height and width open.
const SMALL_SIDES: [usize; 3] = [64, 128, 224];

struct Probe<'a> {
    opener: Opener<'a>,
    input: &'a ModelInput,
    /// Height and width of the first image.
    size: Size,
}

impl Probe<'_> {
    fn run(&self, plan: Plan) -> Result<(Probed, Sessions)> {
        let options = self.opener.options;
        let (proven, real) = self.prove(plan)?;
        let ProvenPlan { plan, mut prefix, axes, types, declared, size, .. } = proven;
        let RealRun { run, cut } = real;
        let noise = || image::noise_tensor(&plan, self.input, 0, self.size);
        not_finite::check_probe(&plan, self.opener, noise, &run.heads[0])?;
        let output_layout =
            OutputLayout::new(&plan, &run, &declared, (self.input, self.size), options)?;
        let chosen = Batching::choose(
            axes.limited_by,
            image::batch(&plan),
            run.row_bytes,
            options,
        );
        let mut batching = Batching { opened_batch: proven.opened_batch, ..chosen };
        let growing = if batching.limited_by.is_none()
            && image::rows(&plan) == 1
            && options.uses(Shortcut::ExpandInPlace)
        {
            let by_rows = axes.cuts.iter().map(|layout| *layout == CutLayout::Rows(0));
            Growing::of(&plan, &axes.sites, &by_rows.collect::<Vec<_>>())
        } else {
            Growing::default()
        };
        let mut layout =
            SuffixLayout { axes: axes.sites, types, cuts: axes.cuts, growing };
        let threads = thread_pool(options)?;
        let mut suffix = Suffix::open(&plan, self.opener, &prefix, &layout)?;
        let mut check =
            FirstSample { plan: &plan, input: self.input, batching: &batching };
        let mut verified = check.verify(&mut prefix, &mut suffix, size);
        if size != self.size && !matches!(verified, Ok(true)) {
            verified = check.verify(&mut prefix, &mut suffix, self.size);
        }
        if !verified? {
            layout = layout.of_single_rows();
            suffix = Suffix::open(&plan, self.opener, &prefix, &layout)?;
            let reason =
                "rows that ran together differed from rows that ran by themselves"
                    .to_owned();
            batching = Batching { rows_per_run: 1, limited_by: Some(reason), ..batching };
        }
        let whole_rows_per_run = batching.rows_per_run;
        let (mut deferred_resize, mut low_resolution) = (None, None);
        if let Some(resize) = DeferredResize::of(&plan, &output_layout, options) {
            let mut low = resize.open(&plan, self.opener, &prefix, &layout)?;
            let cut = match cut {
                Some(cut) => cut,
                None => self.run_prefix(&plan, &mut prefix, self.size)?,
            };
            let logits = low.run(&mut PreparedImage::new(cut, 0), &[DETERMINISTIC]);
            let whole = &run.heads[0];
            if let Ok(logits) = logits
                && threads.install(|| {
                    resize.reproduces(whole, &logits[0], &output_layout, self.size)
                })?
            {
                batching = batching.with(run.row_bytes.with_head(&logits[0]), options);
                (deferred_resize, low_resolution) = (Some(resize), Some(low));
            }
        }
        let probed = Probed {
            plan,
            layout,
            batching,
            whole_rows_per_run,
            output_layout,
            deferred_resize,
        };
        Ok((probed, Sessions { prefix, suffix, low_resolution, threads }))
    }

    /// Proves the batch axes of a plan and runs it on an image of the real size. If the maps turn
    /// out to have their channels last, repeats both for the plan with the channels first.
    fn prove(&self, plan: Plan) -> Result<(ProvenPlan, RealRun)> {
        let mut proven = self.prove_axes(plan)?;
        let real = self.run_real_size(&mut proven)?;
        let (layout, head) = (self.input.layout, &real.run.heads[0]);
        if output_layout::shows_channels_last(&proven.plan, head, layout, self.size) {
            let opened_batch = proven.opened_batch;
            proven = self.prove_axes(proven.plan.with_channels_first()?)?;
            proven.opened_batch = opened_batch;
            let real = self.run_real_size(&mut proven)?;
            return Ok((proven, real));
        }
        Ok((proven, real))
    }

    /// Proves the batch axes of a plan, with its fixed batch size opened if that can be proven
    /// right.
    fn prove_axes(&self, plan: Plan) -> Result<ProvenPlan> {
        let (opener, input) = (self.opener, self.input);
        let mut fixed = None;
        if let Batch::Fixed(batch) = image::batch(&plan) {
            for size in self.small_sizes().chain([self.size]) {
                match (OpenBatch { plan: &plan, opener, input, batch, size }).run() {
                    Ok(opened) => return Ok(opened),
                    Err(why) => fixed = Some((batch, why)),
                }
            }
        }
        let mut prefix = Prefix::open(&plan, opener)?;
        let mut probe = AxisProbe::open(&plan, input, &mut prefix, opener)?;
        let (types, declared) = (probe.site_types(), probe.declared_sizes());
        let found = match fixed {
            Some((batch, why)) => {
                let found = probe.fixed(self.size, batch, &why);
                found.map(|(axes, run)| (axes, run, self.size))
            }
            None => self.prove_dynamic(&mut probe, plan.rows_share().is_some()),
        };
        let (axes, run, size) = found.map_err(|error| self.refuse(error, &mut probe))?;
        let (run, opened_batch) = (Some(run), None);
        Ok(ProvenPlan { plan, prefix, axes, types, declared, size, run, opened_batch })
    }

    /// Proves axes on the first small size that permits it, else on the real size. Rows that share
    /// a scale or a draw need no proof: any size that the model takes will do.
    fn prove_dynamic(
        &self,
        probe: &mut AxisProbe,
        rows_share: bool,
    ) -> Result<(BatchAxes, DeterministicRun, Size)> {
        for size in self.small_sizes() {
            if let Ok((axes, run)) = probe.dynamic(size)
                && (axes.limited_by.is_none() || rows_share)
            {
                return Ok((axes, run, size));
            }
        }
        let (axes, run) = probe.dynamic(self.size)?;
        Ok((axes, run, self.size))
    }

    /// Returns the small sizes with less than half of the real size's pixels, the smallest first;
    /// none if the file fixes height and width.
    fn small_sizes(&self) -> impl Iterator<Item = Size> {
        let (height, width) = (self.input.height, self.input.width);
        let is_open = height.is_none() || width.is_none();
        let area = self.size.0 * self.size.1;
        SMALL_SIDES
            .into_iter()
            .map(move |side| (height.unwrap_or(side), width.unwrap_or(side)))
            .filter(move |size| is_open && 2 * size.0 * size.1 < area)
    }

    /// Runs an image of the real size, or returns the run of the proof if it had this size.
    fn run_real_size(&self, proven: &mut ProvenPlan) -> Result<RealRun> {
        if proven.size == self.size
            && let Some(run) = proven.run.take()
        {
            return Ok(RealRun { run, cut: None });
        }
        let ProvenPlan { plan, prefix, .. } = proven;
        let real = self.run_prefix(plan, prefix, self.size).and_then(|cut| {
            let (heads, sites) = run_site_shapes(plan, self.opener, prefix, &cut)?;
            let rows = image::rows(plan);
            let run = DeterministicRun::new(&cut, heads, sites.into_iter(), rows)?;
            Ok(RealRun { run, cut: Some(cut) })
        });
        real.map_err(|error| {
            match AxisProbe::open(plan, self.input, prefix, self.opener) {
                Ok(mut probe) => self.refuse(error, &mut probe),
                Err(_) => error,
            }
        })
    }

    fn run_prefix(
        &self,
        plan: &Plan,
        prefix: &mut Prefix,
        size: Size,
    ) -> Result<CutTensors> {
        let noise = image::noise_tensor(plan, self.input, 0, size)?;
        prefix.run(filled(noise, image::rows(plan))?)
    }

    /// Explains a failed run of the real size, with sizes that the model takes.
    fn refuse(&self, error: Error, probe: &mut AxisProbe) -> Error {
        let mut sizes = Sizes::new(self.input);
        sizes.refuse(self.size, error, &mut |size| probe.takes(size).is_ok())
    }
}

/// The run of an image of the real size with all sites off.
struct RealRun {
    run: DeterministicRun,
    /// Its tensors at the cut, if they are still there.
    cut: Option<CutTensors>,
}

/// Runs the suffix with all sites off. Returns the heads, and the shapes of the tensors that sites
/// drop from; unlike the tensors themselves they take no memory.
fn run_site_shapes(
    plan: &Plan,
    opener: Opener,
    prefix: &Prefix,
    cut: &CutTensors,
) -> Result<(Vec<Value>, Vec<Vec<usize>>)> {
    let model = plan.suffix(&prefix.cut_inputs(), SuffixKind::SiteShapes);
    let mut session = opener.deterministic(plan, DETERMINISTIC_SUFFIX, &model)?;
    let names = prefix.names().iter().map(String::as_str);
    let mut heads = session.run(&names.zip(&cut.0).collect::<Vec<_>>())?;
    let shapes = heads.split_off(plan.heads().len().min(heads.len()));
    let size = |&size: &i64| usize::try_from(size).unwrap_or(0);
    let shapes = shapes.iter().map(|shape| Ok(shape.i64s()?.iter().map(size).collect()));
    Ok((heads, shapes.collect::<Result<_>>()?))
}

/// Opens the threads that sums and resizes are computed on.
fn thread_pool(options: &SamplingOptions) -> Result<rayon::ThreadPool> {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build();
    threads.map_err(|e| {
        Error::runtime("starting threads", e.to_string())
            .with_hint("use fewer: `threads = 1`; or raise the limit, `ulimit -u`")
    })
}

/// Check that the first runs with live sites agree with what was found in the graph.
struct FirstSample<'a> {
    plan: &'a Plan,
    input: &'a ModelInput,
    batching: &'a Batching,
}

impl FirstSample<'_> {
    /// Verifies that every site runs. Returns true if rows that run together equal rows that run by
    /// themselves.
    fn verify(
        &mut self,
        prefix: &mut Prefix,
        suffix: &mut Suffix,
        size: Size,
    ) -> Result<bool> {
        let rows = image::rows(self.plan);
        let noise = image::noise_tensor(self.plan, self.input, 0, size)?;
        let cut = prefix.run(filled(noise, rows)?)?;
        let mut image = PreparedImage::new(cut, 0);
        let first = suffix.run(&mut image, &[0])?;
        for (number, rows) in suffix.rows_drawn().into_iter().enumerate() {
            // A site in the branch of a condition need not run for this image.
            if rows == 0 && self.plan.active()[number].is_outside {
                return Err(Error::node(
                    self.plan.node_of(number),
                    "this dropout was found in the graph but did not run: its samples would all be equal",
                )
                .with_hint("this is a fault of the cut: please report the model's structure"));
            }
        }
        if self.batching.rows_per_run == 1 {
            return Ok(true);
        }
        let mut run = |samples: &[i64]| suffix.run(&mut image, samples);
        if rows == 1 {
            let (off, second) = (run(&[DETERMINISTIC])?, run(&[1])?);
            let together = run(&[DETERMINISTIC, 0, 1])?;
            for (head, together) in together.iter().enumerate() {
                let alone = [&off, &first, &second];
                let alone = alone.map(|heads| ProbeTensor::new(&heads[head]));
                let [off, first, second] = alone;
                if !ProbeTensor::new(together)?.equals_concat(&[&off?, &first?, &second?])
                {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        let mut mixed = vec![0; rows];
        mixed[1] = 1;
        let (first, second, mixed) =
            (run(&vec![0; rows])?, run(&vec![1; rows])?, run(&mixed)?);
        for (head, mixed) in mixed.iter().enumerate() {
            let [first, second] =
                [&first, &second].map(|heads| ProbeTensor::new(&heads[head]));
            let axis =
                first?.batch_axis_in_mixed_run(&second?, &ProbeTensor::new(mixed)?, rows);
            if axis != Some(0) {
                return Err(Error::model(
                    self.plan.model().path(),
                    "the images of a run change each other's results, and the file has a fixed batch",
                )
                .with_hint("export the model with a batch size of 1 or with a dynamic batch axis"));
            }
        }
        Ok(true)
    }
}
