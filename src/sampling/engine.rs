//! Sessions of a probed model, and the tensors that go through them.

use std::collections::HashMap;
use std::sync::Arc;

use super::options::SamplingOptions;
use crate::error::{Error, Result};
use crate::graph::{Growing, Plan, SiteAxis, SuffixKind, TypedTensor};
use crate::operator::{IMAGE_KEY, SAMPLE};
use crate::runtime::{Described, Runtime, Session, SessionOptions, SiteCounts, Value};

/// Sample number of the rows of the deterministic pass.
pub(super) const DETERMINISTIC: i64 = -1;

/// The name of the suffix with its sites off, in errors.
pub(super) const DETERMINISTIC_SUFFIX: &str =
    "model from its first dropout on, with dropout off";

/// Runtime and options to open the sessions of a plan with.
#[derive(Clone, Copy)]
pub(super) struct Opener<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) options: &'a SamplingOptions,
}

impl Opener<'_> {
    /// Opens a part of a plan that has no dropout operator.
    pub(super) fn deterministic(
        self,
        plan: &Plan,
        name: &'static str,
        model: &[u8],
    ) -> Result<Session> {
        let options = session_options(plan, self.options)?;
        Session::open(self.runtime, name, model, &options)
    }

    /// Opens a part of a plan whose sites count the rows that they are run on.
    fn stochastic(
        self,
        plan: &Plan,
        name: &'static str,
        model: &[u8],
        counts: &Arc<SiteCounts>,
    ) -> Result<Session> {
        let sites = Some(Arc::clone(counts));
        let options = SessionOptions { sites, ..session_options(plan, self.options)? };
        Session::open(self.runtime, name, model, &options)
    }
}

/// Options of a session that runs a part of a plan.
pub(super) fn session_options(
    plan: &Plan,
    options: &SamplingOptions,
) -> Result<SessionOptions> {
    let data = &plan.model().external;
    let external = match (data.is_empty(), data.real_folder()) {
        (true, _) => None,
        (false, Some(folder)) => Some(folder.to_owned()),
        (false, None) => {
            return Err(Error::model(
                plan.model().path(),
                "its data files lie in several folders",
            )
            .with_hint("copy the model and its data files into one folder"));
        }
    };
    Ok(SessionOptions { threads: options.threads, external, ..SessionOptions::default() })
}

/// Layout of a tensor that crosses the cut: how it grows with the rows of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CutLayout {
    /// Its slices along this axis are repeated.
    Rows(usize),
    /// An entry of a shape, multiplied by the rows.
    Count(usize),
    /// All rows of an image share it.
    Shared,
}

/// The tensors that cross the cut for one image: those of the plan's cuts, then its shapes.
pub(super) struct CutTensors(pub(super) Vec<Value>);

/// The part of the model that runs once per image. It is empty if the image itself crosses the
/// cut.
pub(super) struct Prefix {
    session: Option<Session>,
    /// Position of each crossing tensor among the outputs of the session; `None` is the image.
    places: Vec<Option<usize>>,
    names: Vec<String>,
    image: TypedTensor,
}

impl Prefix {
    pub(super) fn open(plan: &Plan, opener: Opener) -> Result<Self> {
        let session = plan
            .prefix()
            .map(|model| {
                opener.deterministic(plan, "model up to its first dropout", &model)
            })
            .transpose()?;
        let outputs = session.as_ref().map(Session::outputs).unwrap_or_default();
        let by_name: HashMap<&str, usize> = outputs
            .iter()
            .enumerate()
            .map(|(i, output)| (output.name.as_str(), i))
            .collect();
        let names: Vec<String> =
            plan.cuts().iter().chain(plan.shapes()).cloned().collect();
        let places =
            names.iter().map(|name| by_name.get(name.as_str()).copied()).collect();
        let image = plan.image();
        let image = TypedTensor {
            name: image.name.clone(),
            element_type: image.element_type,
            dimensions: image.dimensions.clone().unwrap_or_default(),
        };
        Ok(Self { session, places, names, image })
    }

    /// Inputs of the suffix, as ONNX Runtime describes the outputs of the prefix.
    pub(super) fn cut_inputs(&self) -> Vec<TypedTensor> {
        let outputs = self.session.as_ref().map(Session::outputs).unwrap_or_default();
        let described = |place: &Option<usize>| match place.map(|i| &outputs[i]) {
            None => self.image.clone(),
            Some(output) => as_typed(output),
        };
        self.places.iter().map(described).collect()
    }

    /// Names of the tensors at the cut.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Runs a batch of images. The batch is not copied, also if it crosses the cut itself.
    pub(super) fn run(&mut self, images: Value) -> Result<CutTensors> {
        let outputs = match &mut self.session {
            Some(session) => session.run(&[(self.image.name.as_str(), &images)])?,
            None => Vec::new(),
        };
        let mut outputs: Vec<Option<Value>> = outputs.into_iter().map(Some).collect();
        let missing = || Error::runtime("running the prefix", "an output is missing");
        let mut tensors = Vec::with_capacity(self.places.len());
        let mut images = Some(images);
        for place in &self.places {
            let value = match place {
                Some(i) => outputs.get_mut(*i).and_then(Option::take),
                None => images.take(),
            };
            tensors.push(value.ok_or_else(missing)?);
        }
        Ok(CutTensors(tensors))
    }
}

/// Returns a batch that is filled with one image.
pub(super) fn filled(image: Value, rows: usize) -> Result<Value> {
    if rows == 1 { Ok(image) } else { Value::stack(&vec![&image; rows], 0) }
}

/// Converts the runtime's description of a tensor.
pub(super) fn as_typed(described: &Described) -> TypedTensor {
    TypedTensor {
        name: described.name.clone(),
        element_type: described.element_type,
        dimensions: described.dimensions.clone(),
    }
}

/// The tensors at the cut, repeated for a number of rows; `None` for those that go in as they
/// are.
#[derive(Default)]
pub(super) struct BatchedCutTensors {
    rows: usize,
    grown: Vec<Option<Value>>,
}

impl BatchedCutTensors {
    pub(super) fn new(
        cut: &CutTensors,
        layouts: &[CutLayout],
        rows: usize,
    ) -> Result<Self> {
        let grow = |(value, layout): (&Value, &CutLayout)| match *layout {
            _ if rows == 1 => Ok(None),
            CutLayout::Shared => Ok(None),
            CutLayout::Rows(axis) => Value::stack(&vec![value; rows], axis).map(Some),
            CutLayout::Count(entry) => {
                let mut sizes = value.i64s()?.to_vec();
                sizes[entry] *= rows as i64;
                Value::from_i64(&value.shape(), sizes).map(Some)
            }
        };
        let grown = cut.0.iter().zip(layouts).map(grow).collect::<Result<_>>()?;
        Ok(Self { rows, grown })
    }

    /// Pairs the tensors with their names.
    pub(super) fn named<'a>(
        &'a self,
        names: &'a [String],
        cut: &'a CutTensors,
    ) -> Vec<(&'a str, &'a Value)> {
        let values = self.grown.iter().zip(&cut.0);
        let values = values.map(|(grown, value)| grown.as_ref().unwrap_or(value));
        names.iter().map(String::as_str).zip(values).collect()
    }
}

/// Layout of the tensors at the cut and of the draws behind it, as proven by runs.
#[derive(Debug, Clone)]
pub(super) struct SuffixLayout {
    /// Axis of each draw that counts the rows.
    pub(super) axes: Vec<SiteAxis>,
    /// Types of the draws that a probe can see.
    pub(super) types: Vec<TypedTensor>,
    pub(super) cuts: Vec<CutLayout>,
    /// Cuts and draws that make the rows of a run from one row.
    pub(super) growing: Growing,
}

impl SuffixLayout {
    /// Returns the layout of runs with one row, which holds for every model.
    pub(super) fn of_single_rows(&self) -> Self {
        Self {
            axes: vec![SiteAxis::Whole; self.axes.len()],
            types: self.types.clone(),
            cuts: vec![CutLayout::Shared; self.cuts.len()],
            growing: Growing::default(),
        }
    }

    fn kind(&self, options: &SamplingOptions) -> SuffixKind<'_> {
        SuffixKind::Sampling {
            axes: &self.axes,
            types: &self.types,
            grows: &self.growing.draws,
            seed: options.seed,
            draws: options.draws,
        }
    }

    /// Layouts of the tensors that are repeated before they are fed to the suffix.
    fn repeated(&self) -> Vec<CutLayout> {
        let grows = |i: usize| self.growing.cuts.get(i) == Some(&true);
        let each = self.cuts.iter().enumerate();
        each.map(|(i, &layout)| if grows(i) { CutLayout::Shared } else { layout })
            .collect()
    }
}

/// An image behind the prefix, and the key of its masks.
pub(super) struct PreparedImage {
    pub(super) cut: CutTensors,
    pub(super) key: i64,
    batched: BatchedCutTensors,
}

impl PreparedImage {
    pub(super) fn new(cut: CutTensors, key: i64) -> Self {
        Self { cut, key, batched: BatchedCutTensors::default() }
    }

    /// Number of rows of the last run.
    pub(super) fn rows(&self) -> usize {
        self.batched.rows
    }

    /// Forgets the repeated tensors: the next run has no more rows than it needs.
    pub(super) fn shrink(&mut self) {
        self.batched = BatchedCutTensors::default();
    }
}

/// The part of the model that runs for every sample, up to the heads or to the logits that the
/// last operator resizes.
pub(super) struct Suffix {
    session: Session,
    counts: Arc<SiteCounts>,
    names: Vec<String>,
    /// Whether each tensor at the cut is an input.
    takes: Vec<bool>,
    repeated: Vec<CutLayout>,
    /// Rows that every run has at least: the file's fixed batch size.
    least_rows: usize,
}

/// An encoded suffix.
struct SuffixModel {
    name: &'static str,
    bytes: Vec<u8>,
    /// Whether each tensor at the cut is an input.
    takes: Vec<bool>,
}

impl Suffix {
    /// Opens the suffix up to the heads.
    pub(super) fn open(
        plan: &Plan,
        opener: Opener,
        prefix: &Prefix,
        layout: &SuffixLayout,
    ) -> Result<Self> {
        let inputs = prefix.cut_inputs();
        let model = SuffixModel {
            name: "model from its first dropout on",
            bytes: plan.suffix(&inputs, layout.kind(opener.options)),
            takes: vec![true; inputs.len()],
        };
        Self::of_model(plan, opener, prefix, layout, model)
    }

    /// Opens the suffix up to these tensors.
    pub(super) fn open_to(
        ends: &[&str],
        plan: &Plan,
        opener: Opener,
        prefix: &Prefix,
        layout: &SuffixLayout,
    ) -> Result<Self> {
        let kind = layout.kind(opener.options);
        let (bytes, takes) = plan.suffix_to(ends, &prefix.cut_inputs(), kind);
        let name = "model from its first dropout to its last resize";
        Self::of_model(plan, opener, prefix, layout, SuffixModel { name, bytes, takes })
    }

    fn of_model(
        plan: &Plan,
        opener: Opener,
        prefix: &Prefix,
        layout: &SuffixLayout,
        model: SuffixModel,
    ) -> Result<Self> {
        let counts = Arc::new(SiteCounts::new(plan.active().len()));
        Ok(Self {
            session: opener.stochastic(plan, model.name, &model.bytes, &counts)?,
            counts,
            names: prefix.names().to_vec(),
            takes: model.takes,
            repeated: layout.repeated(),
            least_rows: super::image::rows(plan),
        })
    }

    /// Runs samples of an image. A file with a fixed batch size gets its number of rows, and a
    /// shorter last run as many rows as the ones before, because every new shape makes ONNX
    /// Runtime allocate more memory. Rows beyond the samples mean nothing.
    pub(super) fn run(
        &mut self,
        image: &mut PreparedImage,
        samples: &[i64],
    ) -> Result<Vec<Value>> {
        let rows = samples.len().max(self.least_rows).max(image.rows());
        if image.rows() != rows {
            image.batched = BatchedCutTensors::new(&image.cut, &self.repeated, rows)?;
        }
        let mut row_samples = samples.to_vec();
        row_samples.resize(rows, DETERMINISTIC);
        let samples = Value::from_i64(&[rows], row_samples)?;
        let keys = Value::from_i64(&[rows], vec![image.key; rows])?;
        let named = image.batched.named(&self.names, &image.cut);
        let inputs = named.into_iter().zip(&self.takes);
        let mut inputs: Vec<(&str, &Value)> =
            inputs.filter(|(_, takes)| **takes).map(|(input, _)| input).collect();
        inputs.extend([(IMAGE_KEY, &keys), (SAMPLE, &samples)]);
        self.session.run(&inputs)
    }

    /// Number of rows that each draw was run on so far.
    pub(super) fn rows_drawn(&self) -> Vec<u64> {
        self.counts.rows()
    }
}
