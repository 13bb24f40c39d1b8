//! The loop: rows of a run, their scores into the sums.

use std::sync::Arc;

use super::axis::Numbers;
use super::image::{self, Batch};
use super::model_input;
use super::options::{Masks, SamplingOptions};
use super::prefix::{Crossed, Prefix};
use super::probe::{Crossing, Probe};
use super::rows::{Fed, Rows};
use super::scores::ScoreLayout;
use crate::error::{Error, Result};
use crate::input::NetworkInput;
use crate::input::preprocessing::ModelInput;
use crate::operator::{IMAGE_KEY, SAMPLE};
use crate::reduce::{NotFinite, Reduction, Statistics};
use crate::rewrite::{Plan, SiteAxis, SuffixKind, TypedTensor};
use crate::runtime::{Runtime, Session, SessionOptions, SiteCounts, Value};
use crate::simd::Isa;

/// A model, ready to be sampled on images.
pub struct Sampler {
    plan: Plan,
    input: ModelInput,
    options: SamplingOptions,
    prefix: Prefix,
    suffix: Session,
    crossings: Vec<Crossing>,
    rows: Rows,
    /// Rows that the prefix is run with: one, or the file's fixed batch size.
    prefix_rows: usize,
    scores: ScoreLayout,
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
            return Err(Error::setting("--samples", message));
        }
        let input = model_input(&plan)?;
        let session_options = session_options(&plan, &options)?;
        let mut prefix = Prefix::open(&plan, runtime, &session_options)?;
        let values = input.channels * size.0 * size.1;
        let noise =
            |number| image::tensor(&plan, &input, image::noise(values, number), size);
        let noise = [noise(0)?, noise(1)?];
        let first = Value::stack(&[&noise[0]], 0)?;
        let probe = Probe::open(&plan, runtime, &mut prefix, &session_options, noise)?;
        let batch = image::batch(&plan);
        let probed = match batch {
            Batch::Dynamic => probe.dynamic(),
            Batch::Fixed(rows) => probe.fixed(rows),
        };
        let probed = probed.map_err(|error| error.of_size(size))?;
        let scores = ScoreLayout::new(&plan, &probed, (&input, size), options.task)?;
        let rows = Rows::choose(&probed, batch, &options);
        let threads =
            rayon::ThreadPoolBuilder::new().num_threads(options.threads).build();
        let threads =
            threads.map_err(|e| Error::runtime("starting threads", e.to_string()))?;
        let (counts, suffix) = open_suffix(
            &plan,
            runtime,
            &prefix,
            (&probed.axes, &probed.types),
            &options,
        )?;
        let prefix_rows = if let Batch::Fixed(rows) = batch { rows } else { 1 };
        let crossings = probed.crossings;
        let mut sampler = Self {
            plan,
            input,
            options,
            prefix,
            suffix,
            crossings,
            rows,
            prefix_rows,
            scores,
            threads,
        };
        sampler.check_live(runtime, &first, &counts, &probed.types)?;
        Ok(sampler)
    }

    /// The plan it runs.
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
        let size = (image.height, image.width);
        let tensor = image::tensor(&self.plan, &self.input, image.values.clone(), size)?;
        let crossed = self
            .prefix
            .run(&vec![&tensor; self.prefix_rows])
            .map_err(|e| e.of_size(size))?;
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
        for chunk in all.chunks(self.rows.per_run) {
            let outputs = self
                .run_rows(&crossed, &mut fed, key, chunk)
                .map_err(|error| error.of_size(size))?;
            if outputs[0].shape().first() != Some(&fed.rows) {
                return Err(Error::runtime(
                    "the model's output",
                    "its rows are not those of the run",
                ));
            }
            self.reduce(&mut reduction, &outputs[0], chunk)?;
        }
        Ok(reduction.finish())
    }

    /// Adds the scores of a run to the sums.
    fn reduce(
        &self,
        reduction: &mut Reduction,
        output: &Value,
        samples: &[i64],
    ) -> Result<()> {
        let converted;
        let values = if let Some(values) = output.f32s() {
            values
        } else {
            converted = output.to_f32()?;
            &converted
        };
        let shape = output.shape();
        let row = |row| self.scores.row(&shape, values, row);
        let mut rows = (0..samples.len()).map(row).collect::<Result<Vec<_>>>()?;
        if samples.first() == Some(&DETERMINISTIC) {
            let deterministic =
                if self.options.deterministic { rows[0] } else { rows.remove(0) };
            self.threads
                .install(|| reduction.set_deterministic(&deterministic))
                .map_err(|problem| {
                    self.not_finite(&problem, "the pass without dropout")
                })?;
        }
        self.threads
            .install(|| reduction.add_all(&rows))
            .map_err(|problem| self.not_finite(&problem, "a sample"))
    }

    fn not_finite(&self, problem: &NotFinite, pass: &str) -> Error {
        Error::runtime(
            format!("output \"{}\"", self.plan.head().output),
            format!("{problem} in {pass}"),
        )
        .with_hint(
            "the model overflows on this image: check mean, std and the value range that it was \
             trained with",
        )
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
            *fed = Fed::new(crossed, &self.crossings, rows)?;
        }
        let mut row_samples = samples.to_vec();
        row_samples.resize(rows, DETERMINISTIC);
        let samples = Value::from_i64(&[rows], row_samples)?;
        let keys = Value::from_i64(&[rows], vec![key; rows])?;
        let mut inputs: Vec<(&str, &Value)> = Vec::new();
        for (i, name) in self.prefix.names().iter().enumerate() {
            inputs.push((name, fed.grown[i].as_ref().unwrap_or(&crossed.0[i])));
        }
        inputs.extend([(IMAGE_KEY, &keys), (SAMPLE, &samples)]);
        self.suffix.run(&inputs)
    }

    /// The first live pass: every site must run, and rows run together must be what they are
    /// alone; where they are not, a run gets one row.
    fn check_live(
        &mut self,
        runtime: &Runtime,
        image: &Value,
        counts: &SiteCounts,
        types: &[TypedTensor],
    ) -> Result<()> {
        let crossed = self.prefix.run(&vec![image; self.prefix_rows])?;
        let first = self.run_rows(&crossed, &mut Fed::default(), 0, &[0])?;
        for (site, rows) in self.plan.sites().iter().zip(counts.rows()) {
            if rows == 0 {
                return Err(Error::node(
                    site.node.clone(),
                    "this dropout was found in the graph but did not run: its samples would all be equal",
                )
                .with_hint("this is a fault of the cut: please report the model's structure"));
            }
        }
        if self.rows.per_run == 1 || self.rows_are_independent(&crossed, &first[0])? {
            return Ok(());
        }
        if self.prefix_rows > 1 {
            return Err(Error::model(
                self.plan.model().path(),
                "the images of a run change each other's results, and the file has a fixed batch",
            )
            .with_hint("export the model with a batch size of 1 or with a dynamic batch axis"));
        }
        let whole = vec![SiteAxis::Whole; self.plan.sites().len()];
        self.suffix = open_suffix(
            &self.plan,
            runtime,
            &self.prefix,
            (&whole, types),
            &self.options,
        )?
        .1;
        self.crossings = vec![Crossing::Shared; self.crossings.len()];
        let reason = "rows run together differed from rows run alone".to_owned();
        self.rows = Rows { per_run: 1, reason: Some(reason) };
        Ok(())
    }
}

impl Sampler {
    /// Whether rows of a run with masks are what they are alone; `first` is a run of sample 0.
    fn rows_are_independent(&mut self, crossed: &Crossed, first: &Value) -> Result<bool> {
        let (first, rows) = (Numbers::new(first)?, self.prefix_rows);
        let mut run = |samples: &[i64]| -> Result<Numbers> {
            Numbers::new(&self.run_rows(crossed, &mut Fed::default(), 0, samples)?[0])
        };
        if rows == 1 {
            let (off, second) = (run(&[DETERMINISTIC])?, run(&[1])?);
            let together = run(&[DETERMINISTIC, 0, 1])?;
            return Ok(together.are_those_of(&[&off, &first, &second]));
        }
        let all = |sample| vec![sample; rows];
        let mut mixed = all(0);
        mixed[1] = 1;
        let (first, second, mixed) = (run(&all(0))?, run(&all(1))?, run(&mixed)?);
        Ok(first.axis_of_many(&second, &mixed, rows) == Some(0))
    }
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
    (axes, types): (&[SiteAxis], &[TypedTensor]),
    options: &SamplingOptions,
) -> Result<(Arc<SiteCounts>, Session)> {
    let counts = Arc::new(SiteCounts::new(plan.sites().len()));
    let kind =
        SuffixKind::Sampling { axes, types, seed: options.seed, draws: options.draws };
    let model = plan.suffix(&prefix.cut_inputs(), kind);
    let options = SessionOptions {
        sites: Some(Arc::clone(&counts)),
        ..session_options(plan, options)?
    };
    let session = Session::open(runtime, "suffix", &model, &options)?;
    Ok((counts, session))
}

#[cfg(test)]
mod tests;
