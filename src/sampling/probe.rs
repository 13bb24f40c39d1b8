//! What a run of several rows means for a model, shown by running it on noise.

use super::batching::RowBytes;
use super::prefix::{CutTensors, Prefix, as_typed};
use super::probe_tensor::ProbeTensor;
use crate::error::{Error, Result};
use crate::graph::{Plan, SiteAxis, SuffixKind, TypedTensor};
use crate::runtime::{Runtime, Session, SessionOptions, Value};

/// How a tensor that crosses the cut grows with the rows of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CutLayout {
    /// Its slices along this axis are repeated.
    Rows(usize),
    /// An entry of a shape, multiplied by the rows.
    Count(usize),
    /// All rows of an image share it.
    Shared,
}

/// The probe's result.
pub(super) struct Probed {
    pub(super) crossings: Vec<CutLayout>,
    pub(super) axes: Vec<SiteAxis>,
    /// Types of the sites' inputs.
    pub(super) types: Vec<TypedTensor>,
    /// Why a run must have one row.
    pub(super) reason: Option<String>,
    /// The scores without dropout of one noise image, or of a run filled with it.
    pub(super) head: Value,
    /// Rows of that run.
    pub(super) head_rows: usize,
    /// The sizes of the scores as the runtime knows them whatever the image.
    pub(super) declared: Vec<Option<usize>>,
    /// What a row takes, as estimated.
    pub(super) row_bytes: RowBytes,
}

/// Shows with two noise images which axis of each tensor counts rows. With `fixed` rows a run
/// those are filled with one image, and then with another in the second row.
pub(super) struct Probe<'a> {
    pub(super) plan: &'a Plan,
    pub(super) prefix: &'a mut Prefix,
    pub(super) suffix: Session,
    pub(super) noise: &'a [Value; 2],
}

impl<'a> Probe<'a> {
    pub(super) fn open(
        plan: &'a Plan,
        runtime: &Runtime,
        prefix: &'a mut Prefix,
        options: &SessionOptions,
        noise: &'a [Value; 2],
    ) -> Result<Self> {
        let model = plan.suffix(&prefix.cut_inputs(), SuffixKind::Probe);
        let suffix = Session::open(
            runtime,
            "model from its first dropout on, with dropout off",
            &model,
            options,
        )?;
        Ok(Self { plan, prefix, suffix, noise })
    }

    /// For a model that takes any number of images.
    pub(super) fn dynamic(&mut self) -> Result<Probed> {
        let alone = self.prefix.run(&[&self.noise[0]])?;
        let alone_outputs = self.run_suffix(&alone)?;
        let row_bytes = RowBytes::of(&alone.0, &alone_outputs, 1);
        let other = self.prefix.run(&[&self.noise[1]])?;
        let proof = self.prove_two_rows([&alone, &other], &alone_outputs);
        let one_row =
            |reason: String| Proof { reason: Some(reason), ..self.whole(&alone) };
        let proof = match (self.plan.rows_share(), proof) {
            (None, Ok(proof)) => proof,
            (Some(reason), _) | (None, Err(reason)) => one_row(reason),
        };
        self.result(proof, alone_outputs, 1, row_bytes)
    }

    /// For a model with a batch size of its own, which could not be opened for this reason. With
    /// one image a run nothing needs a proof.
    pub(super) fn fixed(&mut self, rows: usize, why: &str) -> Result<Probed> {
        let same = self.prefix.run(&vec![&self.noise[0]; rows])?;
        let same_outputs = self.run_suffix(&same)?;
        let row_bytes = RowBytes::of(&same.0, &same_outputs, rows);
        let reason = Some(format!(
            "the file has a fixed batch size of {rows}, which could not be opened: {why}"
        ));
        let mut proof = Proof { reason, ..self.whole(&same) };
        if rows > 1 {
            let other = self.prefix.run(&vec![&self.noise[1]; rows])?;
            let other_outputs = self.run_suffix(&other)?;
            let mut images = vec![&self.noise[0]; rows];
            images[1] = &self.noise[1];
            let mixed = self.prefix.run(&images)?;
            let mixed_outputs = self.run_suffix(&mixed)?;
            let alone = [&same_outputs[..], &other_outputs[..]];
            proof.axes = self.axes_of_fixed(rows, alone, &mixed_outputs)?;
        }
        self.result(proof, same_outputs, rows, row_bytes)
    }

    /// Whether a run filled with an image goes through; its scores are not looked at.
    pub(super) fn takes(&mut self, image: &Value, rows: usize) -> Result<()> {
        let crossed = self.prefix.run(&vec![image; rows])?;
        check_not_empty(self.run_suffix(&crossed)?.first())
    }

    /// The scores without dropout of a run of these images.
    pub(super) fn scores(&mut self, images: &[&Value]) -> Result<Value> {
        let crossed = self.prefix.run(images)?;
        let scores = self.run_suffix(&crossed)?.into_iter().next();
        scores.ok_or_else(|| Error::runtime("the probe", "the suffix has no output"))
    }

    /// What was proven, with the suffix's outputs of a run of `head_rows` rows.
    fn result(
        &self,
        proof: Proof,
        outputs: Vec<Value>,
        head_rows: usize,
        row_bytes: RowBytes,
    ) -> Result<Probed> {
        let missing = || Error::runtime("the probe", "the suffix has no output");
        let head = outputs.into_iter().next().ok_or_else(missing)?;
        check_not_empty(Some(&head))?;
        let Proof { crossings, axes, reason } = proof;
        let (types, declared) = (self.site_types(), self.head_sizes());
        Ok(Probed {
            crossings,
            axes,
            types,
            reason,
            head,
            head_rows,
            declared,
            row_bytes,
        })
    }

    fn head_sizes(&self) -> Vec<Option<usize>> {
        let outputs = self.suffix.outputs();
        outputs.first().map(|head| head.dimensions.clone()).unwrap_or_default()
    }

    fn site_types(&self) -> Vec<TypedTensor> {
        self.suffix.outputs().iter().skip(1).map(as_typed).collect()
    }

    fn axes_of_fixed(
        &self,
        rows: usize,
        [same, other]: [&[Value]; 2],
        mixed: &[Value],
    ) -> Result<Vec<SiteAxis>> {
        let axis = |i: usize| -> Result<Option<usize>> {
            let (other, mixed) =
                (ProbeTensor::new(&other[i])?, ProbeTensor::new(&mixed[i])?);
            Ok(ProbeTensor::new(&same[i])?.batch_axis_in_mixed_run(&other, &mixed, rows))
        };
        let refused = |what: String| {
            Error::model(
                self.plan.model().path(),
                format!("the batch axis of {what} cannot be found in runs of {rows} images, the file's fixed batch size"),
            )
            .with_hint("export the model with a batch size of 1 or with a dynamic batch axis")
        };
        if let Some(operator) = self.plan.rows_share_a_scale() {
            return Err(refused(format!("node \"{operator}\", which mixes the rows,")));
        }
        if axis(0)? != Some(0) {
            return Err(refused(format!(
                "output \"{}\"",
                self.plan.heads().first().output
            )));
        }
        if !ProbeTensor::new(&same[0])?.repeats(rows) {
            let message = format!(
                "the {rows} rows of a run differ where all are of one image: each has \
                 constants of its own, as the masks of Masksembles"
            );
            return Err(Error::model(self.plan.model().path(), message).with_hint(
                "export the network with a batch size of 1, or each of its members alone",
            ));
        }
        let mut axes = vec![SiteAxis::Rows(0); self.plan.active().len()];
        for (i, number) in self.plan.probed().into_iter().enumerate() {
            let found = if self.plan.active()[number].is_noise() {
                same[i + 1].shape().first().filter(|&&size| size == rows).map(|_| 0)
            } else {
                axis(i + 1)?
            };
            let name = self.plan.node_of(number);
            let found = found.ok_or_else(|| refused(format!("dropout \"{name}\"")))?;
            axes[number] = SiteAxis::Rows(found);
        }
        Ok(axes)
    }

    /// Every tensor as it is, every site over its whole tensor.
    fn whole(&self, alone: &CutTensors) -> Proof {
        Proof {
            crossings: vec![CutLayout::Shared; alone.0.len()],
            axes: vec![SiteAxis::Whole; self.plan.active().len()],
            reason: None,
        }
    }

    /// The axes, or why they cannot be proven.
    fn prove_two_rows(
        &mut self,
        [alone, other]: [&CutTensors; 2],
        outputs: &[Value],
    ) -> Result<Proof, String> {
        let text = |error: Error| error.to_string();
        let [a, b] = self.noise;
        let both = self.prefix.run(&[a, b]).map_err(text)?;
        let mut crossings = Vec::new();
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
            crossings.push(found.map_err(text)?.ok_or_else(unknown)?);
        }
        let other_outputs =
            self.run_suffix_sharing(alone, other, &crossings).map_err(text)?;
        let two_outputs =
            self.run_suffix_sharing(alone, &both, &crossings).map_err(text)?;
        let first = batch_axis_of_two([&outputs[0], &other_outputs[0]], &two_outputs[0]);
        if first.map_err(text)? != Some(0) {
            return Err(
                "the rows of a run could not be told apart at the output".to_owned()
            );
        }
        // Those in bodies cannot be looked at; the first live pass shows whether it holds.
        let mut axes = vec![SiteAxis::Rows(0); self.plan.active().len()];
        for (i, number) in self.plan.probed().into_iter().enumerate() {
            let [one, other, two] =
                [&outputs[i + 1], &other_outputs[i + 1], &two_outputs[i + 1]];
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
        Ok(Proof { crossings, axes, reason: None })
    }

    /// Runs the suffix on rows, with what rows share taken from the first image: in sampling
    /// all rows of a run are of one image.
    fn run_suffix_sharing(
        &mut self,
        first: &CutTensors,
        rows: &CutTensors,
        crossings: &[CutLayout],
    ) -> Result<Vec<Value>> {
        let each = rows.0.iter().zip(&first.0).zip(crossings);
        let fed = each.map(
            |((own, first), crossing)| {
                if *crossing == CutLayout::Shared { first } else { own }
            },
        );
        self.run_suffix_with(&fed.collect::<Vec<_>>())
    }

    fn run_suffix(&mut self, crossed: &CutTensors) -> Result<Vec<Value>> {
        self.run_suffix_with(&crossed.0.iter().collect::<Vec<_>>())
    }

    fn run_suffix_with(&mut self, values: &[&Value]) -> Result<Vec<Value>> {
        let names = self.prefix.names().iter().map(String::as_str);
        let fed: Vec<(&str, &Value)> = names.zip(values.iter().copied()).collect();
        self.suffix.run(&fed)
    }
}

/// Small images may shrink to maps without a pixel, which the runtime does not mind.
pub(super) fn check_not_empty(scores: Option<&Value>) -> Result<()> {
    let shape = scores.map(Value::shape).unwrap_or_default();
    if shape.iter().skip(2).all(|&size| size > 0) {
        return Ok(());
    }
    Err(Error::runtime("the model's output", format!("its sizes are {shape:?}"))
        .with_hint("give images that leave a pixel in the output"))
}

struct Proof {
    crossings: Vec<CutLayout>,
    axes: Vec<SiteAxis>,
    reason: Option<String>,
}

fn batch_axis_of_two([one, other]: [&Value; 2], two: &Value) -> Result<Option<usize>> {
    let (other, two) = (ProbeTensor::new(other)?, ProbeTensor::new(two)?);
    Ok(ProbeTensor::new(one)?.batch_axis_of_two(&other, &two))
}

/// The one axis of which two rows have twice the size.
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
