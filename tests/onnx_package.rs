//! The models of the onnx package: every operator in every form.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mcdrop::graph::{HeadOptions, Plan, ScoresOption, SiteOptions, inspect};
use mcdrop::onnx::Model;
use mcdrop::sampling::model_input;

use crate::skip::skip;

/// Environment variable with a folder that `models/onnx_package.py` wrote.
const FOLDER: &str = "MCDROP_ONNX_MODELS";

fn models(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        entries.filter(|path| path.extension() == Some("onnx".as_ref())).collect();
    paths.sort();
    paths
}

/// Returns the kind of an error: its message without names and numbers.
fn kind(error: &mcdrop::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit(".onnx: ").next().unwrap_or_default();
    let parts: Vec<&str> = text.split('"').step_by(2).collect();
    let text = parts.join("_");
    text.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect()
}

/// `make verify` writes the folder if Python has the package onnx. With onnx 1.23.2, 4 of 2,033
/// models are planned and 2,029 refused, most because they have several inputs or no dropout; all
/// are written back byte for byte.
#[test]
#[ignore = "needs the models of the onnx package"]
fn every_model_of_the_onnx_package_is_read() {
    let folder = std::env::var_os(FOLDER).filter(|folder| !folder.is_empty());
    let Some(folder) = folder else {
        return skip(&format!("needs {FOLDER}"));
    };
    let paths = models(Path::new(&folder));
    assert!(paths.len() > 1000, "{} models in {}", paths.len(), folder.display());
    let (mut planned, mut same, mut slowest) = (0, 0, (Duration::ZERO, PathBuf::new()));
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    for path in &paths {
        let name = path.display();
        let begin = Instant::now();
        let model = Model::open(path).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(model.unknown_bytes(), 0, "{name} has fields of a newer format");
        let is_same = model.encode() == fs::read(path).unwrap();
        assert!(is_same, "{name} changes when written again");
        same += usize::from(is_same);
        if let Err(error) =
            inspect(&model, &HeadOptions::default(), &SiteOptions::default())
        {
            assert!(error.hint().is_some(), "{name}: {error} has no hint");
        }
        let plan = Plan::new(model, None, ScoresOption::Auto);
        match plan.and_then(|plan| model_input(&plan).map(|_| plan)) {
            Ok(plan) => planned += usize::from(!plan.sites().is_empty()),
            Err(error) => {
                assert!(error.hint().is_some(), "{name}: {error} has no hint");
                *refused.entry(kind(&error)).or_default() += 1;
            }
        }
        slowest = slowest.max((begin.elapsed(), path.clone()));
    }
    for (kind, count) in &refused {
        println!("{count:5}  {kind}");
    }
    let count: usize = refused.values().sum();
    println!(
        "{} models: {planned} planned, {count} refused, {same} written back byte for byte; the \
         slowest took {:?} ({})",
        paths.len(),
        slowest.0,
        slowest.1.display()
    );
    assert_eq!(planned + count, paths.len());
    assert!(planned > 0);
}
