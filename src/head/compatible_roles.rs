//! Which roles of heads can be read together: scores or values, and at most one variance of theirs.

use super::{HeadChoice, Role};
use crate::error::{Error, Result};

/// Fails if roles do not go together.
pub(super) fn check(choices: &[HeadChoice]) -> Result<()> {
    let refused = |message: String, hint: &str| {
        Err(Error::setting("head", message).with_hint(hint))
    };
    let list = |choices: &[&HeadChoice]| {
        choices.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
    };
    let (spreads, values): (Vec<_>, Vec<_>) =
        choices.iter().partition(|choice| choice.role.is_spread());
    match (&values[..], &spreads[..]) {
        ([_, _, ..], _) => refused(
            format!("{} cannot be read together", list(&values)),
            "name one head of scores or values; a variance has a role of its own, as in \
             `head = log_variance=OUTPUT`",
        ),
        (_, [_, _, ..]) => refused(
            format!("{} are two forms of one variance", list(&spreads)),
            "name one of them",
        ),
        ([], [spread, ..]) => {
            let (of, owner) = match spread.role.owner() {
                Some(Role::Logits) => ("logits", "logits"),
                _ => ("values", "mean"),
            };
            refused(
                format!("{spread} is a variance without {of}"),
                &format!("name the head of the {of} too: `head = {owner}=OUTPUT`"),
            )
        }
        ([scores], [spread]) if spread.role.owner() != Some(scores.role) => {
            refuse_owner(scores, spread)
        }
        _ => Ok(()),
    }
}

/// Returns the error of a variance that is read with the scores or values of another role.
fn refuse_owner(scores: &HeadChoice, spread: &HeadChoice) -> Result<()> {
    let (of, values) = match spread.role.owner() {
        Some(Role::Logits) => ("of the noise of logits", "logits with `head = logits"),
        _ => ("of a mean", "values with `head = mean"),
    };
    let of_logits = Role::ALL.into_iter().find(|(_, role)| match (role, spread.role) {
        (Role::LogitSpread(form), Role::Spread(other)) => {
            *form == other && scores.role == Role::Logits
        }
        _ => false,
    });
    let hint = match of_logits {
        Some((name, _)) => format!(
            "name the {values}=OUTPUT`; if it is the variance of logits, state `head = {name}={}`",
            spread.output
        ),
        None => format!("name the {values}=OUTPUT`, or leave the variance out"),
    };
    let message = format!("{spread} does not go with {scores}: it is the variance {of}");
    Err(Error::setting("head", message).with_hint(hint))
}
