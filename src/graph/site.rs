//! Sites: the places of a model where randomness enters.

use crate::onnx::ElementType;
use crate::random::site_key;

/// Kind of randomness of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SiteKind {
    /// A unit is zeroed and the others are scaled.
    Dropout,
    /// A unit is set to the value that keeps self-normalizing networks normal (Klambauer et al.
    /// 2017, *Self-Normalizing Neural Networks*), the others are scaled and shifted.
    AlphaDropout,
    /// The whole branch of an image is zeroed.
    StochasticDepth,
    /// Blocks of neighboring pixels are zeroed.
    DropBlock,
    /// Weights are zeroed: one draw serves all images of a run.
    WeightDropout,
    /// Gaussian or uniform noise.
    Noise,
}

impl SiteKind {
    /// All kinds, in the order of the documentation.
    pub const ALL: [Self; 6] = [
        Self::Dropout,
        Self::AlphaDropout,
        Self::StochasticDepth,
        Self::DropBlock,
        Self::WeightDropout,
        Self::Noise,
    ];

    /// Returns the name in files and listings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dropout => "dropout",
            Self::AlphaDropout => "alpha_dropout",
            Self::StochasticDepth => "stochastic_depth",
            Self::DropBlock => "drop_block",
            Self::WeightDropout => "weight_dropout",
            Self::Noise => "noise",
        }
    }
}

/// The part of a tensor that one random draw keeps or drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DropUnit {
    /// A single element.
    Element,
    /// All elements of a channel; of a token's feature in locked dropout.
    Channel,
    /// A whole image.
    Row,
}

impl DropUnit {
    /// All units, the finest first.
    pub const ALL: [Self; 3] = [Self::Element, Self::Channel, Self::Row];

    /// Returns the name on the command line, in files and listings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Element => "element",
            Self::Channel => "channel",
            Self::Row => "row",
        }
    }
}

/// A place of a model where randomness enters.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// Name of its node; of the last one if there are several.
    pub node: String,
    /// Path of the PyTorch module that it came from, if the exporter left one.
    pub module: Option<String>,
    /// Kind of randomness.
    pub kind: SiteKind,
    /// Fraction of the units that a sample drops, in [0, 1) unless the site is refused; `None` for
    /// noise and for ratios that are computed at run time.
    pub ratio: Option<f32>,
    /// The part of a tensor that one random draw keeps or drops.
    pub unit: DropUnit,
    /// Name of the tensor that it writes, after the names of the enclosing nodes, each followed by
    /// `/`. Identifies the site.
    pub tensor: String,
    /// Key of the site in the random stream: the first 8 bytes of SHA-256 of `tensor`.
    pub key: u64,
    /// True if it draws in the unchanged file, by the ONNX specification.
    pub live: bool,
    /// True if a converted file draws the same values.
    pub reproducible: bool,
    /// Reason why it is not live, or another remark.
    pub reason: Option<String>,
}

/// Randomness that a node adds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum StochasticNode {
    /// Scales and shifts the kept values of a tensor and replaces the dropped ones.
    Dropout(Mask),
    /// Writes uniform noise; `off` is its value in a pass without randomness.
    Uniform { low: f32, high: f32, off: f32 },
    /// Writes Gaussian noise; its value in a pass without randomness is the mean.
    Normal { mean: f32, scale: f32 },
}

/// The axes along which a mask varies.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Mask {
    /// Counted from the last, -1, without the axis of the images. `None`: all axes.
    pub(crate) axes: Option<Vec<i64>>,
}

/// What dropout makes of a value: kept values become `scale * value + shift`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct DropoutValues {
    /// Factor of a kept value.
    pub(crate) scale: f32,
    /// Summand of a kept value.
    pub(crate) shift: f32,
    /// Replacement of a dropped value.
    pub(crate) dropped: f32,
}

impl DropoutValues {
    /// Returns the values of plain dropout.
    pub(crate) fn of_dropout(ratio: f32) -> Self {
        Self { scale: crate::random::keep_scale(ratio), shift: 0.0, dropped: 0.0 }
    }
}

/// The path from the model's graph to a subgraph; empty for the graph itself.
pub(crate) type SubgraphPath = Vec<SubgraphStep>;

/// A subgraph inside a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SubgraphStep {
    /// Position of the node in its graph.
    pub(crate) node: usize,
    /// Position of the attribute in the node.
    pub(crate) attribute: usize,
    /// Position of the subgraph in the attribute.
    pub(crate) subgraph: usize,
}

/// A node of the file that a stochastic node takes the place of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MaskApplication {
    /// Subgraph that contains the node.
    pub(crate) path: SubgraphPath,
    /// Position of the node in that subgraph.
    pub(crate) at: usize,
    /// Form of the nodes that take its place.
    pub(crate) source: DrawSource,
    /// Tensor that the node writes.
    pub(crate) output: String,
    /// What dropout makes of a value; without meaning for noise.
    pub(crate) values: DropoutValues,
    /// Iteration counter of the enclosing loop.
    pub(crate) iteration: Option<String>,
    /// For inserted dropout, positions of the nodes that read its output in the place of its
    /// input. `None` if the node itself is replaced.
    pub(crate) readers: Option<Vec<usize>>,
}

impl MaskApplication {
    /// Position, in the model's graph, of the node or of the outermost node around it.
    pub(crate) fn top(&self) -> usize {
        self.path.first().map_or(self.at, |step| step.node)
    }
}

/// The tensors that a stochastic node is computed from.
///
/// `apply` builds the nodes of each form; nothing else depends on the form.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DrawSource {
    /// Dropout of this tensor.
    Data { tensor: String },
    /// Noise of the shape of a tensor.
    NoiseLike { tensor: String, element_type: ElementType },
    /// Noise of constant sizes.
    NoiseOfSizes { sizes: Vec<i64>, element_type: ElementType },
    /// The product of `data` and a mask of the shape of `like`.
    MaskProduct { like: String, data: String, element_type: ElementType },
    /// 1 with the probabilities that a tensor contains, else 0.
    Bernoulli { probabilities: String, element_type: ElementType },
}

/// A problem that keeps a site from being sampled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unsupported {
    pub(crate) problem: String,
    pub(crate) hint: String,
    /// True if another ratio solves it.
    pub(crate) concerns_ratio: bool,
}

impl Unsupported {
    pub(crate) fn new(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { problem: problem.into(), hint: hint.into(), concerns_ratio: false }
    }

    /// Creates the problem of a ratio, which the user may replace.
    pub(crate) fn of_ratio(node: &str, problem: impl Into<String>) -> Self {
        let hint = format!("set it: `ratio = '{node}=0.1'`");
        Self { concerns_ratio: true, ..Self::new(problem, hint) }
    }
}

/// A site with what is needed to run it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DetectedSite {
    pub(crate) site: Site,
    pub(crate) draw: StochasticNode,
    /// One mask may be applied to several tensors.
    pub(crate) applications: Vec<MaskApplication>,
    /// Set if the sampler cannot run the site.
    pub(crate) refused: Option<Unsupported>,
    /// True for dropout that the user inserted.
    pub(crate) is_inserted: bool,
}

impl Site {
    /// Creates a live site; `tensor` is the name of what it writes.
    pub(crate) fn new(
        node: &str,
        kind: SiteKind,
        unit: DropUnit,
        tensor: String,
    ) -> Self {
        let key = site_key(&tensor);
        Self {
            node: node.to_owned(),
            module: None,
            kind,
            ratio: None,
            unit,
            tensor,
            key,
            live: true,
            reproducible: kind != SiteKind::Noise,
            reason: None,
        }
    }
}
