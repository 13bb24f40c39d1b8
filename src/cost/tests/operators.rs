//! Operators one by one.

use super::super::formula::multiply_adds;
use super::*;

/// Counts a node by the sizes of its inputs `a`, `b`, ... and its output `y`; an empty list is an
/// input that is left out, `None` one whose sizes are not known.
fn alone(
    operator: &str,
    attributes: &[Attribute],
    inputs: &[Option<&[usize]>],
    output: &[usize],
) -> Option<u64> {
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let used: Vec<&str> = inputs
        .iter()
        .zip(names)
        .map(|(sizes, name)| if *sizes == Some(&[]) { "" } else { name })
        .collect();
    let (domain, operator) = operator.split_once(':').unwrap_or(("", operator));
    let mut node = node(operator, &used, &["y"]);
    node.domain = Some(domain.to_owned());
    node.attribute = attributes.to_vec();
    let shapes = |name: &str| match names.iter().position(|&n| n == name) {
        Some(i) => inputs[i].map(<[usize]>::to_vec),
        None => Some(output.to_vec()),
    };
    multiply_adds(&node, &shapes)
}

#[test]
fn convolutions_cost_a_kernel_a_value() {
    let image: Option<&[usize]> = Some(&[2, 6, 10, 10]);
    // 4 x 3 x 3 weights a value, of 2 x 8 x 8 x 8 values.
    for (operator, inputs, expected) in [
        ("Conv", &[image, Some(&[8, 6, 3, 3])][..], 1024 * 54),
        // Two groups of 3 channels.
        ("Conv", &[image, Some(&[8, 3, 3, 3])], 1024 * 27),
        ("com.microsoft:FusedConv", &[image, Some(&[8, 6, 3, 3])], 1024 * 54),
        ("ConvInteger", &[image, Some(&[8, 6, 3, 3])], 1024 * 54),
        ("QLinearConv", &[image, Some(&[1]), Some(&[1]), Some(&[8, 6, 3, 3])], 1024 * 54),
        // Each of 1200 values goes into 8 channels, or into the 4 of its group.
        ("ConvTranspose", &[image, Some(&[6, 8, 3, 3])], 1200 * 72),
        ("ConvTranspose", &[image, Some(&[6, 4, 3, 3])], 1200 * 36),
    ] {
        let found = alone(operator, &[], inputs, &[2, 8, 8, 8]);
        assert_eq!(found, Some(expected), "{operator}");
    }
    assert_eq!(alone("Conv", &[], &[image, None], &[2, 8, 8, 8]), None);
    assert_eq!(alone("Conv", &[], &[image, Some(&[8, 6, 3, 3])], &[]), None);
}

#[test]
fn products_cost_rows_by_inner_by_columns() {
    let batched = [Attribute::int("transA", 1), Attribute::int("transB", 1)];
    let batch_moved = [Attribute::int("transBatchA", 1)];
    for (operator, attributes, inputs, expected) in [
        ("Gemm", &[][..], &[Some(&[4, 5][..]), Some(&[5, 7])][..], Some(140)),
        (
            "Gemm",
            &[Attribute::int("transB", 1)],
            &[Some(&[4, 5]), Some(&[7, 5])],
            Some(140),
        ),
        ("Gemm", &batched, &[Some(&[5, 4]), Some(&[7, 5])], Some(140)),
        ("MatMul", &[], &[Some(&[4, 5]), Some(&[5, 7])], Some(140)),
        ("MatMul", &[], &[Some(&[2, 1, 4, 5]), Some(&[3, 5, 7])], Some(840)),
        ("MatMul", &[], &[Some(&[5]), Some(&[5, 7])], Some(35)),
        ("MatMul", &[], &[Some(&[4, 5]), Some(&[5])], Some(20)),
        ("MatMul", &[], &[Some(&[5]), Some(&[5])], Some(5)),
        ("MatMul", &[], &[Some(&[0, 5]), Some(&[5, 7])], Some(0)),
        ("MatMul", &[], &[Some(&[4, 5]), None], None),
        ("MatMulInteger", &[], &[Some(&[4, 5]), Some(&[5, 7])], Some(140)),
        (
            "QLinearMatMul",
            &[],
            &[Some(&[4, 5]), Some(&[1]), Some(&[1]), Some(&[5, 7])],
            Some(140),
        ),
        (
            "com.microsoft:FusedMatMul",
            &batched,
            &[Some(&[3, 5, 4]), Some(&[3, 7, 5])],
            Some(420),
        ),
        (
            "com.microsoft:FusedMatMul",
            &batch_moved,
            &[Some(&[4, 3, 5]), Some(&[3, 5, 7])],
            None,
        ),
        (
            "com.microsoft:MatMulNBits",
            &[Attribute::int("N", 7), Attribute::int("K", 5)],
            &[Some(&[2, 4, 5])],
            Some(280),
        ),
        (
            "Einsum",
            &[Attribute::string("equation", "bij,bjk")],
            &[Some(&[3, 4, 5]), Some(&[3, 5, 7])],
            Some(420),
        ),
        ("Einsum", &[], &[Some(&[3, 4, 5]), Some(&[3, 5, 7])], None),
    ] {
        let found = alone(operator, attributes, inputs, &[1]);
        assert_eq!(found, expected, "{operator} {attributes:?} {inputs:?}");
    }
}

#[test]
fn recurrent_networks_cost_all_their_weights_a_step() {
    // 9 steps of 2 rows; both directions; 4 gates of 5 units from 3 inputs and 5 units.
    let lstm: [Option<&[usize]>; 3] =
        [Some(&[9, 2, 3]), Some(&[2, 20, 3]), Some(&[2, 20, 5])];
    assert_eq!(alone("LSTM", &[], &lstm, &[9, 2, 2, 5]), Some(18 * 2 * 20 * 8));
    let gru: [Option<&[usize]>; 3] =
        [Some(&[9, 2, 3]), Some(&[1, 15, 3]), Some(&[1, 15, 5])];
    assert_eq!(alone("GRU", &[], &gru, &[9, 1, 2, 5]), Some(18 * 15 * 8));
}

#[test]
fn attention_costs_two_products() {
    // 2 images, 3 heads, 4 queries, 5 keys, 6 features, 7 values a head.
    let scores = 2 * 3 * 4 * 5 * (6 + 7);
    let heads: [Option<&[usize]>; 3] =
        [Some(&[2, 3, 4, 6]), Some(&[2, 3, 5, 6]), Some(&[2, 3, 5, 7])];
    assert_eq!(alone("Attention", &[], &heads, &[2, 3, 4, 7]), Some(scores));
    // Three heads share one of keys.
    let shared: [Option<&[usize]>; 3] =
        [Some(&[2, 3, 4, 6]), Some(&[2, 1, 5, 6]), Some(&[2, 1, 5, 7])];
    assert_eq!(alone("Attention", &[], &shared, &[2, 3, 4, 7]), Some(scores));
    let joined: [Option<&[usize]>; 3] =
        [Some(&[2, 4, 18]), Some(&[2, 5, 18]), Some(&[2, 5, 21])];
    assert_eq!(alone("Attention", &[], &joined, &[2, 4, 21]), Some(scores));
    let found = alone("com.microsoft:MultiHeadAttention", &[], &joined, &[2, 4, 21]);
    assert_eq!(found, Some(scores));
    // Four of the keys come from a cache.
    let cached: [Option<&[usize]>; 6] = [
        Some(&[2, 3, 4, 6]),
        Some(&[2, 3, 1, 6]),
        Some(&[2, 3, 1, 7]),
        Some(&[]),
        Some(&[2, 3, 4, 6]),
        Some(&[2, 3, 4, 7]),
    ];
    assert_eq!(alone("Attention", &[], &cached, &[2, 3, 4, 7]), Some(scores));
    // 4 tokens of 6 features by 6 x 15 weights, then 5 features a query and a value.
    let fused: [Option<&[usize]>; 2] = [Some(&[2, 4, 6]), Some(&[6, 15])];
    let found = alone("com.microsoft:Attention", &[], &fused, &[2, 4, 5]);
    assert_eq!(found, Some(2 * 4 * 6 * 15 + 2 * 4 * 4 * 10));
    let uneven = [Attribute::ints("qkv_hidden_sizes", &[3, 3, 9])];
    let found = alone("com.microsoft:Attention", &uneven, &fused, &[2, 4, 9]);
    assert_eq!(found, Some(2 * 4 * 6 * 15 + 2 * 4 * 4 * 12));
}

#[test]
fn a_product_without_a_formula_is_not_free() {
    let image: [Option<&[usize]>; 1] = [Some(&[2, 6, 10, 10])];
    for (operator, expected) in [
        ("Relu", Some(0)),
        ("Softmax", Some(0)),
        ("CastLike", Some(0)),
        ("com.microsoft:QMoE", None),
        ("com.microsoft:GroupQueryAttention", None),
        ("own:SparseConv", None),
    ] {
        assert_eq!(alone(operator, &[], &image, &[2, 6, 10, 10]), expected, "{operator}");
    }
}
