//! The sampling error of a prediction against the time that it takes, for independent and
//! stratified draws: `error_against_time FOLDER [UNET.onnx]` writes a picture and its figures to
//! the folder.
//!
//! Errors are root mean squares over pixels and images of the predictive entropy, in nats, against
//! a long run of independent draws with another seed. Each repetition has its own seed. The
//! interval is that of Student's t at 95 %, for the mean of the logarithm over repetitions. The
//! time is that of the sampler, from the network's input to the sums; the median over all is shown.

#![expect(clippy::print_stderr, reason = "it is watched while it runs")]

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use mcdrop::graph::{Plan, ScoresOption};
use mcdrop::input::preprocessing::Options;
use mcdrop::input::{Geometry, NetworkInput, Preprocessing, read_image};
use mcdrop::measure::PREDICTIVE_ENTROPY;
use mcdrop::onnx::Model;
use mcdrop::output::chart::{self, Axis, Chart, Marks, Point, Scale, Series};
use mcdrop::random::{Draws, digest_key, squares32};
use mcdrop::runtime::Runtime;
use mcdrop::sampling::{Sampler, SamplingOptions, model_input};
use statrs::distribution::{ContinuousCDF, StudentsT};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A model, its images with their keys, and the number of samples and repetitions.
struct Case {
    name: &'static str,
    plan: Plan,
    images: Vec<(NetworkInput, u64)>,
    samples: &'static [u32],
    reference: u32,
    repetitions: u64,
}

fn main() -> Result<()> {
    // Cargo passes an argument to benches.
    let named = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let arguments: Vec<String> = named.collect();
    let [folder, unet @ ..] = &arguments[..] else {
        eprintln!("usage: error_against_time FOLDER [UNET.onnx]");
        return Ok(());
    };
    let (mut charts, mut rows) = (Vec::new(), String::new());
    rows.push_str("model,draws,samples,seconds,error,error_low,error_high\n");
    let mut cases = vec![digits()?, streets()?];
    if let [file] = unet {
        cases.push(unet_case(Path::new(file))?);
    }
    for case in &cases {
        charts.push(case.measure(&mut rows)?);
    }
    std::fs::write(Path::new(folder).join("error_against_time.csv"), rows)?;
    std::fs::write(
        Path::new(folder).join("error_against_time.svg"),
        chart::svg(&charts),
    )?;
    Ok(())
}

fn committed(name: &str, images: &[String]) -> Result<(Plan, Vec<(NetworkInput, u64)>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = root.join(format!("models/{name}.onnx"));
    let plan = Plan::new(Model::open(&file)?, None, ScoresOption::Auto)?;
    let preprocessing =
        Preprocessing::resolve(&file, &model_input(&plan)?, &Options::default())?;
    let read = |image: &String| -> Result<(NetworkInput, u64)> {
        let decoded = read_image(&root.join(image), preprocessing.read_options())?;
        Ok((preprocessing.apply(&decoded.picture)?, digest_key(&decoded.sha256)))
    };
    Ok((plan, images.iter().map(read).collect::<Result<_>>()?))
}

fn digits() -> Result<Case> {
    let image = |digit: usize, n: usize| format!("fixtures/digits/{digit}/{n:04}.png");
    let exists =
        |image: &String| Path::new(env!("CARGO_MANIFEST_DIR")).join(image).is_file();
    let all = (0..10).flat_map(|digit| (1..400).map(move |n| image(digit, n)));
    let images: Vec<String> = all.filter(exists).step_by(9).take(40).collect();
    let (plan, images) = committed("digits", &images)?;
    let samples = &[8, 16, 31, 62, 124, 248];
    Ok(Case { name: "digits", plan, images, samples, reference: 12_400, repetitions: 20 })
}

fn streets() -> Result<Case> {
    let images = ["street_00", "strange_00"];
    let images = images.map(|name| format!("fixtures/streets/images/{name}.png"));
    let (plan, images) = committed("streets", &images)?;
    let samples = &[8, 16, 31, 62, 124];
    Ok(Case { name: "streets", plan, images, samples, reference: 1984, repetitions: 6 })
}

/// The U-Net of `benches/networks.py` on noise.
fn unet_case(file: &Path) -> Result<Case> {
    let plan = Plan::new(Model::open(file)?, None, ScoresOption::Auto)?;
    let (height, width) = (360, 480);
    let value =
        |i: usize| squares32(i as u64, 0xC58E_FD15_4CE3_2F6D) as f32 / 1.1e9 - 2.0;
    let values = (0..3 * height * width).map(value).collect();
    let geometry = Geometry::of_whole(width, height);
    let images = vec![(NetworkInput { values, height, width, geometry }, 17)];
    let samples = &[8, 16, 31, 62];
    Ok(Case { name: "U-Net", plan, images, samples, reference: 620, repetitions: 4 })
}

impl Case {
    fn sampler(&self, samples: u32, draws: Draws, seed: u64) -> Result<Sampler> {
        let options =
            SamplingOptions { samples, draws, seed, ..SamplingOptions::default() };
        let size = (self.images[0].0.height, self.images[0].0.width);
        Ok(Sampler::open(self.plan.clone(), &Runtime::find(None)?, options, size)?)
    }

    /// Returns the entropies of all images, and the seconds that each took.
    fn entropies(
        &self,
        samples: u32,
        draws: Draws,
        seed: u64,
    ) -> Result<(Vec<f32>, Vec<f64>)> {
        let mut sampler = self.sampler(samples, draws, seed)?;
        let (mut entropies, mut seconds) = (Vec::new(), Vec::new());
        for (image, key) in &self.images {
            let start = Instant::now();
            let statistics = sampler.sample(image.clone(), *key)?;
            seconds.push(start.elapsed().as_secs_f64());
            entropies.extend(PREDICTIVE_ENTROPY.map(&statistics).values);
        }
        Ok((entropies, seconds))
    }

    fn measure(&self, rows: &mut String) -> Result<Chart> {
        let (truth, _) = self.entropies(self.reference, Draws::Independent, 1_000_000)?;
        let mut series = Vec::new();
        for draws in [Draws::Independent, Draws::Stratified] {
            let mut points = Vec::new();
            for &samples in self.samples {
                let point = self.point((samples, draws), &truth)?;
                let (low, high) = point.interval.unwrap_or_default();
                let (name, draws, Point { x, y, .. }) = (self.name, draws.name(), point);
                let row = format!(
                    "{name},{draws},{samples},{x:.3e},{y:.3e},{low:.3e},{high:.3e}"
                );
                eprintln!("{row}");
                writeln!(rows, "{row}")?;
                points.push(point);
            }
            let name = draws.name().to_owned();
            series.push(Series { name, marks: Marks::Line, points });
        }
        let axis = |label: &str| Axis {
            label: label.to_owned(),
            scale: Scale::Logarithmic,
            range: None,
        };
        Ok(Chart {
            title: self.name.to_owned(),
            description: format!(
                "Sampling error of the {} against time, for 8 samples an image and more.",
                self.name
            ),
            x: axis("seconds an image"),
            y: axis("error of predictive_entropy (nat)"),
            series,
        })
    }

    fn point(&self, (samples, draws): (u32, Draws), truth: &[f32]) -> Result<Point> {
        let (mut logs, mut seconds) = (Vec::new(), Vec::new());
        for seed in 0..self.repetitions {
            let (entropies, took) = self.entropies(samples, draws, seed)?;
            let square = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
            let squares: f64 = entropies.iter().zip(truth).map(square).sum();
            logs.push((squares / truth.len() as f64).ln() / 2.0);
            seconds.extend(took);
        }
        seconds.sort_by(f64::total_cmp);
        let n = logs.len() as f64;
        let mean = logs.iter().sum::<f64>() / n;
        let variance =
            logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let width =
            StudentsT::new(0.0, 1.0, n - 1.0)?.inverse_cdf(0.975) * (variance / n).sqrt();
        Ok(Point {
            x: seconds[seconds.len() / 2],
            y: mean.exp(),
            interval: Some(((mean - width).exp(), (mean + width).exp())),
        })
    }
}
