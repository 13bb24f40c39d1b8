//! Tests the help page, manual pages and completions.

use assert_cmd::Command;

fn said(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_mcdrop"))
        .env("COLUMNS", "80")
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

const COMMANDS: [&str; 11] = [
    "predict",
    "inspect",
    "evaluate",
    "calibrate",
    "tune",
    "report",
    "figure",
    "convert",
    "doctor",
    "man",
    "completions",
];

/// Returns the long options that `mcdrop help predict` lists.
fn all_options() -> Vec<String> {
    let help = said(&["help", "predict"]);
    let names = help.lines().filter_map(|line| {
        let option = line.trim_start();
        let start = option.find("--").filter(|start| *start <= 4)?;
        let name = option[start..].split(|c: char| !(c.is_ascii_lowercase() || c == '-'));
        name.into_iter().next().map(str::to_owned)
    });
    names.collect()
}

#[test]
fn the_help_of_every_command_fits_a_screen_and_has_examples() {
    for command in COMMANDS {
        for flag in ["--help", "-h"] {
            let help = said(&[command, flag]);
            assert!(
                help.lines().count() <= 40,
                "{command}: {} lines",
                help.lines().count()
            );
            assert!(help.lines().all(|line| line.len() <= 80), "{command}: {help}");
            assert!(help.contains(&format!("  mcdrop {command}")), "{command}: {help}");
        }
    }
    let help = said(&["--help"]);
    assert!(help.lines().count() <= 40 && help.contains("  mcdrop predict model.onnx"));
    assert!(COMMANDS.iter().all(|command| help.contains(command)));
}

#[test]
fn all_options_are_in_the_long_help_the_manual_and_the_completions() {
    let options = all_options();
    assert!(options.len() > 35, "{options:?}");
    let short = said(&["predict", "--help"]);
    assert!(!short.contains("--antialias") && options.iter().any(|o| o == "--antialias"));
    let page = said(&["man", "predict"]);
    let scripts = ["bash", "zsh", "fish", "powershell", "elvish"]
        .map(|shell| said(&["completions", shell]));
    for option in &options {
        let escaped = option.replace('-', "\\-");
        assert!(page.contains(&escaped), "the manual lacks {option}");
        for script in &scripts {
            assert!(script.contains(option.trim_start_matches('-')), "lacks {option}");
        }
    }
    assert!(page.starts_with(".ie") || page.starts_with(".TH"));
    assert!(said(&["man"]).contains("mcdrop"));
}
