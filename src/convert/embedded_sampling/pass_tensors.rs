//! The values of passes inside of a model: probabilities of classes or labels, or values with their
//! variances, at the size of the maps.

use super::logit_noise::NoisyLogits;
use crate::head::HeadTensor;
use crate::measure::onnx_form::PassTensors;
use crate::onnx::ElementType::{F32, F64};
use crate::onnx::build::NodeBuilder;
use crate::onnx::proto;
use crate::sampling::{HeadChannels, ProbedModel};
use crate::sums::{Family, OutputKind, SpreadForm, TargetUnit};

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

/// Adds the variance that a head gives in some form, in double precision; NaN if it is negative.
pub(super) fn variance(b: &mut NodeBuilder, spread: &str, form: SpreadForm) -> String {
    let spread = b.cast(spread, F64);
    let [zero, two] = [0.0, 2.0].map(|number| b.double(number));
    match form {
        SpreadForm::LogVariance => b.op("Exp", &[&spread]),
        SpreadForm::LogStd | SpreadForm::LogLaplaceScale => {
            let doubled = b.op("Mul", &[&spread, &two]);
            let square = b.op("Exp", &[&doubled]);
            match form {
                SpreadForm::LogLaplaceScale => b.op("Mul", &[&square, &two]),
                _ => square,
            }
        }
        SpreadForm::Variance | SpreadForm::Std | SpreadForm::LaplaceScale => {
            let nan = b.double(f64::NAN);
            let is_negative = b.op("Less", &[&spread, &zero]);
            let spread = b.op("Where", &[&is_negative, &nan, &spread]);
            match form {
                SpreadForm::Variance => spread,
                SpreadForm::Std => b.op("Mul", &[&spread, &spread]),
                _ => {
                    let square = b.op("Mul", &[&spread, &spread]);
                    b.op("Mul", &[&square, &two])
                }
            }
        }
    }
}

/// Adds the variance in the unit of the target, with that of the observations.
fn in_target_unit(b: &mut NodeBuilder, variances: &str, unit: TargetUnit) -> String {
    let (scale, noise) = (f64::from(unit.scale), f64::from(unit.noise_variance));
    let noise = b.double(noise);
    let square = b.double(scale * scale);
    let variances = b.op("Add", &[variances, &noise]);
    b.op("Mul", &[&variances, &square])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::build::UniqueNames;
    use crate::onnx::{Model, declared};
    use crate::runtime::{Runtime, Session, SessionOptions, Value};

    /// Computes the variance of a form in ONNX Runtime.
    fn computed(form: SpreadForm, spread: &[f32]) -> Vec<f32> {
        let mut b = NodeBuilder::new(UniqueNames::default(), 11);
        let unit = TargetUnit { scale: 2.0, offset: 5.0, noise_variance: 0.5 };
        let variances = variance(&mut b, "x", form);
        let variances = in_target_unit(&mut b, &variances, unit);
        let y = b.cast(&variances, F32);
        b.named("Identity", &[&y], "y", "y");
        let tensor = |name| declared(name, F32, &[None]);
        let graph = proto::Graph {
            name: Some("variance".to_owned()),
            node: b.take(),
            initializer: b.constants,
            input: vec![tensor("x")],
            output: vec![tensor("y")],
            ..proto::Graph::default()
        };
        let opset = proto::OperatorSetId { domain: None, version: Some(11) };
        let model = Model::encode_messages(&proto::Model {
            ir_version: Some(6),
            opset_import: vec![opset],
            graph: Some(graph),
            ..proto::Model::default()
        });
        let runtime = Runtime::find(None).unwrap();
        let options = SessionOptions { threads: 1, ..SessionOptions::default() };
        let mut session = Session::open(&runtime, "test", &model, &options).unwrap();
        let x = Value::from_f32(&[spread.len()], spread.to_vec()).unwrap();
        session.run(&[("x", &x)]).unwrap()[0].to_f32().unwrap()
    }

    #[test]
    fn a_negative_variance_is_nan_and_others_are_in_the_square_of_the_unit() {
        type Form = (SpreadForm, fn(f64) -> f64);
        let forms: [Form; 6] = [
            (SpreadForm::Variance, |x| x),
            (SpreadForm::LogVariance, f64::exp),
            (SpreadForm::Std, |x| x * x),
            (SpreadForm::LogStd, |x| (2.0 * x).exp()),
            (SpreadForm::LaplaceScale, |x| 2.0 * x * x),
            (SpreadForm::LogLaplaceScale, |x| 2.0 * (2.0 * x).exp()),
        ];
        let spread = [-1.5, -0.0, 0.25, 3.0, f32::NAN];
        for (form, variance) in forms {
            let is_log = matches!(
                form,
                SpreadForm::LogVariance
                    | SpreadForm::LogStd
                    | SpreadForm::LogLaplaceScale
            );
            for (x, found) in spread.iter().zip(computed(form, &spread)) {
                if x.is_nan() || (*x < 0.0 && !is_log) {
                    assert!(found.is_nan(), "{form:?} {x}: {found}");
                } else {
                    let expected = (variance(f64::from(*x)) + 0.5) * 4.0;
                    let off = (f64::from(found) / expected - 1.0).abs();
                    assert!(off < 1e-6, "{form:?} {x}: {found}, expected {expected}");
                }
            }
        }
    }
}
