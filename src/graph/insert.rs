//! Insertion of dropout into models that have none.

use std::collections::BTreeMap;

use super::candidates::{Candidate, CandidateSearch, InsertionPoint};
use super::choose::{Pattern, SiteOptions};
use super::site::{
    DetectedSite, DrawSource, DropUnit, DropoutValues, Mask, MaskApplication, Site,
    SiteKind, StochasticNode,
};
use crate::error::{Error, Result};
use crate::onnx::{GraphIndex, Model, int_values};

/// Insertion points that `blocks` stands for.
const BLOCKS: [InsertionPoint; 2] = [InsertionPoint::Residual, InsertionPoint::Linear];

/// Returns the sites that the options insert.
///
/// # Errors
/// Fails if an insertion point or node does not exist, or has no channels to drop.
pub(super) fn sites(
    model: &Model,
    heads: &[&str],
    search: &CandidateSearch,
    options: &SiteOptions,
) -> Result<Vec<DetectedSite>> {
    let all = search.all(heads);
    let mut chosen: Vec<Candidate> = Vec::new();
    for wanted in &options.insert {
        for candidate in candidates_for(model, search, &all, wanted)? {
            if !chosen.iter().any(|c| c.at == candidate.at) {
                chosen.push(candidate);
            }
        }
    }
    // A tensor that several nodes read gets one dropout.
    let mut by_tensor: BTreeMap<String, Vec<Candidate>> = BTreeMap::new();
    for candidate in chosen {
        by_tensor.entry(candidate.tensor.clone()).or_default().push(candidate);
    }
    let mut groups: Vec<Vec<Candidate>> = by_tensor.into_values().collect();
    groups.sort_by_key(|group| group.iter().map(|c| c.at).min());
    groups.into_iter().map(|group| site(model, &group, options)).collect()
}

fn candidates_for(
    model: &Model,
    search: &CandidateSearch,
    all: &[Candidate],
    wanted: &str,
) -> Result<Vec<Candidate>> {
    let at_points = |points: &[InsertionPoint]| -> Vec<Candidate> {
        all.iter().filter(|c| points.contains(&c.place)).cloned().collect()
    };
    let place = InsertionPoint::ALL.into_iter().find(|place| place.name() == wanted);
    let found = match place {
        Some(place) => at_points(&[place]),
        None if wanted == "blocks" => at_points(&BLOCKS),
        None => {
            let pattern = Pattern::new("insert", wanted)?;
            let nodes = model.graph.node.iter().enumerate();
            let named = nodes.filter(|(_, node)| pattern.matches(node.label()));
            let at = |(at, _): (usize, _)| {
                let known = all.iter().find(|c| c.at == at).cloned();
                known.or_else(|| search.before(at))
            };
            named.filter_map(at).collect()
        }
    };
    let fused = model.graph.node.iter().find(|node| {
        node.op() == "Attention" && (wanted == "attention" || node.label() == wanted)
    });
    match (found.is_empty(), fused) {
        (_, Some(node)) if place == Some(InsertionPoint::Attention) || node.label() == wanted => {
            Err(Error::node(
                node.label(),
                "attention in one operator: its weights are not a tensor that dropout could \
                 be put on",
            )
            .with_hint("export with an operator set below 23, or choose another place"))
        }
        (false, _) => Ok(found),
        (true, _) => Err(no_candidate(all, wanted)),
    }
}

fn no_candidate(all: &[Candidate], wanted: &str) -> Error {
    let mut places: Vec<&str> = Vec::new();
    for place in InsertionPoint::ALL {
        if all.iter().any(|c| c.place == place) {
            places.push(place.name());
        }
    }
    let message =
        format!("the model has no place or node \"{wanted}\" that leads to the output");
    let hint = match &places[..] {
        [] => "name a node before which dropout goes: `mcdrop inspect -v` lists all"
            .to_owned(),
        places => format!(
            "its places are {}; `mcdrop inspect` lists them with their nodes",
            places.join(", ")
        ),
    };
    Error::setting("insert", message).with_hint(hint)
}

fn site(
    model: &Model,
    group: &[Candidate],
    options: &SiteOptions,
) -> Result<DetectedSite> {
    let tensor = &group[0].tensor;
    let output = format!("{tensor}/inserted");
    let unit = options.unit.unwrap_or(DropUnit::Element);
    let mut site = Site::new(&group[0].node, SiteKind::Dropout, unit, output.clone());
    site.ratio = Some(SiteOptions::INSERTED_RATIO);
    site.reason = Some(format!("inserted before {}", names(group)));
    let mask = Mask {
        axes: match unit {
            DropUnit::Element => None,
            DropUnit::Row => Some(Vec::new()),
            DropUnit::Channel => Some(vec![channel_axis(model, &group[0])?]),
        },
    };
    let readers: Vec<usize> = group.iter().map(|candidate| candidate.at).collect();
    let application = MaskApplication {
        path: Vec::new(),
        at: readers.iter().copied().min().unwrap_or(0),
        source: DrawSource::Data { tensor: tensor.clone() },
        output,
        values: DropoutValues::of_dropout(SiteOptions::INSERTED_RATIO),
        iteration: None,
        readers: Some(readers),
    };
    Ok(DetectedSite {
        site,
        draw: StochasticNode::Dropout(mask),
        applications: vec![application],
        refused: None,
        is_inserted: true,
    })
}

fn names(group: &[Candidate]) -> String {
    let names: Vec<String> = group.iter().map(|c| format!("\"{}\"", c.node)).collect();
    names.join(", ")
}

/// Returns the axis of the channels, counted from the last: before a convolution the second of as
/// many axes as its weights have, before a linear layer the last.
fn channel_axis(model: &Model, candidate: &Candidate) -> Result<i64> {
    let index = GraphIndex::new(&model.graph);
    let mut node = &model.graph.node[candidate.at];
    let rank = |node: &crate::onnx::proto::Node| {
        let weights = node.input.get(1).map(String::as_str)?;
        let weights = match index.producer(weights) {
            Some(identity) => identity.input.first()?,
            None => weights,
        };
        index.initializer(weights).map(|tensor| tensor.dims.len() as i64)
    };
    for _ in 0..16 {
        match node.op() {
            "Conv" | "ConvTranspose" | "QLinearConv" => {
                return Ok(rank(node).map_or(-3, |rank| 1 - rank));
            }
            "Gemm" | "MatMul" | "LayerNormalization"
                if candidate.place != InsertionPoint::Attention =>
            {
                return Ok(-1);
            }
            "Resize" | "Upsample" | "GlobalAveragePool" | "AveragePool" | "MaxPool"
            | "BatchNormalization" | "DepthToSpace" => {
                let sizes = node.input.get(3).or(node.input.get(2));
                let sizes = sizes.and_then(|name| int_values(model, &index, name));
                return Ok(sizes.map_or(-3, |sizes| 1 - sizes.len() as i64));
            }
            _ => {}
        }
        // The layer that writes the tensor has the same channels.
        let before = node.input.iter().find_map(|name| index.producer(name));
        match before {
            Some(before) => node = before,
            None => break,
        }
    }
    Err(Error::setting("unit", format!("\"{}\" reads no channels", candidate.node))
        .with_hint("leave `unit` out: every element is dropped by itself"))
}
