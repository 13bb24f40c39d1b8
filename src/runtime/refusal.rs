//! Errors of ONNX Runtime, in plain words and with a hint.

use crate::error::Error;

/// Largest number of characters of its own message that are shown.
const MOST_CHARACTERS: usize = 240;

const NEWER: &str = "use a newer ONNX Runtime (`pip install --upgrade onnxruntime`; `mcdrop doctor` \
                     shows which is used)";

/// Returns the error for a model that cannot be opened. `what` names it, `version` is that of the
/// runtime.
pub(super) fn of_opening(what: &str, version: &str, text: &str) -> Error {
    let (message, hint) = meaning(version, text).unwrap_or_else(|| {
        (
            format!("ONNX Runtime {version} refuses the model"),
            format!("{NEWER}; and check the file: onnx.checker.check_model"),
        )
    });
    Error::runtime(format!("opening the {what}"), message)
        .with_detail(one_line(text))
        .with_hint(hint)
}

/// Returns the error for a run that failed.
pub(super) fn of_running(what: &str, text: &str) -> Error {
    let error = |message: &str| {
        Error::runtime(format!("running the {what}"), message).with_detail(one_line(text))
    };
    if lacks_memory(text) {
        return error("there is not enough memory").with_hint(SMALLER);
    }
    error("ONNX Runtime could not run it")
        .with_hint("check that the model runs in ONNX Runtime by itself on such an image")
}

const SMALLER: &str = "make images smaller (`resize = WxH`), run fewer rows at a time \
                       (`batch_size = 1`) or close other programs";

/// Returns true if a run failed because memory ran out.
pub(super) fn lacks_memory(text: &str) -> bool {
    ["bad_alloc", "Failed to allocate memory", "bad allocation"]
        .iter()
        .any(|part| text.contains(part))
}

fn meaning(version: &str, text: &str) -> Option<(String, String)> {
    let runtime = format!("ONNX Runtime {version}");
    if let (Some(found), Some(most)) = (
        number_after(text, "Unsupported model IR version: "),
        number_after(text, "max supported IR version: "),
    ) {
        return Some((
            format!("the file has IR version {found}, and {runtime} reads up to {most}"),
            format!("{NEWER}, or save the model with an older onnx package"),
        ));
    }
    if let (Some(found), Some(most)) =
        (number_after(text, "versions. Opset "), number_after(text, "is till opset "))
    {
        return Some((
            format!(
                "the file uses operator set {found}, and {runtime} knows up to {most}"
            ),
            format!("{NEWER}, or export the model with opset_version={}", most.min(17)),
        ));
    }
    if let Some(operator) = unknown_operator(text) {
        return Some((
            format!("{runtime} does not know the operator {operator}"),
            format!(
                "export the model with standard operators only: libraries of custom operators \
                 are not loaded; or {NEWER}"
            ),
        ));
    }
    if let Some((_, rest)) = text.split_once("Could not find an implementation for ") {
        let operator = rest.split(" node").next().unwrap_or(rest);
        return Some((
            format!("{runtime} cannot compute {operator} in the model's element type"),
            format!("export the model in f32 (`model.float()`); or {NEWER}"),
        ));
    }
    if lacks_memory(text) {
        return Some((
            "there is not enough memory to open the model".to_owned(),
            "close other programs, or use a smaller model".to_owned(),
        ));
    }
    let invalid = ["invalid model", "Invalid model", "InferenceError", "INVALID_GRAPH"];
    invalid.iter().any(|part| text.contains(part)).then(|| {
        (
            "the graph contradicts itself".to_owned(),
            "the file is damaged or was changed: export it again, and check it with \
             onnx.checker.check_model"
                .to_owned(),
        )
    })
}

fn number_after(text: &str, words: &str) -> Option<u64> {
    let (_, rest) = text.split_once(words)?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

fn unknown_operator(text: &str) -> Option<String> {
    if let Some((_, rest)) = text.split_once("No Op registered for ") {
        return Some(rest.split(' ').next().unwrap_or(rest).to_owned());
    }
    let (before, _) = text.split_once(" is not a registered function/op")?;
    let name = before.rsplit(' ').next()?;
    Some(name.split('(').next().unwrap_or(name).to_owned())
}

/// Returns the runtime's own message in one line, without its source files, shortened.
fn one_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    let line = line.unwrap_or_default();
    let said = match of_node(line) {
        Some((operator, name, rest)) => {
            format!("{operator} node '{name}': {}", without_place(rest))
        }
        None => without_place(line).to_owned(),
    };
    match said.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}…", said[..end].trim_end()),
        None => said,
    }
}

/// Returns operator, name and message of a failed node.
fn of_node(line: &str) -> Option<(&str, &str, &str)> {
    let (_, rest) = line.split_once("while running ")?;
    let (operator, rest) = rest.split_once(" node. Name:'")?;
    let (name, rest) = rest.split_once("' Status Message: ")?;
    Some((operator, name, rest))
}

/// Returns a message without the `file.cc:12 Function(arguments)` that it may begin with.
fn without_place(line: &str) -> &str {
    let Some((place, rest)) = line.split_once(' ') else { return line };
    let is_place = place.rsplit_once(':').is_some_and(|(file, number)| {
        let source = [".cc", ".h", ".cpp", ".hpp", ".cu"];
        source.iter().any(|ending| file.ends_with(ending))
            && number.parse::<u32>().is_ok()
    });
    if !is_place {
        return line;
    }
    let word = rest.find(' ').unwrap_or(rest.len());
    let after = match rest.find('(') {
        // A function without its arguments is one word.
        Some(open) if open < word || rest[..open].contains("::") => {
            after_signature(&rest[open..])
        }
        _ => &rest[word..],
    };
    let after = after.trim_start();
    let after = after.strip_prefix("const ").unwrap_or(after).trim_start();
    if after.is_empty() { line } else { after }
}

/// Returns the text after the closing parenthesis of the arguments; `F()::operator()(int)` has
/// three pairs.
fn after_signature(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => {
                depth = depth.saturating_sub(1);
                let rest = &text[at + 1..];
                if depth == 0 && !rest.starts_with(['(', ':']) {
                    return rest;
                }
            }
            _ => {}
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_node_is_named_without_the_runtimes_source_files() {
        let text = "Non-zero status code returned while running Concat node. \
                    Name:'/up2/Concat' Status Message: concatbase.h:135 \
                    PrepareForComputeImpl Non concat axis dimensions must match: 25 and 24\n";
        assert_eq!(
            one_line(text),
            "Concat node '/up2/Concat': Non concat axis dimensions must match: 25 and 24"
        );
        let error = of_running("suffix", text);
        assert!(
            error.to_string().starts_with("running the suffix: ONNX Runtime could not")
        );
        assert!(error.to_string().contains("(onnxruntime: Concat node"), "{error}");
    }

    #[test]
    fn versions_that_are_too_new_are_said_with_the_numbers() {
        let intermediate = "/src/onnxruntime/core/graph/model.cc:256 \
            onnxruntime::Model::Model(onnx::ModelProto&&, const std::list<int>*) Unsupported \
            model IR version: 99, max supported IR version: 14";
        let error = of_opening("prefix", "1.32.0", intermediate);
        assert_eq!(
            error.to_string(),
            "opening the prefix: the file has IR version 99, and ONNX Runtime 1.32.0 reads up \
             to 14 (onnxruntime: Unsupported model IR version: 99, max supported IR version: \
             14)"
        );
        let opset = "ONNX Runtime only *guarantees* support for models stamped with official \
            released onnx opset versions. Opset 99 is under development. Current official \
            support for domain ai.onnx is till opset 28.";
        let error = of_opening("prefix", "1.32.0", opset);
        assert!(error.to_string().contains("operator set 99"), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("opset_version=17")));
    }

    #[test]
    fn operators_that_it_lacks_are_named() {
        for (text, name) in [
            ("Fatal error: com.x:Foo(-1) is not a registered function/op", "com.x:Foo"),
            (
                "This is an invalid model. In Node, (\"a\") , Error No Op registered for Foo with domain_version of 17",
                "Foo",
            ),
            (
                "Could not find an implementation for Erf(13) node with name 'x'",
                "Erf(13)",
            ),
        ] {
            let error = of_opening("suffix", "1.20.0", text);
            assert!(error.to_string().contains(&format!(" {name}")), "{error}");
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn long_texts_are_shortened_at_a_character_and_other_texts_kept() {
        assert_eq!(one_line(&"é".repeat(500)).chars().count(), MOST_CHARACTERS + 1);
        for text in ["", "plain words", "a.cc:12", "a.cc:12 Function", "a.cc:x y z"] {
            assert_eq!(one_line(text), text);
        }
        let lambda = "a.cc:1 onnxruntime::F()::operator()(int) const the message (1)";
        assert_eq!(one_line(lambda), "the message (1)");
    }
}
