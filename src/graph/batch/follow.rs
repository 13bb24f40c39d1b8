//! The image's first axis, followed from node to node.

mod operators;

use std::collections::{HashMap, HashSet};

use super::edit::Edits;
use super::place::{Place, Preference};
use super::{Shapes, axes};
use crate::graph::reach::Reach;
use crate::graph::split::Plan;
use crate::onnx::{GraphIndex, captured_names, proto};
use crate::operator;

/// The walk through a plan's nodes, in their order.
pub(super) struct Follower<'a> {
    plan: &'a Plan,
    index: GraphIndex<'a>,
    /// Nodes fed by constants alone.
    constant: HashSet<usize>,
    shapes: &'a Shapes,
    batch: usize,
    preference: Preference,
    /// Tensors that hold the images of a run.
    places: HashMap<&'a str, Place>,
    /// Whose sizes a tensor holds, for noise of that shape.
    shape_of: HashMap<&'a str, &'a str>,
    edits: Edits,
    is_guessed: bool,
}

impl<'a> Follower<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        shapes: &'a Shapes,
        batch: usize,
        preference: Preference,
    ) -> Self {
        let graph = &plan.model().graph;
        let image = plan.image().name.as_str();
        Self {
            plan,
            index: GraphIndex::new(graph),
            constant: Reach::new(graph).constant(),
            shapes,
            batch,
            preference,
            places: HashMap::from([(image, Place::FIRST)]),
            shape_of: HashMap::new(),
            edits: Edits::new(image.to_owned(), batch),
            is_guessed: false,
        }
    }

    /// The changes, and whether a place was guessed.
    pub(super) fn finish(self) -> (Edits, bool) {
        (self.edits, self.is_guessed)
    }

    /// Follows the images through a node.
    pub(super) fn follow(&mut self, position: usize) -> Result<(), String> {
        let plan = self.plan;
        let node = &plan.model().graph.node[position];
        let kind = node.op();
        if node.domain.as_deref() == Some(operator::DOMAIN) && kind == operator::NOISE {
            self.noise(position, node);
            return Ok(());
        }
        let carries = |name: &&str| self.places.contains_key(name);
        let Some(carrier) = captured_names(node).into_iter().find(carries) else {
            return Ok(());
        };
        let refused = |what: &str| {
            let name = node.label();
            format!("node \"{name}\" ({kind}) {what}")
        };
        if kind == "Shape" {
            if let Some(output) = node.output.first() {
                self.shape_of.insert(output, carrier);
            }
            return Ok(());
        }
        if kind == "Size" {
            return Ok(());
        }
        if node.subgraphs().next().is_some() {
            return Err(refused("has graphs of its own"));
        }
        let mut found: Option<Place> = None;
        for (i, name) in node.input.iter().enumerate() {
            let Some(&place) = self.places.get(name.as_str()) else { continue };
            let place = self.through(position, node, (i, place)).map_err(refused)?;
            if found.is_some_and(|found| found != place) {
                return Err(refused("joins tensors whose images lie differently"));
            }
            found = Some(place);
        }
        let Some(place) = found else { return Ok(()) };
        let size = place.outer * self.batch * place.inner;
        for (i, output) in node.output.iter().enumerate().filter(|(_, o)| !o.is_empty()) {
            let found =
                self.shape(output).and_then(|shape| shape.get(place.axis).copied());
            if found == Some(size) {
                self.places.insert(output, place);
            } else if i == 0 {
                return Err(refused(
                    "moves the images of a run to where they are not found",
                ));
            }
        }
        self.constants(position, node, place).map_err(refused)
    }

    /// The output must have the images on its first axis.
    pub(super) fn check_output(&self, tensor: &str) -> Result<(), String> {
        if self.places.get(tensor) == Some(&Place::FIRST) {
            return Ok(());
        }
        let heads = self.plan.heads();
        let name = heads
            .iter()
            .find(|head| head.tensor == tensor)
            .map_or(tensor, |head| head.output.as_str());
        Err(format!("the images of a run are not the rows of output \"{name}\""))
    }

    fn shape(&self, tensor: &str) -> Option<Vec<usize>> {
        if let Some(shape) = self.shapes.get(tensor) {
            return Some(shape.clone());
        }
        let sizes = self.index.initializers.get(tensor)?.dims.iter();
        sizes.map(|&size| usize::try_from(size).ok()).collect()
    }

    /// Noise of a constant shape gets as many rows as the run has.
    fn noise(&mut self, position: usize, node: &'a proto::Node) {
        let (Some(shape), Some(output)) = (node.input.first(), node.output.first())
        else {
            return;
        };
        let of = self.shape_of.get(shape.as_str()).and_then(|of| self.places.get(of));
        if let Some(&place) = of {
            self.places.insert(output, place);
            return;
        }
        let is_constant = self.is_constant(shape);
        let Some(sizes) = self.shape(output).filter(|_| is_constant) else { return };
        if sizes.first() != Some(&self.batch) {
            return;
        }
        let values: Vec<i64> = sizes.iter().map(|&size| size as i64).collect();
        let baked = self.edits.sizes(position, &values);
        let open = self.edits.scaled(position, &baked, sizes.len(), 0);
        self.edits.replace(position, 0, open);
        self.places.insert(output, Place::FIRST);
    }

    fn is_constant(&self, tensor: &str) -> bool {
        self.index.initializers.contains_key(tensor)
            || self
                .index
                .producer_index(tensor)
                .is_some_and(|i| self.constant.contains(&i))
    }

    /// Opens an entry of a list of sizes that a node reads. What is not constant is taken to
    /// follow the run already.
    fn open_entry(
        &mut self,
        reader: usize,
        (input, tensor): (usize, &str),
        entry: usize,
    ) -> Result<(), &'static str> {
        if let Some(open) = self.opened(reader, tensor, entry)? {
            self.edits.replace(reader, input, open);
        }
        Ok(())
    }

    fn opened(
        &mut self,
        reader: usize,
        tensor: &str,
        entry: usize,
    ) -> Result<Option<String>, &'static str> {
        const UNREADABLE: &str = "takes sizes that cannot be read";
        let values = axes::sizes(self.plan.model(), &self.index, tensor);
        if let Some(values) = values {
            return match values.get(entry) {
                None => Err(UNREADABLE),
                Some(-1..=0) => Ok(None),
                Some(_) => {
                    Ok(Some(self.edits.scaled(reader, tensor, values.len(), entry)))
                }
            };
        }
        if self.is_constant(tensor) {
            return Err(UNREADABLE);
        }
        let plan = self.plan;
        let at = self.index.producer_index(tensor).map(|i| &plan.model().graph.node[i]);
        let Some(node) = at.filter(|node| node.is("Concat")) else {
            return Ok(None);
        };
        let mut first = 0;
        for (i, part) in node.input.iter().enumerate() {
            let length = self.shape(part).and_then(|shape| shape.first().copied());
            let length = length.ok_or(UNREADABLE)?;
            if entry < first + length {
                let open = self.opened(reader, part, entry - first)?;
                return Ok(open.map(|open| self.edits.copy(reader, node, i, open)));
            }
            first += length;
        }
        Err(UNREADABLE)
    }
}
