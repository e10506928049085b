//! What there is afterwards: at the providers, in what people were told, and in the books.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use chassis::Link;
use prost_types::value::Kind;
use proto::{
    common::v1::{
        InboxState, ListInboxRequest, ReplayInboxRequest, TickRequest,
        operations_service_client::OperationsServiceClient,
    },
    ops::v1::{ListNoticesRequest, NoticeState, notify_service_client::NotifyServiceClient},
    sheets::v1::{
        DeliveryState, ListDeliveriesRequest, ListRowsRequest, Row, Tab,
        delivery_service_client::DeliveryServiceClient, ledger_service_client::LedgerServiceClient,
    },
};
use sandbox::{WHOP_ACCOUNT_ID, WHOP_API_KEY};
use serde_json::Value;

use super::desk::{Desk, SERVICES};

/// How long what is under way may take to come to its end: failed deliveries are tried again after a while.
const SETTLING: Duration = Duration::from_secs(300);
const TABS: [(&str, Tab); 6] = [
    ("contacts", Tab::Contacts),
    ("leads", Tab::Leads),
    ("engagements", Tab::Engagements),
    ("bookings", Tab::Bookings),
    ("payments", Tab::Payments),
    ("chat_events", Tab::ChatEvents),
];

/// What there is.
pub(super) struct Effects {
    pub(super) bookings: Vec<Value>,
    pub(super) checkouts: Vec<Value>,
    pub(super) tickets: Vec<String>,
    /// By `Message-ID`: a mail server that was not heard is given the same letter again, as whoever is killed then gives it.
    pub(super) letters: BTreeMap<String, String>,
    pub(super) rows: BTreeMap<&'static str, Vec<Value>>,
}

impl Desk {
    /// Waits until nothing is under way any more and the books have so many rows of meetings, and looks.
    pub(super) async fn effects(&self, members: &[String], meetings: usize) -> Effects {
        self.settle(meetings).await;
        let mut tickets = Vec::new();
        for user in members {
            tickets.extend(self.tickets_of(user).await);
        }
        let mut rows = BTreeMap::new();
        for (name, tab) in TABS {
            rows.insert(name, self.rows(tab).await);
        }
        Effects {
            bookings: self.sandbox.calendar().bookings(),
            checkouts: self.sandbox.till().all("checkout.session").unwrap(),
            tickets,
            letters: self.letters(),
            rows,
        }
    }
}

impl Desk {
    /// Waits until nobody has anything left to do.
    async fn settle(&self, meetings: usize) {
        let deadline = Instant::now() + SETTLING;
        let mut last = Vec::new();
        loop {
            let waiting = self.waiting().await;
            let counts = self.sizes().await;
            let are_told = self.rows(Tab::Bookings).await.len() >= meetings;
            if waiting.is_empty() && are_told && counts == last {
                return;
            }
            assert!(Instant::now() < deadline, "it never rests: {waiting:?}");
            last = counts;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What somebody still has to do, once they were all told to do it.
    async fn waiting(&self) -> Vec<String> {
        let mut waiting = Vec::new();
        for service in SERVICES.into_iter().filter(|service| *service != "gateway") {
            let ticked = OperationsServiceClient::new(self.link(service)).tick(TickRequest {}).await.unwrap();
            let done = ticked.into_inner().done;
            waiting.extend(
                done.into_iter().filter(|done| done.number > 0).map(|done| format!("{service}: {done:?}")),
            );
        }
        for service in ["booking-payments", "whop-gateway"] {
            let request = ListInboxRequest { state: InboxState::Waiting.into(), ..Default::default() };
            let mut operations = OperationsServiceClient::new(self.link(service));
            for message in operations.list_inbox(request).await.unwrap().into_inner().messages {
                waiting.push(format!("{service}: {message:?}"));
                // whoever was killed over it had it for a minute; done meanwhile, it is unknown
                let _ = operations.replay_inbox(ReplayInboxRequest { message_id: message.message_id }).await;
            }
        }
        let request = ListDeliveriesRequest { state: DeliveryState::Waiting.into(), ..Default::default() };
        let mut deliveries = DeliveryServiceClient::new(self.link("sheets-writer"));
        let deliveries = deliveries.list_deliveries(request).await.unwrap().into_inner().deliveries;
        waiting.extend(deliveries.iter().map(|delivery| format!("{delivery:?}")));
        let request = ListNoticesRequest { page_size: 500, ..Default::default() };
        let notices = NotifyServiceClient::new(self.link("ops-copilot")).list_notices(request).await.unwrap();
        let notices = notices.into_inner().notices.into_iter();
        let notices = notices.filter(|notice| notice.state() == NoticeState::Waiting);
        waiting.extend(notices.map(|notice| format!("{notice:?}")));
        waiting
    }

    async fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![self.sandbox.told().unwrap().len(), self.sandbox.calendar().bookings().len()];
        for (_, tab) in TABS {
            sizes.push(self.rows(tab).await.len());
        }
        sizes
    }

    /// What people were told, by `Message-ID`.
    pub(super) fn letters(&self) -> BTreeMap<String, String> {
        let letters = self.sandbox.told().unwrap().into_iter().map(|told| (told.letter.unwrap(), told.text));
        letters.map(|(letter, text)| (letter.message_id, format!("{}\n{text}", letter.subject))).collect()
    }

    /// All rows of a tab as the store has them.
    pub(super) async fn rows(&self, tab: Tab) -> Vec<Value> {
        rows(self.link("sheets-writer"), tab).await
    }

    /// The same, past the line.
    pub(super) async fn rows_past(&self, tab: Tab) -> Vec<Value> {
        rows(self.past("sheets-writer"), tab).await
    }

    /// What stands in a member's support channel.
    pub(super) async fn tickets_of(&self, user: &str) -> Vec<String> {
        let channels = self
            .whop(&format!("support_channels?account_id={WHOP_ACCOUNT_ID}&customer_user_id={user}"))
            .await;
        let mut tickets = Vec::new();
        for channel in channels["data"].as_array().unwrap_or_else(|| panic!("{channels}")) {
            let mut path = format!("messages?first=50&channel_id={}", channel["id"].as_str().unwrap());
            loop {
                let page = self.whop(&path).await;
                let messages = page["data"].as_array().unwrap_or_else(|| panic!("{page}"));
                tickets
                    .extend(messages.iter().map(|message| message["content"].as_str().unwrap().to_owned()));
                if page["page_info"]["has_next_page"] != true {
                    break;
                }
                let cursor = page["page_info"]["end_cursor"].as_str().unwrap();
                path = format!(
                    "messages?first=50&after={cursor}&channel_id={}",
                    channel["id"].as_str().unwrap()
                );
            }
        }
        tickets
    }

    async fn whop(&self, path: &str) -> Value {
        let request = self.http.get(format!("{}/whop/api/v1/{path}", self.base)).bearer_auth(WHOP_API_KEY);
        let request = request.header("api-version-date", sandbox::WHOP_VERSION);
        request.send().await.unwrap().json().await.unwrap()
    }
}

/// The cells of a row, and its id as `row_id`.
fn cells(row: Row) -> Value {
    let mut cells = json_of(Kind::StructValue(row.cells.unwrap_or_default()));
    cells["row_id"] = row.row_id.into();
    cells
}

fn json_of(kind: Kind) -> Value {
    let plain = |value: prost_types::Value| value.kind.map_or(Value::Null, json_of);
    match kind {
        Kind::NullValue(_) => Value::Null,
        Kind::NumberValue(number) => number.into(),
        Kind::StringValue(text) => text.into(),
        Kind::BoolValue(flag) => flag.into(),
        Kind::ListValue(list) => list.values.into_iter().map(plain).collect(),
        Kind::StructValue(members) => {
            Value::Object(members.fields.into_iter().map(|(name, value)| (name, plain(value))).collect())
        }
    }
}

async fn rows(writer: Link, tab: Tab) -> Vec<Value> {
    let mut ledger = LedgerServiceClient::new(writer);
    let (mut rows, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListRowsRequest { tab: tab.into(), page_size: 500, page_token, ..Default::default() };
        let page = ledger.list_rows(request).await.unwrap().into_inner();
        rows.extend(page.rows.into_iter().map(cells));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return rows;
        }
    }
}
