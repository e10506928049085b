//! Rows: `GET /api/operator/rows/{tab}`.
//!
//! The invariant: who follows `next` to its end has seen every row that was there when they began.

use axum::{
    extract::{Path, RawQuery, State, rejection::PathRejection},
    response::Response,
};
use domain::{Fault, Kind, Reason};
use proto::sheets::v1::{ListRowsRequest, RowState, Tab};

use super::{
    Operator, SERVICE,
    query::{self, Params},
    wire::{self, RowsAnswer},
};
use crate::{answer, caller::Client, door::Door, error, openapi::OperatorProblems, problem::Problem};

/// Most rows of a page.
const PAGE_MAX: i32 = 500;

/// List rows
///
/// Answers the rows of a tab as the store has them, oldest first, whether the spreadsheet shows them yet or not.
#[utoipa::path(
    get,
    path = "/api/operator/rows/{tab}",
    tag = "operator",
    operation_id = "list_rows",
    security(("operator_token" = [])),
    params(
        ("tab" = String, Path, example = "leads", description = "`contacts`, `leads`, `engagements`, `bookings`, `subscriptions`, \
            `payments` or `chat_events`."),
        ("after" = Option<String>, Query, description = "`next` of the page before."),
        ("contact_id" = Option<String>, Query, description = "Only this contact's; of `chat_events`, this session's."),
        ("state" = Option<String>, Query, description = "Only `pending`, `written`, `parked` or `deleted` ones; not \
            together with `contact_id`."),
        ("status" = Option<String>, Query, description = "Only those whose column `status` says this."),
        ("limit" = Option<i32>, Query, minimum = 1, maximum = 500, description = "At most so many rows; 100 if absent."),
    ),
    responses((status = 200, description = "A page.", body = RowsAnswer), OperatorProblems),
)]
pub(crate) async fn list_rows(
    State(door): State<Door>,
    _: Operator,
    client: Client,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let tab = path.ok().and_then(|Path(tab)| Tab::named(&tab));
    let tab = tab.ok_or_else(|| Fault::new(Kind::NotFound, Reason::RouteUnknown, "there is no such tab"))?;
    let params = Params::read(query);
    let text = |name| params.text(name).map(Option::unwrap_or_default);
    let request = ListRowsRequest {
        caller: Some(client.caller(None)),
        tab: tab.into(),
        page_size: params.count("limit", PAGE_MAX)?.unwrap_or_default(),
        contact_id: text("contact_id")?,
        state: state(&text("state")?)?.into(),
        status: text("status")?,
        page_token: text("after")?,
        ..ListRowsRequest::default()
    };
    let page = error::ask!(SERVICE, door.ledger(), list_rows(request)).await.map_err(query::named)?;
    let answer = RowsAnswer::new(page.rows, page.next_page_token);
    Ok(answer::json(answer))
}

fn state(name: &str) -> Result<RowState, Fault> {
    let why = "state must be pending, written, parked or deleted";
    match name {
        "" => Ok(RowState::Unspecified),
        name => wire::row_state(name).ok_or_else(|| Fault::invalid("state", why)),
    }
}
