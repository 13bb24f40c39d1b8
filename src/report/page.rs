//! Renders the page from its template.

use askama::Template;
use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use super::evaluation::{self, Section};
use super::facts::{self, Fact, Site};
use super::files::Shown;
use super::quantities;
use super::rows;
use crate::error::{Error, Result};
use crate::measure::Measure;
use crate::record::PreprocessingSetting;
use crate::task::ModelTask;

const STYLE: &str = include_str!("page/page.css");

/// The script of the page.
const SCRIPT: &str = concat!(
    include_str!("page/load.js"),
    include_str!("page/paint.js"),
    include_str!("page/order.js"),
    include_str!("page/gallery.js"),
    include_str!("page/overview.js"),
    include_str!("page/viewer.js"),
    include_str!("page/threshold.js"),
    include_str!("page/readout.js"),
    include_str!("page/zoom.js"),
    include_str!("page/open.js"),
    include_str!("page/start.js"),
);

/// Largest number of failed images that are listed; predictions.csv contains all.
const MOST_FAILED: usize = 1000;

#[derive(Template)]
#[template(path = "page.html", config = ".config/askama.toml")]
struct Page<'a> {
    title: String,
    lead: String,
    style: &'a str,
    script: &'a str,
    /// Sources of the style and the script for the Content-Security-Policy.
    style_hash: String,
    script_hash: String,
    /// JSON without any `<`.
    data: String,
    /// Names of the runs.
    runs: Vec<String>,
    notes: Vec<String>,
    facts: Vec<Fact>,
    sites: Vec<Site>,
    settings: &'a [PreprocessingSetting],
    failed: Vec<(&'a str, &'a str)>,
    n_failed: usize,
    meanings: Vec<(&'static str, &'static str)>,
    gallery_note: String,
    evaluation: Option<Section>,
    version: &'static str,
}

/// Returns the HTML of a page about one or two runs, and its notes.
pub(super) fn render(shown: &[Shown]) -> Result<(String, Vec<String>)> {
    let first = &shown[0];
    let mut notes: Vec<String> = shown.iter().flat_map(|one| one.notes.clone()).collect();
    notes.extend(strangers(shown));
    let (quantities, note) = quantities::quantities(shown);
    notes.extend(note);
    let evaluation = evaluation::section(shown, &mut notes);
    let failed = || {
        let rows = first.run.rows.iter();
        rows.filter_map(|row| Some((row.path.as_str(), row.error.as_deref()?)))
    };
    let facts = facts::facts(shown);
    let model = facts.iter().find(|fact| fact.term == "Model");
    let title = model.map_or_else(|| first.name(), |fact| fact.values[0].0.clone());
    // A browser reads every end of a line as one character.
    let style = format!("\n{STYLE}\n").replace("\r\n", "\n");
    let script = format!("\n(() => {{\n\"use strict\";\n{SCRIPT}\n}})();\n");
    let script = script.replace("\r\n", "\n");
    let page = Page {
        title,
        lead: lead(shown),
        style_hash: policy_hash(&style),
        script_hash: policy_hash(&script),
        style: &style,
        script: &script,
        data: harmless(&rows::script_data(shown, &quantities).to_string()),
        runs: shown.iter().map(Shown::name).collect(),
        notes,
        facts,
        sites: facts::sites(first),
        settings: facts::settings(first),
        failed: failed().take(MOST_FAILED).collect(),
        n_failed: failed().count(),
        meanings: meanings(first),
        gallery_note: gallery_note(first),
        evaluation,
        version: env!("CARGO_PKG_VERSION"),
    };
    let html = page.render();
    let html =
        html.map_err(|error| Error::runtime("writing report.html", error.to_string()))?;
    Ok((html, page.notes))
}

/// Returns the source of an inline element for a Content-Security-Policy: the hash of all that is
/// between its tags.
fn policy_hash(content: &str) -> String {
    let hash = Sha256::digest(content);
    format!("sha256-{}", base64::engine::general_purpose::STANDARD.encode(hash))
}

/// Escapes JSON for a script element, so that it neither ends the element nor opens a comment.
fn harmless(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

fn gallery_note(shown: &Shown) -> String {
    let overview = shown.run.task.as_ref().map(ModelTask::overview);
    match overview.filter(|_| shown.images.iter().any(|image| image.has_data)) {
        Some(overview) => {
            let measure = overview.measure.name;
            let of_channel = overview.name.strip_suffix(measure).unwrap_or_default();
            let of_channel = match of_channel.trim_end_matches('.') {
                "" => String::new(),
                channel => format!(" of {channel}"),
            };
            let name = measure.replace('_', " ");
            format!(
                "Each picture lies under its {name}{of_channel}: the brighter, the less certain. \
                 Open one for its maps and values."
            )
        }
        None => "Open one for its numbers.".to_owned(),
    }
}

/// Returns the names and descriptions of the measures in the table of images.
fn meanings(shown: &Shown) -> Vec<(&'static str, &'static str)> {
    let Some(task) = &shown.run.task else { return Vec::new() };
    let is_shown = |measure: &&'static Measure| {
        let first = task.quantities(&[*measure]).into_iter().next();
        first.is_some_and(|one| shown.run.columns.named(&one.name).is_some())
    };
    let of_table = task.task.measures.iter().filter(is_shown);
    of_table.map(|measure| (measure.name, measure.summary)).collect()
}

fn lead(shown: &[Shown]) -> String {
    let run = &shown[0].run;
    let n = run.rows.len();
    let images = match n {
        1 => "1 image".to_owned(),
        n => format!("{} images", facts::grouped(n)),
    };
    match shown {
        [one] => format!("Where the model is unsure on {images} ({}).", one.name()),
        [one, other, ..] => format!(
            "{images}: {} on the left, {} on the right; they are sorted and filtered by the first.",
            one.name(),
            other.name()
        ),
        [] => String::new(),
    }
}

/// Returns notes about images that are in only one of two runs.
fn strangers(shown: &[Shown]) -> Vec<String> {
    let [one, other, ..] = shown else { return Vec::new() };
    let ids = |shown: &Shown| {
        let ids = shown.run.rows.iter().map(|row| row.path.clone());
        ids.collect::<std::collections::HashSet<String>>()
    };
    let (ours, theirs) = (ids(one), ids(other));
    let note = |n: usize, here: &Shown, there: &Shown| {
        (n > 0).then(|| {
            format!("{n} images of {} are not in {}.", here.name(), there.name())
        })
    };
    let missing = note(ours.difference(&theirs).count(), one, other);
    let more = note(theirs.difference(&ours).count(), other, one);
    missing.into_iter().chain(more).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_the_data_ends_its_element() {
        let json = serde_json::json!(["</script><!--", "\u{2028}", "a\"b\\"]).to_string();
        let safe = harmless(&json);
        assert!(!safe.contains('<') && !safe.contains('\u{2028}'), "{safe}");
        let back: serde_json::Value = serde_json::from_str(&safe).unwrap();
        assert_eq!(back, serde_json::json!(["</script><!--", "\u{2028}", "a\"b\\"]));
    }

    #[test]
    fn the_script_and_the_style_do_not_end_their_elements() {
        assert!(!SCRIPT.contains("</script") && !SCRIPT.contains("<!--"));
        assert!(!STYLE.contains("</style"));
    }
}
