//! The spreadsheet itself: compared with the store, shown, and taken over.

use domain::Tab;
use serde_json::{Value, json};

use super::{Answer, Desk, Failure, Progress, said, say, table};

/// Times that adopt-rows asks again; each time it takes a hundred lines.
const MOST_CALLS: usize = 1_000;

fn of_tab(tab: Option<Tab>) -> Value {
    tab.map_or_else(|| json!({}), |tab| json!({"tab": tab}))
}

/// Compares, and tells what differs. What is no fault is shown and fails nothing.
pub(super) async fn verify(desk: &Desk, tab: Option<Tab>) -> Result<Answer, Failure> {
    let mut progress = Progress::of("lines and rows");
    let (mut differences, mut tabs) = (Vec::new(), serde_json::Map::new());
    let take = |mut said: Value| {
        let tab = said["tab"].take();
        for mut difference in said["differences"].as_array_mut().map(std::mem::take).unwrap_or_default() {
            difference["tab"] = tab.clone();
            differences.push(difference);
        }
        let name = tab.as_str().unwrap_or_default().to_owned();
        tabs.insert(name, json!({"lines": said["lines"], "rows": said["rows"]}));
        let sum = |what: &str| tabs.values().filter_map(|tab| tab[what].as_u64()).sum::<u64>();
        progress.at(sum("lines") + sum("rows"), None);
    };
    desk.stream("LedgerService/VerifyLedger", of_tab(tab), take).await?;
    drop(progress);
    let faults = differences.iter().filter(|difference| difference["fault"] == true).count();
    let told = if differences.is_empty() {
        "the spreadsheet shows what the store has".to_owned()
    } else {
        let columns = ["tab", "line", "kind", "row_id", "column", "stored", "shown", "detail"];
        let notes = differences.len() - faults;
        let told = say::listed(&differences, &columns);
        format!("{told}\n{faults} that should not be, {notes} that are no fault")
    };
    let counts: Vec<Vec<String>> =
        tabs.iter().map(|(tab, of)| vec![tab.clone(), said(&of["lines"]), said(&of["rows"])]).collect();
    let text = format!("{}\n\n{told}", table::rows(&["tab", "lines", "rows"], &counts));
    let equal = faults == 0;
    Ok(Answer::new(json!({"equal": equal, "tabs": tabs, "differences": differences}), text).sound(equal))
}

/// The lines of a tab as they stand.
pub(super) async fn show(desk: &Desk, tab: Tab, limit: usize) -> Result<Answer, Failure> {
    let request = json!({"tab": tab});
    let head = desk.call("LedgerService/ReadSheet", json!({"tab": tab, "page_size": 1})).await?;
    let progress = Progress::of("lines");
    let (rows, more) = desk.first(limit, "LedgerService/ReadSheet", &request, "rows", progress).await?;
    let columns: Vec<String> = head["columns"].as_array().into_iter().flatten().map(said).collect();
    let used: Vec<&str> = columns
        .iter()
        .map(String::as_str)
        .filter(|column| *column != "payload_json" && rows.iter().any(|row| !row["cells"][*column].is_null()))
        .collect();
    let line = |row: &Value| {
        let cells = used.iter().map(|column| said(&row["cells"][*column]));
        std::iter::once(said(&row["line"])).chain(cells).collect()
    };
    let names: Vec<&str> = std::iter::once("line").chain(used.iter().copied()).collect();
    let mut text = table::rows(&names, &rows.iter().map(line).collect::<Vec<Vec<String>>>());
    if more {
        text.push_str(&format!("\nthere are more than {limit}; --limit 0 shows all"));
    }
    let title = &head["title"];
    Ok(Answer::new(json!({"title": title, "columns": columns, "rows": rows, "more": more}), text))
}

/// Takes strange lines over; what cannot be read fails the command.
pub(super) async fn adopt_rows(desk: &Desk, tab: Tab, dry_run: bool) -> Result<Answer, Failure> {
    let mut progress = Progress::of("lines");
    let request = json!({"tab": tab, "dry_run": dry_run});
    let (mut rows, mut unreadable): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    let mut more = true;
    for _ in 0..MOST_CALLS {
        let mut done = desk.call("LedgerService/AdoptRows", request.clone()).await?;
        more = done["more"] == true;
        let mut taken = 0;
        for (name, all) in [("rows", &mut rows), ("unreadable", &mut unreadable)] {
            for entry in done[name].as_array_mut().map(std::mem::take).unwrap_or_default() {
                // A line whose id is not written yet is told again.
                if !all.iter().any(|known| known["line"] == entry["line"]) {
                    all.push(entry);
                    taken += 1;
                }
            }
        }
        progress.at(rows.len() as u64, None);
        // Lines that are taken give way to the next ones once their ids stand.
        if !more || dry_run || taken == 0 {
            break;
        }
    }
    drop(progress);
    let verb =
        if dry_run { "would be taken over" } else { "are rows now; ids that are missing are written soon" };
    let mut text =
        format!("{}\n{} lines {verb}", say::listed(&rows, &["line", "row_id", "kept_id"]), rows.len());
    if !unreadable.is_empty() {
        let told = say::listed(&unreadable, &["line", "column", "reason"]);
        text.push_str(&format!("\n\nlines that cannot be read and are left alone:\n{told}"));
    }
    if more {
        text.push_str("\nthere are more: run it again");
    }
    let sound = unreadable.is_empty();
    Ok(Answer::new(json!({"rows": rows, "unreadable": unreadable, "more": more}), text).sound(sound))
}

/// Tells whose the spreadsheet is, and takes it over.
pub(super) async fn adopt(desk: &Desk, yes: bool) -> Result<Answer, Failure> {
    let mut found = desk.call("LedgerService/AdoptLedger", json!({})).await?;
    let ledgers: Vec<String> =
        found["foreign_ledger_ids"].as_array().into_iter().flatten().map(said).collect();
    if ledgers.is_empty() {
        return Ok(Answer::new(found, "the spreadsheet belongs to no other ledger; there is nothing to do"));
    }
    let whose = format!("the spreadsheet belongs to ledger {}", ledgers.join(", "));
    if !yes {
        let text = format!(
            "{whose}, which left {} marks in it.\n\
             With --yes this store's ledger takes it over: the other one's marks are deleted in one batch, and its\n\
             writer, should it still run, finds the spreadsheet foreign and stops. Rows of this store are written into\n\
             the lines that have their ids, else appended; what people typed into lines of such rows is written over.\n\
             Lines whose id this store does not know stay as they are: see ledger verify and ledger adopt-rows.",
            found["foreign_batches"]
        );
        return Ok(Answer::new(found, text).sound(false));
    }
    for ledger in &ledgers {
        found = desk.call("LedgerService/AdoptLedger", json!({"foreign_ledger_id": ledger})).await?;
    }
    let mut progress = Progress::of("ledgers");
    let status = loop {
        let status = desk.call("LedgerService/GetLedgerStatus", json!({})).await?;
        let foreign = desk.call("LedgerService/AdoptLedger", json!({})).await?;
        let is_ours = foreign["foreign_ledger_ids"] == json!([]);
        if is_ours && status["pending"] == 0 && status["batch_open"] == false {
            break status;
        }
        let blocked = said(&status["blocked"]);
        if !blocked.is_empty() && !blocked.contains("belongs to ledger") {
            return Ok(
                Answer::new(status, format!("it goes on by itself, and waits: {blocked}")).sound(false)
            );
        }
        progress.says(&format!("{} rows wait", status["pending"]));
        tokio::time::sleep(super::POLL * 4).await;
    };
    drop(progress);
    let verified = verify(desk, None).await?;
    let text = format!("{whose} no more; it is ledger {}'s now\n\n", said(&status["ledger_id"]));
    Ok(verified.under(text, &found))
}
