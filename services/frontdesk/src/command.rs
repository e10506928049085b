//! The commands of `frontdesk` besides serving: the first word, when it is no flag.
//!
//! They speak gRPC to a running system, or to one that is started for as long as they take. The invariants: a command
//! either does the whole of what it says or nothing, and tells which; standard output holds its answer alone.

mod backup;
mod contacts;
mod desk;
mod doctor;
mod erasing;
mod events;
mod explain;
mod inbox;
mod indexes;
mod ledger;
mod mcp;
mod members;
mod outcome;
mod peers;
mod progress;
mod reconcile;
mod report;
mod restore;
mod say;
mod stand_ins;
mod table;
mod threads;
mod wire;

use std::process::ExitCode;

use chassis::{
    Vars,
    run::{Signals, USAGE},
};
use clap::{CommandFactory as _, Parser, Subcommand};
use tokio::runtime::Runtime;

use desk::Desk;
use outcome::{Answer, EXIT_CODES, Failure};

/// What the log of a command lets through, unless `RUST_LOG` is set: its failures are told in its own words.
const QUIET: &str = "off";

/// The command line of the commands.
#[derive(Debug, Parser)]
#[command(
    name = "frontdesk",
    about = "The back office behind a website's chat agent",
    disable_help_subcommand = true,
    after_help = EXIT_CODES
)]
struct Line {
    #[command(subcommand)]
    command: Command,

    /// Answers JSON, for programs
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Checks every setting and credential against its provider, and says what to do
    #[command(after_help = doctor::EXAMPLES)]
    Doctor,
    /// Shows the state and the rows of the ledger
    #[command(subcommand, after_help = ledger::EXAMPLES)]
    Ledger(ledger::Command),
    /// Shows, joins and forgets the people in the books
    #[command(subcommand, after_help = contacts::EXAMPLES)]
    Contacts(contacts::Command),
    /// Shows who is who at Whop: members and licences
    #[command(subcommand, after_help = members::EXAMPLES)]
    Members(members::Command),
    /// Shows conversations that wait for a person, answers in them and gives them back
    #[command(subcommand, after_help = threads::EXAMPLES)]
    Threads(threads::Command),
    /// Shows other people's agents the way to the tools
    #[command(subcommand, after_help = mcp::EXAMPLES)]
    Mcp(mcp::Command),
    /// Shows what came in from other programs, and works on it once more
    #[command(subcommand, after_help = inbox::EXAMPLES)]
    Inbox(inbox::Command),
    /// Looks at the calendar, the till and Whop for what no webhook brought, and brings it into the books
    #[command(after_help = reconcile::EXAMPLES)]
    Reconcile(reconcile::Args),
    /// Shows a week in figures, what is unusual, and what people were told
    #[command(after_help = report::EXAMPLES)]
    Report(report::Args),
    /// Shows, repeats and tests what goes out to other programs
    #[command(subcommand, after_help = events::EXAMPLES)]
    Events(events::Command),
    /// Tells everything about one row: where it stands, whose it is, which event made it
    #[command(after_help = explain::EXAMPLES)]
    Explain(explain::Args),
    /// Writes everything that the services keep into one file, while they serve
    #[command(after_help = backup::EXAMPLES)]
    Backup(backup::Args),
    /// Puts a backup into empty stores
    #[command(after_help = restore::EXAMPLES)]
    Restore(restore::Args),
    /// Serves the stand-ins of the providers alone, until Ctrl-C
    #[command(after_help = stand_ins::EXAMPLES)]
    Sandbox(stand_ins::Args),
    /// Shows the indexes that the services' queries need of Firestore
    Indexes,
}

/// What the commands are, for `--help`.
pub(crate) fn overview() -> String {
    let line = Line::command();
    let commands = line.get_subcommands().map(|command| {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        format!("  {:<12} {about}\n", command.get_name())
    });
    let commands: String = commands.collect();
    format!("Commands:\n{commands}  COMMAND --help tells more; all of them take --json\n\n{EXIT_CODES}\n")
}

/// Runs the command that `args` begin with; `None` when they begin with none, so that the system is to be served.
pub fn run(args: &[String]) -> Option<ExitCode> {
    let first = args.first()?;
    if first.starts_with('-') {
        return None;
    }
    let words = std::iter::once("frontdesk").chain(args.iter().map(String::as_str));
    Some(match Line::try_parse_from(words) {
        Ok(line) => perform(line),
        Err(page) => {
            // Help that was asked for goes to the standard output, and is no failure.
            let _ = page.print();
            if page.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
        }
    })
}

fn perform(line: Line) -> ExitCode {
    let mut vars = Vars::from_process();
    if vars.get("RUST_LOG").is_none() {
        vars.set("RUST_LOG", QUIET);
    }
    // What a command does is not worth a trace; a system's own processes send theirs.
    vars.set("OTEL_EXPORTER_OTLP_ENDPOINT", "");
    let json = line.json;
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(why) => return Failure::Failed(format!("no threads: {why}")).show(json),
    };
    let entered = runtime.enter();
    let telemetry = chassis::telemetry::init("frontdesk", false, &vars);
    drop(entered);
    chassis::http::ensure_crypto();
    let code = match runtime.block_on(until_interrupted(line.command, &vars, json)) {
        Ok(answer) => answer.show(json),
        Err(failure) => failure.show(json),
    };
    telemetry.shutdown();
    runtime.shutdown_background();
    code
}

/// What is under way when a signal comes is let go: every change is one call, which its service finishes or not.
async fn until_interrupted(command: Command, vars: &Vars, json: bool) -> Result<Answer, Failure> {
    let mut signals = Signals::catch().map_err(|why| Failure::Failed(format!("no signals: {why}")))?;
    let command = match command {
        Command::Indexes => return Ok(indexes::run()),
        Command::Sandbox(args) => return stand_ins::run(&args, json, signals).await,
        Command::Doctor => {
            return tokio::select! {
                found = doctor::run(vars) => found,
                _ = signals.next() => Err(Failure::Interrupted),
            };
        }
        Command::Mcp(command) => {
            return tokio::select! {
                shown = mcp::run(vars, command) => shown,
                _ = signals.next() => Err(Failure::Interrupted),
            };
        }
        command => command,
    };
    let desk = tokio::select! {
        desk = Desk::find(vars) => desk?,
        _ = signals.next() => return Err(Failure::Interrupted),
    };
    let outcome = tokio::select! {
        outcome = ask(&desk, command) => outcome,
        _ = signals.next() => Err(Failure::Interrupted),
    };
    desk.close().await;
    outcome
}

async fn ask(desk: &Desk, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Ledger(command) => ledger::run(desk, command).await,
        Command::Contacts(command) => contacts::run(desk, command).await,
        Command::Members(command) => members::run(desk, command).await,
        Command::Threads(command) => threads::run(desk, command).await,
        Command::Inbox(command) => inbox::run(desk, command).await,
        Command::Reconcile(args) => reconcile::run(desk, &args).await,
        Command::Report(args) => report::run(desk, &args).await,
        Command::Events(command) => events::run(desk, command).await,
        Command::Explain(args) => explain::run(desk, &args).await,
        Command::Backup(args) => backup::run(desk, args).await,
        Command::Restore(args) => restore::run(desk, args).await,
        Command::Doctor | Command::Mcp(_) | Command::Sandbox(_) | Command::Indexes => {
            unreachable!("they need no system and have been answered")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = include_str!("../../../README.md");

    #[test]
    fn the_command_line_is_sound() {
        Line::command().debug_assert();
        let overview = overview();
        let commands: Vec<String> =
            Line::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
        assert!(commands.len() > 10, "{commands:?}");
        for command in commands {
            assert!(overview.contains(&format!("\n  {command} ")), "{command} in {overview}");
            let named = format!("`{command}");
            let mut rows = README.lines().filter(|line| line.starts_with("| `"));
            assert!(rows.any(|row| row.contains(&named)), "{command} in a table of README.md");
        }
    }
}
