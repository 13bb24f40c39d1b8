//! Linear layers over concatenations, taken apart, on graphs drawn at random.

use super::made::*;
use super::*;
use crate::onnx::{ElementType, declared, proto};
use crate::random::squares32;
use crate::sampling::Shortcut;

/// A graph that grows, and numbers to draw it with.
struct Drawn {
    graph: proto::Graph,
    key: u64,
    count: u64,
}

impl Drawn {
    fn below(&mut self, n: usize) -> usize {
        self.count += 1;
        squares32(self.count, self.key) as usize % n
    }

    fn values(&mut self, sizes: &[i64], (low, high): (f32, f32)) -> String {
        let name = format!("constant_{}", self.graph.initializer.len());
        let count: i64 = sizes.iter().product();
        let mut next = || {
            self.count += 1;
            low + (high - low) * squares32(self.count, self.key) as f32 / u32::MAX as f32
        };
        let values: Vec<f32> = (0..count).map(|_| next()).collect();
        self.graph.initializer.push(floats(&name, sizes, &values));
        name
    }

    fn op(
        &mut self,
        kind: &str,
        inputs: &[&str],
        attribute: Vec<proto::Attribute>,
    ) -> String {
        let name = format!("{kind}_{}", self.graph.node.len());
        let made = proto::Node {
            name: Some(name.clone()),
            attribute,
            ..node(kind, inputs, &name)
        };
        self.graph.node.push(made);
        name
    }

    fn conv(&mut self, input: &str, (from, to): (i64, i64), kernel: i64) -> String {
        let spread = 1.5 / ((from * kernel * kernel) as f32).sqrt();
        let weight = self.values(&[to, from, kernel, kernel], (-spread, spread));
        let bias = self.values(&[to], (-0.5, 0.5));
        let pad = kernel / 2;
        self.op(
            "Conv",
            &[input, &weight, &bias],
            vec![proto::Attribute::ints("pads", &[pad; 4])],
        )
    }

    fn normalized(&mut self, input: &str, channels: i64) -> String {
        let [scale, shift, mean, variance] =
            [(0.5, 1.5), (-0.5, 0.5), (-0.5, 0.5), (0.5, 2.0)]
                .map(|range| self.values(&[channels], range));
        self.op(
            "BatchNormalization",
            &[input, &scale, &shift, &mean, &variance],
            Vec::new(),
        )
    }

    fn dropped(&mut self, input: &str) -> String {
        self.op("Dropout", &[input, "ratio", "live"], Vec::new())
    }

    /// Something that treats every channel for itself.
    fn channelwise(&mut self, input: &str, channels: i64) -> String {
        match self.below(8) {
            0 => self.normalized(input, channels),
            1 => self.op("Relu", &[input], Vec::new()),
            2 => self.op("HardSwish", &[input], Vec::new()),
            3 => {
                let shift = self.values(&[1, channels, 1, 1], (-1.0, 1.0));
                self.op("Add", &[&shift, input], Vec::new())
            }
            4 => {
                let scale = self.values(&[channels, 1, 1], (0.5, 2.0));
                self.op("Mul", &[input, &scale], Vec::new())
            }
            5 => {
                let shape = proto::Attribute::ints("kernel_shape", &[2, 2]);
                self.op("MaxPool", &[input], vec![shape])
            }
            6 => {
                let half = self.values(&[], (0.3, 0.6));
                self.op("Sub", &[input, &half], Vec::new())
            }
            _ => self.op("Sigmoid", &[input], Vec::new()),
        }
    }
}

/// A network of a concatenation of two to four tensors, random ones among them, and a layer.
fn drawn(key: u64) -> proto::Graph {
    let mut drawn = Drawn {
        graph: proto::Graph {
            name: Some("graph".to_owned()),
            initializer: vec![
                floats("ratio", &[], &[0.3]),
                constant("live", ElementType::Bool, &[], &[1]),
            ],
            input: vec![declared(
                "image",
                ElementType::F32,
                &[None, Some(3), None, None],
            )],
            ..proto::Graph::default()
        },
        key,
        count: 0,
    };
    let mut parts = Vec::new();
    let mut channels = 0;
    let count = 2 + drawn.below(3);
    let moving = drawn.below(count);
    for i in 0..count {
        let width = 4 + drawn.below(9) as i64;
        let mut part = drawn.conv("image", (3, width), 3);
        // One at least is random, and one is not.
        if i == moving || (i != (moving + 1) % count && drawn.below(2) == 0) {
            part = drawn.dropped(&part);
        }
        channels += width;
        parts.push(part);
    }
    let names: Vec<&str> = parts.iter().map(String::as_str).collect();
    let mut x = drawn.op("Concat", &names, vec![proto::Attribute::int("axis", 1)]);
    for _ in 0..drawn.below(4) {
        x = drawn.channelwise(&x, channels);
    }
    let out = 2 + drawn.below(6) as i64;
    x = if drawn.below(4) == 0 {
        let weight = drawn.values(&[channels, out, 2, 2], (-0.3, 0.3));
        drawn.op(
            "ConvTranspose",
            &[&x, &weight],
            vec![proto::Attribute::ints("strides", &[2, 2])],
        )
    } else {
        let kernel = [1, 3][drawn.below(2)];
        drawn.conv(&x, (channels, out), kernel)
    };
    if drawn.below(2) == 0 {
        x = drawn.normalized(&x, out);
    }
    if drawn.below(2) == 0 {
        x = drawn.op("Relu", &[&x], Vec::new());
    }
    let x = drawn.conv(&x, (out, 3), 1);
    drawn.graph.output =
        vec![declared(&x, ElementType::F32, &[None, Some(3), None, None])];
    drawn.graph
}

fn plan_of(graph: proto::Graph) -> Plan {
    let mut model = Model::open(&fixture("models/digits.onnx")).unwrap();
    model.graph = graph;
    Plan::new(model, None, ScoresOption::Auto).unwrap()
}

#[test]
fn layers_over_concatenations_taken_apart_give_the_same_means_on_random_graphs() {
    let mut smaller = 0;
    for key in 0..60 {
        let key = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(2 * key + 1);
        let graph = drawn(key);
        let (whole, expected) =
            predicted(plan_of(graph.clone()), vec![Shortcut::SplitConcatenations]);
        let (split, found) = predicted(plan_of(graph.clone()), Vec::new());
        let far = far(&expected, &found);
        assert!(far < 1e-5, "{key:x}: {far}");
        assert_eq!(whole.plan().model().graph.node.len(), graph.node.len(), "{key:x}");
        let is_half = |node: &proto::Node| {
            node.output.iter().any(|name| name.starts_with("mcdrop::half"))
        };
        smaller += usize::from(split.plan().model().graph.node.iter().any(is_half));
    }
    // Small layers over few channels that stay are left.
    assert!(smaller > 40, "{smaller}");
}

#[test]
fn a_draw_behind_a_concatenation_keeps_its_layer_whole() {
    let mut graph = drawn(7);
    let place = graph.node.iter().position(|node| node.is("Concat"));
    let concat = &mut graph.node[place.unwrap()];
    let name = std::mem::replace(&mut concat.output[0], "before".to_owned());
    concat.name = None;
    graph
        .node
        .insert(place.unwrap() + 1, node("Dropout", &["before", "ratio", "live"], &name));
    let count = graph.node.len();
    let (sampler, _) = predicted(plan_of(graph), Vec::new());
    assert_eq!(sampler.plan().model().graph.node.len(), count);
}
