//! The rule that derives names of labels from names of images.

use regex::Regex;

use crate::error::{Error, Result};

/// Rule that derives names of labels from names of images: a pattern for the image's id without
/// its extension, and the replacement.
#[derive(Debug, Clone)]
pub struct LabelRename {
    pattern: Regex,
    replacement: String,
}

impl LabelRename {
    /// Creates a rule from a regular expression, which must match the whole name. In the
    /// replacement, `$1` and `${1}` are the first group, `${name}` is a named group, and `$$` is a
    /// dollar sign.
    ///
    /// # Errors
    /// Fails if the pattern is not a regular expression, or the replacement names a group that it
    /// does not have.
    pub fn new(pattern: &str, replacement: &str) -> Result<Self> {
        let compiled = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
            let message = error.to_string();
            let last = message.lines().last().unwrap_or_default().trim().to_owned();
            Error::setting("match", format!("\"{pattern}\" is not a pattern: {last}"))
                .with_hint(
                    "for instance '(.*)_leftImg8bit' and '$1_gtFine_labelTrainIds'",
                )
        })?;
        if let Some(group) = backslash_group(replacement) {
            let message = format!("\"\\{group}\" in the replacement is not a group");
            let hint = format!("write `${group}`");
            return Err(Error::setting("match", message).with_hint(hint));
        }
        let (replacement, groups) = braced(replacement);
        let is_known = |group: &&String| match group.parse::<usize>() {
            Ok(number) => number < compiled.captures_len(),
            Err(_) => {
                compiled.capture_names().flatten().any(|name| name == group.as_str())
            }
        };
        if let Some(group) = groups.iter().find(|group| !is_known(group)) {
            let message = format!("\"{pattern}\" has no group ${{{group}}}");
            return Err(Error::setting("match", message)
                .with_hint("put what ${1} stands for in parentheses: '(.*)_image'"));
        }
        Ok(Self { pattern: compiled, replacement })
    }

    /// Returns the name of the label for the name of an image; `None` if the pattern does not
    /// match.
    pub(super) fn name(&self, name: &str) -> Option<String> {
        let found = self.pattern.captures(name)?;
        let mut renamed = String::new();
        found.expand(&self.replacement, &mut renamed);
        Some(renamed)
    }
}

/// Returns the number of the first group that is written as in sed or Python: `\1`.
fn backslash_group(replacement: &str) -> Option<char> {
    let after = replacement.split('\\').skip(1);
    after.filter_map(|rest| rest.chars().next()).find(char::is_ascii_digit)
}

/// Puts every group of a replacement in braces, so that `$1_name` means group 1 and not a group
/// called `1_name`. Returns the names of the groups as well.
fn braced(replacement: &str) -> (String, Vec<String>) {
    let (mut text, mut groups) = (String::new(), Vec::new());
    let mut rest = replacement;
    while let Some(dollar) = rest.find('$') {
        text.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let braces = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        if let Some(after) = rest.strip_prefix('$') {
            text.push_str("$$");
            rest = after;
            continue;
        }
        let at = if digits > 0 { digits } else { word };
        let (group, after) = braces.unwrap_or_else(|| rest.split_at(at));
        rest = after;
        if group.is_empty() {
            text.push_str("$$");
        } else {
            text.extend(["${", group, "}"]);
            groups.push(group.to_owned());
        }
    }
    text.push_str(rest);
    (text, groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digit_is_a_group_whatever_follows_it() {
        let renamed = |pattern: &str, replacement: &str, name: &str| {
            LabelRename::new(pattern, replacement).unwrap().name(name)
        };
        let cityscapes = "(.*)_leftImg8bit";
        for replacement in ["$1_gtFine_labelTrainIds", "${1}_gtFine_labelTrainIds"] {
            assert_eq!(
                renamed(cityscapes, replacement, "a/b_leftImg8bit").unwrap(),
                "a/b_gtFine_labelTrainIds"
            );
        }
        assert_eq!(renamed("(.*)_(.*)", "$2x$1", "a_b").unwrap(), "bxa");
        assert_eq!(renamed("(?P<n>.*)", "${n}1 $n", "a").unwrap(), "a1 a");
        assert_eq!(renamed("(.*)", "$$1_$1$", "a").unwrap(), "$1_a$");
        assert_eq!(renamed("(.*)", "é$0é", "ü").unwrap(), "éüé");
    }

    #[test]
    fn a_group_that_is_not_in_the_pattern_is_an_error() {
        for (pattern, replacement) in [
            ("(.*)", "$2"),
            ("(.*)", "${stem}_mask"),
            (".*", "$1_mask"),
            ("(.*)", "$stem"),
        ] {
            let error = LabelRename::new(pattern, replacement).unwrap_err();
            assert!(error.to_string().contains("has no group"), "{error}");
        }
    }
}
