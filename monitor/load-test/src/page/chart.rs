//! Lines over time, as inline SVG.

use std::fmt::Write as _;

use super::escaped;
use crate::series::Point;

/// Size of the drawing, in its own units; the page scales it.
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 280.0;
/// Room for the labels of the axes.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 32.0;
/// About so many grid lines across each axis.
const TICKS: f64 = 5.0;

/// What a chart shows.
pub(super) struct Chart {
    /// For whoever does not see it.
    pub(super) what: &'static str,
    /// Of the values, as the axis says it.
    pub(super) unit: &'static str,
    /// From a point's values to the unit.
    pub(super) scale: f64,
}

/// One line: a value at each time, or a gap.
pub(super) struct Line {
    label: &'static str,
    class: &'static str,
    values: Vec<(f64, Option<f64>)>,
}

impl Line {
    /// Of one figure of each point, in the middle of its interval.
    pub(super) fn new(
        label: &'static str,
        class: &'static str,
        points: &[Point],
        of: fn(&Point) -> Option<f64>,
    ) -> Line {
        let values = points.iter().map(|point| (point.at_seconds + point.seconds / 2.0, of(point))).collect();
        Line { label, class, values }
    }
}

impl Chart {
    pub(super) fn draw(&self, lines: &[Line]) -> String {
        let known = |line: &Line| line.values.iter().filter_map(|(_, value)| *value).fold(0.0, f64::max);
        let highest = lines.iter().map(known).fold(0.0, f64::max) * self.scale;
        let last = lines.iter().filter_map(|line| line.values.last()).map(|(at, _)| *at).fold(0.0, f64::max);
        if highest <= 0.0 {
            return "<p class=\"note\">Nothing was measured.</p>\n".to_owned();
        }
        let (y, x) = (Axis::to(highest), Axis::to(last.max(0.1)));
        let mut svg = format!(
            "<figure>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n",
            escaped(self.what)
        );
        self.grid(&mut svg, &x, &y);
        for line in lines {
            let _ = writeln!(
                svg,
                "<path class=\"{}\" d=\"{}\"><title>{}</title></path>",
                line.class,
                self.path(line, &x, &y),
                line.label
            );
        }
        svg.push_str("</svg>\n<figcaption>");
        for Line { label, class, .. } in lines {
            let _ = write!(svg, "<span class=\"key {class}\">{label}</span>");
        }
        let _ = writeln!(svg, "<span>{} over seconds of the test</span></figcaption>\n</figure>", self.unit);
        svg
    }

    fn grid(&self, svg: &mut String, x: &Axis, y: &Axis) {
        for value in y.ticks() {
            let at = place_y(value / y.end);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                at + 4.0,
                y.label(value)
            );
        }
        for value in x.ticks() {
            let at = place_x(value / x.end);
            let _ = writeln!(
                svg,
                "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                HEIGHT - BOTTOM + 20.0,
                x.label(value)
            );
        }
    }

    /// A gap ends a stretch; a value between two gaps is a dot.
    fn path(&self, line: &Line, x: &Axis, y: &Axis) -> String {
        let mut path = String::new();
        let mut is_open = false;
        for (at, value) in &line.values {
            let Some(value) = value else {
                is_open = false;
                continue;
            };
            let (at, value) = (place_x(at / x.end), place_y(value * self.scale / y.end));
            let _ = if is_open {
                write!(path, "L{at:.1} {value:.1}")
            } else {
                write!(path, "M{at:.1} {value:.1}h0.1")
            };
            is_open = true;
        }
        path
    }
}

fn place_x(share: f64) -> f64 {
    LEFT + share * (WIDTH - LEFT - RIGHT)
}

fn place_y(share: f64) -> f64 {
    HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
}

/// From zero to a little beyond the highest value, with marks at 1, 2 or 5 times a power of ten.
struct Axis {
    end: f64,
    step: f64,
}

impl Axis {
    fn to(highest: f64) -> Axis {
        let rough = highest / TICKS;
        let power = 10_f64.powf(rough.log10().floor());
        let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= rough).unwrap_or(10.0);
        let step = factor * power;
        Axis { end: (highest / step).ceil() * step, step }
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        (0_u32..).map(|n| f64::from(n) * self.step).take_while(|value| *value <= self.end * 1.000_1)
    }

    /// As many digits as tell the marks apart.
    fn label(&self, value: f64) -> String {
        match self.step {
            step if step >= 1.0 => format!("{value:.0}"),
            step if step >= 0.1 => format!("{value:.1}"),
            _ => format!("{value:.2}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_cover_the_highest_value() {
        for (highest, step, end) in
            [(7.3, 2.0, 8.0), (0.31, 0.1, 0.4), (1_900.0, 500.0, 2_000.0), (10.0, 2.0, 10.0)]
        {
            let axis = Axis::to(highest);
            assert!(
                (axis.step - step).abs() < 1e-9 && (axis.end - end).abs() < 1e-9,
                "{highest}: {} {}",
                axis.step,
                axis.end
            );
            assert!(axis.ticks().count() >= 4, "{highest}");
        }
    }

    #[test]
    fn a_gap_is_not_drawn_over() {
        let line = Line {
            label: "a",
            class: "a",
            values: vec![(1.0, Some(1.0)), (2.0, None), (3.0, Some(2.0)), (4.0, Some(1.0))],
        };
        let drawn = Chart { what: "w", unit: "ms", scale: 1.0 }.draw(&[line]);
        assert_eq!(drawn.matches('M').count(), 2, "{drawn}");
        assert_eq!(drawn.matches("NaN").count(), 0);
    }
}
