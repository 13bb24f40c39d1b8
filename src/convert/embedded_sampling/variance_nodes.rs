//! Variances that a head predicts, as nodes of a graph.

use crate::onnx::ElementType::F64;
use crate::onnx::build::NodeBuilder;
use crate::sums::{SpreadForm, TargetUnit};

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
pub(super) fn in_target_unit(
    b: &mut NodeBuilder,
    variances: &str,
    unit: TargetUnit,
) -> String {
    let (scale, noise) = (f64::from(unit.scale), f64::from(unit.noise_variance));
    let noise = b.double(noise);
    let square = b.double(scale * scale);
    let variances = b.op("Add", &[variances, &noise]);
    b.op("Mul", &[&variances, &square])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::ElementType::F32;
    use crate::onnx::build::UniqueNames;
    use crate::onnx::{Model, declared, proto};
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
