//! Figures in columns.
//!
//! The invariant: what is not known is a dash, never a zero.

use std::{fmt::Write as _, time::Duration};

/// Lines of equally many cells, the first to the left and the others to the right.
pub(crate) fn render(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut grid = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        let _ = writeln!(grid, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    grid
}

/// p50 / p99 of ordered times, in milliseconds.
pub(crate) fn percentiles(times: &[Duration]) -> String {
    let ms = |share| dash(percentile(times, share).map(|time| time.as_secs_f64() * 1e3), 2);
    format!("{} / {}", ms(0.5), ms(0.99))
}

/// The time that this share of the ordered times does not exceed.
pub(crate) fn percentile(times: &[Duration], share: f64) -> Option<Duration> {
    let rank = (times.len() as f64 * share).ceil() as usize;
    times.get(rank.max(1) - 1).copied()
}

/// A figure, or a dash.
pub(crate) fn dash(figure: Option<f64>, decimals: usize) -> String {
    figure.map_or_else(|| "–".to_owned(), |figure| format!("{figure:.decimals$}"))
}
