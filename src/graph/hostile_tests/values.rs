//! Values that no network has: sizes, types, versions and locations of data.

use bytes::Bytes;

use super::super::made::{call, function, node, ones, with};
use super::{Case, End, all_end, dropped, graph};
use crate::onnx::AttributeType;
use crate::onnx::proto::{self, Attribute, SparseTensor, StringEntry, Tensor};

const NUMBERS: [i64; 8] = [0, -1, 1, 1 << 31, 1 << 40, i64::MAX, i64::MIN, i64::MAX - 7];

fn relu() -> proto::Node {
    node("Relu", &["image"], &["x"])
}

fn base() -> proto::Model {
    dropped(vec![relu()])
}

fn tensor(name: &str, data_type: i32, dims: &[i64], raw: Option<&[u8]>) -> Tensor {
    Tensor {
        name: Some(name.to_owned()),
        data_type: Some(data_type),
        dims: dims.to_vec(),
        raw_data: raw.map(Bytes::copy_from_slice),
        ..Tensor::default()
    }
}

/// Creates a model whose dropout has this tensor as its ratio.
fn ratio(tensor: &Tensor) -> proto::Model {
    let mut all = base();
    for known in &mut graph(&mut all).initializer {
        if known.name.as_deref() == Some("ratio") {
            *known = Tensor { name: Some("ratio".to_owned()), ..tensor.clone() };
        }
    }
    all
}

#[test]
fn sizes_beyond_memory_end() {
    let mut cases: Vec<Case> = Vec::new();
    for number in NUMBERS {
        for rank in [0, 1, 4, 9, 4096] {
            let dims = vec![number; rank];
            let mut image = base();
            let dimension = proto::Dimension {
                value: Some(proto::DimensionValue::Value(number)),
                ..proto::Dimension::default()
            };
            let shape = proto::TensorShape { dim: vec![dimension; rank] };
            let kind = proto::TensorType { elem_type: Some(1), shape: Some(shape) };
            graph(&mut image).input[0].r#type = Some(proto::Type {
                value: Some(proto::TypeValue::Tensor(kind)),
                ..proto::Type::default()
            });
            let name = format!("{rank} axes of {number}");
            cases.push((format!("an image of {name}"), image));
            for raw in [None, Some(&[0_u8; 7][..])] {
                let ratio = ratio(&tensor("ratio", 1, &dims, raw));
                cases.push((format!("a ratio of {name}, {raw:?}"), ratio));
            }
            let held = Attribute {
                t: Some(tensor("", 1, &dims, None)),
                ..Attribute::empty("value", AttributeType::Tensor)
            };
            let constant = with(node("Constant", &[], &["c"]), held);
            let sum = vec![constant, node("Mul", &["image", "c"], &["x"])];
            cases.push((format!("a Constant of {name}"), dropped(sum)));
            let shape = Attribute::ints("shape", &dims);
            let draw = vec![
                with(node("RandomUniform", &[], &["u"]), shape),
                node("Less", &["u", "ratio"], &["m"]),
                node("Mul", &["image", "m"], &["x"]),
            ];
            cases.push((format!("a draw of {name}"), dropped(draw)));
            let ints = Attribute::ints("value_ints", &dims);
            let ones = vec![
                with(node("Constant", &[], &["s"]), ints),
                ones("s", "o"),
                node("Dropout", &["o", "ratio", "truth"], &["m"]),
                node("Mul", &["image", "m"], &["x"]),
            ];
            cases.push((format!("ones of {name}"), dropped(ones)));
        }
        let at = |name: &str, i| Attribute::int(name, i);
        let shape = with(
            with(node("Shape", &["image"], &["s"]), at("start", number)),
            at("end", number),
        );
        let like = vec![
            shape,
            ones("s", "o"),
            node("Dropout", &["o", "ratio", "truth"], &["m"]),
            node("Mul", &["image", "m"], &["x"]),
        ];
        cases.push((format!("part {number} of a shape"), dropped(like)));
        for name in ["to", "dtype", "axis", "seed", "training_mode", "sample_size"] {
            for operator in
                ["Cast", "RandomUniformLike", "Softmax", "Dropout", "Multinomial"]
            {
                let odd = with(node(operator, &["image"], &["x"]), at(name, number));
                cases.push((
                    format!("{operator} with {name} {number}"),
                    dropped(vec![odd]),
                ));
            }
        }
    }
    all_end(cases);
}

#[test]
fn ratios_of_odd_values_and_types_end() {
    let mut cases: Vec<Case> = Vec::new();
    for value in [f32::NAN, f32::INFINITY, -1.0, 1.0, 2.0, -0.0, f32::MIN_POSITIVE / 2.0]
    {
        let bytes = value.to_le_bytes();
        cases.push((
            format!("a ratio of {value}"),
            ratio(&tensor("", 1, &[], Some(&bytes))),
        ));
        let mut old = base();
        old.opset_import[0].version = Some(10);
        let dropout = &mut graph(&mut old).node[1];
        *dropout = with(dropout.clone(), Attribute::float("ratio", value));
        cases.push((format!("an old ratio of {value}"), old));
        let draw = with(
            node("RandomUniformLike", &["image"], &["u"]),
            Attribute::float("low", value),
        );
        let draw = with(draw, Attribute::float("high", value));
        let less = vec![
            draw,
            node("Less", &["u", "ratio"], &["m"]),
            node("Mul", &["image", "m"], &["x"]),
        ];
        cases.push((format!("a draw from {value} to {value}"), dropped(less)));
    }
    for data_type in [-1, 0, 1, 2, 6, 7, 8, 9, 10, 11, 16, 17, 22, 99, i32::MAX] {
        for raw in [None, Some(&[][..]), Some(&[1_u8; 3][..]), Some(&[63_u8; 64][..])] {
            for dims in [&[][..], &[1], &[2], &[0]] {
                let name = format!("a ratio of type {data_type}, {dims:?}, {raw:?}");
                cases.push((name, ratio(&tensor("", data_type, dims, raw))));
            }
        }
    }
    let text = Tensor {
        string_data: vec![Bytes::from_static(b"\xff\xfe"); 1000],
        ..tensor("", 8, &[1 << 40], None)
    };
    cases.push(("a ratio of texts".to_owned(), ratio(&text)));
    all_end(cases);
}

#[test]
fn odd_versions_end() {
    let mut cases: Vec<Case> = Vec::new();
    for number in NUMBERS {
        let mut version = base();
        version.opset_import[0].version = Some(number);
        cases.push((format!("operator set {number}"), version));
        let mut ir = base();
        ir.ir_version = Some(number);
        cases.push((format!("IR {number}"), ir));
    }
    let mut none = base();
    none.opset_import[0].version = None;
    cases.push(("an operator set without a version".to_owned(), none));
    let mut many = base();
    many.opset_import = vec![many.opset_import[0].clone(); 10_000];
    cases.push(("ten thousand operator sets".to_owned(), many));
    let mut missing = base();
    missing.opset_import.clear();
    cases.push(("no operator set".to_owned(), missing));
    all_end(cases);
}

/// Creates a tensor with external data at a location.
fn outside(location: &str) -> Tensor {
    let entry = |key: &str, value: &str| StringEntry {
        key: Some(key.to_owned()),
        value: Some(value.to_owned()),
    };
    Tensor {
        external_data: vec![entry("location", location), entry("length", "4")],
        data_location: Some(1),
        ..tensor("w", 1, &[1], None)
    }
}

/// Returns models with the tensor in every position that a tensor can have.
fn everywhere(tensor: &Tensor) -> Vec<Case> {
    let sparse = || SparseTensor {
        values: Some(tensor.clone()),
        indices: Some(super::values::tensor("i", 7, &[1], None)),
        dims: vec![1],
    };
    let of = |attribute: Attribute| with(relu(), attribute);
    let mut cases: Vec<Case> = Vec::new();
    let mut initializer = base();
    graph(&mut initializer).initializer.push(tensor.clone());
    cases.push(("initializer".to_owned(), initializer));
    let mut sparse_initializer = base();
    graph(&mut sparse_initializer).sparse_initializer.push(sparse());
    cases.push(("sparse initializer".to_owned(), sparse_initializer));
    let mut indices = sparse();
    indices.indices = Some(tensor.clone());
    indices.values = None;
    let mut sparse_indices = base();
    graph(&mut sparse_indices).sparse_initializer.push(indices);
    cases.push(("indices".to_owned(), sparse_indices));
    let attributes = [
        Attribute::tensor("value", tensor.clone()),
        Attribute {
            tensors: vec![tensor.clone()],
            ..Attribute::empty("value", AttributeType::Tensors)
        },
        Attribute {
            sparse_tensor: Some(sparse()),
            ..Attribute::empty("value", AttributeType::SparseTensor)
        },
        Attribute {
            sparse_tensors: vec![sparse()],
            ..Attribute::empty("value", AttributeType::SparseTensors)
        },
    ];
    for (i, held) in attributes.into_iter().enumerate() {
        cases.push((format!("attribute {i}"), dropped(vec![of(held.clone())])));
        let mut body =
            proto::Graph { node: vec![of(held.clone())], ..proto::Graph::default() };
        body.initializer.push(super::values::tensor("local", 1, &[1], None));
        let body = Attribute::graph("then_branch", body);
        let branch = with(node("If", &["truth"], &["x"]), body);
        cases.push((format!("attribute {i} in a subgraph"), dropped(vec![branch])));
        let mut called = dropped(vec![call("F", "", &["image"], &["x"])]);
        let mut f = function("F", &["image"], &["x"], vec![of(held.clone())]);
        called.functions = vec![f.clone()];
        cases.push((format!("attribute {i} in a function"), called.clone()));
        f.node = vec![relu()];
        f.attribute_proto = vec![held];
        called.functions = vec![f];
        cases.push((format!("attribute {i} as a default"), called));
    }
    cases
}

#[test]
fn data_outside_the_folder_is_refused_for_every_tensor() {
    for location in ["../secret", "/etc/hostname", "a/../../secret", "", "..", "./.."] {
        for (name, end) in all_end(everywhere(&outside(location))) {
            let End::Refused(text) = end else {
                panic!("{name}: \"{location}\" was planned")
            };
            assert!(text.contains("outside the model's folder"), "{name}: {text}");
        }
    }
}

#[test]
fn invalid_locations_of_data_are_refused() {
    for location in ["gone", "a\0b", ".", "model.onnx/x", "\u{202e}"] {
        for (name, end) in all_end(everywhere(&outside(location))) {
            assert!(matches!(end, End::Refused(_)), "{name}: \"{location}\"");
        }
    }
    let mut cases = Vec::new();
    for number in
        ["-1", "18446744073709551615", "99999999999999999999999", "1e3", "", "x"]
    {
        for key in ["offset", "length"] {
            let mut place = outside("model.onnx");
            place.external_data[1] =
                StringEntry { key: Some(key.to_owned()), value: Some(number.to_owned()) };
            let mut all = base();
            graph(&mut all).initializer.push(place);
            cases.push((format!("{key} {number:?}"), all));
        }
    }
    for (name, end) in all_end(cases) {
        assert!(matches!(end, End::Refused(_)), "{name}");
    }
}

#[test]
fn converted_files_are_refused_whatever_their_entry_contains() {
    let mut cases = Vec::new();
    for key in ["mcdrop", "mcdrop_uncertainty"] {
        for text in ["", "null", "{", r#"{"samples":-1}"#, &"[".repeat(100_000)] {
            let mut all = base();
            all.metadata_props = vec![StringEntry {
                key: Some(key.to_owned()),
                value: Some(text.to_owned()),
            }];
            cases.push((format!("{key}: {text:.60}"), all));
        }
    }
    for (name, end) in all_end(cases) {
        let End::Refused(text) = end else { panic!("{name} was planned") };
        assert!(text.contains("mcdrop wrote it"), "{name}: {text}");
    }
}
