//! The batch axis of each tensor at the cut and of each site, proven by runs on noise.

use super::batching::RowBytes;
use super::engine::{
    CutLayout, CutTensors, DETERMINISTIC_SUFFIX, Opener, Prefix, as_typed,
};
use super::image;
use super::probe_tensor::ProbeTensor;
use super::size::Size;
use crate::error::{Error, Result};
use crate::graph::{Plan, SiteAxis, SuffixKind, TypedTensor};
use crate::input::preprocessing::ModelInput;
use crate::runtime::{Session, Value};

/// Batch axes of a model.
pub(super) struct BatchAxes {
    pub(super) cuts: Vec<CutLayout>,
    pub(super) sites: Vec<SiteAxis>,
    /// The reason why a run must have one row; `None` if it may have several.
    pub(super) limited_by: Option<String>,
}

/// Result of a run with all sites off.
pub(super) struct DeterministicRun {
    /// The head tensors.
    pub(super) heads: Vec<Value>,
    /// Rows of the run.
    pub(super) rows: usize,
    pub(super) row_bytes: RowBytes,
}

/// A plan with the batch axes that were proven for it.
pub(super) struct ProvenPlan {
    pub(super) plan: Plan,
    pub(super) prefix: Prefix,
    pub(super) axes: BatchAxes,
    /// Types of the tensors that sites drop from.
    pub(super) types: Vec<TypedTensor>,
    /// Sizes of the first head that ONNX Runtime knows without running, `None` for a size that
    /// depends on the image.
    pub(super) declared: Vec<Option<usize>>,
    /// Size of the noise images of the proof.
    pub(super) size: Size,
    /// The run of a single noise image.
    pub(super) run: Option<DeterministicRun>,
    /// The batch size that the file fixes, if it was opened.
    pub(super) opened_batch: Option<usize>,
}

/// Largest number of sites whose tensors are held at the same time. A model with more sites is run
/// again for each further group.
const SITES_PER_RUN: usize = 64;

/// Shows with two noise images which axis of each tensor counts rows. Runs of a fixed number of
/// rows are filled with one image, and then with another in the second row.
pub(super) struct AxisProbe<'a> {
    plan: &'a Plan,
    input: &'a ModelInput,
    prefix: &'a mut Prefix,
    suffix: Session,
    /// Names of the outputs of the suffix: the heads, then the tensors that sites drop from.
    outputs: Vec<String>,
}

impl<'a> AxisProbe<'a> {
    pub(super) fn open(
        plan: &'a Plan,
        input: &'a ModelInput,
        prefix: &'a mut Prefix,
        opener: Opener,
    ) -> Result<Self> {
        let model = plan.suffix(&prefix.cut_inputs(), SuffixKind::Probe);
        let suffix = opener.deterministic(plan, DETERMINISTIC_SUFFIX, &model)?;
        let outputs = suffix.outputs().into_iter().map(|output| output.name).collect();
        Ok(Self { plan, input, prefix, suffix, outputs })
    }

    /// Proves the axes of a model that takes any number of images.
    pub(super) fn dynamic(
        &mut self,
        size: Size,
    ) -> Result<(BatchAxes, DeterministicRun)> {
        let alone = self.run_prefix(size, &[0])?;
        let outputs = self.run_suffix(&alone, FIRST)?;
        let axes = if let Some(reason) = self.plan.rows_share() {
            BatchAxes { limited_by: Some(reason), ..self.whole(&alone) }
        } else {
            let proof = self
                .run_prefix(size, &[1])
                .map_err(|error| error.to_string())
                .and_then(|other| self.prove_two_rows(size, [&alone, &other], &outputs));
            proof.unwrap_or_else(|reason| BatchAxes {
                limited_by: Some(reason),
                ..self.whole(&alone)
            })
        };
        Ok((axes, self.deterministic_run(&alone, outputs, 1)?))
    }

    /// Finds the axes of a model with a fixed batch size, which could not be opened for this
    /// reason. With one image per run nothing needs a proof.
    pub(super) fn fixed(
        &mut self,
        size: Size,
        rows: usize,
        why: &str,
    ) -> Result<(BatchAxes, DeterministicRun)> {
        let same = self.run_prefix(size, &vec![0; rows])?;
        let same_outputs = self.run_suffix(&same, FIRST)?;
        let limited_by = Some(format!(
            "the file has a fixed batch size of {rows}, which could not be opened: {why}"
        ));
        let mut axes = BatchAxes { limited_by, ..self.whole(&same) };
        if rows > 1 {
            let other = self.run_prefix(size, &vec![1; rows])?;
            let mut images = vec![0; rows];
            images[1] = 1;
            let mixed = self.run_prefix(size, &images)?;
            axes.sites =
                self.axes_of_fixed(rows, [&same, &other, &mixed], &same_outputs)?;
        }
        Ok((axes, self.deterministic_run(&same, same_outputs, rows)?))
    }

    /// Fails if the model cannot take images of a size. The values of its scores do not matter.
    pub(super) fn takes(&mut self, size: Size) -> Result<()> {
        let cut = self.run_prefix(size, &vec![0; image::rows(self.plan)])?;
        check_not_empty(self.run_suffix(&cut, FIRST)?.first())
    }

    /// Returns the heads of a run of these noise images.
    pub(super) fn heads(&mut self, size: Size, images: &[u64]) -> Result<Vec<Value>> {
        let cut = self.run_prefix(size, images)?;
        let mut outputs = self.run_suffix(&cut, FIRST)?;
        outputs.truncate(self.plan.heads().len());
        Ok(outputs)
    }

    /// Sizes that ONNX Runtime knows of the first head, whatever the image.
    pub(super) fn declared_sizes(&self) -> Vec<Option<usize>> {
        let outputs = self.suffix.outputs();
        outputs.first().map(|head| head.dimensions.clone()).unwrap_or_default()
    }

    /// Types of the tensors that sites drop from.
    pub(super) fn site_types(&self) -> Vec<TypedTensor> {
        let n_heads = self.plan.heads().len();
        self.suffix.outputs().iter().skip(n_heads).map(as_typed).collect()
    }

    /// Returns the run that wrote these outputs of the first group.
    fn deterministic_run(
        &mut self,
        cut: &CutTensors,
        mut outputs: Vec<Value>,
        rows: usize,
    ) -> Result<DeterministicRun> {
        let sites = outputs.split_off(self.plan.heads().len().min(outputs.len()));
        let mut shapes: Vec<Vec<usize>> = sites.iter().map(Value::shape).collect();
        drop(sites);
        for group in 1..self.n_groups() {
            shapes.extend(self.run_suffix(cut, group)?.iter().map(Value::shape));
        }
        DeterministicRun::new(cut, outputs, shapes.into_iter(), rows)
    }

    /// Returns the number of groups of sites that are run one after the other.
    fn n_groups(&self) -> usize {
        self.plan.probed().len().div_ceil(SITES_PER_RUN).max(1)
    }

    /// Returns the sites of a group, and the position of the first of them among the outputs of the
    /// group. The outputs of the first group start with the heads.
    fn sites_of(&self, group: usize) -> (Vec<usize>, usize) {
        let probed = self.plan.probed().into_iter();
        let sites = probed.skip(group * SITES_PER_RUN).take(SITES_PER_RUN).collect();
        (sites, if group == FIRST { self.plan.heads().len() } else { 0 })
    }

    fn run_prefix(&mut self, size: Size, images: &[u64]) -> Result<CutTensors> {
        let noise =
            |&number: &u64| image::noise_tensor(self.plan, self.input, number, size);
        let noise = images.iter().map(noise).collect::<Result<Vec<_>>>()?;
        let batch = match <[Value; 1]>::try_from(noise) {
            Ok([image]) => image,
            Err(images) => Value::stack(&images.iter().collect::<Vec<_>>(), 0)?,
        };
        self.prefix.run(batch)
    }

    fn axes_of_fixed(
        &mut self,
        rows: usize,
        [same_cut, other_cut, mixed_cut]: [&CutTensors; 3],
        same: &[Value],
    ) -> Result<Vec<SiteAxis>> {
        let axis = |[same, other, mixed]: [&Value; 3]| -> Result<Option<usize>> {
            let (other, mixed) = (ProbeTensor::new(other)?, ProbeTensor::new(mixed)?);
            Ok(ProbeTensor::new(same)?.batch_axis_in_mixed_run(&other, &mixed, rows))
        };
        let mut other = self.run_suffix(other_cut, FIRST)?;
        let mut mixed = self.run_suffix(mixed_cut, FIRST)?;
        let path = self.plan.model().path();
        let refused = |what: String| {
            Error::model(
                path,
                format!("the batch axis of {what} cannot be found in runs of {rows} images, the file's fixed batch size"),
            )
            .with_hint("export the model with a batch size of 1 or with a dynamic batch axis")
        };
        if let Some(operator) = self.plan.rows_share_a_scale() {
            return Err(refused(format!("node \"{operator}\", which mixes the rows,")));
        }
        for (i, head) in self.plan.heads().iter().enumerate() {
            if axis([&same[i], &other[i], &mixed[i]])? != Some(0) {
                return Err(refused(format!("output \"{}\"", head.output)));
            }
        }
        if !ProbeTensor::new(&same[0])?.repeats(rows) {
            let message = format!(
                "the {rows} rows of a run differ although all are of one image: each has \
                 constants of its own, as the masks of Masksembles"
            );
            return Err(Error::model(path, message).with_hint(
                "export the network with a batch size of 1, or each of its members by itself",
            ));
        }
        let mut axes = vec![SiteAxis::Rows(0); self.plan.active().len()];
        let mut same_of_group = Vec::new();
        for group in 0..self.n_groups() {
            if group != FIRST {
                same_of_group = self.run_suffix(same_cut, group)?;
                other = self.run_suffix(other_cut, group)?;
                mixed = self.run_suffix(mixed_cut, group)?;
            }
            let same = if group == FIRST { same } else { &same_of_group[..] };
            let (sites, first) = self.sites_of(group);
            for (i, number) in (first..).zip(sites) {
                let found = if self.plan.active()[number].is_noise() {
                    same[i].shape().first().filter(|&&size| size == rows).map(|_| 0)
                } else {
                    axis([&same[i], &other[i], &mixed[i]])?
                };
                let name = self.plan.node_of(number);
                let found =
                    found.ok_or_else(|| refused(format!("dropout \"{name}\"")))?;
                axes[number] = SiteAxis::Rows(found);
            }
        }
        Ok(axes)
    }

    /// Returns the axes of runs of one row: every site draws over its whole tensor.
    fn whole(&self, alone: &CutTensors) -> BatchAxes {
        BatchAxes {
            cuts: vec![CutLayout::Shared; alone.0.len()],
            sites: vec![SiteAxis::Whole; self.plan.active().len()],
            limited_by: None,
        }
    }

    /// Returns the axes, or why they cannot be proven.
    fn prove_two_rows(
        &mut self,
        size: Size,
        [alone, other]: [&CutTensors; 2],
        outputs: &[Value],
    ) -> Result<BatchAxes, String> {
        let text = |error: Error| error.to_string();
        let both = self.run_prefix(size, &[0, 1]).map_err(text)?;
        let mut cuts = Vec::new();
        let n_cuts = self.plan.cuts().len();
        for (i, ((one, other), two)) in
            alone.0.iter().zip(&other.0).zip(&both.0).enumerate()
        {
            let name = &self.prefix.names()[i];
            let found = if i < n_cuts {
                cut_layout([one, other], two)
            } else {
                shape_layout(one, two)
            };
            let unknown = || {
                format!(
                    "the batch axis of tensor \"{name}\" at the cut could not be proven"
                )
            };
            cuts.push(found.map_err(text)?.ok_or_else(unknown)?);
        }
        let share = |rows| share_cuts(alone, rows, &cuts);
        let mut other_outputs =
            self.run_suffix_with(&share(other), FIRST).map_err(text)?;
        let mut two_outputs = self.run_suffix_with(&share(&both), FIRST).map_err(text)?;
        let n_heads = self.plan.heads().len();
        for i in 0..n_heads {
            let axis =
                batch_axis_of_two([&outputs[i], &other_outputs[i]], &two_outputs[i]);
            if axis.map_err(text)? != Some(0) {
                return Err(
                    "the rows of a run could not be told apart at the output".to_owned()
                );
            }
        }
        // Sites in subgraphs cannot be seen; the first sample verifies their axes.
        let mut axes = vec![SiteAxis::Rows(0); self.plan.active().len()];
        let mut outputs_of_group = Vec::new();
        for group in 0..self.n_groups() {
            if group != FIRST {
                outputs_of_group = self.run_suffix(alone, group).map_err(text)?;
                other_outputs =
                    self.run_suffix_with(&share(other), group).map_err(text)?;
                two_outputs = self.run_suffix_with(&share(&both), group).map_err(text)?;
            }
            let outputs = if group == FIRST { outputs } else { &outputs_of_group[..] };
            let (sites, first) = self.sites_of(group);
            for (i, number) in (first..).zip(sites) {
                let [one, other, two] = [outputs, &other_outputs[..], &two_outputs[..]]
                    .map(|outputs| &outputs[i]);
                let found = if self.plan.active()[number].is_noise() {
                    axis_that_doubles(one, two)
                } else {
                    batch_axis_of_two([one, other], two).map_err(text)?
                };
                let Some(axis) = found else {
                    let node = self.plan.node_of(number);
                    return Err(format!(
                        "the batch axis of dropout \"{node}\" could not be proven"
                    ));
                };
                axes[number] = SiteAxis::Rows(axis);
            }
        }
        Ok(BatchAxes { cuts, sites: axes, limited_by: None })
    }

    /// Returns the outputs of a group of sites.
    fn run_suffix(&mut self, cut: &CutTensors, group: usize) -> Result<Vec<Value>> {
        self.run_suffix_with(&cut.0.iter().collect::<Vec<_>>(), group)
    }

    fn run_suffix_with(&mut self, values: &[&Value], group: usize) -> Result<Vec<Value>> {
        let names = self.prefix.names().iter().map(String::as_str);
        let fed: Vec<(&str, &Value)> = names.zip(values.iter().copied()).collect();
        let n_heads = self.plan.heads().len();
        let end = (n_heads + (group + 1) * SITES_PER_RUN).min(self.outputs.len());
        let start = if group == FIRST { 0 } else { n_heads + group * SITES_PER_RUN };
        self.suffix.run_for(&fed, &self.outputs[start.min(end)..end])
    }
}

/// The group of sites whose run also gives the heads.
const FIRST: usize = 0;

/// Returns the tensors of rows at the cut. Tensors that rows share are taken from the first image,
/// because in sampling all rows of a run are of one image.
fn share_cuts<'v>(
    first: &'v CutTensors,
    rows: &'v CutTensors,
    cuts: &[CutLayout],
) -> Vec<&'v Value> {
    let each = rows.0.iter().zip(&first.0).zip(cuts);
    let fed = each.map(
        |((own, first), crossing)| {
            if *crossing == CutLayout::Shared { first } else { own }
        },
    );
    fed.collect()
}

/// Fails if the scores are maps without a pixel, which small images may shrink to.
pub(super) fn check_not_empty(scores: Option<&Value>) -> Result<()> {
    let shape = scores.map(Value::shape).unwrap_or_default();
    if shape.iter().skip(2).all(|&size| size > 0) {
        return Ok(());
    }
    Err(Error::runtime("the model's output", format!("its sizes are {shape:?}"))
        .with_hint("give images that leave a pixel in the output"))
}

impl DeterministicRun {
    /// Fails if the heads are empty. `sites` are the shapes of the tensors that sites drop from.
    pub(super) fn new(
        cut: &CutTensors,
        heads: Vec<Value>,
        sites: impl Iterator<Item = Vec<usize>>,
        rows: usize,
    ) -> Result<Self> {
        if heads.is_empty() {
            return Err(Error::runtime("the probe", "the suffix has no output"));
        }
        check_not_empty(heads.first())?;
        let row_bytes = RowBytes::of(&cut.0, &heads, sites, rows);
        Ok(Self { heads, rows, row_bytes })
    }
}

fn batch_axis_of_two([one, other]: [&Value; 2], two: &Value) -> Result<Option<usize>> {
    let (other, two) = (ProbeTensor::new(other)?, ProbeTensor::new(two)?);
    Ok(ProbeTensor::new(one)?.batch_axis_of_two(&other, &two))
}

/// Returns the only axis that is twice as long for two rows.
fn axis_that_doubles(one: &Value, two: &Value) -> Option<usize> {
    let (one, two) = (one.shape(), two.shape());
    let grown: Vec<usize> =
        (0..one.len().min(two.len())).filter(|&i| one[i] != two[i]).collect();
    match grown[..] {
        [axis] if two[axis] == 2 * one[axis] => Some(axis),
        _ => None,
    }
}

fn cut_layout(alone: [&Value; 2], two: &Value) -> Result<Option<CutLayout>> {
    if alone[0].shape() == two.shape() {
        return Ok(Some(CutLayout::Shared));
    }
    Ok(batch_axis_of_two(alone, two)?.map(CutLayout::Rows))
}

fn shape_layout(one: &Value, two: &Value) -> Result<Option<CutLayout>> {
    let (one, two) = (one.i64s()?, two.i64s()?);
    let differ: Vec<usize> =
        (0..one.len()).filter(|&i| one.get(i) != two.get(i)).collect();
    Ok(match differ[..] {
        [] => Some(CutLayout::Shared),
        [i] if two.get(i) == Some(&(2 * one[i])) => Some(CutLayout::Count(i)),
        _ => None,
    })
}
