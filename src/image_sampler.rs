//! The library's interface for single images.

use std::path::{Path, PathBuf};

use image::DynamicImage;
use ndarray::{Array3, ArrayView3};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::graph::{Plan, SiteOptions};
use crate::head::{HeadChoice, HeadOptions, ScoresOption};
use crate::input::preprocessing::{Options, OutputSettings};
use crate::input::{Picture, Preprocessing, Values, picture_of, read_image};
use crate::onnx::{Model, find_model};
use crate::pass::Pass;
use crate::prediction::Prediction;
use crate::random::digest_key;
use crate::runtime::Runtime;
use crate::sampling::{Sampler, SamplingOptions, model_input};
use crate::sums::{Family, OutputKind, PassOutput, TargetUnit};
use crate::task::Target;
use crate::tensor::Region;

/// Side of the image that a model is probed with, if the model does not fix it.
const PROBE_SIDE: usize = 224;

/// A model, ready to predict images.
#[derive(Debug)]
pub struct ImageSampler {
    sampler: Sampler,
    preprocessing: Preprocessing,
}

/// Builder of an [`ImageSampler`].
#[derive(Debug, Clone)]
#[must_use]
pub struct SamplerBuilder {
    model: PathBuf,
    library: Option<PathBuf>,
    output_name: Option<String>,
    heads: Vec<HeadChoice>,
    scores: ScoresOption,
    sites: SiteOptions,
    preprocessing: Options,
    sampling: SamplingOptions,
    probe_size: Option<(usize, usize)>,
}

/// An image to predict.
#[derive(Debug, Clone)]
pub enum ImageSource<'a> {
    /// A file. Its masks depend on the bytes of the file, as in `mcdrop predict`.
    File(&'a Path),
    /// A decoded image. Its masks depend on its pixels.
    Image(&'a DynamicImage),
    /// Pixels from 0 to 255, `[H, W, C]` with 1, 3 or 4 channels. Masks depend on the pixels.
    U8(ArrayView3<'a, u8>),
    /// Pixels of floating point, `[H, W, C]` with 1, 3 or 4 channels. Masks depend on the pixels.
    F32(ArrayView3<'a, f32>),
}

impl ImageSampler {
    /// Creates a builder with the default settings: 31 stratified samples, seed 0, all live
    /// dropouts.
    ///
    /// `model` is an ONNX file, or the folder of an export.
    pub fn builder(model: impl AsRef<Path>) -> SamplerBuilder {
        SamplerBuilder {
            model: model.as_ref().to_owned(),
            library: None,
            output_name: None,
            heads: Vec::new(),
            scores: ScoresOption::Auto,
            sites: SiteOptions::default(),
            preprocessing: Options::default(),
            sampling: SamplingOptions::default(),
            probe_size: None,
        }
    }

    /// Predicts an image: runs all passes and keeps their sums.
    ///
    /// # Errors
    /// Fails if the image cannot be read, if the model cannot take its size, if scores or values are
    /// not finite, or if a variance is negative.
    pub fn predict<'a>(
        &mut self,
        image: impl Into<ImageSource<'a>>,
    ) -> Result<Prediction> {
        let (picture, key) = self.read(&image.into())?;
        let input = self.preprocessing.apply(&picture)?;
        let region = self.region(&input);
        let task = self.sampler.output_layout().task();
        let statistics = self.sampler.sample(input, key)?;
        Ok(Prediction::new(task, statistics, region))
    }

    /// Runs the passes of [`Self::predict`] without keeping sums, and calls `on_pass` with what each
    /// predicts, `[C, H, W]`: probabilities of classes or labels, or values in the target's unit. The
    /// pass without dropout is the first one; the samples follow in order.
    ///
    /// # Errors
    /// Fails as [`Self::predict`] does.
    pub fn for_each_pass<'a>(
        &mut self,
        image: impl Into<ImageSource<'a>>,
        mut on_pass: impl FnMut(Pass, ArrayView3<'_, f32>),
    ) -> Result<()> {
        let (picture, key) = self.read(&image.into())?;
        let input = self.preprocessing.apply(&picture)?;
        let region = self.region(&input);
        self.sampler.for_each_pass(input, key, &mut |pass, scores| {
            on_pass(pass, probabilities(scores, &region).view());
        })
    }

    /// Returns the sampler: the model with its sites, and the options.
    pub fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// Returns the resolved preprocessing.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// Returns the number of classes, labels or targets.
    pub fn n_classes(&self) -> usize {
        self.sampler.output_layout().n_classes()
    }

    /// Returns the name of a class or label, if names are known.
    pub fn class_name(&self, class: usize) -> Option<&str> {
        self.preprocessing.class_names.as_ref()?.get(class).map(String::as_str)
    }

    fn region(&self, input: &crate::input::NetworkInput) -> Region {
        if self.sampler.output_layout().task().has_maps() {
            let (rows, columns) = input.geometry.valid();
            Region { rows, columns }
        } else {
            Region { rows: 0..1, columns: 0..1 }
        }
    }

    /// Returns the pixels of an image and the key of its masks.
    fn read(&self, image: &ImageSource<'_>) -> Result<(Picture, u64)> {
        let options = self.preprocessing.read_options();
        let picture = match image {
            ImageSource::File(path) => {
                let decoded = read_image(path, options)?;
                return Ok((decoded.picture, digest_key(&decoded.sha256)));
            }
            ImageSource::Image(image) => picture_of((*image).clone(), options)?,
            ImageSource::U8(pixels) => {
                let (height, width, bands) = bands_of(pixels.dim())?;
                let values = pixels.iter().copied();
                // One band is gray, as in files.
                let (values, bands) = if bands == 1 {
                    (values.flat_map(|value| [value; 3]).collect(), 3)
                } else {
                    (values.collect(), bands)
                };
                Picture { width, height, bands, values: Values::U8(values) }
            }
            ImageSource::F32(pixels) => {
                let (height, width, bands) = bands_of(pixels.dim())?;
                let values = Values::F32(pixels.iter().copied().collect());
                Picture { width, height, bands, values }
            }
        };
        let key = key_of(&picture);
        Ok((picture, key))
    }
}

impl SamplerBuilder {
    /// Sets the number of samples, best a multiple of 31. Default: 31.
    pub fn samples(mut self, samples: u32) -> Self {
        self.sampling.samples = samples;
        self
    }

    /// Sets the seed of the masks. Default: 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.sampling.seed = seed;
        self
    }

    /// Sets all options of sampling. Replaces those that were set before, also `samples` and `seed`.
    pub fn sampling(mut self, options: SamplingOptions) -> Self {
        self.sampling = options;
        self
    }

    /// Sets the active dropouts, and dropout that is inserted. Default: the live dropouts of the file.
    pub fn sites(mut self, options: SiteOptions) -> Self {
        self.sites = options;
        self
    }

    /// Sets options of preprocessing, which override the configuration files beside the model.
    pub fn preprocessing(mut self, options: Options) -> Self {
        self.preprocessing = options;
        self
    }

    /// Sets the name of the output that contains the scores or values. Default: the only output.
    pub fn output_name(mut self, name: impl Into<String>) -> Self {
        self.output_name = Some(name.into());
        self
    }

    /// Sets which outputs are read in which roles, such as a mean and its variance. Default: the only
    /// output, or what a configuration beside the model states.
    ///
    /// ```
    /// use mcdrop::{Sampler, measure};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut sampler = Sampler::builder("models/digits_angle.onnx")
    ///     .heads(["mean=angle".parse()?, "log_variance=log_variance".parse()?])
    ///     .build()?;
    /// let prediction = sampler.predict("fixtures/digits_angle/images/evaluation_00.png")?;
    ///
    /// let angle = prediction.map(&measure::VALUE)?[[0, 0]]; // degrees
    /// let std = prediction.map(&measure::TOTAL_STD)?[[0, 0]];
    /// assert!((angle - 2.0 * std..angle + 2.0 * std).contains(&-6.3));
    /// # Ok(())
    /// # }
    /// ```
    pub fn heads(mut self, heads: impl IntoIterator<Item = HeadChoice>) -> Self {
        self.heads = heads.into_iter().collect();
        self
    }

    /// Sets whether the output contains logits or probabilities. Default: determined by the last
    /// operator of the graph or by a trial run.
    pub fn scores(mut self, scores: ScoresOption) -> Self {
        self.scores = scores;
        self
    }

    /// Sets the path of ONNX Runtime's library, or of the folder that contains it. Default: the
    /// variable `ORT_DYLIB_PATH`, or else the places where the library usually is.
    pub fn onnx_runtime(mut self, library: impl AsRef<Path>) -> Self {
        self.library = Some(library.as_ref().to_owned());
        self
    }

    /// Sets the width and height of a typical image, for which the model is probed. Images of other
    /// sizes work too, if the model takes them. Default: the fixed size of the model's input, or
    /// 224 x 224.
    pub fn image_size(mut self, width: usize, height: usize) -> Self {
        self.probe_size = Some((width, height));
        self
    }

    /// Finds ONNX Runtime, reads the model, finds its sites and its preprocessing, and probes it.
    ///
    /// # Errors
    /// Fails if ONNX Runtime is not found, the model has no usable dropout, or a setting or
    /// configuration file is invalid. The error names the file, node or setting.
    pub fn build(self) -> Result<ImageSampler> {
        let runtime = Runtime::find(self.library.as_deref())?;
        let file = find_model(&self.model)?;
        let model = Model::open(&file)?;
        let may_be_empty = self.sites.may_be_empty || self.sampling.deterministic;
        let sites = SiteOptions { may_be_empty, ..self.sites };
        let mut options = self.preprocessing;
        options.metadata = model.metadata();
        let settings = OutputSettings::resolve(&file, &options)?;
        let task = self.sampling.task.or(settings.task);
        let heads = match (&self.heads[..], &self.output_name) {
            ([], None) => settings.heads,
            (heads, _) => heads.to_vec(),
        };
        let heads = HeadOptions {
            outputs: self.output_name.into_iter().collect(),
            scores: self.scores,
            heads,
            family: task.map(|task| task.family),
        };
        let plan = Plan::with_sites(model, &heads, &sites)?;
        let input = model_input(&plan)?;
        let preprocessing = Preprocessing::resolve(&file, &input, &options)?;
        let mut sampling = self.sampling;
        sampling.task = sampling.task.or(preprocessing.task);
        if sampling.target == TargetUnit::default() {
            sampling.target = preprocessing.target.conversion(None);
        }
        let (width, height) = self.probe_size.unwrap_or_else(|| {
            (input.width.unwrap_or(PROBE_SIDE), input.height.unwrap_or(PROBE_SIDE))
        });
        let bands = match preprocessing.read_options().channels.count() {
            1 => 3,
            n => n,
        };
        let values = Values::U8(vec![0; width * height * bands]);
        let blank = Picture { width, height, bands, values };
        let blank = preprocessing.apply(&blank)?;
        let size = (blank.height, blank.width);
        let sampler = Sampler::open(plan, &runtime, sampling, size)?;
        if sampler.output_layout().task().target == Target::Value {
            preprocessing.check_targets(sampler.output_layout().n_classes())?;
        } else {
            preprocessing.check_class_names(sampler.output_layout().n_classes())?;
        }
        Ok(ImageSampler { sampler, preprocessing })
    }
}

fn bands_of(dimensions: (usize, usize, usize)) -> Result<(usize, usize, usize)> {
    if let (_, _, 1..) = dimensions {
        return Ok(dimensions);
    }
    let message =
        format!("expected [H, W, C] with at least one channel, found {dimensions:?}");
    Err(Error::setting("image", message).with_hint("put the channels last"))
}

/// Returns the first eight bytes of the SHA-256 of a picture's size and values.
fn key_of(picture: &Picture) -> u64 {
    let mut hash = Sha256::new();
    for size in [picture.width, picture.height, picture.bands] {
        hash.update((size as u64).to_le_bytes());
    }
    match &picture.values {
        Values::U8(values) => hash.update(values),
        Values::U16 { values, largest } => {
            hash.update(largest.to_le_bytes());
            for value in values {
                hash.update(value.to_le_bytes());
            }
        }
        Values::F32(values) => values.iter().for_each(|v| hash.update(v.to_le_bytes())),
    }
    digest_key(&hash.finalize().into())
}

/// Returns the probabilities or values of one pass on a region, `[C, H, W]`.
fn probabilities(scores: &PassOutput<'_>, region: &Region) -> Array3<f32> {
    let plane = scores.height * scores.width;
    let n_classes = scores.kind.family().channels(scores.n_channels);
    let (height, width) = (region.rows.len(), region.columns.len());
    let mut probabilities = Array3::zeros((n_classes, height, width));
    for ((y, x), mut classes) in ndarray::indices((height, width))
        .into_iter()
        .zip(probabilities.lanes_mut(ndarray::Axis(0)))
    {
        let pixel = (region.rows.start + y) * scores.width + region.columns.start + x;
        let score = |channel: usize| scores.values[channel * plane + pixel];
        if scores.kind.family() != Family::Classes {
            for channel in 0..n_classes {
                classes[channel] = single(scores, channel, score(channel));
            }
            continue;
        }
        if scores.n_channels == 1 {
            let p = single(scores, 0, score(0));
            classes[0] = 1.0 - p;
            classes[1] = p;
            continue;
        }
        for class in 0..n_classes {
            classes[class] = score(class);
        }
        if scores.kind == OutputKind::Logits {
            let largest = classes.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            classes.mapv_inplace(|score| (score - largest).exp());
            let sum = classes.sum();
            classes.mapv_inplace(|value| value / sum);
        }
    }
    probabilities
}

/// Returns the probability of a score by itself, or the value in the target's unit.
fn single(scores: &PassOutput<'_>, channel: usize, score: f32) -> f32 {
    match scores.kind {
        OutputKind::Logits | OutputKind::LabelLogits => 1.0 / (1.0 + (-score).exp()),
        OutputKind::Probabilities | OutputKind::LabelProbabilities => score,
        OutputKind::Values => {
            let unit = scores.units.get(channel).copied().unwrap_or_default();
            score * unit.scale + unit.offset
        }
    }
}

impl<'a> From<&'a Path> for ImageSource<'a> {
    fn from(path: &'a Path) -> Self {
        Self::File(path)
    }
}

impl<'a> From<&'a PathBuf> for ImageSource<'a> {
    fn from(path: &'a PathBuf) -> Self {
        Self::File(path)
    }
}

impl<'a> From<&'a str> for ImageSource<'a> {
    fn from(path: &'a str) -> Self {
        Self::File(path.as_ref())
    }
}

impl<'a> From<&'a DynamicImage> for ImageSource<'a> {
    fn from(image: &'a DynamicImage) -> Self {
        Self::Image(image)
    }
}

impl<'a> From<ArrayView3<'a, u8>> for ImageSource<'a> {
    fn from(pixels: ArrayView3<'a, u8>) -> Self {
        Self::U8(pixels)
    }
}

impl<'a> From<ArrayView3<'a, f32>> for ImageSource<'a> {
    fn from(pixels: ArrayView3<'a, f32>) -> Self {
        Self::F32(pixels)
    }
}
