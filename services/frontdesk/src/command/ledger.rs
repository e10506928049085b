//! `frontdesk ledger`: how far the spreadsheet is behind, and the rows as the store has them.

mod sheet;

use std::time::Duration;

use domain::Tab;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Answer, Desk, Failure, progress::Progress, say, say::said, table};

pub(super) const EXAMPLES: &str = "\
Examples:
  frontdesk ledger status                    exit code 1 while something keeps rows back
  frontdesk ledger rows leads --limit 20 --newest
  frontdesk ledger rows payments --limit 0 --json | jq -r '.rows[].row_id'
  frontdesk ledger rows leads --state parked
  frontdesk ledger retry                     all parked rows, once their reason is gone
  frontdesk ledger rebuild leads             after the tab was deleted
  frontdesk ledger restore leads led_01JB7Z9V3S2N8Q4T6W0XY5KCEM
  frontdesk ledger verify                    exit code 1 if the two differ
  frontdesk ledger sheet leads               columns of your own included
  frontdesk ledger adopt-rows leads --dry-run
  frontdesk ledger adopt                     whose the spreadsheet is; with --yes it is taken over";

/// How often a long task is looked at.
const POLL: Duration = Duration::from_millis(500);
/// Columns that a table has no place for; JSON has them.
const WIDE: [&str; 3] = ["id", "payload_json", "metadata"];

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Tells how far the spreadsheet is behind, and what keeps it
    Status,
    /// Shows the rows of a tab as the store has them, oldest first
    Rows(Which),
    /// Gives parked rows another chance
    Retry {
        /// Only of this tab
        tab: Option<Tab>,
        /// Only these rows of the tab
        row_ids: Vec<String>,
    },
    /// Writes rows again that a person deleted from the spreadsheet
    Restore {
        /// The tab
        tab: Tab,
        /// The rows
        #[arg(required = true)]
        row_ids: Vec<String>,
    },
    /// Fills tabs that are gone, or a new spreadsheet, from the store
    Rebuild {
        /// Only this tab
        tab: Option<Tab>,

        /// Does not wait until it is done; it goes on by itself
        #[arg(long)]
        no_wait: bool,
    },
    /// Has what people typed into the spreadsheet read back now
    ReadEdits,
    /// Compares the spreadsheet with the store and shows what differs
    Verify {
        /// Only this tab
        #[arg(long)]
        tab: Option<Tab>,
    },
    /// Shows a tab as it stands in the spreadsheet, columns of people's own included
    Sheet {
        /// The tab
        tab: Tab,

        /// At most so many lines; 0 shows all
        #[arg(long, default_value = "100")]
        limit: usize,
    },
    /// Takes lines that others put into a tab into the store, and gives them ids
    AdoptRows {
        /// The tab
        tab: Tab,

        /// Shows what would be done and does nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Takes over a spreadsheet that another store's ledger has filled
    Adopt {
        /// Does it; without, it is only told what would be done
        #[arg(long)]
        yes: bool,
    },
}

/// Which rows.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// contacts, leads, engagements, bookings, subscriptions, payments or chat_events
    tab: Tab,

    /// At most so many; 0 shows all
    #[arg(long, default_value = "100")]
    limit: usize,

    /// The newest first
    #[arg(long)]
    newest: bool,

    /// Only rows about this contact; of chat_events, of this session
    #[arg(long, value_name = "CONTACT_ID")]
    contact: Option<String>,

    /// Only what happened then or later, RFC 3339
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,

    /// Only what happened earlier, RFC 3339
    #[arg(long, value_name = "TIME")]
    to: Option<Timestamp>,

    /// Only rows that stand so
    #[arg(long, value_parser = ["pending", "written", "parked", "deleted"])]
    state: Option<String>,

    /// Only rows whose column status says this
    #[arg(long)]
    status: Option<String>,
}

pub(super) async fn run(desk: &Desk, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Status => status(desk).await,
        Command::Rows(which) => rows(desk, which).await,
        Command::Retry { tab, row_ids } => {
            let mut request = json!({"row_ids": row_ids});
            if let Some(tab) = tab {
                request["tab"] = json!(tab);
            }
            let done = desk.call("LedgerService/RetryRows", request).await?;
            let text = format!("{} rows wait again", done["retried"]);
            Ok(Answer::new(done, text))
        }
        Command::Restore { tab, row_ids } => {
            let asked = row_ids.len();
            let done =
                desk.call("LedgerService/RestoreRows", json!({"tab": tab, "row_ids": row_ids})).await?;
            let text = format!("{} of {asked} rows wait again", done["restored"]);
            let sound = done["restored"] == asked;
            Ok(Answer::new(done, text).sound(sound))
        }
        Command::Rebuild { tab, no_wait } => rebuild(desk, tab, no_wait).await,
        Command::ReadEdits => {
            let done = desk.call("LedgerService/ReadEdits", json!({})).await?;
            Ok(Answer::new(done, "the spreadsheet is read soon"))
        }
        Command::Verify { tab } => sheet::verify(desk, tab).await,
        Command::Sheet { tab, limit } => sheet::show(desk, tab, limit).await,
        Command::AdoptRows { tab, dry_run } => sheet::adopt_rows(desk, tab, dry_run).await,
        Command::Adopt { yes } => sheet::adopt(desk, yes).await,
    }
}

async fn status(desk: &Desk) -> Result<Answer, Failure> {
    let status = desk.call("LedgerService/GetLedgerStatus", json!({})).await?;
    let fields = status.as_object().into_iter().flatten().filter(|(name, _)| *name != "restorations");
    let mut text = table::fields(fields.map(|(name, value)| (name.as_str(), said(value))));
    if let Some(last) = status["restorations"].as_array().filter(|last| !last.is_empty()) {
        let columns = ["notice_time", "tab", "row_id", "column", "left"];
        text.push_str(&format!("\n\ncells of ours that somebody changed:\n{}", say::listed(last, &columns)));
    }
    let sound = status["blocked"] == "" && status["parked"] == 0;
    Ok(Answer::new(status, text).sound(sound))
}

async fn rebuild(desk: &Desk, tab: Option<Tab>, no_wait: bool) -> Result<Answer, Failure> {
    let mut request = json!({});
    if let Some(tab) = tab {
        request["tab"] = json!(tab);
    }
    desk.call("LedgerService/RebuildTabs", request).await?;
    let mut progress = Progress::of("rows");
    loop {
        let status = desk.call("LedgerService/GetLedgerStatus", json!({})).await?;
        let (left, blocked) = (said(&status["rebuilding"]), said(&status["blocked"]));
        let done = left.is_empty() && status["pending"] == 0;
        if done || no_wait || !blocked.is_empty() {
            let text = match (done, blocked.is_empty()) {
                (true, _) => "done: the spreadsheet shows what the store has".to_owned(),
                (false, true) => format!("it goes on by itself: {left}"),
                (false, false) => format!("it waits: {blocked}"),
            };
            return Ok(Answer::new(status, text).sound(blocked.is_empty()));
        }
        progress.says(&format!("{left} {} rows wait", status["pending"]));
        tokio::time::sleep(POLL).await;
    }
}

async fn rows(desk: &Desk, which: Which) -> Result<Answer, Failure> {
    let Which { tab, limit, .. } = which;
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let mut request = json!({"tab": tab, "newest_first": which.newest});
    let given = [
        ("contact_id", which.contact),
        ("from_time", time(which.from)),
        ("to_time", time(which.to)),
        ("state", which.state),
        ("status", which.status),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            request[name] = value.into();
        }
    }
    let (rows, more) =
        desk.first(limit, "LedgerService/ListRows", &request, "rows", Progress::of("rows")).await?;
    let mut text = page(tab, &rows);
    if more {
        text.push_str(&format!("\nthere are more than {limit}; --limit 0 shows all"));
    }
    Ok(Answer::new(json!({"rows": rows, "more": more}), text))
}

fn page(tab: Tab, rows: &[Value]) -> String {
    let columns = tab.columns().iter().filter(|column| !WIDE.contains(column));
    // A column that is empty in all rows says nothing.
    let used = columns.filter(|column| rows.iter().any(|row| !said(&row["cells"][**column]).is_empty()));
    let columns: Vec<&str> = used.copied().collect();
    let line = |row: &Value| {
        let own = ["state", "row_id"].map(|name| said(&row[name]));
        own.into_iter().chain(columns.iter().map(|column| said(&row["cells"][*column]))).collect()
    };
    let names: Vec<&str> = ["state", "id"].into_iter().chain(columns.iter().copied()).collect();
    table::rows(&names, &rows.iter().map(line).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_the_columns_that_say_something() {
        let row = json!({"row_id": "led_1", "state": "written", "cells": {
            "id": "led_1", "contact_id": "con_1", "score": 0.72, "owner": null, "notes": "a\nb",
        }});
        let page = page(Tab::Leads, &[row]);
        assert_eq!(page, "state    id     contact_id  notes  score\nwritten  led_1  con_1       a b    0.72");
    }
}
