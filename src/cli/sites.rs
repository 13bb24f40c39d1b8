//! Options that choose the sites, shared by the commands that open a model.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::names;
use crate::graph::{DropUnit, HeadChoice, HeadOptions, ScoresOption, SiteOptions};
use crate::input::preprocessing::{Options, OutputSettings};
use crate::onnx::Model;

/// Options of the commands that open a model without images.
#[derive(Debug, Args)]
pub(in crate::cli) struct ModelArguments {
    /// Image size for costs or checks, if the model does not fix it [default: 224x224].
    #[arg(long, value_name = "WxH", value_parser = names::size)]
    pub(in crate::cli) size: Option<(usize, usize)>,
    #[command(flatten)]
    pub(in crate::cli) heads: HeadArguments,
    /// ONNX Runtime's library, or the folder that contains it.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(in crate::cli) ort_lib: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) sites: SiteArguments,
}

const HEAD: &str = "Output with its role, and its channels if not all are read: mean=depth, \
log_variance=out:1; repeated for a variance";

/// Options that choose the outputs that are read.
#[derive(Debug, Default, Args)]
pub(in crate::cli) struct HeadArguments {
    /// Output that contains the scores or values.
    #[arg(long, value_name = "NAME", conflicts_with = "head", help_heading = names::FIRST)]
    pub(in crate::cli) output_name: Option<String>,
    #[arg(help = HEAD, long, value_name = "ROLE=OUTPUT[:CHANNELS]", value_parser = head, hide_short_help = true)]
    pub(in crate::cli) head: Vec<HeadChoice>,
}

fn head(text: &str) -> Result<HeadChoice, String> {
    text.parse()
}

impl HeadArguments {
    /// Returns the options for the graph. `settings` is what configuration files state.
    pub(in crate::cli) fn options(
        &self,
        scores: ScoresOption,
        settings: &OutputSettings,
    ) -> HeadOptions {
        // A named output replaces the roles of a configuration.
        let heads = match (&self.head[..], &self.output_name) {
            ([], None) => settings.heads.clone(),
            (heads, _) => heads.to_vec(),
        };
        HeadOptions {
            outputs: self.output_name.iter().cloned().collect(),
            scores,
            heads,
            family: settings.family(),
        }
    }

    /// Returns whether outputs were chosen.
    pub(in crate::cli) fn is_given(&self) -> bool {
        self.output_name.is_some() || !self.head.is_empty()
    }
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Dropout")]
pub(in crate::cli) struct SiteArguments {
    #[arg(long, value_name = "PLACE", value_delimiter = ',', help_heading = None::<&str>,
        help = "Insert dropout: head, decoder, blocks, ... (see mcdrop inspect)",
        long_help = "Insert dropout at places: head, decoder, attention, residual, linear, blocks (residual \
        and linear), or before the nodes that a pattern names; a list, or repeated")]
    insert: Vec<String>,
    /// Fraction that is dropped, for all dropouts or for those that match a pattern; activates
    /// inactive ones [default: as in the file; 0.1 if inserted].
    #[arg(long, value_name = "[NODE=]P", value_parser = ratio, hide_short_help = true)]
    ratio: Vec<(Option<String>, f32)>,
    /// Activate only dropouts that match the pattern (node, module or tensor; with * and ?),
    /// including inactive ones.
    #[arg(long, value_name = "PATTERN", hide_short_help = true)]
    only: Vec<String>,
    /// Turn off dropouts that match the pattern.
    #[arg(long, value_name = "PATTERN", hide_short_help = true)]
    except: Vec<String>,
    /// Unit that inserted dropout drops as a whole [default: element].
    #[arg(long, value_enum, requires = "insert", hide_short_help = true)]
    unit: Option<UnitName>,
}

impl ModelArguments {
    /// Returns what configuration files state about the outputs of a model that was read from `file`.
    /// A configuration of another library that cannot be followed does not matter without images.
    pub(in crate::cli) fn output_settings(file: &Path, model: &Model) -> OutputSettings {
        let options = Options { metadata: model.metadata(), ..Options::default() };
        OutputSettings::resolve(file, &options).unwrap_or_default()
    }

    /// Returns which outputs of a model that was read from `file` are read.
    pub(in crate::cli) fn head_options(&self, file: &Path, model: &Model) -> HeadOptions {
        self.heads.options(ScoresOption::Auto, &Self::output_settings(file, model))
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum UnitName {
    /// Single elements.
    Element,
    /// Whole channels (features of a linear layer).
    Channel,
}

fn ratio(text: &str) -> Result<(Option<String>, f32), String> {
    let (pattern, number) = match text.rsplit_once('=') {
        Some((pattern, number)) => (Some(pattern.to_owned()), number),
        None => (None, text),
    };
    let ratio: f32 = number.parse().map_err(|_| {
        format!("expected P or NODE=P with a ratio such as 0.1, found \"{number}\"")
    })?;
    if (0.0..1.0).contains(&ratio) {
        Ok((pattern, ratio))
    } else {
        Err(format!("expected a ratio in [0, 1), found {ratio}"))
    }
}

impl SiteArguments {
    /// Returns the options for the graph.
    pub(in crate::cli) fn options(&self) -> SiteOptions {
        SiteOptions {
            only: self.only.clone(),
            except: self.except.clone(),
            ratios: self.ratio.clone(),
            insert: self.insert.clone(),
            unit: self.unit.map(|unit| match unit {
                UnitName::Element => DropUnit::Element,
                UnitName::Channel => DropUnit::Channel,
            }),
            may_be_empty: false,
        }
    }
}
