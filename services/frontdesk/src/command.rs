//! The commands of `frontdesk` besides serving: the first word, when it is no flag.
//!
//! The invariant: a command either does the whole of what it says or nothing, and tells which.

use std::process::ExitCode;

use chassis::run::{USAGE, show};
use clap::{Parser, Subcommand};

mod indexes;

/// The command line of the commands.
#[derive(Debug, Parser)]
#[command(
    name = "frontdesk",
    about = "The back office behind a website's chat agent",
    disable_help_subcommand = true
)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows the indexes that the services' queries need of Firestore
    Indexes(indexes::Args),
}

/// What the commands are and do, for `--help`.
pub(crate) const OVERVIEW: &str = "\
Commands:
  indexes [--json]     shows the indexes that the services' queries need of Firestore
  COMMAND --help       tells more
";

/// Runs the command that `args` begin with; `None` when they begin with none, so that the system is to be served.
pub fn run(args: &[String]) -> Option<ExitCode> {
    let first = args.first()?;
    if first.starts_with('-') {
        return None;
    }
    let words = std::iter::once("frontdesk").chain(args.iter().map(String::as_str));
    Some(match Line::try_parse_from(words) {
        Ok(Line { command: Command::Indexes(args) }) => {
            show(&indexes::run(&args));
            ExitCode::SUCCESS
        }
        Err(page) => {
            // Help that was asked for goes to the standard output, and is no failure.
            let _ = page.print();
            if page.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
        }
    })
}
