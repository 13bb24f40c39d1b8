//! Choice of the sites that draw: those that are live in the file, unless the options differ.

use globset::{Glob, GlobMatcher};

use super::site::{
    DetectedSite, DropUnit, DropoutValues, Site, SiteKind, StochasticNode,
};
use crate::error::{Error, Result};

/// Choice of sites, their ratios, and inserted dropout.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SiteOptions {
    /// Patterns of the only sites that draw, including inert ones; empty for all live sites.
    pub only: Vec<String>,
    /// Patterns of sites that do not draw.
    pub except: Vec<String>,
    /// Ratios of the sites that a pattern matches, or of all sites; the last one that matches
    /// applies. A ratio with a pattern makes an inert site draw.
    pub ratios: Vec<(Option<String>, f32)>,
    /// Where dropout is inserted: names of insertion points, `blocks`, or patterns of nodes that it
    /// is inserted before.
    pub insert: Vec<String>,
    /// The part of a tensor that one draw of inserted dropout keeps or drops; elements by default.
    pub unit: Option<DropUnit>,
    /// Accepts a model without live dropout, for passes without dropout.
    pub may_be_empty: bool,
}

impl SiteOptions {
    /// Default ratio of inserted dropout.
    pub const INSERTED_RATIO: f32 = 0.1;

    /// Returns true if no option is set.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the ratio that is set for a site or for all sites.
    pub(super) fn ratio(&self, site: &Site) -> Result<Option<f32>> {
        let mut found = None;
        for (pattern, ratio) in &self.ratios {
            let matches = match pattern {
                None => site.kind != SiteKind::Noise,
                Some(pattern) => Pattern::new("ratio", pattern)?.matches_site(site),
            };
            if matches {
                found = Some(*ratio);
            }
        }
        Ok(found)
    }
}

/// A name of sites or nodes, with `*` and `?`; `setting` is named in errors.
pub(super) struct Pattern {
    setting: &'static str,
    text: String,
    matcher: GlobMatcher,
}

impl Pattern {
    pub(super) fn new(setting: &'static str, text: &str) -> Result<Self> {
        let glob = Glob::new(text).map_err(|e| {
            Error::setting(setting, format!("\"{text}\" is not a pattern: {}", e.kind()))
                .with_hint("patterns are names with * and ?, such as 'classifier*'")
        })?;
        Ok(Self { setting, text: text.to_owned(), matcher: glob.compile_matcher() })
    }

    /// Returns true if a name is equal to the pattern or matches it.
    pub(super) fn matches(&self, name: &str) -> bool {
        self.text == name || self.matcher.is_match(name)
    }

    /// Returns true if the node, module or tensor of a site matches.
    fn matches_site(&self, site: &Site) -> bool {
        self.matches(&site.node)
            || self.matches(&site.tensor)
            || site.module.as_deref().is_some_and(|module| self.matches(module))
    }
}

/// Returns the positions in `found` of the sites that draw, and sets their ratios.
pub(super) fn choose(
    found: &mut [DetectedSite],
    options: &SiteOptions,
) -> Result<Vec<usize>> {
    let patterns = |setting, texts: &[String]| -> Result<Vec<Pattern>> {
        texts.iter().map(|text| Pattern::new(setting, text)).collect()
    };
    let only = patterns("only", &options.only)?;
    let except = patterns("except", &options.except)?;
    let named: Vec<String> =
        options.ratios.iter().filter_map(|(pattern, _)| pattern.clone()).collect();
    let named = patterns("ratio", &named)?;
    let names: Vec<String> = found.iter().map(|f| f.site.node.clone()).collect();
    for pattern in only.iter().chain(&except).chain(&named) {
        if !found.iter().any(|f| pattern.matches_site(&f.site)) {
            return Err(matches_nothing(pattern, &names));
        }
    }
    let some_live = found.iter().any(|found| found.site.live && !found.is_inserted);
    let wakes = !some_live && options.insert.is_empty();
    let mut chosen = Vec::new();
    for (i, found) in found.iter_mut().enumerate() {
        let is_in =
            |patterns: &[Pattern]| patterns.iter().any(|p| p.matches_site(&found.site));
        let wanted = if only.is_empty() || found.is_inserted {
            found.site.live || wakes || is_in(&named)
        } else {
            is_in(&only)
        };
        let asked = is_in(&only) || is_in(&named);
        if !wanted || is_in(&except) {
            continue;
        }
        if let Some(ratio) = options.ratio(&found.site)? {
            set_ratio(found, ratio)?;
        }
        let drops = match found.draw {
            StochasticNode::Dropout(_) => {
                found.site.ratio.is_some_and(|ratio| ratio > 0.0)
            }
            _ => true,
        };
        if !drops && asked && found.site.ratio.is_none() {
            return Err(unknown_ratio(&found.site));
        }
        if drops || found.site.live {
            chosen.push(i);
        }
    }
    Ok(chosen)
}

fn set_ratio(found: &mut DetectedSite, ratio: f32) -> Result<()> {
    if !(0.0..1.0).contains(&ratio) {
        return Err(Error::setting("ratio", format!("{ratio} is outside [0, 1)"))
            .with_hint("a ratio is the fraction that is dropped: 0.1 drops a tenth"));
    }
    let StochasticNode::Dropout(_) = found.draw else {
        let message = format!(
            "node \"{}\" is {}, which has no ratio to set",
            found.site.node,
            found.site.kind.name()
        );
        return Err(Error::setting("ratio", message)
            .with_hint("name the sites that it is for: `ratio = NODE=P`"));
    };
    if found.site.kind == SiteKind::AlphaDropout {
        for application in &mut found.applications {
            application.values = alpha_values(ratio);
        }
    } else {
        for application in &mut found.applications {
            application.values = DropoutValues::of_dropout(ratio);
        }
    }
    found.site.ratio = Some(ratio);
    found.refused.take_if(|refused| refused.concerns_ratio);
    Ok(())
}

/// Returns the values that keep mean 0 and variance 1 under dropout of SELU activations.
///
/// # References
/// Klambauer et al. (2017), *Self-Normalizing Neural Networks*, section "New dropout technique":
/// dropped values become alpha' = -lambda alpha, then an affine map with a = (q + alpha'^2 q
/// (1 - q))^(-1/2) and b = -a (1 - q) alpha'.
fn alpha_values(ratio: f32) -> DropoutValues {
    const DROPPED: f64 = -1.758_099_340_847_376_6;
    let keep = 1.0 - f64::from(ratio);
    let a = (keep + DROPPED * DROPPED * keep * (1.0 - keep)).powf(-0.5);
    let b = -a * (1.0 - keep) * DROPPED;
    DropoutValues { scale: a as f32, shift: b as f32, dropped: (a * DROPPED + b) as f32 }
}

fn matches_nothing(pattern: &Pattern, names: &[String]) -> Error {
    let message = format!("no site is called \"{}\"", pattern.text);
    let shown: Vec<String> =
        names.iter().take(4).map(|name| format!("\"{name}\"")).collect();
    let hint = match (shown.len(), names.len()) {
        (0, _) => "the model has no site; `insert` puts dropout in".to_owned(),
        (n, all) if all > n => {
            format!(
                "its sites are {} and {} more: `mcdrop inspect`",
                shown.join(", "),
                all - n
            )
        }
        _ => format!("its sites are {}", shown.join(", ")),
    };
    Error::setting(pattern.setting, message).with_hint(hint)
}

fn unknown_ratio(site: &Site) -> Error {
    Error::node(site.node.clone(), "its ratio is not known")
        .with_hint(format!("set it: `ratio = '{}=0.1'`", site.node))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpha_dropout_keeps_mean_and_variance() {
        // As PyTorch's exporter writes it for a ratio of 0.3.
        let expected =
            DropoutValues { scale: 0.861, shift: 0.4541, dropped: 0.4541 - 1.514 };
        let found = alpha_values(0.3);
        for (a, b) in [
            (found.scale, expected.scale),
            (found.shift, expected.shift),
            (found.dropped, expected.dropped),
        ] {
            assert!((a - b).abs() < 1e-3, "{found:?}");
        }
        let (p, v) = (0.3, alpha_values(0.3));
        let (scale, shift, dropped) = (v.scale, v.shift, v.dropped);
        let mean = (1.0 - p) * shift + p * dropped;
        let square = (1.0 - p) * (scale * scale + shift * shift) + p * dropped * dropped;
        assert!(mean.abs() < 1e-6, "{mean}");
        assert!((square - mean * mean - 1.0).abs() < 1e-5, "{square}");
    }
}
