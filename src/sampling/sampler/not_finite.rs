//! Scores that are NaN or infinite: how many, and which node made the first.

use crate::onnx::ElementType;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::super::batching::BatchedCutTensors;
use super::super::culprit::{Counts, End, Step, walk};
use super::super::prefix::CutTensors;
use super::passes::feed;
use super::{DETERMINISTIC, Sampler, session_options};
use crate::error::{Error, Result};
use crate::graph::{SuffixKind, Watched};
use crate::runtime::{Session, SessionOptions, SiteCounts, Value};
use crate::sums::{NotFinite, ScoreKind, Scores};

/// Images of a run whose node is looked for: a search opens the model anew.
pub(super) const MOST_SEARCHES: usize = 3;

/// A pass whose scores are bad.
pub(super) struct BadPass {
    pub(super) sample: i64,
    /// What the scores are, in words.
    found: String,
}

impl BadPass {
    /// The first pass of a run that has bad scores.
    pub(super) fn first(problem: &NotFinite, samples: &[i64], scores: &[Scores]) -> Self {
        let first = samples.iter().zip(scores).find_map(|(&sample, scores)| {
            bad_values(scores).map(|found| Self { sample, found })
        });
        // Probabilities that sum to nothing are finite.
        first.unwrap_or_else(|| Self {
            sample: samples.first().copied().unwrap_or(DETERMINISTIC),
            found: problem.to_string(),
        })
    }

    fn pass(&self) -> String {
        match self.sample {
            DETERMINISTIC => "the pass without dropout".to_owned(),
            sample => format!("sample {sample}"),
        }
    }
}

fn bad_values(scores: &Scores) -> Option<String> {
    let count = |bad: fn(f32) -> bool| scores.values.iter().filter(|v| bad(**v)).count();
    let (nan, high) = (count(f32::is_nan), count(|v| v == f32::INFINITY));
    let total = scores.values.len();
    match (nan, high) {
        (0, 0) => {
            let n_pixels = (scores.height * scores.width).max(1);
            let impossible = |pixel: usize| {
                let classes = scores.values.iter().skip(pixel).step_by(n_pixels);
                let mut classes = classes.copied();
                scores.n_channels > 1 && classes.all(|v| v == f32::NEG_INFINITY)
            };
            let pixels = (0..n_pixels).filter(|&pixel| impossible(pixel)).count();
            let bad = pixels > 0 && scores.kind == ScoreKind::Logits;
            bad.then(|| {
                format!("minus infinity for every class at {pixels} of {n_pixels} pixels")
            })
        }
        (nan, 0) => Some(format!("NaN in {nan} of {total} values")),
        (0, high) => Some(format!("infinite in {high} of {total} values")),
        (nan, high) => {
            Some(format!("NaN in {nan} and infinite in {high} of {total} values"))
        }
    }
}

impl Sampler {
    /// The error of an image with bad scores; the first few times with the node that made them.
    pub(super) fn not_finite(
        &mut self,
        bad: &BadPass,
        (image, crossed, key): (&Value, &CutTensors, i64),
    ) -> Error {
        let mut message = format!("{} of {}", bad.found, bad.pass());
        if self.searches < MOST_SEARCHES {
            self.searches += 1;
            if let Ok(Some(culprit)) = self.culprit(bad.sample, image, crossed, key) {
                let _ = write!(message, "; {culprit}");
            }
        }
        let half = self.plan.image().element_type == ElementType::F16;
        let hint = if half {
            "f16 ends at 65504: export the model in f32; and check mean, std and the value range \
             that it was trained with"
        } else {
            "the model overflows on this image: check mean, std and the value range that it was \
             trained with"
        };
        Error::output(self.plan.heads().first().output.clone(), message).with_hint(hint)
    }

    /// Runs the pass again with every tensor watched.
    fn culprit(
        &self,
        sample: i64,
        image: &Value,
        crossed: &CutTensors,
        key: i64,
    ) -> Result<Option<String>> {
        let rows = self.prefix_rows;
        let fed = BatchedCutTensors::new(crossed, &self.crossings, rows)?;
        let keys = Value::from_i64(&[rows], vec![key; rows])?;
        let samples = Value::from_i64(&[rows], vec![sample; rows])?;
        let suffix_inputs = feed(self.prefix.names(), crossed, &fed, &keys, &samples);
        let side = self.plan.watched_suffix(&self.prefix.cut_inputs(), self.kind())?;
        let suffix = Side { sampler: self, watched: side, inputs: suffix_inputs };
        let counts = suffix.counts()?;
        let from = match walk(
            &suffix.watched.nodes,
            &counts,
            &self.plan.heads().first().tensor,
        ) {
            End::Node(step) => {
                let model = self.plan.suffix(&self.prefix.cut_inputs(), self.kind());
                return suffix.describe(&step, model).map(Some);
            }
            End::Input(tensor) => tensor,
            End::Nowhere => {
                return Ok(Some(
                    "a run that shows every node is finite: it depends on how ONNX Runtime \
                     joins operators"
                        .to_owned(),
                ));
            }
        };
        let of_image = || Ok(Some("the image's own values are not finite".to_owned()));
        let (Some(watched), Some(model)) =
            (self.plan.watched_prefix()?, self.plan.prefix())
        else {
            return of_image();
        };
        let stacked = Value::stack(&vec![image; rows], 0)?;
        let inputs = vec![(self.plan.image().name.as_str(), &stacked)];
        let prefix = Side { sampler: self, watched, inputs };
        match walk(&prefix.watched.nodes, &prefix.counts()?, &from) {
            End::Node(step) => prefix.describe(&step, model).map(Some),
            End::Input(_) => of_image(),
            End::Nowhere => Ok(None),
        }
    }

    fn kind(&self) -> SuffixKind<'_> {
        SuffixKind::Sampling {
            axes: &self.axes,
            types: &self.types,
            grows: &[],
            seed: self.options.seed,
            draws: self.options.draws,
        }
    }
}

/// Prefix or suffix, watched, with what goes in.
struct Side<'a> {
    sampler: &'a Sampler,
    watched: Watched,
    inputs: Vec<(&'a str, &'a Value)>,
}

impl Side<'_> {
    fn run(&self, model: &[u8]) -> Result<Vec<Value>> {
        let Sampler { plan, options, runtime, .. } = self.sampler;
        let counts = Arc::new(SiteCounts::new(plan.active().len()));
        let options =
            SessionOptions { sites: Some(counts), ..session_options(plan, options)? };
        Session::open(runtime, "model with its tensors watched", model, &options)?
            .run(&self.inputs)
    }

    fn counts(&self) -> Result<HashMap<&str, Counts>> {
        let outputs = self.run(&self.watched.model)?;
        let number = |value: &Value| -> Result<usize> {
            Ok(value.numbers()?.first().copied().unwrap_or(0.0) as usize)
        };
        let each = outputs.chunks(Watched::COUNTS).zip(&self.watched.tensors);
        each.map(|(counts, tensor)| {
            let [nan, high, low] = counts else {
                return Err(Error::runtime("watching tensors", "a count is missing"));
            };
            let (nan, high, low) = (number(nan)?, number(high)?, number(low)?);
            Ok((tensor.as_str(), Counts { nan, high, low }))
        })
        .collect()
    }

    /// Says what the walk's last node did. Where it only brings in infinity by a constant, as a
    /// mask does, it is the node that reads it that could not take it.
    fn describe(&self, step: &Step, model: Vec<u8>) -> Result<String> {
        let inputs = step.node.inputs.iter().chain(&step.node.constants);
        let names: Vec<&str> = inputs.map(String::as_str).collect();
        let values = self.run(&Watched::exposing(model, &names)?)?;
        let (mut largest, mut infinite) = (0.0_f64, false);
        for (name, value) in names.iter().zip(&values) {
            // Strings and the like hold no numbers.
            let Ok(numbers) = value.numbers() else { continue };
            if numbers.iter().any(|number| number.is_nan()) {
                return Ok(format!(
                    "the first node that makes one is {}: its constant \"{name}\" holds NaN",
                    made(step)
                ));
            }
            infinite |= numbers.iter().any(|number| number.is_infinite());
            let finite = numbers.iter().filter(|number| number.is_finite());
            largest = finite.fold(largest, |largest, number| largest.max(number.abs()));
        }
        Ok(match (&step.reader, infinite) {
            (Some(reader), true) => format!(
                "the first node that makes one is {}, of the infinity that a constant of \"{}\" \
                 ({}) brings in",
                made(reader),
                step.node.name,
                step.node.operator
            ),
            (None, true) => format!(
                "the first node that makes one is {}: it has an infinite constant",
                made(step)
            ),
            (_, false) => format!(
                "the first node that makes one is {}: its inputs are finite up to {}",
                made(step),
                rounded(largest)
            ),
        })
    }
}

fn made(step: &Step) -> String {
    let Step { node, tensor, counts, .. } = step;
    let (n, kind) = (counts.all(), counts.kind());
    let values = if n == 1 { "value is" } else { "values are" };
    format!(
        "\"{}\" ({}), of whose output \"{tensor}\" {n} {values} {kind}",
        node.name, node.operator
    )
}

fn rounded(largest: f64) -> String {
    if largest == 0.0 || (0.01..1000.0).contains(&largest) {
        format!("{largest:.2}")
    } else {
        format!("{largest:.1e}")
    }
}
