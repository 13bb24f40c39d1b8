//! Which outputs are read, and as what: roles given by the user, and the guess for two outputs that
//! are named like values or logits and their variances.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use crate::onnx::ValueDescription;
use crate::sums::{Family, SpreadForm};

/// Choice of the scores' role by the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScoresOption {
    /// Decided by the last operators of the graph, else by a probe.
    #[default]
    Auto,
    /// Scores before a softmax (or sigmoid, for one channel).
    Logits,
    /// Scores that are non-negative and sum to 1 over the classes.
    Probabilities,
}

/// Meaning of the values of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Class scores before a softmax, or logarithms of probabilities, which a softmax does not
    /// change.
    Logits,
    /// Class scores that are non-negative and sum to 1 over the classes.
    Probabilities,
    /// Scores of labels that may hold together, before a sigmoid.
    LabelLogits,
    /// Probabilities of labels that may hold together.
    LabelProbabilities,
    /// Values of targets.
    Mean,
    /// Variances of these values, in some form.
    Spread(SpreadForm),
    /// Variances of the Gaussian noise of logits, in some form.
    LogitSpread(SpreadForm),
}

/// A head that the user chose: `ROLE=OUTPUT` or `ROLE=OUTPUT:CHANNELS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadChoice {
    /// Meaning of the values.
    pub role: Role,
    /// Name of the output.
    pub output: String,
    /// Its channels that are read, from 0; `None` for all.
    pub channels: Option<Range<usize>>,
}

/// Options about the outputs that are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeadOptions {
    /// Names of the outputs if no roles are given. Empty: the only output.
    pub outputs: Vec<String>,
    /// Kind of the scores of classes.
    pub scores: ScoresOption,
    /// Outputs with their roles. Empty: the task and the last operators decide.
    pub heads: Vec<HeadChoice>,
    /// What the channels are, if a task was chosen.
    pub family: Option<Family>,
}

impl HeadOptions {
    /// Returns the options that read one output, whatever it is.
    pub fn of_output(name: &str) -> Self {
        Self { outputs: vec![name.to_owned()], ..Self::default() }
    }

    /// Returns the options that read one output, or the only one, as scores of a kind.
    pub fn of_scores(output: Option<&str>, scores: ScoresOption) -> Self {
        let outputs = output.into_iter().map(str::to_owned).collect();
        Self { outputs, scores, ..Self::default() }
    }
}

impl Role {
    /// Every role with its name, in the order of messages.
    pub const ALL: [(&'static str, Self); 14] = [
        ("logits", Self::Logits),
        ("probabilities", Self::Probabilities),
        ("label_logits", Self::LabelLogits),
        ("label_probabilities", Self::LabelProbabilities),
        ("mean", Self::Mean),
        ("variance", Self::Spread(SpreadForm::Variance)),
        ("log_variance", Self::Spread(SpreadForm::LogVariance)),
        ("std", Self::Spread(SpreadForm::Std)),
        ("log_std", Self::Spread(SpreadForm::LogStd)),
        ("laplace_scale", Self::Spread(SpreadForm::LaplaceScale)),
        ("log_laplace_scale", Self::Spread(SpreadForm::LogLaplaceScale)),
        ("logit_variance", Self::LogitSpread(SpreadForm::Variance)),
        ("logit_log_variance", Self::LogitSpread(SpreadForm::LogVariance)),
        ("logit_std", Self::LogitSpread(SpreadForm::Std)),
    ];

    /// Returns the name in settings and records.
    pub fn name(self) -> &'static str {
        let of_role = Self::ALL.iter().find(|(_, role)| *role == self);
        of_role.map_or("", |(name, _)| name)
    }

    /// Returns what the channels of a head of this role are.
    pub fn family(self) -> Family {
        match self {
            Self::Logits | Self::Probabilities | Self::LogitSpread(_) => Family::Classes,
            Self::LabelLogits | Self::LabelProbabilities => Family::Labels,
            Self::Mean | Self::Spread(_) => Family::Values,
        }
    }

    /// Returns whether the values are variances, which belong to those of another head.
    pub fn is_spread(self) -> bool {
        matches!(self, Self::Spread(_) | Self::LogitSpread(_))
    }

    /// Returns the role of the values whose variances these are; `None` if they are not variances.
    pub fn owner(self) -> Option<Self> {
        match self {
            Self::Spread(_) => Some(Self::Mean),
            Self::LogitSpread(_) => Some(Self::Logits),
            _ => None,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().find(|(known, _)| *known == name);
        known.map(|(_, role)| *role).ok_or_else(|| {
            let names = Self::ALL.map(|(name, _)| name).join(", ");
            format!("unknown role \"{name}\": expected one of {names}")
        })
    }
}

impl fmt::Display for HeadChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}={}", self.role, self.output)?;
        match &self.channels {
            None => Ok(()),
            Some(range) if range.len() == 1 => write!(formatter, ":{}", range.start),
            Some(range) => write!(formatter, ":{}..{}", range.start, range.end),
        }
    }
}

impl FromStr for HeadChoice {
    type Err = String;

    /// Parses `ROLE=OUTPUT[:CHANNELS]`; channels are `0` or `0..3`, the end excluded.
    fn from_str(text: &str) -> Result<Self, String> {
        let Some((role, output)) = text.split_once('=') else {
            return Err(format!(
                "expected ROLE=OUTPUT such as mean=depth, found \"{text}\""
            ));
        };
        let (role, output) = (role.trim(), output.trim());
        let (output, channels) = match output.rsplit_once(':') {
            // Names of outputs may contain colons.
            Some((name, channels))
                if channels.starts_with(|c: char| c.is_ascii_digit()) =>
            {
                (name, Some(parse_channels(channels)?))
            }
            _ => (output, None),
        };
        if output.is_empty() {
            return Err(format!("no output is named in \"{text}\""));
        }
        Ok(Self { role: role.parse()?, output: output.to_owned(), channels })
    }
}

fn parse_channels(text: &str) -> Result<Range<usize>, String> {
    let number = |text: &str| text.parse::<usize>().ok();
    let range = match text.split_once("..") {
        Some((start, end)) => {
            number(start).zip(number(end)).map(|(start, end)| start..end)
        }
        None => number(text).map(|channel| channel..channel + 1),
    };
    range.filter(|range| !range.is_empty()).ok_or_else(|| {
        format!("expected channels such as 0 or 0..3 (without 3), found \"{text}\"")
    })
}

/// Parts of names that say that an output is the variance of another, and its form. The first
/// one that is contained counts.
const SPREAD_NAMES: &[(&str, SpreadForm)] = &[
    ("log_laplace_scale", SpreadForm::LogLaplaceScale),
    ("laplace_scale", SpreadForm::LaplaceScale),
    ("log_variance", SpreadForm::LogVariance),
    ("log_var", SpreadForm::LogVariance),
    ("logvar", SpreadForm::LogVariance),
    ("log_sigma", SpreadForm::LogStd),
    ("logsigma", SpreadForm::LogStd),
    ("log_std", SpreadForm::LogStd),
    ("logstd", SpreadForm::LogStd),
    ("sigma", SpreadForm::Std),
    ("stddev", SpreadForm::Std),
    ("std", SpreadForm::Std),
    ("scale", SpreadForm::Std),
    ("variance", SpreadForm::Variance),
    ("var", SpreadForm::Variance),
];

/// Guesses that one of two outputs of equal shape is the variance of the other, by its name: that of
/// logits if a task of classes was chosen, or if an output is named after logits. `family` is that of
/// the chosen task.
pub(super) fn guess(
    outputs: &[ValueDescription],
    family: Option<Family>,
) -> Option<[HeadChoice; 2]> {
    let [first, second] = outputs else { return None };
    let rank = |output: &ValueDescription| output.dimensions.as_ref().map(Vec::len);
    if rank(first) != rank(second) {
        return None;
    }
    let (values, spread, form) =
        match (form_by_name(&first.name), form_by_name(&second.name)) {
            (None, Some(form)) => (first, second, form),
            (Some(form), None) => (second, first, form),
            _ => return None,
        };
    let is_of_logits = match family {
        Some(Family::Classes) => true,
        Some(Family::Labels) => return None,
        Some(Family::Values) => false,
        None => outputs.iter().any(|output| {
            let words = words_of(&output.name);
            words.contains("_logit_") || words.contains("_logits_")
        }),
    };
    let roles = if is_of_logits {
        (Role::Logits, Role::LogitSpread(form))
    } else {
        (Role::Mean, Role::Spread(form))
    };
    let is_role = Role::ALL.iter().any(|(_, role)| *role == roles.1);
    if is_of_logits && !(is_role && may_be_noisy(values, spread)) {
        return None;
    }
    let choice = |role: Role, output: &ValueDescription| HeadChoice {
        role,
        output: output.name.clone(),
        channels: None,
    };
    Some([choice(roles.0, values), choice(roles.1, spread)])
}

/// Returns whether an output can hold logits of several classes and the other their variances, as far
/// as the file declares the sizes.
fn may_be_noisy(logits: &ValueDescription, spread: &ValueDescription) -> bool {
    let (Some(logits), Some(spread)) = (&logits.dimensions, &spread.dimensions) else {
        return true;
    };
    let has_classes = matches!(logits.len(), 2 | 4) && logits.get(1) != Some(&Some(1));
    let mut sizes = logits.iter().zip(spread);
    let is_equal = |(one, other): (&Option<usize>, &Option<usize>)| {
        one.is_none() || other.is_none() || one == other
    };
    has_classes && sizes.all(is_equal)
}

/// Returns the form of the variance that an output is named after. Its words are compared, so that
/// `variant` is not a variance.
fn form_by_name(name: &str) -> Option<SpreadForm> {
    let name = words_of(name);
    let contains = |part: &str| name.contains(&format!("_{part}_"));
    let known = SPREAD_NAMES.iter().find(|(part, _)| contains(part));
    known
        .map(|(_, form)| *form)
        .or_else(|| contains("log_variance").then_some(SpreadForm::LogVariance))
}

/// Returns the words of a name in lower case, each between underscores.
fn words_of(name: &str) -> String {
    let words: Vec<String> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .map(str::to_ascii_lowercase)
        .filter(|word| !word.is_empty())
        .collect();
    format!("_{}_", words.join("_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::ElementType;

    #[test]
    fn a_head_is_written_as_role_output_and_channels() {
        for text in ["mean=depth", "log_variance=out:1", "logits=a:b:0..3", "std=x::0"] {
            assert_eq!(text.parse::<HeadChoice>().unwrap().to_string(), text);
        }
        let head: HeadChoice = "mean=out:0..2".parse().unwrap();
        assert_eq!((head.output.as_str(), head.channels), ("out", Some(0..2)));
        let plain: HeadChoice = "mean=out:b".parse().unwrap();
        assert_eq!((plain.output.as_str(), plain.channels), ("out:b", None));
    }

    #[test]
    fn a_wrong_head_is_answered_with_the_right_form() {
        for (text, part) in [
            ("depth", "ROLE=OUTPUT"),
            ("men=depth", "log_variance"),
            ("mean=", "no output"),
            ("mean=out:3..3", "0..3"),
            ("mean=out:1x", "0..3"),
        ] {
            let error = text.parse::<HeadChoice>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn two_outputs_are_logits_and_their_noise_by_the_task_or_by_name() {
        let output = |name: &str, channels| ValueDescription {
            name: name.to_owned(),
            dimensions: Some(vec![None, Some(channels), None, None]),
            element_type: ElementType::F32,
        };
        let guess = |names: [&str; 2], channels: (usize, usize), family| {
            let outputs = [output(names[0], channels.0), output(names[1], channels.1)];
            let heads = guess(&outputs, family)?;
            Some(heads.map(|head| head.to_string()).join(" "))
        };
        let classes = Some(Family::Classes);
        let noise = Some("logits=out logit_std=sigma".to_owned());
        assert_eq!(guess(["out", "sigma"], (8, 8), classes), noise);
        let regression = Some("mean=out std=sigma".to_owned());
        assert_eq!(guess(["out", "sigma"], (8, 8), None), regression);
        let by_name = Some("logits=logits logit_log_variance=log_var".to_owned());
        assert_eq!(guess(["logits", "log_var"], (8, 8), None), by_name);
        assert_eq!(
            guess(["logits", "log_var"], (8, 8), Some(Family::Values)),
            Some("mean=logits log_variance=log_var".to_owned())
        );
        assert_eq!(
            guess(["logits", "log_var"], (8, 1), None),
            None,
            "one for all classes"
        );
        assert_eq!(guess(["out", "sigma"], (1, 1), classes), None, "one class");
        assert_eq!(guess(["logits", "laplace_scale"], (8, 8), None), None, "has no role");
        assert_eq!(guess(["logits", "log_var"], (8, 8), Some(Family::Labels)), None);
    }

    #[test]
    fn names_of_variances_are_recognized_by_their_words() {
        for (name, form) in [
            ("log_var", Some(SpreadForm::LogVariance)),
            ("depth/log_variance", Some(SpreadForm::LogVariance)),
            ("logvar", Some(SpreadForm::LogVariance)),
            ("Sigma", Some(SpreadForm::Std)),
            ("pred.scale", Some(SpreadForm::Std)),
            ("laplace_scale", Some(SpreadForm::LaplaceScale)),
            ("variant", None),
            ("depth", None),
            ("upscale", None),
        ] {
            assert_eq!(form_by_name(name), form, "{name}");
        }
    }
}
