//! Descriptions of metrics by their keys.

use super::folder::Run;
use crate::metric::{
    Breakdown, Direction, METRICS, Metric, VALUE_METRICS, ValueBreakdown, ValueDirection,
    ValueMetric, ValueUnit,
};
use crate::task::Target;

/// Description of a metric.
pub(super) struct MetricText {
    /// Name in tables, with the target if there are several.
    pub(super) title: String,
    /// Name of the metric in tables.
    pub(super) metric_title: String,
    /// Name of the target; empty if there is only one.
    pub(super) target: String,
    pub(super) summary: &'static str,
    /// Unit; empty for a pure number.
    pub(super) unit: String,
    pub(super) verdict: Verdict,
    pub(super) group: Group,
}

/// Table in which a metric is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Group {
    /// That of the predictions as a whole.
    Whole,
    /// That of this standard deviation.
    Std(String),
    /// Only that of all metrics.
    Other,
}

/// Values of a metric that are better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    Larger,
    Smaller,
    CloseTo(f64),
    Unknown,
}

impl Verdict {
    /// Returns the word in tables; empty if no value is better.
    pub(super) fn describe(self) -> String {
        match self {
            Self::Larger => "larger".to_owned(),
            Self::Smaller => "smaller".to_owned(),
            Self::CloseTo(value) => format!("close to {value}"),
            Self::Unknown => String::new(),
        }
    }
}

impl MetricText {
    /// Returns the description of a key of the metrics of a run.
    pub(super) fn of(run: &Run, key: &str) -> Self {
        let target = run.folder.as_ref().map(|folder| folder.task.target);
        match target {
            None | Some(Target::Class) => Self::of_classes(key),
            Some(Target::Value) => Self::of_values(run, key),
            Some(Target::Labels) => Self::unknown(key),
        }
    }

    fn of_classes(key: &str) -> Self {
        match METRICS.iter().filter(|m| begins(key, m.name)).max_by_key(|m| m.name.len())
        {
            Some(metric) => Self {
                title: title(key),
                group: match metric.breakdown {
                    Breakdown::Whole if key == metric.name => Group::Whole,
                    _ => Group::Other,
                },
                ..Self::of_metric(metric)
            },
            None => Self::unknown(key),
        }
    }

    /// Returns the description of a metric of classes.
    pub(super) fn of_metric(metric: &Metric) -> Self {
        Self {
            metric_title: title(metric.name),
            summary: metric.summary,
            verdict: match metric.direction {
                Direction::HigherIsBetter => Verdict::Larger,
                Direction::LowerIsBetter => Verdict::Smaller,
                Direction::Descriptive => Verdict::Unknown,
            },
            group: Group::Other,
            ..Self::unknown(metric.name)
        }
    }

    fn of_values(run: &Run, key: &str) -> Self {
        let channels = run.task.as_ref().map(|task| task.channels.as_slice());
        let channels = channels.filter(|names| names.len() > 1).unwrap_or_default();
        let of_target = channels.iter().find_map(|name| {
            let rest = key.strip_prefix(name.as_str())?.strip_prefix('.')?;
            Some((name.as_str(), rest))
        });
        let (target, rest) = of_target.unwrap_or(("", key));
        let of_key = |metric: &&ValueMetric| begins(rest, metric.name);
        let metrics = VALUE_METRICS.iter().filter(of_key);
        let Some(metric) = metrics.max_by_key(|metric| metric.name.len()) else {
            return Self::unknown(key);
        };
        let ending = rest[metric.name.len()..].trim_start_matches('.');
        let prefix =
            if target.is_empty() { String::new() } else { format!("{target}: ") };
        let unit = run.task.as_ref().map(|task| task.target.unit.clone());
        Self {
            title: format!("{prefix}{}", metric.title),
            metric_title: metric.title.to_owned(),
            target: target.to_owned(),
            summary: metric.summary,
            unit: match metric.unit {
                ValueUnit::Target => unit.unwrap_or_default(),
                ValueUnit::Nat => "nat".to_owned(),
                ValueUnit::One => String::new(),
            },
            verdict: match metric.direction {
                ValueDirection::HigherIsBetter => Verdict::Larger,
                ValueDirection::LowerIsBetter => Verdict::Smaller,
                ValueDirection::ClosestTo(value) => Verdict::CloseTo(value),
                ValueDirection::ClosestToLevel | ValueDirection::Descriptive => {
                    Verdict::Unknown
                }
            },
            group: match metric.breakdown {
                ValueBreakdown::Std if !ending.is_empty() => {
                    Group::Std(ending.to_owned())
                }
                _ if ending.is_empty() => Group::Whole,
                _ => Group::Other,
            },
        }
    }

    /// Returns the description of a key that no table of metrics has.
    fn unknown(key: &str) -> Self {
        Self {
            title: title(key),
            metric_title: title(key),
            target: String::new(),
            summary: "",
            unit: String::new(),
            verdict: Verdict::Unknown,
            group: if key.contains('.') { Group::Other } else { Group::Whole },
        }
    }
}

fn title(key: &str) -> String {
    key.replace('_', " ")
}

/// Returns true if a key is that of a metric, with or without an ending.
fn begins(key: &str, name: &str) -> bool {
    key.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
