//! Charts of curves as SVG: small, deterministic, and readable without color.
//!
//! A chart has a light background of its own, so that it looks the same on dark pages. Series
//! differ in color (the palette of Okabe and Ito, made for the color-blind), in dash and in
//! mark. Numbers that are not finite, or not positive on a logarithmic axis, are left out.

mod axis;
mod draw;
#[cfg(feature = "charts")]
mod png;
pub(super) mod svg;

#[cfg(test)]
mod tests;

#[cfg(feature = "charts")]
pub use png::png;

/// Mapping of values to positions along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Linear.
    Linear,
    /// Logarithmic.
    Logarithmic,
}

/// An axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Quantity with its unit.
    pub label: String,
    /// Mapping of values to positions.
    pub scale: Scale,
    /// Both ends; `None` to fit the points.
    pub range: Option<(f64, f64)>,
}

/// A point of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Value on the x axis.
    pub x: f64,
    /// Value on the y axis.
    pub y: f64,
    /// Ends of the interval of y, if it has one.
    pub interval: Option<(f64, f64)>,
}

impl Point {
    /// Creates a point without an interval.
    pub fn new(x: f64, y: f64) -> Self {
        Self { x, y, interval: None }
    }
}

/// Style of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    /// A line with a mark at each point, and a band if the points have intervals.
    Line,
    /// A line without marks, for curves with many points.
    Curve,
    /// Steps filled down to the axis, for histograms. Each point is the left end of a step; the last
    /// point ends the step before it.
    Steps,
}

/// A series of points.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Name in the legend.
    pub name: String,
    /// Style.
    pub marks: Marks,
    /// Points from left to right.
    pub points: Vec<Point>,
}

/// A chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Title.
    pub title: String,
    /// Description for people who cannot see it, one sentence.
    pub description: String,
    /// The horizontal axis, from left to right.
    pub x: Axis,
    /// The vertical axis, from the bottom up.
    pub y: Axis,
    /// Series in the order in which they are drawn.
    pub series: Vec<Series>,
}

/// Returns an SVG document with several charts side by side, 440 by 360 pixels each.
///
/// Charts whose series have the same names share one legend, in the first chart.
pub fn svg(charts: &[Chart]) -> String {
    draw::document(charts)
}

/// Returns a chart for a page with a light and a dark theme: colors are the CSS variables
/// `--chart-paper`, `--chart-ink`, `--chart-grid` and `--chart-0` to `--chart-6`, or those of
/// [`svg()`] if the page does not set them.
pub fn svg_of_page(chart: &Chart) -> String {
    draw::with_variables(&draw::document(std::slice::from_ref(chart)))
}
