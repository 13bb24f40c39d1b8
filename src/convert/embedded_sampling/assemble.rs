//! Assembles a model with embedded sampling.
//!
//! The part that no draw reaches runs once. The rest runs for several samples at a time. If these
//! are not all samples, it is in a `Loop` with carried sums, so that memory does not grow with the
//! number of samples. Sums are kept in double precision.

use std::collections::{HashMap, HashSet};

use super::EmbeddedSamplingOptions;
use super::pass_tensors::PassBuilder;
use crate::convert::assemble::{SharedTensors, raise_version, remove_unread};
use crate::convert::conversion::Conversion;
use crate::convert::draw_location::draw_locations;
use crate::convert::generator::FIRST_OPSET;
use crate::convert::guard::{Guard, GuardSource};
use crate::convert::keys::GraphInputs;
use crate::error::{Error, Result};
use crate::graph::{EMBEDDED_SAMPLING, SiteAxis};
use crate::measure::Measure;
use crate::measure::onnx_form::{MeasureGraph, OutputSpec, SumTensors};
use crate::onnx::ElementType::{Bool, F32, F64, I64};
use crate::onnx::build::{NodeBuilder, UniqueNames, rename_tensors};
use crate::onnx::{ElementType, captured_names, declared, proto};
use crate::sampling::{CutLayout, ProbedModel};
use crate::sums::Needs;

/// Builds the model, and returns it with the number of samples that run together.
///
/// # Errors
/// Fails if the operator set cannot draw masks, or if the sizes of a tensor at the cut are unknown.
pub(super) fn assemble(
    probed: &ProbedModel,
    options: &EmbeddedSamplingOptions,
    measures: &[&'static Measure],
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
    let mut names = UniqueNames::of(plan.model());
    let draws_at = draw_locations(probed, &mut names);
    let single_image = draws_at.iter().any(|location| location.axis == SiteAxis::Whole);
    let scheme = options.conversion.draws;
    let conversion = Conversion { plan, draws_at: &draws_at, scheme, single_image };
    // The samples of a run must take the same branches of conditions.
    let has_draws_inside = plan.active().iter().any(|active| !active.is_outside);
    let samples_per_run = if single_image || has_draws_inside {
        1
    } else {
        let most = probed.batching().rows_per_run.max(1);
        let samples = options.samples as usize;
        (1..=most).rev().find(|n| samples.is_multiple_of(*n)).unwrap_or(1)
    };
    let mut assembly = Assembly {
        probed,
        conversion,
        b: NodeBuilder::new(names, plan.model().opset()),
        samples_per_run,
        options,
        measures,
    };
    let mut model = plan.model().with_graph(proto::Graph::default());
    let mut graph = assembly.graph()?;
    let image = plan.image();
    let source = GuardSource { name: &image.name, element_type: image.element_type };
    let guard = Guard::add(&mut assembly.b, &mut graph, &source);
    graph.initializer.append(&mut assembly.b.constants);
    raise_version(&mut model, &mut graph);
    remove_unread(&mut graph);
    model.graph = Some(graph);
    put_metadata(&mut model, probed, options, measures, &guard);
    Ok((model, samples_per_run))
}

fn put_metadata(
    model: &mut proto::Model,
    probed: &ProbedModel,
    options: &EmbeddedSamplingOptions,
    measures: &[&'static Measure],
    guard: &Guard,
) {
    let names: Vec<&str> = measures.iter().map(|measure| measure.name).collect();
    let entry = serde_json::json!({
        "version": 1,
        "samples": options.samples,
        "seed": options.seed,
        "draws": options.conversion.draws.name(),
        "task": probed.output_layout().task().name,
        "measures": names,
        "guard": guard,
    });
    model.metadata_props.push(proto::StringEntry {
        key: Some(EMBEDDED_SAMPLING.to_owned()),
        value: Some(entry.to_string()),
    });
}

struct Assembly<'a> {
    probed: &'a ProbedModel,
    conversion: Conversion<'a>,
    b: NodeBuilder,
    samples_per_run: usize,
    options: &'a EmbeddedSamplingOptions,
    measures: &'a [&'static Measure],
}

impl Assembly<'_> {
    fn graph(&mut self) -> Result<proto::Graph> {
        let source = &self.conversion.plan.model().graph;
        let constant = constants(source);
        let prefix: HashSet<usize> = self.conversion.plan.prefix_nodes().collect();
        let outside = |at: &usize| prefix.contains(at) || constant.contains(at);
        let mut nodes: Vec<proto::Node> = (0..source.node.len())
            .filter(|at| {
                prefix.contains(at)
                    || self.conversion.plan.suffix_nodes().any(|s| s == *at)
            })
            .filter(outside)
            .map(|at| source.node[at].clone())
            .collect();
        let repeated: Vec<usize> = self
            .conversion
            .plan
            .suffix_nodes()
            .filter(|at| !constant.contains(at))
            .collect();
        let image = self.conversion.plan.image().name.clone();
        let batch = self.batch(&image);
        let mut grown = self.grow()?;
        nodes.append(&mut self.b.take());
        // Arithmetic with shapes is on both sides: once for images, once for their samples.
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
        let trips = self.options.samples as usize / self.samples_per_run;
        let sums = if trips == 1 {
            let zero = self.b.int(0);
            nodes.append(&mut self.b.take());
            let sums = self.pass(repeated, &grown, &zero, &batch);
            nodes.append(&mut self.b.take());
            sums
        } else {
            self.repeat(&mut nodes, repeated, &grown, &batch, trips)
        };
        let scores = self.probed.output_layout();
        let spec = OutputSpec {
            family: scores.task().family,
            n_channels: scores.n_classes(),
            samples: self.options.samples,
            mean: scores.task().mean_output(),
            measures: self.measures,
        };
        let outputs = MeasureGraph::outputs(&mut self.b, sums, &spec);
        nodes.append(&mut self.b.take());
        let mut graph =
            proto::Graph { node: nodes, output: Vec::new(), ..source.clone() };
        graph.value_info.clear();
        let rank = self.rank();
        graph.output = outputs
            .into_iter()
            .map(|output| {
                value(
                    &output.name,
                    F32,
                    if output.has_channels { rank } else { rank - 1 },
                )
            })
            .collect();
        graph.initializer.append(&mut self.b.constants);
        Ok(graph)
    }

    /// Returns the number of axes of the scores other than those of images and classes.
    fn spatial_axes(&self) -> usize {
        self.probed.output_layout().task().item.spatial_axes()
    }

    /// Returns the number of axes of the scores.
    fn rank(&self) -> usize {
        2 + self.spatial_axes()
    }

    /// Adds the number of images, `[1]`.
    fn batch(&mut self, image: &str) -> String {
        "images".clone_into(&mut self.b.scope);
        let shape = self.b.op("Shape", &[image]);
        let first = self.b.ints(&[0]);
        self.b.gather(&shape, &first, 0)
    }

    /// Repeats the tensors at the cut for all samples of a run, and returns their new names by the
    /// old ones.
    fn grow(&mut self) -> Result<HashMap<String, String>> {
        let mut grown = HashMap::new();
        if self.samples_per_run == 1 {
            return Ok(grown);
        }
        let n = self.samples_per_run as i64;
        let crossings: Vec<CutLayout> = self.probed.cut_layouts().to_vec();
        for (tensor, crossing) in self.probed.cut_inputs().iter().cloned().zip(crossings)
        {
            let name = tensor.name;
            let unknown = || {
                Error::runtime(
                    "building the model",
                    format!("the sizes of \"{name}\" are open"),
                )
                .with_hint("run one sample at a time: `samples_per_run = 1`, or a smaller `memory`")
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

    /// Adds one run of the sampled part, for the samples of this trip, and the sums over them.
    fn pass(
        &mut self,
        mut nodes: Vec<proto::Node>,
        grown: &HashMap<String, String>,
        trip: &str,
        batch: &str,
    ) -> SumTensors {
        "rows".clone_into(&mut self.b.scope);
        let numbers = self.numbers(trip);
        let samples = self.samples(&numbers, batch);
        let seed = self.b.int(self.options.seed.cast_signed());
        let image_key = self.b.ints(&[0]);
        let inputs =
            GraphInputs { image: samples.clone(), sample: samples, seed, image_key };
        let mut shared = SharedTensors::build(&mut self.b, &self.conversion, &inputs);
        let mut all = self.b.take();
        for node in &mut nodes {
            rename_tensors(node, grown);
        }
        shared.replace(&mut self.b, &self.conversion, &mut nodes);
        all.append(&mut nodes);
        "sums".clone_into(&mut self.b.scope);
        let mut builder = PassBuilder {
            probed: self.probed,
            b: &mut self.b,
            samples_per_run: self.samples_per_run,
            batch,
            samples: &numbers,
        };
        let passes = builder.build();
        let measures = self.measures.iter();
        let needs = measures.fold(Needs::MEAN, |needs, m| needs.union(m.needs));
        let sums = SumTensors::build(&mut self.b, &passes, needs);
        all.append(&mut self.b.take());
        self.b.put(all);
        sums
    }

    /// Adds the numbers of the samples of a run, `[samples, 1]`.
    fn numbers(&mut self, trip: &str) -> String {
        let b = &mut self.b;
        let n = self.samples_per_run as i64;
        let count = b.int(n);
        let first = b.op("Mul", &[trip, &count]);
        let steps: Vec<i64> = (0..n).collect();
        let steps = b.tensor(&[n, 1], &steps);
        b.op("Add", &[&steps, &first])
    }

    /// Adds the sample of each batch element: all images with one sample, then all with the next.
    fn samples(&mut self, numbers: &str, batch: &str) -> String {
        let b = &mut self.b;
        let sizes = b.ints(&[self.samples_per_run as i64]);
        let sizes = b.concat(&[&sizes, batch], 0);
        let samples = b.op("Expand", &[numbers, &sizes]);
        b.reshape(&samples, &[-1])
    }

    /// Adds the sampled part in a loop with carried sums.
    fn repeat(
        &mut self,
        nodes: &mut Vec<proto::Node>,
        repeated: Vec<proto::Node>,
        grown: &HashMap<String, String>,
        batch: &str,
        trips: usize,
    ) -> SumTensors {
        "loop".clone_into(&mut self.b.scope);
        let names = &mut self.b.names;
        let (trip, go_on) = (names.unique("mcdrop/trip"), names.unique("mcdrop/go_on"));
        let goes_on = names.unique("mcdrop/still");
        let added = self.pass(repeated, grown, &trip, batch);
        let mut body = self.b.take();
        let mut graph = proto::Graph {
            name: Some("samples".to_owned()),
            input: vec![value(&trip, I64, 0), value(&go_on, Bool, 0)],
            output: vec![value(&goes_on, Bool, 0)],
            ..proto::Graph::default()
        };
        self.b.named("Identity", &[&go_on], "mcdrop/still", &goes_on);
        let rank = self.rank();
        let sums = added.map_names(|added| {
            let carried = self.b.names.unique("mcdrop/carried");
            let next = self.b.names.unique("mcdrop/sum");
            self.b.named("Add", &[&carried, added], &next, &next);
            graph.input.push(value(&carried, F64, rank));
            graph.output.push(value(&next, F64, rank));
            self.b.names.unique("mcdrop/sums")
        });
        body.append(&mut self.b.take());
        graph.node = body;
        let zeros = self.b.doubles(&vec![1; rank], &[0.0]);
        let trips = self.b.int(trips as i64);
        let yes = self.b.bool(true);
        let mut inputs = vec![trips, yes];
        inputs.extend(sums.names().map(|_| zeros.clone()));
        nodes.append(&mut self.b.take());
        nodes.push(proto::Node {
            op_type: Some("Loop".to_owned()),
            name: Some("mcdrop/samples".to_owned()),
            input: inputs,
            output: sums.names().map(str::to_owned).collect(),
            attribute: vec![proto::Attribute::graph("body", graph)],
            ..proto::Node::default()
        });
        sums
    }
}

/// Declares a tensor with this many axes.
fn value(name: &str, element_type: ElementType, rank: usize) -> proto::ValueInfo {
    declared(name, element_type, &vec![None; rank])
}

/// Returns the positions of the nodes that depend on constants only.
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
