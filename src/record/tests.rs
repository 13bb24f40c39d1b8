//! Records of this version and of others.

use proptest::prelude::*;

use super::*;
use crate::measure::MARGIN;
use crate::task::{CLASSIFICATION, ColumnValue, ModelTask};

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
    let run = Path::new("out");
    let folder = InputFolder { folder: "photos".to_owned(), skip: 2 };
    assert_eq!(folder.path(run, "a/b.png").unwrap(), Path::new("out/photos/b.png"));
    assert!(folder.path(run, "a").is_none());
    assert!(InputFolder { skip: 1, ..folder }.path(run, "é").is_none());
}

fn classified() -> (Columns, ImageRecord) {
    let columns = Columns::new(
        &ModelTask::of_classes(&CLASSIFICATION),
        &[&MARGIN],
        [Column::PredictionSet, Column::Decision],
    );
    let record = ImageRecord {
        path: "17".to_owned(),
        width: Some(28),
        height: Some(20),
        prediction: vec![
            Some(ColumnValue::Class(7)),
            Some(ColumnValue::Text("7".to_owned())),
            Some(ColumnValue::Number(1.0)),
            Some(ColumnValue::Class(3)),
            Some(ColumnValue::Number(1e-6)),
        ],
        measures: vec![1.0 / 3.0],
        prediction_set: Some(vec![3, 7]),
        decision: Some(Decision::OutOfDistribution),
        samples: Some(31),
        sha256: Some("12e4".to_owned()),
        ..ImageRecord::default()
    };
    (columns, record)
}

#[test]
fn a_row_is_read_back_and_so_is_its_header() {
    let (columns, record) = classified();
    let names: Vec<&str> = columns.iter().map(Column::name).collect();
    assert_eq!(
        names.join(","),
        "path,width,height,orientation,class,class_name,probability,deterministic_class,\
         deterministic_probability,margin,prediction_set,decision,samples,sha256,error"
    );
    assert_eq!(Columns::from_header(names.iter().copied()), columns);
    let fields: Vec<String> = columns.fields(&record).collect();
    assert_eq!(
        fields.join(","),
        "17,28,20,,7,7,1,3,1e-6,0.33333334,3 7,out_of_distribution,31,12e4,"
    );
    assert_eq!(columns.record(fields.iter().map(String::as_str)), record);
}

#[test]
fn a_line_of_json_has_numbers_texts_and_files() {
    let (columns, record) = classified();
    let files = vec![("margin".to_owned(), "margin/17.png".to_owned())];
    let line = JsonLine { columns: &columns, record: &record, files: &files };
    assert_eq!(
        serde_json::to_string(&line).unwrap(),
        r#"{"path":"17","width":28,"height":20,"orientation":null,"class":7,"class_name":"7","probability":1,"#
            .to_owned()
            + r#""deterministic_class":3,"deterministic_probability":1e-6,"#
            + r#""margin":0.33333334,"prediction_set":"3 7","#
            + r#""decision":"out_of_distribution","samples":31,"sha256":"12e4","error":null,"#
            + r#""maps":{"margin":"margin/17.png"}}"#
    );
}

#[test]
fn the_row_of_an_image_that_failed_is_mostly_empty() {
    let (columns, _) = classified();
    let failed = ImageRecord::failed("a\nb\".png", "broken\nfile");
    let fields: Vec<String> = columns.fields(&failed).collect();
    assert_eq!(fields.iter().filter(|field| !field.is_empty()).count(), 2);
    assert_eq!(fields.last().unwrap(), "broken\nfile");
    let line = JsonLine { columns: &columns, record: &failed, files: &[] };
    let text = serde_json::to_string(&line).unwrap();
    assert!(!text.contains('\n'), "{text}");
    assert!(
        text.contains(r#""margin":null"#) && text.ends_with(r#""maps":{}}"#),
        "{text}"
    );
}

#[test]
fn fields_of_another_type_count_as_none() {
    let columns =
        Columns::from_header(["width", "class", "margin", "decision", "samples"]);
    for fields in [["-1", "x", "?", "maybe", "1.5"], ["", "", "", "", ""]] {
        let record = columns.record(fields);
        assert!(columns.iter().all(|column| record.field(column) == Field::Missing));
    }
}

#[test]
fn numbers_are_written_as_short_as_they_can_be() {
    let known = [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (0.1, "0.1"),
        (1.0 / 3.0, "0.33333334"),
        (0.0001, "0.0001"),
        (0.000_099, "9.9e-5"),
        (f32::MIN_POSITIVE, "1.1754944e-38"),
        (f32::from_bits(1), "1e-45"),
        (16_777_216.0, "16777216"),
        (1e16, "1e16"),
        (f32::MAX, "3.4028235e38"),
        (f32::INFINITY, "inf"),
        (f32::NAN, ""),
    ];
    for (value, text) in known {
        assert_eq!(shortest(value), text);
    }
}

fn json(number: f32) -> String {
    let columns = Columns::from_header(["margin"]);
    let record = ImageRecord { measures: vec![number], ..ImageRecord::default() };
    serde_json::to_string(&record.field(columns.named("margin").unwrap())).unwrap()
}

#[test]
fn numbers_of_json_have_the_digits_of_the_table() {
    let known = [
        (0.0, "0"),
        (-0.0, "-0.0"),
        (-2.0, "-2.0"),
        (123_456_790.0, "123456790"),
        (9.9e-5, "0.000099"),
        (1e-45, "1e-45"),
        (1e16, "1e+16"),
        (f32::INFINITY, "null"),
        (f32::NAN, "null"),
    ];
    for (number, text) in known {
        assert_eq!(json(number), text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]
    #[test]
    fn every_finite_number_reads_back_as_itself(bits in any::<u32>()) {
        let value = f32::from_bits(bits);
        prop_assume!(value.is_finite());
        let text = shortest(value);
        prop_assert_eq!(text.parse::<f32>().unwrap().to_bits(), bits);
        prop_assert!(text.len() <= 17, "{}", text);
        let parsed: f64 = text.parse().unwrap();
        let read: f64 = serde_json::from_str(&json(value)).unwrap();
        prop_assert_eq!(read.to_bits(), parsed.to_bits());
    }
}

#[test]
fn metrics_are_written_with_the_keys_of_their_file() {
    let accuracy = MetricRecord { value: Some(0.5), ..MetricRecord::default() };
    let auroc = MetricRecord {
        value: Some(0.75),
        low: Some(0.5),
        high: Some(1.0),
        less_deterministic: Some(IntervalRecord { low: Some(0.0), high: Some(0.25) }),
        bin_error: Some(0.125),
    };
    let record = MetricsRecord {
        mcdrop: "1.2.3".to_owned(),
        images: 3,
        items: 7,
        items_without_label: [("id 255".to_owned(), 4)].into_iter().collect(),
        labels: Some(LabelsRecord {
            path: "/labels".to_owned(),
            ..LabelsRecord::default()
        }),
        interval: "95 %".to_owned(),
        metrics: [("b.accuracy", accuracy), ("a.auroc", auroc)].into_iter().collect(),
        ..MetricsRecord::default()
    };
    let bytes = record.encode().unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    let compact: String = text.split_whitespace().collect();
    assert_eq!(
        compact,
        "{\"mcdrop\":\"1.2.3\",\"images\":3,\"images_out_of_distribution\":0,\
         \"images_without_label\":0,\"images_failed\":0,\"items\":7,\
         \"items_without_label\":{\"id255\":4},\
         \"labels\":{\"path\":\"/labels\",\"options\":{\"rename\":null,\"ignore_index\":null,\
         \"reduce_zero_label\":null,\"label_colors\":null}},\"interval\":\"95%\",\
         \"metrics\":{\"b.accuracy\":{\"value\":0.5,\"low\":null,\"high\":null},\
         \"a.auroc\":{\"value\":0.75,\"low\":0.5,\"high\":1.0,\
         \"less_deterministic\":{\"low\":0.0,\"high\":0.25},\"bin_error\":0.125}}}"
    );
    assert_eq!(MetricsRecord::decode(&bytes).unwrap(), record);
}
