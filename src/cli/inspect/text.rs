//! Report of a model as text.

use super::Cost;
use crate::cli::{settings, terminal};
use crate::error::Error;
use crate::graph::{Candidate, InsertionPoint, Inspection, Plan, Site, Verdict};
use crate::onnx::Model;

/// Number of lines of a list without `--verbose`.
const MOST: usize = 12;

pub(super) fn report(
    model: &Model,
    found: &Inspection,
    cost: Result<&Cost, &Error>,
    verbose: bool,
) {
    let most = if verbose { usize::MAX } else { MOST };
    line(&format!(
        "{}: opset {}, written by {}",
        model.path().display(),
        model.opset(),
        model.producer()
    ));
    verdict(found);
    heads(found);
    sites(found, most);
    for warning in &found.warnings {
        line(&warning.message());
    }
    if let Some(first) = found.batch_norm_training.first() {
        line(&format!(
            "batch normalization in training form: {} nodes, first \"{first}\". They are run \
             with their running statistics, which may hold the export's dummy batch",
            found.batch_norm_training.len()
        ));
    }
    costs(cost);
    candidates(&found.candidates, cost.ok(), most);
    way_on(found, cost.err());
}

fn line(text: &str) {
    // The names of nodes in it do not begin a line of their own.
    terminal::line(&terminal::one_line(&settings::to_options(text)));
}

fn verdict(found: &Inspection) {
    let live = found.sites.iter().filter(|site| site.live).count();
    let inert = found.sites.len() - live;
    let text = match found.verdict {
        Verdict::Suspect => "the export is suspicious",
        Verdict::Live => "the model has live dropout",
        Verdict::Inert => "all dropout is off in this file",
        Verdict::None => "the model has no dropout",
    };
    line(&format!(
        "verdict: {} ({text}; {live} live, {inert} inert)",
        found.verdict.name()
    ));
}

/// Prints the roles of outputs, as far as they are known without a run.
fn heads(found: &Inspection) {
    let Some(heads) = found.plan.as_ref().ok().map(Plan::heads) else { return };
    let roles = heads.described();
    if !roles.is_empty() {
        let guessed = heads.guessed().map_or("", |_| " (by the names of the outputs)");
        line(&format!("heads: {}{guessed}", roles.join(", ")));
    }
}

fn sites(found: &Inspection, most: usize) {
    let used = |site: &Site| {
        found.plan.iter().any(|plan| plan.sites().iter().any(|s| s.tensor == site.tensor))
    };
    for (id, (site, reaches)) in
        found.sites.iter().zip(&found.reaches_output).enumerate().take(most)
    {
        let module = site.module.as_ref().filter(|module| **module != site.node);
        let state = match (site.live, used(site), reaches) {
            (true, true, _) => "live",
            (true, false, true) => "live in the file, turned off",
            (true, false, false) => "live, does not reach the output",
            (false, true, _) => "inert in the file, activated",
            (false, false, _) => "inert",
        };
        let reason = site.reason.as_ref().map(|reason| format!(": {reason}"));
        line(&format!(
            "  {id:>3}  {} of {}{}, \"{}\"{}, {state}{}",
            site.kind.name().replace('_', " "),
            match site.unit.name() {
                "row" => "whole images".to_owned(),
                unit => format!("{unit}s"),
            },
            site.ratio.map_or(String::new(), |ratio| format!(", ratio {ratio}")),
            site.node,
            module.map_or(String::new(), |module| format!(" (module {module})")),
            reason.unwrap_or_default()
        ));
    }
    rest(found.sites.len(), most, "sites");
    let plan = found.plan.iter();
    let inserted =
        plan.flat_map(|plan| plan.survey().sites.iter().skip(found.sites.len()));
    for site in inserted.take(most) {
        line(&format!(
            "    +  {} of {}s, ratio {}, {}",
            site.kind.name(),
            site.unit.name(),
            site.ratio.unwrap_or_default(),
            site.reason.as_deref().unwrap_or_default()
        ));
    }
}

fn rest(all: usize, most: usize, what: &str) {
    if all > most {
        line(&format!("       and {} more {what} (-v lists all)", all - most));
    }
}

fn costs(cost: Result<&Cost, &Error>) {
    let cost = match cost {
        Ok(cost) => cost,
        Err(error) => {
            line(&format!("cost: unknown ({error})"));
            return;
        }
    };
    let sizes: Vec<String> = cost.file.size.iter().map(ToString::to_string).collect();
    line(&format!(
        "cost: {} multiply-adds for an input of {}",
        count(cost.file.total()),
        sizes.join("x")
    ));
    if let Some(share) = cost.suffix_share {
        line(&format!(
            "      {} of them once per image, {} once per sample: 31 samples cost as much as \
             {:.1} plain passes",
            percent(1.0 - share),
            percent(share),
            (1.0 - share) + 32.0 * share
        ));
    }
}

fn candidates(all: &[Candidate], cost: Option<&Cost>, most: usize) {
    if all.is_empty() {
        return;
    }
    line(
        "places for dropout (--insert PLACE or NODE; the fraction of the cost that each sample repeats):",
    );
    let mut shown = 0;
    for place in InsertionPoint::ALL {
        let here = all.iter().filter(|candidate| candidate.place == place);
        for candidate in here {
            if shown < most {
                let share = cost.map(|cost| {
                    let all = cost.file.total().max(1) as f64;
                    percent(cost.file.of(candidate.downstream()) as f64 / all)
                });
                line(&format!(
                    "  {:<10} {:>7}  \"{}\"",
                    place.name(),
                    share.unwrap_or_default(),
                    candidate.node
                ));
            }
            shown += 1;
        }
    }
    rest(all.len(), most, "places");
}

/// Prints the next step; `cost` is the reason why ONNX Runtime could not open the model.
fn way_on(found: &Inspection, cost: Option<&Error>) {
    match &found.plan {
        Ok(plan) => {
            let n = plan.sites().len();
            let sites = if n == 1 { "site is active" } else { "sites are active" };
            let Some(error) = cost else {
                line(&format!("ready for mcdrop predict: {n} {sites}"));
                return;
            };
            line(&format!("{n} {sites}, but the model cannot be opened (see its cost)"));
            if let Some(hint) = error.hint() {
                line(&format!("hint: {hint}"));
            }
        }
        Err(error) => {
            let message = settings::message(error);
            line(&format!("cannot be sampled: {message}"));
            if let Some(hint) = error.hint() {
                line(&format!("hint: {hint}"));
            }
        }
    }
}

fn percent(share: f64) -> String {
    match 100.0 * share {
        percent if percent > 0.0 && percent < 0.1 => format!("{percent:.3} %"),
        percent => format!("{percent:.1} %"),
    }
}

fn count(n: u64) -> String {
    match n as f64 {
        n if n >= 1e9 => format!("{:.2} billion", n / 1e9),
        n if n >= 1e6 => format!("{:.1} million", n / 1e6),
        n => format!("{n}"),
    }
}
