//! Google's error shape, as Drive fills it: `{"error":{"code","message","errors":[{"domain","reason",…}]}}`.
//!
//! The invariant: an error names parameters, never the text of a value.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// Why a request was refused.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    reason: &'static str,
    /// Where, as kind and name.
    at: Option<(&'static str, String)>,
}

/// What comes of a request.
pub(super) type Taken<T> = Result<T, Refusal>;

impl Refusal {
    fn new(status: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), reason, at: None }
    }

    /// A parameter whose value is none of its own.
    pub(super) fn invalid(name: &str) -> Self {
        let refusal = Self::new(StatusCode::BAD_REQUEST, "invalid", "Invalid Value");
        Self { at: Some(("parameter", name.to_owned())), ..refusal }
    }

    /// A parameter that the method does not have.
    pub(super) fn unknown(name: &str) -> Self {
        let message = format!(
            "Invalid JSON payload received. Unknown name \"{name}\": Cannot bind query parameter. Field '{name}' could not be found in request message."
        );
        Self::new(StatusCode::BAD_REQUEST, "badRequest", message)
    }

    /// What `fields` names and the answer has not.
    pub(super) fn no_field(name: &str) -> Self {
        let refusal =
            Self::new(StatusCode::BAD_REQUEST, "invalidParameter", format!("Invalid field selection {name}"));
        Self { at: Some(("parameter", "fields".to_owned())), ..refusal }
    }

    /// Items of all drives by somebody who does not know of drives.
    pub(super) fn not_all_drives() -> Self {
        let message = "The includeItemsFromAllDrives parameter requires supportsAllDrives to be true.";
        let refusal = Self::new(StatusCode::FORBIDDEN, "invalid", message);
        Self { at: Some(("parameter", "includeItemsFromAllDrives".to_owned())), ..refusal }
    }

    /// Something that Drive does and the stand-in does not.
    pub(super) fn not_played(name: &str) -> Self {
        let message = format!("The sandbox does not play this use of {name}.");
        Self::new(StatusCode::BAD_REQUEST, "badRequest", message)
    }

    /// A folder that is not there: Drive leaves the name out.
    pub(super) fn no_file() -> Self {
        let refusal = Self::new(StatusCode::NOT_FOUND, "notFound", "File not found: .");
        Self { at: Some(("parameter", "fileId".to_owned())), ..refusal }
    }

    /// A request without a token.
    pub(super) fn anonymous() -> Self {
        let message = "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.";
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// The error that this status usually carries.
    pub(super) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => {
                let message = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.";
                let refusal = Self::new(status, "authError", message);
                Self { at: Some(("header", "Authorization".to_owned())), ..refusal }
            }
            StatusCode::TOO_MANY_REQUESTS => Self::new(status, "rateLimitExceeded", "Rate Limit Exceeded"),
            StatusCode::NOT_FOUND => Self::new(status, "notFound", "Not Found"),
            StatusCode::SERVICE_UNAVAILABLE => Self::new(status, "backendError", "Transient failure"),
            status => {
                Self::new(status, "internalError", status.canonical_reason().unwrap_or("Internal Error"))
            }
        }
    }

    fn json(&self) -> Value {
        let domain = match self.reason {
            "rateLimitExceeded" => "usageLimits",
            _ => "global",
        };
        let mut error = json!({"message": self.message, "domain": domain, "reason": self.reason});
        if let Some((kind, name)) = &self.at {
            error["location"] = name.as_str().into();
            error["locationType"] = (*kind).into();
        }
        json!({"error": {"code": self.status.as_u16(), "message": self.message, "errors": [error]}})
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(self.json())).into_response()
    }
}
