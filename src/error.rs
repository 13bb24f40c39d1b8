//! The error type, with one variant per cause: a file, a model, a node, an image, a setting,
//! the runtime library.
//!
//! A message is lower case and states the file, node or setting, what was expected and what was
//! found. The hint is separate, so that a program can show it where it likes. Messages and hints
//! name settings in snake case and in backquotes (`` `output_name` ``, `` `threads = 1` ``); the
//! command line replaces them by its options.

mod system;

use std::io;
use std::path::{Path, PathBuf};

pub(crate) use system::RefusedEntry;

use system::Access;

/// Result of this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Hint for errors that a user cannot fix.
const REPORT: &str = "this should not happen: please report it, with the output of `mcdrop doctor` \
                      and how the model was made";

/// An error with its cause and often a hint ([`Error::hint`]).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read.
    #[error("{}: {}", path.display(), system::message(source, Access::Read))]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// A file or folder could not be written.
    #[error("{}: {}", path.display(), system::message(source, Access::Write))]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// A model file is invalid, or contains something that is not supported.
    #[error("{}: {message}", path.display())]
    Model {
        /// The model file.
        path: PathBuf,
        /// The expected and the found value.
        message: String,
        /// Instruction for avoiding the error.
        hint: Option<String>,
    },
    /// A node, input or output of a model is not supported.
    #[error("{what} \"{name}\": {message}")]
    Graph {
        /// `node`, `input` or `output`.
        what: &'static str,
        /// Its name; the name of its first output for a node without a name.
        name: String,
        /// The expected and the found value.
        message: String,
        /// Instruction for avoiding the error.
        hint: Option<String>,
    },
    /// One image cannot be used; others can.
    #[error("{}: {message}", path.display())]
    Image {
        /// The image file.
        path: PathBuf,
        /// The expected and the found value.
        message: String,
        /// Instruction for avoiding the error.
        hint: Option<String>,
    },
    /// The model cannot run on images of this size.
    #[error(
        "the model cannot take images of {width}x{height} pixels; {message}{}",
        runtime_message(detail.as_deref())
    )]
    ImageSize {
        /// Width of the network's input.
        width: usize,
        /// Height of the network's input.
        height: usize,
        /// Sizes that were tried, and which of them work.
        message: String,
        /// Number that both sides must be a multiple of, if trial runs found one.
        multiple: Option<usize>,
        /// Message of ONNX Runtime, in one line.
        detail: Option<String>,
        /// Instruction for avoiding the error.
        hint: Option<String>,
    },
    /// A setting has a value that cannot be used, or is missing.
    #[error("{name}: {message}")]
    Setting {
        /// The setting in snake case (`pad_to_multiple`), or with a value (`palette = voc`).
        name: String,
        /// The expected and the found value.
        message: String,
        /// Instruction for avoiding the error.
        hint: Option<String>,
    },
    /// A configuration file, a list or a folder of the input cannot be used.
    #[error("{place}: {message}")]
    Configuration {
        /// The file or folder, with a line or key if one is known (`model.toml: mean`).
        place: String,
        /// The expected and the found value.
        message: String,
        /// Instruction for avoiding the error.
        hint: Option<String>,
    },
    /// No usable ONNX Runtime library was found.
    #[error("no usable ONNX Runtime library was found; tried:\n{}", tried.join("\n"))]
    RuntimeMissing {
        /// One line per place, with the reason why it was rejected.
        tried: Vec<String>,
        /// Instruction for avoiding the error.
        hint: Option<String>,
    },
    /// ONNX Runtime failed.
    #[error("{what}: {message}{}", runtime_message(detail.as_deref()))]
    Runtime {
        /// The action that failed.
        what: String,
        /// Description of the failure.
        message: String,
        /// Message of ONNX Runtime, in one line.
        detail: Option<String>,
        /// Instruction for avoiding the error.
        hint: Option<String>,
    },
}

impl Error {
    /// Creates an error for a file or folder that could not be read.
    pub fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }

    /// Creates an error for a file or folder that could not be written.
    pub fn write(path: &Path, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }

    /// Creates an error for a model that cannot be used.
    pub fn model(path: &Path, message: impl Into<String>) -> Self {
        Self::Model { path: path.to_owned(), message: message.into(), hint: None }
    }

    /// Creates an error for a node that is not supported.
    pub fn node(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Graph {
            what: "node",
            name: name.into(),
            message: message.into(),
            hint: None,
        }
    }

    /// Creates an error for an output of the graph.
    pub fn output(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Graph {
            what: "output",
            name: name.into(),
            message: message.into(),
            hint: None,
        }
    }

    /// Creates an error for an input of the graph.
    pub fn input(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Graph {
            what: "input",
            name: name.into(),
            message: message.into(),
            hint: None,
        }
    }

    /// Creates an error for an image that cannot be used.
    pub fn image(path: &Path, message: impl Into<String>) -> Self {
        Self::Image { path: path.to_owned(), message: message.into(), hint: None }
    }

    /// Creates an error for a setting; `name` is in snake case (`pad_to_multiple`), or has a
    /// value as well (`palette = voc`).
    pub fn setting(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Setting { name: name.into(), message: message.into(), hint: None }
    }

    /// Creates an error for a file or folder that sets or lists something; `place` may add a
    /// line or key (`model.toml: mean`).
    pub fn configuration(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Configuration { place: place.into(), message: message.into(), hint: None }
    }

    /// Creates an error for a failure of ONNX Runtime.
    pub fn runtime(what: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Runtime {
            what: what.into(),
            message: message.into(),
            detail: None,
            hint: None,
        }
    }

    /// Adds the message of ONNX Runtime, in one line. Has no effect on errors of other causes.
    #[must_use]
    pub(crate) fn with_detail(mut self, text: impl Into<String>) -> Self {
        if let Self::Runtime { detail, .. } | Self::ImageSize { detail, .. } = &mut self {
            *detail = Some(text.into());
        }
        self
    }

    /// Returns the message of ONNX Runtime, in one line, if it caused the error.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Runtime { detail, .. } | Self::ImageSize { detail, .. } => {
                detail.as_deref()
            }
            _ => None,
        }
    }

    /// Adds a hint. Has no effect on read and write errors, whose hint follows from the error of
    /// the operating system.
    #[must_use]
    pub fn with_hint(mut self, text: impl Into<String>) -> Self {
        match &mut self {
            Self::Read { .. } | Self::Write { .. } => {}
            Self::Model { hint, .. }
            | Self::Graph { hint, .. }
            | Self::Image { hint, .. }
            | Self::ImageSize { hint, .. }
            | Self::Setting { hint, .. }
            | Self::Configuration { hint, .. }
            | Self::RuntimeMissing { hint, .. }
            | Self::Runtime { hint, .. } => *hint = Some(text.into()),
        }
        self
    }

    /// Attributes the error to the image that caused it.
    #[must_use]
    pub fn of_image(self, path: &Path) -> Self {
        let message = match &self {
            Self::Image { .. } | Self::Read { .. } => return self,
            Self::Setting { name, message, .. } if name == "image" => message.clone(),
            Self::Setting { name, message, .. } if is_identifier(name) => {
                format!("`{name}`: {message}")
            }
            other => other.to_string(),
        };
        let hint = self.hint().map(str::to_owned);
        Self::Image { path: path.to_owned(), message, hint }
    }

    /// Returns whether a setting or a configuration file caused the error.
    pub fn is_setting(&self) -> bool {
        matches!(self, Self::Setting { .. } | Self::Configuration { .. })
    }

    /// Returns an instruction for avoiding the error, if one is known.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Read { source, .. } => system::hint(source, Access::Read),
            Self::Write { source, .. } => system::hint(source, Access::Write),
            Self::Model { hint, .. }
            | Self::Graph { hint, .. }
            | Self::Image { hint, .. }
            | Self::ImageSize { hint, .. }
            | Self::Setting { hint, .. }
            | Self::Configuration { hint, .. }
            | Self::RuntimeMissing { hint, .. } => hint.as_deref(),
            Self::Runtime { hint, .. } => Some(hint.as_deref().unwrap_or(REPORT)),
        }
    }
}

/// Formats the message of ONNX Runtime as the end of an error.
fn runtime_message(detail: Option<&str>) -> String {
    detail.map(|text| format!(" (onnxruntime: {text})")).unwrap_or_default()
}

fn is_identifier(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}
