//! The scores of noise images, for those who compare with them.

use super::super::batching::BatchedCutTensors;
use super::super::image;
use super::super::probe::CutLayout;
use super::{Sampler, session_options};
use crate::error::Result;
use crate::graph::{SiteAxis, SuffixKind, TypedTensor};
use crate::input::preprocessing::Layout;
use crate::runtime::{Session, Value};

impl Sampler {
    /// The axis of each draw that counts the rows.
    pub(crate) fn axes(&self) -> &[SiteAxis] {
        &self.axes
    }

    /// Types of the tensors of the draws that a probe can see, in the order of
    /// [`Plan::probed`](crate::graph::Plan::probed).
    pub(crate) fn types(&self) -> &[TypedTensor] {
        &self.types
    }

    /// How each tensor that crosses the cut grows with the rows of a run, those of
    /// [`Plan::cuts`](crate::graph::Plan::cuts) first, then its shapes.
    pub(crate) fn crossings(&self) -> &[CutLayout] {
        &self.crossings
    }

    /// The tensors that cross the cut, in the same order.
    pub(crate) fn cut_inputs(&self) -> Vec<TypedTensor> {
        self.prefix.cut_inputs()
    }

    /// Whether channels are the last axis of an image.
    pub(crate) fn is_channels_last(&self) -> bool {
        self.input.layout == Layout::Nhwc
    }

    /// The values of an image of noise.
    pub(crate) fn noise_values(
        &self,
        number: u64,
        (height, width): (usize, usize),
    ) -> Vec<f32> {
        image::noise(self.input.channels * height * width, number)
    }

    /// An image of noise of a size (height, width) as the model's input; `number` tells several
    /// apart.
    pub(crate) fn noise(&self, number: u64, size: (usize, usize)) -> Result<Value> {
        image::noise_tensor(&self.plan, &self.input, number, size)
    }

    /// The shapes of the tensors of the draws that a probe can see, for an image.
    pub(crate) fn draw_shapes(&mut self, image: &Value) -> Result<Vec<Vec<usize>>> {
        let crossed = self.prefix.run(&vec![image; self.prefix_rows])?;
        let model = self.plan.suffix(&self.prefix.cut_inputs(), SuffixKind::Probe);
        let options = session_options(&self.plan, &self.options)?;
        let what = "model from its first dropout on, with dropout off";
        let mut session = Session::open(&self.runtime, what, &model, &options)?;
        let names = self.prefix.names().iter().map(String::as_str);
        let fed: Vec<(&str, &Value)> = names.zip(&crossed.0).collect();
        Ok(session.run(&fed)?.iter().skip(1).map(Value::shape).collect())
    }

    /// The scores of these samples of an image, a tensor a run, with the number of its rows that
    /// count. Whose tensor they are is [`HeadTensor::tensor`](crate::head::HeadTensor::tensor).
    pub(crate) fn scores_of(
        &mut self,
        image: &Value,
        key: i64,
        samples: &[i64],
    ) -> Result<Vec<(Value, usize)>> {
        self.ends_short = false;
        let crossed = self.prefix.run(&vec![image; self.prefix_rows])?;
        let mut runs = Vec::new();
        for chunk in samples.chunks(self.batching.rows_per_run) {
            let outputs =
                self.run_rows(&crossed, &mut BatchedCutTensors::default(), key, chunk)?;
            runs.extend(outputs.into_iter().next().map(|scores| (scores, chunk.len())));
        }
        Ok(runs)
    }
}
