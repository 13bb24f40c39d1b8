//! Converts every form of dropout in files of exporters.

use super::*;

/// Returns true if saturated products differ between kernels.
fn is_inexact(name: &str) -> bool {
    name.contains("quantized") && !crate::simd::has_exact_products_of_bytes()
}

#[test]
fn every_export_with_live_sites_is_converted_or_refused_with_a_reason() {
    let text = std::fs::read_to_string(fixture("fixtures/exports/exports.json")).unwrap();
    let table: serde_json::Map<String, Json> = serde_json::from_str(&text).unwrap();
    let (mut wrong, mut refused, mut right) = (Vec::new(), Vec::new(), 0);
    let (mut without_inputs, mut with_inputs) = (Vec::new(), 0);
    for (name, entry) in table {
        let sites = entry["sites"].as_array().unwrap();
        if !sites.iter().any(|site| site["live"] == true) {
            continue;
        }
        let path = fixture("fixtures/exports").join(&name);
        let output = entry["output"].as_str();
        let open = || {
            let model = Model::open(&path).unwrap();
            Plan::new(model, output, ScoresOption::Logits)
        };
        let Ok(first) = open() else {
            refused.push(name);
            continue;
        };
        let Ok(input) = model_input(&first) else { continue };
        let sides = entry["size"].as_array().unwrap();
        let side = |i: usize| sides[i].as_u64().unwrap() as usize;
        let size = (input.height.unwrap_or(side(1)), input.width.unwrap_or(side(2)));
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("converted.onnx");
        let runtime = Runtime::find(None).unwrap();
        let options = ConvertOptions { size, ..options(Draws::Stratified) };
        let with_masks = ConvertOptions {
            masks: MaskSource::Inputs,
            overwrite: true,
            ..options.clone()
        };
        match open().and_then(|plan| convert(plan, &runtime, &with_masks, &target)) {
            Ok(made) => {
                if made.checked.difference > 1e-5 && !name.contains("half") {
                    wrong.push(format!("{name}, masks: {:?}", made.checked));
                }
                with_inputs += 1;
            }
            Err(error) if error.to_string().contains("its mask cannot be an input") => {
                without_inputs.push(format!("{name}: {error}"));
            }
            Err(_) if is_inexact(&name) => {}
            Err(error) => wrong.push(format!("{name}, masks: {error}")),
        }
        match convert(first, &runtime, &options, &target) {
            Err(_) if is_inexact(&name) => {}
            Err(error) => wrong.push(format!("{name}: {error}")),
            Ok(made) => {
                if made.checked.difference > 1e-5 && !name.contains("half") {
                    wrong.push(format!("{name}: {:?}", made.checked));
                }
                right += 1;
            }
        }
    }
    assert!(right > 90, "{right} right, refused {refused:?}");
    assert!(with_inputs > 80, "{with_inputs} with masks as inputs, {without_inputs:#?}");
    assert!(
        wrong.is_empty(),
        "{} wrong, {right} right:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
