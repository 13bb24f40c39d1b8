//! Rows, and the keys of their draws: once for the whole graph.

use super::builder::Builder;
use super::generator::{absorb, halves};
use crate::onnx::ElementType::I64;
use crate::random::{BLOCK, Draws};

/// Names of the graph's inputs.
#[derive(Debug, Clone)]
pub(super) struct Inputs {
    pub(super) image: String,
    pub(super) sample: String,
    pub(super) seed: String,
    pub(super) image_key: String,
}

/// What each row of a run is: tensors of the graph.
#[derive(Debug)]
pub(super) struct Rows {
    /// How many there are, `[1]`.
    pub(super) count: String,
    /// The same without axes.
    pub(super) number: String,
    /// Whether a row is of the deterministic pass, `[N]`.
    pub(super) off: String,
    /// Samples, 0 where off, `[N]`.
    sample: String,
    /// Image keys, `[N]`.
    image: String,
    seed: String,
}

impl Rows {
    /// A row for each image; seeds and samples that are given once hold for all.
    pub(super) fn build(b: &mut Builder, inputs: &Inputs, one: bool) -> Self {
        let shape = b.op("Shape", &[&inputs.image]);
        let first = b.ints(&[0]);
        let count = b.gather(&shape, &first, 0);
        let zero = b.int(0);
        let number = b.gather(&shape, &zero, 0);
        let [sample, image] = [&inputs.sample, &inputs.image_key].map(|name| {
            let all = if one { name.clone() } else { b.op("Expand", &[name, &count]) };
            // Refuses a number of samples that is not that of the images.
            b.op("Reshape", &[&all, &count])
        });
        let off = b.op("Less", &[&sample, &zero]);
        let sample = b.op("Where", &[&off, &zero, &sample]);
        Self { count, number, off, sample, image, seed: inputs.seed.clone() }
    }
}

/// The keys of one kind of draws.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) draws: Draws,
    sites: Vec<u64>,
    /// For each row its place among the pairs of image and turn that differ, `[N]`.
    pub(super) pair: String,
    /// The sample's number in its turn, `[N]`.
    pub(super) bit: String,
    /// The words of the pairs, `[U, 1]`.
    words: [String; 3],
    /// Keys of the sites before the iteration's word, `[S, 1, 1]`.
    early: String,
    /// Keys of the sites outside of loops, `[S, U, 1]`.
    outside: Option<String>,
}

impl Keys {
    /// Keys for the sites of these keys; `outside` where one stands outside of loops.
    pub(super) fn build(
        b: &mut Builder,
        rows: &Rows,
        draws: Draws,
        (sites, outside): (Vec<u64>, bool),
    ) -> Self {
        let (turn, bit) = turns(b, rows, draws);
        let column = |b: &mut Builder, name: &str| b.reshape(name, &[-1, 1]);
        let columns = [column(b, &rows.image), column(b, &turn)];
        let pairs = b.concat(&[&columns[0], &columns[1]], 1);
        let (pairs, pair) = b.unique_rows(&pairs);
        let [image, turn] = [0, 1].map(|i| {
            let at = b.ints(&[i]);
            b.gather(&pairs, &at, 1)
        });
        let [low, high] = halves(b, &image);
        let words = [low, high, turn];
        let early = early(b, &rows.seed, draws, &sites);
        let outside = outside.then(|| {
            let zero = b.int(0);
            late(b, &early, &zero, &words)
        });
        Self { draws, sites, pair, bit, words, early, outside }
    }

    /// The keys of a site, `[U, 1]`.
    pub(super) fn of(
        &self,
        b: &mut Builder,
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

/// Turn and bit of each row's sample.
fn turns(b: &mut Builder, rows: &Rows, draws: Draws) -> (String, String) {
    match draws {
        Draws::Independent => (rows.sample.clone(), b.cast(&rows.off, I64)),
        Draws::Stratified => {
            let block = b.int(BLOCK as i64);
            let turn = b.op("Div", &[&rows.sample, &block]);
            let bit = b.op("Mod", &[&rows.sample, &block]);
            (turn, b.op("Where", &[&rows.off, &block, &bit]))
        }
    }
}

fn early(b: &mut Builder, seed: &str, draws: Draws, sites: &[u64]) -> String {
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

fn late(b: &mut Builder, key: &str, iteration: &str, words: &[String; 3]) -> String {
    let mut key = absorb(b, key, iteration);
    for word in words {
        key = absorb(b, &key, word);
    }
    key
}
