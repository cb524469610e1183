//! A small chart as inline SVG: lines or bars, the range at the side, the legend below. It must not run anything.

use super::{escape, put};
use crate::envelope::{Chart, ChartKind, Series};

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 140.0;
/// Room for the numbers at the left, and for the labels below.
const LEFT: f64 = 52.0;
const BELOW: f64 = 18.0;
const TOP: f64 = 8.0;
/// Colours that the style has.
const COLOURS: usize = 6;

/// Where values stand.
struct Scale {
    low: f64,
    high: f64,
    points: usize,
}

impl Scale {
    fn of(chart: &Chart) -> Self {
        let values = || chart.series.iter().flat_map(|series| series.values.iter().copied().flatten());
        let mut low = values().fold(f64::INFINITY, f64::min);
        let mut high = values().fold(f64::NEG_INFINITY, f64::max);
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        if chart.kind == ChartKind::Bar {
            // Bars begin at zero, else their lengths would lie.
            (low, high) = (low.min(0.0), high.max(0.0));
        }
        if high - low <= f64::EPSILON * high.abs() {
            // A number so large that one more is the same still has a room around it.
            let room = (high.abs() * 0.01).max(1.0);
            (low, high) = ((low - room).max(f64::MIN), (high + room).min(f64::MAX));
        }
        Self { low, high, points: chart.labels.len().max(1) }
    }

    fn y(&self, value: f64) -> f64 {
        // Halves, as the whole range may be beyond what a number can hold.
        let part = (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0);
        HEIGHT - BELOW - part * (HEIGHT - BELOW - TOP)
    }

    fn x(&self, at: usize) -> f64 {
        let step = (WIDTH - LEFT) / self.points as f64;
        LEFT + step * (at as f64 + 0.5)
    }
}

/// Appends a chart.
pub(super) fn chart(out: &mut String, chart: &Chart) {
    let scale = Scale::of(chart);
    let title = chart.title.as_deref().unwrap_or("Chart");
    let unit = chart.unit.as_deref().map_or(String::new(), |unit| format!("\u{a0}{unit}"));
    *out += "<figure class=\"ralphext-chart\">";
    if let Some(title) = &chart.title {
        put(out, format_args!("<figcaption>{}</figcaption>", escape(title)));
    }
    put(out, format_args!("\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n", escape(title)));
    axes(out, chart, &scale, &unit);
    for (at, series) in chart.series.iter().enumerate() {
        put(out, format_args!("<g class=\"ralphext-s{}\"><title>{}</title>", at % COLOURS, escape(&series.label)));
        match chart.kind {
            ChartKind::Line => line(out, series, &scale),
            ChartKind::Bar => bars(out, series, &scale, at, chart.series.len()),
        }
        *out += "</g>\n";
    }
    *out += "</svg>\n<ul class=\"ralphext-legend\">";
    for (at, series) in chart.series.iter().enumerate() {
        let last = series.values.iter().rev().find_map(|value| *value);
        let last = last.map_or(String::new(), |value| escape(&format!(": {}{unit}", number(value))));
        let label = escape(&series.label);
        put(out, format_args!("<li><span class=\"ralphext-s{}\">\u{25cf}</span> {label}{last}</li>", at % COLOURS));
    }
    *out += "</ul></figure>\n";
}

fn axes(out: &mut String, chart: &Chart, scale: &Scale, unit: &str) {
    let bottom = HEIGHT - BELOW;
    put(out, format_args!("<path class=\"ralphext-axis\" d=\"M{LEFT} {TOP}V{bottom}H{WIDTH}\"/>\n"));
    let high = escape(&format!("{}{unit}", number(scale.high)));
    let low = escape(&format!("{}{unit}", number(scale.low)));
    let side = LEFT - 4.0;
    put(out, format_args!("<text x=\"{side}\" y=\"{}\" text-anchor=\"end\">{high}</text>\n", TOP + 8.0));
    put(out, format_args!("<text x=\"{side}\" y=\"{bottom}\" text-anchor=\"end\">{low}</text>\n"));
    let label = |text: &str| escape(&text.chars().take(24).collect::<String>());
    if let Some(first) = chart.labels.first() {
        put(out, format_args!("<text x=\"{LEFT}\" y=\"{}\">{}</text>\n", HEIGHT - 5.0, label(first)));
    }
    if let Some(last) = chart.labels.last().filter(|_| chart.labels.len() > 1) {
        let text = label(last);
        put(out, format_args!("<text x=\"{WIDTH}\" y=\"{}\" text-anchor=\"end\">{text}</text>\n", HEIGHT - 5.0));
    }
}

fn line(out: &mut String, series: &Series, scale: &Scale) {
    // Where a value is missing the line is broken; a value alone is a dot.
    let mut path = String::new();
    let mut dots = String::new();
    for (at, value) in series.values.iter().enumerate() {
        let Some(value) = value else { continue };
        let (x, y) = (scale.x(at), scale.y(*value));
        let before = at > 0 && series.values[at - 1].is_some();
        let after = series.values.get(at + 1).is_some_and(Option::is_some);
        put(&mut path, format_args!("{}{x:.1} {y:.1}", if before { 'L' } else { 'M' }));
        if !before && !after {
            put(&mut dots, format_args!("<circle class=\"ralphext-dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\"/>"));
        }
    }
    put(out, format_args!("<path class=\"ralphext-line\" d=\"{path}\"/>{dots}"));
}

fn bars(out: &mut String, series: &Series, scale: &Scale, at: usize, all: usize) {
    let step = (WIDTH - LEFT) / scale.points as f64;
    let width = step * 0.8 / all as f64;
    let zero = scale.y(0.0);
    for (point, value) in series.values.iter().enumerate() {
        let Some(value) = value else { continue };
        let x = scale.x(point) - step * 0.4 + width * at as f64;
        let y = scale.y(*value);
        let (top, height) = (y.min(zero), (y - zero).abs());
        put(
            out,
            format_args!(
                "<rect class=\"ralphext-bar\" x=\"{x:.1}\" y=\"{top:.1}\" width=\"{width:.2}\" height=\"{height:.1}\"/>"
            ),
        );
    }
}

/// At most about four digits.
fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 1e7 || (size > 0.0 && size < 1e-3) {
        format!("{value:.2e}")
    } else if size >= 1000.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        let text = format!("{value:.2}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}
