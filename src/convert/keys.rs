//! The images of a run and the keys of their draws, computed once for the whole graph.

use super::generator::{absorb, halves};
use crate::onnx::ElementType::I64;
use crate::onnx::build::NodeBuilder;
use crate::random::{BLOCK, Draws};

/// Names of the inputs of the graph.
#[derive(Debug, Clone)]
pub(super) struct GraphInputs {
    pub(super) image: String,
    pub(super) sample: String,
    pub(super) seed: String,
    pub(super) image_key: String,
}

/// Tensors that describe the images of a run.
#[derive(Debug)]
pub(super) struct BatchTensors {
    /// Number of images, `[1]`.
    pub(super) count: String,
    /// Number of images, without axes.
    pub(super) number: String,
    /// True for images of the deterministic pass, `[N]`.
    pub(super) off: String,
    /// Numbers of the samples, 0 in the deterministic pass, `[N]`.
    sample: String,
    /// Image keys, `[N]`.
    image: String,
    seed: String,
}

impl BatchTensors {
    /// Builds the tensors; a sample or image key that is given once holds for all images.
    pub(super) fn build(
        b: &mut NodeBuilder,
        inputs: &GraphInputs,
        single_image: bool,
    ) -> Self {
        let shape = b.op("Shape", &[&inputs.image]);
        let first = b.ints(&[0]);
        let count = b.gather(&shape, &first, 0);
        let zero = b.int(0);
        let number = b.gather(&shape, &zero, 0);
        let [sample, image] = [&inputs.sample, &inputs.image_key].map(|name| {
            let all =
                if single_image { name.clone() } else { b.op("Expand", &[name, &count]) };
            // Fails if the number of samples is not that of the images.
            b.op("Reshape", &[&all, &count])
        });
        let off = b.op("Less", &[&sample, &zero]);
        let sample = b.op("Where", &[&off, &zero, &sample]);
        Self { count, number, off, sample, image, seed: inputs.seed.clone() }
    }
}

/// Tensors with the keys of one scheme of draws.
#[derive(Debug)]
pub(super) struct KeyTensors {
    pub(super) draws: Draws,
    sites: Vec<u64>,
    /// Index of each image among the distinct pairs of image and block of samples, `[N]`.
    pub(super) pair: String,
    /// Number of the sample in its block, `[N]`.
    pub(super) bit: String,
    /// Words of the pairs, `[U, 1]`.
    words: [String; 3],
    /// Keys of the sites before the iteration's word, `[S, 1, 1]`.
    early: String,
    /// Keys of the sites outside of loops, `[S, U, 1]`, if there are any.
    outside: Option<String>,
}

impl KeyTensors {
    /// Builds the keys for sites with these keys; `outside` if one of them is outside of loops.
    pub(super) fn build(
        b: &mut NodeBuilder,
        batch: &BatchTensors,
        draws: Draws,
        sites: Vec<u64>,
        outside: bool,
    ) -> Self {
        let (block, bit) = block_and_bit(b, batch, draws);
        let column = |b: &mut NodeBuilder, name: &str| b.reshape(name, &[-1, 1]);
        let columns = [column(b, &batch.image), column(b, &block)];
        let pairs = b.concat(&[&columns[0], &columns[1]], 1);
        let (pairs, pair) = b.unique_rows(&pairs);
        let [image, block] = [0, 1].map(|i| {
            let at = b.ints(&[i]);
            b.gather(&pairs, &at, 1)
        });
        let [low, high] = halves(b, &image);
        let words = [low, high, block];
        let early = early(b, &batch.seed, draws, &sites);
        let outside = outside.then(|| {
            let zero = b.int(0);
            late(b, &early, &zero, &words)
        });
        Self { draws, sites, pair, bit, words, early, outside }
    }

    /// Returns the keys of a site, `[U, 1]`.
    pub(super) fn of(
        &self,
        b: &mut NodeBuilder,
        site: u64,
        iteration: Option<&str>,
    ) -> String {
        let place = self.sites.iter().position(|&key| key == site).unwrap_or(0);
        let place = b.int(place as i64);
        match (&self.outside, iteration) {
            (Some(keys), None) => b.gather(keys, &place, 0),
            (_, iteration) => {
                let key = b.gather(&self.early, &place, 0);
                let zero = b.int(0);
                let word = b.reshape(iteration.unwrap_or(&zero), &[1, 1]);
                late(b, &key, &word, &self.words)
            }
        }
    }
}

/// Returns the block of each image's sample, and the number of the sample in it.
fn block_and_bit(
    b: &mut NodeBuilder,
    batch: &BatchTensors,
    draws: Draws,
) -> (String, String) {
    match draws {
        Draws::Independent => (batch.sample.clone(), b.cast(&batch.off, I64)),
        Draws::Stratified => {
            let size = b.int(BLOCK as i64);
            let block = b.op("Div", &[&batch.sample, &size]);
            let bit = b.op("Mod", &[&batch.sample, &size]);
            (block, b.op("Where", &[&batch.off, &size, &bit]))
        }
    }
}

fn early(b: &mut NodeBuilder, seed: &str, draws: Draws, sites: &[u64]) -> String {
    let mut key = b.tensor(&[1, 1, 1], &[crate::random::KEY_START.cast_signed()]);
    let tag = b.int(i64::from(draws.tag()));
    let seed = b.reshape(seed, &[1, 1, 1]);
    let [low, high] = halves(b, &seed);
    let sizes = [sites.len() as i64, 1, 1];
    let half = |shift: u32| -> Vec<i64> {
        sites.iter().map(|site| i64::from((site >> shift) as u32)).collect()
    };
    let [site_low, site_high] = [0, 32].map(|shift| b.tensor(&sizes, &half(shift)));
    for word in [tag, low, high, site_low, site_high] {
        key = absorb(b, &key, &word);
    }
    key
}

fn late(b: &mut NodeBuilder, key: &str, iteration: &str, words: &[String; 3]) -> String {
    let mut key = absorb(b, key, iteration);
    for word in words {
        key = absorb(b, &key, word);
    }
    key
}
