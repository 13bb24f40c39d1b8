//! Where randomness enters a graph: live dropouts, and what only looks like one.

use std::collections::HashSet;

use crate::error::{Error, Result};
use crate::onnx::{GraphIndex, Model, bodies, float_scalar, node_label, proto};
use crate::random::site_key;

/// A live dropout.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// Position of its node in the graph.
    pub(crate) position: usize,
    /// Name of its node.
    pub node: String,
    /// The tensor that it drops from.
    pub(crate) input: String,
    /// The tensor that it writes: the site is known by this name.
    pub tensor: String,
    /// Share of the units that a sample zeroes, in [0, 1).
    pub ratio: f32,
    /// The site's word in the mask stream: the first 8 bytes of SHA-256 of `tensor`.
    pub key: u64,
}

/// What a survey of the nodes behind an output found.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// The live dropouts, in graph order.
    pub sites: Vec<Site>,
    /// Dropout nodes that do nothing, each with the reason.
    pub inert: Vec<String>,
}

const EXPORT_HINT: &str = "export with dropout alive and the rest in evaluation mode: \
    model.eval(), then .train() on the dropout modules alone (for F.dropout(x, training=\
    self.training): module.training = True on the module that calls it), then torch.onnx.export with \
    dynamo=False and training=torch.onnx.TrainingMode.PRESERVE (or with dynamo=True)";

const RANDOM: [&str; 6] = [
    "RandomUniform",
    "RandomUniformLike",
    "RandomNormal",
    "RandomNormalLike",
    "Bernoulli",
    "Multinomial",
];

/// Looks at every needed node; refuses randomness that the sampler cannot draw.
pub(super) fn survey(
    model: &Model,
    needed: &HashSet<usize>,
    constant: &HashSet<usize>,
) -> Result<Survey> {
    let index = GraphIndex::new(&model.graph);
    let mut survey = Survey::default();
    let mut positions: Vec<usize> = needed.iter().copied().collect();
    positions.sort_unstable();
    for position in positions {
        let node = &model.graph.node[position];
        refuse_random(node)?;
        refuse_batch_norm_training(model, node)?;
        refuse_hidden(model, node)?;
        if is_dropout(node) {
            match liveness(model, &index, node)? {
                Liveness::Inert(reason) => {
                    survey.inert.push(format!("{}: {reason}", node_label(node)));
                }
                Liveness::Live(ratio) => {
                    refuse_odd(model, needed, constant, node)?;
                    survey.sites.push(site(position, node, ratio)?);
                }
            }
        }
    }
    if survey.sites.is_empty() {
        return Err(no_site(model, &survey));
    }
    Ok(survey)
}

fn is_standard(node: &proto::Node) -> bool {
    matches!(node.domain.as_deref(), None | Some("" | "ai.onnx"))
}

fn is_dropout(node: &proto::Node) -> bool {
    is_standard(node) && node.op_type.as_deref() == Some("Dropout")
}

enum Liveness {
    Live(f32),
    Inert(&'static str),
}

fn liveness(model: &Model, index: &GraphIndex, node: &proto::Node) -> Result<Liveness> {
    if model.opset() < 12 {
        return Ok(Liveness::Inert("dropout of an operator set below 12 never drops"));
    }
    let input = |i: usize| node.input.get(i).filter(|name| !name.is_empty());
    let Some(mode) = input(2) else {
        return Ok(Liveness::Inert("it has no training_mode input"));
    };
    match float_scalar(model, index, mode) {
        None => Err(Error::node(
            node_label(node),
            format!("its training_mode \"{mode}\" is computed or fed at run time, so whether it drops is unknown"),
        )
        .with_hint("export the model with training_mode as a constant true")),
        Some(0.0) => Ok(Liveness::Inert("its training_mode is false")),
        Some(_) => {
            let ratio = input(1).map_or(Some(0.5), |name| float_scalar(model, index, name));
            let unknown = || {
                Error::node(node_label(node), "its ratio is computed at run time")
                    .with_hint("export the model with a constant ratio")
            };
            match ratio.ok_or_else(unknown)? {
                0.0 => Ok(Liveness::Inert("its ratio is 0")),
                ratio => Ok(Liveness::Live(ratio)),
            }
        }
    }
}

fn site(position: usize, node: &proto::Node, ratio: f32) -> Result<Site> {
    if !(0.0..1.0).contains(&ratio) {
        return Err(Error::node(
            node_label(node),
            format!("its dropout ratio {ratio} is outside [0, 1)"),
        )
        .with_hint(
            "a ratio of 1 drops everything: export the model with a smaller one",
        ));
    }
    let name = |names: &[String]| names.first().cloned().unwrap_or_default();
    let tensor = name(&node.output);
    let key = site_key(&tensor);
    let node_name = node_label(node).to_owned();
    Ok(Site { position, node: node_name, input: name(&node.input), tensor, ratio, key })
}

/// Live dropouts that are not what the sampler runs: of constants, or read by their mask.
fn refuse_odd(
    model: &Model,
    needed: &HashSet<usize>,
    constant: &HashSet<usize>,
    node: &proto::Node,
) -> Result<()> {
    let index = GraphIndex::new(&model.graph);
    let data = node.input.first().map(String::as_str).unwrap_or_default();
    let fixed = index.initializers.contains_key(data)
        || index.producer_index(data).is_some_and(|i| constant.contains(&i));
    if fixed {
        return Err(Error::node(
            node_label(node),
            "it drops from a constant (weights, or ones that make a mask), which all images of a run would share",
        )
        .with_hint("apply dropout to activations; dropout of constants is not supported yet"));
    }
    let mask = node.output.get(1).filter(|name| !name.is_empty());
    let reader = mask.and_then(|mask| {
        needed
            .iter()
            .map(|&i| &model.graph.node[i])
            .find(|node| node.input.contains(mask))
    });
    match reader {
        None => Ok(()),
        Some(reader) => Err(Error::node(
            node_label(node),
            format!(
                "its mask output is read by node \"{}\", which is not supported",
                node_label(reader)
            ),
        )
        .with_hint("use the dropped tensor alone")),
    }
}

fn refuse_random(node: &proto::Node) -> Result<()> {
    let operator = node.op_type.as_deref().unwrap_or_default();
    if !is_standard(node) || !RANDOM.contains(&operator) {
        return Ok(());
    }
    Err(Error::node(
        node_label(node),
        format!("it draws its own random numbers ({operator}), which cannot be sampled reproducibly"),
    )
    .with_hint(
        "make it an nn.Dropout with inplace=False; Dropout1d/2d/3d, AlphaDropout, DropPath, \
         noise layers and hand-made masks are not supported yet",
    ))
}

fn refuse_batch_norm_training(model: &Model, node: &proto::Node) -> Result<()> {
    let training = |node: &proto::Node| is_batch_norm_training(model, node);
    let Some(found) = find_inside(model, node, &training) else { return Ok(()) };
    Err(Error::node(
        found,
        "batch normalisation in training form: an image's result would depend on its neighbours in the batch",
    )
    .with_hint(EXPORT_HINT))
}

fn is_batch_norm_training(model: &Model, node: &proto::Node) -> bool {
    let mode = node.attribute.iter().find(|a| a.name.as_deref() == Some("training_mode"));
    let outputs = node.output.iter().filter(|name| !name.is_empty()).count();
    is_standard(node)
        && node.op_type.as_deref() == Some("BatchNormalization")
        && (mode.and_then(|a| a.i) == Some(1) || (model.opset() < 14 && outputs > 1))
}

/// Randomness inside the bodies of `If`, `Loop`, `Scan` and of functions.
fn refuse_hidden(model: &Model, node: &proto::Node) -> Result<()> {
    let random = |inner: &proto::Node| {
        let operator = inner.op_type.as_deref().unwrap_or_default();
        let mode = inner.input.get(2).is_some_and(|name| !name.is_empty());
        (is_dropout(inner) && mode && !std::ptr::eq(inner, node))
            || (is_standard(inner) && RANDOM.contains(&operator))
    };
    match find_inside(model, node, &random) {
        None => Ok(()),
        Some(inner) => Err(Error::node(
            node_label(node),
            format!("its body holds randomness (node \"{inner}\"), which cannot be sampled there yet"),
        )
        .with_hint("export the model without control flow or functions around its dropout")),
    }
}

/// The name of the first node, this one or one in its bodies and functions, that is wanted.
pub(super) fn find_inside<'a>(
    model: &'a Model,
    node: &'a proto::Node,
    wanted: &'a dyn Fn(&proto::Node) -> bool,
) -> Option<String> {
    /// Bodies nest less deep than this in any real file.
    const DEEPEST: usize = 32;
    struct Search<'a> {
        model: &'a Model,
        wanted: &'a dyn Fn(&proto::Node) -> bool,
        /// Functions that hold nothing wanted: each is searched once, however often it is called.
        searched: HashSet<*const proto::Function>,
    }
    impl<'a> Search<'a> {
        fn node(&mut self, node: &'a proto::Node, depth: usize) -> Option<String> {
            if depth > DEEPEST || (self.wanted)(node) {
                return Some(node_label(node).to_owned());
            }
            let domain = |name: &Option<String>| name.clone().unwrap_or_default();
            for node in bodies(node).flat_map(|body| &body.node) {
                if let Some(found) = self.node(node, depth + 1) {
                    return Some(found);
                }
            }
            // Functions of one name may differ in their overload: each might be the one.
            for function in &self.model.shell.functions {
                let is_called = function.name == node.op_type
                    && domain(&function.domain) == domain(&node.domain);
                if !is_called || !self.searched.insert(std::ptr::from_ref(function)) {
                    continue;
                }
                for node in &function.node {
                    if let Some(found) = self.node(node, depth + 1) {
                        return Some(found);
                    }
                }
            }
            None
        }
    }
    Search { model, wanted, searched: HashSet::new() }.node(node, 0)
}

fn no_site(model: &Model, survey: &Survey) -> Error {
    let index = GraphIndex::new(&model.graph);
    let live = |node: &&proto::Node| {
        is_dropout(node) && matches!(liveness(model, &index, node), Ok(Liveness::Live(_)))
    };
    if let Some(elsewhere) = model.graph.node.iter().find(live) {
        let name = node_label(elsewhere);
        return Error::model(
            model.path(),
            format!("no live dropout reaches the output; the live ones lie elsewhere (\"{name}\")"),
        )
        .with_hint("choose another output with --output-name");
    }
    let inert = match &survey.inert[..] {
        [] => "there is no Dropout node behind the output; exporters remove dropout in \
               evaluation mode"
            .to_owned(),
        [first] => format!("its Dropout node does nothing ({first})"),
        [first, others @ ..] => {
            format!("its Dropout nodes do nothing ({first}; and {} more)", others.len())
        }
    };
    Error::model(model.path(), format!("the model has no live dropout: {inert}"))
        .with_hint(EXPORT_HINT)
}
