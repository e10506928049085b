//! The seven tabs of the spreadsheet, their columns exact and in this order.
//!
//! A tab's columns are the fields of its row type, so the two cannot drift apart.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Money,
    row::{Cell, Cells, Row},
};

/// One of the seven tabs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the row types below say what is in each")]
pub enum Tab {
    Contacts,
    Leads,
    Engagements,
    Bookings,
    Subscriptions,
    Payments,
    ChatEvents,
}

/// Why a text is not a tab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such tab")]
pub struct UnknownTab;

impl Tab {
    /// All tabs, in the order in which the spreadsheet shows them.
    pub const ALL: [Self; 7] = [
        Self::Contacts,
        Self::Leads,
        Self::Engagements,
        Self::Bookings,
        Self::Subscriptions,
        Self::Payments,
        Self::ChatEvents,
    ];

    /// The tab's title and the name it has everywhere else.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::Leads => "leads",
            Self::Engagements => "engagements",
            Self::Bookings => "bookings",
            Self::Subscriptions => "subscriptions",
            Self::Payments => "payments",
            Self::ChatEvents => "chat_events",
        }
    }

    /// The header row.
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Contacts => Contact::COLUMNS,
            Self::Leads => Lead::COLUMNS,
            Self::Engagements => Engagement::COLUMNS,
            Self::Bookings => Booking::COLUMNS,
            Self::Subscriptions => Subscription::COLUMNS,
            Self::Payments => Payment::COLUMNS,
            Self::ChatEvents => ChatEvent::COLUMNS,
        }
    }
}

impl fmt::Display for Tab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Tab {
    type Err = UnknownTab;
    fn from_str(text: &str) -> Result<Self, UnknownTab> {
        Self::ALL.into_iter().find(|tab| tab.as_str() == text).ok_or(UnknownTab)
    }
}

/// A type that is one row of one tab.
pub trait TabRow {
    /// The tab.
    const TAB: Tab;
    /// The row's stable id.
    fn id(&self) -> &str;
    /// The cells by column.
    fn cells(&self) -> Cells;
}

macro_rules! tab_row {
    (@column $field:ident) => { stringify!($field) };
    (@column $field:ident $column:literal) => { $column };
    ($(#[$doc:meta])* $name:ident in $tab:ident { $($(#[$field_doc:meta])* $field:ident $(as $column:literal)?: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name { $($(#[$field_doc])* $(#[serde(rename = $column)])? pub $field: $type,)* }

        impl $name {
            /// The header row.
            pub const COLUMNS: &'static [&'static str] = &[$(tab_row!(@column $field $($column)?),)*];
        }

        impl TabRow for $name {
            const TAB: Tab = Tab::$tab;
            fn id(&self) -> &str {
                &self.id
            }
            fn cells(&self) -> Cells {
                Cells::from_iter([$((tab_row!(@column $field $($column)?).to_owned(), Cell::from(self.$field.clone())),)*])
            }
        }
    };
}

tab_row! {
    /// One person.
    Contact in Contacts {
        /// `con_…`, or the id under which a trusted event first named them.
        id: String,
        /// When we first heard of them.
        created_at: Option<Timestamp>,
        /// Trimmed and lower-cased.
        email: String,
        /// E.164 where it could be read as such.
        phone: String,
        /// Given name.
        first_name: String,
        /// Family name.
        last_name: String,
        /// Employer or business.
        company: String,
        /// What brought them: `chat`, `calendar`, …
        source: String,
        /// First touch.
        utm_source: String,
        /// First touch.
        utm_medium: String,
        /// First touch.
        utm_campaign: String,
        /// Free labels, shown comma-separated.
        tags: Vec<String>,
    }
}

tab_row! {
    /// What may become business; one open lead a contact.
    Lead in Leads {
        /// `led_…`
        id: String,
        /// Who.
        contact_id: String,
        /// When the lead was opened.
        created_at: Option<Timestamp>,
        /// What they want, e.g. `buy_inquiry`.
        intent: String,
        /// As they said it.
        budget_range: String,
        /// As they said it.
        timeframe: String,
        /// The owner's own words.
        notes: String,
        /// Latest score, 0 to 1.
        score: Option<f64>,
        /// Who in the agency takes care.
        owner: String,
        /// `new`, `qualified`, `booked`, `won` or `lost`.
        status: String,
        /// When they were last heard of.
        last_touch: Option<Timestamp>,
    }
}

tab_row! {
    /// One turn of a chat, or its outcome.
    Engagement in Engagements {
        /// `eng_…`
        id: String,
        /// Who, where known.
        contact_id: String,
        /// When.
        occurred_at: Option<Timestamp>,
        /// `chat`, …
        channel: String,
        /// Path of the page.
        page: String,
        /// What the visitor said.
        message: String,
        /// What came of it.
        outcome: String,
        /// Slug of the workflow.
        workflow_id: String,
        /// The chat session.
        session_id: String,
    }
}

tab_row! {
    /// One meeting; a rescheduled one keeps its row.
    Booking in Bookings {
        /// `bkg_…`
        id: String,
        /// Who.
        contact_id: String,
        /// When it was booked.
        created_at: Option<Timestamp>,
        /// Start.
        event_start: Option<Timestamp>,
        /// End, where known.
        event_end: Option<Timestamp>,
        /// `cal.com`, …
        cal_provider: String,
        /// The provider's id of the meeting.
        cal_event_id: String,
        /// What sort of meeting, e.g. `Consult 30`.
        meeting_type: String,
        /// `booked`, `rescheduled`, `canceled`, …
        status: String,
    }
}

tab_row! {
    /// One membership or subscription.
    Subscription in Subscriptions {
        /// The provider's id.
        id: String,
        /// Who.
        contact_id: String,
        /// `whop` or `stripe`.
        provider: String,
        /// What they subscribed to.
        product: String,
        /// On which plan.
        plan: String,
        /// The provider's word for it.
        status: String,
        /// When it began.
        started_at: Option<Timestamp>,
        /// When it renews next.
        renews_at: Option<Timestamp>,
        /// When it was canceled.
        canceled_at: Option<Timestamp>,
        /// Monthly recurring revenue.
        mrr: Option<Money>,
    }
}

tab_row! {
    /// One payment.
    Payment in Payments {
        /// `pi_…`, or `in_…` for anything with an invoice.
        id: String,
        /// Who.
        contact_id: String,
        /// `stripe` or `whop`.
        provider: String,
        /// How much.
        amount: Option<Money>,
        /// ISO 4217.
        currency: String,
        /// When the money came.
        paid_at: Option<Timestamp>,
        /// `card`, …
        method: String,
        /// The provider's word for it.
        status: String,
        /// The provider's invoice.
        invoice_id: String,
        /// JSON text.
        metadata: String,
    }
}

tab_row! {
    /// One event as it came.
    ChatEvent in ChatEvents {
        /// `evt_…`, or the id that the event came with.
        id: String,
        /// The chat session.
        session_id: String,
        /// When it happened; when we got it, if it does not say.
        occurred_at: Option<Timestamp>,
        /// `chat.turn`, …
        kind as "type": String,
        /// The whole event.
        payload_json: String,
    }
}

/// Reads the row of `tab` that the JSON object `cells` tells, column by column: times as RFC 3339, money as
/// `{"minor": 1050, "currency": "EUR"}`, what is absent as empty.
///
/// # Errors
/// A column that the tab does not have, or a value of the wrong type.
pub fn decode(
    tab: Tab,
    cells: serde_json::Value,
    version: u64,
    occurred_at: Timestamp,
) -> Result<Row, serde_json::Error> {
    fn read<T: TabRow + serde::de::DeserializeOwned>(
        cells: serde_json::Value,
        version: u64,
        occurred_at: Timestamp,
    ) -> Result<Row, serde_json::Error> {
        Ok(Row::of(&serde_json::from_value::<T>(cells)?, version, occurred_at))
    }
    match tab {
        Tab::Contacts => read::<Contact>(cells, version, occurred_at),
        Tab::Leads => read::<Lead>(cells, version, occurred_at),
        Tab::Engagements => read::<Engagement>(cells, version, occurred_at),
        Tab::Bookings => read::<Booking>(cells, version, occurred_at),
        Tab::Subscriptions => read::<Subscription>(cells, version, occurred_at),
        Tab::Payments => read::<Payment>(cells, version, occurred_at),
        Tab::ChatEvents => read::<ChatEvent>(cells, version, occurred_at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows_are_read_by_column() {
        let cells = json!({"id": "pi_1", "amount": {"minor": 1050, "currency": "eur"}, "paid_at": "2025-11-01T18:00:00Z"});
        let row = decode(Tab::Payments, cells, 3, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!((row.id.as_str(), row.version), ("pi_1", 3));
        assert_eq!(row.cells["amount"], Cell::Money(Money { minor: 1050, currency: "EUR".parse().unwrap() }));
        assert!(decode(Tab::Payments, json!({"amout": 1}), 1, Timestamp::UNIX_EPOCH).is_err());
        let event = decode(Tab::ChatEvents, json!({"type": "chat.turn"}), 1, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(event.cells["type"], Cell::Text("chat.turn".into()));
    }

    #[test]
    fn headers_are_exact() {
        let headers: Vec<String> =
            Tab::ALL.iter().map(|tab| format!("{tab}: {}", tab.columns().join(", "))).collect();
        assert_eq!(
            headers,
            [
                "contacts: id, created_at, email, phone, first_name, last_name, company, source, utm_source, utm_medium, utm_campaign, tags",
                "leads: id, contact_id, created_at, intent, budget_range, timeframe, notes, score, owner, status, last_touch",
                "engagements: id, contact_id, occurred_at, channel, page, message, outcome, workflow_id, session_id",
                "bookings: id, contact_id, created_at, event_start, event_end, cal_provider, cal_event_id, meeting_type, status",
                "subscriptions: id, contact_id, provider, product, plan, status, started_at, renews_at, canceled_at, mrr",
                "payments: id, contact_id, provider, amount, currency, paid_at, method, status, invoice_id, metadata",
                "chat_events: id, session_id, occurred_at, type, payload_json",
            ]
        );
    }

    #[test]
    fn names_round_trip() {
        for tab in Tab::ALL {
            assert_eq!(tab.as_str().parse(), Ok(tab));
        }
        assert_eq!("Contacts".parse::<Tab>(), Err(UnknownTab));
    }
}
