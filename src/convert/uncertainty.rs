//! A model of its own uncertainty: image in, mean probabilities and measures out.
//!
//! What no draw reaches runs once, outside. The rest runs for a number of samples at a time, in
//! a `Loop` with carried sums where that is not all of them, so that memory does not grow with
//! the number of samples. Sums are kept in double precision.

use std::collections::{HashMap, HashSet};

use super::assemble::{FIRST_OPSET, Shared, raise_version, remove_unread};
use super::builder::{Builder, Names};
use super::keys::Inputs;
use super::measures::{self, Sums};
use super::place::{Place, places};
use crate::error::{Error, Result};
use crate::graph::{Plan, SELF_CONTAINED, SiteAxis};
use crate::measure::Measure;
use crate::onnx::ElementType::{Bool, F32, F64, I64};
use crate::onnx::{ElementType, captured_names, declared, proto};
use crate::random::Draws;
use crate::sampling::{CutLayout, ProbedModel};
use crate::sums::ScoreKind;

/// What is built in.
#[derive(Debug, Clone)]
pub struct UncertaintyOptions {
    /// Number of samples.
    pub samples: u32,
    /// Seed of the masks.
    pub seed: u64,
    /// The measures that become outputs.
    pub measures: Vec<&'static Measure>,
    /// Samples that run together, at most. Default: what fits `memory`.
    pub together: Option<usize>,
    /// Bytes that the samples of one run may take, as estimated.
    pub memory: usize,
}

/// Builds the model; the number of samples that run together.
///
/// # Errors
/// If the operator set cannot draw masks, or what crosses into the sampled part has sizes that
/// are not known.
pub(super) fn assemble(
    probed: &ProbedModel,
    draws: Draws,
    options: &UncertaintyOptions,
) -> Result<(proto::Model, usize)> {
    let plan = probed.plan();
    if plan.model().opset() < FIRST_OPSET {
        let message = format!(
            "operator set {} cannot draw masks, which needs {FIRST_OPSET}",
            plan.model().opset()
        );
        return Err(Error::model(plan.model().path(), message)
            .with_hint("export the model with a newer one: opset_version=17"));
    }
    let mut names = Names::of(plan.model());
    let places = places(probed, &mut names);
    // The rows of a pass may not go different ways through a condition.
    let inside = plan.active().iter().any(|active| !active.is_outside);
    let one = inside || places.iter().any(|place| place.axis == SiteAxis::Whole);
    let together =
        together(options.samples as usize, probed.batching().rows_per_run, one);
    let mut made = Assembly {
        probed,
        plan,
        places: &places,
        b: Builder::new(names),
        together,
        options,
        draws,
    };
    let mut model = plan.model().with_graph(proto::Graph::default());
    let mut graph = made.graph()?;
    raise_version(&mut model, &mut graph);
    remove_unread(&mut graph);
    model.graph = Some(graph);
    put_metadata(&mut model, options, draws);
    Ok((model, together))
}

/// As many samples as a run of the sampler has rows, in equal parts.
fn together(samples: usize, rows: usize, one: bool) -> usize {
    if one {
        return 1;
    }
    (1..=rows.max(1)).rev().find(|n| samples.is_multiple_of(*n)).unwrap_or(1)
}

fn put_metadata(model: &mut proto::Model, options: &UncertaintyOptions, draws: Draws) {
    let names: Vec<&str> = options.measures.iter().map(|measure| measure.name).collect();
    let entry = serde_json::json!({
        "version": 1,
        "samples": options.samples,
        "seed": options.seed,
        "draws": draws.name(),
        "measures": names,
    });
    model.metadata_props.push(proto::StringEntry {
        key: Some(SELF_CONTAINED.to_owned()),
        value: Some(entry.to_string()),
    });
}

struct Assembly<'a> {
    probed: &'a ProbedModel,
    plan: &'a Plan,
    places: &'a [Place],
    b: Builder,
    together: usize,
    options: &'a UncertaintyOptions,
    draws: Draws,
}

impl<'a> Assembly<'a> {
    fn graph(&mut self) -> Result<proto::Graph> {
        let source = &self.plan.model().graph;
        let constant = constants(source);
        let prefix: HashSet<usize> = self.plan.prefix_nodes().collect();
        let outside = |at: &usize| prefix.contains(at) || constant.contains(at);
        let mut nodes: Vec<proto::Node> = (0..source.node.len())
            .filter(|at| {
                prefix.contains(at) || self.plan.suffix_nodes().any(|s| s == *at)
            })
            .filter(outside)
            .map(|at| source.node[at].clone())
            .collect();
        let repeated: Vec<usize> =
            self.plan.suffix_nodes().filter(|at| !constant.contains(at)).collect();
        let image = self.plan.image().name.clone();
        let batch = self.batch(&image);
        let mut grown = self.grow()?;
        nodes.append(&mut self.b.take());
        // Arithmetic with shapes stands on both sides: once for images, once for rows.
        for &at in repeated.iter().filter(|at| prefix.contains(at)) {
            for output in &source.node[at].output {
                let own = self.b.names.unique(&format!("mcdrop/rows/{output}"));
                grown.insert(output.clone(), own);
            }
        }
        let copy = |at: usize| {
            let mut node = source.node[at].clone();
            if prefix.contains(&at) {
                node.name =
                    Some(self.b.names.unique(&format!("mcdrop/rows/{}", node.label())));
            }
            node
        };
        let repeated: Vec<proto::Node> = repeated.into_iter().map(copy).collect();
        let trips = self.options.samples as usize / self.together;
        let sums = if trips == 1 {
            let zero = self.b.int(0);
            nodes.append(&mut self.b.take());
            let sums = self.pass(repeated, &grown, (&zero, &batch));
            nodes.append(&mut self.b.take());
            sums
        } else {
            self.repeat(&mut nodes, repeated, &grown, (&batch, trips))
        };
        let outputs = {
            let shape = self.shape();
            measures::outputs(&mut self.b, &sums, &shape)
        };
        nodes.append(&mut self.b.take());
        let mut graph =
            proto::Graph { node: nodes, output: Vec::new(), ..source.clone() };
        graph.value_info.clear();
        let rank = self.rank();
        graph.output = outputs
            .into_iter()
            .map(|(name, is_classes)| {
                value(&name, F32, if is_classes { rank } else { rank - 1 })
            })
            .collect();
        graph.initializer.append(&mut self.b.constants);
        Ok(graph)
    }

    fn shape(&self) -> measures::Shape<'a> {
        measures::Shape {
            measures: &self.options.measures,
            samples: self.options.samples,
            classes: self.probed.scores().n_classes(),
            opset: self.plan.model().opset(),
        }
    }

    /// Axes of the scores.
    fn rank(&self) -> usize {
        if self.probed.scores().is_map() { 4 } else { 2 }
    }

    /// How many images there are, `[1]`.
    fn batch(&mut self, image: &str) -> String {
        "images".clone_into(&mut self.b.scope);
        let shape = self.b.op("Shape", &[image]);
        let first = self.b.ints(&[0]);
        self.b.gather(&shape, &first, 0)
    }

    /// What crosses into the sampled part, for all rows of a pass; new names by old ones.
    fn grow(&mut self) -> Result<HashMap<String, String>> {
        let mut grown = HashMap::new();
        if self.together == 1 {
            return Ok(grown);
        }
        let n = self.together as i64;
        let crossings: Vec<CutLayout> = self.probed.cut_layouts().to_vec();
        for (tensor, crossing) in self.probed.cut_inputs().iter().cloned().zip(crossings)
        {
            let name = tensor.name;
            let unknown = || {
                Error::runtime(
                    "building the model",
                    format!("the sizes of \"{name}\" are open"),
                )
                .with_hint("sample one at a time: --batch-size 1")
            };
            self.b.scope.clone_from(&name);
            let new = match crossing {
                CutLayout::Shared => continue,
                CutLayout::Rows(axis) => {
                    let mut repeats = vec![1; tensor.dimensions.len().max(axis + 1)];
                    repeats[axis] = n;
                    let repeats = self.b.ints(&repeats);
                    self.b.op("Tile", &[&name, &repeats])
                }
                CutLayout::Count(entry) => {
                    let count = tensor.dimensions.first().copied().flatten();
                    let mut factors = vec![1; count.ok_or_else(unknown)?];
                    *factors.get_mut(entry).ok_or_else(unknown)? = n;
                    let factors = self.b.ints(&factors);
                    self.b.op("Mul", &[&name, &factors])
                }
            };
            grown.insert(name, new);
        }
        Ok(grown)
    }

    /// The sampled part once: rows of `together` samples from `trip` on, and the sums over them.
    fn pass(
        &mut self,
        mut nodes: Vec<proto::Node>,
        grown: &HashMap<String, String>,
        (trip, batch): (&str, &str),
    ) -> Sums {
        "rows".clone_into(&mut self.b.scope);
        let samples = self.samples(trip, batch);
        let seed = self.b.int(self.options.seed.cast_signed());
        let image_key = self.b.ints(&[0]);
        let inputs = Inputs { image: samples.clone(), sample: samples, seed, image_key };
        let one = self.places.iter().any(|place| place.axis == SiteAxis::Whole);
        let mut shared = Shared::build(
            &mut self.b,
            (self.plan, self.places),
            &inputs,
            (self.draws, one),
        );
        let mut all = self.b.take();
        for node in &mut nodes {
            rename(node, grown);
        }
        shared.replace(&mut self.b, (self.plan, self.places), &mut nodes);
        all.append(&mut nodes);
        "sums".clone_into(&mut self.b.scope);
        let probabilities = self.probabilities(batch);
        let shape = self.shape();
        let sums = measures::sums(&mut self.b, &probabilities, &shape);
        all.append(&mut self.b.take());
        self.b.put(all);
        sums
    }

    /// The sample of each row: all images with one sample, then all with the next.
    fn samples(&mut self, trip: &str, batch: &str) -> String {
        let b = &mut self.b;
        let n = self.together as i64;
        let count = b.int(n);
        let first = b.op("Mul", &[trip, &count]);
        let steps: Vec<i64> = (0..n).collect();
        let steps = b.tensor(&[n, 1], &steps);
        let samples = b.op("Add", &[&steps, &first]);
        let sizes = b.ints(&[n]);
        let sizes = b.concat(&[&sizes, batch], 0);
        let samples = b.op("Expand", &[&samples, &sizes]);
        b.reshape(&samples, &[-1])
    }

    /// Probabilities of the rows, `[samples, images, classes, ...]`.
    fn probabilities(&mut self, batch: &str) -> String {
        let (is_map, kind) = (self.probed.scores().is_map(), self.probed.scores().kind());
        let single = self.probed.scores().channels() == 1;
        let b = &mut self.b;
        let mut scores = b.cast(&self.plan.heads().first().tensor, F32);
        if kind == ScoreKind::Probabilities {
            // Enlarged as logarithms, which are logits.
            let smallest = b.float(f32::MIN_POSITIVE);
            if single {
                let one = b.float(1.0);
                let other = b.op("Sub", &[&one, &scores]);
                scores = b.concat(&[&other, &scores], 1);
            }
            let above = b.op("Max", &[&scores, &smallest]);
            scores = b.op("Log", &[&above]);
        } else if single {
            let zero = b.float(0.0);
            let other = b.op("Mul", &[&scores, &zero]);
            scores = b.concat(&[&other, &scores], 1);
        }
        if is_map {
            scores = resized(b, &scores, &self.plan.image().name, self.probed);
        }
        let probabilities = softmax(b, &scores, self.plan.model().opset());
        let sizes = b.op("Shape", &[&probabilities]);
        let places: Vec<i64> = (1..if is_map { 4 } else { 2 }).collect();
        let places = b.ints(&places);
        let rest = b.gather(&sizes, &places, 0);
        let n = b.ints(&[self.together as i64]);
        let sizes = b.concat(&[&n, batch, &rest], 0);
        b.op("Reshape", &[&probabilities, &sizes])
    }

    /// The sampled part in a loop with carried sums.
    fn repeat(
        &mut self,
        nodes: &mut Vec<proto::Node>,
        repeated: Vec<proto::Node>,
        grown: &HashMap<String, String>,
        (batch, trips): (&str, usize),
    ) -> Sums {
        "loop".clone_into(&mut self.b.scope);
        let names = &mut self.b.names;
        let (trip, go_on) = (names.unique("mcdrop/trip"), names.unique("mcdrop/go_on"));
        let still = names.unique("mcdrop/still");
        let added = self.pass(repeated, grown, (&trip, batch));
        let mut body = self.b.take();
        let mut graph = proto::Graph {
            name: Some("samples".to_owned()),
            input: vec![value(&trip, I64, 0), value(&go_on, Bool, 0)],
            output: vec![value(&still, Bool, 0)],
            ..proto::Graph::default()
        };
        self.b.named("Identity", &[&go_on], ("mcdrop/still", &still));
        let rank = self.rank();
        let mut start = Vec::new();
        let mut sums = Sums::default();
        for (sum, added) in added.all() {
            let carried = self.b.names.unique("mcdrop/carried");
            let next = self.b.names.unique("mcdrop/sum");
            self.b.named("Add", &[&carried, added], (&next, &next));
            graph.input.push(value(&carried, F64, rank));
            graph.output.push(value(&next, F64, rank));
            sums.set(sum, self.b.names.unique("mcdrop/sums"));
            start.push(());
        }
        body.append(&mut self.b.take());
        graph.node = body;
        let zeros = self.b.doubles(&vec![1; rank], &[0.0]);
        let trips = self.b.int(trips as i64);
        let yes = self.b.bool(true);
        let mut inputs = vec![trips, yes];
        inputs.extend(start.iter().map(|()| zeros.clone()));
        nodes.append(&mut self.b.take());
        nodes.push(proto::Node {
            op_type: Some("Loop".to_owned()),
            name: Some("mcdrop/samples".to_owned()),
            input: inputs,
            output: sums.all().map(|(_, name)| name.to_owned()).collect(),
            attribute: vec![proto::Attribute::graph("body", graph)],
            ..proto::Node::default()
        });
        sums
    }
}

/// Scores at the size of the network's input.
fn resized(b: &mut Builder, scores: &str, image: &str, probed: &ProbedModel) -> String {
    let own = b.op("Shape", &[scores]);
    let first = b.ints(&[0, 1]);
    let own = b.gather(&own, &first, 0);
    let shape = b.op("Shape", &[image]);
    let sides = b.ints(&if probed.is_channels_last() { [1, 2] } else { [2, 3] });
    let sides = b.gather(&shape, &sides, 0);
    let sizes = b.concat(&[&own, &sides], 0);
    // Left out, or empty where that was not allowed.
    let is_old = probed.plan().model().opset() < 13;
    let none = if is_old { b.floats(&[]) } else { String::new() };
    b.op_with(
        "Resize",
        &[scores, &none, &none, &sizes],
        vec![
            proto::Attribute::string("coordinate_transformation_mode", "half_pixel"),
            proto::Attribute::string("mode", "linear"),
        ],
    )
}

/// A softmax over axis 1: operator sets below 13 had another one of that name.
fn softmax(b: &mut Builder, scores: &str, opset: i64) -> String {
    let largest = reduce(b, "ReduceMax", scores, &[1], opset);
    let shifted = b.op("Sub", &[scores, &largest]);
    let exponentials = b.op("Exp", &[&shifted]);
    let sum = reduce(b, "ReduceSum", &exponentials, &[1], opset);
    b.op("Div", &[&exponentials, &sum])
}

/// A reduction over axes, which were an attribute before they became an input.
pub(super) fn reduce(
    b: &mut Builder,
    operator: &str,
    data: &str,
    axes: &[i64],
    opset: i64,
) -> String {
    let since = if operator == "ReduceSum" { 13 } else { 18 };
    if opset < since {
        return b.op_with(operator, &[data], vec![proto::Attribute::ints("axes", axes)]);
    }
    let axes = b.ints(axes);
    b.op_with(operator, &[data, &axes], vec![proto::Attribute::int("keepdims", 1)])
}

/// A tensor with this many axes.
fn value(name: &str, element_type: ElementType, rank: usize) -> proto::ValueInfo {
    declared(name, element_type, &vec![None; rank])
}

/// Positions of the nodes that are fed by constants alone.
fn constants(graph: &proto::Graph) -> HashSet<usize> {
    let mut fixed: HashSet<&str> =
        graph.initializer.iter().filter_map(|tensor| tensor.name.as_deref()).collect();
    let mut found = HashSet::new();
    for (at, node) in graph.node.iter().enumerate() {
        let is_ours = node.domain.as_deref() == Some(crate::operator::DOMAIN);
        if !is_ours && captured_names(node).iter().all(|name| fixed.contains(name)) {
            fixed.extend(node.output.iter().map(String::as_str));
            found.insert(at);
        }
    }
    found
}

/// Reads new names for old ones, in bodies too.
fn rename(node: &mut proto::Node, new: &HashMap<String, String>) {
    for name in node.input.iter_mut().chain(&mut node.output) {
        if let Some(new) = new.get(name) {
            name.clone_from(new);
        }
    }
    if node.subgraphs().next().is_none() {
        return;
    }
    for attribute in &mut node.attribute {
        let held = attribute.subgraphs_mut();
        for body in held {
            body.node.iter_mut().for_each(|node| rename(node, new));
            for output in &mut body.output {
                if let Some(new) = output.name.as_ref().and_then(|name| new.get(name)) {
                    output.name = Some(new.clone());
                }
            }
        }
    }
}
