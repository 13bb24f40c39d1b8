//! Runs converted files at every optimization level and compares them with the sampler.

use super::ConvertOptions;
use super::assemble::assemble_site;
use super::converted::Converted;
use super::mask_inputs::{DrawnMasks, fixed_batch};
use crate::error::{Error, Result};
use crate::graph::TypedTensor;
use crate::onnx::{ElementType, Model};
use crate::runtime::{Optimization, Runtime, Session, SessionOptions, Value};
use crate::sampling::Sampler;

/// Result of the checks of a converted file.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct CheckResult {
    /// Number of optimization levels that it was run at.
    pub levels: usize,
    /// Number of passes that were compared with the sampler's.
    pub passes: usize,
    /// Largest difference of a value, relative to the largest value.
    pub difference: f32,
    /// Number of sites that were shown to change the output by themselves.
    pub single_sites: usize,
}

/// Image key of the checks; any number would do.
const KEY: i64 = 0x0123_4567_89ab_cdef;

/// Comparison of a file with the sampler that it was made with.
pub(super) struct ConversionCheck<'a> {
    sampler: &'a mut Sampler,
    runtime: &'a Runtime,
    entry: &'a Converted,
    size: (usize, usize),
    threads: usize,
    tolerance: f32,
    /// For each head, the session of the operators that the sampler leaves out, once it is open.
    tails: Vec<Option<Session>>,
    /// The only site whose mask inputs drop units, if there is one.
    only: Option<usize>,
    checked: CheckResult,
}

/// A batch element: the number of its noise image, and its sample.
type Row = (u64, i64);

/// Values of a batch element, for each head.
type HeadValues = Vec<Vec<f32>>;

impl<'a> ConversionCheck<'a> {
    pub(super) fn new(
        sampler: &'a mut Sampler,
        runtime: &'a Runtime,
        entry: &'a Converted,
        size: (usize, usize),
        threads: usize,
    ) -> Self {
        let tolerance = tolerance(sampler.plan().model());
        let checked = CheckResult::default();
        let tails = sampler.plan().heads().iter().map(|_| None).collect();
        let only = None;
        Self { sampler, runtime, entry, size, threads, tolerance, tails, only, checked }
    }

    /// Returns true if images of one run do not change each other's scores.
    pub(super) fn keeps_images_apart(mut self, file: &std::path::Path) -> Result<bool> {
        if self.entry.rows == Converted::ONE {
            return Ok(true);
        }
        let mut session = self.open(file, Optimization::All)?;
        let rows = [(0, 0), (1, 1)];
        let expected = self.expected(&rows, 0)?;
        // A model that cannot take two images fails here.
        let Ok(found) = self.run(&mut session, &rows, 0) else { return Ok(false) };
        Ok(largest_difference(&expected, &found) <= self.tolerance)
    }

    /// Makes all comparisons.
    ///
    /// # Errors
    /// Fails if the file cannot be run, or differs from the sampler.
    pub(super) fn run_all(
        mut self,
        file: &std::path::Path,
        options: &ConvertOptions,
    ) -> Result<CheckResult> {
        let rows: Vec<Row> = [-1, 0, 1, 31].map(|sample| (0, sample)).to_vec();
        let expected = self.expected(&rows, 0)?;
        for level in Optimization::EACH {
            let mut session = self.open(file, level)?;
            let found = self.run(&mut session, &rows, 0)?;
            self.compare(&expected, &found, &rows, level)?;
            self.checked.levels += 1;
        }
        let mut session = self.open(file, Optimization::All)?;
        let rows: Vec<Row> = if options.verify {
            (-1..62).map(|sample| (1, sample)).collect()
        } else {
            vec![(1, 2)]
        };
        let expected = self.expected(&rows, KEY)?;
        for (rows, expected) in rows.chunks(8).zip(expected.chunks(8)) {
            let found = self.run(&mut session, rows, KEY)?;
            self.compare(expected, &found, rows, Optimization::All)?;
        }
        if options.verify {
            self.single_sites(file, options)?;
        }
        Ok(self.checked)
    }

    fn open(&self, file: &std::path::Path, level: Optimization) -> Result<Session> {
        let options = SessionOptions {
            threads: self.threads,
            optimization: level,
            ..SessionOptions::default()
        };
        Session::open_file(self.runtime, "converted model", file, &options)
    }

    /// Computes the outputs of each batch element with the sampler.
    fn expected(&mut self, rows: &[Row], key: i64) -> Result<Vec<HeadValues>> {
        let mut expected = Vec::new();
        for group in rows.chunk_by(|a, b| a.0 == b.0) {
            let image = self.sampler.model().noise(group[0].0, self.size)?;
            let samples: Vec<i64> = group.iter().map(|row| row.1).collect();
            for (heads, count) in self.sampler.outputs_of(image, key, &samples)? {
                let mut of_heads = Vec::new();
                for (number, scores) in heads.into_iter().enumerate() {
                    let output = self.through_tail(number, scores)?;
                    let all = output.shape().first().copied().unwrap_or(1);
                    of_heads.push(split(&output, all, count)?);
                }
                expected.extend(by_row(&of_heads, count));
            }
        }
        let is_nowhere_finite = |values: &Vec<f32>| !values.iter().any(|v| v.is_finite());
        if expected.iter().flatten().any(is_nowhere_finite) {
            let message = "the model's scores for an image of noise are not numbers";
            return Err(Error::runtime("checking the model", message)
                .with_hint("check the weights of the model"));
        }
        Ok(expected)
    }

    /// Applies the operators that the sampler leaves out behind a head.
    fn through_tail(&mut self, number: usize, scores: Value) -> Result<Value> {
        let described = TypedTensor {
            name: String::new(),
            element_type: scores.element_type()?,
            dimensions: vec![None; scores.shape().len()],
        };
        let plan = self.sampler.plan();
        let head = plan.heads().iter().nth(number).unwrap_or(plan.heads().first());
        let Some(model) = plan.tail(head, &described) else { return Ok(scores) };
        let name = head.tensor.clone();
        let missing = || Error::runtime("the check", "the scores lead to no output");
        let tail = self.tails.get_mut(number).ok_or_else(missing)?;
        let session = match tail {
            Some(session) => session,
            None => tail.insert(Session::open(
                self.runtime,
                "model from its scores on",
                &model,
                &SessionOptions::default(),
            )?),
        };
        let outputs = session.run(&[(name.as_str(), &scores)])?;
        outputs.into_iter().next().ok_or_else(missing)
    }

    /// Computes the chosen outputs of each batch element, together if the file allows it.
    fn run(
        &self,
        session: &mut Session,
        rows: &[Row],
        key: i64,
    ) -> Result<Vec<HeadValues>> {
        let most = if self.entry.rows == Converted::ONE { 1 } else { rows.len() };
        let fixed = fixed_batch(self.sampler.plan());
        let batch = fixed.unwrap_or(most);
        let mut found = Vec::new();
        for rows in rows.chunks(batch) {
            let batch = fixed.unwrap_or(rows.len());
            let padded = (0..batch).map(|i| rows[i.min(rows.len() - 1)]);
            let padded: Vec<Row> = padded.collect();
            let images =
                padded.iter().map(|row| self.sampler.model().noise(row.0, self.size));
            let images = images.collect::<Result<Vec<Value>>>()?;
            let images = Value::stack(&images.iter().collect::<Vec<_>>(), 0)?;
            let samples: Vec<i64> = padded.iter().map(|row| row.1).collect();
            let added = self.added_inputs(samples, key)?;
            let added = added.iter().map(|(name, value)| (name.as_str(), value));
            let image = (self.sampler.plan().image().name.as_str(), &images);
            let outputs =
                session.run(&std::iter::once(image).chain(added).collect::<Vec<_>>())?;
            found.extend(self.chosen(session, &outputs, batch, rows.len())?);
        }
        Ok(found)
    }

    /// Returns the inputs besides the image, for these samples.
    fn added_inputs(&self, samples: Vec<i64>, key: i64) -> Result<Vec<(String, Value)>> {
        let inputs = &self.entry.inputs;
        let (Some(sample), Some(image_key)) = (&inputs.sample, &inputs.image_key) else {
            let masks = DrawnMasks {
                plan: self.sampler.plan(),
                entry: self.entry,
                options: self.sampler.options(),
                image_key: key,
                only: self.only,
            };
            return masks.of_samples(&samples);
        };
        let samples = Value::from_i64(&[samples.len()], samples)?;
        let mut added = vec![(sample.clone(), samples)];
        // The default of this input is 0.
        if key != 0 {
            added.push((image_key.clone(), Value::from_i64(&[1], vec![key])?));
        }
        Ok(added)
    }

    fn chosen(
        &self,
        session: &Session,
        outputs: &[Value],
        batch: usize,
        count: usize,
    ) -> Result<Vec<HeadValues>> {
        let mut of_heads = Vec::new();
        for head in self.sampler.plan().heads().iter() {
            let name = &head.output;
            let place = session.outputs().iter().position(|output| output.name == *name);
            let output = place.and_then(|place| outputs.get(place));
            let missing =
                || Error::output(name.clone(), "the converted model does not give it");
            of_heads.push(split(output.ok_or_else(missing)?, batch, count)?);
        }
        Ok(by_row(&of_heads, count))
    }

    fn compare(
        &mut self,
        expected: &[HeadValues],
        found: &[HeadValues],
        rows: &[Row],
        level: Optimization,
    ) -> Result<()> {
        let largest = largest_difference(expected, found);
        self.checked.passes += rows.len();
        self.checked.difference = self.checked.difference.max(largest);
        if largest <= self.tolerance {
            return Ok(());
        }
        let heads = self.sampler.plan().heads();
        let is_wrong = |number: usize| {
            let mut pairs = expected.iter().zip(found);
            pairs.any(|(a, b)| difference(&a[number], &b[number]) > self.tolerance)
        };
        let wrong = heads.iter().enumerate().find(|(number, _)| is_wrong(*number));
        let output = wrong.map_or(heads.first(), |(_, head)| head).output.clone();
        let has_guard = self.entry.guard.is_some();
        if has_guard && found.iter().flatten().flatten().all(|value| value.is_nan()) {
            let message = format!(
                "the converted model's guard does not pass with {} optimization: ONNX Runtime \
                 computes 64-bit integers in another way; nothing was written",
                level.name()
            );
            return Err(Error::output(output, message)
                .with_hint("install another version of ONNX Runtime: `make setup`"));
        }
        let each = expected.iter().zip(found).zip(rows);
        let mut wrong =
            each.filter(|((a, b), _)| largest_of_heads(a, b) > self.tolerance);
        let sample = wrong.next().map_or(-1, |(_, row)| row.1);
        Err(Error::output(
            output,
            format!(
                "sample {sample} of the converted model differs from the sampler's by {largest} \
                 of the largest value, with {} optimization; nothing was written",
                level.name()
            ),
        )
        .with_hint(
            "this is a fault of the conversion: please report the model's structure; \
             `mcdrop predict` does not need it",
        ))
    }

    /// Checks that each site by itself changes the output in some sample of a block.
    fn single_sites(
        &mut self,
        file: &std::path::Path,
        options: &ConvertOptions,
    ) -> Result<()> {
        let rows: Vec<Row> = (-1..31).map(|sample| (0, sample)).collect();
        for site in 0..self.sampler.plan().sites().len() {
            let mut session = if self.entry.inputs.sample.is_some() {
                self.open_site(site, options)?
            } else {
                self.only = Some(site);
                self.open(file, Optimization::All)?
            };
            let found = self.run(&mut session, &rows, 0)?;
            let (off, on) = found.split_first().unwrap_or((&found[0], &[]));
            let site = &self.sampler.plan().sites()[site];
            if site.ratio != Some(0.0) && on.iter().all(|row| row == off) {
                let node = site.node.clone();
                let message = "its draws change nothing in the output of 31 samples";
                return Err(Error::node(node, message).with_hint(
                    "leave it out with `except`, or check what its tensor is used for",
                ));
            }
            self.checked.single_sites += 1;
        }
        Ok(())
    }

    /// Opens a converted model that draws for one site only.
    fn open_site(&self, site: usize, options: &ConvertOptions) -> Result<Session> {
        let one = self.entry.rows == Converted::ONE;
        let (mut model, _) =
            assemble_site(self.sampler.model(), options, one, Some(site))?;
        let external = &self.sampler.plan().model().external;
        let session = SessionOptions {
            threads: self.threads,
            external: external.real_folder().map(Into::into),
            ..SessionOptions::default()
        };
        external.rename(&mut model);
        let bytes = Model::encode_messages(&model);
        let what = "converted model with one site";
        Session::open(self.runtime, what, &bytes, &session)
    }
}

/// Splits a tensor into its first `count` batch elements, as f32.
fn split(output: &Value, rows: usize, count: usize) -> Result<Vec<Vec<f32>>> {
    let values: Vec<f32> = output.numbers()?.iter().map(|&value| value as f32).collect();
    let length = (values.len() / rows.max(1)).max(1);
    Ok(values.chunks(length).take(count).map(<[f32]>::to_vec).collect())
}

/// Returns the values of each batch element from those of each head.
fn by_row(of_heads: &[Vec<Vec<f32>>], count: usize) -> Vec<HeadValues> {
    let of_row = |row: usize| {
        of_heads.iter().map(|rows| rows.get(row).cloned().unwrap_or_default()).collect()
    };
    (0..count).map(of_row).collect()
}

/// Returns the largest difference of any batch element, relative to the largest value of its head.
fn largest_difference(expected: &[HeadValues], found: &[HeadValues]) -> f32 {
    let rows = expected.iter().zip(found);
    let worst = rows
        .map(|(expected, found)| largest_of_heads(expected, found))
        .fold(0.0, f32::max);
    if expected.len() == found.len() { worst } else { f32::INFINITY }
}

/// Returns the largest difference of any head of a batch element, relative to its largest value.
fn largest_of_heads(expected: &[Vec<f32>], found: &[Vec<f32>]) -> f32 {
    let heads = expected.iter().zip(found);
    heads.map(|(expected, found)| difference(expected, found)).fold(0.0, f32::max)
}

/// Returns the largest difference relative to the largest value; equal non-finite values have none.
fn difference(a: &[f32], b: &[f32]) -> f32 {
    if a.len() != b.len() {
        return f32::INFINITY;
    }
    let finite = a.iter().filter(|value| value.is_finite());
    let largest =
        finite.fold(f32::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
    let each = a.iter().zip(b).map(|(x, y)| match (x.is_finite(), y.is_finite()) {
        (true, true) => (x - y).abs() / largest,
        _ if x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan() => 0.0,
        _ => f32::INFINITY,
    });
    each.fold(0.0, f32::max)
}

/// Returns the largest difference that rounding may cause: more if values are coarse anyway.
pub(super) fn tolerance(model: &Model) -> f32 {
    let is_coarse =
        model.graph.initializer.iter().any(|t| t.element_type() == ElementType::F16)
            || model.graph.node.iter().any(|node| node.op().contains("Quantize"));
    if is_coarse { 3e-2 } else { 1e-4 }
}
