//! Inspection of the randomness of a file, without sampling it.

use super::candidates::{Candidate, CandidateSearch};
use super::choose::SiteOptions;
use super::converted_model;
use super::reach::Reach;
use super::site::Site;
use super::suspect::{self, Warning};
use super::{Plan, prepare, recognize};
use crate::error::Result;
use crate::head::{HeadOptions, Heads};
use crate::onnx::Model;

/// Verdict on the randomness of a file: the first one that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Some heuristic warns.
    Suspect,
    /// Some site draws.
    Live,
    /// There are sites, but none of them draws.
    Inert,
    /// Nothing is random.
    None,
}

impl Verdict {
    /// All verdicts, in the order in which they are tested.
    pub const ALL: [Self; 4] = [Self::Suspect, Self::Live, Self::Inert, Self::None];

    /// Returns the name in listings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Suspect => "suspect",
            Self::Live => "live",
            Self::Inert => "inert",
            Self::None => "none",
        }
    }
}

/// Result of an inspection.
#[derive(Debug)]
pub struct Inspection {
    /// All sites, in graph order.
    pub sites: Vec<Site>,
    /// True for each site that the output depends on.
    pub reaches_output: Vec<bool>,
    /// Nodes of batch normalization in training form.
    pub batch_norm_training: Vec<String>,
    /// Points where dropout could be inserted.
    pub candidates: Vec<Candidate>,
    /// Heuristic warnings.
    pub warnings: Vec<Warning>,
    /// Verdict on the file.
    pub verdict: Verdict,
    /// The output that was inspected; `None` if several are possible.
    pub output: Option<String>,
    /// The plan, or the reason why the file cannot be sampled.
    pub plan: Result<Plan>,
}

/// Inspects a file. A file that cannot be sampled is not an error: the reason is part of the
/// result.
///
/// # Errors
/// Fails if the file was written by `mcdrop convert`, or if its sites cannot be recognized.
pub fn inspect(
    file: &Model,
    heads: &HeadOptions,
    options: &SiteOptions,
) -> Result<Inspection> {
    converted_model::refuse(file)?;
    let plan = Plan::with_sites(file.clone(), heads, options);
    let mut model = file.clone();
    let batch_norm_training = prepare::repaired(&mut model)?;
    let found = recognize::recognize(&model)?;
    let sites: Vec<Site> = found.iter().map(|found| found.site.clone()).collect();
    let read = read_outputs(&model, heads);
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

/// Tensors whose randomness is inspected.
#[derive(Default)]
struct ReadOutputs {
    tensors: Vec<String>,
    output: Option<String>,
}

/// Finds the tensors of the heads. If an output does not contain scores, the output itself is
/// inspected; of several possible ones, the first.
fn read_outputs(model: &Model, heads: &HeadOptions) -> ReadOutputs {
    match Heads::choose(model, heads) {
        Ok(heads) => ReadOutputs {
            tensors: heads.tensors().map(str::to_owned).collect(),
            output: Some(heads.first().output.clone()),
        },
        Err(error) if error.is_setting() => ReadOutputs::default(),
        Err(_) => {
            let first = || model.outputs().into_iter().next().map(|output| output.name);
            let of_head = || Some(heads.heads.first()?.output.clone());
            let named = heads.outputs.first().cloned().or_else(of_head);
            let output = named.or_else(first);
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
            let found =
                inspect(&file, &HeadOptions::default(), &SiteOptions::default()).unwrap();
            let warns = found.warnings.iter().any(|w| w.suspicion == Suspicion::ClassIds);
            assert_eq!(warns, is_suspicious, "{name}");
            assert_eq!(found.plan.is_err(), is_suspicious, "{name}");
        }
    }
}
