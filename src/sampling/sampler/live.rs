//! The first live pass: what was found in the graph must hold when it runs.

use super::super::batching::{BatchedCutTensors, Batching};
use super::super::prefix::CutTensors;
use super::super::probe::CutLayout;
use super::super::probe_tensor::ProbeTensor;
use super::{DETERMINISTIC, Sampler, open_suffix};
use crate::error::{Error, Result};
use crate::graph::{Growing, SiteAxis};
use crate::runtime::{SiteCounts, Value};

impl Sampler {
    /// The first live pass: every site must run, and rows run together must be what they are
    /// alone; where they are not, a run gets one row.
    pub(super) fn verify_first_sample(
        &mut self,
        image: &Value,
        counts: &SiteCounts,
    ) -> Result<()> {
        let crossed = self.prefix.run(&vec![image; self.prefix_rows])?;
        let first =
            self.run_rows(&crossed, &mut BatchedCutTensors::default(), 0, &[0])?;
        for (number, rows) in counts.rows().into_iter().enumerate() {
            // One in the branch of a condition may stand where this image does not go.
            if rows == 0 && self.plan.active()[number].is_outside {
                return Err(Error::node(
                    self.plan.node_of(number),
                    "this dropout was found in the graph but did not run: its samples would all be equal",
                )
                .with_hint("this is a fault of the cut: please report the model's structure"));
            }
        }
        if self.batching.rows_per_run == 1
            || self.rows_are_independent(&crossed, &first[0])?
        {
            return Ok(());
        }
        if self.prefix_rows > 1 {
            return Err(Error::model(
                self.plan.model().path(),
                "the images of a run change each other's results, and the file has a fixed batch",
            )
            .with_hint("export the model with a batch size of 1 or with a dynamic batch axis"));
        }
        self.growing = Growing::default();
        self.axes = vec![SiteAxis::Whole; self.plan.active().len()];
        self.suffix = open_suffix(
            &self.plan,
            &self.runtime,
            &self.prefix,
            (&self.axes, &self.types, &self.growing),
            &self.options,
        )?
        .1;
        self.crossings = vec![CutLayout::Shared; self.crossings.len()];
        let reason = "rows run together differed from rows run alone".to_owned();
        self.batching = Batching {
            rows_per_run: 1,
            limited_by: Some(reason),
            ..self.batching.clone()
        };
        Ok(())
    }
    /// Whether rows of a run with masks are what they are alone; `first` is a run of sample 0.
    fn rows_are_independent(
        &mut self,
        crossed: &CutTensors,
        first: &Value,
    ) -> Result<bool> {
        let (first, rows) = (ProbeTensor::new(first)?, self.prefix_rows);
        let mut run = |samples: &[i64]| -> Result<ProbeTensor> {
            ProbeTensor::new(
                &self.run_rows(crossed, &mut BatchedCutTensors::default(), 0, samples)?
                    [0],
            )
        };
        if rows == 1 {
            let (off, second) = (run(&[DETERMINISTIC])?, run(&[1])?);
            let together = run(&[DETERMINISTIC, 0, 1])?;
            return Ok(together.equals_concat(&[&off, &first, &second]));
        }
        let all = |sample| vec![sample; rows];
        let mut mixed = all(0);
        mixed[1] = 1;
        let (first, second, mixed) = (run(&all(0))?, run(&all(1))?, run(&mixed)?);
        Ok(first.batch_axis_in_mixed_run(&second, &mixed, rows) == Some(0))
    }
}
