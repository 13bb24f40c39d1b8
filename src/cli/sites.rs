//! Options that say which sites draw, shared by the commands that open a model.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::names;
use crate::graph::{DropUnit, SiteOptions};

/// What commands are told that look at a model without images.
#[derive(Debug, Args)]
pub(in crate::cli) struct ModelArguments {
    /// Image size to cost or check with, where the model leaves it open [default: 224x224].
    #[arg(long, value_name = "WxH", value_parser = names::size)]
    pub(in crate::cli) size: Option<(usize, usize)>,
    /// The output that holds the class scores.
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) output_name: Option<String>,
    /// The ONNX Runtime library, or a folder that holds it.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(in crate::cli) ort_lib: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) sites: SiteArguments,
}

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Dropout")]
pub(in crate::cli) struct SiteArguments {
    #[arg(long, value_name = "PLACE", value_delimiter = ',', help_heading = None::<&str>,
        help = "Put dropout in: head, decoder, blocks, ... (mcdrop inspect)",
        long_help = "Put dropout in: head, decoder, attention, residual, linear, blocks (residual \
        and linear), or before the nodes that a pattern names; a list, or repeated")]
    insert: Vec<String>,
    /// Share of the units that is dropped, of all sites or of those that a pattern names;
    /// wakes inert ones [default: the file's; 0.1 where inserted].
    #[arg(long, value_name = "[NODE=]P", value_parser = ratio, hide_short_help = true)]
    ratio: Vec<(Option<String>, f32)>,
    /// Only sites that the pattern names draw (node, module or tensor; * and ?), also inert
    /// ones.
    #[arg(long, value_name = "PATTERN", hide_short_help = true)]
    only: Vec<String>,
    /// Sites that the pattern names stay off.
    #[arg(long, value_name = "PATTERN", hide_short_help = true)]
    except: Vec<String>,
    /// What inserted dropout drops at once [default: element].
    #[arg(long, value_enum, requires = "insert", hide_short_help = true)]
    unit: Option<UnitName>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum UnitName {
    /// Every element for itself.
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
        format!("\"{number}\" is no ratio: expected P or NODE=P, such as 0.1")
    })?;
    if (0.0..1.0).contains(&ratio) {
        Ok((pattern, ratio))
    } else {
        Err(format!("{ratio} is outside [0, 1): a ratio is the share that is dropped"))
    }
}

impl SiteArguments {
    /// What was said.
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
        }
    }
}
