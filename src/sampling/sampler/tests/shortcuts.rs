//! Ways to do less work, each switched off and on.

use super::made::*;
use super::*;
use crate::input::Geometry;
use crate::sampling::Shortcut;

fn statistics(name: &str, disabled: Vec<Shortcut>) -> (Statistics, Growing) {
    let options = SamplingOptions { disabled, ..options() };
    let mut sampler = sampler(name, options);
    let (height, width) = size(sampler.plan());
    let channels = sampler.model.input.channels;
    let values = image::noise(channels * height * width, 5);
    let geometry = Geometry::of_whole(width, height);
    let image = NetworkInput { values, height, width, geometry };
    let statistics = sampler.sample(image.clone(), 9).unwrap();
    (statistics, sampler.model.layout.growing)
}

#[test]
fn every_shortcut_gives_what_the_sampler_gives_without_it() {
    for name in [
        "models/digits.onnx",
        "models/digits-dynamo.onnx",
        "models/streets.onnx",
        "models/streets-dynamo.onnx",
        "fixtures/traps/half.onnx",
        "fixtures/traps/resize-to-input.onnx",
        "fixtures/traps/open-axes.onnx",
    ] {
        let (none, growing) = statistics(name, Shortcut::ALL.to_vec());
        assert_eq!(growing, Growing::default());
        let tolerance = if name.contains("half") { 2e-3 } else { 1e-5 };
        for shortcut in Shortcut::ALL {
            let others = Shortcut::ALL.into_iter().filter(|other| *other != shortcut);
            let (one, _) = statistics(name, others.collect());
            let far = far(&none, &one);
            assert!(far < tolerance, "{name}, {}: {far}", shortcut.name());
        }
        let (all, growing) = statistics(name, Vec::new());
        let far = far(&none, &all);
        assert!(far < tolerance, "{name}: {far}");
        if name.starts_with("models/") {
            assert!(growing.draws.contains(&true), "{name}");
        }
    }
}
