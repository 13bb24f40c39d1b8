//! The prefix: run once an image, what it leaves crosses the cut.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::graph::{Plan, TypedTensor};
use crate::runtime::{Described, Runtime, Session, SessionOptions, Value};

/// The tensors that cross the cut for one image: those of the plan's cuts, then its shapes.
pub(super) struct CutTensors(pub(super) Vec<Value>);

/// The prefix, or its absence.
pub(super) struct Prefix {
    session: Option<Session>,
    /// For each crossing tensor its place among the prefix's outputs; `None` is the image.
    places: Vec<Option<usize>>,
    names: Vec<String>,
    image_name: String,
    image: TypedTensor,
}

impl Prefix {
    pub(super) fn open(
        plan: &Plan,
        runtime: &Runtime,
        options: &SessionOptions,
    ) -> Result<Self> {
        let encoded = plan.prefix();
        let session = encoded
            .map(|model| {
                Session::open(runtime, "model up to its first dropout", &model, options)
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
        Ok(Self { session, places, names, image_name: image.name.clone(), image })
    }

    /// The suffix's inputs as the prefix's outputs were described.
    pub(super) fn cut_inputs(&self) -> Vec<TypedTensor> {
        let outputs = self.session.as_ref().map(Session::outputs).unwrap_or_default();
        let described = |place: &Option<usize>| match place.map(|i| &outputs[i]) {
            None => self.image.clone(),
            Some(output) => as_typed(output),
        };
        self.places.iter().map(described).collect()
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Runs it on a batch of images.
    pub(super) fn run(&mut self, images: &[&Value]) -> Result<CutTensors> {
        let stacked = Value::stack(images, 0)?;
        let outputs = match &mut self.session {
            Some(session) => session.run(&[(self.image_name.as_str(), &stacked)])?,
            None => Vec::new(),
        };
        let mut outputs: Vec<Option<Value>> = outputs.into_iter().map(Some).collect();
        let missing = || Error::runtime("running the prefix", "an output is missing");
        let mut crossed = Vec::with_capacity(self.places.len());
        let mut image = Some(stacked);
        for place in &self.places {
            let value = match place {
                Some(i) => outputs.get_mut(*i).and_then(Option::take),
                None => image.take(),
            };
            crossed.push(value.ok_or_else(missing)?);
        }
        Ok(CutTensors(crossed))
    }
}

/// A tensor as the runtime described it.
pub(super) fn as_typed(described: &Described) -> TypedTensor {
    TypedTensor {
        name: described.name.clone(),
        element_type: described.element_type,
        dimensions: described.dimensions.clone(),
    }
}
