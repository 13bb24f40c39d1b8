//! Images that a model cannot be run on, and images that it overflows on.

use super::changed::{changed, constant, node, with_ints};
use super::*;

const DROPPED: &str = "/dropout/Dropout_output_0";
const FEATURES: &str = "/Relu_output_0";

fn network_image(sampler: &Sampler, (height, width): Size, scale: f32) -> NetworkInput {
    let noise = image::noise(sampler.input.channels * height * width, 5);
    let values = noise.into_iter().map(|value| value * scale).collect();
    NetworkInput { values, height, width, geometry: no_geometry(height, width) }
}

fn opened(plan: Plan, size: Size) -> Result<Sampler> {
    Sampler::new(plan, &Runtime::find(None).unwrap(), options(), size)
}

/// What is said of an image whose values go up to `2 * scale`.
fn said(plan: Plan, scale: f32) -> String {
    let mut sampler = opened(plan, (16, 16)).unwrap();
    let image = network_image(&sampler, (16, 16), scale);
    let error = sampler.predict(&image, 3).unwrap_err();
    assert!(error.hint().is_some(), "{error}");
    error.to_string()
}

#[test]
fn the_node_that_overflows_is_named_on_either_side_of_the_cut() {
    for name in ["view-size0", "fixed-batch-4", "half"] {
        for after in [FEATURES, DROPPED] {
            let nodes = vec![
                node("Exp", "boom", &[after]),
                node("Sub", "nothing", &["boom", "boom"]),
                node("Add", "sum", &[after, "nothing"]),
            ];
            let text = said(changed(name, after, nodes, vec![]), 300.0);
            assert!(
                text.starts_with("output \"logits\": NaN in 5 of 5 values"),
                "{text}"
            );
            assert!(text.contains("of the pass without dropout; "), "{text}");
            assert!(text.contains("\"boom\" (Exp), of whose output \"boom\" "), "{text}");
            assert!(text.contains("values are infinite: its inputs are finite up to "));
        }
    }
}

#[test]
fn a_sample_that_alone_overflows_is_run_again_with_its_own_masks() {
    // Dropout doubles what it keeps: e^60 is finite, e^120 is not.
    let plan = || {
        let nodes = vec![
            node("Min", "bounded", &[DROPPED, "most"]),
            node("Exp", "boom", &["bounded"]),
        ];
        changed("view-size0", DROPPED, nodes, vec![constant("most", 1000.0)])
    };
    let largest = |scale: f32| {
        let mut sampler = opened(plan(), (16, 16)).unwrap();
        let image = network_image(&sampler, (16, 16), scale);
        sampler.predict(&image, 3).err().map(|error| error.to_string())
    };
    let scales = (10..400).map(|scale| scale as f32);
    let text = scales.map(largest).find_map(|said| said).unwrap();
    assert!(text.contains(" of sample "), "{text}");
    assert!(text.contains("\"boom\" (Exp)"), "{text}");
}

#[test]
fn a_mask_of_minus_infinity_is_blamed_only_where_a_softmax_cannot_take_it() {
    let mask = |infinite| if infinite { f32::NEG_INFINITY } else { 0.0 };
    let plan = |infinite: bool| {
        let nodes = vec![
            node("Where", "masked", &["some", DROPPED, "minus infinity"]),
            node("Softmax", "weights", &["masked"]),
            node("Exp", "boom", &[DROPPED]),
            node("Mul", "weighted", &["weights", "boom"]),
        ];
        let mut some = constant("some", 0.0);
        some.data_type = Some(9);
        some.float_data.clear();
        some.dims = vec![8];
        some.int32_data =
            if infinite { vec![0; 8] } else { vec![1, 1, 1, 1, 1, 1, 0, 0] };
        let constants = vec![some, constant("minus infinity", mask(true))];
        changed("view-size0", DROPPED, nodes, constants)
    };
    let text = said(plan(false), 300.0);
    assert!(text.contains("\"boom\" (Exp)"), "{text}");
    let text = said(plan(true), 0.1);
    assert!(text.contains("one is \"weights\" (Softmax)"), "{text}");
    assert!(text.contains("a constant of \"masked\" (Where) brings in"), "{text}");
}

#[test]
fn weights_that_hold_nan_are_named() {
    let nodes = vec![node("Mul", "scaled", &[FEATURES, "broken"])];
    let constants = vec![constant("broken", f32::NAN)];
    let text = said(changed("view-size0", FEATURES, nodes, constants), 1.0);
    assert!(text.contains("\"scaled\" (Mul)"), "{text}");
    assert!(text.contains("its constant \"broken\" holds NaN"), "{text}");
}

#[test]
fn an_image_that_is_not_finite_itself_is_said() {
    let text = said(plan("fixtures/traps/view-size0.onnx"), f32::INFINITY);
    assert!(text.contains("the image's own values are not finite"), "{text}");
}

#[test]
fn the_node_is_looked_for_on_the_first_images_of_a_run_alone() {
    let nodes = vec![node("Exp", "boom", &[FEATURES])];
    let mut sampler =
        opened(changed("view-size0", FEATURES, nodes, vec![]), (16, 16)).unwrap();
    let image = network_image(&sampler, (16, 16), 300.0);
    for number in 0..5 {
        let error = sampler.predict(&image, number).unwrap_err().to_string();
        assert_eq!(error.contains("boom"), number < 3, "{number}: {error}");
    }
    let fine = network_image(&sampler, (16, 16), 1.0);
    assert!(sampler.predict(&fine, 9).is_ok());
}

#[test]
fn a_size_that_the_network_cannot_take_is_answered_with_one_that_works() {
    for (size, works) in [((100, 50), "64x112"), ((17, 32), "32x32")] {
        let error = opened(plan("models/streets.onnx"), size).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!("it takes {works}: ")), "{text}");
        assert!(
            text.contains("multiples of 16 (onnxruntime: Reshape node '/up")
                && text.contains("/same_size'"),
            "{text}"
        );
        assert!(
            matches!(error, Error::ImageSize { multiple: Some(16), .. }),
            "{error:?}"
        );
    }
    let mut sampler = opened(plan("models/streets.onnx"), (32, 32)).unwrap();
    for _ in 0..3 {
        let image = network_image(&sampler, (40, 47), 1.0);
        let error = sampler.predict(&image, 1).unwrap_err();
        assert!(error.to_string().contains("images of 47x40 pixels; it takes 48x48: "));
        assert!(error.hint().is_some_and(|hint| hint.contains("--pad-to-multiple 16 ")));
    }
    let fine = network_image(&sampler, (48, 64), 1.0);
    assert!(sampler.predict(&fine, 1).is_ok());
}

#[test]
fn an_image_that_a_network_shrinks_to_nothing_is_too_small_for_it() {
    let plan = || {
        let pool = node("AveragePool", "pooled", &[FEATURES]);
        let nodes = vec![with_ints(pool, "kernel_shape", &[20, 20])];
        changed("resize-to-input", FEATURES, nodes, vec![])
    };
    let error = opened(plan(), (15, 12)).unwrap_err();
    assert!(error.to_string().contains("too small for it: 48x60 works"), "{error}");
    let mut sampler = opened(plan(), (64, 64)).unwrap();
    let image = network_image(&sampler, (15, 12), 1.0);
    let error = sampler.predict(&image, 1).unwrap_err();
    assert!(error.to_string().contains("12x15 pixels; they are too small"), "{error}");
}

#[test]
fn a_network_of_one_size_behind_dynamic_axes_says_which_sizes_were_tried() {
    let mut model = Model::open(&fixture("fixtures/traps/view-size0.onnx")).unwrap();
    let input = &mut model.graph.input[0].r#type.as_mut().unwrap().value;
    let Some(crate::onnx::proto::TypeValue::Tensor(tensor)) = input else { panic!() };
    for dimension in &mut tensor.shape.as_mut().unwrap().dim[2..] {
        dimension.value = None;
    }
    let plan = Plan::new(model, None, ScoresOption::Auto).unwrap();
    let error = opened(plan, (100, 200)).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("200x100 pixels; nor of ") && text.contains("224x224"),
        "{text}"
    );
    assert!(error.hint().is_some_and(|hint| hint.contains("trained with")), "{text}");
}
