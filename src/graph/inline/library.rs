//! The functions of a file: their calls, and which of them contain a wanted node.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{budget, each_node};
use crate::error::{Error, Result};
use crate::onnx::{normal_domain, proto};

/// Domain, name and overload.
type FunctionId<'a> = (&'a str, &'a str, &'a str);

/// Most nodes that the calls of functions may add, beside [`MOST_GROWTH`]. ONNX Runtime takes about a
/// millisecond for each, and again for each session.
const MOST_ADDED: usize = 20_000;
/// Most nodes with all calls replaced, for each node of the file: the modules of a network share
/// functions.
const MOST_GROWTH: usize = 4;

pub(super) struct FunctionLibrary<'a> {
    functions: &'a [proto::Function],
    by_identity: HashMap<FunctionId<'a>, usize>,
    /// The functions that each one calls, and how often.
    calls: Vec<BTreeMap<usize, usize>>,
    /// Number of nodes of each one, without calls.
    nodes: Vec<usize>,
    /// Functions that contain a wanted node, or call one that does.
    containing: HashSet<usize>,
}

impl<'a> FunctionLibrary<'a> {
    pub(super) fn new(
        functions: &'a [proto::Function],
        is_wanted: &dyn Fn(&proto::Node) -> bool,
    ) -> Self {
        let mut by_identity = HashMap::new();
        for (i, function) in functions.iter().enumerate() {
            let identity = identity(
                function.domain.as_deref(),
                function.name.as_deref(),
                function.overload.as_deref(),
            );
            by_identity.entry(identity).or_insert(i);
        }
        let mut library = Self {
            functions,
            by_identity,
            calls: Vec::new(),
            nodes: Vec::new(),
            containing: HashSet::new(),
        };
        let mut callers: Vec<Vec<usize>> = vec![Vec::new(); functions.len()];
        let mut open = Vec::new();
        for (i, function) in functions.iter().enumerate() {
            let mut called = BTreeMap::new();
            let (mut contains_wanted, mut nodes) = (false, 0);
            let mut visit = |node: &proto::Node| {
                if let Some(callee) = library.called(node) {
                    *called.entry(callee).or_default() += 1;
                } else {
                    contains_wanted |= is_wanted(node);
                    nodes += 1;
                }
            };
            each_node(&function.node, &mut visit);
            for default in &function.attribute_proto {
                let graphs = default.subgraphs();
                graphs.for_each(|graph| each_node(&graph.node, &mut visit));
            }
            for &callee in called.keys() {
                callers[callee].push(i);
            }
            library.calls.push(called);
            library.nodes.push(nodes);
            open.extend(contains_wanted.then_some(i));
        }
        while let Some(function) = open.pop() {
            if library.containing.insert(function) {
                open.extend(&callers[function]);
            }
        }
        library
    }

    pub(super) fn function(&self, number: usize) -> &'a proto::Function {
        &self.functions[number]
    }

    /// Returns the function that a node calls.
    pub(super) fn called(&self, node: &proto::Node) -> Option<usize> {
        let identity = identity(
            node.domain.as_deref(),
            node.op_type.as_deref(),
            node.overload.as_deref(),
        );
        self.by_identity.get(&identity).copied()
    }

    /// Returns the function that a node calls if the call must be inlined: if the function, or a
    /// subgraph that the call passes, contains a wanted node.
    pub(super) fn wanted(
        &self,
        node: &proto::Node,
        is_wanted: &dyn Fn(&proto::Node) -> bool,
    ) -> Option<usize> {
        let function = self.called(node)?;
        if self.containing.contains(&function) {
            return Some(function);
        }
        let mut is_passed = false;
        for graph in node.subgraphs() {
            each_node(&graph.node, &mut |inner| {
                is_passed |= match self.called(inner) {
                    Some(callee) => self.containing.contains(&callee),
                    None => is_wanted(inner),
                };
            });
        }
        is_passed.then_some(function)
    }

    /// Returns the functions that are still called after the calls of `replaced` were inlined.
    pub(super) fn still_called(&self, replaced: &BTreeSet<usize>) -> HashSet<usize> {
        let stay = (0..self.functions.len()).filter(|i| !replaced.contains(i));
        self.reachable(stay.collect())
    }

    fn reachable(&self, mut open: Vec<usize>) -> HashSet<usize> {
        let mut found = HashSet::new();
        while let Some(function) = open.pop() {
            if found.insert(function) {
                open.extend(self.calls[function].keys());
            }
        }
        found
    }

    /// Fails if a function that the graph reaches calls itself, if inlining makes more nodes than any
    /// network has, or if ONNX Runtime, which inlines the other calls, would make many times the
    /// nodes of the file.
    pub(super) fn check(&self, graph: &proto::Graph) -> Result<()> {
        let mut called: Vec<(usize, &proto::Node)> = Vec::new();
        each_node(&graph.node, &mut |node| {
            called.extend(self.called(node).map(|function| (function, node)));
        });
        let order = self.callers_first(called.iter().map(|call| call.0).collect())?;
        let mut nodes = vec![0_usize; self.functions.len()];
        for &function in order.iter().rev() {
            let calls = self.calls[function].iter();
            let inner =
                calls.map(|(&callee, &times)| nodes[callee].saturating_mul(times));
            nodes[function] = if self.containing.contains(&function) {
                inner.fold(self.nodes[function], usize::saturating_add)
            } else {
                1
            };
        }
        let mut all = 0_usize;
        for &(function, call) in &called {
            all = all.saturating_add(nodes[function]);
            if all > budget::MOST_NODES {
                return Err(budget::too_many(call));
            }
        }
        self.check_expansion(graph, &called, &order)
    }

    /// Fails if the calls of all functions, inlined here or by ONNX Runtime, would make many times the
    /// nodes that the file has.
    fn check_expansion(
        &self,
        graph: &proto::Graph,
        called: &[(usize, &proto::Node)],
        order: &[usize],
    ) -> Result<()> {
        let mut written = 0_usize;
        each_node(&graph.node, &mut |_| written += 1);
        let calls = self.calls.iter().flat_map(BTreeMap::values).sum::<usize>();
        written += calls + self.nodes.iter().sum::<usize>();
        let most = written.saturating_mul(MOST_GROWTH).saturating_add(MOST_ADDED);
        // Calls count as nodes, because each one costs ONNX Runtime as much.
        let mut expanded = vec![0_usize; self.functions.len()];
        for &function in order.iter().rev() {
            let calls = self.calls[function].iter();
            expanded[function] =
                calls.fold(self.nodes[function], |sum, (&callee, &times)| {
                    let each = expanded[callee].saturating_add(1);
                    sum.saturating_add(each.saturating_mul(times))
                });
        }
        let mut all = 0_usize;
        for &(function, call) in called {
            all = all.saturating_add(expanded[function]);
            if all > most {
                let message = format!(
                    "the functions that it calls call others: the file has {written} nodes, and \
                     more than {most} with all calls replaced"
                );
                return Err(Error::node(call.label(), message)
                    .with_hint("export the model without functions"));
            }
        }
        Ok(())
    }

    /// Returns all functions that these reach, callers before callees.
    fn callers_first(&self, called: Vec<usize>) -> Result<Vec<usize>> {
        let mut left: BTreeSet<usize> = self.reachable(called).into_iter().collect();
        let mut callers = vec![0_usize; self.functions.len()];
        for &caller in &left {
            self.calls[caller].keys().for_each(|&callee| callers[callee] += 1);
        }
        let mut order = Vec::new();
        let free = left.iter().copied().filter(|&function| callers[function] == 0);
        let mut open: Vec<usize> = free.collect();
        while let Some(function) = open.pop() {
            left.remove(&function);
            order.push(function);
            for &callee in self.calls[function].keys() {
                callers[callee] -= 1;
                if callers[callee] == 0 {
                    open.push(callee);
                }
            }
        }
        let Some(&first) = left.first() else { return Ok(order) };
        // Each of the rest has a caller among the rest, so following callers ends in a cycle.
        let mut caller = vec![first; self.functions.len()];
        for &function in &left {
            self.calls[function].keys().for_each(|&callee| caller[callee] = function);
        }
        let function = (0..left.len()).fold(first, |function, _| caller[function]);
        Err(Error::Graph {
            what: "function",
            name: self.function(function).label(),
            message: "it calls itself, by itself or through others".to_owned(),
            hint: Some("the file is damaged: export the model again".to_owned()),
        })
    }
}

fn identity<'n>(
    domain: Option<&'n str>,
    name: Option<&'n str>,
    overload: Option<&'n str>,
) -> FunctionId<'n> {
    (normal_domain(domain), name.unwrap_or_default(), overload.unwrap_or_default())
}
