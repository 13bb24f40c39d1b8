//! Converted files whose masks are inputs.

use super::*;

fn options_with_masks() -> ConvertOptions {
    ConvertOptions { masks: MaskSource::Inputs, ..options(Draws::Stratified) }
}

fn converted(plan: Plan, options: &ConvertOptions) -> Result<Converted> {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("converted.onnx");
    let made = convert(plan, &Runtime::find(None).unwrap(), options, &target)?;
    Ok(Converted { folder, made })
}

fn digits() -> Plan {
    plan(&fixture("models/digits.onnx"), &SiteOptions::default())
}

fn metadata(made: &Converted) -> Json {
    let model = Model::open(&made.path()).unwrap();
    let metadata = model.metadata();
    let (_, text) = metadata.iter().find(|(key, _)| key == "mcdrop").unwrap();
    serde_json::from_str(text).unwrap()
}

/// Returns `count` bytes of a linear congruential generator, each below `limit`.
fn bytes(count: usize, seed: u64, limit: u64) -> Vec<u8> {
    let mut state = seed;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((state >> 33) % limit) as u8
    };
    (0..count).map(next).collect()
}

#[test]
fn every_form_of_dropout_takes_its_mask_as_an_input() {
    let mut all = traps();
    all.extend(
        ["models/digits.onnx", "models/digits-dynamo.onnx", "models/streets.onnx"]
            .map(str::to_owned),
    );
    let options = ConvertOptions { verify: true, ..options_with_masks() };
    let mut wrong = Vec::new();
    for name in all {
        let plan = plan(&fixture(&name), &SiteOptions::default());
        if plan.heads().first().is_cut_off() {
            continue;
        }
        let n_sites = plan.sites().len();
        let is_coarse = name.contains("half") || name.contains("quantize");
        let made = match converted(plan, &options) {
            Ok(made) => made.made,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        assert!(made.masks_are_inputs && made.inputs.len() == n_sites, "{name}");
        // Four passes at each of four levels, and two blocks of samples.
        let checked = made.checked;
        assert!(checked.passes == 79 && checked.single_sites == n_sites, "{name}");
        if checked.difference > if is_coarse { 2e-2 } else { 2e-6 } {
            wrong.push(format!("{name}: {checked:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_file_with_given_masks_is_the_model_with_the_same_factors() {
    let images = 3;
    for name in ["models/digits.onnx", "models/streets.onnx"] {
        let plan = || plan(&fixture(name), &SiteOptions::default());
        let made = converted(plan(), &options_with_masks()).unwrap();
        let entry = metadata(&made);
        let sampler = sampler(plan(), Draws::Stratified, 0);
        let mut given = made.session(Optimization::All);
        let runtime = Runtime::find(None).unwrap();
        let types = vec![F32; plan().sites().len()];
        let uncut = plan().uncut(Some(&types));
        let session = SessionOptions { threads: 1, ..SessionOptions::default() };
        let mut factors_given =
            Session::open(&runtime, "test", &uncut, &session).unwrap();
        let input = model_input(&plan()).unwrap();
        let size = (input.height.unwrap_or(SIZE.0), input.width.unwrap_or(SIZE.1));
        let noise: Vec<Value> =
            (0..images).map(|i| sampler.model().noise(i, size).unwrap()).collect();
        let image = Value::stack(&noise.iter().collect::<Vec<_>>(), 0).unwrap();
        let (mut masks, mut factors) = (Vec::new(), Vec::new());
        for (number, site) in entry["sites"].as_array().unwrap().iter().enumerate() {
            let sizes = site["mask"]["shape"].as_array().unwrap().iter();
            let mut shape: Vec<usize> =
                sizes.map(|size| size.as_u64().unwrap() as usize).collect();
            shape[site["row_axis"].as_u64().unwrap() as usize] *= images as usize;
            let bytes = bytes(shape.iter().product(), number as u64, 3);
            let scale = crate::random::keep_scale(site["ratio"].as_f64().unwrap() as f32);
            let described = site["values"][0].as_f64().unwrap() as f32;
            assert_eq!(described.to_bits(), scale.to_bits());
            let factor = |&byte: &u8| [0.0, scale, 1.0][usize::from(byte)];
            let values = bytes.iter().map(factor).collect();
            let output = site["output"].as_str().unwrap();
            factors.push((
                format!("mask::{output}"),
                Value::from_f32(&shape, values).unwrap(),
            ));
            let input = site["mask"]["input"].as_str().unwrap().to_owned();
            masks.push((input, Value::from_u8(&shape, bytes).unwrap()));
        }
        let run = |session: &mut Session, added: &[(String, Value)]| {
            let mut inputs = vec![(sampler.plan().image().name.as_str(), &image)];
            inputs.extend(added.iter().map(|(name, value)| (name.as_str(), value)));
            session.run(&inputs).unwrap()[0].to_f32().unwrap()
        };
        let (found, expected) =
            (run(&mut given, &masks), run(&mut factors_given, &factors));
        assert!(far(&[expected], &[found]) <= 2e-6, "{name}");
    }
}

#[test]
fn masks_have_the_shapes_and_the_type_that_the_file_declares() {
    let made = converted(digits(), &options_with_masks()).unwrap();
    assert!(metadata(&made).get("guard").is_none(), "nothing is drawn");
    let model = Model::open(&made.path()).unwrap();
    let inputs = model.inputs();
    let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
    let [first, second] = ["features/features.7", "classifier/classifier.3"]
        .map(|n| format!("mask//{n}/Dropout"));
    assert_eq!(names, ["image", &first, &second]);
    assert_eq!(made.made.inputs, [first.clone(), second]);
    assert!(inputs[1..].iter().all(|input| input.element_type == ElementType::U8));
    let entry = metadata(&made);
    for (site, input) in entry["sites"].as_array().unwrap().iter().zip(&inputs[1..]) {
        let dimensions = input.dimensions.clone().unwrap();
        let shape = site["mask"]["shape"].as_array().unwrap();
        assert_eq!(dimensions.len(), shape.len());
        for (axis, (size, declared)) in shape.iter().zip(dimensions).enumerate() {
            let expected = size.as_u64().map(|size| size as usize);
            assert_eq!(declared, expected.filter(|_| axis > 0), "{site}");
        }
    }
}

#[test]
fn numbers_without_a_meaning_make_scores_nan_and_nothing_else() {
    let made = converted(digits(), &options_with_masks()).unwrap();
    let entry = metadata(&made);
    let sampler = sampler(digits(), Draws::Stratified, 0);
    let image = sampler.model().noise(0, (8, 8)).unwrap();
    let mut session = made.session(Optimization::All);
    for (byte, is_nan) in [(1, false), (2, false), (3, true), (255, true)] {
        let mut masks = Vec::new();
        for site in entry["sites"].as_array().unwrap() {
            let sizes = site["mask"]["shape"].as_array().unwrap().iter();
            let shape: Vec<usize> =
                sizes.map(|size| size.as_u64().unwrap() as usize).collect();
            let values = vec![byte; shape.iter().product()];
            masks.push((
                site["mask"]["input"].as_str().unwrap(),
                Value::from_u8(&shape, values).unwrap(),
            ));
        }
        let mut inputs = vec![(sampler.plan().image().name.as_str(), &image)];
        inputs.extend(masks.iter().map(|(name, value)| (*name, value)));
        let scores = session.run(&inputs).unwrap()[0].to_f32().unwrap();
        assert!(
            scores.iter().all(|score| score.is_nan() == is_nan),
            "{byte}: {scores:?}"
        );
    }
}

#[test]
fn alpha_dropout_has_an_input_and_a_node_that_cannot_have_one_is_named() {
    let options = ConvertOptions { size: (8, 8), ..options_with_masks() };
    let attempt = |name: &str| {
        let path = fixture("fixtures/exports").join(name);
        let plan = plan(&path, &SiteOptions::default());
        let nodes: Vec<String> =
            plan.sites().iter().map(|site| site.node.clone()).collect();
        (nodes, converted(plan, &options))
    };
    for name in ["alpha-dynamo.onnx", "feature-alpha-dynamo.onnx"] {
        let made = attempt(name).1.unwrap().made;
        assert!(made.checked.difference < 1e-5, "{name}: {made:?}");
    }
    for (name, reason) in [
        ("gaussian-dynamo.onnx", "it draws numbers other than 0 and 1"),
        ("drop-block-legacy-17.onnx", "it draws numbers other than 0 and 1"),
        ("loop-legacy-17.onnx", "it is inside of a subgraph"),
    ] {
        let (nodes, result) = attempt(name);
        let error = result.map(|made| made.made).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(reason), "{name}: {text}");
        assert!(nodes.iter().any(|node| text.contains(node.as_str())), "{name}: {text}");
        assert!(error.hint().unwrap().contains("`masks = drawn`"), "{name}");
    }
}

#[test]
fn embedded_sampling_draws_its_masks() {
    let options = EmbeddedSamplingOptions {
        conversion: options_with_masks(),
        ..EmbeddedSamplingOptions::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("converted.onnx");
    let runtime = Runtime::find(None).unwrap();
    let error = export_with_embedded_sampling(digits(), &runtime, &options, &target);
    let error = error.unwrap_err();
    assert!(error.to_string().contains("draws its masks itself"), "{error}");
    assert!(!target.exists());
}
