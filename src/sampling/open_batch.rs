//! Opening of a batch size that the file fixes, if runs prove that nothing else changes.
//!
//! The file is run at its own batch size, filled with one noise image and then with another. An
//! opened plan is used if it gives the same scores for a single image, and if two images of a run
//! have the scores that each has by itself, as for a file that was exported with an open batch.

use super::batch_axes::{AxisProbe, ProvenPlan};
use super::engine::{Opener, Prefix, filled};
use super::image;
use super::probe_tensor::ProbeTensor;
use super::size::Size;
use crate::error::Error;
use crate::graph::{
    BatchGuess, Plan, Shapes, size_model, suspected_reason, with_open_batch,
};
use crate::input::preprocessing::ModelInput;
use crate::runtime::Value;

/// Largest batch size that is opened: examples for an export are small.
const MOST_IMAGES: usize = 256;

/// A plan with a fixed batch size, and the noise images that it is run on.
pub(super) struct OpenBatch<'a> {
    pub(super) plan: &'a Plan,
    pub(super) opener: Opener<'a>,
    pub(super) input: &'a ModelInput,
    /// The file's batch size.
    pub(super) batch: usize,
    /// Height and width of the noise images.
    pub(super) size: Size,
}

impl OpenBatch<'_> {
    /// Returns the plan with an open batch, or why it could not be opened.
    pub(super) fn run(&self) -> Result<ProvenPlan, String> {
        if !(1..=MOST_IMAGES).contains(&self.batch) {
            return Err(format!("it is not between 1 and {MOST_IMAGES}"));
        }
        if let Some(reason) = self.plan.rows_share() {
            return Err(reason);
        }
        let shapes = self.shapes().map_err(text)?;
        let mut reason = String::new();
        for guess in BatchGuess::ALL {
            let candidate =
                with_open_batch(self.plan, &shapes, self.batch, guess).map_err(text)?;
            match self.prove(candidate) {
                Ok(opened) => return Ok(opened),
                // The first reason explains more.
                Err(why) if reason.is_empty() => reason = why,
                Err(_) => {}
            }
        }
        Err(suspected_reason(self.plan, &shapes, self.batch).unwrap_or(reason))
    }

    /// Returns the sizes of all tensors in a run of the file's batch size.
    fn shapes(&self) -> Result<Shapes, Error> {
        let (model, tensors) = size_model(self.plan);
        let name = "model with the sizes of its tensors";
        let mut session = self.opener.deterministic(self.plan, name, &model)?;
        let image = image::noise_tensor(self.plan, self.input, 0, self.size)?;
        let images = filled(image, self.batch)?;
        let name = self.plan.image().name.as_str();
        let sizes = session.run(&[(name, &images)])?;
        let size = |value: &Value| -> Result<Vec<usize>, Error> {
            let sizes = value.i64s()?.iter();
            Ok(sizes.map(|&size| usize::try_from(size).unwrap_or(0)).collect())
        };
        let mut shapes = Shapes::new();
        for (tensor, value) in tensors.into_iter().zip(&sizes) {
            shapes.insert(tensor, size(value)?);
        }
        shapes.insert(name.to_owned(), images.shape());
        Ok(shapes)
    }

    fn prove(&self, plan: Plan) -> Result<ProvenPlan, String> {
        let mut prefix = Prefix::open(&plan, self.opener).map_err(text)?;
        let mut probe =
            AxisProbe::open(&plan, self.input, &mut prefix, self.opener).map_err(text)?;
        let (axes, run) = probe.dynamic(self.size).map_err(text)?;
        if let Some(reason) = &axes.limited_by {
            return Err(reason.clone());
        }
        let other = probe.heads(self.size, &[1]).map_err(text)?;
        let (types, declared) = (probe.site_types(), probe.declared_sizes());
        drop(probe);
        if !self.equals_file([&run.heads, &other]).map_err(text)? {
            return Err(format!(
                "with an open batch its scores differ from those of runs of {}",
                self.batch
            ));
        }
        let (size, opened_batch) = (self.size, Some(self.batch));
        let run = Some(run);
        Ok(ProvenPlan { plan, prefix, axes, types, declared, size, run, opened_batch })
    }

    /// Returns true if every row of the file's own runs, filled with either noise image, has the
    /// scores of a run of this image only.
    fn equals_file(&self, alone: [&[Value]; 2]) -> Result<bool, Error> {
        let mut prefix = Prefix::open(self.plan, self.opener)?;
        let mut probe = AxisProbe::open(self.plan, self.input, &mut prefix, self.opener)?;
        for (image, alone) in (0..).zip(alone) {
            let filled = probe.heads(self.size, &vec![image; self.batch])?;
            for (filled, alone) in filled.iter().zip(alone) {
                let alone = ProbeTensor::new(alone)?;
                let parts = vec![&alone; self.batch];
                if !ProbeTensor::new(filled)?.equals_concat(&parts) {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "errors are mapped with it")]
fn text(error: Error) -> String {
    error.to_string()
}
