//! Times the kernels of this crate: dropout, the reduction, measures, pictures. `make bench`.
//!
//! Dropout is counted in values times samples: 31 samples of 8192 values are 253,952. A copy of the
//! same number of values is timed for comparison.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

use mcdrop::measure::{MUTUAL_INFORMATION, PREDICTIVE_ENTROPY};
use mcdrop::output::{class_map, heat_map};
use mcdrop::palette::Palette;
use mcdrop::random::{self, Applied, Draws, MaskTable, NoiseStream, Stream};
use mcdrop::simd::Isa;
use mcdrop::sums::{
    Coordinates, ImageSums, LogitNoise, Needs, OutputKind, PassOutput, Spread,
    SpreadForm, Sums, VarianceSource,
};
use mcdrop::tensor::{ClassMap, Map};

/// Number of elements whose words, values and results fit the cache of one core together.
const CACHE: usize = 8192;
/// Number of elements that fit no cache.
const MEMORY: usize = 1 << 23;

const STREAM: Stream =
    Stream { draws: Draws::Stratified, seed: 7, site: 11, image: 13, iteration: 0 };

/// Returns values without a pattern that a branch predictor could learn.
fn values(n: usize) -> Vec<f32> {
    (0..n)
        .map(|i| random::squares32(i as u64, 0xC58E_FD15_4CE3_2F6D) as f32 / 4e8)
        .collect()
}

/// Draws `samples` samples of a row of values, chunk by chunk as the operator does.
fn draw(table: &MaskTable, samples: usize, x: &[f32], y: &mut [f32], words: &mut [u32]) {
    let (key, applied, n) = (STREAM.key(0), Applied::scaled(2.0), x.len());
    for start in (0..n).step_by(words.len()) {
        table.words(key, start as u64, words);
        for sample in 0..samples {
            let row = sample * n % y.len() + start;
            let out = &mut y[row..row + words.len()];
            random::apply_words(
                words,
                sample as u32,
                applied,
                &x[start..][..words.len()],
                out,
            );
        }
    }
}

fn dropout(criterion: &mut Criterion) {
    for (place, n, samples, rows) in [("cache", CACHE, 31, 1), ("memory", MEMORY, 4, 4)] {
        let x = values(n);
        // A copy between the same offsets of two pages is slow on some processors.
        let mut room = vec![0.0; rows * n + 256];
        let y = &mut room[256..];
        let mut words = vec![0; CACHE.min(n)];
        let mut group = criterion.benchmark_group(format!("dropout, {place}"));
        group.throughput(Throughput::Elements((n * samples) as u64));
        for ratio in [0.1, 0.3, 0.5] {
            let Some(threshold) = random::threshold(ratio) else { continue };
            let table = MaskTable::new(threshold);
            group.bench_function(BenchmarkId::new("p", ratio), |bencher| {
                bencher.iter(|| draw(&table, samples, black_box(&x), y, &mut words));
            });
        }
        group.bench_function("copy", |bencher| {
            bencher.iter(|| {
                for sample in 0..samples {
                    let row = sample * n % y.len();
                    y[row..row + n].copy_from_slice(black_box(&x));
                }
            });
        });
        group.bench_function("channels", |bencher| {
            bencher.iter(|| {
                for sample in 0..samples {
                    let row = sample * n % y.len();
                    for (channel, out) in y[row..row + n].chunks_mut(1024).enumerate() {
                        out.copy_from_slice(&x[channel * 1024..][..out.len()]);
                        random::apply_to_all(channel % 2 == 0, Applied::scaled(2.0), out);
                    }
                }
            });
        });
        group.finish();
    }
}

fn reduction(criterion: &mut Criterion) {
    let (channels, height, width) = (19, 256, 512);
    let mut group = criterion.benchmark_group("reduction");
    for (name, factor, needs) in [
        ("everything", 1, Needs::ALL),
        ("mean and entropy", 1, Needs { within: true, ..Needs::MEAN }),
        ("mean", 1, Needs::MEAN),
        ("everything, resized by 16", 16, Needs::ALL),
    ] {
        let (h, w) = (height / factor, width / factor);
        let samples = values(4 * channels * h * w);
        let scores = |values| PassOutput {
            values,
            n_channels: channels,
            height: h,
            width: w,
            kind: OutputKind::Logits,
            coordinates: Coordinates::HalfPixel,
            spread: None,
            logit_noise: None,
            units: &[],
        };
        let all: Vec<PassOutput> = samples.chunks(channels * h * w).map(scores).collect();
        group.throughput(Throughput::Elements((4 * channels * height * width) as u64));
        group.bench_function(name, |bencher| {
            let mut sums = ImageSums::new(channels, height, width, needs, Isa::detect());
            bencher.iter(|| sums.add(black_box(&all)));
        });
    }
    group.finish();
}

/// Sums of two classes, of two labels, and of a value with its log-variance, at the same size.
fn families(criterion: &mut Criterion) {
    let (height, width) = (256, 512);
    let n = height * width;
    let samples = values(8 * n);
    let mut group = criterion.benchmark_group("families");
    for (name, kind, channels) in [
        ("two classes", OutputKind::Logits, 2),
        ("two labels", OutputKind::LabelLogits, 2),
        ("value and log-variance", OutputKind::Values, 1),
    ] {
        let frame = |i: usize| PassOutput {
            values: &samples[i * n..(i + channels) * n],
            n_channels: channels,
            height,
            width,
            kind,
            coordinates: Coordinates::HalfPixel,
            spread: (kind == OutputKind::Values).then_some(Spread {
                values: &samples[7 * n..],
                form: SpreadForm::LogVariance,
            }),
            logit_noise: None,
            units: &[],
        };
        let all: Vec<PassOutput> = (0..4).map(frame).collect();
        group.throughput(Throughput::Elements((4 * n) as u64));
        group.bench_function(name, |bencher| {
            let size = (height, width);
            let mut sums = ImageSums::of_family(
                kind.family(),
                channels,
                size,
                Needs::ALL,
                Isa::detect(),
            );
            bencher.iter(|| sums.add(black_box(&all)));
        });
    }
    group.finish();
}

/// A pass of logits with noise; throughput in draws.
fn logit_noise(criterion: &mut Criterion) {
    let (channels, height, width, n_draws) = (8, 80, 160, 31);
    let n = channels * height * width;
    let logits = values(n);
    let spread = Spread { values: &logits, form: SpreadForm::Std };
    let mut group = criterion.benchmark_group("logit noise");
    group.throughput(Throughput::Elements(u64::from(n_draws) * n as u64));
    for draws in Draws::ALL {
        let stream = NoiseStream { draws, seed: 7, image: 13, sample: Some(0) };
        let scores = PassOutput {
            values: &logits,
            n_channels: channels,
            height,
            width,
            kind: OutputKind::Logits,
            coordinates: Coordinates::HalfPixel,
            spread: None,
            logit_noise: Some(LogitNoise { spread, stream, n_draws }),
            units: &[],
        };
        group.bench_function(draws.name(), |bencher| {
            let mut sums =
                ImageSums::new(channels, height, width, Needs::ALL, Isa::detect());
            bencher.iter(|| sums.add(black_box(&[scores])));
        });
    }
    group.finish();
}

fn measures(criterion: &mut Criterion) {
    let (channels, height, width) = (19, 256, 512);
    let samples = values(channels * height * width);
    let scores = PassOutput {
        values: &samples,
        n_channels: channels,
        height,
        width,
        kind: OutputKind::Logits,
        coordinates: Coordinates::HalfPixel,
        spread: None,
        logit_noise: None,
        units: &[],
    };
    let mut sums = ImageSums::new(channels, height, width, Needs::ALL, Isa::detect());
    let added = sums.add(&[scores; 2]);
    assert_eq!(added, Ok(()));
    sums.end_group();
    let mut group = criterion.benchmark_group("measures");
    group.throughput(Throughput::Elements((height * width) as u64));
    group.bench_function("entropy_error", |b| {
        b.iter(|| sums.entropy_error(VarianceSource::Samples, 0));
    });
    let statistics = sums.clone().finish();
    for measure in [PREDICTIVE_ENTROPY, MUTUAL_INFORMATION] {
        group.bench_function(measure.name, |b| {
            b.iter(|| measure.map(black_box(&statistics)));
        });
    }
    group.finish();
}

fn pictures(criterion: &mut Criterion) {
    let (height, width) = (512, 1024);
    // Smooth with edges, like maps.
    let value = |i: usize| {
        let (y, x) = ((i / width) as f32, (i % width) as f32);
        ((x / 37.0).sin() * (y / 53.0).cos()).abs()
            + f32::from(u8::from((i / 4096).is_multiple_of(3)))
    };
    let map = Map { height, width, values: (0..height * width).map(value).collect() };
    let classes = map.values.iter().map(|v| (v * 9.0) as u16).collect();
    let classes = ClassMap { height, width, classes };
    let heat = heat_map::HeatMap { map: &map, scale: heat_map::Scale::up_to(2.0) };
    let palette = Palette::default();
    let mut group = criterion.benchmark_group("pictures");
    group.throughput(Throughput::Elements((height * width) as u64));
    group.bench_function("heat map", |b| {
        b.iter(|| heat_map::encode_png(black_box(&heat)));
    });
    group.bench_function("class map", |b| {
        b.iter(|| class_map::encode_png(black_box(&classes), 19, &palette));
    });
    group.finish();
}

criterion_group!(benches, dropout, reduction, families, logit_noise, measures, pictures);
criterion_main!(benches);
