//! Sampling an image: its passes, run after run.

use super::super::batching::BatchedCutTensors;
use super::super::image;
use super::super::options::Masks;
use super::super::prefix::CutTensors;
use super::super::probe::check_not_empty;
use super::super::size::Size;
use super::super::stop::StoppingTest;
use super::not_finite::BadPass;
use super::{DETERMINISTIC, Sampler};
use crate::error::{Error, Result};
use crate::input::NetworkInput;
use crate::operator::{IMAGE_KEY, SAMPLE};
use crate::random::BLOCK;
use crate::runtime::Value;
use crate::simd::Isa;
use crate::sums::{CategoricalSums, Statistics, Sums};

impl Sampler {
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
        let mut reduction = CategoricalSums::new(
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
        let looks = self.looks();
        let mut fed = BatchedCutTensors::default();
        for group in groups(&all, looks.is_some()) {
            for chunk in group.chunks(self.rows_of_a_run()) {
                if !go_on() {
                    return Ok(None);
                }
                let outputs = match self.run_checked(&crossed, &mut fed, key, chunk) {
                    Ok(outputs) => outputs,
                    Err(error) => return Err(self.refuse_size(size, error)),
                };
                if let Some(bad) = self.reduce(&mut reduction, &outputs[0], chunk)? {
                    return Err(self.not_finite(&bad, (&tensor, &crossed, key)));
                }
            }
            let is_last = group.last() == all.last();
            if let Some(looks) = looks.as_ref().filter(|_| !is_last)
                && self.threads.install(|| looks.should_stop(&mut reduction))
            {
                break;
            }
        }
        Ok(Some(reduction.finish()))
    }

    fn looks(&self) -> Option<StoppingTest> {
        let rule = self.stop_rule()?;
        let (n_classes, is_map) = (self.scores.n_classes(), self.scores.is_map());
        Some(StoppingTest::new(rule, self.options.samples, n_classes, is_map))
    }

    /// As [`Self::run_rows`], with an error where what comes out has not these rows.
    fn run_checked(
        &mut self,
        crossed: &CutTensors,
        fed: &mut BatchedCutTensors,
        key: i64,
        samples: &[i64],
    ) -> Result<Vec<Value>> {
        let outputs = self.run_rows(crossed, fed, key, samples)?;
        check_not_empty(outputs.first())?;
        if outputs[0].shape().first() == Some(&fed.rows) {
            return Ok(outputs);
        }
        let message = "its rows are not those of the run";
        Err(Error::runtime("the model's output", message)
            .with_hint("export the model with a dynamic batch axis"))
    }

    /// The error of an image of a size that a run failed for, with one that the model takes.
    pub(super) fn refuse_size(&mut self, size: Size, error: Error) -> Error {
        let mut sizes = std::mem::take(&mut self.sizes);
        let error = sizes.refuse(size, error, &mut |size| self.takes(size).is_ok());
        self.sizes = sizes;
        error
    }

    /// Whether a run without dropout on noise of a size goes through.
    fn takes(&mut self, size: Size) -> Result<()> {
        let image = image::noise_tensor(&self.plan, &self.input, 0, size)?;
        let crossed = self.prefix.run(&vec![&image; self.prefix_rows])?;
        let outputs = self.run_rows(
            &crossed,
            &mut BatchedCutTensors::default(),
            0,
            &[DETERMINISTIC],
        )?;
        check_not_empty(outputs.first())
    }

    /// Adds the scores of a run to the sums; the pass that cannot be added, if there is one.
    pub(super) fn reduce(
        &self,
        reduction: &mut CategoricalSums,
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
            reduction.add(&rows[stochastic..])
        });
        Ok(added.err().map(|problem| BadPass::first(&problem, samples, &rows)))
    }

    /// Runs the suffix for these samples of an image. A file with a fixed batch size gets its
    /// number of rows, and a shorter last run as many as the ones before, since every new shape
    /// makes the runtime take more memory; rows beyond the samples are not looked at.
    pub(super) fn run_rows(
        &mut self,
        crossed: &CutTensors,
        fed: &mut BatchedCutTensors,
        key: i64,
        samples: &[i64],
    ) -> Result<Vec<Value>> {
        let rows = samples.len().max(self.prefix_rows).max(fed.rows);
        if fed.rows != rows {
            *fed = BatchedCutTensors::new(crossed, &self.grown_before(), rows)?;
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

/// What goes into the suffix: the tensors at the cut, grown where rows need it, and each row's
/// image and sample.
pub(super) fn feed<'a>(
    names: &'a [String],
    crossed: &'a CutTensors,
    fed: &'a BatchedCutTensors,
    keys: &'a Value,
    samples: &'a Value,
) -> Vec<(&'a str, &'a Value)> {
    let value = |i: usize| fed.grown[i].as_ref().unwrap_or(&crossed.0[i]);
    let crossing = names.iter().enumerate().map(|(i, name)| (name.as_str(), value(i)));
    crossing.chain([(IMAGE_KEY, keys), (SAMPLE, samples)]).collect()
}

/// The passes of an image, in parts after which sampling may end: blocks, the pass without dropout
/// with the first of them, or all together.
fn groups(all: &[i64], in_blocks: bool) -> impl Iterator<Item = &[i64]> {
    let length = if in_blocks { BLOCK } else { usize::MAX };
    let (first, rest) = all.split_at(all.len().min(length.saturating_add(1)));
    std::iter::once(first).chain(rest.chunks(length))
}
