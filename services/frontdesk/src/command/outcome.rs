//! What a command comes to: its answer in two forms, or one line and an exit code.
//!
//! The invariant: the codes below are the whole contract with scripts, and standard output holds an answer or nothing.

use std::{io::Write as _, process::ExitCode};

use chassis::{
    Problem, config,
    run::{KILLED, USAGE},
    status,
};
use domain::Kind;
use serde_json::{Value, json};
use tonic::{Code, Status};

/// Exit code of a failure, and of an answer that says that something is not as it should be.
const FAILED: u8 = 1;
/// Exit code where what was asked for is not there, `EX_NOINPUT` of sysexits.h.
const ABSENT: u8 = 66;
/// Exit code where a service cannot be reached, `EX_UNAVAILABLE` of sysexits.h.
const UNAVAILABLE: u8 = 69;

/// The codes, for `--help`.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
  0    done, and everything is as it should be
  1    failed, or something is not as it should be
  64   the command line or a setting is wrong
  66   there is no such contact, member, row, delivery or file
  69   a service cannot be reached or does not answer
  130  interrupted";

/// What a command answers.
#[derive(Debug)]
pub(super) struct Answer {
    json: Value,
    text: String,
    sound: bool,
    silent: bool,
}

/// Why there is no answer. The text is one line and holds no secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The command line or a setting is wrong.
    Usage(String),
    /// What was asked for is not there.
    Absent(String),
    /// A service cannot be reached.
    Unavailable(String),
    /// Anything else.
    Failed(String),
    /// Ctrl-C.
    Interrupted,
}

// === impl Answer ===

impl Answer {
    /// Done: `json` for programs, `text` for people.
    pub(super) fn new(json: Value, text: impl Into<String>) -> Self {
        Self { json, text: text.into(), sound: true, silent: false }
    }

    /// The same, with exit code 1 unless `sound`.
    #[must_use]
    pub(super) fn sound(self, sound: bool) -> Self {
        Self { sound, ..self }
    }

    /// The same without a word: standard output was needed for something else.
    #[must_use]
    pub(super) fn silent(self) -> Self {
        Self { silent: true, ..self }
    }

    /// The same below `text`, and with the members of `json` beside its own.
    pub(super) fn under(mut self, text: String, json: &Value) -> Self {
        if let (Some(own), Some(others)) = (self.json.as_object_mut(), json.as_object()) {
            for (name, value) in others {
                own.entry(name).or_insert_with(|| value.clone());
            }
        }
        Self { text: text + &self.text, ..self }
    }

    /// Shows it; the exit code says whether all is well.
    pub(super) fn show(self, as_json: bool) -> ExitCode {
        let page = if as_json { format!("{:#}", self.json) } else { self.text };
        let page = page.trim_end();
        if !page.is_empty() && !self.silent {
            chassis::run::show(page);
        }
        if self.sound { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
    }
}

// === impl Failure ===

impl Failure {
    /// What a call to `service` failed with.
    pub(super) fn of_call(service: &str, status: &Status) -> Self {
        if status.code() == Code::Unimplemented {
            return Self::Failed(format!("the {service} that runs does not know this command; is it older?"));
        }
        let fault = status::fault(status);
        let text = match &fault.field {
            Some(field) if !fault.message.contains(field.as_str()) => format!("{field}: {}", fault.message),
            _ => fault.message,
        };
        match fault.kind {
            Kind::Invalid => Self::Usage(text),
            Kind::NotFound => Self::Absent(text),
            Kind::Unavailable | Kind::Deadline => Self::Unavailable(format!("{service}: {text}")),
            Kind::Internal => Self::Failed(format!("{service} failed; its log has the story")),
            _ => Self::Failed(text),
        }
    }

    /// Settings that are wrong, all in one line.
    pub(super) fn of_settings(problems: &[Problem]) -> Self {
        Self::Usage(config::listed(problems))
    }

    /// Says it on standard error.
    pub(super) fn show(&self, as_json: bool) -> ExitCode {
        let code = self.code();
        let text = match self {
            Self::Usage(text) | Self::Absent(text) | Self::Unavailable(text) | Self::Failed(text) => text,
            Self::Interrupted => "interrupted",
        };
        let text = super::table::plain(text);
        let line = if as_json {
            json!({"error": text, "exit_code": code}).to_string()
        } else {
            format!("frontdesk: {text}")
        };
        // Whoever closed it does not want to know.
        let _ = writeln!(std::io::stderr().lock(), "{line}");
        ExitCode::from(code)
    }

    fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE,
            Self::Absent(_) => ABSENT,
            Self::Unavailable(_) => UNAVAILABLE,
            Self::Failed(_) => FAILED,
            Self::Interrupted => KILLED,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Fault, Reason};

    use super::*;

    fn of(fault: &Fault) -> Failure {
        Failure::of_call("sheets-writer", &status::status(fault))
    }

    #[test]
    fn a_fault_becomes_its_exit_code() {
        for (kind, code) in [
            (Kind::Invalid, 64),
            (Kind::NotFound, 66),
            (Kind::Unavailable, 69),
            (Kind::Deadline, 69),
            (Kind::Conflict, 1),
            (Kind::Internal, 1),
        ] {
            assert_eq!(
                of(&Fault::new(kind, Reason::ContactUnknown, "no such thing")).code(),
                code,
                "{kind:?}"
            );
        }
        assert_eq!(Failure::Interrupted.code(), 130);
    }

    #[test]
    fn a_field_is_named_once() {
        assert_eq!(of(&Fault::invalid("tab", "must be one")), Failure::Usage("tab: must be one".into()));
        assert_eq!(of(&Fault::invalid("tab", "tab must be one")), Failure::Usage("tab must be one".into()));
    }

    #[test]
    fn every_code_is_in_the_help() {
        for code in [0, FAILED, USAGE, ABSENT, UNAVAILABLE, KILLED] {
            assert!(EXIT_CODES.contains(&format!("\n  {code:<3}  ")), "{code}");
        }
    }
}
