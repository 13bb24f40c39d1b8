//! Options that describe labels of values.

use std::collections::BTreeSet;

use clap::{Args, Command, Id};

use super::names;
use crate::error::{Error, Result};
use crate::evaluate::{LabelRename, ValueLabelOptions};
use crate::input::label::LabelConversion;
use crate::record::LabelOptionsRecord;
use crate::task::ValueRange;

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Labels")]
pub(super) struct ValueLabelArguments {
    /// Value of 1 in label files [default: 1].
    #[arg(long, value_name = "S", value_parser = names::positive)]
    label_scale: Option<f64>,
    /// Summand behind that factor, in the unit of the target [default: 0].
    #[arg(long, value_name = "X", allow_hyphen_values = true, hide_short_help = true)]
    label_offset: Option<f64>,
    /// Range of the labels that count [default: that of the sidecar].
    #[arg(long, value_name = "LOW:HIGH", value_parser = names::value_range, allow_hyphen_values = true, hide_short_help = true)]
    valid_range: Option<ValueRange>,
}

/// Returns the names of these options.
pub(super) fn options() -> BTreeSet<Id> {
    let all = ValueLabelArguments::augment_args(Command::new(""));
    all.get_arguments().map(|argument| argument.get_id().clone()).collect()
}

impl ValueLabelArguments {
    /// Returns whether each of these options is used.
    pub(super) fn typed(&self) -> [(&'static str, bool); 3] {
        [
            ("--label-scale", self.label_scale.is_some()),
            ("--label-offset", self.label_offset.is_some()),
            ("--valid-range", self.valid_range.is_some()),
        ]
    }

    /// Returns true if the numbers of label files are converted.
    pub(super) fn has_scale(&self) -> bool {
        self.label_scale.is_some()
    }

    /// Returns the options of the labels; `rename` derives their names.
    ///
    /// # Errors
    /// Fails if the summand is not finite.
    pub(super) fn options(
        &self,
        rename: Option<LabelRename>,
    ) -> Result<ValueLabelOptions> {
        let unchanged = LabelConversion::default();
        let offset = self.label_offset.unwrap_or(unchanged.offset);
        if !offset.is_finite() {
            let message = format!("{offset}: expected a finite number");
            return Err(Error::setting("--label-offset", message)
                .with_hint("give a number in the unit of the target"));
        }
        let scale = self.label_scale.unwrap_or(unchanged.scale);
        Ok(ValueLabelOptions {
            rename,
            conversion: LabelConversion { scale, offset },
            valid: self.valid_range,
        })
    }

    /// Adds these options to a record.
    pub(super) fn add_to(&self, options: &mut LabelOptionsRecord) {
        options.label_scale = self.label_scale;
        options.label_offset = self.label_offset;
        options.valid_range = self.valid_range.map(|range| range.to_string());
    }

    /// Returns the options of a record.
    pub(super) fn recorded(options: &LabelOptionsRecord) -> Self {
        Self {
            label_scale: options.label_scale,
            label_offset: options.label_offset,
            valid_range: options
                .valid_range
                .as_deref()
                .and_then(|text| text.parse().ok()),
        }
    }
}

/// Refuses the first option that is used.
pub(super) fn refuse(options: &[(&str, bool)], message: &str) -> Result<()> {
    match options.iter().find(|(_, is_typed)| *is_typed) {
        Some((option, _)) => {
            Err(Error::setting(*option, message).with_hint("leave it out"))
        }
        None => Ok(()),
    }
}
