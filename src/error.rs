//! What can go wrong, by whose matter it is: a file, a model, a node, an image, a setting,
//! the runtime library.
//!
//! Every message is lower case, names the file or node, says what was found and what was
//! expected; the way out is kept apart as a hint, so that a program can show it where it likes.

mod system;

use std::io;
use std::path::{Path, PathBuf};

use system::Access;

/// Result of this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What is expected of ONNX Runtime and of ourselves, and nobody else can mend.
const REPORT: &str = "this should not happen: please report it, with what `mcdrop doctor` says \
                      and how the model was made";

/// An error with what it concerns and, where one is known, a way out ([`Error::hint`]).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read.
    #[error("{}: {}", path.display(), system::message(source, Access::Read))]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file or folder could not be written.
    #[error("{}: {}", path.display(), system::message(source, Access::Write))]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A model file is not what it should be, or holds what is not supported.
    #[error("{}: {message}", path.display())]
    Model {
        /// The model file.
        path: PathBuf,
        /// What was found and what was expected.
        message: String,
        /// The way out.
        hint: Option<String>,
    },
    /// One node, input or output of a model is in the way.
    #[error("{what} \"{name}\": {message}")]
    Graph {
        /// `node`, `input` or `output`.
        what: &'static str,
        /// Its name; that of its first output for a node that has none.
        name: String,
        /// What was found and what was expected.
        message: String,
        /// The way out.
        hint: Option<String>,
    },
    /// One image cannot be used; others can.
    #[error("{}: {message}", path.display())]
    Image {
        /// The image file.
        path: PathBuf,
        /// What was found and what was expected.
        message: String,
        /// The way out.
        hint: Option<String>,
    },
    /// The model cannot be run on images of a size; on others it may.
    #[error(
        "the model cannot take images of {width}x{height} pixels; {message}{}",
        said(detail.as_deref())
    )]
    ImageSize {
        /// Columns that the network was given.
        width: usize,
        /// Rows that the network was given.
        height: usize,
        /// What sizes it takes instead, as far as they were found by trying.
        message: String,
        /// What both sides must be a multiple of, where that was found.
        multiple: Option<usize>,
        /// What ONNX Runtime said, in one line.
        detail: Option<String>,
        /// The way out.
        hint: Option<String>,
    },
    /// A setting (a flag, or a key of a configuration file) has a value that cannot be used,
    /// or is missing.
    #[error("{origin}: {message}")]
    Setting {
        /// The flag (`--mean`) or the file and key (`model.toml: mean`).
        origin: String,
        /// What was found and what was expected.
        message: String,
        /// The way out.
        hint: Option<String>,
    },
    /// No usable ONNX Runtime library was found.
    #[error("no usable ONNX Runtime library was found; tried:\n{}", tried.join("\n"))]
    RuntimeMissing {
        /// A line for each place, with what was wrong there.
        tried: Vec<String>,
        /// The way out.
        hint: Option<String>,
    },
    /// ONNX Runtime refused something.
    #[error("{what}: {message}{}", said(detail.as_deref()))]
    Runtime {
        /// What was being done.
        what: String,
        /// What went wrong.
        message: String,
        /// What ONNX Runtime said, in one line.
        detail: Option<String>,
        /// The way out.
        hint: Option<String>,
    },
}

impl Error {
    /// A file or folder that could not be read.
    pub fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }

    /// A file or folder that could not be written.
    pub fn write(path: &Path, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }

    /// A model that cannot be used.
    pub fn model(path: &Path, message: impl Into<String>) -> Self {
        Self::Model { path: path.to_owned(), message: message.into(), hint: None }
    }

    /// A node that is in the way.
    pub fn node(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Graph {
            what: "node",
            name: name.into(),
            message: message.into(),
            hint: None,
        }
    }

    /// A graph output that is in the way.
    pub fn output(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Graph {
            what: "output",
            name: name.into(),
            message: message.into(),
            hint: None,
        }
    }

    /// A graph input that is in the way.
    pub fn input(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Graph {
            what: "input",
            name: name.into(),
            message: message.into(),
            hint: None,
        }
    }

    /// An image that cannot be used.
    pub fn image(path: &Path, message: impl Into<String>) -> Self {
        Self::Image { path: path.to_owned(), message: message.into(), hint: None }
    }

    /// A setting that cannot be used; `origin` is the flag, or the file and key.
    pub fn setting(origin: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Setting { origin: origin.into(), message: message.into(), hint: None }
    }

    /// Something that ONNX Runtime refused.
    pub fn runtime(what: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Runtime {
            what: what.into(),
            message: message.into(),
            detail: None,
            hint: None,
        }
    }

    /// The same error with what ONNX Runtime said, in one line; those that do not come from it
    /// stay as they are.
    #[must_use]
    pub(crate) fn with_detail(mut self, text: impl Into<String>) -> Self {
        if let Self::Runtime { detail, .. } | Self::ImageSize { detail, .. } = &mut self {
            *detail = Some(text.into());
        }
        self
    }

    /// What ONNX Runtime said, in one line, where the error came from it.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Runtime { detail, .. } | Self::ImageSize { detail, .. } => {
                detail.as_deref()
            }
            _ => None,
        }
    }

    /// The same error with a way out. Read and write errors stay as they are: theirs follows
    /// from what the system said.
    #[must_use]
    pub fn with_hint(mut self, text: impl Into<String>) -> Self {
        match &mut self {
            Self::Read { .. } | Self::Write { .. } => {}
            Self::Model { hint, .. }
            | Self::Graph { hint, .. }
            | Self::Image { hint, .. }
            | Self::ImageSize { hint, .. }
            | Self::Setting { hint, .. }
            | Self::RuntimeMissing { hint, .. }
            | Self::Runtime { hint, .. } => *hint = Some(text.into()),
        }
        self
    }

    /// The same error as the matter of an image that it came up with.
    #[must_use]
    pub fn of_image(self, path: &Path) -> Self {
        let (message, hint) = (self.to_string(), self.hint().map(str::to_owned));
        match self {
            Self::Image { .. } | Self::Read { .. } => self,
            _ => Self::Image { path: path.to_owned(), message, hint },
        }
    }

    /// The way out, where one is known.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Read { source, .. } => system::hint(source, Access::Read),
            Self::Write { source, .. } => system::hint(source, Access::Write),
            Self::Model { hint, .. }
            | Self::Graph { hint, .. }
            | Self::Image { hint, .. }
            | Self::ImageSize { hint, .. }
            | Self::Setting { hint, .. }
            | Self::RuntimeMissing { hint, .. } => hint.as_deref(),
            Self::Runtime { hint, .. } => Some(hint.as_deref().unwrap_or(REPORT)),
        }
    }
}

/// The last part of a message: what ONNX Runtime said.
fn said(detail: Option<&str>) -> String {
    detail.map(|text| format!(" (onnxruntime: {text})")).unwrap_or_default()
}
