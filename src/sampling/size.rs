//! Sizes that a network takes, found by trying after it refused one.
//!
//! Networks with skip connections between halved maps take only sides that are multiples of a
//! number; others shrink a small image to nothing, or have a fixed size. In general the graph does
//! not tell which sizes work, but a run on noise does.

use crate::error::Error;
use crate::input::preprocessing::ModelInput;

/// Height and width.
pub(super) type Size = (usize, usize);

/// Multiples that are tried: of halvings first, then of patches.
const MULTIPLES: [usize; 9] = [2, 4, 8, 16, 32, 64, 7, 14, 28];

/// Sides of square images that networks are trained with.
const TRAINED: [usize; 9] = [224, 256, 384, 512, 299, 518, 128, 64, 32];

/// Smallest side at which no network finds an image too small.
const SMALL: usize = 256;

/// Number of sizes that start a search; a search is a dozen runs.
const MOST_SEARCHES: usize = 3;

/// Result of trying other sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    /// Both sides must be multiples of this number, as far as was tried.
    Multiple(usize),
    /// The image is too small; this size works.
    Larger(Size),
    /// This size works.
    Other(Size),
    /// None of these works.
    Nothing(Vec<Size>),
}

/// Sizes that a model takes, as far as they were searched.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    /// Sides that the file fixes.
    fixed: (Option<usize>, Option<usize>),
    found: Vec<Found>,
}

impl Sizes {
    pub(super) fn new(input: &ModelInput) -> Self {
        Self { fixed: (input.height, input.width), found: Vec::new() }
    }

    /// Explains a failed run by its size, with a size that works if `takes` shows one. Other errors
    /// stay as they are.
    pub(super) fn refuse(
        &mut self,
        size: Size,
        error: Error,
        takes: &mut dyn FnMut(Size) -> bool,
    ) -> Error {
        let Error::Runtime { message, detail, hint, .. } = &error else { return error };
        if let Some(hint) = hint.as_ref().filter(|_| message.contains("memory")) {
            return refusal(size, message.clone(), None, hint, detail.as_deref());
        }
        let known = self.found.iter().find(|found| found.answers(size));
        let found = match known {
            Some(found) => found.clone(),
            None if self.found.len() < MOST_SEARCHES => {
                let found = Search { size, fixed: self.fixed, takes, tried: vec![size] };
                let found = found.run();
                self.found.push(found.clone());
                found
            }
            None => Found::Nothing(Vec::new()),
        };
        found.refusal(size, detail.as_deref())
    }
}

impl Found {
    /// Returns true if the result for another size holds for this one.
    fn answers(&self, (height, width): Size) -> bool {
        match *self {
            Self::Multiple(of) => !height.is_multiple_of(of) || !width.is_multiple_of(of),
            Self::Larger(works) => height < works.0 && width < works.1,
            Self::Other(_) | Self::Nothing(_) => true,
        }
    }

    fn refusal(&self, size: Size, detail: Option<&str>) -> Error {
        let text = |(height, width): Size| format!("{width}x{height}");
        let (message, multiple, hint) = match self {
            &Self::Multiple(of) => {
                let works =
                    text((size.0.next_multiple_of(of), size.1.next_multiple_of(of)));
                (
                    format!("it takes {works}: sides that are multiples of {of}"),
                    Some(of),
                    format!(
                        "`pad_to_multiple = {of}` adds what is missing and crops the maps back, \
                         or `resize = {works}`"
                    ),
                )
            }
            &Self::Larger(works) => (
                format!("they are too small for it: {} works", text(works)),
                None,
                format!("`resize = {}`, or leave so small images out", text(works)),
            ),
            &Self::Other(works) => (
                format!("it takes {}", text(works)),
                None,
                format!("`resize = {}`, or the size it was trained with", text(works)),
            ),
            Self::Nothing(tried) => {
                let sizes: Vec<String> =
                    tried.iter().skip(1).copied().map(text).collect();
                let message = match &sizes[..] {
                    [] => "which others it takes is not known".to_owned(),
                    sizes => format!("nor of {}", sizes.join(", ")),
                };
                let hint = "give the size that it was trained with: `resize = WxH`; if it takes \
                            only that one, export it without dynamic height and width";
                (message, None, hint.to_owned())
            }
        };
        refusal(size, message, multiple, &hint, detail)
    }
}

fn refusal(
    (height, width): Size,
    message: String,
    multiple: Option<usize>,
    hint: &str,
    detail: Option<&str>,
) -> Error {
    let detail = detail.map(str::to_owned);
    let hint = Some(hint.to_owned());
    Error::ImageSize { width, height, message, multiple, detail, hint }
}

struct Search<'a> {
    size: Size,
    fixed: (Option<usize>, Option<usize>),
    takes: &'a mut dyn FnMut(Size) -> bool,
    /// Sizes that failed, the image's own first.
    tried: Vec<Size>,
}

impl Search<'_> {
    fn run(mut self) -> Found {
        let mut works = None;
        for of in MULTIPLES {
            // An odd number of times the multiple: that 1024 works shows nothing about 2.
            let odd = |side: usize| of * (side.div_ceil(of) | 1);
            let size = self.with_fixed((odd(self.size.0), odd(self.size.1)));
            if !self.works(size) {
                continue;
            }
            if self.is_multiple(of, size) {
                return Found::Multiple(of);
            }
            works = Some(size);
            break;
        }
        if self.size.0.min(self.size.1) < SMALL {
            let doubled = (1..=8).map(|n| (self.size.0 << n, self.size.1 << n));
            let small = doubled.filter(|size| size.0.max(size.1) <= 4 * SMALL);
            for size in small.collect::<Vec<_>>() {
                let size = self.with_fixed(size);
                if self.works(size) {
                    return Found::Larger(size);
                }
            }
        }
        if let Some(size) = works {
            return Found::Other(size);
        }
        for side in TRAINED {
            let size = self.with_fixed((side, side));
            if self.works(size) {
                return Found::Other(size);
            }
        }
        Found::Nothing(self.tried)
    }

    /// Returns true if `size` works because its sides are multiples of the number: the next odd
    /// multiple and the image's size rounded up work too, and one pixel more does not.
    fn is_multiple(&mut self, of: usize, size: Size) -> bool {
        let next = self.with_fixed((size.0 + 2 * of, size.1 + 2 * of));
        let beyond = self.with_fixed((size.0 + 1, size.1 + 1));
        let up = |side: usize| side.next_multiple_of(of);
        let rounded = self.with_fixed((up(self.size.0), up(self.size.1)));
        rounded != self.size
            && !(self.takes)(beyond)
            && (self.takes)(next)
            && (rounded == size || (self.takes)(rounded))
    }

    fn with_fixed(&self, (height, width): Size) -> Size {
        (self.fixed.0.unwrap_or(height), self.fixed.1.unwrap_or(width))
    }

    /// Tries a size that was not tried before, and returns true if it works.
    fn works(&mut self, size: Size) -> bool {
        if self.tried.contains(&size) {
            return false;
        }
        let works = (self.takes)(size);
        if !works {
            self.tried.push(size);
        }
        works
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the explanation for a size of a model that takes the sizes for which `takes` is
    /// true, and the number of runs of the search.
    fn said(size: Size, takes: impl Fn(Size) -> bool) -> (String, String, usize) {
        let mut runs = 0;
        let mut count = |size| {
            runs += 1;
            takes(size)
        };
        let error = Error::runtime("running the prefix", "ONNX Runtime could not run it")
            .with_detail("Concat node");
        let error = Sizes::default().refuse(size, error, &mut count);
        (error.to_string(), error.hint().unwrap().to_owned(), runs)
    }

    #[test]
    fn the_multiple_is_found_and_not_only_a_size_that_is_one_by_chance() {
        for of in [2, 4, 8, 16, 32, 64, 7, 14, 28] {
            let (message, hint, runs) =
                said((511, 1023), |(h, w)| h % of == 0 && w % of == 0);
            let (height, width) =
                (511_usize.next_multiple_of(of), 1023_usize.next_multiple_of(of));
            if height == 511 && width == 1023 {
                continue;
            }
            assert!(
                message.starts_with(&format!(
                    "the model cannot take images of 1023x511 pixels; it takes \
                     {width}x{height}: sides that are multiples of {of}"
                )),
                "{message}"
            );
            assert!(message.ends_with("(onnxruntime: Concat node)"), "{message}");
            assert!(hint.contains(&format!("`pad_to_multiple = {of}` ")), "{hint}");
            assert!(hint.contains(&format!("`resize = {width}x{height}`")), "{hint}");
            assert!(runs <= 12, "{of}: {runs} runs");
        }
    }

    #[test]
    fn one_side_that_is_no_multiple_is_enough() {
        let (message, ..) = said((32, 50), |(h, w)| h % 16 == 0 && w % 16 == 0);
        assert!(message.contains("it takes 64x32: sides that are multiples of 16"));
    }

    #[test]
    fn an_image_that_is_too_small_is_told_from_one_that_is_no_multiple() {
        let (message, hint, _) = said((20, 21), |(h, w)| h >= 33 && w >= 33);
        assert!(message.contains("too small for it: 42x40 works"), "{message}");
        assert!(hint.contains("`resize = 42x40`"), "{hint}");
        let (message, ..) = said((1, 1), |(h, w)| h >= 100 && w >= 100);
        assert!(message.contains("too small for it: 128x128 works"), "{message}");
    }

    #[test]
    fn a_size_that_is_baked_in_is_found_among_those_that_networks_are_trained_with() {
        let (message, hint, _) = said((480, 640), |size| size == (224, 224));
        assert!(message.contains("; it takes 224x224 (onnx"), "{message}");
        assert!(hint.contains("`resize = 224x224`"), "{hint}");
    }

    #[test]
    fn where_nothing_works_what_was_tried_is_said() {
        let (message, hint, runs) = said((300, 300), |_| false);
        assert!(message.contains("nor of 302x302, ") && message.contains(" 224x224"));
        assert!(hint.contains("trained"), "{hint}");
        assert!(runs < 25, "{runs}");
    }

    #[test]
    fn what_was_found_answers_for_ten_thousand_other_sizes() {
        let mut sizes = Sizes::default();
        let mut runs = 0;
        let mut takes = |(h, w): Size| {
            runs += 1;
            h % 16 == 0 && w % 16 == 0
        };
        let error = || Error::runtime("running the prefix", "it could not");
        for i in 0..10_000 {
            let size = (500 + i % 113, 700 + i % 97);
            if takes(size) {
                continue;
            }
            let refused = sizes.refuse(size, error(), &mut takes);
            assert!(refused.to_string().contains("multiples of 16"), "{refused}");
        }
        assert!(runs - 10_000 <= 12, "{runs}");
        let mut nothing = Sizes::default();
        let mut runs = 0;
        for i in 0..10_000 {
            nothing.refuse((300 + i, 300), error(), &mut |_| {
                runs += 1;
                false
            });
        }
        assert!(runs < 80, "{runs}");
    }

    #[test]
    fn a_side_that_the_file_fixes_is_never_changed() {
        let mut sizes = Sizes { fixed: (Some(48), None), ..Sizes::default() };
        let mut takes = |(h, w): Size| {
            assert_eq!(h, 48);
            w % 8 == 0
        };
        let refused = sizes.refuse((48, 50), Error::runtime("a", "b"), &mut takes);
        assert!(refused.to_string().contains("it takes 56x48"), "{refused}");
    }

    #[test]
    fn want_of_memory_is_no_matter_of_multiples() {
        let error = Error::runtime("running the prefix", "there is not enough memory")
            .with_hint("make images smaller");
        let refused = Sizes::default()
            .refuse((9000, 9000), error, &mut |_| panic!("nothing is tried"));
        assert!(refused.to_string().contains("9000x9000 pixels; there is not enough"));
    }
}
