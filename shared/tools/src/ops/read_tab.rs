//! `read_tab`: rows of the books.

use domain::workflow::Audience;
use domain::{Money, tab::Tab};
use futures_util::FutureExt as _;
use prost_types::{Value as Cell, value::Kind};
use proto::sheets::v1::{ListRowsRequest, Row, Tab as WireTab};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{how_many, short};
use crate::{
    Annotations, Tool, arguments,
    failure::Failure,
    schema::{list, object, one_of, optional_integer, optional_text, some, text, texts},
    times,
    tool::{Run, Whom},
    toolbox::{Call, Reply},
};

/// Rows of a page if nobody says how many, and at most.
const DEFAULT: i32 = 25;
const MOST: i32 = 100;
/// Longest cell that is told, in characters.
const LONGEST: usize = 300;

pub(crate) static TOOL: Tool = Tool {
    name: "read_tab",
    title: "Read a tab of the books",
    description: "Reads rows of one of the seven tabs of the books, the newest first, as the store has them with what people \
        typed into the spreadsheet. Call it before naming a number or a row.",
    input: |_| {
        let tabs = Tab::ALL.map(|tab| tab.as_str().to_owned());
        object([
            ("tab", one_of(&tabs, "Which tab.")),
            ("from_time", optional_text("Only rows of this time or later, RFC 3339; else null.")),
            ("to_time", optional_text("Only rows of before this time, RFC 3339; else null.")),
            ("status", optional_text("Only rows whose status says this; else null.")),
            (
                "contact_id",
                optional_text("Only rows about this contact; of chat_events this session; else null."),
            ),
            ("limit", optional_integer("At most this many, 1 to 100; null for 25.")),
            ("page_token", optional_text("next_page_token of the answer before, to go on; else null.")),
        ])
    },
    output: || {
        object([
            ("tab", text("The tab.")),
            ("columns", texts("The columns, in the order of the cells.")),
            ("rows", list(&texts("The cells of a row; empty where it says nothing."))),
            (
                "next_page_token",
                optional_text("To go on; null on the last page. A page may hold fewer than asked for."),
            ),
        ])
    },
    annotations: Annotations::READS,
    scope: Audience::Operator,
    touches: Whom::Nobody,
    needs: &[],
    secrets: &[],
    claims: &[],
    correction: ["", ""],
    on_failure: "The books cannot be read right now. Say so; do not name any number from memory.",
    progress: "Reading the books…",
    run: Run::Here(|call| run(call).boxed()),
};

/// The arguments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    tab: String,
    from_time: Option<String>,
    to_time: Option<String>,
    status: Option<String>,
    contact_id: Option<String>,
    limit: Option<i64>,
    page_token: Option<String>,
}

/// The answer.
#[derive(Debug, Serialize)]
struct Output {
    tab: &'static str,
    columns: &'static [&'static str],
    rows: Vec<Vec<String>>,
    next_page_token: Option<String>,
}

async fn run(mut call: Call<'_>) -> Result<Reply, Failure> {
    let input: Input = arguments::read(call.arguments.take())?;
    let zone = call.session.zone();
    let unknown = || Failure::Arguments("tab must be one of the seven tabs".into());
    let tab: Tab = input.tab.trim().parse().map_err(|_| unknown())?;
    let request = ListRowsRequest {
        caller: call.caller(),
        tab: WireTab::named(tab.as_str()).ok_or_else(unknown)?.into(),
        page_size: how_many(input.limit, DEFAULT, MOST)?,
        page_token: arguments::maybe("page_token", input.page_token, 2_000)?,
        contact_id: arguments::maybe_id("contact_id", input.contact_id.as_deref())?,
        from_time: times::maybe("from_time", input.from_time.as_deref(), &zone)?,
        to_time: times::maybe("to_time", input.to_time.as_deref(), &zone)?,
        state: 0,
        status: short("status", input.status)?,
        newest_first: true,
    };
    let answer = call.clients.list_rows(request).await?;
    let columns = tab.columns();
    let rows = answer.rows.iter().map(|row| cells(row, columns)).collect();
    let next_page_token = some(answer.next_page_token);
    Ok(Reply::of(json!(Output { tab: tab.as_str(), columns, rows, next_page_token })))
}

fn cells(row: &Row, columns: &[&str]) -> Vec<String> {
    let cells = row.cells.as_ref();
    let cell = |column: &&str| cells.and_then(|cells| cells.fields.get(*column)).map(shown);
    columns.iter().map(|column| cell(column).unwrap_or_default()).collect()
}

fn shown(cell: &Cell) -> String {
    let text = match &cell.kind {
        None | Some(Kind::NullValue(_)) => String::new(),
        Some(Kind::StringValue(text)) => text.clone(),
        Some(Kind::NumberValue(number)) => number.to_string(),
        Some(Kind::BoolValue(is)) => is.to_string(),
        Some(Kind::StructValue(members)) => money(members).map(|money| money.to_string()).unwrap_or_default(),
        Some(Kind::ListValue(items)) => items.values.iter().map(shown).collect::<Vec<_>>().join(", "),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// `{"minor": 1050, "currency": "EUR"}`
fn money(members: &prost_types::Struct) -> Option<Money> {
    let Some(Kind::NumberValue(minor)) = members.fields.get("minor")?.kind else { return None };
    let Some(Kind::StringValue(currency)) = &members.fields.get("currency")?.kind else { return None };
    // the books keep minor units as whole numbers well below 2^53
    Some(Money { minor: minor as i64, currency: currency.parse().ok()? })
}
