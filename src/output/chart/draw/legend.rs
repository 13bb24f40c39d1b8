//! The legend of a chart, in the corner where it covers the fewest points.

use super::super::{Chart, Marks};
use super::{COLORS, PAPER, Plot, TOP, label, mark, pixels, stroke};
use crate::output::chart::svg::Svg;

/// Distance between the legend and the frame.
const MARGIN: f64 = 6.0;
/// Height of a name.
const LINE: f64 = 18.0;
/// Number of positions that are checked between two points of a series.
const STEPS: usize = 16;

pub(super) fn legend(svg: &mut Svg, chart: &Chart, plot: &Plot) {
    let letters = chart.series.iter().map(|s| s.name.chars().count()).max().unwrap_or(0);
    if letters == 0 {
        return;
    }
    let size = (46.0 + 7.2 * letters as f64, 8.0 + LINE * chart.series.len() as f64);
    let (left, top) = corner(chart, plot, size);
    svg.element(
        "rect",
        &[
            ("x", &pixels(left)),
            ("y", &pixels(top)),
            ("width", &pixels(size.0)),
            ("height", &pixels(size.1)),
            ("fill", PAPER),
            ("fill-opacity", "0.85"),
        ],
    );
    for (number, series) in chart.series.iter().enumerate() {
        let y = top + 13.0 + LINE * number as f64;
        let color = COLORS[number % COLORS.len()];
        stroke(svg, &[(left + 6.0, y), (left + 34.0, y)], color, number);
        if series.marks == Marks::Line {
            mark(svg, (left + 20.0, y), color, number);
        }
        let at = [("x", pixels(left + 40.0)), ("y", pixels(y + 4.0))];
        label(svg, &at, &[], &series.name);
    }
}

/// Returns the top left corner of the legend: in the corner of the chart with the fewest positions of
/// the series, or at the top right if all are equal.
fn corner(chart: &Chart, plot: &Plot, (width, height): (f64, f64)) -> (f64, f64) {
    let left = plot.left + MARGIN;
    let right = plot.left + Plot::width() - width - MARGIN;
    let (top, bottom) = (TOP + MARGIN, TOP + Plot::height() - height - MARGIN);
    let hidden = |(x, y): (f64, f64)| {
        let is_hidden = |place: &(f64, f64)| {
            (x..=x + width).contains(&place.0) && (y..=y + height).contains(&place.1)
        };
        places(chart, plot).filter(is_hidden).count()
    };
    let corners = [(right, top), (left, top), (right, bottom), (left, bottom)];
    corners.into_iter().min_by_key(|corner| hidden(*corner)).unwrap_or((right, top))
}

/// Returns positions along the lines of all series.
fn places(chart: &Chart, plot: &Plot) -> impl Iterator<Item = (f64, f64)> {
    let place = |point: &super::Point| plot.place(point.x, point.y);
    chart.series.iter().flat_map(move |series| {
        let points: Vec<_> = series.points.iter().filter_map(place).collect();
        let between = |pair: &[(f64, f64)]| {
            let (from, to) = (pair[0], pair[1]);
            let at = move |step: usize| {
                let share = step as f64 / STEPS as f64;
                (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1))
            };
            (0..=STEPS).map(at).collect::<Vec<_>>()
        };
        points.windows(2).flat_map(between).collect::<Vec<_>>()
    })
}
