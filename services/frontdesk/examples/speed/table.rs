//! The figures beside what is to hold.
//!
//! The invariant: every figure that has a hold says whether it is held, and a miss by how much.

use crate::{
    figures::{Figures, Findings},
    rig::grid::{dash, percentiles, render},
    subject::Kind,
    traffic::MANY,
};

/// Microseconds of a process that are not worth a word.
const NOTHING: f64 = 0.5;
const MEGABYTE: f64 = 1e6;

/// What DESIGN section 15 asks for.
mod hold {
    pub(super) const MINT_US: f64 = 150.0;
    pub(super) const MINT_RATIO: f64 = 3.0;
    pub(super) const HELD_US: f64 = 60.0;
    pub(super) const EVENTS: f64 = 5_000.0;
    pub(super) const START_MS: f64 = 30.0;
    pub(super) const START_ALL_MS: f64 = 60.0;
    pub(super) const MEMORY_MB: f64 = 20.0;
    pub(super) const MEMORY_ALL_MB: f64 = 60.0;
}

/// All tables.
pub(crate) fn tables(findings: &Findings) -> String {
    [sessions(findings), events(findings), processes(findings)].join("\n")
}

fn sessions(findings: &Findings) -> String {
    let mut lines = vec![cells([
        "sessions".to_owned(),
        "processor µs each".to_owned(),
        "hold".to_owned(),
        "× bare".to_owned(),
        "hold".to_owned(),
        format!("µs each at {}/s", findings.rate),
        "p50 / p99 ms".to_owned(),
        "most /s".to_owned(),
    ])];
    for (what, figures, most, ratio) in [
        ("mint", &findings.mint, hold::MINT_US, Some(hold::MINT_RATIO)),
        ("re-served", &findings.held, hold::HELD_US, None),
    ] {
        let bare = figures.iter().find(|figures| figures.kind == Kind::Bare);
        for each in figures {
            let ours = each.kind != Kind::Bare;
            let times = ours.then(|| times_bare(each, bare)).flatten();
            let judged = each.per_event_in_all(&each.flat_out).filter(|_| ours);
            lines.push(cells([
                format!("{what}, {}", each.kind.label()),
                parts(each),
                at_most(judged, most),
                dash(times, 1),
                ratio.map_or_else(|| "–".to_owned(), |most| at_most(times, most)),
                dash(each.per_event_in_all(&each.paced), 0),
                percentiles(&each.times()),
                dash(each.rate(), 0),
            ]));
        }
    }
    render(&lines)
}

/// The table of events.
pub(crate) fn events(findings: &Findings) -> String {
    let mut lines = vec![cells([
        "events".to_owned(),
        "taken /s".to_owned(),
        "hold".to_owned(),
        "processor µs each".to_owned(),
        "× bare".to_owned(),
        format!("µs each at {}/s", findings.rate),
        "p50 / p99 ms".to_owned(),
        "load µs each".to_owned(),
    ])];
    let bare = findings.events.iter().map(|(_, figures)| figures).find(|figures| figures.kind == Kind::Bare);
    for (what, each) in &findings.events {
        let ours = each.kind != Kind::Bare;
        lines.push(cells([
            format!("{what}, {}", each.kind.label()),
            dash(each.rate(), 0),
            at_least(each.rate().filter(|_| ours), hold::EVENTS),
            parts(each),
            dash(ours.then(|| times_bare(each, bare)).flatten(), 1),
            dash(each.per_event_in_all(&each.paced), 0),
            percentiles(&each.times()),
            dash(each.beside(&each.flat_out), 0),
        ]));
    }
    render(&lines)
}

fn processes(findings: &Findings) -> String {
    let headings = ["process", "MB idle", "hold", "most", "hold", "exec → first answer ms", "hold"];
    let mut lines = vec![cells(headings.map(str::to_owned))];
    for (name, kind, idle, peak) in &findings.memory {
        let (memory, start) = match kind {
            Kind::Services => (Some(hold::MEMORY_MB), Some(hold::START_MS)),
            Kind::AllInOne => (Some(hold::MEMORY_ALL_MB), Some(hold::START_ALL_MS)),
            Kind::Bare => (None, None),
        };
        let judge = |figure: f64, hold: Option<f64>| at_most(hold.map(|_| figure), hold.unwrap_or_default());
        let [idle, peak] = [idle, peak].map(|bytes| *bytes as f64 / MEGABYTE);
        let spread = findings.starts.iter().find(|starts| starts.name == *name).map(|starts| starts.spread());
        let [shortest, median, longest] = spread.unwrap_or_default();
        lines.push(cells([
            (*name).to_owned(),
            format!("{idle:.1}"),
            judge(idle, memory),
            format!("{peak:.1}"),
            judge(peak, memory),
            format!("{median:.1} ({shortest:.1} to {longest:.1})"),
            judge(median, start),
        ]));
    }
    render(&lines)
}

/// What the columns mean.
pub(crate) fn legend(findings: &Findings) -> String {
    let (sessions, events) = findings.load();
    format!(
        "Processor time is user and kernel time of the service's processes, the median of rounds as fast as requests \
         go.\nBare is the least that axum and reqwest do for it: forward a mint to the same stand-in, answer a \
         re-served session from\nmemory, append an event to a file and sync it; × bare is the ratio of processor \
         time. p50 / p99 are at {rate}/s, from when\na request was due. Load is what the load and the stand-ins took, \
         on the same processors. An array has {MANY} events. Most is\nwhat was resident at most, under these \
         {sessions} new sessions and {events} events. A start is the median of its times (shortest to\nlongest), on a \
         store that is there. Other programs took {others:.0} % of the processors meanwhile: every figure is the \
         worse for it.\n",
        rate = findings.rate,
        others = findings.others() * 100.0
    )
}

fn cells<const N: usize>(cells: [String; N]) -> Vec<String> {
    cells.to_vec()
}

/// How many times the yardstick's processor time this takes.
fn times_bare(figures: &Figures, bare: Option<&Figures>) -> Option<f64> {
    let bare = bare?;
    Some(figures.per_event_in_all(&figures.flat_out)? / bare.per_event_in_all(&bare.flat_out)?)
}

/// `gateway 60 + session-broker 80 = 140`
fn parts(figures: &Figures) -> String {
    let all = dash(figures.per_event_in_all(&figures.flat_out), 0);
    let parts = figures.parts.iter().zip(figures.per_part(&figures.flat_out));
    let parts = parts.filter_map(|(name, part)| Some((name, part.filter(|part| *part > NOTHING)?)));
    let parts: Vec<String> = parts.map(|(name, part)| format!("{name} {part:.0}")).collect();
    if parts.len() < 2 { all } else { format!("{} = {all}", parts.join(" + ")) }
}

fn at_most(figure: Option<f64>, most: f64) -> String {
    let Some(figure) = figure else { return "–".to_owned() };
    let verdict = if figure <= most { "held".to_owned() } else { format!("missed, × {:.2}", figure / most) };
    format!("≤ {most} {verdict}")
}

fn at_least(figure: Option<f64>, least: f64) -> String {
    let Some(figure) = figure else { return "–".to_owned() };
    let verdict =
        if figure >= least { "held".to_owned() } else { format!("missed, × {:.2}", figure / least) };
    format!("≥ {least} {verdict}")
}
