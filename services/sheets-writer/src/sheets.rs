//! Google Sheets v4, as far as the ledger needs it.
//!
//! Shapes: the API's discovery document (sheets v4). The client reports what it saw and decides nothing: whether a
//! batch landed is the ledger's business.

pub(crate) mod body;

use std::time::Duration;

use chassis::{google::Tokens, http::RequestExt as _, telemetry};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use url::Url;

/// What a token may do.
const SCOPE: &str = "https://www.googleapis.com/auth/spreadsheets";
/// Google gives up on a call after 180 s; a batch of ours takes seconds.
const TIMEOUT: Duration = Duration::from_secs(45);
/// A read of a whole id column can be long; anything beyond is not ours.
const MAX_ANSWER: usize = 64 << 20;

/// What a call came to.
#[derive(Debug)]
pub(crate) enum Reply {
    /// 200, with its body.
    Done(Value),
    /// 429: it did not happen.
    RateLimited(Option<Duration>),
    /// 400, and which sub-request the fault names: a hint of what to try apart, never a verdict.
    Refused(Option<usize>),
    /// 404.
    Absent,
    /// Anything else, no answer included: it may have happened.
    Unclear(Trouble),
}

/// How values are read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Render {
    /// As they are stored: dates are numbers.
    Stored,
    /// As people see them.
    Shown,
    /// As they are stored, but dates as people see them.
    Dated,
}

/// Why an outcome is unclear, for the log and the status. Never an upstream's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    /// An answer with an unexpected status.
    #[error("{}", explain(*.0))]
    Status(u16),
    /// No answer.
    #[error("Google Sheets did not answer ({0})")]
    NoAnswer(&'static str),
    /// No credentials.
    #[error("{0}")]
    Credentials(String),
}

fn explain(status: u16) -> String {
    let hint = match status {
        401 => ": the credentials were not accepted",
        403 => ": share the spreadsheet with the service account as an editor, and enable the Sheets API",
        404 => ": there is no spreadsheet with this GOOGLE_SHEETS_ID",
        _ => "",
    };
    format!("Google Sheets answered {status}{hint}")
}

/// A client for one spreadsheet.
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    spreadsheet_id: String,
    tokens: Tokens,
}

// === impl Client ===

impl Client {
    pub(crate) fn new(config: &crate::Config) -> Self {
        let base: &Url = &config.sheets_base_url;
        Self {
            http: chassis::http::client(),
            base: format!(
                "{}/v4/spreadsheets/{}",
                base.as_str().trim_end_matches('/'),
                config.google_sheets_id
            ),
            spreadsheet_id: config.google_sheets_id.clone(),
            tokens: Tokens::new(config.google_access_token.clone(), SCOPE),
        }
    }

    pub(crate) fn spreadsheet_id(&self) -> &str {
        &self.spreadsheet_id
    }

    /// `spreadsheets.get`: properties, tabs and the spreadsheet's developer metadata.
    pub(crate) async fn describe(&self) -> Reply {
        let fields = "spreadsheetId,sheets(properties(sheetId,title,gridProperties),protectedRanges(range,unprotectedRanges,warningOnly,requestingUserCanEdit)),developerMetadata";
        self.call(Method::GET, "", &[("fields", fields)], None).await
    }

    /// `spreadsheets.batchUpdate`: all of `requests`, or none.
    pub(crate) async fn batch_update(&self, body: &body::BatchUpdate) -> Reply {
        let fields = "spreadsheetId,updatedSpreadsheet.sheets(properties.sheetId,data(startRow,startColumn,rowData.values.userEnteredValue))";
        let body = serde_json::to_value(body).expect("a batch serializes to JSON");
        self.call(Method::POST, ":batchUpdate", &[("fields", fields)], Some(body)).await
    }

    /// `spreadsheets.values.batchGetByDataFilter`: the values of some ranges, row by row, in their order.
    pub(crate) async fn values(&self, ranges: &[body::GridRange], render: Render) -> Reply {
        let filters: Vec<Value> = ranges.iter().map(|range| json!({ "gridRange": range })).collect();
        let mut body = json!({
            "dataFilters": filters,
            "majorDimension": "ROWS",
            "valueRenderOption": match render {
                Render::Stored | Render::Dated => "UNFORMATTED_VALUE",
                Render::Shown => "FORMATTED_VALUE",
            },
        });
        if let Render::Dated = render {
            body["dateTimeRenderOption"] = json!("FORMATTED_STRING");
        }
        self.call(Method::POST, "/values:batchGetByDataFilter", &[], Some(body)).await
    }

    /// `spreadsheets.developerMetadata.get`: one entry by its id.
    pub(crate) async fn metadata(&self, id: i32) -> Reply {
        self.call(Method::GET, &format!("/developerMetadata/{id}"), &[], None).await
    }

    async fn call(&self, method: Method, path: &str, query: &[(&str, &str)], body: Option<Value>) -> Reply {
        let token = match self.tokens.token().await {
            Ok(token) => token,
            Err(error) => return Reply::Unclear(Trouble::Credentials(error.to_string())),
        };
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .query(query)
            .bearer_auth(token)
            .outbound(TIMEOUT);
        if let Some(body) = body {
            request = request.json(&body);
        }
        match telemetry::send(request).await {
            Ok(response) => read(response).await,
            Err(error) => Reply::Unclear(Trouble::NoAnswer(cause(&error))),
        }
    }
}

async fn read(response: reqwest::Response) -> Reply {
    match response.status() {
        StatusCode::OK => match body_of(response).await {
            Ok(body) => Reply::Done(body),
            Err(trouble) => Reply::Unclear(trouble),
        },
        StatusCode::TOO_MANY_REQUESTS => Reply::RateLimited(chassis::http::retry_after(response.headers())),
        StatusCode::BAD_REQUEST => Reply::Refused(named(&body_of(response).await.unwrap_or_default())),
        StatusCode::NOT_FOUND => Reply::Absent,
        status => Reply::Unclear(Trouble::Status(status.as_u16())),
    }
}

/// The index in a fault such as `Invalid requests[3].updateCells: …`.
fn named(body: &Value) -> Option<usize> {
    let (_, rest) = body["error"]["message"].as_str()?.split_once("requests[")?;
    rest.split_once(']')?.0.parse().ok()
}

async fn body_of(mut response: reqwest::Response) -> Result<Value, Trouble> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Trouble::NoAnswer(cause(&error)))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_ANSWER {
            return Err(Trouble::NoAnswer("the answer is too long"));
        }
    }
    serde_json::from_slice(&bytes).map_err(|_| Trouble::NoAnswer("the answer is not JSON"))
}

fn cause(error: &reqwest::Error) -> &'static str {
    match error {
        error if error.is_timeout() => "time-out",
        error if error.is_connect() => "no connection",
        error if error.is_body() || error.is_decode() => "the answer broke off",
        _ => "the connection broke",
    }
}
