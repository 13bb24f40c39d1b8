//! Images that a model cannot be run on, and images that it overflows on.

use super::changed::{changed, constant, node, with_ints};
use super::*;

const DROPPED: &str = "/dropout/Dropout_output_0";
const FEATURES: &str = "/Relu_output_0";

fn network_image(sampler: &Sampler, (height, width): Size, scale: f32) -> NetworkInput {
    let noise = image::noise(sampler.model.input.channels * height * width, 5);
    let values = noise.into_iter().map(|value| value * scale).collect();
    NetworkInput { values, height, width, geometry: no_geometry(height, width) }
}

fn opened(plan: Plan, size: Size) -> Result<Sampler> {
    Sampler::open(plan, &Runtime::find(None).unwrap(), options(), size)
}

/// The error of an image whose values go up to `2 * scale`.
fn error_of(plan: Plan, scale: f32) -> String {
    let mut sampler = opened(plan, (16, 16)).unwrap();
    let image = network_image(&sampler, (16, 16), scale);
    let error = sampler.sample(image.clone(), 3).unwrap_err();
    assert!(error.hint().is_some(), "{error}");
    error.to_string()
}

#[test]
fn values_that_are_not_finite_are_counted_with_their_pass_and_a_hint() {
    for name in ["view-size0", "fixed-batch-4", "half"] {
        let nodes = vec![
            node("Exp", "boom", &[FEATURES]),
            node("Sub", "nothing", &["boom", "boom"]),
            node("Add", "sum", &[FEATURES, "nothing"]),
        ];
        let text = error_of(changed(name, FEATURES, nodes, vec![]), 300.0);
        assert_eq!(
            text,
            "output \"logits\": NaN in 5 of 5 values of the pass without dropout"
        );
    }
}

#[test]
fn the_sample_that_overflows_is_named() {
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
        sampler.sample(image, 3).err().map(|error| error.to_string())
    };
    let scales = (10..400).map(|scale| scale as f32);
    let text = scales.map(largest).find_map(|text| text).unwrap();
    assert!(text.contains(" of sample "), "{text}");
}

#[test]
fn an_image_that_overflows_does_not_stop_the_next_one() {
    let nodes = vec![node("Exp", "boom", &[FEATURES])];
    let mut sampler =
        opened(changed("view-size0", FEATURES, nodes, vec![]), (16, 16)).unwrap();
    let image = network_image(&sampler, (16, 16), 300.0);
    assert!(sampler.sample(image, 0).is_err());
    let fine = network_image(&sampler, (16, 16), 1.0);
    assert!(sampler.sample(fine, 9).is_ok());
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
        let error = sampler.sample(image.clone(), 1).unwrap_err();
        assert!(error.to_string().contains("images of 47x40 pixels; it takes 48x48: "));
        assert!(
            error.hint().is_some_and(|hint| hint.contains("`pad_to_multiple = 16` "))
        );
    }
    let fine = network_image(&sampler, (48, 64), 1.0);
    assert!(sampler.sample(fine.clone(), 1).is_ok());
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
    let error = sampler.sample(image.clone(), 1).unwrap_err();
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
