//! Sessions: graphs that are ready to run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ort::operator::OperatorDomain;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{
    OutputSelector, RunOptions, Session as OrtSession, SessionInputValue, SessionOutputs,
};
use ort::value::{Outlet, ValueType};

use super::library::Runtime;
use super::operators;
use super::refusal;
use super::site_counts::SiteCounts;
use super::value::{self, Value};
use crate::error::{Error, Result};
use crate::onnx::ElementType;

/// Level of the changes that ONNX Runtime may make to a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Optimization {
    /// No change.
    Off,
    /// Changes that hold for every device.
    Basic,
    /// Fusions of operators.
    Extended,
    /// All changes, layouts included: the default of ONNX Runtime.
    #[default]
    All,
}

impl Optimization {
    pub(crate) const EACH: [Self; 4] =
        [Self::Off, Self::Basic, Self::Extended, Self::All];

    /// Returns the name in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Off => "no",
            Self::Basic => "basic",
            Self::Extended => "extended",
            Self::All => "all",
        }
    }
}

/// Options of a session.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionOptions {
    /// Threads of a run.
    pub(crate) threads: usize,
    /// Folder of the model's external data.
    pub(crate) external: Option<PathBuf>,
    /// Counts of the dropout operator; `None` for a graph without it.
    pub(crate) sites: Option<Arc<SiteCounts>>,
    pub(crate) optimization: Optimization,
    /// File that the optimized graph is written to.
    #[cfg(test)]
    pub(crate) optimized: Option<PathBuf>,
    /// Switches off the optimizer that deletes live `Dropout` nodes.
    #[cfg(test)]
    pub(crate) keep_dropout: bool,
}

/// An input or output as the runtime describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) name: String,
    pub(crate) element_type: ElementType,
    /// `None` for a size that varies.
    pub(crate) dimensions: Vec<Option<usize>>,
}

/// A graph in ONNX Runtime.
#[derive(Debug)]
pub(crate) struct Session {
    inner: OrtSession,
    what: &'static str,
}

impl Session {
    /// Opens an encoded model; `what` names it in errors.
    pub(crate) fn open(
        runtime: &Runtime,
        what: &'static str,
        model: &[u8],
        options: &SessionOptions,
    ) -> Result<Self> {
        let refused =
            |e: ort::Error| refusal::of_opening(what, runtime.version(), &e.to_string());
        if options.external.is_some() && !runtime.is_at_least(21) {
            return Err(Error::runtime(
                format!("opening the {what}"),
                format!(
                    "external data need ONNX Runtime 1.21, this is {}",
                    runtime.version()
                ),
            )
            .with_hint("install a newer onnxruntime, or save the model in one file"));
        }
        let mut builder = builder(runtime, options).map_err(|e| {
            Error::runtime(format!("opening the {what}"), "its options are refused")
                .with_detail(e.to_string())
                .with_hint(
                    "use another ONNX Runtime (`mcdrop doctor` shows which is used)",
                )
        })?;
        let inner = builder.commit_from_memory(model).map_err(refused)?;
        Ok(Self { inner, what })
    }

    /// Opens a model file like any other program, with its external data beside it.
    pub(crate) fn open_file(
        runtime: &Runtime,
        what: &'static str,
        file: &Path,
        options: &SessionOptions,
    ) -> Result<Self> {
        let refused =
            |e: ort::Error| refusal::of_opening(what, runtime.version(), &e.to_string());
        let mut builder = builder(runtime, options).map_err(refused)?;
        let inner = builder.commit_from_file(file).map_err(refused)?;
        Ok(Self { inner, what })
    }

    pub(crate) fn outputs(&self) -> Vec<Described> {
        self.inner.outputs().iter().map(describe).collect()
    }

    /// Runs the graph on named inputs. Returns all outputs in their order.
    pub(crate) fn run(&mut self, inputs: &[(&str, &Value)]) -> Result<Vec<Value>> {
        let what = self.what;
        let run = self.inner.run(fed(inputs));
        values(run.map_err(|error| refusal::of_running(what, &error.to_string())))
    }

    /// Runs the graph on named inputs. Returns only these outputs, in the given order. The others
    /// take no memory after the run.
    pub(crate) fn run_for(
        &mut self,
        inputs: &[(&str, &Value)],
        outputs: &[String],
    ) -> Result<Vec<Value>> {
        let what = self.what;
        let refused = |error: ort::Error| refusal::of_running(what, &error.to_string());
        let wanted =
            outputs.iter().fold(OutputSelector::no_default(), OutputSelector::with);
        let options = RunOptions::new().map_err(refused)?.with_outputs(wanted);
        values(self.inner.run_with_options(fed(inputs), &options).map_err(refused))
    }
}

fn fed<'v>(inputs: &[(&str, &'v Value)]) -> Vec<(String, SessionInputValue<'v>)> {
    let owned =
        inputs.iter().map(|(name, value)| ((*name).to_owned(), (&value.0).into()));
    owned.collect()
}

fn values(run: Result<SessionOutputs<'_>>) -> Result<Vec<Value>> {
    Ok(run?.into_iter().map(|(_, value)| Value(value)).collect())
}

fn builder(runtime: &Runtime, options: &SessionOptions) -> ort::Result<SessionBuilder> {
    let mut builder = OrtSession::builder(&runtime.environment)?
        .with_optimization_level(match options.optimization {
            Optimization::Off => GraphOptimizationLevel::Disable,
            Optimization::Basic => GraphOptimizationLevel::Level1,
            Optimization::Extended => GraphOptimizationLevel::Level2,
            Optimization::All => GraphOptimizationLevel::All,
        })?
        .with_intra_threads(options.threads.max(1))?
        // Threads that spin after a run take the cores from decoding, reducing and writing.
        .with_intra_op_spinning(false)?
        // A pattern makes the second run of a shape allocate all its buffers again, as one block.
        .with_memory_pattern(false)?;
    if runtime.shares_arena {
        builder = builder.with_env_allocators()?;
    }
    #[cfg(test)]
    if options.keep_dropout {
        builder = builder.with_disabled_optimizers("EliminateDropout")?;
    }
    #[cfg(test)]
    if let Some(file) = &options.optimized {
        builder = builder.with_optimized_model_path(file)?;
    }
    if let Some(folder) = &options.external {
        builder = builder.with_config_entry(
            "session.model_external_initializers_file_folder_path",
            folder.to_string_lossy(),
        )?;
    }
    if let Some(counts) = &options.sites {
        let domain = OperatorDomain::new(crate::operator::DOMAIN)?;
        builder = builder.with_operators(operators::add_to(domain, counts)?)?;
    }
    Ok(builder)
}

fn describe(outlet: &Outlet) -> Described {
    let (element_type, dimensions) = match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => (
            value::element_type(*ty),
            shape.iter().map(|&n| usize::try_from(n).ok()).collect(),
        ),
        _ => (ElementType::Undefined, Vec::new()),
    };
    Described { name: outlet.name().to_owned(), element_type, dimensions }
}
