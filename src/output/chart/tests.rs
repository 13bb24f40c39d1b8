use super::*;

fn axis(label: &str, scale: Scale, range: Option<(f64, f64)>) -> Axis {
    Axis { label: label.to_owned(), scale, range }
}

fn chart(series: Vec<Series>) -> Chart {
    Chart {
        title: "a < b & \"c\"".to_owned(),
        description: "Falls.".to_owned(),
        x: axis("x", Scale::Linear, Some((0.0, 10.0))),
        y: axis("y", Scale::Linear, Some((0.0, 1.0))),
        series,
    }
}

fn series(marks: Marks, points: &[(f64, f64)]) -> Series {
    let points = points.iter().map(|&(x, y)| Point::new(x, y)).collect();
    Series { name: "s".to_owned(), marks, points }
}

#[test]
fn values_lie_where_the_axes_say() {
    let text =
        svg(&[chart(vec![series(Marks::Line, &[(0.0, 0.0), (5.0, 1.0), (10.0, 0.5)])])]);
    // 66 px on the left and 16 on the right of 440, 40 above and 54 below of 360.
    assert!(text.contains("M66 306L245 40L424 173"), "{text}");
    assert!(text.contains("cx=\"245\" cy=\"40\""), "{text}");
}

#[test]
fn text_is_nothing_but_text() {
    let mut hostile = chart(vec![series(Marks::Curve, &[(0.0, 0.0), (1.0, 1.0)])]);
    hostile.series[0].name = "</text><script>\u{0}\u{1b}".to_owned();
    let text = svg(&[hostile]);
    assert!(text.contains("a &lt; b &amp; &quot;c&quot;"), "{text}");
    assert!(
        text.contains("&lt;/text&gt;&lt;script&gt;<") && !text.contains("<script"),
        "{text}"
    );
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
}

#[test]
fn what_cannot_be_shown_is_left_out() {
    let bad = [(f64::NAN, 0.5), (1.0, f64::INFINITY), (2.0, 0.25), (3.0, 0.75)];
    let text = svg(&[chart(vec![series(Marks::Curve, &bad)])]);
    assert!(text.contains("d=\"M137.6 239.5L173.4 106.5\""), "{text}");
    let mut logarithmic =
        chart(vec![series(Marks::Curve, &[(0.0, 1.0), (1.0, 1.0), (10.0, 0.1)])]);
    logarithmic.x = axis("x", Scale::Logarithmic, Some((1.0, 10.0)));
    let text = svg(&[logarithmic]);
    assert!(text.contains("d=\"M66 40L424 279.4\""), "{text}");
    assert!(!text.contains("NaN") && !text.contains("inf"));
}

#[test]
fn charts_without_a_point_or_with_one_are_charts() {
    for points in [&[][..], &[(3.0, 3.0)]] {
        for marks in [Marks::Line, Marks::Curve, Marks::Steps] {
            let mut free = chart(vec![series(marks, points)]);
            free.x.range = None;
            free.y.range = None;
            for scale in [Scale::Linear, Scale::Logarithmic] {
                (free.x.scale, free.y.scale) = (scale, scale);
                let text = svg(&[free.clone()]);
                assert!(text.ends_with("</svg>\n") && !text.contains("NaN"), "{text}");
            }
        }
    }
}

#[test]
fn bands_and_steps_enclose_what_they_are_of() {
    let mut banded = series(Marks::Line, &[(0.0, 0.5), (10.0, 0.5)]);
    for point in &mut banded.points {
        point.interval = Some((0.25, 0.75));
    }
    let text = svg(&[chart(vec![banded])]);
    assert!(text.contains("M66 106.5L424 106.5L424 239.5L66 239.5"), "{text}");
    let text =
        svg(&[chart(vec![series(Marks::Steps, &[(0.0, 0.5), (5.0, 1.0), (10.0, 0.0)])])]);
    assert!(text.contains("M66 306L66 173L245 173L245 40L424 40L424 306"), "{text}");
}

#[test]
fn ticks_are_round_and_few() {
    use super::axis::{Span, text};
    let ticks = |scale, low: f64, high: f64| -> Vec<String> {
        let span = Span::new(&axis("", scale, Some((low, high))), std::iter::empty());
        span.ticks().into_iter().map(text).collect()
    };
    assert_eq!(ticks(Scale::Linear, 0.0, 1.0), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
    assert_eq!(ticks(Scale::Linear, 0.0, 0.07), ["0", "0.02", "0.04", "0.06"]);
    assert_eq!(
        ticks(Scale::Logarithmic, 1e-4, 1.0),
        ["1e-4", "0.001", "0.01", "0.1", "1"]
    );
    assert_eq!(ticks(Scale::Logarithmic, 9.0, 300.0), ["10", "20", "50", "100", "200"]);
}

#[test]
fn charts_with_the_same_series_share_a_legend() {
    let one = chart(vec![
        series(Marks::Line, &[(0.0, 0.0)]),
        series(Marks::Line, &[(1.0, 1.0)]),
    ]);
    let names = |charts: &[Chart]| svg(charts).matches(">s</text>").count();
    assert_eq!([names(std::slice::from_ref(&one)), names(&[one.clone(), one])], [2, 2]);
}

#[test]
fn the_legend_lies_where_it_hides_least() {
    let rising = [(0.0, 0.0), (10.0, 1.0)];
    let falling = [(0.0, 1.0), (10.0, 0.0)];
    let high = [(0.0, 0.95), (10.0, 0.95)];
    let place = |curves: &[&[(f64, f64)]]| {
        let all = curves.iter().map(|points| series(Marks::Curve, points)).collect();
        let text = svg(&[chart(all)]);
        let legend =
            text.lines().filter(|line| line.starts_with("<rect")).nth(1).unwrap();
        let number = |name: &str| -> f64 {
            let start = legend.find(&format!(" {name}=\"")).unwrap() + name.len() + 3;
            legend[start..].split('"').next().unwrap().parse().unwrap()
        };
        (number("x") > 200.0, number("y") > 150.0)
    };
    // Whether it is on the right, and whether it is below.
    assert_eq!(place(&[&falling]), (true, false));
    assert_eq!(place(&[&rising]), (false, false));
    assert_eq!(place(&[&rising, &high]), (true, true));
}

#[cfg(feature = "charts")]
#[test]
fn pngs_show_lines_and_letters_at_twice_the_size() {
    let text = svg(&[chart(vec![series(Marks::Line, &[(0.0, 0.0), (10.0, 0.0)])])]);
    let bytes = png(&text).unwrap();
    let picture = image::load_from_memory(&bytes).unwrap().to_rgb8();
    assert_eq!(picture.dimensions(), (880, 720));
    let is_dark = |x: u32, y: u32| picture.get_pixel(x, y).0.iter().any(|&v| v < 128);
    // The line lies on the axis of x, 306 px down; the title is centered above the plot.
    assert!((200..800).all(|x| (610..616).any(|y| is_dark(x, y))));
    let title = (0..60).flat_map(|y| (300..700).map(move |x| (x, y)));
    assert!(title.filter(|&(x, y)| is_dark(x, y)).count() > 100);
    assert!(png("no svg").is_err());
}
