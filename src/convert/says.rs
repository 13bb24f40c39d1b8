//! What the file says about itself.

use super::place::Place;
use crate::graph::{
    ActiveSite, AddedInputs, Converted, ConvertedDraw, Plan, SiteAxis, StochasticNode,
};
use crate::onnx::proto;
use crate::random::Draws;

/// The entry of a converted model.
pub(super) fn entry(
    (plan, places): (&Plan, &[Place]),
    inputs: AddedInputs,
    (draws, one): (Draws, bool),
) -> Converted {
    let given = inputs.sample.is_none();
    let sites = plan.active().iter().zip(places);
    Converted {
        version: Converted::VERSION,
        draws: if given { Converted::GIVEN } else { draws.name() }.to_owned(),
        inputs,
        rows: if one { Converted::ONE } else { Converted::ANY }.to_owned(),
        sites: sites.map(|(active, place)| draw(plan, active, place, given)).collect(),
    }
}

fn draw(plan: &Plan, active: &ActiveSite, place: &Place, given: bool) -> ConvertedDraw {
    let site = &plan.sites()[active.site];
    let values = active.values;
    let (mut mask_axes, mut dropout, mut normal, mut uniform) = (None, None, None, None);
    match &active.draw {
        StochasticNode::Dropout(mask) => {
            mask_axes.clone_from(&mask.axes);
            dropout = Some([values.scale, values.shift, values.dropped]);
        }
        StochasticNode::Normal { mean, scale } => normal = Some([*mean, *scale]),
        StochasticNode::Uniform { low, high, off } => uniform = Some([*low, *high, *off]),
    }
    ConvertedDraw {
        node: place.name.clone(),
        original: site.node.clone(),
        module: site.module.clone(),
        input: active.input.clone(),
        output: active.output.clone(),
        tensor: site.tensor.clone(),
        key: format!("{:016x}", site.key),
        kind: site.kind.name().to_owned(),
        ratio: site.ratio,
        unit: site.unit.name().to_owned(),
        mask_axes,
        values: dropout,
        normal,
        uniform,
        row_axis: match place.axis {
            SiteAxis::Rows(axis) => Some(axis),
            SiteAxis::Whole => None,
        },
        iteration: place.iteration.clone(),
        generator: if given { "input" } else { "mask page" }.to_owned(),
        reason: site.reason.clone(),
    }
}

/// Puts the entry into the file, in place of an earlier one.
pub(super) fn put(model: &mut proto::Model, entry: &Converted) {
    let is_other = |e: &proto::StringEntry| e.key.as_deref() != Some(Converted::METADATA);
    model.metadata_props.retain(is_other);
    model.metadata_props.push(proto::StringEntry {
        key: Some(Converted::METADATA.to_owned()),
        value: serde_json::to_string(entry).ok(),
    });
}
