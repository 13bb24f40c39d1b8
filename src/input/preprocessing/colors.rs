//! Colors of the classes: chooses a palette and checks that it fits the classes.

use std::io::ErrorKind;
use std::path::Path;

use super::partial_config::{ConfigStack, Resolved, SettingLocation};
use super::text_file;
use crate::error::{Error, Result};
use crate::palette::{KNOWN, Palette};

/// Origin of a palette that follows from the class names.
const CLASS_NAMES: &str = "from the class names";

/// Largest number of colors of a palette: an indexed image of bytes has no room for more.
const MAX_COLORS: usize = 255;

/// Returns a known palette by its name, or reads a file of colors.
///
/// A known name wins over a file of that name, which `./NAME` still reaches.
///
/// # Errors
///
/// Fails if the text is neither a known name nor a readable file of colors.
pub fn read_palette(name_or_file: &str) -> Result<Palette> {
    if let Ok(palette) = Palette::by_name(name_or_file) {
        return Ok(palette);
    }
    let path = Path::new(name_or_file);
    let names: Vec<_> = KNOWN.iter().map(|known| known.name).collect();
    let hint = format!(
        "the palettes are {}; a file has a color on each line as 128,64,128 or #804080, or JSON \
         like [[128, 64, 128], ...]",
        names.join(", ")
    );
    let text = text_file::read(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            let message = format!("\"{name_or_file}\" is neither a palette nor a file");
            Error::setting("palette", message).with_hint(hint.as_str())
        }
        _ => Error::read(path, error),
    })?;
    Palette::parse(&text).map_err(|message| {
        Error::setting(format!("palette = {name_or_file}"), message).with_hint(hint)
    })
}

/// Resolves the palette; without a source, the class names decide.
pub(super) fn resolve(
    configs: &ConfigStack,
    classes: Option<&Resolved<Vec<String>>>,
) -> Result<Option<Resolved<Palette>>> {
    let Some(palette) = configs.palette() else {
        let palette = classes.and_then(|names| Palette::of_classes(&names.value));
        return Ok(palette.map(|value| Resolved::implied("palette", value, CLASS_NAMES)));
    };
    let n = palette.value.colors().len();
    if n > MAX_COLORS {
        let message = format!(
            "holds {n} colors, more than the {MAX_COLORS} that an image can index"
        );
        return Err(palette
            .error(message)
            .with_hint("give a color for each class and no more"));
    }
    if let Some(names) = classes {
        check(&palette.value, &palette.location, names.value.len(), &names.origin)?;
    }
    Ok(Some(palette))
}

/// Refuses a palette with fewer colors than there are classes; `counted` names what has them.
pub(super) fn check(
    palette: &Palette,
    location: &SettingLocation,
    n_classes: usize,
    counted: &str,
) -> Result<()> {
    let n = palette.colors().len();
    if n >= n_classes {
        return Ok(());
    }
    let message = format!("holds {n} colors for {n_classes} classes ({counted})");
    Err(location.error(message).with_hint(
        "give a color for each class, or leave the palette out for built-in colors",
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::partial_config::PartialConfig;
    use super::*;

    fn configs(palette: Option<Palette>) -> ConfigStack {
        ConfigStack(vec![PartialConfig { palette, ..PartialConfig::default() }])
    }

    fn classes(names: &[&str]) -> Resolved<Vec<String>> {
        let names = names.iter().map(ToString::to_string).collect();
        Resolved::implied("classes", names, "names.txt")
    }

    #[test]
    fn a_palette_is_a_known_name_or_a_file_of_colors() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("colors.txt");
        fs::write(&file, "\u{feff}1,2,3\n#0a0b0c\n").unwrap();
        let palette = read_palette(file.to_str().unwrap()).unwrap();
        assert_eq!(palette.colors(), [[1, 2, 3], [10, 11, 12]]);
        assert_eq!(read_palette("camvid").unwrap().to_string(), "camvid");
    }

    #[test]
    fn what_is_neither_is_an_error_with_the_names_and_the_forms() {
        let error = read_palette("citiscapes").unwrap_err();
        assert_eq!(
            error.to_string(),
            "palette: \"citiscapes\" is neither a palette nor a file"
        );
        let hint = error.hint().unwrap();
        assert!(
            hint.contains("cityscapes, camvid") && hint.contains("#804080"),
            "{hint}"
        );
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("colors.txt");
        fs::write(&file, "1,2,3\nred\n").unwrap();
        let error = read_palette(file.to_str().unwrap()).unwrap_err();
        assert!(error.to_string().contains("colors.txt: line 2: "), "{error}");
        assert!(error.hint().is_some());
        fs::write(&file, [0xff, 0xfe]).unwrap();
        assert!(
            read_palette(file.to_str().unwrap())
                .unwrap_err()
                .to_string()
                .contains("UTF-8")
        );
        assert!(matches!(
            read_palette(folder.path().to_str().unwrap()),
            Err(Error::Read { .. })
        ));
    }

    #[test]
    fn names_of_a_known_set_bring_its_colors_unless_others_are_given() {
        let camvid = [
            "sky",
            "building",
            "pole",
            "road",
            "pavement",
            "tree",
            "sign",
            "fence",
            "car",
            "pedestrian",
            "bicyclist",
        ];
        let found = resolve(&configs(None), Some(&classes(&camvid))).unwrap().unwrap();
        assert_eq!(found.value.to_string(), "camvid");
        assert_eq!(found.origin, "from the class names");
        let given = Palette::new(vec![[1, 2, 3]; 11]);
        let found =
            resolve(&configs(Some(given.clone())), Some(&classes(&camvid))).unwrap();
        assert_eq!(found.unwrap().value, given);
        let other = resolve(&configs(None), Some(&classes(&["cat", "dog"]))).unwrap();
        assert_eq!(other, None);
        assert_eq!(resolve(&configs(None), None).unwrap(), None);
    }

    #[test]
    fn too_few_and_too_many_colors_are_errors_with_a_hint() {
        let refused = |n: usize, names: &[&str]| {
            let palette = configs(Some(Palette::new(vec![[0; 3]; n])));
            resolve(&palette, Some(&classes(names))).unwrap_err()
        };
        let error = refused(1, &["cat", "dog"]);
        assert_eq!(
            error.to_string(),
            "palette: holds 1 colors for 2 classes (names.txt)"
        );
        assert!(error.hint().unwrap().contains("leave the palette out"));
        assert!(refused(256, &["cat"]).to_string().contains("more than the 255"));
        let enough = configs(Some(Palette::new(vec![[0; 3]; 3])));
        assert!(resolve(&enough, Some(&classes(&["cat", "dog"]))).unwrap().is_some());
    }
}
