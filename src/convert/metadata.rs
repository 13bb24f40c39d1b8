//! Metadata of converted models.

use super::conversion::Conversion;
use super::converted::{AddedInputs, Converted, ConvertedDraw, ConvertedMask};
use super::draw_location::DrawLocation;
use super::guard::Guard;
use super::mask_inputs::MaskInputs;
use crate::graph::{ActiveSite, Plan, SiteAxis, StochasticNode};
use crate::onnx::proto;

/// Origin of the masks of a converted graph.
pub(super) enum MaskOrigin {
    Drawn { inputs: AddedInputs, guard: Guard },
    Inputs(MaskInputs),
}

/// Describes a conversion.
pub(super) fn entry(conversion: &Conversion, origin: MaskOrigin) -> Converted {
    let Conversion { plan, draws_at, scheme, single_image } = *conversion;
    let (inputs, guard, masks) = match origin {
        MaskOrigin::Drawn { inputs, guard } => (inputs, Some(guard), Vec::new()),
        MaskOrigin::Inputs(masks) => {
            let inputs = AddedInputs { masks: masks.names(), ..AddedInputs::default() };
            (inputs, None, masks.of_draws)
        }
    };
    let masks = masks.into_iter().map(Some).chain(std::iter::repeat(None));
    let sites = plan.active().iter().zip(draws_at).zip(masks);
    Converted {
        version: Converted::VERSION,
        draws: guard.is_some().then(|| scheme.name().to_owned()),
        inputs,
        guard,
        rows: if single_image { Converted::ONE } else { Converted::ANY }.to_owned(),
        sites: sites
            .map(|((active, location), mask)| draw(plan, active, location, mask))
            .collect(),
    }
}

fn draw(
    plan: &Plan,
    active: &ActiveSite,
    location: &DrawLocation,
    mask: Option<ConvertedMask>,
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
        generator: if mask.is_some() { "input" } else { "mask page" }.to_owned(),
        mask,
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
