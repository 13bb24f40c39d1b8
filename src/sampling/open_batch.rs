//! A batch size that the file fixes, made open where runs prove that nothing changes by it.
//!
//! The file is run at its own batch size, filled with one noise image and then with another. An
//! opened plan is used where it gives the same scores for one image alone, and where two images
//! of a run prove to be what each is alone, as for a file that was exported with an open batch.

use super::prefix::Prefix;
use super::probe::{Probe, Probed};
use super::probe_tensor::ProbeTensor;
use crate::error::Error;
use crate::graph::{Plan, Preference, Shapes};
use crate::runtime::{Runtime, Session, SessionOptions, Value};

/// A plan with an open batch, proven.
pub(super) struct Opened {
    pub(super) plan: Plan,
    pub(super) prefix: Prefix,
    pub(super) probed: Probed,
}

/// The largest batch size that is looked into: examples for an export are small.
const MOST_IMAGES: usize = 256;

/// What an attempt works with.
pub(super) struct Attempt<'a> {
    pub(super) plan: &'a Plan,
    pub(super) runtime: &'a Runtime,
    pub(super) options: &'a SessionOptions,
    /// The file's batch size.
    pub(super) batch: usize,
    pub(super) noise: &'a [Value; 2],
}

impl Attempt<'_> {
    /// The plan with an open batch, or why it could not be opened.
    pub(super) fn run(&self) -> Result<Opened, String> {
        if !(1..=MOST_IMAGES).contains(&self.batch) {
            return Err(format!("it is not between 1 and {MOST_IMAGES}"));
        }
        if let Some(reason) = self.plan.rows_share() {
            return Err(reason);
        }
        let shapes = self.shapes().map_err(text)?;
        let mut reason = String::new();
        for preference in Preference::ALL {
            let candidate = self.plan.with_open_batch(&shapes, self.batch, preference);
            let candidate = match candidate {
                Ok(candidate) => candidate,
                // The first says more of what stands in the way.
                Err(why) if reason.is_empty() => return Err(why),
                Err(_) => return Err(reason),
            };
            let is_guessed = candidate.is_guessed;
            match self.prove(candidate.plan) {
                Ok(opened) => return Ok(opened),
                Err(why) if reason.is_empty() => reason = why,
                Err(_) => {}
            }
            if !is_guessed {
                break;
            }
        }
        Err(reason)
    }

    /// The sizes of all tensors in a run of the file's batch size.
    fn shapes(&self) -> Result<Shapes, Error> {
        let (model, tensors) = self.plan.measuring();
        let what = "model with the sizes of its tensors";
        let mut session = Session::open(self.runtime, what, &model, self.options)?;
        let images = Value::stack(&vec![&self.noise[0]; self.batch], 0)?;
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

    fn prove(&self, plan: Plan) -> Result<Opened, String> {
        let mut prefix = Prefix::open(&plan, self.runtime, self.options).map_err(text)?;
        let mut probe =
            Probe::open(&plan, self.runtime, &mut prefix, self.options, self.noise)
                .map_err(text)?;
        let probed = probe.dynamic().map_err(text)?;
        if let Some(reason) = probed.reason {
            return Err(reason);
        }
        let other = probe.scores(&[&self.noise[1]]).map_err(text)?;
        drop(probe);
        if !self.equals_file([&probed.head, &other]).map_err(text)? {
            return Err(format!(
                "with an open batch its scores differ from those of runs of {}",
                self.batch
            ));
        }
        Ok(Opened { plan, prefix, probed })
    }

    /// Whether every row of the file's own runs, filled with either noise image, has the scores
    /// of that image alone.
    fn equals_file(&self, alone: [&Value; 2]) -> Result<bool, Error> {
        let mut prefix = Prefix::open(self.plan, self.runtime, self.options)?;
        let mut probe =
            Probe::open(self.plan, self.runtime, &mut prefix, self.options, self.noise)?;
        for (image, alone) in self.noise.iter().zip(alone) {
            let filled = ProbeTensor::new(&probe.scores(&vec![image; self.batch])?)?;
            let alone = ProbeTensor::new(alone)?;
            if !filled.equals_concat(&vec![&alone; self.batch]) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "errors are mapped with it")]
fn text(error: Error) -> String {
    error.to_string()
}
