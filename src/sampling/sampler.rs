//! The loop: rows of a run, their scores into the sums.

mod grow;
mod live;
mod lower_bound;
mod noise_rows;
mod not_finite;
mod passes;
mod short;

use std::sync::Arc;

pub use lower_bound::LowerBoundTime;
use short::Short;

use super::batching::{Batching, RowBytes};
use super::image::{self, Batch};
use super::model_input;
use super::open_batch::{Attempt, Opened};
use super::options::SamplingOptions;
use super::prefix::Prefix;
use super::probe::{CutLayout, Probe, Probed};
use super::scores::ScoreLayout;
use super::size::Sizes;
use super::stop::StopRule;
use crate::error::{Error, Result};
use crate::graph::{Growing, Plan, SiteAxis, SuffixKind, TypedTensor};
use crate::input::preprocessing::ModelInput;
use crate::runtime::{Runtime, Session, SessionOptions, SiteCounts, Value};
use crate::sampling::Shortcut;

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
    crossings: Vec<CutLayout>,
    /// Which cuts and draws make the rows of a run from one.
    growing: Growing,
    batching: Batching,
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
            .field("batching", &self.batching)
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
        options.check()?;
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
        let batching = Batching {
            opened_batch: opened,
            ..Batching::choose(&probed, image::batch(&plan), &options)
        };
        let prefix_rows = image::rows(&plan);
        let threads =
            rayon::ThreadPoolBuilder::new().num_threads(options.threads).build();
        let threads = threads.map_err(|e| {
            Error::runtime("starting threads", e.to_string())
                .with_hint("use fewer: --threads 1; or raise the limit, `ulimit -u`")
        })?;
        let Probed { crossings, axes, types, row_bytes, .. } = probed;
        let growing = if batching.limited_by.is_none() && prefix_rows == 1 {
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
            batching,
            row_bytes,
            prefix_rows,
            scores,
            sizes,
            short: None,
            ends_short: false,
            searches: 0,
            threads,
        };
        sampler.verify_first_sample(&first, &counts)?;
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

    /// When an image has enough samples, where that is not only when it has all.
    pub fn stop_rule(&self) -> Option<StopRule> {
        let stop = self.options.stop.filter(|_| !self.options.deterministic)?;
        Some(stop.rule(self.scores.is_map()))
    }

    /// Rows of a run, and why not more.
    pub fn batching(&self) -> &Batching {
        &self.batching
    }

    /// What the scores are.
    pub fn scores(&self) -> &ScoreLayout {
        &self.scores
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
