//! Tests `--samples auto`: the number of samples that images take, and its effect.

use mcdrop::input::{NetworkInput, Source, list_images};
use mcdrop::measure::PREDICTIVE_ENTROPY;
use mcdrop::random::Draws;
use mcdrop::sampling::{Sampler, SamplingOptions, Stop, StopRule};
use mcdrop::sums::Statistics;
use mcdrop::task::StopTarget;

use crate::fixture;

const MOST: u32 = 310;

fn options(samples: u32, seed: u64, stop: Option<(StopTarget, f64)>) -> SamplingOptions {
    let stop = stop.map(|(target, tolerance)| Stop::Rule(StopRule { target, tolerance }));
    SamplingOptions { samples, seed, stop, ..SamplingOptions::default() }
}

/// Returns images of a fixture folder as inputs of the network `name`.
fn images(name: &str, folder: &str, step: usize) -> Vec<(NetworkInput, u64)> {
    let opened = fixture::open(name);
    let listed =
        list_images(&[Source::Path(fixture::path(folder))], None).unwrap().images;
    let ids = listed.iter().step_by(step).map(|file| format!("{folder}/{}", file.id()));
    ids.map(|id| fixture::image(&opened, &id)).collect()
}

fn digits() -> Vec<(NetworkInput, u64)> {
    images("digits", "fixtures/digits", 7)
}

fn streets(step: usize) -> Vec<(NetworkInput, u64)> {
    images("streets", "fixtures/streets/images", step)
}

fn all(
    name: &str,
    images: &[(NetworkInput, u64)],
    options: SamplingOptions,
) -> Vec<Statistics> {
    let size = (images[0].0.height, images[0].0.width);
    let mut sampler: Sampler = fixture::sampler(name, options, size);
    images
        .iter()
        .map(|(image, key)| sampler.sample(image.clone(), *key).unwrap())
        .collect()
}

fn entropy(statistics: &Statistics) -> Vec<f32> {
    PREDICTIVE_ENTROPY.map(statistics).values
}

/// Returns the root mean square over the pixels.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    let square = |(x, y): (&f32, &f32)| f64::from(x - y).powi(2);
    (a.iter().zip(b).map(square).sum::<f64>() / a.len() as f64).sqrt()
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}

#[test]
fn digits_take_as_many_blocks_as_they_need_and_are_those_of_that_many_samples() {
    let images = digits();
    for stop in [(StopTarget::PredictiveEntropy, 0.8), (StopTarget::Class, 0.01)] {
        let stopped = all("digits", &images, options(MOST, 0, Some(stop)));
        let samples: Vec<usize> = stopped.iter().map(Statistics::n_samples).collect();
        assert!(samples.iter().all(|n| n % 31 == 0 && (31..=310).contains(n)));
        let (fewest, most) = (samples.iter().min(), samples.iter().max());
        assert!(fewest == Some(&31) && most > Some(&31), "{samples:?}");
        let longest = (0..images.len()).max_by_key(|&i| samples[i]).unwrap();
        for one in [0, longest] {
            let fixed = options(samples[one] as u32, 0, None);
            let fixed = all("digits", &images[one..=one], fixed);
            assert_eq!(fixed[0].mean(), stopped[one].mean());
            assert_eq!(entropy(&fixed[0]), entropy(&stopped[one]));
        }
    }
}

#[test]
fn a_street_stops_early_where_the_tolerance_is_wide_and_never_where_it_is_none() {
    let images = streets(20);
    let image = &images[..1];
    let samples = |tolerance| {
        let stop = Some((StopTarget::PredictiveEntropy, tolerance));
        all("streets", image, options(93, 0, stop))[0].n_samples()
    };
    assert_eq!([samples(1.0), samples(1e-6)], [31, 93]);
}

#[test]
fn the_number_of_samples_of_each_image_is_reported_with_its_effect_on_mutual_information()
{
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, more: &[&str]| {
        let out = folder.path().join(name);
        let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_mcdrop"))
            .arg("predict")
            .args([
                fixture::path("models/digits.onnx"),
                fixture::path("fixtures/digits/strange"),
            ])
            .arg("-o")
            .arg(&out)
            .args(more)
            .output()
            .unwrap();
        assert!(output.status.success());
        let mut table = csv::Reader::from_path(out.join("predictions.csv")).unwrap();
        let column =
            table.headers().unwrap().iter().position(|name| name == "samples").unwrap();
        let samples =
            table.records().map(|row| row.unwrap()[column].parse::<u32>().unwrap());
        (samples.collect::<Vec<_>>(), String::from_utf8(output.stderr).unwrap())
    };
    let (samples, said) = run("auto", &["--samples", "auto"]);
    assert!(samples.iter().all(|n| n % 31 == 0 && (31..=310).contains(n)), "{samples:?}");
    assert!(samples.contains(&31) && samples.iter().any(|n| *n > 31), "{samples:?}");
    assert!(
        said.contains("mutual_information is too small by a fraction of about 1/T"),
        "{said}"
    );
    let most =
        ["--samples", "auto", "--max-samples", "40", "--measures", "predictive_entropy"];
    let (samples, said) = run("most", &[&most[..], &["--maps", "none"]].concat());
    assert!(samples.iter().all(|n| [31, 40].contains(n)), "{samples:?}");
    assert!(samples.contains(&40) && !said.contains("1/T"), "{samples:?} {said}");
}

/// Compares the samples and errors of a rule with those of fixed numbers of samples, over a few
/// seeds.
fn study(name: &str, images: &[(NetworkInput, u64)], tolerances: &[f64]) {
    let class = all(name, images, options(MOST, 0, Some((StopTarget::Class, 0.01))));
    let samples = mean(class.iter().map(|found| found.n_samples() as f64));
    println!("{name}, auto class=0.01: {samples:.0} samples an image");
    let truth =
        SamplingOptions { draws: Draws::Independent, ..options(3968, 1_000_000, None) };
    let truth: Vec<_> = all(name, images, truth).iter().map(entropy).collect();
    let errors = |found: &[Statistics]| -> Vec<f64> {
        found.iter().zip(&truth).map(|(f, t)| distance(&entropy(f), t)).collect()
    };
    let over_seeds = |samples: u32, stop: Option<(StopTarget, f64)>| {
        let runs: Vec<(f64, f64, f64, f64)> = (0..5)
            .map(|seed| {
                let found = all(name, images, options(samples, seed, stop));
                let errors = errors(&found);
                let tolerance = stop.map_or(f64::INFINITY, |(_, tolerance)| tolerance);
                let samples = mean(found.iter().map(|f| f.n_samples() as f64));
                let broken = found.iter().zip(&errors).filter(|(f, error)| {
                    f.n_samples() < MOST as usize && **error > tolerance
                });
                let square = mean(errors.iter().map(|e| e * e)).sqrt();
                let worst = errors.iter().copied().fold(0.0, f64::max);
                (samples, square, worst, broken.count() as f64 / errors.len() as f64)
            })
            .collect();
        [
            mean(runs.iter().map(|run| run.0)),
            mean(runs.iter().map(|run| run.1)),
            mean(runs.iter().map(|run| run.2)),
            mean(runs.iter().map(|run| run.3)),
        ]
    };
    let tell = |what: String, [samples, error, worst, _]: [f64; 4]| {
        println!(
            "{name}, {what}: {samples:.0} samples an image, error of predictive_entropy \
             {error:.4} nat, of the worst image {worst:.4}"
        );
    };
    tell("T = 310".to_owned(), over_seeds(MOST, None));
    for &tolerance in tolerances {
        let auto = over_seeds(MOST, Some((StopTarget::PredictiveEntropy, tolerance)));
        let fixed = (auto[0] / 31.0).round().max(1.0) as u32 * 31;
        tell(format!("auto {tolerance}"), auto);
        tell(format!("T = {fixed}"), over_seeds(fixed, None));
        println!(
            "{name}, auto {tolerance}: {:.4} of the images are further off",
            auto[3]
        );
    }
}

#[test]
#[ignore = "minutes: run by make verify"]
fn what_stopping_at_a_tolerance_takes_and_leaves_on_both_models() {
    study("digits", &digits(), &[0.4, 0.2, 0.1]);
    study("streets", &streets(9), &[0.05, 0.02]);
}

#[test]
#[ignore = "minutes: run by make verify"]
fn false_decisions_over_a_thousand_runs_are_rarer_than_promised() {
    let images = digits();
    let truth =
        SamplingOptions { draws: Draws::Independent, ..options(31_000, 1_000_000, None) };
    let truth = all("digits", &images, truth);
    // Images whose class is undecided after 31 samples in some runs.
    let closest = |found: &Statistics| {
        let mut mean = found.mean();
        mean.sort_by(f32::total_cmp);
        mean[mean.len() - 1] - mean[mean.len() - 2]
    };
    let mut order: Vec<usize> = (0..images.len()).collect();
    order.sort_by(|&a, &b| closest(&truth[a]).total_cmp(&closest(&truth[b])));
    let hardest: Vec<_> = order[..8].iter().map(|&i| images[i].clone()).collect();
    for (draws, promised) in [Draws::Stratified, Draws::Independent]
        .into_iter()
        .flat_map(|d| [(d, 0.01), (d, 0.1)])
    {
        let mut rates = vec![(0, 0, 0.0); hardest.len()];
        for seed in 0..1000 {
            let stop = Some((StopTarget::Class, promised));
            let options = SamplingOptions { draws, ..options(MOST, seed, stop) };
            for (i, found) in all("digits", &hardest, options).iter().enumerate() {
                let right = truth[order[i]].prediction().classes[0];
                let decided = found.n_samples() < MOST as usize;
                let wrong = decided && found.prediction().classes[0] != right;
                rates[i].0 += u32::from(decided);
                rates[i].1 += u32::from(wrong);
                rates[i].2 += found.n_samples() as f64 / 1000.0;
            }
        }
        for (i, (decided, wrong, samples)) in rates.into_iter().enumerate() {
            println!(
                "{} draws, promised {promised}: gap {:.4}, {samples:.0} samples, decided in \
                 {decided} of 1000 runs, wrongly in {wrong}",
                draws.name(),
                closest(&truth[order[i]]),
            );
            assert!(f64::from(wrong) <= 1000.0 * promised);
        }
    }
}
