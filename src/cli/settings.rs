//! Settings in messages of the library, shown as options of the command line.
//!
//! The library names a setting in snake case (`` `output_name` ``, `` `threads = 1` ``); the
//! command line prints the option of the command that sets it (`--output-name`, `--threads 1`).

use std::collections::BTreeMap;
use std::sync::OnceLock;

use clap::{Arg, Command};

use crate::error::Error;

/// Options of the command that runs.
static OPTIONS: OnceLock<Options> = OnceLock::new();

/// Sets the command whose options replace the settings in messages. Messages of other commands also
/// name options of `predict`: "predict again with --keep-probabilities".
pub(super) fn use_options_of(command: &Command, predict: Option<&Command>) {
    let mut options = Options::of(command);
    if let Some(predict) = predict {
        options.add_missing(Options::of(predict));
    }
    // The first command stays: a process runs only one.
    let _ = OPTIONS.set(options);
}

/// Returns `text` with its backquoted settings replaced by options.
pub(super) fn to_options(text: &str) -> String {
    OPTIONS.get().map_or_else(|| text.to_owned(), |options| options.replace_in(text))
}

/// Returns the message of `error` with its settings replaced by options.
pub(super) fn message(error: &Error) -> String {
    OPTIONS.get().map_or_else(|| error.to_string(), |options| options.message(error))
}

/// Option or argument of each setting of one command, and whether it takes a value.
struct Options(BTreeMap<String, (String, bool)>);

impl Options {
    fn of(command: &Command) -> Self {
        let mut options = BTreeMap::new();
        for argument in command.get_arguments() {
            let takes_value = argument.get_action().takes_values();
            if let Some(option) = option_name(argument) {
                let long = argument.get_long().unwrap_or(argument.get_id().as_str());
                options.insert(long.replace('-', "_"), (option, takes_value));
            } else {
                let names = argument.get_value_names().unwrap_or_default();
                for name in names.iter().flat_map(|names| names.split('|')) {
                    options.insert(name.to_lowercase(), (name.to_owned(), takes_value));
                }
            }
        }
        Self(options)
    }

    /// Adds the options of another command that this one lacks, without its arguments.
    fn add_missing(&mut self, other: Self) {
        let options = other.0.into_iter().filter(|(_, (name, _))| name.starts_with('-'));
        for (setting, option) in options {
            self.0.entry(setting).or_insert(option);
        }
    }

    /// Returns the option of a setting (`seed`) or of a setting with a value (`seed = 7`).
    fn option(&self, setting: &str) -> Option<String> {
        let (name, value) = match setting.split_once(" = ") {
            Some((name, value)) => (name, Some(value)),
            None => (setting, None),
        };
        let (option, takes_value) = self.0.get(name)?;
        Some(match value {
            Some(value) if *takes_value => format!("{option} {value}"),
            _ => option.clone(),
        })
    }

    fn replace_in(&self, text: &str) -> String {
        let mut replaced = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, quoted)) = rest.split_once('`') {
            replaced.push_str(before);
            let Some((quoted, after)) = quoted.split_once('`') else {
                rest = &rest[before.len()..];
                break;
            };
            match self.option(quoted) {
                Some(option) => replaced.push_str(&option),
                None => replaced.extend(["`", quoted, "`"]),
            }
            rest = after;
        }
        replaced.push_str(rest);
        replaced
    }

    fn message(&self, error: &Error) -> String {
        match error {
            Error::Setting { name, message, .. } => {
                let option = self.option(name).unwrap_or_else(|| name.clone());
                format!("{option}: {}", self.replace_in(message))
            }
            error => self.replace_in(&error.to_string()),
        }
    }
}

/// Returns `--name`, or `-o` for the output; `None` for a positional argument.
fn option_name(argument: &Arg) -> Option<String> {
    let long = argument.get_long()?;
    match argument.get_short() {
        Some(short) if long == "output" => Some(format!("-{short}")),
        _ => Some(format!("--{long}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command;

    fn options(name: &str) -> Options {
        let program = command();
        Options::of(program.find_subcommand(name).unwrap())
    }

    #[test]
    fn a_setting_is_shown_as_the_option_of_the_command() {
        let predict = options("predict");
        for (text, expected) in [
            ("choose with `output_name`", "choose with --output-name"),
            ("use fewer: `threads = 1`", "use fewer: --threads 1"),
            ("`output_name = NAME` or `seed`", "--output-name NAME or --seed"),
            ("`overwrite = true` replaces it", "--overwrite replaces it"),
            ("another folder with `output`", "another folder with -o"),
            ("name `images`", "name IMAGES"),
            ("`ulimit -n 4096`", "`ulimit -n 4096`"),
            ("`mcdrop doctor` and `seed", "`mcdrop doctor` and `seed"),
        ] {
            assert_eq!(predict.replace_in(text), expected);
        }
    }

    #[test]
    fn settings_of_other_commands_stay_as_they_are() {
        let doctor = options("doctor");
        assert_eq!(doctor.replace_in("use `threads = 1`"), "use `threads = 1`");
        assert_eq!(doctor.message(&Error::setting("samples", "is 0")), "samples: is 0");
    }

    #[test]
    fn options_of_predict_are_shown_by_commands_that_read_predictions() {
        let mut evaluate = options("evaluate");
        evaluate.add_missing(options("predict"));
        let hint = "predict again with `keep_probabilities`";
        assert_eq!(evaluate.replace_in(hint), "predict again with --keep-probabilities");
        let mut doctor = options("doctor");
        doctor.add_missing(options("predict"));
        assert_eq!(doctor.replace_in("name `images`"), "name `images`");
        assert_eq!(doctor.replace_in("`ort_lib = FILE`"), "--ort-lib FILE");
    }

    #[test]
    fn the_setting_of_an_error_is_shown_as_an_option() {
        let predict = options("predict");
        let message = |name: &str| predict.message(&Error::setting(name, "is 0"));
        assert_eq!(message("samples"), "--samples: is 0");
        assert_eq!(message("classes = a.txt"), "--classes a.txt: is 0");
        assert_eq!(message("output"), "-o: is 0");
        assert_eq!(message("images"), "IMAGES: is 0");
        assert_eq!(message("--samples"), "--samples: is 0");
        let of_file = Error::configuration("images", "is empty");
        assert_eq!(predict.message(&of_file), "images: is empty");
    }

    #[test]
    fn an_error_of_an_image_keeps_its_setting() {
        let error = Error::setting("pad_to_multiple", "is too large");
        let error = error.of_image("a.png".as_ref());
        assert_eq!(
            options("predict").message(&error),
            "a.png: --pad-to-multiple: is too large"
        );
    }
}
