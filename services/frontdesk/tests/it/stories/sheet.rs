//! What the spreadsheet says, in a form in which two runs of one story are equal.
//!
//! Ids become numbers by where they first stand, moments become the mere fact that they are there; starts and ends of
//! meetings stay, since they are what a story is about.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use domain::Tab;
use proto::common::v1::{
    InboxState, ListInboxRequest, TickRequest, operations_service_client::OperationsServiceClient,
};
use serde_json::{Map, Value, json};

use super::scripts::SENDERS;
use crate::world::{PATIENCE, World, lines};

/// Columns of ids, which differ from run to run.
const IDS: [&str; 5] = ["id", "contact_id", "cal_event_id", "invoice_id", "session_id"];
/// Columns of moments at which something happened in a run.
const MOMENTS: [&str; 7] =
    ["created_at", "occurred_at", "last_touch", "paid_at", "started_at", "renews_at", "canceled_at"];
/// Members of metadata that are ids.
const LINKS: [&str; 4] = ["checkout", "booking", "subscription", "membership"];

/// All seven tabs, without what chance or the clock put there.
pub(crate) type Sheet = BTreeMap<&'static str, Vec<Value>>;

/// Reads the spreadsheet. People come first, by their addresses; what names them is then in one order in every run.
pub(super) fn read(sandbox: &sandbox::Sandbox) -> Sheet {
    let mut names = Names::default();
    let mut sheet = Sheet::new();
    for tab in Tab::ALL.map(Tab::as_str) {
        let mut lines: Vec<_> =
            lines(sandbox, tab).into_iter().map(|line| (names.look(&line).to_string(), line)).collect();
        lines.sort_by(|(one, _), (other, _)| one.cmp(other));
        sheet.insert(tab, lines.iter().map(|(_, line)| names.put(line)).collect());
    }
    sheet
}

/// The numbers of ids.
#[derive(Default)]
struct Names(BTreeMap<String, usize>);

impl Names {
    /// A line with the ids that are known; the others are nothing yet.
    fn look(&self, line: &Value) -> Value {
        each(line, &mut |id| self.0.get(id).map(|number| format!("#{number}")).unwrap_or_default())
    }

    fn put(&mut self, line: &Value) -> Value {
        each(line, &mut |id| {
            let next = self.0.len();
            format!("#{}", self.0.entry(id.to_owned()).or_insert(next))
        })
    }
}

fn each(line: &Value, name: &mut impl FnMut(&str) -> String) -> Value {
    let mut named = |value: &Value| match value.as_str() {
        Some(id) if !id.is_empty() => json!(name(id)),
        _ => value.clone(),
    };
    let cells = line.as_object().unwrap().iter().map(|(column, cell)| {
        let cell = match column.as_str() {
            column if IDS.contains(&column) => named(cell),
            column if MOMENTS.contains(&column) => json!(!cell.is_null()),
            "payload_json" => Value::Null,
            "metadata" => {
                let metadata = cell.as_str().and_then(|text| serde_json::from_str::<Map<_, _>>(text).ok());
                let metadata = metadata.unwrap_or_default().into_iter();
                let put = |(key, value): (String, Value)| {
                    let value = if LINKS.contains(&key.as_str()) { named(&value) } else { value };
                    (key, value)
                };
                metadata.map(put).collect::<Map<_, _>>().into()
            }
            _ => cell.clone(),
        };
        (column.clone(), cell)
    });
    Value::Object(cells.collect())
}

impl World {
    /// Waits until no webhook is on its way, nothing waits at the services that follow, and all rows are written.
    pub(crate) async fn at_rest(&self) -> Sheet {
        let deadline = Instant::now() + PATIENCE;
        let mut last = None;
        loop {
            let on_the_way = SENDERS.map(|sender| self.sandbox().webhooks(sender).under_way());
            let (mut waiting, mut is_idle) = (Vec::new(), true);
            for follower in self.followers() {
                let mut operations = OperationsServiceClient::new(follower);
                let request = ListInboxRequest { state: InboxState::Waiting.into(), ..Default::default() };
                waiting.extend(operations.list_inbox(request).await.unwrap().into_inner().messages);
                let ticked = operations.tick(TickRequest {}).await;
                is_idle &= ticked.is_ok_and(|ticked| ticked.get_ref().done.iter().all(|one| one.number == 0));
            }
            let found = if on_the_way.iter().all(|count| *count == 0) && waiting.is_empty() && is_idle {
                self.all_written().await;
                Some(read(self.sandbox()))
            } else {
                None
            };
            if found.is_some() && found == last {
                return read(self.sandbox());
            }
            assert!(Instant::now() < deadline, "it never rests: {on_the_way:?} {waiting:?}");
            last = found;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the spreadsheet says this, and nothing else once all is at rest.
    pub(super) async fn sheet_becomes(&self, expected: &Sheet) {
        let deadline = Instant::now() + PATIENCE;
        while read(self.sandbox()) != *expected && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let found = self.at_rest().await;
        for (tab, lines) in expected {
            assert_eq!(&found[tab], lines, "{tab}");
        }
    }
}
