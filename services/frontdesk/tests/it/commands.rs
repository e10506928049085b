//! The command line: the real binary, against a running system and by itself.

mod asked;
mod books;
mod doctor;
mod erasing;
mod finding;
mod mcp;
mod members;
mod reconciling;
mod reporting;
mod threads;

use std::path::Path;

use serde_json::Value;

use crate::processes::child::Process;

/// What a command came to.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `frontdesk` in `dir` with `vars` as its whole environment, and waits for its end.
pub(crate) async fn run(dir: &Path, vars: &[(&str, &str)], args: &[&str]) -> Ran {
    let mut process = Process::start("frontdesk", dir, vars, args);
    let code = process.gone().await;
    Ran { code, out: process.stdout(), err: process.stderr() }
}

impl Ran {
    /// The JSON that it answered, with this exit code and nothing on standard error.
    #[track_caller]
    pub(crate) fn json(&self, code: i32) -> Value {
        assert_eq!((self.code, self.err.as_str()), (code, ""), "{}", self.out);
        serde_json::from_str(&self.out).unwrap_or_else(|why| panic!("{why}: {}", self.out))
    }

    /// The one line in which it failed, with this exit code and nothing on standard output.
    #[track_caller]
    pub(crate) fn failure(&self, code: i32) -> &str {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{}", self.err);
        assert_eq!(self.err.lines().count(), 1, "{}", self.err);
        self.err.trim_end()
    }
}
