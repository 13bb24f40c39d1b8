//! Charts of curves as SVG: small, the same bytes for the same numbers, readable without color.
//!
//! A chart has a light background of its own, so that it looks the same on dark pages. Series
//! differ in color (the palette of Okabe and Ito, made for the color-blind), in dash and in
//! mark. What is no finite number, or not positive on a logarithmic axis, is left out.

mod axis;
mod draw;
#[cfg(feature = "charts")]
mod png;
mod svg;

#[cfg(test)]
mod tests;

#[cfg(feature = "charts")]
pub use png::png;

/// How values become places along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// In proportion.
    Linear,
    /// By their logarithm.
    Logarithmic,
}

/// An axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What it shows, with the unit.
    pub label: String,
    /// How values become places.
    pub scale: Scale,
    /// Its ends; by the points where there are none.
    pub range: Option<(f64, f64)>,
}

/// A place of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Where along the first axis.
    pub x: f64,
    /// Where along the second.
    pub y: f64,
    /// The ends of its interval, where there is one.
    pub interval: Option<(f64, f64)>,
}

impl Point {
    /// A place without an interval.
    pub fn new(x: f64, y: f64) -> Self {
        Self { x, y, interval: None }
    }
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    /// A line with a mark at each place, and a band where there are intervals.
    Line,
    /// A line alone: for curves of many places.
    Curve,
    /// Steps, filled down to the axis: for histograms. Each place is the left end of a step; the
    /// last ends the one before.
    Steps,
}

/// Numbers that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// How it is drawn.
    pub marks: Marks,
    /// Its places, from left to right.
    pub points: Vec<Point>,
}

/// A chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// What is to be said of it to who cannot see it, in a sentence.
    pub description: String,
    /// The first axis, from left to right.
    pub x: Axis,
    /// The second, from below.
    pub y: Axis,
    /// What is drawn, in this order.
    pub series: Vec<Series>,
}

/// Several charts beside each other as one SVG document, 440 by 360 pixels each.
///
/// Charts that share the names of their series share one legend, in the first.
pub fn svg(charts: &[Chart]) -> String {
    draw::document(charts)
}

/// A chart for a page that has light and dark colors of its own: colors are the CSS variables
/// `--chart-paper`, `--chart-ink`, `--chart-grid` and `--chart-0` to `--chart-6`, and those of
/// [`svg()`] where the page does not set them.
pub fn svg_of_page(chart: &Chart) -> String {
    draw::with_variables(&draw::document(std::slice::from_ref(chart)))
}
