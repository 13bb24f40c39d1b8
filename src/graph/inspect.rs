//! What there is to know about the randomness of a file before anything is sampled.

use super::candidates::{Candidate, CandidateSearch};
use super::choose::SiteOptions;
use super::converted_model;
use super::reach::Reach;
use super::site::Site;
use super::suspect::{self, Warning};
use super::{Plan, prepare, recognize};
use crate::error::Result;
use crate::head::{Heads, ScoresOption};
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
    converted_model::refuse(file)?;
    let plan = Plan::with_sites(file.clone(), output_name, ScoresOption::Auto, options);
    let mut model = file.clone();
    let batch_norm_training = prepare::repaired(&mut model)?;
    let found = recognize::recognize(&model)?;
    let sites: Vec<Site> = found.iter().map(|found| found.site.clone()).collect();
    let read = read_outputs(&model, output_name);
    let tensors: Vec<&str> = read.tensors.iter().map(String::as_str).collect();
    let reach = Reach::new(&model.graph);
    let needed = reach.needed(tensors.iter().copied());
    let reaches_output = found
        .iter()
        .map(|found| {
            found.applications.iter().any(|application| {
                let top = application.top();
                needed.contains(&top)
            })
        })
        .collect();
    let candidates = match &tensors[..] {
        [] => Vec::new(),
        tensors => CandidateSearch::new(&model.graph, &reach, &needed).all(tensors),
    };
    let warnings = suspect::suspicions(&model, &reach, &sites);
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
        output: read.output,
        plan,
    })
}

/// Tensors whose randomness is looked at.
#[derive(Default)]
struct ReadOutputs {
    tensors: Vec<String>,
    output: Option<String>,
}

/// Finds the tensors of the heads. If an output does not hold scores, the output itself is looked
/// at; if several are possible, the first.
fn read_outputs(model: &Model, output_name: Option<&str>) -> ReadOutputs {
    match Heads::choose(model, output_name.as_slice(), ScoresOption::Auto) {
        Ok(heads) => ReadOutputs {
            tensors: heads.tensors().map(str::to_owned).collect(),
            output: Some(heads.first().output.clone()),
        },
        Err(error) if error.is_setting() => ReadOutputs::default(),
        Err(_) => {
            let first = || model.outputs().into_iter().next().map(|output| output.name);
            let output = output_name.map(str::to_owned).or_else(first);
            ReadOutputs { tensors: output.iter().cloned().collect(), output }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::graph::Suspicion;

    #[test]
    fn class_ids_are_suspicious_if_no_scores_are_left() {
        for (name, is_suspicious) in
            [("top-k", true), ("argmax-over-batch", true), ("argmax-uint8", false)]
        {
            let path = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join(format!("fixtures/heads/{name}.onnx"));
            let file = Model::open(&path).unwrap();
            let found = inspect(&file, None, &SiteOptions::default()).unwrap();
            let warns = found.warnings.iter().any(|w| w.suspicion == Suspicion::ClassIds);
            assert_eq!(warns, is_suspicious, "{name}");
            assert_eq!(found.plan.is_err(), is_suspicious, "{name}");
        }
    }
}
