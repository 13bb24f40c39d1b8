//! Models that end in a resize: left to the reduction where that is the same.

use super::made::*;
use super::*;
use crate::onnx::{ElementType, declared, proto};
use crate::sampling::Shortcut;

/// Small images, a convolution by 2, dropout, and a resize by `scale`.
fn plan_of(mode: &'static str, coordinates: &'static str, scale: [f32; 2]) -> Plan {
    let model = model_of(mode, coordinates, scale);
    Plan::new(model, None, ScoresOption::Auto).unwrap()
}

fn model_of(mode: &'static str, coordinates: &'static str, scale: [f32; 2]) -> Model {
    let mut model = Model::open(&fixture("models/digits.onnx")).unwrap();
    let weight: Vec<f32> = (0..48).map(|i| (i as f32 * 1.7).sin()).collect();
    model.graph = proto::Graph {
        name: Some("graph".to_owned()),
        node: vec![
            proto::Node {
                attribute: vec![proto::Attribute::ints("strides", &[2, 2])],
                ..node("Conv", &["image", "weight"], "features")
            },
            node("Dropout", &["features", "ratio", "live"], "dropped"),
            proto::Node {
                attribute: vec![
                    proto::Attribute::string("mode", mode),
                    proto::Attribute::string(
                        "coordinate_transformation_mode",
                        coordinates,
                    ),
                ],
                ..node("Resize", &["dropped", "", "scales"], "logits")
            },
        ],
        initializer: vec![
            floats("weight", &[4, 3, 2, 2], &weight),
            floats("ratio", &[], &[0.3]),
            constant("live", ElementType::Bool, &[], &[1]),
            floats("scales", &[4], &[1.0, 1.0, scale[0], scale[1]]),
        ],
        input: vec![declared("image", ElementType::F32, &[None, Some(3), None, None])],
        output: vec![declared("logits", ElementType::F32, &[None, None, None, None])],
        ..proto::Graph::default()
    };
    model
}

fn statistics(plan: Plan, disabled: Vec<Shortcut>) -> (bool, Statistics) {
    let (sampler, statistics) = predicted(plan, disabled);
    (sampler.low_resolution.is_some(), statistics)
}

#[test]
fn a_last_linear_resize_is_left_to_the_reduction_and_gives_the_same_means() {
    for (mode, coordinates, scale, is_short) in [
        ("linear", "half_pixel", [2.0, 2.0], true),
        ("linear", "pytorch_half_pixel", [2.0, 2.0], true),
        ("linear", "align_corners", [2.0, 2.0], true),
        ("linear", "asymmetric", [2.0, 2.0], true),
        // The size of the map is not the image's: it would be resized twice.
        ("linear", "half_pixel", [3.0, 1.0], false),
        ("nearest", "asymmetric", [2.0, 2.0], false),
        ("cubic", "half_pixel", [2.0, 2.0], false),
    ] {
        let of = |disabled| statistics(plan_of(mode, coordinates, scale), disabled);
        let (whole_is_short, whole) = of(vec![Shortcut::ResizeInReduction]);
        let (short, found) = of(Vec::new());
        assert_eq!((whole_is_short, short), (false, is_short), "{mode} {coordinates}");
        let far = far(&whole, &found);
        assert!(far < 1e-5, "{mode} {coordinates}: {far}");
    }
}

#[test]
fn a_last_resize_of_logits_with_noise_is_not_left_to_the_reduction() {
    let model = model_of("linear", "half_pixel", [2.0, 2.0]);
    let heads = ["logits=logits:0..2", "logit_log_variance=logits:2..4"];
    let heads = heads.map(|head| head.parse().unwrap()).to_vec();
    let options = HeadOptions { heads, ..HeadOptions::default() };
    let plan = Plan::with_sites(model, &options, &SiteOptions::default()).unwrap();
    let (is_short, found) = statistics(plan, Vec::new());
    assert!(!is_short);
    let information = crate::measure::LOGIT_NOISE_INFORMATION.map(&found);
    assert!(information.values.iter().all(|value| *value > 0.0), "{information:?}");
}
