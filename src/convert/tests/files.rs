//! Converted files: refused as models, with external data beside them.

use super::*;

fn digits() -> Converted {
    let plan = plan(&fixture("models/digits.onnx"), &SiteOptions::default());
    Converted::new(plan, Draws::Stratified).unwrap()
}

#[test]
fn a_converted_file_is_refused_with_a_hint_to_give_the_original() {
    let model = Model::open(&digits().path()).unwrap();
    let error = Plan::new(model, None, ScoresOption::Auto).unwrap_err();
    assert!(error.to_string().contains("draws its masks by itself"), "{error}");
    assert!(error.hint().unwrap().contains("the model that it was converted from"));
}

/// Returns the digits in an operator set whose dropout is inert, activated with a ratio.
fn old(opset: i64) -> (tempfile::TempDir, Plan) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.onnx");
    let mut model = Model::open(&fixture("models/digits.onnx")).unwrap();
    for node in &mut model.graph.node {
        if node.is("Dropout") {
            node.input.truncate(1);
        }
        let is_pool = node.is("MaxPool");
        // Attributes and types that these operators did not have yet.
        node.attribute.retain(|a| match a.name.as_deref() {
            Some("training_mode") => false,
            Some("ceil_mode" | "dilations") => !is_pool,
            _ => true,
        });
    }
    let constants = model
        .graph
        .initializer
        .iter()
        .map(|t| described(t.name.as_ref().unwrap(), F32, t.dims.len()));
    let constants: Vec<_> = constants.collect();
    model.graph.input.extend(constants);
    model.shell.opset_import[0].version = Some(opset);
    model.shell.ir_version = Some(3);
    std::fs::write(&path, model.encode()).unwrap();
    let options = SiteOptions { ratios: vec![(None, 0.3)], ..SiteOptions::default() };
    let plan = plan(&path, &options);
    (folder, plan)
}

#[test]
fn below_operator_set_11_masks_are_inputs_and_give_the_same_rows() {
    for opset in [7, 8, 10] {
        let (_folder, plan) = old(opset);
        let made = Converted::new(plan, Draws::Stratified).unwrap();
        assert!(made.made.masks_are_inputs, "{opset}");
        assert!(made.made.inputs.iter().all(|name| name.starts_with("mask/")), "{opset}");
        // Four passes at each of four levels and one more, masks drawn from the definition.
        let checked = made.made.checked;
        assert!(checked.passes == 17 && checked.difference < 1e-5, "{checked:?}");
    }
    let error = mask_inputs::check_supported(&old(6).1).unwrap_err();
    assert!(error.hint().unwrap().contains("opset_version=17"), "{error}");
}

#[test]
fn files_of_the_first_format_get_inputs_that_can_be_left_out() {
    let (_folder, plan) = old(11);
    let made = Converted::new(plan, Draws::Stratified).unwrap();
    let model = Model::open(&made.path()).unwrap();
    assert_eq!(model.shell.ir_version, Some(4));
    let declared = model.graph.input.iter().filter_map(|value| value.name.as_deref());
    let declared: Vec<&str> = declared.skip(1).collect();
    assert_eq!(declared, ["sample", "seed", "image_key"]);
}

#[test]
fn external_data_are_copied_under_the_name_of_the_target() {
    let name = "models/digits-dynamo.onnx";
    let made =
        Converted::new(plan(&fixture(name), &SiteOptions::default()), Draws::Stratified)
            .unwrap();
    let data = made.folder.path().join("converted.onnx.data");
    assert_eq!(made.made.data.as_ref(), Some(&data));
    let original = std::fs::read(fixture("models/digits-dynamo.onnx.data")).unwrap();
    assert_eq!(std::fs::read(&data).unwrap(), original);
    assert!(std::fs::metadata(made.path()).unwrap().len() < 200_000);
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let file = |path: &Path| std::fs::metadata(path).unwrap();
        let (a, b) = (file(&data), file(&fixture("models/digits-dynamo.onnx.data")));
        assert!((a.dev(), a.ino()) != (b.dev(), b.ino()), "a change would reach both");
        assert_eq!(a.mode() & 0o111, 0);
    }
}

#[test]
fn other_data_of_the_same_name_stay_unless_they_may_be_replaced() {
    let runtime = Runtime::find(None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("live.onnx");
    let data = folder.path().join("live.onnx.data");
    std::fs::write(&data, "other").unwrap();
    let attempt = |overwrite| {
        let options = ConvertOptions { overwrite, ..options(Draws::Stratified) };
        let plan = plan(&fixture("models/digits-dynamo.onnx"), &SiteOptions::default());
        convert(plan, &runtime, &options, &target)
    };
    let error = attempt(false).unwrap_err();
    assert!(error.to_string().contains("with other data"), "{error}");
    assert_eq!(std::fs::read(&data).unwrap(), b"other");
    assert_eq!(attempt(true).unwrap().data.as_ref(), Some(&data));
    let again = attempt(true).unwrap();
    assert!(again.data.is_none(), "they are there already");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn nothing_is_written_over_the_model_or_over_what_is_there() {
    let runtime = Runtime::find(None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.onnx");
    std::fs::copy(fixture("models/digits.onnx"), &model).unwrap();
    let there = folder.path().join("there.onnx");
    std::fs::write(&there, "something else").unwrap();
    let attempt = |target: &Path, overwrite| {
        let options = ConvertOptions { overwrite, ..options(Draws::Stratified) };
        convert(plan(&model, &SiteOptions::default()), &runtime, &options, target)
    };
    assert!(attempt(&model, true).unwrap_err().to_string().contains("the model itself"));
    assert!(attempt(&there, false).unwrap_err().to_string().contains("there already"));
    assert_eq!(std::fs::read(&there).unwrap(), b"something else");
    assert!(attempt(folder.path(), true).unwrap_err().to_string().contains("folder"));
    attempt(&there, true).unwrap();
    assert!(Model::open(&there).is_ok());
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn names_that_the_graph_has_are_left_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let mut model = Model::open(&fixture("models/digits.onnx")).unwrap();
    let old = model.graph.input[0].name.clone().unwrap();
    for node in &mut model.graph.node {
        node.input
            .iter_mut()
            .filter(|name| **name == old)
            .for_each(|n| *n = "sample".into());
    }
    model.graph.input[0].name = Some("sample".to_owned());
    std::fs::write(&path, model.encode()).unwrap();
    let made =
        Converted::new(plan(&path, &SiteOptions::default()), Draws::Stratified).unwrap();
    assert_eq!(made.made.inputs[0], "sample:2");
    let names: Vec<String> =
        Model::open(&made.path()).unwrap().inputs().into_iter().map(|i| i.name).collect();
    assert_eq!(names, ["sample", "sample:2"], "seed and image_key can be left out");
}

#[test]
fn samples_that_are_not_one_or_as_many_as_the_images_are_refused_when_run() {
    let made = digits();
    let sampler = sampler(
        plan(&fixture("models/digits.onnx"), &SiteOptions::default()),
        Draws::Stratified,
        0,
    );
    let mut session = made.session(Optimization::All);
    let image = sampler.model().noise(0, (8, 8)).unwrap();
    let name = sampler.plan().image().name.clone();
    let two = Value::stack(&[&image, &image], 0).unwrap();
    let mut run = |images: &Value, samples: Vec<i64>| {
        let samples = Value::from_i64(&[samples.len()], samples).unwrap();
        session.run(&[(name.as_str(), images), ("sample", &samples)])
    };
    assert!(run(&two, vec![0]).is_ok() && run(&two, vec![0, 1]).is_ok());
    assert!(run(&two, vec![0, 1, 2]).is_err() && run(&image, vec![0, 1]).is_err());
}

/// Writes a model whose weights lie in another file, where every byte is `fill`.
fn with_external_weights(folder: &Path, fill: u8) -> PathBuf {
    let sizes: [(&str, &[usize]); 2] = [("kernel", &[8, 3, 1, 1]), ("linear", &[16, 8])];
    let mut b = NodeBuilder::new(UniqueNames::default(), 17);
    let mut initializer = Vec::new();
    let mut offset = 0;
    for (name, sizes) in sizes {
        let length = 4 * sizes.iter().product::<usize>();
        let entry = |key: &str, value: String| proto::StringEntry {
            key: Some(key.to_owned()),
            value: Some(value),
        };
        initializer.push(proto::Tensor {
            name: Some(name.to_owned()),
            dims: sizes.iter().map(|&size| size as i64).collect(),
            data_type: Some(1),
            data_location: Some(1),
            external_data: vec![
                entry("location", "weights.data".to_owned()),
                entry("offset", offset.to_string()),
                entry("length", length.to_string()),
            ],
            ..proto::Tensor::default()
        });
        offset += length;
    }
    let x = b.op("Conv", &["image", "kernel"]);
    let x = b.op("GlobalAveragePool", &[&x]);
    let x = b.op("Flatten", &[&x]);
    let ratio = b.float(0.5);
    let live = b.bool(true);
    let x = b.op("Dropout", &[&x, &ratio, &live]);
    let transposed = vec![proto::Attribute::int("transB", 1)];
    let x = b.op_with("Gemm", &[&x, "linear"], transposed);
    b.named("Identity", &[&x], "scores", "scores");
    let node = b.take();
    initializer.append(&mut b.constants);
    let mut model = Model::open(&fixture("models/digits.onnx")).unwrap();
    model.graph = proto::Graph {
        name: Some("graph".to_owned()),
        node,
        initializer,
        input: vec![declared("image", F32, &[None, Some(3), Some(4), Some(4)])],
        output: vec![declared("scores", F32, &[None, Some(16)])],
        ..proto::Graph::default()
    };
    std::fs::write(folder.join("weights.data"), vec![fill; offset]).unwrap();
    let path = folder.join("model.onnx");
    std::fs::write(&path, model.encode()).unwrap();
    path
}

#[test]
fn weights_in_other_files_are_read_by_the_check() {
    let runtime = Runtime::find(None).unwrap();
    let converted = |fill| {
        let folder = tempfile::tempdir().unwrap();
        let plan =
            plan(&with_external_weights(folder.path(), fill), &SiteOptions::default());
        let target = folder.path().join("out/live.onnx");
        let made = convert(plan, &runtime, &ConvertOptions::default(), &target)?;
        let written = Model::open(&target).unwrap();
        let data = |t: &&proto::Tensor| t.data_location == Some(1);
        assert_eq!(written.graph.initializer.iter().filter(data).count(), 2);
        Ok::<_, Error>(made)
    };
    // 0x3c3c3c3c is 0.0115, and 0xffffffff is NaN.
    let made = converted(0x3c).unwrap();
    assert_eq!(made.nodes.len(), 1);
    assert!(made.checked.passes > 0 && made.checked.difference <= 1e-5);
    let error = converted(0xff).unwrap_err().to_string();
    assert!(error.contains("not numbers"), "{error}");
}
