//! Points at which a process can be made to kill itself, so that a test can have it die exactly there.
//!
//! `FRONTDESK_DIE_AT=sent:2` kills the process with SIGKILL when it passes the point `sent` for the second time; `sent`
//! alone means the first. Nothing is flushed, closed or answered: the operating system ends it. The points are those
//! between two steps that must not come apart, see [`Point`]. The invariant: a release build holds nothing of this but
//! an empty function, and no setting of one can end it.

/// A moment between two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// `committed`: events and rows are durable, and nobody was answered.
    Committed,
    /// `opened`: a batch is recorded as open, and was not sent.
    Opened,
    /// `sent`: Sheets has answered that a batch is written, and the store does not know.
    Sent,
    /// `settled`: an unclear batch was settled, and the store does not know; the next batch has not begun.
    Settled,
}

/// The process is at `point`; it may end here in a debug build.
#[inline]
#[cfg_attr(
    not(debug_assertions),
    expect(unused_variables, reason = "there are no points in a release build")
)]
pub fn pass(point: Point) {
    #[cfg(debug_assertions)]
    deadly::pass(point);
}

#[cfg(debug_assertions)]
mod deadly {
    use std::{
        process::Command,
        sync::{
            LazyLock,
            atomic::{AtomicU32, Ordering},
        },
    };

    use super::Point;

    const SETTING: &str = "FRONTDESK_DIE_AT";

    static WISH: LazyLock<Option<Wish>> = LazyLock::new(wish);

    /// Where to die, and how many passings are left.
    struct Wish {
        point: String,
        left: AtomicU32,
    }

    #[expect(clippy::disallowed_methods, reason = "no setting: a lever of tests, which a release has not")]
    fn wish() -> Option<Wish> {
        std::env::var(SETTING).ok().map(|text| Wish::read(&text))
    }

    pub(super) fn pass(point: Point) {
        if WISH.as_ref().is_some_and(|wish| wish.is_at(point)) {
            die();
        }
    }

    /// Ends the process as `kill -9` does. Other threads may go on for the moment that takes, this one does not.
    fn die() -> ! {
        let process = std::process::id().to_string();
        // a shell that is missing must not let the process live on
        let _ = Command::new("/bin/sh").args(["-c", "kill -9 \"$0\"", &process]).status();
        std::process::abort()
    }

    // === impl Wish ===

    impl Wish {
        fn read(text: &str) -> Self {
            let (point, times) = text.split_once(':').unwrap_or((text, "1"));
            let times = times.parse().unwrap_or_else(|_| panic!("{SETTING} must be a point and a number"));
            Self { point: point.to_owned(), left: AtomicU32::new(times) }
        }

        /// Whether this is the passing that was wished for.
        fn is_at(&self, point: Point) -> bool {
            self.point.eq_ignore_ascii_case(&format!("{point:?}"))
                && self.left.fetch_sub(1, Ordering::Relaxed) == 1
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_nth_passing_of_the_named_point_is_the_last() {
            let wish = Wish::read("sent:2");
            let passed = [Point::Sent, Point::Committed, Point::Sent, Point::Sent];
            assert_eq!(passed.map(|point| wish.is_at(point)), [false, false, true, false]);
            assert!(Wish::read("committed").is_at(Point::Committed));
        }
    }
}
