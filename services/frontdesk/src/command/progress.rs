//! How far a long command is, on a terminal.
//!
//! The invariant: nothing is shown before two seconds have passed or where standard error is no terminal, and what was
//! shown is gone before the answer.

use std::{
    io::{self, IsTerminal as _, Write},
    time::{Duration, Instant},
};

use super::table::plain;

/// Shorter than this needs no progress.
const QUIET: Duration = Duration::from_secs(2);
/// How often the line changes.
const STEP: Duration = Duration::from_millis(100);
/// Cells of the bar.
const CELLS: u64 = 24;
/// Back to the line's begin, and clear it.
const CLEAR: &str = "\r\u{1b}[2K";

/// A line that grows. It goes when this value does.
pub(super) struct Progress {
    what: &'static str,
    out: Option<Box<dyn Write + Send>>,
    since: Instant,
    shown: Option<Instant>,
}

// === impl Progress ===

impl Progress {
    /// Begins to count `what`, such as `rows`.
    pub(super) fn of(what: &'static str) -> Self {
        let terminal = io::stderr().is_terminal();
        Self::new(what, terminal.then(|| Box::new(io::stderr()) as Box<dyn Write + Send>), Instant::now())
    }

    fn new(what: &'static str, out: Option<Box<dyn Write + Send>>, since: Instant) -> Self {
        Self { what, out, since, shown: None }
    }

    /// So many are done; of how many, if that is known.
    pub(super) fn at(&mut self, done: u64, of: Option<u64>) {
        self.at_time(done, of, Instant::now());
    }

    /// How far it is, in the words of who does it.
    pub(super) fn says(&mut self, words: &str) {
        self.show(words, Instant::now());
    }

    fn at_time(&mut self, done: u64, of: Option<u64>, now: Instant) {
        let what = self.what;
        match of.filter(|of| *of > 0) {
            Some(of) => self.show(&format!("[{}] {done} of {of} {what}", bar(done, of)), now),
            None => self.show(&format!("{done} {what}"), now),
        }
    }

    fn show(&mut self, words: &str, now: Instant) {
        let early = now.duration_since(self.since) < QUIET;
        let again = self.shown.is_some_and(|shown| now.duration_since(shown) < STEP);
        let Some(out) = self.out.as_mut().filter(|_| !early && !again) else { return };
        self.shown = Some(now);
        let seconds = now.duration_since(self.since).as_secs();
        // A terminal that is gone is no reason to stop.
        let _ = write!(out, "{CLEAR}{}, {seconds} s", plain(words));
        let _ = out.flush();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(out) = self.out.as_mut().filter(|_| self.shown.is_some()) {
            let _ = write!(out, "{CLEAR}");
            let _ = out.flush();
        }
    }
}

fn bar(done: u64, of: u64) -> String {
    let full = CELLS * done.min(of) / of;
    (0..CELLS).map(|cell| if cell < full { '#' } else { '.' }).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Screen {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    #[test]
    fn it_waits_two_seconds_and_leaves_nothing_behind() {
        let (screen, start) = (Screen::default(), Instant::now());
        let mut progress = Progress::new("rows", Some(Box::new(screen.clone())), start);
        progress.at_time(1, None, start + Duration::from_millis(1_999));
        assert_eq!(screen.text(), "");
        progress.at_time(7, None, start + Duration::from_millis(2_000));
        progress.at_time(8, None, start + Duration::from_millis(2_050));
        progress.at_time(12, Some(24), start + Duration::from_millis(3_100));
        drop(progress);
        let half = format!("[{}{}] 12 of 24 rows, 3 s", "#".repeat(12), ".".repeat(12));
        assert_eq!(screen.text(), format!("{CLEAR}7 rows, 2 s{CLEAR}{half}{CLEAR}"));
    }

    #[test]
    fn a_short_one_shows_nothing_at_all() {
        let screen = Screen::default();
        let mut progress = Progress::new("rows", Some(Box::new(screen.clone())), Instant::now());
        progress.at(1, Some(2));
        drop(progress);
        assert_eq!(screen.text(), "");
    }
}
