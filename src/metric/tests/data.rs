//! Generates random images.

use crate::metric::{
    DeterministicPass, Evaluation, EvaluationOptions, EvaluationSpec, IGNORED,
    ImageInput, ImageSummary, ScoreSpec,
};
use crate::task::Item;

/// Generator of test data: `SplitMix64`.
#[derive(Debug, Clone)]
pub(in crate::metric) struct Random(pub(in crate::metric) u64);

impl Random {
    pub(in crate::metric) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// Returns a uniform number in [0, 1).
    pub(in crate::metric) fn share(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(in crate::metric) fn below(&mut self, end: usize) -> usize {
        (self.word() % end as u64) as usize
    }
}

/// An image that owns the data of an input.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) id: String,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) probabilities: Vec<f32>,
    pub(super) labels: Vec<u16>,
    pub(super) scores: Vec<Vec<f32>>,
    pub(super) deterministic: Option<(Vec<u16>, Vec<f32>)>,
    pub(super) mask: Option<Vec<u8>>,
}

impl Image {
    pub(super) fn summary(&self, spec: &EvaluationSpec) -> crate::Result<ImageSummary> {
        let scores: Vec<&[f32]> = self.scores.iter().map(Vec::as_slice).collect();
        let deterministic = self.deterministic.as_ref();
        let input = ImageInput {
            id: &self.id,
            height: self.height,
            width: self.width,
            probabilities: &self.probabilities,
            labels: &self.labels,
            scores: &scores,
            deterministic: deterministic.map(|(classes, probabilities)| {
                DeterministicPass { classes, probabilities }
            }),
            mask: self.mask.as_deref(),
        };
        ImageSummary::new(&input, spec)
    }

    /// Creates an image of one item with only probabilities and a label.
    pub(super) fn plain(id: &str, probabilities: &[f32], label: u16) -> Self {
        Self {
            id: id.to_owned(),
            height: 1,
            width: 1,
            probabilities: probabilities.to_vec(),
            labels: vec![label],
            scores: Vec::new(),
            deterministic: None,
            mask: None,
        }
    }
}

/// Items, classes and size of random images.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) item: Item,
    pub(super) n_classes: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

pub(super) const STREET: Kind =
    Kind { item: Item::Pixel, n_classes: 5, height: 23, width: 38 };

pub(super) const DIGIT: Kind =
    Kind { item: Item::Image, n_classes: 4, height: 1, width: 1 };

pub(super) fn spec(kind: Kind, options: EvaluationOptions) -> EvaluationSpec {
    let classes = (0..kind.n_classes).map(|class| format!("class {class}")).collect();
    let bound = (kind.n_classes as f32).ln();
    let scores = vec![
        ScoreSpec::new("predictive_entropy", bound),
        ScoreSpec::new("mutual_information", bound),
        ScoreSpec::new("variation_ratio", 1.0),
        ScoreSpec::new("least_confidence", 1.0),
    ];
    EvaluationSpec::new(kind.item, classes, scores, options)
        .unwrap()
        .with_deterministic()
        .with_masks()
}

/// Returns options that keep tests fast.
pub(super) fn options(replicates: usize) -> EvaluationOptions {
    EvaluationOptions { replicates, patch_sizes: vec![2, 4, 6, 8], interior: 1 }
}

/// Creates a random image: blocks of classes, mostly right probabilities, entropy, small mutual
/// information over many octaves, and a variation ratio with 32 values.
pub(super) fn image(kind: Kind, id: &str, random: &mut Random) -> Image {
    let (n, n_classes) = (kind.height * kind.width, kind.n_classes);
    let mut image = Image {
        id: id.to_owned(),
        height: kind.height,
        width: kind.width,
        probabilities: vec![0.0; n * n_classes],
        labels: Vec::with_capacity(n),
        scores: vec![Vec::new(); 4],
        deterministic: Some((Vec::new(), Vec::new())),
        mask: Some(Vec::new()),
    };
    let block = random.below(1000);
    for i in 0..n {
        let (y, x) = (i / kind.width, i % kind.width);
        let class = (block + y / 9 + 2 * (x / 7)) % n_classes;
        item(&mut image, i, class, random);
    }
    image
}

fn item(image: &mut Image, i: usize, class: usize, random: &mut Random) {
    let n = image.height * image.width;
    let n_classes = image.probabilities.len() / n;
    let sharpness = 12.0 * random.share();
    let mut weights: Vec<f64> =
        (0..n_classes).map(|_| (3.0 * random.share()).exp()).collect();
    weights[class] *= (sharpness * random.share()).exp();
    let total: f64 = weights.iter().sum();
    let mut entropy = 0.0;
    for (k, weight) in weights.iter().enumerate() {
        let p = (weight / total) as f32;
        image.probabilities[k * n + i] = p;
        entropy -= f64::from(p) * f64::from(p.max(f32::MIN_POSITIVE)).ln();
    }
    let probabilities = |k: usize| image.probabilities[k * n + i];
    let top = (0..n_classes).map(probabilities).fold(0.0, f32::max);
    let label = match random.below(20) {
        0 => IGNORED,
        1..=3 => random.below(n_classes) as u16,
        _ => class as u16,
    };
    image.labels.push(label);
    image.scores[0].push(entropy.max(0.0).min((n_classes as f64).ln()) as f32);
    let small = entropy.max(0.0) * (-20.0 * random.share()).exp();
    image.scores[1].push(if random.below(10) == 0 { 0.0 } else { small as f32 });
    let votes = (f64::from(1.0 - top) * 31.0 * 2.0 * random.share()).min(31.0).floor();
    image.scores[2].push((votes / 31.0) as f32);
    image.scores[3].push(1.0 - top);
    if let Some((classes, own)) = &mut image.deterministic {
        let class = if random.below(8) == 0 { random.below(n_classes) } else { class };
        classes.push(class as u16);
        own.push((1.0 / n_classes as f64 + random.share() * 0.7).min(1.0) as f32);
    }
    if let Some(mask) = &mut image.mask {
        mask.push([0, 0, 0, 1, 255][random.below(5)]);
    }
}

pub(super) fn images(kind: Kind, n: usize, seed: u64) -> Vec<Image> {
    let mut random = Random(seed);
    (0..n).map(|i| image(kind, &format!("folder/{i:04}.png"), &mut random)).collect()
}

pub(super) fn evaluate(images: &[Image], spec: &EvaluationSpec) -> Evaluation {
    let mut evaluation = Evaluation::new(spec.clone());
    for image in images {
        evaluation.add(image.summary(spec).unwrap()).unwrap();
    }
    evaluation
}
