//! Records of this version and of others.

use super::*;

fn record() -> RunRecord {
    RunRecord {
        mcdrop: "1.2.3".to_owned(),
        model: ModelRecord {
            files: vec![FileHash {
                name: "a.onnx".to_owned(),
                sha256: "00ff".to_owned(),
            }],
            ..ModelRecord::default()
        },
        sampling: SamplingRecord { samples: 31, ..SamplingRecord::default() },
        preprocessing: vec![PreprocessingSetting {
            key: "crop".to_owned(),
            value: "none".to_owned(),
            from: "default".to_owned(),
        }],
        output: OutputRecord {
            bounds: [("margin", 1.0), ("entropy", 2.5), ("margin", 0.5)]
                .into_iter()
                .collect(),
            keep_probabilities: Some(Precision::F16),
            ..OutputRecord::default()
        },
        ..RunRecord::default()
    }
}

#[test]
fn a_record_is_read_back_and_keeps_the_order_of_its_keys() {
    let record = record();
    let bytes = record.encode().unwrap();
    assert_eq!(RunRecord::decode(&bytes).unwrap(), record);
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.ends_with("}\n") && !text.contains("\"images\""), "{text}");
    let bounds = "\"bounds\": {\n      \"margin\": 0.5,\n      \"entropy\": 2.5\n    }";
    assert!(text.contains(bounds), "{text}");
    assert!(text.contains("\"map_size\": \"image\""), "{text}");
}

#[test]
fn a_record_of_another_version_is_read_as_far_as_it_goes() {
    assert_eq!(RunRecord::decode(b"{}").unwrap(), RunRecord::default());
    let text =
        br#"{"output": {"task": "x", "later": 1}, "images": {"done": 3}, "new": []}"#;
    let record = RunRecord::decode(text).unwrap();
    assert_eq!(record.output.task, "x");
    assert_eq!(record.images, Some(ImageCounts { done: 3, failed: 0 }));
}

#[test]
fn a_record_with_values_of_the_wrong_type_is_refused() {
    for text in [
        "",
        "{",
        "[]",
        "null",
        r#"{"model": 3}"#,
        r#"{"output": {"n_classes": -1}}"#,
        r#"{"output": {"keep_probabilities": "f8"}}"#,
        r#"{"sites": [{"ratio": "half"}]}"#,
        r#"{"palette": [[1, 2]]}"#,
    ] {
        assert!(RunRecord::decode(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn only_what_changes_results_is_a_difference() {
    let (earlier, mut now) = (record(), record());
    assert!(now.differences(&earlier).is_empty());
    now.model.path = "b.onnx".to_owned();
    "b.onnx".clone_into(&mut now.model.files[0].name);
    now.runtime.threads = 8;
    now.output.report = true;
    now.times = Some(Times::default());
    assert!(now.differences(&earlier).is_empty());
    now.sampling.samples = 62;
    "center".clone_into(&mut now.preprocessing[0].value);
    let differences = now.differences(&earlier);
    assert_eq!(
        differences,
        ["crop was none, is center now", "samples was 31, is 62 now"]
    );
    now.classes = Some(vec!["a name".to_owned(); 20]);
    assert!(now.differences(&earlier).contains(&"classes differ".to_owned()));
    "1111".clone_into(&mut now.model.files[0].sha256);
    assert_eq!(now.differences(&earlier), ["the model is another one"]);
    "2.0.0".clone_into(&mut now.mcdrop);
    assert_eq!(now.differences(&earlier), ["mcdrop was 1.2.3, is 2.0.0 now"]);
}

#[test]
fn an_image_is_found_below_its_folder() {
    let folder = InputFolder { folder: "photos".to_owned(), skip: 2 };
    assert_eq!(folder.path("a/b.png").unwrap(), Path::new("photos/b.png"));
    assert!(folder.path("a").is_none());
    assert!(InputFolder { skip: 1, ..folder }.path("é").is_none());
}
