//! Metadata of converted models.

use super::conversion::Conversion;
use super::converted::{AddedInputs, Converted, ConvertedDraw};
use super::draw_location::DrawLocation;
use super::guard::Guard;
use crate::graph::{ActiveSite, Plan, SiteAxis, StochasticNode};
use crate::onnx::proto;

/// Describes a conversion.
pub(super) fn entry(
    conversion: &Conversion,
    inputs: AddedInputs,
    guard: Option<Guard>,
) -> Converted {
    let Conversion { plan, draws_at, scheme, single_image } = *conversion;
    let given = inputs.sample.is_none();
    let sites = plan.active().iter().zip(draws_at);
    Converted {
        version: Converted::VERSION,
        draws: if given { Converted::GIVEN } else { scheme.name() }.to_owned(),
        inputs,
        guard,
        rows: if single_image { Converted::ONE } else { Converted::ANY }.to_owned(),
        sites: sites
            .map(|(active, location)| draw(plan, active, location, given))
            .collect(),
    }
}

fn draw(
    plan: &Plan,
    active: &ActiveSite,
    location: &DrawLocation,
    given: bool,
) -> ConvertedDraw {
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
        node: location.name.clone(),
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
        row_axis: match location.axis {
            SiteAxis::Rows(axis) => Some(axis),
            SiteAxis::Whole => None,
        },
        iteration: location.iteration.clone(),
        generator: if given { "input" } else { "mask page" }.to_owned(),
        reason: site.reason.clone(),
    }
}

/// Writes the description into the model, in the place of an earlier one.
pub(super) fn put(model: &mut proto::Model, entry: &Converted) {
    let is_other = |e: &proto::StringEntry| e.key.as_deref() != Some(Converted::METADATA);
    model.metadata_props.retain(is_other);
    model.metadata_props.push(proto::StringEntry {
        key: Some(Converted::METADATA.to_owned()),
        value: serde_json::to_string(entry).ok(),
    });
}
