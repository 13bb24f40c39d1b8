//! The legend of a heat map: name, unit, color bar and scale.

use std::io;

use super::Caption;
use super::canvas::{Area, Canvas};
use super::text::Font;
use crate::output::colormap::{self, HIGHEST_LEVEL};
use crate::output::heat_map::{Scale, Spacing};

/// Background of the legend.
pub(super) const PAPER: [u8; 3] = [255; 3];
const INK: [u8; 3] = [38, 38, 42];
const LINE: [u8; 3] = [120, 120, 126];

/// Smallest and largest height of a lower-case x in pixels; in between the text grows with the
/// picture.
const SMALLEST_TEXT: usize = 5;
const LARGEST_TEXT: usize = 40;

/// Smallest legible text. A name that is too long for it is cut off.
const READABLE_TEXT: usize = 4;

/// Text before the upper end of a scale if there are values above it.
const ABOVE: &str = ">= ";

/// Largest number of round steps of the scale.
const MOST_STEPS: f32 = 6.0;

/// Content of a legend, and the size of the picture above it.
pub(super) struct Content<'a> {
    pub(super) caption: Caption<'a>,
    pub(super) scale: Scale,
    /// Whether there are values above the scale, which have the color of its end.
    pub(super) has_values_above: bool,
    /// Whether there are pixels without a prediction.
    pub(super) has_gaps: bool,
    /// Width and height.
    pub(super) picture: (usize, usize),
}

/// A legend with the positions of its parts, relative to its top left corner.
#[derive(Debug)]
pub(super) struct Legend {
    font: Font,
    /// The unit of all lengths: the height of a lower-case x.
    unit: usize,
    title: String,
    title_at: (f32, usize),
    bar: Area,
    ticks: Vec<Tick>,
}

#[derive(Debug, Clone, PartialEq)]
struct Tick {
    /// Position on the scale, from 0 to 1.
    place: f32,
    label: String,
}

impl Legend {
    /// Chooses the size of the text and the positions of the parts: the name is beside the bar if
    /// there is room, else above it.
    pub(super) fn layout(content: &Content<'_>) -> io::Result<Self> {
        let (picture_width, picture_height) = content.picture;
        let width = picture_width.max(super::NARROWEST);
        let title = title(content.caption);
        let mut unit = width.min(2 * picture_height) / 100;
        unit = unit.clamp(SMALLEST_TEXT, LARGEST_TEXT);
        let mut font = Font::new(unit)?;
        let fits = |text: &str, font: &Font, unit| {
            font.width(text) <= (width - 2 * margin(unit)) as f32
        };
        while unit > READABLE_TEXT && !fits(&title, &font, unit) {
            unit -= 1;
            font = Font::new(unit)?;
        }
        let explained = format!("{title}, gray: no prediction");
        let title = if content.has_gaps && fits(&explained, &font, unit) {
            explained
        } else {
            title
        };
        let title_width = font.width(&title).ceil() as usize;
        let (left, right) = (margin(unit), width - margin(unit));
        let beside = 3 * title_width <= width;
        let (title_baseline, bar_left, bar_top) = if beside {
            (3 * unit, left + title_width + 2 * unit, 3 * unit / 2)
        } else {
            (3 * unit, left, 4 * unit)
        };
        let bar = Area {
            left: bar_left,
            top: bar_top,
            width: right - bar_left,
            height: 3 * unit / 2,
        };
        let end = if content.has_values_above { ABOVE } else { "" };
        let bound = content.scale.high;
        let end = Tick { place: 1.0, label: format!("{end}{}", short(bound)) };
        let gap = 2.0 * unit as f32;
        let room = Room {
            width: bar.width as f32,
            distance: font.width(&end.label) + gap,
            gap,
            font: &font,
        };
        let mut ticks = match content.scale.spacing {
            Spacing::Linear => linear_ticks(bound, room),
            Spacing::SquareRoot => square_root_ticks(bound, room),
        };
        ticks.push(end);
        Ok(Self {
            font,
            unit,
            title,
            title_at: (left as f32, title_baseline),
            bar,
            ticks,
        })
    }

    /// Returns the number of rows of the legend.
    pub(super) fn height(&self) -> usize {
        self.label_baseline() + 3 * self.unit / 2
    }

    fn label_baseline(&self) -> usize {
        self.bar.top + self.bar.height + 5 * self.unit / 2
    }

    /// Draws the legend into the rows of `canvas` from `top` on.
    pub(super) fn draw(&self, canvas: &mut Canvas, top: usize) {
        let (x, y) = self.title_at;
        self.font.draw(canvas, &self.title, (x, top + y), INK);
        let bar = Area { top: top + self.bar.top, ..self.bar };
        let stroke = (self.unit / 8).max(1);
        let frame = Area {
            left: bar.left - stroke,
            top: bar.top - stroke,
            width: bar.width + 2 * stroke,
            height: bar.height + 2 * stroke,
        };
        canvas.fill(frame, LINE);
        for x in 0..bar.width {
            let place = x as f32 / (bar.width - 1).max(1) as f32;
            let level = (place * f32::from(HIGHEST_LEVEL)).round() as u8;
            canvas.fill(
                Area { left: bar.left + x, width: 1, ..bar },
                colormap::color(level),
            );
        }
        for tick in &self.ticks {
            let x = bar.left as f32 + tick.place * bar.width as f32;
            let mark = Area {
                left: (x as usize).clamp(bar.left, bar.left + bar.width - stroke),
                top: bar.top + bar.height,
                width: stroke,
                height: (self.unit / 2).max(2) + stroke,
            };
            canvas.fill(mark, LINE);
            let label_width = self.font.width(&tick.label);
            let last = canvas.width as f32 - label_width - self.unit as f32 / 2.0;
            let left = (x - label_width / 2.0).min(last).max(0.0);
            self.font.draw(canvas, &tick.label, (left, top + self.label_baseline()), INK);
        }
    }
}

/// Room at the left and right.
fn margin(unit: usize) -> usize {
    2 * unit
}

fn title(caption: Caption<'_>) -> String {
    let name = caption.name.replace('_', " ");
    if caption.unit.is_empty() { name } else { format!("{name} ({})", caption.unit) }
}

/// Room for the labels of a bar.
#[derive(Debug, Clone, Copy)]
struct Room<'a> {
    /// Width of the bar.
    width: f32,
    /// Smallest distance between two ticks: that of the upper end to its neighbor.
    distance: f32,
    /// Smallest gap between two labels.
    gap: f32,
    font: &'a Font,
}

/// Returns the lower end of a linear scale, and a few round values above it.
fn linear_ticks(bound: f32, room: Room<'_>) -> Vec<Tick> {
    let mut ticks = Vec::new();
    let step = round_step(bound * (room.distance / room.width).max(1.0 / MOST_STEPS));
    for count in 0.. {
        let value = step * count as f32;
        let place = value / bound;
        if (1.0 - place) * room.width < room.distance {
            break;
        }
        ticks.push(Tick { place, label: short(value) });
    }
    if ticks.is_empty() {
        ticks.push(Tick { place: 0.0, label: short(0.0) });
    }
    ticks
}

/// Returns the lower end of a square-root scale, and the values 1, 2 and 5 times a power of ten for which
/// there is room, the largest first.
fn square_root_ticks(bound: f32, room: Room<'_>) -> Vec<Tick> {
    let mut ticks = Vec::new();
    let mut right = 1.0;
    let exponent = bound.log10().floor() as i32;
    let powers = (0..4).map(|i| 10.0_f32.powi(exponent - i));
    for value in powers.flat_map(|power| [5.0, 2.0, 1.0].map(|factor| factor * power)) {
        let place = (value / bound).sqrt();
        let label = short(value);
        let needed = room.distance.max(room.font.width(&label) + room.gap);
        let has_room = |distance: f32| distance * room.width >= needed;
        if place < 1.0 && has_room(right - place) && has_room(place) {
            ticks.push(Tick { place, label });
            right = place;
        }
    }
    ticks.push(Tick { place: 0.0, label: short(0.0) });
    ticks.reverse();
    ticks
}

/// Returns the smallest of 1, 2 and 5 times a power of ten that is not below `least`.
fn round_step(least: f32) -> f32 {
    let power = 10.0_f32.powi(least.log10().floor() as i32);
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    steps.into_iter().find(|step| *step >= least).unwrap_or(10.0 * power)
}

/// Formats a value with three significant digits and without trailing zeros.
fn short(value: f32) -> String {
    let digits = if value >= 100.0 {
        0
    } else if value >= 0.1 || value == 0.0 {
        2
    } else {
        (2.0 - value.log10().floor()) as usize
    };
    let text = format!("{value:.digits$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: Content<'_> = Content {
        caption: Caption { name: "margin", unit: "" },
        scale: Scale::up_to(2.0),
        has_values_above: false,
        has_gaps: false,
        picture: (512, 512),
    };

    #[test]
    fn values_are_shown_short() {
        let known = [(0.0, "0"), (0.5, "0.5"), (1.0, "1"), (2.079_441_5, "2.08")];
        let more = [(20.0, "20"), (100.0, "100"), (0.05, "0.05"), (0.001_234, "0.00123")];
        for (value, text) in known.into_iter().chain(more) {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn the_bar_takes_its_place_from_the_room_there_is() {
        let caption = Caption { name: "predictive_entropy", unit: "nat" };
        let content = Content { caption, has_gaps: false, picture: (128, 96), ..CONTENT };
        let narrow = Legend::layout(&content).unwrap();
        assert_eq!((narrow.unit, narrow.bar.left), (4, 8));
        let wide = Legend::layout(&Content { picture: (1024, 512), ..content }).unwrap();
        assert!(wide.unit == 10 && wide.bar.left > 200);
        assert_eq!(wide.title, "predictive entropy (nat)");
        assert!(wide.height() < 512 / 5);
        let huge = Legend::layout(&Content { picture: (20_000, 20_000), ..content });
        assert_eq!(huge.unwrap().unit, LARGEST_TEXT);
    }

    #[test]
    fn gaps_are_explained_where_there_is_room() {
        let caption = Caption { name: "margin", unit: "" };
        let picture = (512, 512);
        let content = Content { caption, has_gaps: true, picture, ..CONTENT };
        let legend = Legend::layout(&content).unwrap();
        assert_eq!(legend.title, "margin, gray: no prediction");
        let caption = Caption { name: "predictive_entropy", unit: "nat" };
        let narrow = Content { caption, picture: (128, 128), ..content };
        assert_eq!(Legend::layout(&narrow).unwrap().title, "predictive entropy (nat)");
    }

    #[test]
    fn the_scale_shows_both_ends_and_round_values_that_do_not_collide() {
        for spacing in [Spacing::Linear, Spacing::SquareRoot] {
            for bound in [0.01, 0.5, 1.0, 2.0_f32.ln(), 8.0_f32.ln(), 150.0_f32.ln(), 5e4]
            {
                for width in [128, 300, 500, 1000, 4000] {
                    let scale = Scale::up_to(bound).with_spacing(spacing);
                    let content = Content { scale, picture: (width, 2000), ..CONTENT };
                    let legend = Legend::layout(&content).unwrap();
                    let ticks = &legend.ticks;
                    assert_eq!(ticks[0], Tick { place: 0.0, label: "0".to_owned() });
                    assert_eq!(ticks[ticks.len() - 1].label, short(bound));
                    for pair in ticks.windows(2) {
                        let apart =
                            (pair[1].place - pair[0].place) * legend.bar.width as f32;
                        let labels = legend.font.width(&pair[0].label)
                            + legend.font.width(&pair[1].label);
                        assert!(apart > labels / 2.0, "{bound} {width} {pair:?}");
                    }
                }
            }
        }
        let labels = |scale: Scale| -> Vec<String> {
            let font = &Font::new(5).unwrap();
            let room = Room { width: 240.0, distance: 40.0, gap: 10.0, font };
            let ticks = match scale.spacing {
                Spacing::Linear => linear_ticks(scale.high, room),
                Spacing::SquareRoot => square_root_ticks(scale.high, room),
            };
            ticks.into_iter().map(|tick| tick.label).collect()
        };
        let scale = Scale::up_to(8.0_f32.ln());
        assert_eq!(labels(scale), ["0", "0.5", "1", "1.5"]);
        let scale = scale.with_spacing(Spacing::SquareRoot);
        assert_eq!(labels(scale), ["0", "0.2", "0.5", "1"]);
    }

    #[test]
    fn values_above_the_scale_are_stated_at_its_end() {
        let content = Content { has_values_above: true, ..CONTENT };
        let ticks = Legend::layout(&content).unwrap().ticks;
        assert_eq!(ticks[ticks.len() - 1].label, ">= 2");
        let ticks = Legend::layout(&CONTENT).unwrap().ticks;
        assert_eq!(ticks[ticks.len() - 1].label, "2");
    }
}
