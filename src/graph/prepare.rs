//! Preparation of a model for the cut: repairs it, finds and chooses its sites, and replaces them
//! by draws.

use std::collections::{HashMap, HashSet};

use super::apply::{self, Replacement};
use super::candidates::{CandidateSearch, InsertionPoint};
use super::choose::{self, SiteOptions};
use super::inline;
use super::insert;
use super::reach::Reach;
use super::recognize;
use super::repair;
use super::reserved;
use super::site::{DetectedSite, DropoutValues, Mask, Site, SiteKind, StochasticNode};
use super::suspect::{self, Warning};
use crate::error::{Error, Result};
use crate::head::{HeadOptions, Heads};
use crate::onnx::{Model, proto};
use crate::operator;

/// What was found in a model.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// All sites, live and inert, in graph order.
    pub sites: Vec<Site>,
    /// Positions in `sites` of the sites that draw: the output depends on them, and they were not
    /// switched off.
    pub active: Vec<usize>,
    /// Sites before the output that do nothing, each with the reason.
    pub inert: Vec<String>,
    /// Nodes of batch normalization that were converted from training form to inference form.
    pub batch_norm_training: Vec<String>,
    /// Signs that the export lost a part of its dropout.
    pub warnings: Vec<Warning>,
}

/// A draw in the prepared graph, made by the node with its number.
#[derive(Debug, Clone)]
pub(crate) struct ActiveSite {
    /// Position of its site in the plan's list of sites.
    pub(crate) site: usize,
    pub(crate) key: u64,
    pub(crate) ratio: f32,
    pub(crate) draw: StochasticNode,
    pub(crate) values: DropoutValues,
    /// The tensor that it drops from; for noise, the tensor that contains its shape.
    pub(crate) input: String,
    pub(crate) output: String,
    /// True if its node is in the graph itself, not in a subgraph.
    pub(crate) is_outside: bool,
}

impl ActiveSite {
    pub(crate) fn is_noise(&self) -> bool {
        !matches!(self.draw, StochasticNode::Dropout(_))
    }
}

/// The prepared model.
pub(super) struct Prepared {
    pub(super) model: Model,
    pub(super) heads: Heads,
    pub(super) survey: Survey,
    /// The sites that draw.
    pub(super) sites: Vec<Site>,
    pub(super) active: Vec<ActiveSite>,
}

const EXPORT_HINT: &str = "export with dropout alive and the rest in evaluation mode: \
    model.eval(), then .train() on each module that is a torch.nn.modules.dropout._DropoutNd (for \
    F.dropout(x, training=self.training): module.training = True on the module that calls it), \
    then torch.onnx.export with dynamo=True";

pub(super) fn prepare(
    mut model: Model,
    heads: &HeadOptions,
    options: &SiteOptions,
) -> Result<Prepared> {
    let batch_norm_training = repaired(&mut model)?;
    let mut heads = Heads::choose(&model, heads)?;
    let mut found = recognize::recognize(&model)?;
    let (needed, warnings) = {
        let reach = Reach::new(&model.graph);
        let needed = reach.needed(heads.tensors());
        let own: Vec<Site> = found.iter().map(|found| found.site.clone()).collect();
        let warnings = suspect::suspicions_before(&model, &reach, &own, &needed);
        if !options.insert.is_empty() {
            let tensors: Vec<&str> = heads.tensors().collect();
            let search = CandidateSearch::new(&model.graph, &reach, &needed);
            found.extend(insert::sites(&model, &tensors, &search, options)?);
        }
        (needed, warnings)
    };
    let chosen = choose::choose(&mut found, options)?;
    let is_needed = |found: &DetectedSite| {
        found.applications.iter().any(|application| needed.contains(&application.top()))
    };
    let chosen: Vec<usize> =
        chosen.into_iter().filter(|&i| is_needed(&found[i])).collect();
    for (i, found) in found.iter().enumerate().filter(|(_, found)| is_needed(found)) {
        if let Some(refused) = &found.refused
            && (found.site.live || chosen.contains(&i))
        {
            return Err(Error::node(found.site.node.clone(), refused.problem.clone())
                .with_hint(refused.hint.clone()));
        }
    }
    let inert = found
        .iter()
        .enumerate()
        .filter(|(i, found)| !found.site.live && !chosen.contains(i) && is_needed(found));
    let inert = inert.map(|(_, found)| {
        format!(
            "{}: {}",
            found.site.node,
            found.site.reason.as_deref().unwrap_or_default()
        )
    });
    let survey = Survey {
        inert: inert.collect(),
        sites: found.iter().map(|found| found.site.clone()).collect(),
        active: chosen.clone(),
        batch_norm_training,
        warnings,
    };
    if chosen.is_empty() && !options.may_be_empty {
        return Err(no_site(&model, &heads, &found, &survey));
    }
    let mut active = put_in_place(&mut model.graph, &found, &chosen);
    if chosen.is_empty() {
        active = add_placeholders(&mut heads, &mut model.graph);
    }
    let opset = model.opset();
    heads.make_channels_second(&mut model.graph, opset);
    let sites = chosen.iter().map(|&i| found[i].site.clone()).collect();
    Ok(Prepared { model, heads, survey, sites, active })
}

/// Inlines functions that contain randomness or batch normalization in training form, and converts
/// the latter to inference form. Returns the names of the converted nodes.
pub(super) fn repaired(model: &mut Model) -> Result<Vec<String>> {
    reserved::refuse(model)?;
    let opset = model.opset();
    inline::functions(model, &|node| {
        recognize::is_random(node)
            || recognize::is_dropout(node)
            || repair::may_train(node, opset)
    })?;
    Ok(repair::batch_norm(model))
}

/// Replaces the chosen sites by draws, and switches off the other live ones.
fn put_in_place(
    graph: &mut proto::Graph,
    found: &[DetectedSite],
    chosen: &[usize],
) -> Vec<ActiveSite> {
    let mut active = Vec::new();
    let mut numbers: HashMap<(usize, usize), usize> = HashMap::new();
    for (site, &i) in chosen.iter().enumerate() {
        for (j, application) in found[i].applications.iter().enumerate() {
            numbers.insert((i, j), active.len());
            let drawn = apply::DrawnTensors::of(application);
            active.push(ActiveSite {
                site,
                key: found[i].site.key,
                ratio: found[i].site.ratio.unwrap_or(0.0),
                draw: found[i].draw.clone(),
                values: application.values,
                input: drawn.input,
                output: drawn.output,
                is_outside: application.path.is_empty(),
            });
        }
    }
    // A node that does nothing stays as it is.
    let touched: Vec<DetectedSite> = found
        .iter()
        .enumerate()
        .map(|(i, found)| {
            let mut found = found.clone();
            if !(found.site.live || chosen.contains(&i)) {
                found.applications.clear();
            }
            found
        })
        .collect();
    apply::apply(graph, &touched, &|i, j| {
        numbers
            .get(&(i, j))
            .map_or(Replacement::Deterministic, |&number| Replacement::Stochastic(number))
    });
    apply::remove_dead(graph);
    active
}

fn any_node(
    nodes: &[proto::Node],
    wanted: &dyn Fn(&proto::Node) -> bool,
    depth: usize,
) -> bool {
    nodes.iter().any(|node| {
        wanted(node)
            || (depth < 32
                && node.subgraphs().any(|body| any_node(&body.node, wanted, depth + 1)))
    })
}

/// Adds a draw that drops nothing before each head, so that a model without dropout has a suffix.
fn add_placeholders(heads: &mut Heads, graph: &mut proto::Graph) -> Vec<ActiveSite> {
    let mut active = Vec::new();
    for tensor in heads.tensors_mut() {
        let output = format!("mcdrop::deterministic::{}", active.len());
        let draw = proto::Node {
            domain: Some(operator::DOMAIN.to_owned()),
            ..apply::node(operator::DROPOUT, &[tensor], &output)
        };
        let number = proto::Attribute::int(operator::ORDINAL, active.len() as i64);
        graph.node.push(draw.with(number));
        let input = std::mem::replace(tensor, output.clone());
        active.push(ActiveSite {
            site: usize::MAX,
            key: 0,
            ratio: 0.0,
            draw: StochasticNode::Dropout(Mask::default()),
            values: DropoutValues::of_dropout(0.0),
            input,
            output,
            is_outside: true,
        });
    }
    active
}

/// Largest number of outputs that are searched for live dropout.
const MOST_COMPARED: usize = 16;

/// Returns the error of a model without live dropout before its heads.
fn no_site(
    model: &Model,
    heads: &Heads,
    found: &[DetectedSite],
    survey: &Survey,
) -> Error {
    let reach = Reach::new(&model.graph);
    let head = &heads.first().output;
    let live_before = |output: &str| {
        let needed = reach.needed([output]);
        let is_before = |site: &&DetectedSite| {
            site.site.live
                && site.applications.iter().any(|found| needed.contains(&found.top()))
        };
        found.iter().find(is_before)
    };
    if let Some(off) = live_before(head) {
        let message =
            format!("every live dropout is turned off, as node \"{}\"", off.site.node);
        return Error::model(model.path(), message).with_hint(
            "leave one on, or use `deterministic = true` for one pass without dropout",
        );
    }
    if let Some(elsewhere) = found.iter().find(|found| found.site.live) {
        let name = &elsewhere.site.node;
        let is_needed = |output: &String| {
            let needed = reach.needed([output.as_str()]);
            elsewhere.applications.iter().any(|found| needed.contains(&found.top()))
        };
        let outputs = model.outputs().into_iter().map(|output| output.name);
        let (message, hint) = match outputs.take(MOST_COMPARED).find(is_needed) {
            Some(other) => (
                format!(
                    "no live dropout reaches output \"{head}\", but node \"{name}\" reaches \
                     output \"{other}\""
                ),
                format!("choose that output: `output_name = {other}`"),
            ),
            None => (
                format!(
                    "no live dropout reaches an output: nothing reads node \"{name}\""
                ),
                joined(insertion_hint(&reach, heads), EXPORT_HINT),
            ),
        };
        return Error::model(model.path(), message).with_hint(hint);
    }
    let insertion = insertion_hint(&reach, heads);
    if let (Some(trace), true) = (optimizer_trace(model), found.is_empty()) {
        let message = format!(
            "the model has no live dropout: ONNX Runtime's optimizer, which deletes every \
             dropout, has saved this file ({trace})"
        );
        let hint = "use the file that was exported, before the optimizer";
        return Error::model(model.path(), message).with_hint(match insertion {
            Some(insertion) => format!("{hint}; or {insertion}"),
            None => hint.to_owned(),
        });
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
        .with_hint(joined(insertion, EXPORT_HINT))
}

fn joined(first: Option<String>, other: &str) -> String {
    first.map_or(other.to_owned(), |first| format!("{first}; or {other}"))
}

/// Returns the hint to insert dropout, if the model has a known place for it.
fn insertion_hint(reach: &Reach, heads: &Heads) -> Option<String> {
    let tensors: Vec<&str> = heads.tensors().collect();
    let needed = reach.needed(tensors.iter().copied());
    let places = CandidateSearch::new(reach.graph(), reach, &needed).all(&tensors);
    let has = |place: &InsertionPoint| places.iter().any(|found| found.place == *place);
    let place = InsertionPoint::ALL.into_iter().find(has)?;
    let name = place.name();
    Some(format!(
        "put it in, `insert = {name}` for instance (`mcdrop inspect` lists places)"
    ))
}

/// Returns a sign that ONNX Runtime's optimizer has saved a file: its own operators, or the domains
/// of operators that it adds to every file.
fn optimizer_trace(model: &Model) -> Option<String> {
    let is_own = |node: &&proto::Node| {
        let domain = node.domain.as_deref().unwrap_or_default();
        domain.starts_with("com.microsoft")
    };
    if let Some(node) = model.graph.node.iter().find(is_own) {
        let domain = node.domain.as_deref().unwrap_or_default();
        return Some(format!("node \"{}\" is {} of {domain}", node.label(), node.op()));
    }
    let domains = model.shell.opset_import.iter().filter_map(|set| set.domain.as_deref());
    let mut added = domains.filter(|domain| {
        matches!(*domain, "com.microsoft.nchwc" | "com.microsoft.experimental")
    });
    added.next().map(|domain| format!("it imports the operators of {domain}"))
}

/// Returns true if all rows of a run share one draw of the site, whatever the shapes.
pub(super) fn shares_a_draw(site: &Site) -> bool {
    site.kind == SiteKind::WeightDropout
}

/// Returns the name of the first node for which `wanted` is true: this one, one in its subgraphs,
/// or one in the functions that it calls.
pub(super) fn find_inside(
    model: &Model,
    node: &proto::Node,
    wanted: &dyn Fn(&proto::Node) -> bool,
) -> Option<String> {
    if any_node(std::slice::from_ref(node), wanted, 0) {
        return Some(node.label().to_owned());
    }
    let mut open: Vec<&proto::Node> = vec![node];
    let mut seen: HashSet<*const proto::Function> = HashSet::new();
    while let Some(node) = open.pop() {
        open.extend(node.subgraphs().flat_map(|body| &body.node));
        for function in &model.shell.functions {
            let called = function.name == node.op_type
                && function.domain.as_deref().unwrap_or_default()
                    == node.domain.as_deref().unwrap_or_default();
            if called && seen.insert(std::ptr::from_ref(function)) {
                if any_node(&function.node, wanted, 0) {
                    return Some(node.label().to_owned());
                }
                open.extend(&function.node);
            }
        }
    }
    None
}
