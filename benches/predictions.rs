//! Times whole predictions of the committed models, from decoded image to measures. `make bench`.

use std::error::Error;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use mcdrop::graph::{Plan, ScoresOption};
use mcdrop::input::preprocessing::Options;
use mcdrop::input::{NetworkInput, Preprocessing, read_image};
use mcdrop::measure::{MUTUAL_INFORMATION, PREDICTIVE_ENTROPY};
use mcdrop::onnx::Model;
use mcdrop::runtime::Runtime;
use mcdrop::sampling::{Sampler, SamplingOptions, Shortcut, model_input};

const CASES: [(&str, &str); 2] =
    [("streets", "streets/images/street_00.png"), ("digits", "digits/0/0001.png")];

type Opened = Result<(Sampler, NetworkInput), Box<dyn Error>>;

fn open(name: &str, image: &str, options: SamplingOptions) -> Opened {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join(format!("models/{name}.onnx"));
    let plan = Plan::new(Model::open(&file)?, None, ScoresOption::Auto)?;
    let preprocessing =
        Preprocessing::resolve(&file, &model_input(&plan)?, &Options::default())?;
    let decoded =
        read_image(&root.join("fixtures").join(image), preprocessing.read_options())?;
    let image = preprocessing.apply(&decoded.picture)?;
    let size = (image.height, image.width);
    let runtime = Runtime::find(None)?;
    Ok((Sampler::open(plan, &runtime, options, size)?, image))
}

fn predictions(criterion: &mut Criterion) {
    for (name, image) in CASES {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10);
        let deterministic = SamplingOptions { deterministic: true, ..Default::default() };
        let plain =
            SamplingOptions { disabled: Shortcut::ALL.to_vec(), ..Default::default() };
        for (what, options) in [
            ("deterministic", deterministic),
            ("31 samples", SamplingOptions::default()),
            ("62 samples", SamplingOptions { samples: 62, ..Default::default() }),
            ("31 samples without shortcuts", plain),
        ] {
            let has_samples = !options.deterministic;
            let opened = open(name, image, options);
            assert!(opened.is_ok(), "{name}: {:?}", opened.err());
            let Ok((mut sampler, image)) = opened else { return };
            group.throughput(Throughput::Elements(1));
            group.bench_function(what, |bencher| {
                bencher.iter(|| {
                    let statistics = sampler.sample(image.clone(), 5)?;
                    if has_samples {
                        MUTUAL_INFORMATION.map(&statistics);
                    }
                    Ok::<_, mcdrop::Error>(PREDICTIVE_ENTROPY.map(&statistics))
                });
            });
        }
        group.finish();
    }
}

/// Times batch sizes and threads other than those that memory and the number of cores select.
fn rows_and_threads(criterion: &mut Criterion) {
    for (name, image) in CASES {
        let mut group = criterion.benchmark_group(format!("{name}, rows and threads"));
        group.sample_size(10);
        let all = SamplingOptions::default().threads;
        let chosen = [(None, all), (None, 1)];
        let rows = [1, 2, 4, 8, 16, 32].map(|rows| (Some(rows), all));
        for (batch_size, threads) in chosen.into_iter().chain(rows) {
            let options = SamplingOptions { batch_size, threads, ..Default::default() };
            let opened = open(name, image, options);
            assert!(opened.is_ok(), "{name}: {:?}", opened.err());
            let Ok((mut sampler, image)) = opened else { return };
            let rows = sampler.batching().rows_per_run;
            let how = if batch_size.is_none() { "chosen, " } else { "" };
            group.bench_function(
                format!("{how}{rows} rows, {threads} threads"),
                |bencher| {
                    bencher.iter(|| sampler.sample(image.clone(), 5));
                },
            );
        }
        group.finish();
    }
}

criterion_group!(benches, predictions, rows_and_threads);
criterion_main!(benches);
