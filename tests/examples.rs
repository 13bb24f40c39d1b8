//! Runs the programs in the folder `examples`, which cargo builds with the tests.

use std::process::Command;

use crate::fixture;

/// Runs an example without arguments and returns what it prints.
fn output_of(example: &str) -> String {
    let tests = std::env::current_exe().unwrap();
    let folder = tests.parent().and_then(|deps| deps.parent()).unwrap().join("examples");
    let output = Command::new(folder.join(example))
        .current_dir(fixture::path(""))
        .output()
        .unwrap_or_else(|error| panic!("{example}: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{example}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn one_image_is_predicted() {
    let text = output_of("one_image");
    assert!(text.starts_with("class 7\n"), "{text}");
}

#[test]
fn a_folder_is_predicted_with_the_most_uncertain_image_first() {
    let text = output_of("folder");
    let entropies: Vec<f64> = text
        .lines()
        .map(|line| line.split(' ').next().unwrap().parse().unwrap())
        .collect();
    assert!(entropies.len() > 10 && entropies.is_sorted_by(|a, b| a >= b), "{text}");
}

#[test]
fn single_passes_are_counted() {
    let text = output_of("passes");
    let votes = text.lines().map(|line| {
        let (_, rest) = line.split_once(": ").unwrap();
        rest.split(' ').next().unwrap().parse::<u32>().unwrap()
    });
    assert_eq!(votes.sum::<u32>(), 31, "{text}");
}

#[test]
fn an_array_is_predicted() {
    let text = output_of("array");
    assert_eq!(text.lines().count(), 11, "{text}");
    assert!(text.contains("predictive entropy"), "{text}");
}

#[test]
fn values_and_labels_are_predicted() {
    let text = output_of("values");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("angle -5."), "{text}");
    assert_eq!(lines.len(), 6, "{text}");
    assert!(lines[4].starts_with("cross: probability 0.9"), "{text}");
}
