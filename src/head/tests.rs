//! Tests the heads of models with every kind of last operators (`models/heads.py`).

use std::path::Path;

use super::*;

fn choose(name: &str, option: ScoresOption) -> Result<HeadTensor> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/{name}.onnx"));
    let options = HeadOptions::of_scores(None, option);
    let heads = Heads::choose(&Model::open(&path)?, &options)?;
    Ok(heads.first)
}

#[test]
fn operators_behind_the_logits_are_cut_off() {
    use ChannelAxis::{First, Last};
    for (name, tensor, channel_axis, cut_off) in [
        ("logits", "y", First, &[][..]),
        ("argmax-uint8", "l", First, &["ArgMax"]),
        ("argmax-int64", "l", First, &["ArgMax"]),
        ("argmax-negative-axis", "l", First, &["ArgMax"]),
        ("argmax-last-index", "l", First, &["ArgMax"]),
        ("argmax-squeeze", "l", First, &["ArgMax"]),
        ("argmax-float", "l", First, &["ArgMax"]),
        ("softmax-argmax", "l", First, &["Softmax", "ArgMax"]),
        ("channels-last", "l", First, &["Transpose"]),
        ("channels-last-image", "l", First, &["Transpose"]),
        ("channels-last-bias", "y", Last, &[]),
        ("channels-last-softmax", "l", First, &["Transpose", "Softmax"]),
        ("softmax-channels-last", "l", First, &["Softmax", "Transpose"]),
        ("channels-last-argmax", "u", Last, &["ArgMax"]),
    ] {
        let head = choose(&format!("heads/{name}"), ScoresOption::Auto).unwrap();
        assert_eq!(head.tensor, tensor, "{name}");
        assert_eq!(head.channel_axis, Some(channel_axis), "{name}");
        assert_eq!(head.cut_off, cut_off, "{name}");
        assert_eq!(head.output, "y", "{name}");
    }
    let undeclared =
        choose("heads/channels-last-undeclared", ScoresOption::Auto).unwrap();
    assert_eq!(undeclared.channel_axis, None);
}

#[test]
fn argmax_of_exporters_is_cut_off() {
    for name in [
        "exports/argmax-dynamo",
        "exports/argmax-legacy-17",
        "traps/argmax",
        "traps/argmax-cast",
    ] {
        let head = choose(name, ScoresOption::Auto).unwrap();
        assert_eq!(head.cut_off, ["ArgMax"], "{name}");
        assert_eq!(head.role, None, "{name}");
    }
}

#[test]
fn role_behind_an_argmax_is_that_of_what_it_reads() {
    let role =
        |name: &str, option| choose(&format!("heads/{name}"), option).unwrap().role;
    assert_eq!(role("argmax-uint8", ScoresOption::Logits), Some(Role::Logits));
    assert_eq!(
        role("argmax-uint8", ScoresOption::Probabilities),
        Some(Role::Probabilities)
    );
    assert_eq!(role("softmax-argmax", ScoresOption::Auto), Some(Role::Logits));
    let error = choose("heads/softmax-argmax", ScoresOption::Logits).unwrap_err();
    assert!(error.to_string().contains("Softmax"), "{error}");
}

#[test]
fn class_ids_without_scores_are_refused() {
    for name in ["argmax-over-width", "argmax-over-batch", "argmax-enlarged", "top-k"] {
        let error = choose(&format!("heads/{name}"), ScoresOption::Auto).unwrap_err();
        assert!(error.to_string().contains("class ids"), "{name}: {error}");
        assert!(error.hint().is_some(), "{name}: {error}");
    }
}

#[test]
fn sizes_that_the_file_declares_show_the_channel_axis() {
    use ChannelAxis::{First, Last};
    let open = [None, Some(3), None, None];
    let fixed = |height, width| [None, Some(3), Some(height), Some(width)];
    let last = [None, Some(64), Some(64), Some(3)];
    for (image, map, expected) in [
        (open, [None, Some(3), None, None], Some(First)),
        (open, [None, None, None, Some(3)], Some(Last)),
        (open, [None, None, None, None], None),
        (open, [None, Some(21), Some(64), Some(64)], None),
        (fixed(64, 64), [None, Some(21), Some(16), Some(16)], Some(First)),
        (fixed(64, 64), [None, Some(16), Some(16), Some(21)], Some(Last)),
        (fixed(64, 64), [None, Some(64), Some(64), Some(64)], None),
        (fixed(64, 32), [None, Some(8), Some(4), Some(2)], None),
        (fixed(64, 32), [None, Some(2), Some(16), Some(8)], Some(First)),
        (last, [None, Some(64), Some(64), Some(2)], Some(Last)),
        (last, [None, None, None, Some(64)], None),
        ([None; 4], [None, None, None, Some(2)], Some(Last)),
    ] {
        let found = declared_channel_axis(image, &map);
        assert_eq!(found, expected, "{image:?}, {map:?}");
    }
    assert_eq!(declared_channel_axis(open, &[None, Some(10)]), Some(First));
    assert_eq!(declared_channel_axis(open, &[None, Some(10), None]), None);
}
