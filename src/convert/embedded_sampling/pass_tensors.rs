//! The values of passes inside of a model: probabilities of classes or labels, or values with their
//! variances, at the size of the maps.

use super::logit_noise::NoisyLogits;
use super::variance_nodes::{in_target_unit, variance};
use crate::head::HeadTensor;
use crate::measure::onnx_form::PassTensors;
use crate::onnx::ElementType::{F32, F64};
use crate::onnx::build::NodeBuilder;
use crate::onnx::proto;
use crate::sampling::{HeadChannels, ProbedModel};
use crate::sums::{Family, OutputKind};

/// Builds the tensors of the passes of one run.
pub(super) struct PassBuilder<'a> {
    pub(super) probed: &'a ProbedModel,
    pub(super) b: &'a mut NodeBuilder,
    /// Number of samples in a run.
    pub(super) samples_per_run: usize,
    /// Name of the tensor with the number of images, `[1]`.
    pub(super) batch: &'a str,
    /// Numbers of the samples of the run, `[samples, 1]`.
    pub(super) samples: &'a str,
}

impl PassBuilder<'_> {
    /// Adds the tensors of the passes, `[samples, images, channels, ...]`.
    pub(super) fn build(&mut self) -> PassTensors {
        let scores = self.probed.output_layout();
        let (family, n_channels) = (scores.task().family, scores.n_classes());
        let none = String::new;
        let (values, variances, information) = match family {
            Family::Classes => {
                let (probabilities, information) = self.class_probabilities();
                (probabilities, none(), information)
            }
            Family::Labels => (self.label_probabilities(), none(), none()),
            Family::Values => {
                let (values, variances) = self.values();
                (values, variances, none())
            }
        };
        let values = self.by_sample(&values);
        let [variances, information] = [variances, information].map(|name| {
            let exists = !name.is_empty();
            if exists { self.by_sample(&name) } else { name }
        });
        PassTensors { family, n_channels, values, variances, information }
    }

    /// Adds the probabilities of classes, and the information of the noise of their logits; its name is
    /// empty if there is none.
    fn class_probabilities(&mut self) -> (String, String) {
        let layout = self.probed.output_layout();
        let is_single = layout.channels() == 1;
        let mut scores = self.channels(layout.score_channels());
        let mut information = String::new();
        if let Some(noise) = layout.noise() {
            let logits = NoisyLogits {
                layout: noise,
                logits: scores,
                spread: self.channels(&noise.channels),
                samples: self.samples.to_owned(),
                batch: self.batch,
                spatial_axes: layout.task().item.spatial_axes(),
            };
            let average = logits.average(self.b);
            scores = average.probabilities;
            let resized = self.resized(average.information);
            information = self.b.cast(&resized, F64);
        }
        let b = &mut *self.b;
        if layout.kind() == OutputKind::Probabilities || layout.noise().is_some() {
            // Logarithms are resized, because they are logits.
            let smallest = b.float(f32::MIN_POSITIVE);
            if is_single {
                let one = b.float(1.0);
                let other = b.op("Sub", &[&one, &scores]);
                scores = b.concat(&[&other, &scores], 1);
            }
            let above = b.op("Max", &[&scores, &smallest]);
            scores = b.op("Log", &[&above]);
        } else if is_single {
            let zero = b.float(0.0);
            let other = b.op("Mul", &[&scores, &zero]);
            scores = b.concat(&[&other, &scores], 1);
        }
        let scores = self.resized(scores);
        (self.b.softmax(&scores), information)
    }

    fn label_probabilities(&mut self) -> String {
        let layout = self.probed.output_layout();
        let mut scores = self.channels(layout.score_channels());
        if layout.kind() == OutputKind::LabelProbabilities {
            // Logits are resized.
            let b = &mut *self.b;
            let (smallest, one) = (b.float(f32::MIN_POSITIVE), b.float(1.0));
            let rest = b.op("Sub", &[&one, &scores]);
            let [of_label, of_rest] = [&scores, &rest].map(|p| {
                let above = b.op("Max", &[p, &smallest]);
                b.op("Log", &[&above])
            });
            scores = b.op("Sub", &[&of_label, &of_rest]);
        }
        let scores = self.resized(scores);
        self.b.op("Sigmoid", &[&scores])
    }

    /// Adds values and variances in the unit of their targets, in double precision.
    fn values(&mut self) -> (String, String) {
        let layout = self.probed.output_layout();
        let unit = layout.units().first().copied().unwrap_or_default();
        let (scale, offset) = (f64::from(unit.scale), f64::from(unit.offset));
        let outputs = self.channels(layout.score_channels());
        let outputs = self.resized(outputs);
        let outputs = self.b.cast(&outputs, F64);
        let [scale_of_value, offset] =
            [scale, offset].map(|number| self.b.double(number));
        let values = self.b.op("Mul", &[&outputs, &scale_of_value]);
        let values = self.b.op("Add", &[&values, &offset]);
        let variances = if let Some((channels, form)) = layout.spread_channels() {
            let spread = self.channels(channels);
            let spread = self.resized(spread);
            variance(self.b, &spread, form)
        } else {
            let zero = self.b.double(0.0);
            self.b.op("Mul", &[&outputs, &zero])
        };
        (values, in_target_unit(self.b, &variances, unit))
    }

    /// Adds the channels of a head, in single precision.
    fn channels(&mut self, channels: &HeadChannels) -> String {
        let heads = self.probed.plan().heads();
        let head: &HeadTensor = heads.iter().nth(channels.head).unwrap_or(heads.first());
        let values = self.b.cast(&head.tensor, F32);
        if channels.count == channels.of {
            return values;
        }
        let first = channels.first as i64;
        let chosen: Vec<i64> = (first..first + channels.count as i64).collect();
        let chosen = self.b.ints(&chosen);
        self.b.gather(&values, &chosen, 1)
    }

    /// Adds the values of a head at the size of the network's input, if there is a map of them.
    fn resized(&mut self, values: String) -> String {
        if self.probed.output_layout().task().item.spatial_axes() == 0 {
            return values;
        }
        let b = &mut *self.b;
        let own = b.op("Shape", &[&values]);
        let first = b.ints(&[0, 1]);
        let own = b.gather(&own, &first, 0);
        let shape = b.op("Shape", &[&self.probed.plan().image().name]);
        let sides = b.ints(&if self.probed.is_channels_last() { [1, 2] } else { [2, 3] });
        let sides = b.gather(&shape, &sides, 0);
        let sizes = b.concat(&[&own, &sides], 0);
        // The input is absent, or empty in operator sets that require it.
        let is_old = self.probed.plan().model().opset() < 13;
        let none = if is_old { b.floats(&[]) } else { String::new() };
        b.op_with(
            "Resize",
            &[&values, &none, &none, &sizes],
            vec![
                proto::Attribute::string("coordinate_transformation_mode", "half_pixel"),
                proto::Attribute::string("mode", "linear"),
            ],
        )
    }

    /// Splits the batch elements of a run into samples and images.
    fn by_sample(&mut self, values: &str) -> String {
        let spatial_axes = self.probed.output_layout().task().item.spatial_axes();
        let b = &mut *self.b;
        let sizes = b.op("Shape", &[values]);
        let axes: Vec<i64> = (1..spatial_axes as i64 + 2).collect();
        let axes = b.ints(&axes);
        let rest = b.gather(&sizes, &axes, 0);
        let n = b.ints(&[self.samples_per_run as i64]);
        let sizes = b.concat(&[&n, self.batch, &rest], 0);
        b.op("Reshape", &[values, &sizes])
    }
}
