//! What a place of randomness is.

use crate::onnx::ElementType;
use crate::random::site_key;

/// What kind of randomness a site is: a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
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

impl Kind {
    /// All, in the order of the documentation.
    pub const ALL: [Self; 6] = [
        Self::Dropout,
        Self::AlphaDropout,
        Self::StochasticDepth,
        Self::DropBlock,
        Self::WeightDropout,
        Self::Noise,
    ];

    /// The name in files and listings.
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

/// What is drawn for at once: a closed list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Every element for itself.
    Element,
    /// All elements of a channel (of a token's feature in locked dropout) together.
    Channel,
    /// A whole image.
    Row,
}

impl Unit {
    /// All, the finest first.
    pub const ALL: [Self; 3] = [Self::Element, Self::Channel, Self::Row];

    /// The name to type, in files and listings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Element => "element",
            Self::Channel => "channel",
            Self::Row => "row",
        }
    }
}

/// A place where randomness enters.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// Name of its (last) node.
    pub node: String,
    /// The path of the PyTorch module that it came from, where the exporter left one.
    pub module: Option<String>,
    /// What kind of randomness it is.
    pub kind: Kind,
    /// Share of the units that a sample zeroes, in [0, 1); `None` for noise and for ratios that
    /// are computed at run time.
    pub ratio: Option<f32>,
    /// What is drawn for at once.
    pub unit: Unit,
    /// The tensor that it writes, after the names of the nodes that enclose it and `/`: the
    /// site is known by this name.
    pub tensor: String,
    /// The site's word in the mask stream: the first 8 bytes of SHA-256 of `tensor`.
    pub key: u64,
    /// Whether it draws in the file as it is, by the ONNX specification.
    pub live: bool,
    /// Whether a converted file draws the same.
    pub reproducible: bool,
    /// Why it is not live, or what there is to know about it.
    pub reason: Option<String>,
}

/// How a unit's draw becomes values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Draw {
    /// A kept value is scaled and shifted, a dropped one replaced.
    Dropout(Mask),
    /// Uniform noise; `off` is what a pass without randomness has.
    Uniform { low: f32, high: f32, off: f32 },
    /// Gaussian noise; a pass without randomness has the mean.
    Normal { mean: f32, scale: f32 },
}

/// The axes along which a mask varies.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Mask {
    /// Counted from the last, -1; the axis of the images is left out. `None`: all.
    pub(crate) axes: Option<Vec<i64>>,
}

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Values {
    /// A kept value is multiplied by this,
    pub(crate) scale: f32,
    /// and this is added;
    pub(crate) shift: f32,
    /// a dropped one becomes this.
    pub(crate) dropped: f32,
}

impl Values {
    /// Those of plain dropout.
    pub(crate) fn of_dropout(ratio: f32) -> Self {
        Self { scale: crate::random::keep_scale(ratio), shift: 0.0, dropped: 0.0 }
    }
}

/// The way from the graph to a body: position of a node, its attribute, the graph in it.
pub(crate) type Steps = Vec<(usize, usize, usize)>;

/// A node of the file that a draw is put in place of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Application {
    /// The bodies around it, the outermost first.
    pub(crate) steps: Steps,
    /// Position of the node in its graph.
    pub(crate) at: usize,
    /// What it drops from; for noise what has its shape.
    pub(crate) input: Source,
    /// The tensor that it writes.
    pub(crate) output: String,
    /// What becomes of values; of no meaning for noise.
    pub(crate) values: Values,
    /// The counter of the loop around it.
    pub(crate) iteration: Option<String>,
    /// Which nodes read the dropped tensor instead of the input, for one that is inserted:
    /// positions in the same graph. `None`: the node itself is replaced.
    pub(crate) readers: Option<Vec<usize>>,
}

/// Where the values, or the shape of the noise, come from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    /// Values to drop from.
    Values(String),
    /// Noise of the shape of this tensor, of this ONNX element type.
    Like(String, ElementType),
    /// Noise of a fixed shape, of this ONNX element type.
    Shape(Vec<i64>, ElementType),
    /// Noise of the sizes that this tensor holds.
    Sizes(String),
    /// A mask of the shape of this tensor, which has the ONNX element type, and that the values
    /// are multiplied by.
    Masked(String, ElementType, String),
    /// 1 with the probabilities that this tensor holds, else 0, of this ONNX element type.
    Bernoulli(String, ElementType),
}

/// A site with what is needed to run it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) site: Site,
    pub(crate) draw: Draw,
    /// One mask may be applied to several tensors.
    pub(crate) applications: Vec<Application>,
    /// Why the sampler cannot run it, with the way out.
    pub(crate) refused: Option<(String, &'static str)>,
    /// Whether the user put it in.
    pub(crate) is_inserted: bool,
}

impl Site {
    /// A live site by the name of what it writes.
    pub(crate) fn new(node: &str, kind: Kind, unit: Unit, tensor: String) -> Self {
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
            reproducible: kind != Kind::Noise,
            reason: None,
        }
    }
}
