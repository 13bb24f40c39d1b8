//! Command line that predicts with the best choice.

use std::collections::BTreeSet;

use clap::{Arg, Args as _, Command};

use super::TuneArguments;
use crate::cli::predict::PredictArguments;
use crate::tune::DropoutChoice;

/// Returns the options that predict does not have, with their number of values.
fn options_of_tune() -> Vec<(String, usize)> {
    let of_predict = PredictArguments::augment_args(Command::new(""));
    let known: BTreeSet<&str> =
        of_predict.get_arguments().filter_map(Arg::get_long).collect();
    let values = |option: &Arg| {
        let most = option.get_num_args().map_or(1, |range| range.max_values());
        let takes_words =
            option.get_action().takes_values() && !option.is_require_equals_set();
        if takes_words { most } else { 0 }
    };
    TuneArguments::augment_args(Command::new(""))
        .get_arguments()
        .filter_map(|option| Some((option.get_long()?, values(option))))
        .filter(|(name, _)| !known.contains(name))
        .map(|(name, values)| (format!("--{name}"), values))
        .collect()
}

/// Returns `mcdrop predict` with the arguments of this process and a choice.
pub(super) fn predict(choice: &DropoutChoice) -> String {
    of(std::env::args().skip(1), choice)
}

fn of(typed: impl Iterator<Item = String>, choice: &DropoutChoice) -> String {
    let of_tune = options_of_tune();
    let mut words = vec!["mcdrop".to_owned(), "predict".to_owned()];
    let mut typed = typed.skip_while(|word| word != "tune").skip(1);
    while let Some(word) = typed.next() {
        let (name, has_value) =
            word.split_once('=').map_or((word.as_str(), false), |(name, _)| (name, true));
        match of_tune.iter().find(|(option, _)| *option == name) {
            Some((_, values)) => {
                let more = if has_value { 0 } else { *values };
                (0..more).for_each(|_| drop(typed.next()));
            }
            None => words.push(quoted(&word)),
        }
    }
    if let Some(place) = &choice.place {
        words.extend(["--insert".to_owned(), quoted(place)]);
    }
    words.extend(["--ratio".to_owned(), choice.ratio.to_string()]);
    words.extend(["-o", "out"].map(str::to_owned));
    words.join(" ")
}

/// Quotes a word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_stay_except_those_about_labels() {
        let typed = [
            "tune",
            "my model.onnx",
            "val",
            "--labels=labels",
            "--match",
            "(.*)",
            "$1_x",
            "--samples",
            "62",
            "--reduce-zero-label",
            "--preset=imagenet",
            "--ratios",
            "0.1",
        ];
        let choice = DropoutChoice { place: Some("head".to_owned()), ratio: 0.2 };
        assert_eq!(
            of(typed.iter().map(|word| (*word).to_owned()), &choice),
            "mcdrop predict 'my model.onnx' val --samples 62 --preset=imagenet --insert head \
             --ratio 0.2 -o out"
        );
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("a/b-c.png"), "a/b-c.png");
    }
}
