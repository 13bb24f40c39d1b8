//! The sampled part without the resize that comes last, where the reduction does that itself.

use std::collections::HashMap;

use super::super::batching::BatchedCutTensors;
use super::super::image;
use super::super::prefix::CutTensors;
use super::super::size::Size;
use super::{DETERMINISTIC, Sampler, session_options};
use crate::error::Result;
use crate::graph::SuffixKind;
use crate::runtime::{Session, SessionOptions, SiteCounts, Value};
use crate::sampling::Shortcut;
use crate::sums::{CategoricalSums, Coordinates, Scores};

/// Logits further apart than this share of the largest are not the same.
const TOLERANCE: f32 = 1e-4;

/// The suffix up to the logits that its last operator resizes.
pub(super) struct Short {
    pub(super) session: Session,
    /// Which of the tensors at the cut it takes.
    pub(super) takes: Vec<bool>,
    pub(super) coordinates: Coordinates,
    /// Rows of a run of the whole suffix, where the sizes of the two differ.
    whole_rows: usize,
    /// For each size of images whether its logits, resized by the reduction, are those of the
    /// whole suffix.
    proven: HashMap<Size, bool>,
}

impl Sampler {
    /// Opens it, where the model ends in a resize and a run shows that the reduction's is the
    /// same.
    pub(super) fn open_short(&mut self, size: Size) -> Result<()> {
        let resize = self
            .plan
            .last_resizes()
            .and_then(|resizes| resizes.into_iter().next())
            .filter(|_| {
                self.scores.is_map() && self.options.uses(Shortcut::ResizeInReduction)
            });
        let Some(resize) = resize else { return Ok(()) };
        let options = SessionOptions {
            sites: Some(SiteCounts::new(self.plan.active().len()).into()),
            ..session_options(&self.plan, &self.options)?
        };
        let kind = SuffixKind::Sampling {
            axes: &self.axes,
            types: &self.types,
            grows: &self.growing.draws,
            seed: self.options.seed,
            draws: self.options.draws,
        };
        let inputs = self.prefix.cut_inputs();
        let (model, takes) = self.plan.suffix_to(&[&resize.logits], &inputs, kind);
        let what = "model from its first dropout to its last resize";
        let session = Session::open(&self.runtime, what, &model, &options)?;
        let coordinates = resize.coordinates;
        let whole_rows = self.batching.rows_per_run;
        let proven = HashMap::new();
        self.short = Some(Short { session, takes, coordinates, whole_rows, proven });
        let image = image::noise_tensor(&self.plan, &self.input, 0, size)?;
        let crossed = self.prefix.run(&vec![&image; self.prefix_rows])?;
        if self.choose_end(size, &crossed)? {
            let logits = self.run_rows(
                &crossed,
                &mut BatchedCutTensors::default(),
                0,
                &[DETERMINISTIC],
            )?;
            let bytes = self.row_bytes.with_head(&logits[0]);
            self.batching = self.batching.with(bytes, &self.options);
            self.ends_short = false;
        } else {
            self.short = None;
        }
        Ok(())
    }

    /// Rows of a run of the chosen end.
    pub(super) fn rows_of_a_run(&self) -> usize {
        match &self.short {
            Some(short) if !self.ends_short => short.whole_rows,
            _ => self.batching.rows_per_run,
        }
    }

    /// Whether images of a size are run without the last resize; the first is run both ways.
    pub(super) fn choose_end(
        &mut self,
        size: Size,
        crossed: &CutTensors,
    ) -> Result<bool> {
        self.ends_short = false;
        let Some(short) = &self.short else { return Ok(false) };
        let proven = match short.proven.get(&size) {
            Some(&proven) => proven,
            None => self.prove_short(size, crossed)?,
        };
        self.ends_short = proven;
        Ok(proven)
    }

    fn prove_short(&mut self, size: Size, crossed: &CutTensors) -> Result<bool> {
        let rows = [DETERMINISTIC];
        let whole =
            self.run_rows(crossed, &mut BatchedCutTensors::default(), 0, &rows)?;
        self.ends_short = true;
        let short = self.run_rows(crossed, &mut BatchedCutTensors::default(), 0, &rows);
        let same = match short {
            Ok(short) => self.is_resized(size, &whole[0], &short[0])?,
            Err(_) => false,
        };
        self.ends_short = false;
        if let Some(short) = &mut self.short {
            short.proven.insert(size, same);
        }
        Ok(same)
    }

    /// Whether logits, brought to a size by the reduction, are these.
    fn is_resized(&self, size: Size, whole: &Value, logits: &Value) -> Result<bool> {
        let (whole_shape, shape) = (whole.shape(), logits.shape());
        let ([_, _, height, width], [_, _, _, _]) = (&whole_shape[..], &shape[..]) else {
            return Ok(false);
        };
        if (*height, *width) != size {
            return Ok(false);
        }
        let (whole_values, values) = (whole.to_f32()?, logits.to_f32()?);
        let Ok(scores) = self.row(&shape, &values, 0) else { return Ok(false) };
        let expected = self.scores.row(&whole_shape, &whole_values, 0)?;
        Ok(self.threads.install(|| close(&scores, &expected)))
    }

    /// The scores of a row of the chosen end.
    pub(super) fn row<'a>(
        &self,
        shape: &[usize],
        values: &'a [f32],
        row: usize,
    ) -> Result<Scores<'a>> {
        let scores = self.scores.row(shape, values, row)?;
        let coordinates = match &self.short {
            Some(short) if self.ends_short => short.coordinates,
            _ => Coordinates::HalfPixel,
        };
        Ok(Scores { coordinates, ..scores })
    }
}

/// Whether scores, resized, are what is expected up to rounding.
fn close(scores: &Scores, expected: &Scores) -> bool {
    let Ok(found) = CategoricalSums::resized(scores, (expected.height, expected.width))
    else {
        return false;
    };
    let largest = expected.values.iter().fold(f32::MIN_POSITIVE, |a, b| a.max(b.abs()));
    let mut pairs = found.iter().zip(expected.values);
    found.len() == expected.values.len()
        && pairs.all(|(a, b)| (a - b).abs() <= TOLERANCE * largest)
}
