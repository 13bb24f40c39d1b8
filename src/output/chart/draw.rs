//! Draws the parts of a chart: frame, axes, series, legend.

mod legend;

use self::legend::legend;
use super::axis::{self, Span};
use super::svg::{Svg, path, pixels};
use super::{Chart, Marks, Point, Series};

const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 360.0;
/// Margins of the plot.
const LEFT: f64 = 66.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 54.0;

/// Okabe and Ito (2008), *Color Universal Design*, without the yellow, which is too light for lines.
const COLORS: [&str; 7] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"];
const DASHES: [&str; 4] = ["", "6 3", "2 3", "8 3 2 3"];
const INK: &str = "#1a1a1a";
const GRID: &str = "#e3e3e3";
const PAPER: &str = "#ffffff";
const FONT: &str = "DejaVu Sans, Verdana, sans-serif";

/// Replaces the colors of a document by CSS variables. Only attributes are between quotes, because
/// quotes in texts are escaped.
pub(super) fn with_variables(document: &str) -> String {
    let named = [("paper", PAPER), ("ink", INK), ("grid", GRID)];
    let named = named.map(|(name, color)| (name.to_owned(), color));
    let series = COLORS.iter().enumerate().map(|(i, color)| (i.to_string(), *color));
    named.into_iter().chain(series).fold(document.to_owned(), |text, (name, color)| {
        let variable = format!("\"var(--chart-{name}, {color})\"");
        text.replace(&format!("\"{color}\""), &variable)
    })
}

/// Mapping of the values of a chart to positions in the document.
struct Plot {
    left: f64,
    x: Span,
    y: Span,
}

impl Plot {
    fn new(chart: &Chart, left: f64) -> Self {
        let points = || chart.series.iter().flat_map(|series| &series.points);
        let ends = |point: &Point| {
            let (low, high) = point.interval.unwrap_or((point.y, point.y));
            [point.y, low, high]
        };
        let x = Span::new(&chart.x, points().map(|point| point.x));
        let y = Span::new(&chart.y, points().flat_map(ends));
        Self { left: left + LEFT, x, y }
    }

    fn width() -> f64 {
        WIDTH - LEFT - RIGHT
    }

    fn height() -> f64 {
        HEIGHT - TOP - BOTTOM
    }

    fn x(&self, value: f64) -> Option<f64> {
        self.x.place(value).map(|share| self.left + share * Self::width())
    }

    fn y(&self, value: f64) -> Option<f64> {
        self.y.place(value).map(|share| TOP + (1.0 - share) * Self::height())
    }

    fn place(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        self.x(x).zip(self.y(y))
    }
}

pub(super) fn document(charts: &[Chart]) -> String {
    let (width, height) = (pixels(WIDTH * charts.len() as f64), pixels(HEIGHT));
    let mut svg = Svg::default();
    svg.open(
        "svg",
        &[
            ("xmlns", "http://www.w3.org/2000/svg"),
            ("width", &width),
            ("height", &height),
            ("viewBox", &format!("0 0 {width} {height}")),
            ("role", "img"),
            ("font-family", FONT),
            ("font-size", "12"),
            ("fill", INK),
        ],
    );
    let titles: Vec<&str> = charts.iter().map(|chart| &chart.title[..]).collect();
    let descriptions: Vec<&str> =
        charts.iter().map(|chart| &chart.description[..]).collect();
    svg.text("title", &[], &titles.join("; "));
    svg.text("desc", &[], &descriptions.join(" "));
    svg.element("rect", &[("width", &width), ("height", &height), ("fill", PAPER)]);
    let names =
        |chart: &Chart| chart.series.iter().map(|s| s.name.clone()).collect::<Vec<_>>();
    let mut told: Vec<Vec<String>> = Vec::new();
    for (i, chart) in charts.iter().enumerate() {
        let plot = Plot::new(chart, WIDTH * i as f64);
        frame(&mut svg, chart, &plot);
        for (number, series) in chart.series.iter().enumerate() {
            draw(&mut svg, series, number, &plot);
        }
        if !told.contains(&names(chart)) {
            legend(&mut svg, chart, &plot);
            told.push(names(chart));
        }
    }
    svg.close("svg");
    svg.finish()
}

fn frame(svg: &mut Svg, chart: &Chart, plot: &Plot) {
    let (right, bottom) = (plot.left + Plot::width(), TOP + Plot::height());
    let line = |svg: &mut Svg, from: (f64, f64), to: (f64, f64), color: &str| {
        svg.element(
            "path",
            &[("d", &path(&[from, to])), ("stroke", color), ("fill", "none")],
        );
    };
    for tick in plot.x.ticks() {
        let Some(x) = plot.x(tick) else { continue };
        line(svg, (x, TOP), (x, bottom), GRID);
        let at = [("x", pixels(x)), ("y", pixels(bottom + 18.0))];
        label(svg, &at, &[("text-anchor", "middle")], &axis::text(tick));
    }
    for tick in plot.y.ticks() {
        let Some(y) = plot.y(tick) else { continue };
        line(svg, (plot.left, y), (right, y), GRID);
        let at = [("x", pixels(plot.left - 8.0)), ("y", pixels(y + 4.0))];
        label(svg, &at, &[("text-anchor", "end")], &axis::text(tick));
    }
    line(svg, (plot.left, bottom), (right, bottom), INK);
    line(svg, (plot.left, TOP), (plot.left, bottom), INK);
    let middle = f64::midpoint(plot.left, right);
    let at = [("x", pixels(middle)), ("y", pixels(TOP - 16.0))];
    let title = [("text-anchor", "middle"), ("font-weight", "bold"), ("font-size", "13")];
    label(svg, &at, &title, &chart.title);
    let at = [("x", pixels(middle)), ("y", pixels(HEIGHT - 14.0))];
    label(svg, &at, &[("text-anchor", "middle")], &chart.x.label);
    let (x, y) = (pixels(plot.left - LEFT + 16.0), pixels(TOP + Plot::height() / 2.0));
    let turned = format!("rotate(-90 {x} {y})");
    label(
        svg,
        &[("x", x), ("y", y)],
        &[("text-anchor", "middle"), ("transform", &turned)],
        &chart.y.label,
    );
}

fn label(svg: &mut Svg, at: &[(&str, String)], more: &[(&str, &str)], text: &str) {
    let mut attributes: Vec<(&str, &str)> =
        at.iter().map(|(name, value)| (*name, &value[..])).collect();
    attributes.extend(more);
    svg.text("text", &attributes, text);
}

fn draw(svg: &mut Svg, series: &Series, number: usize, plot: &Plot) {
    let color = COLORS[number % COLORS.len()];
    if series.marks == Marks::Steps {
        return steps(svg, series, color, plot);
    }
    let ends = |point: &Point| {
        let (low, high) = point.interval?;
        plot.place(point.x, low).zip(plot.place(point.x, high))
    };
    let (low, mut band): (Vec<_>, Vec<_>) = series.points.iter().filter_map(ends).unzip();
    if !low.is_empty() {
        band.extend(low.iter().rev());
        let attributes =
            [("d", &path(&band)[..]), ("fill", color), ("fill-opacity", "0.15")];
        svg.element("path", &attributes);
    }
    let place = |point: &Point| plot.place(point.x, point.y);
    let places: Vec<(f64, f64)> = series.points.iter().filter_map(place).collect();
    stroke(svg, &places, color, number);
    if series.marks == Marks::Line {
        for &place in &places {
            mark(svg, place, color, number);
        }
    }
}

fn stroke(svg: &mut Svg, places: &[(f64, f64)], color: &str, number: usize) {
    if places.len() < 2 {
        return;
    }
    let dash = DASHES[number % DASHES.len()];
    let d = path(places);
    let mut attributes =
        vec![("d", &d[..]), ("fill", "none"), ("stroke", color), ("stroke-width", "2")];
    if !dash.is_empty() {
        attributes.push(("stroke-dasharray", dash));
    }
    svg.element("path", &attributes);
}

/// A circle, a square, a diamond or a triangle.
fn mark(svg: &mut Svg, (x, y): (f64, f64), color: &str, number: usize) {
    let corners: &[(f64, f64)] = match number % 4 {
        1 => &[(-3.5, -3.5), (3.5, -3.5), (3.5, 3.5), (-3.5, 3.5)],
        2 => &[(0.0, -5.0), (5.0, 0.0), (0.0, 5.0), (-5.0, 0.0)],
        3 => &[(0.0, -5.0), (4.5, 3.5), (-4.5, 3.5)],
        _ => {
            let (x, y) = (pixels(x), pixels(y));
            return svg.element(
                "circle",
                &[("cx", &x), ("cy", &y), ("r", "4"), ("fill", color)],
            );
        }
    };
    let corners: Vec<_> = corners.iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
    svg.element("path", &[("d", &path(&corners)), ("fill", color)]);
}

fn steps(svg: &mut Svg, series: &Series, color: &str, plot: &Plot) {
    let Some(ground) = plot.y(plot.y.low()) else { return };
    let mut outline = Vec::new();
    for pair in series.points.windows(2) {
        let height = plot.y(pair[0].y).unwrap_or(ground);
        let (Some(left), Some(right)) = (plot.x(pair[0].x), plot.x(pair[1].x)) else {
            continue;
        };
        outline.extend([(left, height), (right, height)]);
    }
    let (Some(first), Some(last)) = (outline.first().copied(), outline.last().copied())
    else {
        return;
    };
    outline.insert(0, (first.0, ground));
    outline.push((last.0, ground));
    let d = path(&outline);
    svg.element(
        "path",
        &[
            ("d", &d),
            ("fill", color),
            ("fill-opacity", "0.25"),
            ("stroke", color),
            ("stroke-width", "1.5"),
        ],
    );
}
