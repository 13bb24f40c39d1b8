//! Parser of lists of colors.

use serde_json::Value;

/// Colors of a list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Colors {
    /// Colors of the classes, in their order.
    pub(super) classes: Vec<[u8; 3]>,
    /// Colors of pixels without a class.
    pub(super) void: Vec<[u8; 3]>,
}

/// Parses colors, in the order of the classes.
pub(super) fn parse(text: &str) -> Result<Colors, String> {
    let colors = if text.trim_start().starts_with('[') {
        Colors { classes: json(text)?, void: Vec::new() }
    } else if text.trim_start().starts_with('{') {
        return Err("a JSON table: expected a list of colors".to_owned());
    } else {
        lines(text)?
    };
    if colors.classes.is_empty() { Err("no colors in it".to_owned()) } else { Ok(colors) }
}

fn lines(text: &str) -> Result<Colors, String> {
    let mut colors = Colors::default();
    for (i, line) in text.trim_end().lines().enumerate() {
        let line = line.trim();
        let void = line.strip_prefix("void").filter(|rest| rest.starts_with([' ', '\t']));
        let color = color(void.unwrap_or(line).trim()).ok_or_else(|| {
            let shown: String = line.chars().take(40).collect();
            format!("line {}: {EXPECTED} \"{shown}\"", i + 1)
        })?;
        if void.is_some() { &mut colors.void } else { &mut colors.classes }.push(color);
    }
    Ok(colors)
}

fn json(text: &str) -> Result<Vec<[u8; 3]>, String> {
    let list: Vec<Value> = serde_json::from_str(text)
        .map_err(|error| format!("not a JSON list: {error}"))?;
    let color = |(i, value): (usize, &Value)| {
        let color = match value {
            Value::String(text) => hexadecimal(text),
            Value::Array(parts) => three(
                parts
                    .iter()
                    .map(|part| part.as_u64().and_then(|part| u8::try_from(part).ok())),
            ),
            _ => None,
        };
        color.ok_or_else(|| {
            let shown: String = value.to_string().chars().take(40).collect();
            format!("entry {i}: {EXPECTED} {shown}")
        })
    };
    list.iter().enumerate().map(color).collect()
}

const EXPECTED: &str = "expected red, green, blue of 0 to 255 or #rrggbb, found";

/// Parses a color, before or behind which the name of its class may be written.
fn color(text: &str) -> Option<[u8; 3]> {
    let parts = text.split([',', ';', ' ', '\t']).filter(|part| !part.is_empty());
    let is_number = |part: &&str| part.parse::<f64>().is_ok();
    let parts: Vec<&str> = parts.collect();
    let first = parts.iter().position(is_number);
    let Some(first) = first else {
        let mut colors = parts.iter().filter(|part| part.starts_with('#'));
        let color = colors.next()?;
        return colors.next().is_none().then(|| hexadecimal(color))?;
    };
    let (numbers, rest) = parts[first..].split_at_checked(3)?;
    let is_other = |part: &&str| is_number(part) || part.starts_with('#');
    let is_one_color = !parts[..first].iter().chain(rest).any(is_other);
    is_one_color.then(|| three(numbers.iter().map(|part| part.parse().ok())))?
}

fn hexadecimal(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let [_, red, green, blue] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
    Some([red, green, blue])
}

fn three(parts: impl Iterator<Item = Option<u8>>) -> Option<[u8; 3]> {
    parts.take(4).collect::<Option<Vec<u8>>>()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn colors_are_read_from_lines_and_from_json() {
        let classes = vec![[128, 64, 128], [244, 35, 232]];
        let expected = Ok(Colors { classes, void: Vec::new() });
        assert_eq!(parse("128,64,128\r\n244, 35, 232\n\n"), expected);
        assert_eq!(parse("#804080\n#F423e8"), expected);
        assert_eq!(parse("[[128, 64, 128], [244, 35, 232]]"), expected);
        assert_eq!(parse(" [\"#804080\", \"#f423e8\"]"), expected);
    }

    #[test]
    fn names_of_classes_and_other_separators_are_read() {
        let classes = vec![[128, 64, 128], [244, 35, 232]];
        let expected = Ok(Colors { classes, void: Vec::new() });
        for text in [
            "128 64 128\tRoad\n244 35 232\tSide walk\n",
            "road,128,64,128\nside walk,244,35,232\n",
            "128;64;128\n244; 35; 232\n",
            "#804080 road\nside walk: #f423e8\n",
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        for text in
            ["name,r,g,b\n", "1 2 3 4", "#804080 #f423e8", "0.5 0.5 0.5", "#804080 1 2 3"]
        {
            assert!(parse(text).unwrap_err().starts_with("line 1: "), "{text}");
        }
    }

    #[test]
    fn void_colors_are_read_but_are_not_classes() {
        let colors = parse("void #000000\n1,2,3\nvoid 4,5,6\n").unwrap();
        assert_eq!(colors.classes, [[1, 2, 3]]);
        assert_eq!(colors.void, [[0, 0, 0], [4, 5, 6]]);
        assert_eq!(parse("void 1,2,3").unwrap_err(), "no colors in it");
        assert!(parse("1,2,3\nvoid red").unwrap_err().starts_with("line 2"));
    }

    #[test]
    fn an_invalid_color_is_an_error_with_its_position() {
        let error = |text: &str| parse(text).unwrap_err();
        for empty in ["", "\n\n", "[]"] {
            assert_eq!(error(empty), "no colors in it", "{empty:?}");
        }
        for line in [
            "1,2", "1,2,3,4", "1,2,256", "1,2,-3", "1,2,x", "#12345", "#12345g",
            "#+12345", "804080", "é", "#éé12",
        ] {
            let found = error(&format!("0,0,0\n{line}"));
            assert!(found.starts_with("line 2: ") && found.contains(line), "{found}");
        }
        assert!(error("0,0,0\n\n1,1,1").starts_with("line 2: "));
        for entry in
            ["[1, 2]", "[1, 2, 3, 4]", "[1, 2, 2.5]", "[1, 2, 256]", "7", "\"red\""]
        {
            let found = error(&format!("[[0, 0, 0], {entry}]"));
            assert!(found.starts_with("entry 1: "), "{found}");
        }
        assert!(error("[[1, 2, 3]").starts_with("not a JSON list: "));
        assert!(error("{\"a\": 1}").contains("expected a list"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}|[\\[\\]\",#0-9a-f\n ]{0,40}") {
            if let Ok(colors) = parse(&text) {
                prop_assert!(!colors.classes.is_empty());
            }
        }

        #[test]
        fn colors_that_were_written_are_read_back(colors: Vec<[u8; 3]>) {
            prop_assume!(!colors.is_empty());
            let json = serde_json::to_string(&colors).unwrap();
            prop_assert_eq!(&parse(&json).unwrap().classes, &colors);
            let lines = colors.iter().map(|[r, g, b]| format!("{r},{g},{b}\n"));
            prop_assert_eq!(&parse(&lines.collect::<String>()).unwrap().classes, &colors);
            let lines = colors.iter().map(|[r, g, b]| format!("#{r:02x}{g:02x}{b:02x}\n"));
            prop_assert_eq!(parse(&lines.collect::<String>()).unwrap().classes, colors);
        }
    }
}
