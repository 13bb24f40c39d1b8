//! Statistics of each pixel, from the sums over all samples.

use rayon::prelude::*;

use super::strip::{STRIP, Strip, blocks};
use super::{Family, ImageSums, Needs, Tile};
use crate::simd::Isa;
use crate::tensor::{ClassMap, Map};

/// The statistics of the samples of one image.
#[derive(Debug, Clone)]
pub struct Statistics {
    n_samples: usize,
    family: Family,
    n_classes: usize,
    height: usize,
    width: usize,
    needs: Needs,
    isa: Isa,
    strips: Vec<Strip>,
}

impl Statistics {
    pub(super) fn new(reduction: ImageSums) -> Self {
        Self {
            n_samples: reduction.n_samples as usize,
            family: reduction.family,
            n_classes: reduction.family.channels(reduction.n_channels),
            height: reduction.height,
            width: reduction.width,
            needs: reduction.needs,
            isa: reduction.isa,
            strips: reduction.strips,
        }
    }

    /// Number of samples.
    pub fn n_samples(&self) -> usize {
        self.n_samples
    }

    /// What the channels of the passes are.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Number of classes (2 if the network has one channel), of labels, or of targets.
    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// Number of rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Number of columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The sums that were kept.
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// The class with the largest mean probability, the lowest of equals.
    pub fn prediction(&self) -> ClassMap {
        let classes = self.collect(|tile, out| {
            for (out, class) in out.iter_mut().zip(tile.top().class) {
                *out = class as u16;
            }
        });
        ClassMap { height: self.height, width: self.width, classes }
    }

    /// The mean probability of the predicted class.
    pub fn probability(&self) -> Map {
        self.map(|tile, out| out.copy_from_slice(&tile.top().largest[..out.len()]))
    }

    /// The mean probabilities or values, shape `[n_classes, height, width]`.
    pub fn mean(&self) -> Vec<f32> {
        let mut all = vec![0.0; self.n_classes * self.height * self.width];
        for (first_pixel, tile) in self.tiles() {
            for class in 0..self.n_classes {
                let start = class * self.height * self.width + first_pixel;
                all[start..start + tile.lanes()].copy_from_slice(tile.mean(class));
            }
        }
        all
    }

    /// The most probable class and its probability in the pass without dropout;
    /// [`ClassMap::NONE`] and NaN if there was no such pass.
    pub fn deterministic(&self) -> (ClassMap, Map) {
        let none = [(ClassMap::NONE, f32::NAN); STRIP];
        let of_strip = |strip: &Strip| {
            let is_known = !strip.deterministic.is_empty();
            let values = if is_known { &strip.deterministic[..] } else { &none[..] };
            values[..strip.n_pixels].to_vec()
        };
        let (classes, values) = self.strips.iter().flat_map(of_strip).unzip();
        let (height, width) = (self.height, self.width);
        (ClassMap { height, width, classes }, Map { height, width, values })
    }

    /// The value and the variance (probability and entropy of a label) of a channel in the pass
    /// without dropout. NaN if there was no such pass.
    pub fn deterministic_channel(&self, channel: usize) -> (Map, Map) {
        let (height, width) = (self.height, self.width);
        let map = || Map { height, width, values: vec![f32::NAN; height * width] };
        let (mut value, mut within) = (map(), map());
        for strip in &self.strips {
            for (offset, lanes) in blocks(strip.n_pixels) {
                let start = offset * self.n_classes + channel * lanes;
                let source = start..start + lanes;
                let target =
                    strip.first_pixel + offset..strip.first_pixel + offset + lanes;
                if let Some(values) = strip.deterministic_values.get(source.clone()) {
                    value.values[target.clone()].copy_from_slice(values);
                    within.values[target]
                        .copy_from_slice(&strip.deterministic_within[source]);
                }
            }
        }
        (value, within)
    }

    /// Computes a value per pixel from one channel, a label or a target: `kernel` gets tiles with
    /// the channel as their only one.
    pub fn map_of_channel(
        &self,
        channel: usize,
        kernel: impl Fn(&Tile, &mut [f32]) + Sync,
    ) -> Map {
        self.map(|tile, out| kernel(&tile.of_channel(channel), out))
    }

    /// Computes a value per pixel, tile by tile in parallel: `kernel` gets a tile and a slice with
    /// one element per lane.
    pub fn map(&self, kernel: impl Fn(&Tile, &mut [f32]) + Sync) -> Map {
        Map { height: self.height, width: self.width, values: self.collect(kernel) }
    }

    fn collect<T>(&self, kernel: impl Fn(&Tile, &mut [T]) + Sync) -> Vec<T>
    where
        T: Copy + Default + Send,
    {
        let mut all = vec![T::default(); self.height * self.width];
        let fill = |(out, strip): (&mut [T], &Strip)| {
            for (offset, lanes) in blocks(strip.n_pixels) {
                let tile = self.tile(strip, offset, lanes);
                kernel(&tile, &mut out[offset..offset + lanes]);
            }
        };
        match &self.strips[..] {
            [strip] => fill((&mut all, strip)),
            strips => all.par_chunks_mut(STRIP).zip(strips).for_each(fill),
        }
        all
    }

    pub(super) fn tiles(&self) -> impl Iterator<Item = (usize, Tile<'_>)> {
        self.strips.iter().flat_map(move |strip| {
            blocks(strip.n_pixels).map(move |(offset, lanes)| {
                (strip.first_pixel + offset, self.tile(strip, offset, lanes))
            })
        })
    }

    #[cfg(test)]
    pub(super) fn strips(&self) -> &[Strip] {
        &self.strips
    }

    fn tile<'a>(&self, strip: &'a Strip, offset: usize, lanes: usize) -> Tile<'a> {
        Tile::new(strip, (offset, lanes), self.n_samples, self.isa)
    }
}
