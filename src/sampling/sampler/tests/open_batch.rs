//! Fixed batch sizes, opened or kept.

use super::changed::constant;
use super::*;

/// Traps whose fixed batch size can be opened.
const OPENED: [(&str, usize); 12] = [
    ("fixed-batch-1", 1),
    ("fixed-batch-4", 4),
    ("fixed-view-1", 1),
    ("fixed-view-dynamo-4", 4),
    ("fixed-class-token-1", 1),
    ("fixed-class-token-dynamo-1", 1),
    ("fixed-class-token-dynamo-4", 4),
    ("fixed-folded-heads-1", 1),
    ("fixed-folded-heads-4", 4),
    ("fixed-tokens-first-1", 1),
    ("fixed-windows-1", 1),
    ("fixed-resize-1", 1),
];

fn trap(name: &str) -> String {
    format!("fixtures/traps/{name}.onnx")
}

#[test]
fn a_fixed_batch_size_is_opened_where_runs_prove_that_nothing_changes() {
    for (name, batch) in OPENED {
        let sampler = sampler(&trap(name), options());
        let rows = sampler.batching();
        assert_eq!(
            (rows.opened_batch, rows.rows_per_run),
            (Some(batch), 3),
            "{name}: {rows:?}"
        );
        assert_eq!(rows.limited_by, None, "{name}");
        let sizes = sampler.plan().image().dimensions.clone().unwrap();
        assert_eq!(sizes[0], None, "{name}");
    }
}

#[test]
fn a_batch_size_that_cannot_be_opened_is_kept_and_the_reason_is_said() {
    for (name, reason) in [
        ("fixed-mean-over-batch-1", "(ReduceMean) computes over the images of a run"),
        ("fixed-softmax-over-batch-1", "could not be told apart at the output"),
        ("fixed-squeeze-1", "(Squeeze) removes the axis of the images"),
    ] {
        let sampler = sampler(&trap(name), options());
        let rows = sampler.batching();
        assert_eq!((rows.opened_batch, rows.rows_per_run), (None, 1), "{name}: {rows:?}");
        let said = rows.limited_by.clone().unwrap();
        assert!(said.starts_with("the file has a fixed batch size of 1, "), "{said}");
        assert!(said.contains(reason), "{name}: {said}");
    }
}

#[test]
fn rows_with_masks_of_their_own_are_no_samples_of_one_network() {
    let plan = plan(&trap("fixed-groups-4"));
    let runtime = Runtime::find(None).unwrap();
    let error = Sampler::open(plan, &runtime, options(), (16, 16)).unwrap_err();
    assert!(error.to_string().contains("4 rows of a run differ"), "{error}");
}

#[test]
fn a_constant_for_each_image_of_a_run_is_opened_only_where_all_are_equal() {
    let factor = |values: [f32; 4]| {
        let mut factor = constant("factor", 0.0);
        factor.dims = vec![4, 1, 1, 1];
        factor.float_data = values.to_vec();
        let dropped = "/dropout/Dropout_output_0";
        let nodes = vec![changed::node("Mul", "multiplied", &[dropped, "factor"])];
        changed::changed("fixed-batch-4", dropped, nodes, vec![factor])
    };
    let open = |plan| {
        Sampler::open(plan, &Runtime::find(None).unwrap(), options(), (16, 16))
            .map(|sampler| sampler.batching().opened_batch)
    };
    assert_eq!(open(factor([2.0; 4])).unwrap(), Some(4));
    // What the first image alone would say is not what the others say.
    assert!(open(factor([2.0, 2.0, 2.0, 3.0])).is_err());
}

#[test]
fn rows_of_an_opened_batch_are_bit_equal_whatever_the_rows_of_a_run() {
    // So many that none of the last runs has a single row, which the sampler would fill up.
    let samples: Vec<i64> = (-1..35).collect();
    for (name, _) in OPENED {
        let run = |batch_size, threads| {
            let batch_size = Some(batch_size);
            let options = SamplingOptions { batch_size, threads, ..options() };
            sampled(&mut sampler(&trap(name), options), &samples)
        };
        let two = run(2, 1);
        for (batch_size, threads) in [(3, 1), (8, 2), (32, 1)] {
            let same = run(batch_size, threads) == two;
            assert!(same, "{name}: {batch_size} rows a run, {threads} threads");
        }
        // ONNX Runtime adds up a mean over tokens in another order where there is one row.
        for (alone, together) in run(1, 1).iter().zip(&two) {
            assert!(largest_difference(alone, together) < 1e-6, "{name}");
        }
    }
}
