//! The loop: rows of a run, their scores into the sums.

mod bound;
mod grow;
mod live;
mod noise_rows;
mod not_finite;
mod short;

use std::sync::Arc;

pub use bound::Bound;
use not_finite::BadPass;
use short::Short;

use super::image::{self, Batch};
use super::model_input;
use super::open_batch::{Attempt, Opened};
use super::options::{Masks, SamplingOptions};
use super::prefix::{Crossed, Prefix};
use super::probe::{Crossing, Probe, Probed, check_not_empty};
use super::rows::{Fed, RowBytes, Rows};
use super::scores::ScoreLayout;
use super::size::{Size, Sizes};
use crate::error::{Error, Result};
use crate::input::NetworkInput;
use crate::input::preprocessing::ModelInput;
use crate::operator::{IMAGE_KEY, SAMPLE};
use crate::reduce::{Reduction, Statistics};
use crate::rewrite::{Growing, Plan, SiteAxis, SuffixKind, TypedTensor};
use crate::runtime::{Runtime, Session, SessionOptions, SiteCounts, Value};
use crate::sampling::Shortcut;
use crate::simd::Isa;

/// A model, ready to be sampled on images.
pub struct Sampler {
    plan: Plan,
    runtime: Runtime,
    input: ModelInput,
    options: SamplingOptions,
    prefix: Prefix,
    suffix: Session,
    /// What the suffix's sites were opened with.
    axes: Vec<SiteAxis>,
    types: Vec<TypedTensor>,
    crossings: Vec<Crossing>,
    /// Which cuts and draws make the rows of a run from one.
    growing: Growing,
    rows: Rows,
    row_bytes: RowBytes,
    /// Rows that the prefix is run with: one, or the file's fixed batch size.
    prefix_rows: usize,
    scores: ScoreLayout,
    sizes: Sizes,
    /// The suffix up to a last resize, and whether runs end there.
    short: Option<Short>,
    ends_short: bool,
    /// Searches for a node whose values were not finite, so far.
    searches: usize,
    threads: rayon::ThreadPool,
}

impl std::fmt::Debug for Sampler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sampler")
            .field("rows", &self.rows)
            .field("scores", &self.scores)
            .finish_non_exhaustive()
    }
}

/// The sample number of a row of the deterministic pass.
const DETERMINISTIC: i64 = -1;

impl Sampler {
    /// Opens the sessions and probes the model with noise images of `size` (height, width),
    /// the size of the first image; later ones may have others where the model allows.
    ///
    /// # Errors
    /// If ONNX Runtime refuses the model, a site does not run, the output is not one of class
    /// scores, or a fixed batch size larger than one hides which axis counts the images.
    pub fn new(
        plan: Plan,
        runtime: &Runtime,
        options: SamplingOptions,
        size: (usize, usize),
    ) -> Result<Self> {
        if !(1..=Reduction::MAX_SAMPLES).contains(&(options.samples as usize)) {
            let most = Reduction::MAX_SAMPLES;
            let message = format!("{} is not between 1 and {most}", options.samples);
            return Err(Error::setting("--samples", message)
                .with_hint("31, the default, is one stratified block"));
        }
        let plan = if options.uses(Shortcut::SplitConcatenations) {
            plan.with_concatenations_split()?
        } else {
            plan
        };
        let input = model_input(&plan)?;
        let session_options = session_options(&plan, &options)?;
        let noise = |number| image::noise_tensor(&plan, &input, number, size);
        let noise = [noise(0)?, noise(1)?];
        let first = Value::stack(&[&noise[0]], 0)?;
        let mut sizes = Sizes::new(&input);
        let how = (runtime, &session_options, &noise);
        let Ready { plan, prefix, probed, opened } = ready(plan, how, |error, probe| {
            let rows = image::rows(probe.plan);
            sizes.refuse(size, error, &mut |size| {
                let image = image::noise_tensor(probe.plan, &input, 0, size);
                image.and_then(|image| probe.takes(&image, rows)).is_ok()
            })
        })?;
        let scores = ScoreLayout::new(&plan, &probed, (&input, size), options.task)?;
        let rows =
            Rows { opened, ..Rows::choose(&probed, image::batch(&plan), &options) };
        let prefix_rows = image::rows(&plan);
        let threads =
            rayon::ThreadPoolBuilder::new().num_threads(options.threads).build();
        let threads = threads.map_err(|e| {
            Error::runtime("starting threads", e.to_string())
                .with_hint("use fewer: --threads 1; or raise the limit, `ulimit -u`")
        })?;
        let Probed { crossings, axes, types, row_bytes, .. } = probed;
        let growing = if rows.reason.is_none() && prefix_rows == 1 {
            grow::growing(&plan, &axes, &crossings, &options)
        } else {
            Growing::default()
        };
        let about = (&axes[..], &types[..], &growing);
        let (counts, suffix) = open_suffix(&plan, runtime, &prefix, about, &options)?;
        let mut sampler = Self {
            plan,
            runtime: runtime.clone(),
            input,
            options,
            prefix,
            suffix,
            axes,
            types,
            crossings,
            growing,
            rows,
            row_bytes,
            prefix_rows,
            scores,
            sizes,
            short: None,
            ends_short: false,
            searches: 0,
            threads,
        };
        sampler.check_live(&first, &counts)?;
        sampler.open_short(size)?;
        Ok(sampler)
    }

    /// The plan it runs: the one it was made with, or that one with its fixed batch size opened
    /// ([`Rows::opened`]).
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The options it runs with.
    pub fn options(&self) -> &SamplingOptions {
        &self.options
    }

    /// Rows of a run, and why not more.
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// What the scores are.
    pub fn scores(&self) -> &ScoreLayout {
        &self.scores
    }

    /// Samples an image. `image_key` is the first eight bytes of the file's SHA-256
    /// ([`random::digest_key`](crate::random::digest_key)); it is not looked at where masks are
    /// shared.
    ///
    /// # Errors
    /// If the model cannot take the image's size, or gives scores that are not finite.
    pub fn predict(
        &mut self,
        image: &NetworkInput,
        image_key: u64,
    ) -> Result<Statistics> {
        let finished = self.predict_while(image, image_key, &|| true)?;
        finished.ok_or_else(|| Error::runtime("sampling", "was stopped"))
    }

    /// As [`Sampler::predict`], but gives up between two runs of the sampled part, with
    /// `None`, once `go_on` says no.
    ///
    /// # Errors
    /// As [`Sampler::predict`].
    pub fn predict_while(
        &mut self,
        image: &NetworkInput,
        image_key: u64,
        go_on: &dyn Fn() -> bool,
    ) -> Result<Option<Statistics>> {
        let size = (image.height, image.width);
        let tensor = image::tensor(&self.plan, &self.input, image.values.clone(), size)?;
        let crossed = match self.prefix.run(&vec![&tensor; self.prefix_rows]) {
            Ok(crossed) => crossed,
            Err(error) => return Err(self.refuse_size(size, error)),
        };
        self.choose_end(size, &crossed)?;
        let (height, width) = if self.scores.is_map() { size } else { (1, 1) };
        let mut reduction = Reduction::new(
            self.scores.channels(),
            height,
            width,
            self.options.needs,
            Isa::detect(),
        );
        let samples =
            if self.options.deterministic { 0 } else { i64::from(self.options.samples) };
        let key = match self.options.masks {
            Masks::PerImage => image_key.cast_signed(),
            Masks::Shared => 0,
        };
        let all: Vec<i64> = (DETERMINISTIC..samples).collect();
        let mut fed = Fed::default();
        for chunk in all.chunks(self.rows_of_a_run()) {
            if !go_on() {
                return Ok(None);
            }
            let run = self.run_rows(&crossed, &mut fed, key, chunk);
            let run = run.and_then(|outputs| {
                check_not_empty(outputs.first())?;
                Ok(outputs)
            });
            let outputs = match run {
                Ok(outputs) => outputs,
                Err(error) => return Err(self.refuse_size(size, error)),
            };
            if outputs[0].shape().first() != Some(&fed.rows) {
                return Err(Error::runtime(
                    "the model's output",
                    "its rows are not those of the run",
                )
                .with_hint("export the model with a dynamic batch axis"));
            }
            if let Some(bad) = self.reduce(&mut reduction, &outputs[0], chunk)? {
                return Err(self.not_finite(&bad, (&tensor, &crossed, key)));
            }
        }
        Ok(Some(reduction.finish()))
    }

    /// The error of an image of a size that a run failed for, with one that the model takes.
    fn refuse_size(&mut self, size: Size, error: Error) -> Error {
        let mut sizes = std::mem::take(&mut self.sizes);
        let error = sizes.refuse(size, error, &mut |size| self.takes(size).is_ok());
        self.sizes = sizes;
        error
    }

    /// Whether a run without dropout on noise of a size goes through.
    fn takes(&mut self, size: Size) -> Result<()> {
        let image = image::noise_tensor(&self.plan, &self.input, 0, size)?;
        let crossed = self.prefix.run(&vec![&image; self.prefix_rows])?;
        let outputs =
            self.run_rows(&crossed, &mut Fed::default(), 0, &[DETERMINISTIC])?;
        check_not_empty(outputs.first())
    }

    /// Adds the scores of a run to the sums; the pass that cannot be added, if there is one.
    fn reduce(
        &self,
        reduction: &mut Reduction,
        output: &Value,
        samples: &[i64],
    ) -> Result<Option<BadPass>> {
        let converted;
        let values = if let Some(values) = output.f32s() {
            values
        } else {
            converted = output.to_f32()?;
            &converted
        };
        let shape = output.shape();
        let row = |row| self.row(&shape, values, row);
        let rows = (0..samples.len()).map(row).collect::<Result<Vec<_>>>()?;
        let has_deterministic = samples.first() == Some(&DETERMINISTIC);
        let stochastic = usize::from(has_deterministic && !self.options.deterministic);
        let added = self.threads.install(|| {
            if has_deterministic {
                reduction.set_deterministic(&rows[0])?;
            }
            reduction.add_all(&rows[stochastic..])
        });
        Ok(added.err().map(|problem| BadPass::first(&problem, samples, &rows)))
    }

    /// Runs the suffix for these samples of an image. A file with a fixed batch size gets its
    /// number of rows, and a shorter last run as many as the ones before, since every new shape
    /// makes the runtime take more memory; rows beyond the samples are not looked at.
    fn run_rows(
        &mut self,
        crossed: &Crossed,
        fed: &mut Fed,
        key: i64,
        samples: &[i64],
    ) -> Result<Vec<Value>> {
        let rows = samples.len().max(self.prefix_rows).max(fed.rows);
        if fed.rows != rows {
            *fed = Fed::new(crossed, &self.grown_before(), rows)?;
        }
        let mut row_samples = samples.to_vec();
        row_samples.resize(rows, DETERMINISTIC);
        let samples = Value::from_i64(&[rows], row_samples)?;
        let keys = Value::from_i64(&[rows], vec![key; rows])?;
        let mut given = feed(self.prefix.names(), crossed, fed, &keys, &samples);
        match &mut self.short {
            Some(short) if self.ends_short => {
                let mut takes = short.takes.iter().copied().chain([true, true]);
                given.retain(|_| takes.next().unwrap_or(true));
                short.session.run(&given)
            }
            _ => self.suffix.run(&given),
        }
    }
}

/// A plan, probed.
struct Ready {
    plan: Plan,
    prefix: Prefix,
    probed: Probed,
    /// The batch size that the file fixes, where it was opened.
    opened: Option<usize>,
}

/// Probes a plan, with its batch size opened where it fixes one and that can be proven right.
/// `refuse` makes of a failed run what is said of it.
fn ready(
    plan: Plan,
    (runtime, options, noise): (&Runtime, &SessionOptions, &[Value; 2]),
    refuse: impl FnOnce(Error, &mut Probe) -> Error,
) -> Result<Ready> {
    let mut kept = None;
    if let Batch::Fixed(batch) = image::batch(&plan) {
        match (Attempt { plan: &plan, runtime, options, batch, noise }).run() {
            Ok(Opened { plan, prefix, probed }) => {
                return Ok(Ready { plan, prefix, probed, opened: Some(batch) });
            }
            Err(why) => kept = Some((batch, why)),
        }
    }
    let mut prefix = Prefix::open(&plan, runtime, options)?;
    let mut probe = Probe::open(&plan, runtime, &mut prefix, options, noise)?;
    let probed = match &kept {
        Some((batch, why)) => probe.fixed(*batch, why),
        None => probe.dynamic(),
    };
    let probed = probed.map_err(|error| refuse(error, &mut probe))?;
    Ok(Ready { plan, prefix, probed, opened: None })
}

/// What goes into the suffix: the tensors at the cut, grown where rows need it, and each row's
/// image and sample.
fn feed<'a>(
    names: &'a [String],
    crossed: &'a Crossed,
    fed: &'a Fed,
    keys: &'a Value,
    samples: &'a Value,
) -> Vec<(&'a str, &'a Value)> {
    let value = |i: usize| fed.grown[i].as_ref().unwrap_or(&crossed.0[i]);
    let crossing = names.iter().enumerate().map(|(i, name)| (name.as_str(), value(i)));
    crossing.chain([(IMAGE_KEY, keys), (SAMPLE, samples)]).collect()
}

fn session_options(plan: &Plan, options: &SamplingOptions) -> Result<SessionOptions> {
    let data = &plan.model().external;
    let external = match (data.is_empty(), data.real_folder()) {
        (true, _) => None,
        (false, Some(folder)) => Some(folder.to_owned()),
        (false, None) => {
            return Err(Error::model(
                plan.model().path(),
                "its data files lie in several folders",
            )
            .with_hint("copy the model and its data files into one folder"));
        }
    };
    Ok(SessionOptions { threads: options.threads, external, ..SessionOptions::default() })
}

fn open_suffix(
    plan: &Plan,
    runtime: &Runtime,
    prefix: &Prefix,
    (axes, types, growing): (&[SiteAxis], &[TypedTensor], &Growing),
    options: &SamplingOptions,
) -> Result<(Arc<SiteCounts>, Session)> {
    let counts = Arc::new(SiteCounts::new(plan.active().len()));
    let kind = SuffixKind::Sampling {
        axes,
        types,
        grows: &growing.draws,
        seed: options.seed,
        draws: options.draws,
    };
    let model = plan.suffix(&prefix.cut_inputs(), kind);
    let options = SessionOptions {
        sites: Some(Arc::clone(&counts)),
        ..session_options(plan, options)?
    };
    let session =
        Session::open(runtime, "model from its first dropout on", &model, &options)?;
    Ok((counts, session))
}

#[cfg(test)]
mod tests;
