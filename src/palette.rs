//! Colors of classes: known palettes, by their name or by the names of the classes, files of colors,
//! and built-in colors for all other classes.

mod ade20k;
mod distinct;
mod mapillary;
mod street;
mod text;
mod voc;

use std::fmt;

/// A palette with a name.
#[derive(Debug, Clone, Copy)]
pub struct KnownPalette {
    /// Name of the palette.
    pub name: &'static str,
    /// Names and colors (red, green, blue from 0 to 255) of the classes, by index.
    pub classes: &'static [(&'static str, [u8; 3])],
    /// Smallest number of these classes, counted from the first, that a model has. A class at the end
    /// for pixels without a class may be missing.
    pub least: usize,
    /// Colors of pixels without a class in the label maps of the data set.
    pub void: &'static [[u8; 3]],
}

/// All known palettes.
pub const KNOWN: &[KnownPalette] = &[
    KnownPalette {
        name: "cityscapes",
        classes: &street::CITYSCAPES,
        least: 19,
        void: &street::CITYSCAPES_VOID,
    },
    KnownPalette {
        name: "camvid",
        classes: &street::CAMVID,
        least: 11,
        void: &[[0, 0, 0]],
    },
    KnownPalette { name: "voc", classes: &voc::VOC, least: 21, void: &[[224, 224, 192]] },
    KnownPalette {
        name: "ade20k",
        classes: &ade20k::ADE20K,
        least: 150,
        void: &[[0, 0, 0]],
    },
    KnownPalette {
        name: "mapillary",
        classes: &mapillary::MAPILLARY,
        least: 65,
        void: &mapillary::MAPILLARY_VOID,
    },
];

impl KnownPalette {
    /// Lists the names of all known palettes.
    pub fn names() -> String {
        let names: Vec<_> = KNOWN.iter().map(|known| known.name).collect();
        names.join(", ")
    }

    /// Returns true if these names are the classes of the palette, in order. Case, and whitespace
    /// around a name, are ignored.
    fn is_of(&self, names: &[String]) -> bool {
        let mut pairs = names.iter().zip(self.classes);
        (self.least..=self.classes.len()).contains(&names.len())
            && pairs.all(|(name, (known, _))| name.trim().eq_ignore_ascii_case(known))
    }
}

/// Colors of classes by index.
///
/// Classes without a given color take built-in colors: the first 32 those of a list that color-blind
/// people can distinguish too, all others those of the PASCAL VOC annotations. The default palette
/// has only built-in colors.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Palette {
    name: Option<&'static str>,
    given: Vec<[u8; 3]>,
    void: Vec<[u8; 3]>,
}

impl Palette {
    /// Creates a palette of these colors (red, green, blue from 0 to 255).
    pub fn new(colors: Vec<[u8; 3]>) -> Self {
        Self { name: None, given: colors, void: Vec::new() }
    }

    /// Returns the palette with this name among [`KNOWN`].
    ///
    /// # Errors
    ///
    /// Returns a message that lists the known names.
    pub fn by_name(name: &str) -> Result<Self, String> {
        let known = KNOWN.iter().find(|known| known.name == name);
        known
            .map(Self::known)
            .ok_or_else(|| format!("\"{name}\" is not one of {}", KnownPalette::names()))
    }

    /// Returns the palette whose classes are exactly these, if there is one.
    pub fn of_classes(names: &[String]) -> Option<Self> {
        KNOWN.iter().find(|known| known.is_of(names)).map(Self::known)
    }

    /// Parses a list of colors: one line per color, `RED,GREEN,BLUE` from 0 to 255 or `#rrggbb`, also
    /// with spaces, and with the name of the class before or behind it; or JSON, a list of `[red, green, blue]` or of `"#rrggbb"`. A line `void COLOR` is the color of
    /// pixels without a class, and does not count.
    ///
    /// # Errors
    ///
    /// Returns a message with the position of the first invalid entry.
    pub fn parse(text: &str) -> Result<Self, String> {
        text::parse(text).map(|text::Colors { classes, void }| Self {
            name: None,
            given: classes,
            void,
        })
    }

    fn known(known: &KnownPalette) -> Self {
        let colors = known.classes.iter().map(|(_, color)| *color).collect();
        Self { name: Some(known.name), given: colors, void: known.void.to_vec() }
    }

    /// Returns the given colors, without the built-in ones.
    pub fn colors(&self) -> &[[u8; 3]] {
        &self.given
    }

    /// Returns the colors of pixels without a class in label maps.
    pub fn void_colors(&self) -> &[[u8; 3]] {
        &self.void
    }

    /// Returns the color of a class.
    pub fn color(&self, class: u16) -> [u8; 3] {
        let at = usize::from(class);
        let given = self.given.get(at).or(distinct::DISTINCT.get(at));
        given.copied().unwrap_or_else(|| voc::voc_color(class))
    }
}

/// Displays the name, or the number of colors.
impl fmt::Display for Palette {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => f.write_str(name),
            None => write!(f, "{} colors", self.given.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn names(known: &KnownPalette, n: usize) -> Vec<String> {
        known.classes[..n].iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    #[test]
    fn every_palette_is_found_by_its_name_and_by_its_classes() {
        for known in KNOWN {
            let palette = Palette::by_name(known.name).unwrap();
            assert_eq!(palette.to_string(), known.name);
            for n in known.least..=known.classes.len() {
                assert_eq!(Palette::of_classes(&names(known, n)), Some(palette.clone()));
            }
            assert_eq!(Palette::of_classes(&names(known, known.least - 1)), None);
        }
        let error = Palette::by_name("citiscapes").unwrap_err();
        assert!(
            error.ends_with("one of cityscapes, camvid, voc, ade20k, mapillary"),
            "{error}"
        );
    }

    #[test]
    fn only_exactly_the_same_classes_count() {
        let mut classes = names(&KNOWN[0], 19);
        classes[6] = " Traffic Light ".to_owned();
        assert!(Palette::of_classes(&classes).is_some());
        classes[6] = "traffic lights".to_owned();
        assert_eq!(Palette::of_classes(&classes), None);
        let mut swapped = names(&KNOWN[0], 19);
        swapped.swap(3, 4);
        assert_eq!(Palette::of_classes(&swapped), None);
        let mut more = names(&KNOWN[0], 19);
        more.push("void".to_owned());
        assert_eq!(Palette::of_classes(&more), None);
        assert_eq!(Palette::of_classes(&[]), None);
    }

    #[test]
    fn known_colors_are_the_published_ones() {
        let color = |name: &str, class| Palette::by_name(name).unwrap().color(class);
        assert_eq!(color("cityscapes", 0), [128, 64, 128]);
        assert_eq!(color("cityscapes", 18), [119, 11, 32]);
        assert_eq!(color("camvid", 4), [60, 40, 222]);
        assert_eq!(color("camvid", 11), [0, 0, 0]);
        assert_eq!(color("ade20k", 2), [6, 230, 230]);
        assert_eq!(color("ade20k", 69), [194, 255, 0]);
        assert_eq!(color("ade20k", 149), [92, 0, 255]);
        let voc = [
            (0, [0, 0, 0]),
            (1, [128, 0, 0]),
            (7, [128, 128, 128]),
            (8, [64, 0, 0]),
            (15, [192, 128, 128]),
            (20, [0, 64, 128]),
        ];
        for (class, expected) in voc {
            assert_eq!(color("voc", class), expected, "{class}");
        }
        assert_eq!(voc::voc_color(255), [224, 224, 192]);
    }

    #[test]
    fn every_known_class_has_one_name() {
        for known in KNOWN {
            let distinct: HashSet<_> =
                known.classes.iter().map(|(name, _)| name).collect();
            assert_eq!(distinct.len(), known.classes.len(), "{}", known.name);
        }
    }

    #[test]
    fn classes_beyond_the_colors_given_take_built_in_ones_that_all_differ() {
        let palette = Palette::new(vec![[9, 9, 9]]);
        assert_eq!(palette.color(0), [9, 9, 9]);
        assert_eq!(palette.color(1), [230, 159, 0]);
        assert_eq!(palette.color(32), voc::voc_color(32));
        assert_eq!(palette.to_string(), "1 colors");
        let all: HashSet<_> =
            (0..254).map(|class| Palette::default().color(class)).collect();
        assert_eq!(all.len(), 254);
    }
}
