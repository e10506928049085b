//! The figures, as a table and in sentences.
//!
//! The invariant: what is too small to be told from the clock's or the allocator's own steps is a dash.

use std::{fmt::Write as _, time::Duration};

use crate::{
    load::{Report, Taken},
    rig::{
        grid::{self, dash, percentile, percentiles},
        machine::TICK,
    },
};

/// Ticks below which a processor time says nothing.
const TICKS: u32 = 10;
/// Streams below which memory a stream says nothing.
const STREAMS: usize = 20;
/// Share of the offered events below which the machine, not the service, is measured.
const KEPT_UP: f64 = 0.95;

const HEADINGS: [&str; 10] = [
    "",
    "streams",
    "first event ms",
    "first delta ms",
    "events/s",
    "busy",
    "gateway + agent µs/event",
    "all",
    "gateway + agent kB/stream",
    "all",
];

/// One line.
pub(crate) struct Row {
    label: &'static str,
    streams: usize,
    outcome: anyhow::Result<Report>,
}

// === impl Row ===

impl Row {
    pub(crate) fn new(label: &'static str, streams: usize, outcome: anyhow::Result<Report>) -> Self {
        Self { label, streams, outcome }
    }

    fn cells(&self) -> Vec<String> {
        let mut cells = vec![self.label.to_owned(), self.streams.to_string()];
        let Ok(report) = &self.outcome else {
            cells.resize(HEADINGS.len(), "failed".to_owned());
            return cells;
        };
        let parts = |of: &dyn Fn(&Taken) -> Option<f64>| match report.taken.as_slice() {
            [] | [_] => "–".to_owned(),
            taken => taken.iter().map(|taken| dash(of(taken), 1)).collect::<Vec<_>>().join(" + "),
        };
        cells.extend([
            percentiles(&report.first_events),
            percentiles(&report.first_deltas),
            format!("{:.0}", report.rate()),
            format!("{:.0} %", report.busy * 100.0),
            parts(&|taken| report.per_event(taken)),
            dash(report.per_event_in_all(), 1),
            parts(&|taken| self.per_stream(taken)),
            dash(self.per_stream_in_all(), 1),
        ]);
        cells
    }

    /// Kilobytes that an open stream takes in a process.
    fn per_stream(&self, taken: &Taken) -> Option<f64> {
        let grown = taken.under_load.saturating_sub(taken.idle);
        (self.streams >= STREAMS).then(|| grown as f64 / 1e3 / self.streams as f64)
    }

    fn per_stream_in_all(&self) -> Option<f64> {
        let report = self.outcome.as_ref().ok().filter(|report| !report.taken.is_empty())?;
        report.taken.iter().map(|taken| self.per_stream(taken)).sum()
    }
}

// === impl Report ===

impl Report {
    /// Events a second.
    fn rate(&self) -> f64 {
        self.events as f64 / self.window.as_secs_f64()
    }

    /// Microseconds that a process takes for an event.
    fn per_event(&self, taken: &Taken) -> Option<f64> {
        (taken.processor >= TICK * TICKS).then(|| taken.processor.as_secs_f64() * 1e6 / self.events as f64)
    }

    fn per_event_in_all(&self) -> Option<f64> {
        let some = !self.taken.is_empty();
        some.then(|| self.taken.iter().map(|taken| self.per_event(taken)).sum())?
    }

    /// Milliseconds that all processes take for a stream, its opening and end included.
    fn per_turn(&self, streams: usize) -> f64 {
        let taken: Duration = self.taken.iter().map(|taken| taken.processor_in_all).sum();
        taken.as_secs_f64() * 1e3 / streams as f64
    }
}

/// The table.
pub(crate) fn render(rows: &[Row]) -> String {
    let mut lines = vec![HEADINGS.map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(Row::cells));
    let mut table = grid::render(&lines);
    table.push_str(
        "\nms are p50 / p99: the first event after the POST (the upstream's comes after one pause), the first text\n\
         delta after the upstream's own. Processor time and memory are taken while all streams are open; kB are\n\
         of one stream: resident memory under load less that of an idle, warm process.\n",
    );
    table
}

/// What the figures come to.
pub(crate) fn remarks(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let Ok(report) = &row.outcome else { continue };
        if report.rate() < report.offered * KEPT_UP {
            let _ = writeln!(
                text,
                "{}, {} streams: {:.0} of {:.0} events a second came: the machine is full, its times are a queue's.",
                row.label,
                row.streams,
                report.rate(),
                report.offered
            );
        }
        if !report.taken.is_empty() && report.per_event_in_all().is_some() {
            let turn = report.per_turn(row.streams);
            let _ =
                writeln!(text, "{}, {} streams: {turn:.1} ms of processor a turn.", row.label, row.streams);
        }
    }
    text
}

/// How many times what `ours` takes `theirs` does.
pub(crate) fn ratios(rows: &[Row], ours: &str, theirs: &str) -> String {
    let streams = rows.iter().find(|row| row.label == theirs).map(|row| row.streams);
    let find = |label: &str| rows.iter().find(|row| row.label == label && Some(row.streams) == streams);
    let (Some(ours), Some(theirs)) = (find(ours), find(theirs)) else { return String::new() };
    let (Ok(our), Ok(their)) = (&ours.outcome, &theirs.outcome) else { return String::new() };
    let ratio = |our: Option<f64>, their: Option<f64>| match (our, their) {
        (Some(our), Some(their)) if our > 0.0 => format!("{:.1} ×", their / our),
        _ => "–".to_owned(),
    };
    let p50 = |times: &[Duration]| percentile(times, 0.5).map(|time| time.as_secs_f64());
    format!(
        "{} over {}, {} streams: processor an event {}, processor a turn {}, memory a stream {}, first event {}, \
         first delta {}.\n",
        theirs.label,
        ours.label,
        theirs.streams,
        ratio(our.per_event_in_all(), their.per_event_in_all()),
        ratio(Some(our.per_turn(ours.streams)), Some(their.per_turn(theirs.streams))),
        ratio(ours.per_stream_in_all(), theirs.per_stream_in_all()),
        ratio(p50(&our.first_events), p50(&their.first_events)),
        ratio(p50(&our.first_deltas), p50(&their.first_deltas)),
    )
}

/// What went wrong, a line for every row.
pub(crate) fn failures(rows: &[Row]) -> String {
    let mut text = String::new();
    for Row { label, streams, outcome } in rows {
        let why = match outcome {
            Err(why) => format!("{why:#}"),
            Ok(report) => match report.failures.first() {
                Some(why) => format!("{} failed, the first: {why}", report.failures.len()),
                None => continue,
            },
        };
        let _ = writeln!(text, "{label}, {streams} streams: {why}");
    }
    text
}
