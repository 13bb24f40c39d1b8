//! The sampler: runs the passes of an image through the suffix and adds their scores to the sums.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::batch_axes::check_not_empty;
use super::batching::Batching;
use super::deferred_resize::DeferredResize;
use super::engine::{CutTensors, DETERMINISTIC, Prefix, PreparedImage, Suffix, filled};
use super::image;
use super::not_finite::{BadNode, BadPass, first_bad_node};
use super::options::{Masks, SamplingOptions};
use super::output_layout::{HeadOutput, OutputLayout};
use super::probe::{self, ProbedModel, Sessions};
use super::size::{Size, Sizes};
use super::stop::{StopRule, StoppingTest};
use crate::error::{Error, Result};
use crate::graph::Plan;
use crate::input::NetworkInput;
use crate::pass::{Pass, PassPlan};
use crate::runtime::{Runtime, Value};
use crate::simd::Isa;
use crate::sums::{ImageSums, Invalid, Needs, OutputKind, PassOutput, Statistics, Sums};

/// A probed model with open sessions, ready to sample images.
pub struct Sampler {
    model: ProbedModel,
    prefix: Prefix,
    suffix: Suffix,
    low_resolution: Option<LowResolutionSuffix>,
    threads: rayon::ThreadPool,
    /// Sizes that the model takes, as far as a refused size made it necessary to search.
    sizes: Sizes,
    /// The first node that overflows on noise, if an image made the search necessary.
    overflow: OnceCell<Option<BadNode>>,
}

/// The suffix up to the logits of a resize that the sums compute.
struct LowResolutionSuffix {
    suffix: Suffix,
    resize: DeferredResize,
    /// For each size of images that was tried: true if the resized logits equal those of the whole
    /// suffix.
    proven: HashMap<Size, bool>,
}

impl std::fmt::Debug for Sampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sampler").field("model", &self.model).finish_non_exhaustive()
    }
}

impl Sampler {
    /// Opens the sessions of a probed model.
    ///
    /// # Errors
    /// Fails if ONNX Runtime rejects a session, or if threads cannot be started.
    pub fn new(model: ProbedModel) -> Result<Self> {
        let sessions = model.open()?;
        Ok(Self::of_sessions(model, sessions))
    }

    /// Probes a model for images of `size` (height, width) and keeps the sessions that the probe
    /// opened. Faster than [`ProbedModel::probe`] followed by [`Sampler::new`].
    ///
    /// # Errors
    /// Fails like [`ProbedModel::probe`].
    pub fn open(
        plan: Plan,
        runtime: &Runtime,
        options: SamplingOptions,
        size: (usize, usize),
    ) -> Result<Self> {
        let (model, sessions) = probe::probe(plan, runtime, options, size)?;
        Ok(Self::of_sessions(model, sessions))
    }

    fn of_sessions(model: ProbedModel, sessions: Sessions) -> Self {
        let Sessions { prefix, suffix, low_resolution, threads } = sessions;
        let resize = model.deferred_resize.clone();
        let low_resolution =
            low_resolution.zip(resize).map(|(suffix, resize)| LowResolutionSuffix {
                suffix,
                resize,
                proven: HashMap::from([(model.size, true)]),
            });
        let sizes = Sizes::new(&model.input);
        let overflow = OnceCell::new();
        Self { model, prefix, suffix, low_resolution, threads, sizes, overflow }
    }

    /// Returns the model that is sampled.
    pub fn model(&self) -> &ProbedModel {
        &self.model
    }

    /// Returns the plan that is run ([`ProbedModel::plan`]).
    pub fn plan(&self) -> &Plan {
        self.model.plan()
    }

    /// Returns the options.
    pub fn options(&self) -> &SamplingOptions {
        self.model.options()
    }

    /// Returns the rule by which an image has enough samples before the last one.
    pub fn stop_rule(&self) -> Option<StopRule> {
        self.model.stop_rule()
    }

    /// Returns the number of rows of a run, and what limits it.
    pub fn batching(&self) -> &Batching {
        self.model.batching()
    }

    /// Returns the layout of what is read.
    pub fn output_layout(&self) -> &OutputLayout {
        self.model.output_layout()
    }

    /// Samples an image. `image_key` is the first eight bytes of the file's SHA-256
    /// ([`random::digest_key`](crate::random::digest_key)); it is ignored if masks are shared.
    ///
    /// # Errors
    /// Fails if the model cannot take the image's size, or if its scores are not finite.
    pub fn sample(&mut self, image: NetworkInput, image_key: u64) -> Result<Statistics> {
        let finished = self.sample_while(image, image_key, &|| true)?;
        finished.ok_or_else(|| Error::runtime("sampling", "was stopped"))
    }

    /// Samples an image like [`Sampler::sample`], but stops between two runs of the suffix and
    /// returns `None` once `go_on` returns false.
    ///
    /// # Errors
    /// Fails like [`Sampler::sample`].
    pub fn sample_while(
        &mut self,
        image: NetworkInput,
        image_key: u64,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Option<Statistics>> {
        let most = self.options().samples;
        self.sample_at_most(image, image_key, most, go_on)
    }

    /// Samples an image like [`Sampler::sample`], with at most this number of samples.
    ///
    /// # Errors
    /// Fails like [`Sampler::sample`].
    pub(crate) fn sample_few(
        &mut self,
        image: NetworkInput,
        image_key: u64,
        most: u32,
    ) -> Result<Statistics> {
        let most = most.min(self.options().samples);
        let finished = self.sample_at_most(image, image_key, most, &|| true)?;
        finished.ok_or_else(|| Error::runtime("sampling", "was stopped"))
    }

    fn sample_at_most(
        &mut self,
        image: NetworkInput,
        image_key: u64,
        most: u32,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Option<Statistics>> {
        let size = image.size();
        let tensor =
            image::tensor(&self.model.plan, &self.model.input, image.values, size)?;
        let key = match self.options().masks {
            Masks::PerImage => image_key.cast_signed(),
            Masks::Shared => 0,
        };
        self.sample_tensor((tensor, size), key, most, go_on)
            .map_err(|error| self.refuse_size(size, error))
    }

    /// Runs the passes of [`Sampler::sample`] and calls `on_pass` with the scores of each, first
    /// for the pass without dropout, then for the samples. Logits with noise are given as the
    /// probabilities that they average to. Keeps no sums.
    ///
    /// # Errors
    /// Fails like [`Sampler::sample`].
    pub fn for_each_pass(
        &mut self,
        image: NetworkInput,
        image_key: u64,
        on_pass: &mut dyn FnMut(Pass, &PassOutput<'_>),
    ) -> Result<()> {
        let size = image.size();
        let tensor =
            image::tensor(&self.model.plan, &self.model.input, image.values, size)?;
        self.run_each_pass(tensor, image_key, on_pass)
            .map_err(|error| self.refuse_size(size, error))
    }

    fn run_each_pass(
        &mut self,
        image: Value,
        image_key: u64,
        on_pass: &mut dyn FnMut(Pass, &PassOutput<'_>),
    ) -> Result<()> {
        let key = match self.options().masks {
            Masks::PerImage => image_key.cast_signed(),
            Masks::Shared => 0,
        };
        let mut image = PreparedImage::new(self.run_prefix(image)?, key);
        let options = self.options();
        let samples = if options.deterministic { 0 } else { options.samples };
        let rows_per_run = self.model.whole_rows_per_run;
        for group in PassPlan::new(samples, false).groups() {
            for passes in group.passes.chunks(rows_per_run) {
                image.shrink();
                let outputs = self.run_passes(&mut image, passes, false)?;
                let heads = HeadOutput::all(&outputs)?;
                for (row, pass) in passes.iter().enumerate() {
                    let layout = &self.model.output_layout;
                    let scores = layout.row_of_pass(&heads, row, key, *pass)?;
                    let averaged = self.threads.install(|| ImageSums::averaged(&scores));
                    match averaged.map_err(|e| self.explain(&e, &[*pass], &[scores]))? {
                        None => on_pass(*pass, &scores),
                        Some(values) => on_pass(
                            *pass,
                            &PassOutput {
                                values: &values,
                                kind: OutputKind::Probabilities,
                                logit_noise: None,
                                ..scores
                            },
                        ),
                    }
                }
            }
        }
        Ok(())
    }

    fn sample_tensor(
        &mut self,
        (image, size): (Value, Size),
        key: i64,
        most: u32,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Option<Statistics>> {
        let cut = self.run_prefix(image)?;
        let mut image = PreparedImage::new(cut, key);
        let is_deferred = self.can_defer_resize(&mut image, size)?;
        let (height, width) = self.output_layout().task().item.map_size(size);
        let mut sums = ImageSums::of_family(
            self.output_layout().task().family,
            self.output_layout().channels(),
            (height, width),
            Needs {
                noise: self.options().needs.noise
                    && self.output_layout().has_logit_noise(),
                ..self.options().needs
            },
            Isa::detect(),
        );
        let options = self.options();
        let samples = if options.deterministic { 0 } else { most };
        let stopping = self.stopping_test();
        let rows_per_run = if is_deferred {
            self.model.batching.rows_per_run
        } else {
            self.model.whole_rows_per_run
        };
        for group in PassPlan::new(samples, stopping.is_some()).groups() {
            for passes in group.passes.chunks(rows_per_run) {
                if !go_on() {
                    return Ok(None);
                }
                let outputs = self.run_passes(&mut image, passes, is_deferred)?;
                self.add(&mut sums, &outputs, key, passes, is_deferred)?;
            }
            if let Some(stopping) = stopping.as_ref().filter(|_| !group.is_last)
                && self.threads.install(|| stopping.should_stop(&mut sums))
            {
                break;
            }
        }
        Ok(Some(sums.finish()))
    }

    /// Returns the outputs of these samples of an image: for each run the tensor of each head
    /// ([`HeadTensor::tensor`](crate::head::HeadTensor::tensor)), with the number of rows that count.
    pub(crate) fn outputs_of(
        &mut self,
        image: Value,
        key: i64,
        samples: &[i64],
    ) -> Result<Vec<(Vec<Value>, usize)>> {
        let mut image = PreparedImage::new(self.run_prefix(image)?, key);
        let mut runs = Vec::new();
        for chunk in samples.chunks(self.model.whole_rows_per_run) {
            image.shrink();
            runs.push((self.suffix.run(&mut image, chunk)?, chunk.len()));
        }
        Ok(runs)
    }

    fn stopping_test(&self) -> Option<StoppingTest> {
        let rule = self.stop_rule()?;
        let (n_classes, task) =
            (self.output_layout().n_classes(), self.output_layout().task());
        Some(StoppingTest::new(rule, self.options().samples, n_classes, task))
    }

    fn run_prefix(&mut self, image: Value) -> Result<CutTensors> {
        self.prefix.run(filled(image, image::rows(&self.model.plan))?)
    }

    /// Runs passes of an image, up to the heads or up to the logits of the deferred resize.
    fn run_passes(
        &mut self,
        image: &mut PreparedImage,
        passes: &[Pass],
        is_deferred: bool,
    ) -> Result<Vec<Value>> {
        let suffix = match &mut self.low_resolution {
            Some(low) if is_deferred => &mut low.suffix,
            _ => &mut self.suffix,
        };
        let samples: Vec<i64> =
            passes.iter().map(|pass| pass.operator_sample()).collect();
        let outputs = suffix.run(image, &samples)?;
        check_not_empty(outputs.first())?;
        let found = outputs[0].shape().first().copied().unwrap_or(0);
        if found == image.rows() {
            return Ok(outputs);
        }
        let message = format!("expected {} rows, found {found}", image.rows());
        Err(Error::runtime("the model's output", message)
            .with_hint("export the model with a dynamic batch axis"))
    }

    /// Returns true if images of a size are run without the last resize. The first image of a size
    /// is run both ways.
    fn can_defer_resize(
        &mut self,
        image: &mut PreparedImage,
        size: Size,
    ) -> Result<bool> {
        let Some(low) = &mut self.low_resolution else { return Ok(false) };
        if let Some(&proven) = low.proven.get(&size) {
            return Ok(proven);
        }
        let whole = self.suffix.run(image, &[DETERMINISTIC])?;
        let is_same = match low.suffix.run(image, &[DETERMINISTIC]) {
            Ok(logits) => {
                let (whole, logits) = (&whole[0], &logits[0]);
                let scores = &self.model.output_layout;
                self.threads
                    .install(|| low.resize.reproduces(whole, logits, scores, size))?
            }
            Err(_) => false,
        };
        image.shrink();
        low.proven.insert(size, is_same);
        Ok(is_same)
    }

    /// Adds the outputs of a run of the image with this key to the sums.
    fn add(
        &self,
        sums: &mut ImageSums,
        outputs: &[Value],
        key: i64,
        passes: &[Pass],
        is_deferred: bool,
    ) -> Result<()> {
        let heads = HeadOutput::all(outputs)?;
        let resize = self.low_resolution.as_ref().filter(|_| is_deferred);
        let row = |row| -> Result<PassOutput> {
            let layout = &self.model.output_layout;
            let scores = layout.row_of_pass(&heads, row, key, passes[row])?;
            Ok(resize.map_or(scores, |low| low.resize.apply(scores)))
        };
        let rows = (0..passes.len()).map(row).collect::<Result<Vec<_>>>()?;
        let has_deterministic = passes.first() == Some(&Pass::DETERMINISTIC);
        let stochastic = usize::from(has_deterministic && !self.options().deterministic);
        let added = self.threads.install(|| {
            if has_deterministic {
                sums.set_deterministic(&rows[0])?;
            }
            sums.add(&rows[stochastic..])
        });
        added.map_err(|problem| self.explain(&problem, passes, &rows))
    }

    /// Returns the error of passes whose scores are not valid.
    fn explain(&self, problem: &Invalid, passes: &[Pass], rows: &[PassOutput]) -> Error {
        let noise = || self.model.noise(0, self.model.size).ok();
        let trace = self.overflow.get_or_init(|| {
            first_bad_node(&self.model.plan, self.model.opener(), noise()?)
        });
        let bad = BadPass::first(problem, passes, rows);
        bad.error(&self.model.plan, trace.as_ref())
    }

    /// Explains a run that failed on an image of this size by a size that the model takes. Other
    /// errors stay as they are.
    fn refuse_size(&mut self, size: Size, error: Error) -> Error {
        let Self { model, prefix, suffix, sizes, .. } = self;
        sizes.refuse(size, error, &mut |size| takes(model, prefix, suffix, size).is_ok())
    }
}

/// Fails if a run without dropout on noise of this size fails.
fn takes(
    model: &ProbedModel,
    prefix: &mut Prefix,
    suffix: &mut Suffix,
    size: Size,
) -> Result<()> {
    let noise = filled(model.noise(0, size)?, image::rows(&model.plan))?;
    let mut image = PreparedImage::new(prefix.run(noise)?, 0);
    check_not_empty(suffix.run(&mut image, &[DETERMINISTIC])?.first())
}

#[cfg(test)]
mod tests;
