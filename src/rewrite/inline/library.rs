//! The functions of a file: who calls whom, and which hold what is looked for.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::each_node;
use crate::error::{Error, Result};
use crate::onnx::{bodies, function_label, normal_domain, proto};

/// Domain, name, overload.
type Identity<'a> = (&'a str, &'a str, &'a str);

pub(super) struct Library<'a> {
    functions: &'a [proto::Function],
    by_identity: HashMap<Identity<'a>, usize>,
    /// Which functions each one calls.
    calls: Vec<BTreeSet<usize>>,
    holding: HashSet<usize>,
}

impl<'a> Library<'a> {
    pub(super) fn new(
        functions: &'a [proto::Function],
        holds: &dyn Fn(&proto::Node) -> bool,
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
        let mut library =
            Self { functions, by_identity, calls: Vec::new(), holding: HashSet::new() };
        let mut callers: Vec<Vec<usize>> = vec![Vec::new(); functions.len()];
        let mut open = Vec::new();
        for (i, function) in functions.iter().enumerate() {
            let mut called = BTreeSet::new();
            let mut is_holding = false;
            let mut visit = |node: &proto::Node| match library.called(node) {
                Some(callee) => drop(called.insert(callee)),
                None => is_holding |= holds(node),
            };
            each_node(&function.node, &mut visit);
            for default in &function.attribute_proto {
                let graphs = default.g.as_deref().into_iter().chain(&default.graphs);
                graphs.for_each(|graph| each_node(&graph.node, &mut visit));
            }
            for &callee in &called {
                callers[callee].push(i);
            }
            library.calls.push(called);
            open.extend(is_holding.then_some(i));
        }
        while let Some(function) = open.pop() {
            if library.holding.insert(function) {
                open.extend(&callers[function]);
            }
        }
        library
    }

    pub(super) fn function(&self, number: usize) -> &'a proto::Function {
        &self.functions[number]
    }

    /// The function that a node calls.
    pub(super) fn called(&self, node: &proto::Node) -> Option<usize> {
        let identity = identity(
            node.domain.as_deref(),
            node.op_type.as_deref(),
            node.overload.as_deref(),
        );
        self.by_identity.get(&identity).copied()
    }

    /// The function that a node calls, where the call is to be replaced: the function, or a
    /// graph that the call gives it, holds what is looked for.
    pub(super) fn wanted(
        &self,
        node: &proto::Node,
        holds: &dyn Fn(&proto::Node) -> bool,
    ) -> Option<usize> {
        let function = self.called(node)?;
        if self.holding.contains(&function) {
            return Some(function);
        }
        let mut is_given = false;
        for body in bodies(node) {
            each_node(&body.node, &mut |inner| {
                is_given |= match self.called(inner) {
                    Some(callee) => self.holding.contains(&callee),
                    None => holds(inner),
                };
            });
        }
        is_given.then_some(function)
    }

    /// The functions that those which were never replaced still call.
    pub(super) fn still_called(&self, replaced: &BTreeSet<usize>) -> HashSet<usize> {
        let stay = (0..self.functions.len()).filter(|i| !replaced.contains(i));
        self.reachable(stay.collect())
    }

    fn reachable(&self, mut open: Vec<usize>) -> HashSet<usize> {
        let mut found = HashSet::new();
        while let Some(function) = open.pop() {
            if found.insert(function) {
                open.extend(&self.calls[function]);
            }
        }
        found
    }

    /// Refuses functions that call themselves, where the graph gets to them.
    pub(super) fn refuse_recursion(&self, graph: &proto::Graph) -> Result<()> {
        let mut called = Vec::new();
        each_node(&graph.node, &mut |node| called.extend(self.called(node)));
        let reachable = self.reachable(called);
        let mut callers = vec![0_usize; self.functions.len()];
        for &caller in &reachable {
            self.calls[caller].iter().for_each(|&callee| callers[callee] += 1);
        }
        // Functions that nobody calls any more are taken away; a circle is what never goes.
        let mut open: Vec<usize> = reachable
            .iter()
            .copied()
            .filter(|&function| callers[function] == 0)
            .collect();
        let mut left = reachable;
        while let Some(function) = open.pop() {
            left.remove(&function);
            for &callee in &self.calls[function] {
                callers[callee] -= 1;
                if callers[callee] == 0 {
                    open.push(callee);
                }
            }
        }
        let Some(&first) = left.iter().min() else { return Ok(()) };
        // Each of them has a caller among them, so whoever goes back comes into a circle.
        let mut left: Vec<usize> = left.into_iter().collect();
        left.sort_unstable();
        let mut caller = vec![first; self.functions.len()];
        for &function in &left {
            self.calls[function].iter().for_each(|&callee| caller[callee] = function);
        }
        let function = (0..left.len()).fold(first, |function, _| caller[function]);
        Err(Error::Graph {
            what: "function",
            name: function_label(self.function(function)),
            message: "it calls itself, by itself or through others".to_owned(),
            hint: Some("the file is damaged: export the model again".to_owned()),
        })
    }
}

fn identity<'n>(
    domain: Option<&'n str>,
    name: Option<&'n str>,
    overload: Option<&'n str>,
) -> Identity<'n> {
    (normal_domain(domain), name.unwrap_or_default(), overload.unwrap_or_default())
}
