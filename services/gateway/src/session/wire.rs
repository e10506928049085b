//! The JSON of the session routes, and its way to and from the contract.
//!
//! The invariant: a field of a wrong type is refused by name; a field that is not known is ignored, since old widgets
//! send more.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, header};
use domain::{Fault, visit::allowed_traits};
use proto::session::v1::{Member, Session, SessionMode, SessionTarget, StarterPrompt};
use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;
use utoipa::ToSchema;

use crate::body::{Fields, wrong};

/// Longest page path that travels, in characters.
const PAGE_MAX: usize = 512;
const NOTICE: &str = "this workflow runs on our own server and this page did not announce that it can talk to it: \
    use /widget.js or the Frontdesk component, or give the element this url and domain_key and announce \
    modes [\"self_hosted\", \"hosted\"]";

/// What a session is for. Everything is optional; `{}` is a request.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(crate) struct SessionRequest {
    /// The browser's own id: a UUID of version 4 or 7, or 22 to 128 random URL-safe characters. One that is too
    /// regular to be random is refused.
    #[schema(pattern = "^[A-Za-z0-9_-]{22,128}$")]
    device_id: Option<String>,
    /// Visitor token of an earlier answer; the header `X-Frontdesk-Visitor` wins.
    visitor_token: Option<String>,
    /// Slug or `wf_…` of a workflow; chosen by site and page if absent.
    workflow_id: Option<String>,
    /// Path of the page; from `Referer` if absent.
    page: Option<String>,
    /// Marketing facts about the visit.
    traits: Option<Traits>,
    /// The ways of running a chat that the client can take, `hosted` and `self_hosted`, in its order of preference;
    /// others are passed over. If absent, `hosted` where the workflow can be hosted.
    modes: Option<Vec<String>>,
}

/// What a session is for, and the secret that it replaces.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(crate) struct RefreshRequest {
    /// The secret that the client holds.
    #[schema(min_length = 1)]
    current_client_secret: String,
    /// The browser's own id, as when the session was made.
    #[schema(pattern = "^[A-Za-z0-9_-]{22,128}$")]
    device_id: Option<String>,
    /// Visitor token of an earlier answer; the header `X-Frontdesk-Visitor` wins.
    visitor_token: Option<String>,
    /// Slug or `wf_…` of a workflow; chosen by site and page if absent.
    workflow_id: Option<String>,
    /// Path of the page; from `Referer` if absent.
    page: Option<String>,
    /// Marketing facts about the visit.
    traits: Option<Traits>,
    /// The ways of running a chat that the client can take.
    modes: Option<Vec<String>>,
}

/// Marketing facts about the visit. What has another name than these and `utm_…` is dropped, whatever it is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(crate) struct Traits {
    /// Where the visitor comes from; the same for everything whose name begins with `utm_`.
    #[schema(nullable = false, example = "yt")]
    utm_source: Option<String>,
    /// By which way.
    #[schema(nullable = false)]
    utm_medium: Option<String>,
    /// For which campaign.
    #[schema(nullable = false)]
    utm_campaign: Option<String>,
    /// Google's click id.
    #[schema(nullable = false)]
    gclid: Option<String>,
    /// Facebook's click id.
    #[schema(nullable = false)]
    fbclid: Option<String>,
    /// The page.
    #[schema(nullable = false)]
    page: Option<String>,
    /// The first page of the visit.
    #[schema(nullable = false)]
    landing_page: Option<String>,
    /// The page before the first one.
    #[schema(nullable = false)]
    referrer: Option<String>,
    /// The language, as a tag.
    #[schema(nullable = false)]
    locale: Option<String>,
    /// The time zone, by its IANA name.
    #[schema(nullable = false)]
    time_zone: Option<String>,
}

/// How a chat is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// OpenAI runs the workflow.
    Hosted,
    /// Frontdesk runs the workflow.
    SelfHosted,
}

/// A live session.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionAnswer {
    /// What the chat authenticates with. Keep it in memory only.
    #[schema(example = "ek_68f5a1d2")]
    client_secret: String,
    /// When the secret ends, in unix seconds.
    #[schema(example = 1_761_667_800)]
    expires_at: i64,
    /// How the chat is run.
    mode: Mode,
    /// Slug of the workflow.
    #[schema(example = "lead-concierge")]
    workflow: String,
    /// Says who this browser is, whoever uses it; keep it and send it as `X-Frontdesk-Visitor`. Lives 400 days.
    #[schema(example = "fd1.v.k1.eyJzIjoidmlzXzEiLCJ4IjoxfQ.c2lnbmF0dXJl")]
    visitor_token: String,
    /// For whom an agent calls tools, shown as `X-Frontdesk-Session`; only where the workflow's token of `MCP_TOKENS` stood beside
    /// the request. Lives 24 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "fd1.t.k1.eyJzIjoidmlzXzEiLCJ4IjoxfQ.c2lnbmF0dXJl")]
    session_token: Option<String>,
    /// What a chat shows before the first message.
    start_screen: StartScreen,
    /// Where a self-hosted chat is held; for a member it is a path, since the way there leads through Whop's proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://chat.example.com/chatkit")]
    url: Option<String>,
    /// What OpenAI's chat element asks for beside `url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "local-development")]
    domain_key: Option<String>,
    /// Something that the site's developer should know.
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<&'static str>,
}

/// What a chat shows before the first message.
#[derive(Serialize, ToSchema)]
pub(crate) struct StartScreen {
    /// One sentence; empty for the client's own.
    #[schema(example = "What can we help you with?")]
    greeting: String,
    /// Things to ask at the press of a button.
    prompts: Vec<Prompt>,
}

/// One thing to ask.
#[derive(Serialize, ToSchema)]
pub(crate) struct Prompt {
    /// What the button says.
    #[schema(example = "See prices")]
    label: String,
    /// What is sent.
    #[schema(example = "What does it cost?")]
    prompt: String,
}

/// What a session of our own has beside what the broker says of it.
pub(crate) struct Own {
    pub(crate) client_secret: String,
    pub(crate) url: String,
    pub(crate) domain_key: String,
}

/// A request as it was read.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) visitor_token: Option<String>,
    pub(crate) device_id: Option<String>,
    workflow: String,
    page: String,
    traits: BTreeMap<String, String>,
    modes: Vec<Mode>,
}

// === impl Asked ===

impl Asked {
    /// Reads the body of a session's request.
    pub(crate) fn read(headers: &HeaderMap, bytes: &[u8]) -> Result<Self, Fault> {
        Self::take(headers, &mut Fields::parse(headers, bytes)?)
    }

    /// Reads the body of a refresh: the request and the current secret.
    pub(crate) fn read_refresh(headers: &HeaderMap, bytes: &[u8]) -> Result<(Self, String), Fault> {
        let mut fields = Fields::parse(headers, bytes)?;
        let current = fields.required_text("currentClientSecret")?;
        Ok((Self::take(headers, &mut fields)?, current))
    }

    fn take(headers: &HeaderMap, fields: &mut Fields) -> Result<Self, Fault> {
        let page = fields.text("page")?;
        let referer = || headers.get(header::REFERER).and_then(|referer| referer.to_str().ok());
        Ok(Self {
            visitor_token: fields.text("visitorToken")?,
            device_id: fields.text("deviceId")?,
            workflow: fields.text("workflowId")?.unwrap_or_default(),
            page: page.as_deref().and_then(path).or_else(|| referer().and_then(path)).unwrap_or_default(),
            traits: traits(fields.object("traits")?)?,
            modes: fields.texts("modes")?.iter().filter_map(|name| Mode::from_name(name)).collect(),
        })
    }

    /// The contract's form, for whom `member` tells of.
    pub(crate) fn target(&self, member: Option<Member>) -> SessionTarget {
        SessionTarget {
            workflow: self.workflow.clone(),
            page: self.page.clone(),
            traits: self.traits.clone().into_iter().collect(),
            modes: self.modes.iter().map(|mode| SessionMode::from(*mode).into()).collect(),
            member,
        }
    }
}

/// The path of a page that is given as path or URL; anything else is no page, and must not cost anybody the chat.
fn path(page: &str) -> Option<String> {
    let path = match Url::parse(page) {
        Ok(url) => matches!(url.scheme(), "http" | "https").then(|| url.path().to_owned())?,
        Err(_) => page.split(['?', '#']).next().filter(|path| path.starts_with('/'))?.to_owned(),
    };
    Some(path.chars().take(PAGE_MAX).collect())
}

/// The traits that may travel. What is not allowed is dropped whatever its type.
fn traits(given: Map<String, Value>) -> Result<BTreeMap<String, String>, Fault> {
    let mut texts = BTreeMap::new();
    for (name, value) in given {
        match value {
            Value::String(text) => drop(texts.insert(name, text)),
            _ if is_allowed(&name) => return Err(wrong(&format!("traits.{name}"), "must be a string")),
            _ => {}
        }
    }
    Ok(allowed_traits(&texts))
}

fn is_allowed(name: &String) -> bool {
    !allowed_traits([(name, &"any".to_owned())]).is_empty()
}

// === impl Mode ===

impl Mode {
    /// A mode that we do not know is one that we cannot answer with.
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "hosted" => Some(Self::Hosted),
            "self_hosted" => Some(Self::SelfHosted),
            _ => None,
        }
    }

    fn from_wire(mode: SessionMode) -> Option<Self> {
        match mode {
            SessionMode::Hosted => Some(Self::Hosted),
            SessionMode::SelfHosted => Some(Self::SelfHosted),
            SessionMode::Unspecified => None,
        }
    }
}

impl From<Mode> for SessionMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Hosted => Self::Hosted,
            Mode::SelfHosted => Self::SelfHosted,
        }
    }
}

// === impl SessionAnswer ===

impl SessionAnswer {
    /// `None` if the session is not whole. `own` makes the rest of a self-hosted one from its id and workflow.
    pub(crate) fn new(
        session: Session,
        asked: &Asked,
        visitor_token: String,
        own: impl FnOnce(String, String) -> Own,
    ) -> Option<Self> {
        let mode = Mode::from_wire(session.mode())?;
        let expires_at = session.expire_time?.seconds;
        let workflow = session.workflow;
        let answer = Self {
            client_secret: session.client_secret,
            expires_at,
            mode,
            workflow: workflow.clone(),
            visitor_token,
            session_token: None,
            start_screen: session.start_screen.unwrap_or_default().into(),
            url: None,
            domain_key: None,
            notice: None,
        };
        match mode {
            Mode::Hosted => (!answer.client_secret.is_empty()).then_some(answer),
            Mode::SelfHosted => {
                let session_id = Some(session.session_id).filter(|id| !id.is_empty())?;
                let Own { client_secret, url, domain_key } = own(session_id, workflow);
                let notice = (!asked.modes.contains(&mode)).then_some(NOTICE);
                Some(Self { client_secret, url: Some(url), domain_key: Some(domain_key), notice, ..answer })
            }
        }
    }
}

impl SessionAnswer {
    pub(crate) fn with_session_token(self, session_token: Option<String>) -> Self {
        Self { session_token, ..self }
    }
}

// === impl StartScreen ===

impl From<proto::session::v1::StartScreen> for StartScreen {
    fn from(screen: proto::session::v1::StartScreen) -> Self {
        let prompts = screen.prompts.into_iter();
        Self {
            greeting: screen.greeting,
            prompts: prompts.map(|StarterPrompt { label, prompt }| Prompt { label, prompt }).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
