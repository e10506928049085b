//! What a browser asks, read member by member.
//!
//! The invariant: a request that cannot be taken is refused with the path of the member at fault and no word of its
//! content; members that nobody knows are ignored.

mod fields;

use std::collections::BTreeMap;

use domain::{Fault, visit::allowed_traits};
use serde_json::{Map, Value};

use super::{Answer, FormStatus, InferenceOptions, ToolChoice, UserContent};
use crate::threads::{Direction, Paging};
use fields::Fields;

/// Length of a page if none is asked for.
pub(crate) const PAGE: u32 = 20;
/// Most of a page.
const LONGEST_PAGE: u32 = 100;
/// Most characters of a title.
const LONGEST_TITLE: usize = 200;
/// Most items that are judged at once.
const MOST_JUDGED: usize = 100;

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Request {
    /// `threads.create`: message, and the traits of the visit that may travel
    Create(Message, BTreeMap<String, String>),
    /// `threads.add_user_message`
    AddMessage(String, Message),
    /// `threads.add_client_tool_output`
    AddToolOutput(String, Value),
    /// `threads.add_structured_input`: thread, item, submission
    AddAnswers(String, String, Submission),
    /// `threads.retry_after_item`: thread, item
    Retry(String, String),
    /// `threads.custom_action`
    Act(Action),
    /// `threads.sync_custom_action`
    ActNow(Action),
    /// `threads.get_by_id`
    GetThread(String),
    /// `threads.list`
    ListThreads(Paging),
    /// `items.list`
    ListItems(String, Paging),
    /// `items.feedback`: thread, items, whether they are liked
    Judge(String, Vec<String>, bool),
    /// `threads.update`: thread, title
    Rename(String, String),
    /// `threads.delete`
    Delete(String),
}

/// A message on its way into a thread.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    /// The text, in parts.
    pub(crate) content: Vec<UserContent>,
    /// What it is a reply to.
    pub(crate) quoted_text: Option<String>,
    /// What the visitor chose.
    pub(crate) inference_options: InferenceOptions,
}

/// A form as it comes back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Submission {
    /// Answered or skipped.
    pub(crate) status: FormStatus,
    /// By id of the question.
    pub(crate) answers: Vec<(String, Answer)>,
}

/// Something was pressed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Action {
    /// In this thread.
    pub(crate) thread_id: String,
    /// On this widget.
    pub(crate) item_id: Option<String>,
    /// `type` of the action.
    pub(crate) kind: String,
    /// What came with it.
    pub(crate) payload: Value,
}

// === impl Request ===

impl Request {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// Invalid, with the path of the member at fault.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Fault> {
        let mut request = Fields::parse(body)?;
        let kind = request.text("type")?;
        match kind.as_str() {
            "attachments.create" | "attachments.delete" => {
                return Err(Fault::invalid("type", "attachments are off"));
            }
            "input.transcribe" => return Err(Fault::invalid("type", "transcription is off")),
            _ => {}
        }
        let mut params = request.object("params")?;
        let thread = |params: &mut Fields| params.text("thread_id");
        Ok(match kind.as_str() {
            "threads.create" => {
                Self::Create(message(params.object("input")?)?, traits(request.optional_value("metadata")))
            }
            "threads.add_user_message" => {
                Self::AddMessage(thread(&mut params)?, message(params.object("input")?)?)
            }
            "threads.add_client_tool_output" => {
                Self::AddToolOutput(thread(&mut params)?, params.value("result")?)
            }
            "threads.add_structured_input" => {
                let submission = submission(params.object("input")?)?;
                Self::AddAnswers(thread(&mut params)?, params.text("item_id")?, submission)
            }
            "threads.retry_after_item" => Self::Retry(thread(&mut params)?, params.text("item_id")?),
            "threads.custom_action" => Self::Act(action(params)?),
            "threads.sync_custom_action" => Self::ActNow(action(params)?),
            "threads.get_by_id" => Self::GetThread(thread(&mut params)?),
            "threads.list" => Self::ListThreads(paging(&mut params)?),
            "items.list" => Self::ListItems(thread(&mut params)?, paging(&mut params)?),
            "items.feedback" => judgement(params)?,
            "threads.update" => Self::Rename(thread(&mut params)?, title(&mut params)?),
            "threads.delete" => Self::Delete(thread(&mut params)?),
            _ => return Err(Fault::invalid("type", "type is none of the protocol's")),
        })
    }

    /// Whether it makes the assistant work on something new.
    pub(crate) fn is_costly(&self) -> bool {
        matches!(
            self,
            Self::Create(..)
                | Self::AddMessage(..)
                | Self::AddAnswers(..)
                | Self::Retry(..)
                | Self::Act(_)
                | Self::ActNow(_)
        )
    }
}

/// The traits in a request's metadata; what else a page puts there is its own business.
fn traits(metadata: Option<Value>) -> BTreeMap<String, String> {
    let Some(Value::Object(metadata)) = metadata else { return BTreeMap::new() };
    let text = |value| if let Value::String(text) = value { Some(text) } else { None };
    let texts: BTreeMap<String, String> =
        metadata.into_iter().filter_map(|(name, value)| Some((name, text(value)?))).collect();
    allowed_traits(&texts)
}

fn message(mut input: Fields) -> Result<Message, Fault> {
    if !input.array("attachments")?.unwrap_or_default().is_empty() {
        return Err(input.fault("attachments", "must be empty: attachments are off"));
    }
    let parts = input.objects("content")?;
    let content = parts.into_iter().map(part).collect::<Result<Vec<_>, _>>()?;
    let has_text = content.iter().any(|part| match part {
        UserContent::InputText { text } | UserContent::InputTag { text, .. } => !text.trim().is_empty(),
    });
    if !has_text {
        return Err(input.fault("content", "must hold some text"));
    }
    Ok(Message {
        content,
        quoted_text: input.optional_text("quoted_text")?,
        inference_options: match input.optional_object("inference_options")? {
            None => InferenceOptions::default(),
            Some(mut options) => InferenceOptions {
                tool_choice: match options.optional_object("tool_choice")? {
                    None => None,
                    Some(mut choice) => Some(ToolChoice { id: choice.text("id")? }),
                },
                model: options.optional_text("model")?,
            },
        },
    })
}

fn part(mut part: Fields) -> Result<UserContent, Fault> {
    match part.text("type")?.as_str() {
        "input_text" => Ok(UserContent::InputText { text: part.text("text")? }),
        "input_tag" => Ok(UserContent::InputTag {
            id: part.text("id")?,
            text: part.text("text")?,
            data: part.map("data")?,
            group: part.optional_text("group")?,
            interactive: part.flag("interactive")?.unwrap_or(false),
        }),
        _ => Err(part.fault("type", "must be input_text or input_tag")),
    }
}

fn submission(mut input: Fields) -> Result<Submission, Fault> {
    let status = match input.optional_text("status")?.as_deref() {
        None | Some("answered") => FormStatus::Answered,
        Some("skipped") => FormStatus::Skipped,
        Some(_) => return Err(input.fault("status", "must be answered or skipped")),
    };
    let answers = match input.optional_object("answers")? {
        None => Vec::new(),
        Some(answers) => answers.each(|mut answer| {
            let skipped = answer.flag("skipped")?.unwrap_or(false);
            Ok(Answer { values: answer.texts("values")?.unwrap_or_default(), skipped })
        })?,
    };
    Ok(Submission { status, answers })
}

fn action(mut params: Fields) -> Result<Action, Fault> {
    let mut action = params.object("action")?;
    Ok(Action {
        thread_id: params.text("thread_id")?,
        item_id: params.optional_text("item_id")?,
        kind: action.text("type")?,
        payload: action.optional_value("payload").unwrap_or(Value::Object(Map::new())),
    })
}

fn judgement(mut params: Fields) -> Result<Request, Fault> {
    let Some(mut items) = params.texts("item_ids")? else {
        return Err(params.fault("item_ids", "is required"));
    };
    if items.len() > MOST_JUDGED {
        return Err(params.fault("item_ids", "has too many items"));
    }
    items.sort();
    items.dedup();
    let positive = match params.text("kind")?.as_str() {
        "positive" => true,
        "negative" => false,
        _ => return Err(params.fault("kind", "must be positive or negative")),
    };
    Ok(Request::Judge(params.text("thread_id")?, items, positive))
}

fn title(params: &mut Fields) -> Result<String, Fault> {
    let title = params.text("title")?;
    if title.chars().count() > LONGEST_TITLE {
        return Err(params.fault("title", "has more than 200 characters"));
    }
    Ok(title)
}

fn paging(params: &mut Fields) -> Result<Paging, Fault> {
    let limit = match params.integer("limit")? {
        None | Some(0) => PAGE,
        Some(limit) => match u32::try_from(limit) {
            Ok(limit) => limit.min(LONGEST_PAGE),
            Err(_) => return Err(params.fault("limit", "must not be negative")),
        },
    };
    let direction = match params.optional_text("order")?.as_deref() {
        None | Some("desc") => Direction::Descending,
        Some("asc") => Direction::Ascending,
        Some(_) => return Err(params.fault("order", "must be asc or desc")),
    };
    Ok(Paging { limit, direction, after: params.optional_text("after")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named_by_its_path_and_never_quoted() {
        for (body, path) in [
            (r#"{"type":7}"#, "type"),
            (r#"{"type":"threads.create"}"#, "params"),
            (r#"{"type":"threads.create","params":[]}"#, "params"),
            (r#"{"type":"threads.secret","params":{}}"#, "type"),
            (r#"{"type":"threads.create","params":{"input":{"content":"secret"}}}"#, "params.input.content"),
            (
                r#"{"type":"threads.create","params":{"input":{"content":[{"type":"input_text","text":"x"},"secret"]}}}"#,
                "params.input.content[1]",
            ),
            (
                r#"{"type":"threads.create","params":{"input":{"content":[{"type":"input_text","text":["secret"]}]}}}"#,
                "params.input.content[0].text",
            ),
            (
                r#"{"type":"threads.create","params":{"input":{"content":[{"type":"secret"}]}}}"#,
                "params.input.content[0].type",
            ),
            (r#"{"type":"threads.create","params":{"input":{"content":[]}}}"#, "params.input.content"),
            (
                r#"{"type":"threads.create","params":{"input":{"content":[],"attachments":["secret"]}}}"#,
                "params.input.attachments",
            ),
            (r#"{"type":"threads.list","params":{"limit":"secret"}}"#, "params.limit"),
            (r#"{"type":"threads.list","params":{"limit":-1}}"#, "params.limit"),
            (r#"{"type":"threads.list","params":{"order":"secret"}}"#, "params.order"),
            (r#"{"type":"items.list","params":{}}"#, "params.thread_id"),
            (
                r#"{"type":"threads.add_structured_input","params":{"thread_id":"t","item_id":"i","input":{"answers":{"q":{"values":"secret"}}}}}"#,
                "params.input.answers.q.values",
            ),
            (
                r#"{"type":"threads.add_structured_input","params":{"thread_id":"t","item_id":"i","input":{"answers":{"q":7}}}}"#,
                "params.input.answers.q",
            ),
            (
                r#"{"type":"threads.custom_action","params":{"thread_id":"t","action":{}}}"#,
                "params.action.type",
            ),
            (
                r#"{"type":"items.feedback","params":{"thread_id":"t","item_ids":[1],"kind":"positive"}}"#,
                "params.item_ids",
            ),
            (
                r#"{"type":"items.feedback","params":{"thread_id":"t","item_ids":[],"kind":"secret"}}"#,
                "params.kind",
            ),
            (r#"{"type":"threads.add_client_tool_output","params":{"thread_id":"t"}}"#, "params.result"),
            (r#"{"type":"attachments.create","params":{"name":"secret"}}"#, "type"),
            (r#"{"type":"input.transcribe"}"#, "type"),
        ] {
            let fault = Request::read(body.as_bytes()).expect_err(body);
            assert_eq!(fault.field.as_deref(), Some(path), "{body}");
            assert_eq!(fault.kind, domain::Kind::Invalid);
            assert!(!fault.message.contains("secret"), "{}", fault.message);
        }
        for body in ["", "[]", "{", "null"] {
            assert_eq!(Request::read(body.as_bytes()).expect_err(body).kind, domain::Kind::Invalid);
        }
    }

    #[test]
    fn a_new_thread_keeps_the_traits_that_may_travel() {
        let body = r#"{"type":"threads.create","metadata":{"utm_source":"yt","page":7,"is_admin":"true"},
            "params":{"input":{"content":[{"type":"input_text","text":"hi"}]}}}"#;
        let Ok(Request::Create(_, traits)) = Request::read(body.as_bytes()) else {
            panic!("it is a new thread")
        };
        assert_eq!(traits, [("utm_source".to_owned(), "yt".to_owned())].into());
    }

    #[test]
    fn a_whole_number_is_an_integer_however_it_is_written() {
        let read = |limit: &str| {
            let body = format!(r#"{{"type":"threads.list","params":{{"limit":{limit}}}}}"#);
            let read = Request::read(body.as_bytes());
            read.map(|request| if let Request::ListThreads(paging) = request { paging.limit } else { 0 })
        };
        for (limit, taken) in [("7", 7), ("7.0", 7), ("70e-1", 7), ("0.0", PAGE), ("-0.0", PAGE)] {
            assert_eq!(read(limit), Ok(taken), "{limit}");
        }
        for refused in ["7.5", "-7.0", "1e300", "9007199254740993.0"] {
            assert!(read(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn members_that_nobody_knows_are_ignored_and_nulls_are_absent() {
        let body = r#"{"type":"threads.list","metadata":{"k":1},"later":[],"params":{"limit":null,"after":null,"x":{}}}"#;
        let paging = Paging { limit: PAGE, direction: Direction::Descending, after: None };
        assert_eq!(Request::read(body.as_bytes()), Ok(Request::ListThreads(paging)));
    }
}
