//! Pixels without a label, counted by reason.

use std::collections::BTreeMap;
use std::fmt;

/// The reason why a pixel has no label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOutReason {
    /// The id means "no label".
    Id(u32),
    /// The id is 0, which means "no label" if ids are reduced by 1.
    ReducedZero,
    /// The color means "no label".
    VoidColor,
    /// The value is not a number, or the field of the table is empty.
    NotANumber,
    /// The value is infinite.
    Infinite,
    /// The value means "no label".
    InvalidValue,
    /// The value is below the valid range.
    BelowRange,
    /// The value is above the valid range.
    AboveRange,
    /// The table or the array states that the truth is unknown.
    Unknown,
}

impl fmt::Display for LeftOutReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "id {id}"),
            Self::ReducedZero => f.write_str("id 0"),
            Self::VoidColor => f.write_str("void color"),
            Self::NotANumber => f.write_str("NaN"),
            Self::Infinite => f.write_str("infinite"),
            Self::InvalidValue => f.write_str("invalid value"),
            Self::BelowRange => f.write_str("below the valid range"),
            Self::AboveRange => f.write_str("above the valid range"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// Numbers of pixels without a label, by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut(BTreeMap<LeftOutReason, u64>);

impl LeftOut {
    /// Counts a pixel.
    pub(super) fn count(&mut self, reason: LeftOutReason) {
        *self.0.entry(reason).or_default() += 1;
    }

    /// Adds the counts of other pixels.
    pub fn add(&mut self, other: &Self) {
        for (reason, n) in &other.0 {
            *self.0.entry(*reason).or_default() += n;
        }
    }

    /// Returns the number of pixels.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Returns the reasons with their numbers of pixels.
    pub fn iter(&self) -> impl Iterator<Item = (LeftOutReason, u64)> {
        self.0.iter().map(|(reason, n)| (*reason, *n))
    }

    /// Describes the pixels as shares of all pixels, of which `counted` are not left out:
    /// `3.1 % of the pixels have no label (id 255)`, given `have no label`. Returns `None` if there
    /// are none.
    pub fn describe(&self, counted: u64, lack: &str) -> Option<String> {
        self.describe_items(counted, "pixels", lack)
    }

    /// Describes items as [`Self::describe`] describes pixels; `items` is their name.
    pub fn describe_items(
        &self,
        counted: u64,
        items: &str,
        lack: &str,
    ) -> Option<String> {
        let total = self.total();
        let all = total + counted;
        let reasons: Vec<String> = match self.0.len() {
            0 => return None,
            1 => self.0.keys().map(LeftOutReason::to_string).collect(),
            _ => self
                .iter()
                .map(|(reason, n)| format!("{reason}: {}", share(n, all)))
                .collect(),
        };
        let share = share(total, all);
        Some(format!("{share} of the {items} {lack} ({})", reasons.join(", ")))
    }
}

/// Formats a share in percent, never as 0 if there is one and never as 100 if there is a rest.
pub(super) fn share(part: u64, all: u64) -> String {
    let percent = 100.0 * part as f64 / all.max(1) as f64;
    let text = format!("{percent:.1}");
    match &text[..] {
        "0.0" if part > 0 => "less than 0.1 %".to_owned(),
        "100.0" if part < all => "more than 99.9 %".to_owned(),
        _ => format!("{text} %"),
    }
}
