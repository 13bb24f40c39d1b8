//! Masks as inputs, one per site, for runtimes and operator sets that cannot draw them.
//!
//! A mask holds a byte per unit. The file looks up each byte in a table of factors, so that the
//! pass without dropout is a value of the mask, and any other byte makes its unit NaN.

use super::ConvertOptions;
use super::conversion::Conversion;
use super::converted::{Converted, ConvertedMask};
use super::draw_location::{DrawLocation, draw_number};
use super::dropout::{UnitValues, apply};
use super::generator::FIRST_OPSET;
use crate::error::{Error, Result};
use crate::graph::{ActiveSite, Mask, Plan, SiteAxis, StochasticNode};
use crate::onnx::ElementType::{Bool, I32, U8};
use crate::onnx::build::NodeBuilder;
use crate::onnx::{proto, typed};
use crate::random::{Stream, dropped, threshold};
use crate::runtime::Value;
use crate::sampling::{ProbedModel, SamplingOptions};

/// The first operator set that broadcasts sizes.
const BROADCASTS: i64 = 7;

/// Byte of a unit that is dropped.
const DROPPED: u8 = 0;
/// Byte of a unit that is kept and scaled.
const KEPT: u8 = 1;
/// Byte of a unit in the pass without dropout.
const WITHOUT_DROPOUT: u8 = 2;

/// Origin of the masks of a converted file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MaskSource {
    /// The file draws them. Below operator set 11, which cannot, they are inputs.
    #[default]
    Drawn,
    /// They are inputs of the file.
    Inputs,
}

/// Returns true if the masks of a converted file are inputs.
pub(super) fn are_needed(plan: &Plan, options: &ConvertOptions) -> bool {
    options.masks == MaskSource::Inputs || plan.model().opset() < FIRST_OPSET
}

/// Checks that all masks can be inputs.
///
/// # Errors
/// Fails if the operator set is too old, or if a draw is not a mask of the graph itself.
pub(super) fn check_supported(plan: &Plan) -> Result<()> {
    let opset = plan.model().opset();
    if opset < BROADCASTS {
        let message = format!(
            "masks cannot be inputs: expected operator set {BROADCASTS} or newer, found {opset}"
        );
        return Err(Error::model(plan.model().path(), message)
            .with_hint("export the model with a newer one: opset_version=17"));
    }
    for (number, active) in plan.active().iter().enumerate() {
        let has_replacement = active.values.shift != 0.0 || active.values.dropped != 0.0;
        let what = match () {
            () if active.is_noise() => "it draws numbers other than 0 and 1",
            () if !active.is_outside => "it is inside of a subgraph",
            () if has_replacement && opset < NodeBuilder::FIRST_WITH_WHERE => {
                "it replaces values by others than 0, which needs operator set 9"
            }
            () => continue,
        };
        let message = format!("its mask cannot be an input: {what}");
        let hint = if opset < FIRST_OPSET {
            "export the model with operator set 11 or newer, opset_version=17, and use \
             `masks = drawn`; or leave the node out with `except`"
        } else {
            "use `masks = drawn`, or leave the node out with `except`"
        };
        return Err(Error::node(plan.node_of(number), message).with_hint(hint));
    }
    Ok(())
}

/// Inputs for masks, one per site.
pub(super) struct MaskInputs {
    /// Mask of each draw. Draws of one site share it.
    pub(super) of_draws: Vec<ConvertedMask>,
    inputs: Vec<proto::ValueInfo>,
}

impl MaskInputs {
    /// Chooses the names and shapes of the inputs.
    ///
    /// # Errors
    /// Fails if ONNX Runtime cannot run the model on an image of the size that it was probed with.
    pub(super) fn new(
        conversion: &Conversion,
        probed: &ProbedModel,
        b: &mut NodeBuilder,
    ) -> Result<Self> {
        let plan = conversion.plan;
        let shapes = probed.draw_shapes(probed.size())?;
        let shape_of = |number: usize| {
            let place = plan.probed().iter().position(|&probed| probed == number);
            place.and_then(|place| shapes.get(place)).map_or(&[][..], Vec::as_slice)
        };
        let mut masks = Self { of_draws: Vec::new(), inputs: Vec::new() };
        for (number, (active, location)) in
            plan.active().iter().zip(conversion.draws_at).enumerate()
        {
            let first = plan.active().iter().position(|other| other.site == active.site);
            if let Some(mask) = first.and_then(|first| masks.of_draws.get(first)) {
                masks.of_draws.push(mask.clone());
                continue;
            }
            let shape = MaskShape { active, location, tensor: shape_of(number) };
            let name = b.names.unique(&format!("mask/{}", plan.node_of(number)));
            let tensor = proto::TensorType {
                shape: Some(shape.declared(conversion)),
                ..proto::TensorType::of_any_shape(U8)
            };
            masks.inputs.push(typed(&name, tensor));
            let shape = shape.of_one_image(plan);
            masks.of_draws.push(ConvertedMask { input: name, shape });
        }
        Ok(masks)
    }

    /// Names of the inputs.
    pub(super) fn names(&self) -> Vec<String> {
        self.inputs.iter().filter_map(|input| input.name.clone()).collect()
    }

    /// Replaces every draw by a dropout with the mask that is given.
    pub(super) fn replace_draws(
        &self,
        b: &mut NodeBuilder,
        conversion: &Conversion,
        nodes: &mut Vec<proto::Node>,
    ) {
        for node in std::mem::take(nodes) {
            let number = draw_number(&node);
            let found = number.and_then(|number| {
                conversion.draw(number).zip(self.of_draws.get(number))
            });
            let Some(((active, location), mask)) = found else {
                nodes.push(node);
                continue;
            };
            b.scope.clone_from(&active.output);
            let mask = b.cast(&mask.input, I32);
            let is_kept = b.cast(&mask, Bool);
            let values = active.values;
            let factors = table(b, [0.0, values.scale, 1.0]);
            let factors = b.gather(&factors, &mask, 0);
            let shifts = (values.shift != 0.0).then(|| {
                let shifts = table(b, [0.0, values.shift, 0.0]);
                b.gather(&shifts, &mask, 0)
            });
            apply(b, active, location, &UnitValues { factors, shifts, is_kept });
            nodes.append(&mut b.take());
        }
    }

    /// Declares the inputs.
    pub(super) fn declare(&self, graph: &mut proto::Graph) {
        graph.input.extend(self.inputs.iter().cloned());
    }
}

/// Adds a table with a value for each byte. Bytes without a meaning are NaN, because runtimes treat
/// indices beyond the end of a table in different ways.
fn table(b: &mut NodeBuilder, [dropped, kept, without_dropout]: [f32; 3]) -> String {
    let mut values = [f32::NAN; 256];
    values[usize::from(DROPPED)] = dropped;
    values[usize::from(KEPT)] = kept;
    values[usize::from(WITHOUT_DROPOUT)] = without_dropout;
    b.floats(&values)
}

/// Shape of a mask in terms of the tensor that it is applied to.
struct MaskShape<'a> {
    active: &'a ActiveSite,
    location: &'a DrawLocation,
    /// Sizes of the tensor for one image, or for the batch size that the file fixes.
    tensor: &'a [usize],
}

impl MaskShape<'_> {
    /// Returns true if the mask varies along an axis.
    fn varies(&self, axis: usize) -> bool {
        let from_last = axis as i64 - self.tensor.len() as i64;
        let axes = match &self.active.draw {
            StochasticNode::Dropout(Mask { axes }) => axes.as_deref(),
            _ => None,
        };
        self.location.axis == SiteAxis::Rows(axis)
            || axes.is_none_or(|axes| axes.contains(&from_last))
    }

    /// Returns the sizes of the mask of one image.
    fn of_one_image(&self, plan: &Plan) -> Vec<usize> {
        let batch = fixed_batch(plan).unwrap_or(1);
        let size = |(axis, &size): (usize, &usize)| match self.location.axis {
            SiteAxis::Rows(rows) if rows == axis => size / batch,
            _ if self.varies(axis) => size,
            _ => 1,
        };
        self.tensor.iter().enumerate().map(size).collect()
    }

    /// Returns the shape of the input. Sizes that depend on the images are open.
    fn declared(&self, conversion: &Conversion) -> proto::TensorShape {
        use proto::DimensionValue::{Parameter, Value};
        let is_fixed = conversion.single_image || fixed_batch(conversion.plan).is_some();
        let size = |(axis, &size): (usize, &usize)| match self.location.axis {
            _ if !self.varies(axis) => Some(Value(1)),
            SiteAxis::Rows(rows) if rows == axis && !is_fixed => {
                (size == 1).then(|| Parameter("mcdrop_rows".to_owned()))
            }
            SiteAxis::Rows(rows) if rows == axis => Some(Value(size as i64)),
            _ => {
                let known = self.location.dimensions.get(axis).copied().flatten();
                known.map(|size| Value(size as i64))
            }
        };
        let dimension = |value| proto::Dimension { value, ..proto::Dimension::default() };
        let sizes = self.tensor.iter().enumerate().map(size);
        proto::TensorShape { dim: sizes.map(dimension).collect() }
    }
}

/// Returns the number of images of a run, if the file fixes it.
pub(super) fn fixed_batch(plan: &Plan) -> Option<usize> {
    plan.image().dimensions.as_ref()?.first().copied().flatten()
}

/// The choices that decide which masks are drawn for a check.
pub(super) struct DrawnMasks<'a> {
    pub(super) plan: &'a Plan,
    pub(super) entry: &'a Converted,
    pub(super) options: &'a SamplingOptions,
    pub(super) image_key: i64,
    /// The only site that drops units, if there is one.
    pub(super) only: Option<usize>,
}

impl DrawnMasks<'_> {
    /// Draws the masks of a run by their definition, from the shapes in the metadata. -1 is the
    /// pass without dropout.
    pub(super) fn of_samples(&self, samples: &[i64]) -> Result<Vec<(String, Value)>> {
        let mut drawn: Vec<(String, Value)> = Vec::new();
        for (active, site) in self.plan.active().iter().zip(&self.entry.sites) {
            let Some(mask) = &site.mask else { continue };
            if drawn.iter().any(|(name, _)| *name == mask.input) {
                continue;
            }
            let stream = Stream {
                draws: self.options.draws,
                seed: self.options.seed,
                site: active.key,
                image: self.image_key.cast_unsigned(),
                iteration: 0,
            };
            let limit = threshold(active.ratio).unwrap_or(0);
            let is_off = self.only.is_some_and(|only| only != active.site);
            let byte = |UnitPosition { image, unit }| {
                let sample = u32::try_from(samples[image]).ok().filter(|_| !is_off);
                match sample {
                    None => WITHOUT_DROPOUT,
                    Some(t) if dropped(&stream, limit, t, unit as u64) => DROPPED,
                    Some(_) => KEPT,
                }
            };
            let (shape, units) = units(&mask.shape, site.row_axis, samples.len());
            let bytes = units.into_iter().map(byte).collect();
            drawn.push((mask.input.clone(), Value::from_u8(&shape, bytes)?));
        }
        Ok(drawn)
    }
}

/// Position of an element of a mask among the units of the images.
struct UnitPosition {
    image: usize,
    unit: usize,
}

/// Returns the shape of a mask for several images, and the unit of each of its elements.
fn units(
    shape: &[usize],
    row_axis: Option<usize>,
    images: usize,
) -> (Vec<usize>, Vec<UnitPosition>) {
    let mut shape = shape.to_vec();
    let Some(axis) = row_axis.filter(|&axis| axis < shape.len()) else {
        let units = 0..shape.iter().product();
        return (shape, units.map(|unit| UnitPosition { image: 0, unit }).collect());
    };
    let slices = shape[axis];
    shape[axis] *= images;
    let outer: usize = shape[..axis].iter().product();
    let inner: usize = shape[axis + 1..].iter().product();
    let position = |i: usize| {
        let (block, row) = (i / inner / shape[axis], i / inner % shape[axis]);
        let unit = (row % slices * outer + block) * inner + i % inner;
        UnitPosition { image: row / slices, unit }
    };
    let count: usize = shape.iter().product();
    let units = (0..count).map(position).collect();
    (shape, units)
}
