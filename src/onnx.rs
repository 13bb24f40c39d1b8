//! ONNX files, read without copying their weights and written back byte for byte.
//!
//! A [`Model`] is a decoded file. It knows its external data and the values of its constants, but
//! not what operators compute: that is left to ONNX Runtime. Files are untrusted: reading any
//! file returns a model or an error.

pub(crate) mod build;
mod constant;
mod declare;
mod element_type;
mod external;
mod file;
mod find;
mod graph;
mod node;
pub(crate) mod proto;
mod sniff;
mod truncated;

pub(crate) use constant::{first_values, float_scalar, int_values, tensor_values};
pub(crate) use declare::{declared, typed, untyped};
pub(crate) use external::ExternalData;
pub(crate) use graph::{GraphIndex, captured_names, is_standard_domain, normal_domain};
#[cfg(test)]
pub(crate) use node::AttributeType;

pub use element_type::ElementType;
pub use find::find_model;

use std::path::{Path, PathBuf};

/// A model file, decoded; its weights stay in the mapped file.
#[derive(Debug, Clone)]
pub struct Model {
    path: PathBuf,
    /// All fields of the file except the graph.
    pub(crate) shell: proto::Model,
    pub(crate) graph: proto::Graph,
    pub(crate) external: ExternalData,
    unknown_bytes: u64,
}

/// A graph input or output as the file declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueDescription {
    /// Name of the tensor.
    pub name: String,
    /// Element type of the tensor.
    pub element_type: ElementType,
    /// Sizes of the axes, `None` for a size that varies. `None` as a whole if the file states no
    /// shape.
    pub dimensions: Option<Vec<Option<usize>>>,
}

impl Model {
    /// Path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the program that wrote the file, for example `pytorch 2.15.0`.
    pub fn producer(&self) -> String {
        let name = self.shell.producer_name.as_deref().unwrap_or_default();
        let version = self.shell.producer_version.as_deref().unwrap_or_default();
        format!("{name} {version}").trim().to_owned()
    }

    /// Returns the metadata of the file as names and texts, in the file's order and unchecked.
    pub fn metadata(&self) -> Vec<(String, String)> {
        let entries = self.shell.metadata_props.iter();
        entries
            .map(|entry| {
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                (text(&entry.key), text(&entry.value))
            })
            .collect()
    }

    /// Version of the standard operator set, 0 if the file imports none.
    pub fn opset(&self) -> i64 {
        let imports = self.shell.opset_import.iter();
        imports
            .filter(|set| is_standard_domain(set.domain.as_deref()))
            .filter_map(|set| set.version)
            .max()
            .unwrap_or(0)
    }

    /// Number of bytes in fields newer than IR 14, which are lost when the model is written again.
    /// 0 for the files of today's exporters.
    pub fn unknown_bytes(&self) -> u64 {
        self.unknown_bytes
    }

    /// Returns the inputs that must be fed: graph inputs that are not initializers.
    pub fn inputs(&self) -> Vec<ValueDescription> {
        let index = GraphIndex::new(&self.graph);
        let fed = self.graph.input.iter().filter(|value| {
            value
                .name
                .as_deref()
                .is_some_and(|name| !index.initializers.contains_key(name))
        });
        fed.map(describe).collect()
    }

    /// Returns the graph outputs.
    pub fn outputs(&self) -> Vec<ValueDescription> {
        self.graph.output.iter().map(describe).collect()
    }
}

fn describe(value: &proto::ValueInfo) -> ValueDescription {
    let tensor = match value.r#type.as_ref().and_then(|t| t.value.as_ref()) {
        Some(proto::TypeValue::Tensor(tensor)) => Some(tensor),
        _ => None,
    };
    let size = |dimension: &proto::Dimension| match dimension.value {
        Some(proto::DimensionValue::Value(size)) => usize::try_from(size).ok(),
        _ => None,
    };
    ValueDescription {
        name: value.name.clone().unwrap_or_default(),
        element_type: tensor
            .map_or(ElementType::Undefined, proto::TensorType::element_type),
        dimensions: tensor
            .and_then(|t| t.shape.as_ref())
            .map(|shape| shape.dim.iter().map(size).collect()),
    }
}
