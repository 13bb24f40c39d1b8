//! What there is to know about the randomness of a file before anything is sampled.

use std::collections::BTreeSet;

use super::candidates::{self, Candidate};
use super::choose::SiteOptions;
use super::output::{self, ScoresOption};
use super::reach::Reach;
use super::restore::restore;
use super::site::Site;
use super::suspect::{self, Warning};
use super::{Plan, prepare, recognize};
use crate::error::{Error, Result};
use crate::onnx::Model;

/// What a file is, as far as its randomness goes: a closed list, of which the first that holds
/// is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Something is not what it seems: see the warnings.
    Suspect,
    /// Some site draws.
    Live,
    /// There are sites, and none of them draws.
    Inert,
    /// There is nothing random.
    None,
}

impl Verdict {
    /// All, the first that holds first.
    pub const ALL: [Self; 4] = [Self::Suspect, Self::Live, Self::Inert, Self::None];

    /// The name in listings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Suspect => "suspect",
            Self::Live => "live",
            Self::Inert => "inert",
            Self::None => "none",
        }
    }
}

/// What was found in a file.
#[derive(Debug)]
pub struct Inspection {
    /// All places of randomness, in graph order.
    pub sites: Vec<Site>,
    /// For each site whether it leads to the output.
    pub reaches_output: Vec<bool>,
    /// Nodes of batch normalization in training form.
    pub batch_norm_training: Vec<String>,
    /// Where dropout could be put in.
    pub candidates: Vec<Candidate>,
    /// What is suspicious.
    pub warnings: Vec<Warning>,
    /// What the file is.
    pub verdict: Verdict,
    /// The output that was looked at, where there is one of scores.
    pub output: Option<String>,
    /// How it would be sampled, or why it cannot be.
    pub plan: Result<Plan>,
}

/// Looks at a file; what keeps it from being sampled is part of the answer.
///
/// # Errors
/// If the file cannot be understood at all.
pub fn inspect(
    file: &Model,
    output_name: Option<&str>,
    options: &SiteOptions,
) -> Result<Inspection> {
    let plan = Plan::with_sites(file.clone(), output_name, ScoresOption::Auto, options);
    let mut model = restore(file.clone())?;
    let batch_norm_training = prepare::repaired(&mut model)?;
    let found = recognize::recognize(&model)?;
    let sites: Vec<Site> = found.iter().map(|found| found.site.clone()).collect();
    let head = head(&model, output_name);
    let reach = Reach::new(&model.graph);
    let needed: BTreeSet<usize> = reach
        .needed(head.as_ref().map(|(tensor, _)| tensor.as_str()))
        .into_iter()
        .collect();
    let reaches_output = found
        .iter()
        .map(|found| {
            found.applications.iter().any(|application| {
                let top = application.steps.first().map_or(application.at, |step| step.0);
                needed.contains(&top)
            })
        })
        .collect();
    let candidates = match &head {
        Some((tensor, _)) => candidates::candidates(&model, tensor),
        None => Vec::new(),
    };
    let warnings = suspect::suspicions(&model, &sites);
    let verdict = match () {
        () if !warnings.is_empty() => Verdict::Suspect,
        () if sites.iter().any(|site| site.live) => Verdict::Live,
        () if !sites.is_empty() => Verdict::Inert,
        () => Verdict::None,
    };
    Ok(Inspection {
        sites,
        reaches_output,
        batch_norm_training,
        candidates,
        warnings,
        verdict,
        output: head.map(|(_, output)| output),
        plan,
    })
}

/// The tensor that holds the scores and its output; of several outputs the first.
fn head(model: &Model, output_name: Option<&str>) -> Option<(String, String)> {
    let chosen = output::choose(model, output_name, ScoresOption::Auto);
    match chosen {
        Ok(head) => Some((head.tensor, head.output)),
        Err(Error::Setting { .. }) => None,
        Err(_) => {
            let first = output_name.map(str::to_owned).or_else(|| {
                model.outputs().into_iter().next().map(|output| output.name)
            })?;
            Some((first.clone(), first))
        }
    }
}
