//! Which of the sites draw: those that are live in the file, unless the user says otherwise.

use globset::{Glob, GlobMatcher};

use super::site::{
    DetectedSite, DropUnit, DropoutValues, Site, SiteKind, StochasticNode,
};
use crate::error::{Error, Result};

/// What a user says about sites.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SiteOptions {
    /// Only sites that one of these patterns matches draw, inert ones among them.
    pub only: Vec<String>,
    /// Sites that one of these patterns matches do not draw.
    pub except: Vec<String>,
    /// Ratios, of the sites that a pattern matches or of all; the last one that fits holds. One
    /// with a pattern wakes an inert site.
    pub ratios: Vec<(Option<String>, f32)>,
    /// Where dropout is put in: names of places, `blocks`, or patterns of nodes before which it
    /// goes.
    pub insert: Vec<String>,
    /// What inserted dropout drops at once; by the tensor where nothing is said.
    pub unit: Option<DropUnit>,
}

impl SiteOptions {
    /// Ratio of inserted dropout where none is said.
    pub const INSERTED_RATIO: f32 = 0.1;

    /// Whether the user says nothing.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The ratio of a site that is said for all sites or for this one.
    pub(super) fn ratio(&self, site: &Site) -> Result<Option<f32>> {
        let mut found = None;
        for (pattern, ratio) in &self.ratios {
            let fits = match pattern {
                None => site.kind != SiteKind::Noise,
                Some(pattern) => Pattern::new("--ratio", pattern)?.fits(site),
            };
            if fits {
                found = Some(*ratio);
            }
        }
        Ok(found)
    }
}

/// A name of nodes, with `*` and `?`.
pub(super) struct Pattern {
    flag: &'static str,
    text: String,
    matcher: GlobMatcher,
}

impl Pattern {
    pub(super) fn new(flag: &'static str, text: &str) -> Result<Self> {
        let glob = Glob::new(text).map_err(|e| {
            Error::setting(flag, format!("\"{text}\" is no pattern: {}", e.kind()))
                .with_hint("patterns are names with * and ?, such as 'classifier*'")
        })?;
        Ok(Self { flag, text: text.to_owned(), matcher: glob.compile_matcher() })
    }

    /// Whether a name is meant, literally or by the pattern.
    pub(super) fn is(&self, name: &str) -> bool {
        self.text == name || self.matcher.is_match(name)
    }

    /// Whether the site's node, module or tensor is meant.
    fn fits(&self, site: &Site) -> bool {
        self.is(&site.node)
            || self.is(&site.tensor)
            || site.module.as_deref().is_some_and(|module| self.is(module))
    }
}

/// The sites that draw, with the ratios that they draw at; positions in `found`.
pub(super) fn choose(
    found: &mut [DetectedSite],
    options: &SiteOptions,
) -> Result<Vec<usize>> {
    let patterns = |flag, texts: &[String]| -> Result<Vec<Pattern>> {
        texts.iter().map(|text| Pattern::new(flag, text)).collect()
    };
    let only = patterns("--only", &options.only)?;
    let except = patterns("--except", &options.except)?;
    let named: Vec<String> =
        options.ratios.iter().filter_map(|(pattern, _)| pattern.clone()).collect();
    let named = patterns("--ratio", &named)?;
    let names: Vec<String> = found.iter().map(|f| f.site.node.clone()).collect();
    for pattern in only.iter().chain(&except).chain(&named) {
        if !found.iter().any(|f| pattern.fits(&f.site)) {
            return Err(matches_nothing(pattern, &names));
        }
    }
    let some_live = found.iter().any(|found| found.site.live && !found.is_inserted);
    let wakes = !some_live && options.insert.is_empty();
    let mut chosen = Vec::new();
    for (i, found) in found.iter_mut().enumerate() {
        let is_in = |patterns: &[Pattern]| patterns.iter().any(|p| p.fits(&found.site));
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
        return Err(Error::setting("--ratio", format!("{ratio} is outside [0, 1)"))
            .with_hint("a ratio is the share that is dropped: 0.1 drops a tenth"));
    }
    let StochasticNode::Dropout(_) = found.draw else {
        let message = format!(
            "node \"{}\" is {}, which has no ratio to set",
            found.site.node,
            found.site.kind.name()
        );
        return Err(Error::setting("--ratio", message)
            .with_hint("name the sites that it is for: --ratio NODE=P"));
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
    Ok(())
}

/// What keeps mean 0 and variance 1 under dropout of SELU activations.
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
        (0, _) => "the model has no site; --insert puts dropout in".to_owned(),
        (n, all) if all > n => {
            format!(
                "its sites are {} and {} more: `mcdrop inspect`",
                shown.join(", "),
                all - n
            )
        }
        _ => format!("its sites are {}", shown.join(", ")),
    };
    Error::setting(pattern.flag, message).with_hint(hint)
}

fn unknown_ratio(site: &Site) -> Error {
    Error::node(site.node.clone(), "its ratio is not known")
        .with_hint(format!("say it: --ratio '{}=0.1'", site.node))
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
