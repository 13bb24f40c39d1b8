//! The conversion of ids in label maps to classes, decided from the ids of all maps.

use std::collections::BTreeMap;

use super::left_out::{LeftOut, LeftOutReason, share};
use crate::error::{Error, Result};
use crate::input::label::{LabelMap, VOID};
use crate::tensor::ClassMap;

/// Id that usually means "no label".
const USUALLY_IGNORED: u32 = 255;
/// White of 8 and of 16 bits.
const WHITES: [u32; 2] = [255, 65_535];
/// Most ids that an error lists.
const MOST_LISTED: usize = 12;
/// Most different ids that a survey counts one by one.
const MOST_IDS: usize = 1 << 12;

/// Options of the conversion; `None` leaves the choice to the ids that occur.
#[derive(Debug, Clone, Default)]
pub struct IdOptions {
    /// Ids that mean "no label".
    pub ignored: Option<Vec<u32>>,
    /// Treats id 0 as "no label" and any other id as the class `id - 1` (the numbering of ADE20K).
    pub reduce_zero: Option<bool>,
}

/// The conversion of ids to classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IdMapping {
    ignored: Vec<u32>,
    reduce_zero: bool,
    object: Option<ObjectRule>,
    n_classes: usize,
}

/// The ids of the object, class 1 of two classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ObjectRule {
    /// This id is the object, and 0 the background.
    Id(u32),
    /// Ids from 128 on are the object: levels that lossy compression has changed.
    Bright,
}

/// What an id means.
enum Meaning {
    Class(u16),
    LeftOut(LeftOutReason),
    Unknown,
}

/// Numbers of pixels and files of each id.
#[derive(Debug, Default)]
pub(super) struct IdSurvey {
    ids: BTreeMap<u32, IdCount>,
    n_files: u64,
    n_pixels: u64,
    n_lossy: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct IdCount {
    pixels: u64,
    files: u64,
}

impl IdSurvey {
    /// Counts the ids of a label map.
    pub(super) fn add(&mut self, map: &LabelMap) {
        let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
        for run in map.ids.chunk_by(|one, other| one == other) {
            *counts.entry(run[0]).or_default() += run.len() as u64;
        }
        for (id, pixels) in counts {
            if self.ids.len() < MOST_IDS || self.ids.contains_key(&id) {
                let count = self.ids.entry(id).or_default();
                count.pixels += pixels;
                count.files += 1;
            }
        }
        self.n_files += 1;
        self.n_pixels += map.ids.len() as u64;
        self.n_lossy += u64::from(map.is_lossy);
    }

    /// Adds the counts of other maps.
    pub(super) fn merge(&mut self, other: Self) {
        for (id, count) in other.ids {
            if self.ids.len() < MOST_IDS || self.ids.contains_key(&id) {
                let sum = self.ids.entry(id).or_default();
                sum.pixels += count.pixels;
                sum.files += count.files;
            }
        }
        self.n_files += other.n_files;
        self.n_pixels += other.n_pixels;
        self.n_lossy += other.n_lossy;
    }

    /// Returns whether lossy files are among the maps.
    pub(super) fn has_lossy(&self) -> bool {
        self.n_lossy > 0
    }

    /// Returns whether the ids look like black and white with levels between them at edges.
    fn is_smoothed_mask(&self) -> bool {
        let pixels = |id: u32| self.ids.get(&id).map_or(0, |count| count.pixels);
        let (black, white) = (pixels(0), pixels(USUALLY_IGNORED));
        self.ids.keys().all(|id| *id <= USUALLY_IGNORED)
            && 2 * (black + white) >= self.n_pixels
            && black.min(white) > pixels(1)
    }

    /// Lists the ids with their shares of all pixels, the most frequent ones.
    fn list(&self) -> String {
        let mut ids: Vec<(u32, u64)> =
            self.ids.iter().map(|(id, count)| (*id, count.pixels)).collect();
        if ids.len() > MOST_LISTED {
            ids.sort_by_key(|(_, pixels)| std::cmp::Reverse(*pixels));
        }
        let more = ids.len().saturating_sub(MOST_LISTED);
        let listed: Vec<String> = ids
            .iter()
            .take(MOST_LISTED)
            .map(|(id, pixels)| {
                format!("{} ({})", name(*id), share(*pixels, self.n_pixels))
            })
            .collect();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{more}", listed.join(", "))
    }
}

fn name(id: u32) -> String {
    if id == VOID { "void color".to_owned() } else { id.to_string() }
}

impl IdMapping {
    /// Decides the conversion for label maps with these ids. Returns it with a line about it, if it
    /// is not the usual one.
    ///
    /// # Errors
    /// Fails if the ids do not fit the classes of the model.
    pub(super) fn decide(
        survey: &IdSurvey,
        options: &IdOptions,
        n_classes: usize,
    ) -> Result<(Self, Option<String>)> {
        let is_usual = n_classes <= USUALLY_IGNORED as usize;
        let usually = if is_usual { vec![USUALLY_IGNORED] } else { Vec::new() };
        let mut mapping = Self {
            ignored: options.ignored.clone().unwrap_or(usually),
            reduce_zero: options.reduce_zero.unwrap_or(false),
            object: None,
            n_classes,
        };
        let is_open = options.ignored.is_none() && !mapping.reduce_zero;
        let mut note = None;
        if n_classes == 2 && is_open {
            (mapping.object, note) = object_rule(survey).unzip();
        }
        mapping
            .check(survey, options.ignored.is_some() || options.reduce_zero.is_some())?;
        Ok((mapping, note))
    }

    /// Returns the conversion of masks: `index` is class 1, 0 is class 0, and other ids are left
    /// out.
    ///
    /// # Errors
    /// Fails if neither 0 nor `index` occurs.
    pub(super) fn of_masks(
        survey: &IdSurvey,
        index: u16,
    ) -> Result<(Self, Option<String>)> {
        let index = u32::from(index);
        let others = survey.ids.keys().filter(|id| **id != index && **id != 0);
        let mut mapping = Self {
            ignored: others.copied().collect(),
            reduce_zero: false,
            object: Some(ObjectRule::Id(index)),
            n_classes: 2,
        };
        let mut note = None;
        if index == 1
            && !survey.ids.contains_key(&1)
            && let Some((rule, line)) = object_rule(survey)
        {
            (mapping.object, note) = (Some(rule), Some(line));
        }
        let fits = |id: &u32| matches!(mapping.meaning(*id), Meaning::Class(_));
        if survey.n_files > 0 && !survey.ids.keys().any(fits) {
            let message = format!(
                "expected the ids 0 and {index} in {}, found {}",
                files(survey.n_files),
                survey.list()
            );
            return Err(Error::setting("ood_masks", message).with_hint(
                "give the id of out-of-distribution pixels: `ood_index = N`",
            ));
        }
        Ok((mapping, note))
    }

    /// Converts ids to classes, and counts the pixels without a label. The error is an id that is
    /// not a class.
    pub(super) fn classes(&self, ids: &[u32]) -> Result<(Vec<u16>, LeftOut), u32> {
        let (mut classes, mut left_out) =
            (Vec::with_capacity(ids.len()), LeftOut::default());
        for &id in ids {
            classes.push(match self.meaning(id) {
                Meaning::Class(class) => class,
                Meaning::LeftOut(reason) => {
                    left_out.count(reason);
                    ClassMap::NONE
                }
                Meaning::Unknown => return Err(id),
            });
        }
        Ok((classes, left_out))
    }

    fn meaning(&self, id: u32) -> Meaning {
        if id == VOID {
            return Meaning::LeftOut(LeftOutReason::VoidColor);
        }
        match (self.object, id) {
            (Some(ObjectRule::Id(object)), id) if id == object => {
                return Meaning::Class(1);
            }
            (Some(ObjectRule::Bright), id) => {
                return Meaning::Class(u16::from(id >= 128));
            }
            _ => {}
        }
        if self.ignored.contains(&id) {
            return Meaning::LeftOut(LeftOutReason::Id(id));
        }
        if self.reduce_zero && id == 0 {
            return Meaning::LeftOut(LeftOutReason::ReducedZero);
        }
        match u16::try_from(id - u32::from(self.reduce_zero)) {
            Ok(class) if usize::from(class) < self.n_classes => Meaning::Class(class),
            _ => Meaning::Unknown,
        }
    }

    /// Refuses ids that do not fit the classes. Ids that were given (`is_given`) are not doubted.
    fn check(&self, survey: &IdSurvey, is_given: bool) -> Result<()> {
        if survey.n_files == 0 {
            return Ok(());
        }
        let is_unknown = |id: &u32| matches!(self.meaning(*id), Meaning::Unknown);
        let unknown: Vec<u32> = survey.ids.keys().copied().filter(is_unknown).collect();
        if !unknown.is_empty() {
            return Err(self.misfit(survey, &unknown));
        }
        if is_given {
            return Ok(());
        }
        match self.single_class(survey) {
            Some(message) => Err(Error::setting("labels", message)
                .with_hint("if this is right, confirm it: `ignore_index = 255`")),
            None => Ok(()),
        }
    }

    /// Returns a message if all pixels that count have the same id, or none counts.
    fn single_class(&self, survey: &IdSurvey) -> Option<String> {
        let is_class = |id: &u32| matches!(self.meaning(*id), Meaning::Class(_));
        let (counted, left_out): (Vec<u32>, Vec<u32>) =
            survey.ids.keys().partition(|id| is_class(id));
        let files = files(survey.n_files);
        let no_label = "which means \"no label\"";
        match (&counted[..], &left_out[..]) {
            ([id], []) => Some(format!("every pixel of {files} has the id {id}")),
            ([], [id]) => Some(format!(
                "every pixel of {files} has the id {}, {no_label}",
                name(*id)
            )),
            ([id], [..]) => Some(format!(
                "every pixel with a label in {files} has the id {id}, found {}: {} means \"no label\"",
                survey.list(),
                left_out.iter().map(|id| name(*id)).collect::<Vec<_>>().join(" or ")
            )),
            ([], [..]) => {
                Some(format!("no pixel of {files} has a label, found {}", survey.list()))
            }
            _ => None,
        }
    }

    /// Creates the error about ids that are not classes, with the option that fits them.
    fn misfit(&self, survey: &IdSurvey, unknown: &[u32]) -> Error {
        let n = self.n_classes as u32;
        let most = n - 1 + u32::from(self.reduce_zero);
        let within: u64 =
            unknown.iter().map(|id| survey.ids[id].files).max().unwrap_or(0);
        let place = if within < survey.n_files {
            format!("; {} occurs in {within} of them", name(unknown[0]))
        } else {
            String::new()
        };
        let message = format!(
            "expected ids from {} to {most} for {n} classes in {}, found {}{place}",
            u32::from(self.reduce_zero),
            files(survey.n_files),
            survey.list()
        );
        let known =
            survey.ids.keys().filter(|id| **id != VOID && !self.ignored.contains(id));
        let known: Vec<u32> = known.copied().collect();
        let hint = if survey.has_lossy() {
            "lossy compression changes ids at edges: make the label maps again as PNG, from the \
             data that these were made of"
                .to_owned()
        } else if self.n_classes == 2 && survey.is_smoothed_mask() {
            let or = match unknown.len() {
                0..=MOST_LISTED => format!("; or {}", self.ignoring(unknown)),
                _ => String::new(),
            };
            format!(
                "if levels between black and white come from smoothing, resize and draw the \
                 masks again without it (nearest neighbor){or}"
            )
        } else if known.iter().all(|id| (0..=n).contains(id)) && !self.reduce_zero {
            "if the ids begin at 1 and 0 means \"no label\": `reduce_zero_label = true`"
                .to_owned()
        } else if known.len() == self.n_classes && known.iter().all(|id| *id <= 255) {
            let lines: Vec<String> =
                known.iter().map(|id| format!("#{id:02x}{id:02x}{id:02x}")).collect();
            format!(
                "give the level of each class, one a line, {}: `label_colors = FILE`",
                lines.join(" ")
            )
        } else if unknown.len() > MOST_LISTED {
            format!(
                "write the class of each pixel, from 0 to {most}, or the color of its class and \
                 `label_colors = NAME|FILE`"
            )
        } else {
            self.ignoring(unknown)
        };
        Error::setting("labels", message).with_hint(hint)
    }

    /// Returns a hint to ignore further ids.
    fn ignoring(&self, unknown: &[u32]) -> String {
        let mut ignored: Vec<u32> = self.ignored.clone();
        ignored.extend(unknown);
        ignored.sort_unstable();
        ignored.dedup();
        let ids: Vec<String> = ignored.iter().map(u32::to_string).collect();
        format!("if these mean \"no label\": `ignore_index = {}`", ids.join(","))
    }
}

fn files(n: u64) -> String {
    if n == 1 { "1 label map".to_owned() } else { format!("{n} label maps") }
}

/// Recognizes masks of black and white.
fn object_rule(survey: &IdSurvey) -> Option<(ObjectRule, String)> {
    let ids = &survey.ids;
    let white = WHITES.into_iter().find(|white| ids.contains_key(white));
    if let Some(white) = white
        && ids.keys().all(|id| [0, white, VOID].contains(id))
    {
        let line = format!(
            "the label maps contain 0 and {white}: {white} is the object, class 1"
        );
        return (ids.len() > 1).then_some((ObjectRule::Id(white), line));
    }
    let is_lossy = survey.n_lossy == survey.n_files && survey.n_files > 0;
    let is_bright = ids.keys().any(|id| (200..256).contains(id));
    if is_lossy && is_bright && ids.keys().all(|id| *id < 256) {
        let line = "the label maps are compressed with loss: levels from 128 on are the object, \
                    class 1";
        return Some((ObjectRule::Bright, line.to_owned()));
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn survey(maps: &[&[u32]]) -> IdSurvey {
        let mut survey = IdSurvey::default();
        for ids in maps {
            let ids = ids.to_vec();
            survey.add(&LabelMap { height: 1, width: ids.len(), ids, is_lossy: false });
        }
        survey
    }

    fn decide(maps: &[&[u32]], n_classes: usize) -> Result<(IdMapping, Option<String>)> {
        IdMapping::decide(&survey(maps), &IdOptions::default(), n_classes)
    }

    #[test]
    fn white_is_the_object_of_two_classes_only_if_there_are_no_ids() {
        let (mapping, note) = decide(&[&[0, 0], &[0, 255]], 2).unwrap();
        assert!(note.unwrap().contains("255 is the object"));
        assert_eq!(mapping.classes(&[0, 255]).unwrap().0, [0, 1]);
        let (mapping, note) = decide(&[&[0, 255], &[0, 1]], 2).unwrap();
        assert_eq!(note, None);
        let (classes, left_out) = mapping.classes(&[0, 1, 255, 255]).unwrap();
        assert_eq!(classes, [0, 1, ClassMap::NONE, ClassMap::NONE]);
        assert_eq!(left_out.total(), 2);
        let (_, note) = decide(&[&[0, 255, 2]], 3).unwrap();
        assert_eq!(note, None, "of three classes 255 is no label");
        let given = IdOptions { ignored: Some(vec![255]), ..IdOptions::default() };
        let (_, note) = IdMapping::decide(&survey(&[&[0, 255]]), &given, 2).unwrap();
        assert_eq!(note, None, "what is given is not doubted");
    }

    #[test]
    fn ids_that_do_not_fit_are_an_error_with_their_shares_and_an_option() {
        for (ids, n_classes, shares, option) in [
            (&[0_u32, 127, 254, 254][..], 3, "254 (50.0 %)", "`label_colors = FILE`"),
            (&[1, 2, 3, 3], 3, "1 (25.0 %)", "`reduce_zero_label = true`"),
            (&[0, 1, 2, 255], 2, "2 (25.0 %)", "`reduce_zero_label = true`"),
            (&[0, 1, 7, 255], 2, "7 (25.0 %)", "`ignore_index = 7,255`"),
            (&[0, 64, 191, 255], 2, "64 (25.0 %)", "nearest neighbor"),
            (
                &[0, 0, 0, 255],
                3,
                "every pixel with a label in 1 label map has the id 0, found 0 (75.0 %), 255 (25.0 %): 255 \
                 means \"no label\"",
                "`ignore_index = 255`",
            ),
            (
                &[255, VOID],
                3,
                "no pixel of 1 label map has a label",
                "`ignore_index = 255`",
            ),
            (
                &[0, 0, 0, 0],
                3,
                "every pixel of 1 label map has the id 0",
                "`ignore_index = 255`",
            ),
            (&[255; 4], 3, "id 255, which means \"no label\"", "`ignore_index = 255`"),
        ] {
            let error = decide(&[ids], n_classes).unwrap_err();
            assert!(error.to_string().contains(shares), "{error}");
            assert!(error.hint().unwrap().contains(option), "{:?}", error.hint());
        }
    }

    #[test]
    fn a_hint_with_ids_names_all_of_them_or_none() {
        let many: Vec<u32> = (0..40).collect();
        let error = decide(&[&many], 3).unwrap_err();
        assert!(error.to_string().contains("and 28 more"), "{error}");
        let hint = error.hint().unwrap();
        assert!(hint.contains("from 0 to 2") && !hint.contains("ignore_index"), "{hint}");
    }

    #[test]
    fn white_of_16_bits_is_the_object_too() {
        let (mapping, note) = decide(&[&[0, 65_535]], 2).unwrap();
        assert!(note.unwrap().contains("65535 is the object"));
        assert_eq!(mapping.classes(&[0, 65_535]).unwrap().0, [0, 1]);
        assert!(decide(&[&[0, 255, 65_535]], 2).is_err());
        assert!(decide(&[&[0, 65_535]], 3).is_err());
    }

    #[test]
    fn lossy_masks_of_two_classes_are_split_at_half_the_brightness() {
        let mut survey = IdSurvey::default();
        let ids = vec![0, 3, 131, 250, 255];
        survey.add(&LabelMap { height: 1, width: 5, ids, is_lossy: true });
        let (mapping, note) =
            IdMapping::decide(&survey, &IdOptions::default(), 2).unwrap();
        assert!(note.unwrap().contains("with loss"));
        assert_eq!(mapping.classes(&[0, 3, 131, 250, 255]).unwrap().0, [0, 0, 1, 1, 1]);
        let error = IdMapping::decide(&survey, &IdOptions::default(), 3).unwrap_err();
        assert!(error.hint().unwrap().contains("again as PNG"), "{error:?}");
    }

    #[test]
    fn of_masks_the_given_id_is_outside_and_others_are_left_out() {
        let (mapping, note) = IdMapping::of_masks(&survey(&[&[0, 1, 255]]), 255).unwrap();
        assert_eq!(note, None);
        let (classes, left_out) = mapping.classes(&[0, 1, 255]).unwrap();
        assert_eq!((classes, left_out.total()), (vec![0, ClassMap::NONE, 1], 1));
        let (mapping, note) = IdMapping::of_masks(&survey(&[&[0, 255]]), 1).unwrap();
        assert!(note.unwrap().contains("255 is the object"));
        assert_eq!(mapping.classes(&[0, 255]).unwrap().0, [0, 1]);
        let error = IdMapping::of_masks(&survey(&[&[7, 9]]), 1).unwrap_err();
        assert!(error.to_string().contains("found 7 (50.0 %), 9 (50.0 %)"), "{error}");
    }

    proptest! {
        #[test]
        fn every_pixel_is_a_class_or_left_out_for_a_reason(
            maps in prop::collection::vec(prop::collection::vec(
                prop::sample::select(vec![0_u32, 1, 2, 3, 127, 254, 255, VOID]), 1..40), 1..4),
            n_classes in 2_usize..5,
            ignored in prop::option::of(prop::collection::vec(0_u32..4, 0..3)),
            reduce_zero in prop::option::of(any::<bool>()),
        ) {
            let maps: Vec<&[u32]> = maps.iter().map(Vec::as_slice).collect();
            let survey = survey(&maps);
            let options = IdOptions { ignored, reduce_zero };
            match IdMapping::decide(&survey, &options, n_classes) {
                Ok((mapping, _)) => for map in maps {
                    let (classes, left_out) = mapping.classes(map).unwrap();
                    let none = classes.iter().filter(|class| **class == ClassMap::NONE).count();
                    prop_assert_eq!(none as u64, left_out.total());
                    prop_assert_eq!(classes.len(), map.len());
                    prop_assert!(classes.iter().all(
                        |class| *class == ClassMap::NONE || usize::from(*class) < n_classes));
                    let text = left_out.describe((map.len() - none) as u64, "have no label");
                    let text = text.unwrap_or_default();
                    for (reason, _) in left_out.iter() {
                        prop_assert!(text.contains(&reason.to_string()), "{}", text);
                    }
                },
                Err(error) => prop_assert!(error.hint().is_some_and(|hint| hint.contains('`'))),
            }
        }
    }
}
