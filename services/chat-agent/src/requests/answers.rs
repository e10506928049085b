//! What a browser owes a turn that has ended: the output of a tool, a form.

use serde_json::Value;

use super::{Desk, Opening, Reply, Session, busy, invalid, stream_options};
use crate::{
    error::Error,
    protocol::{
        Answer, CallStatus, Event, FormStatus, Item, QuestionKind, StructuredInput, request::Submission,
    },
    threads::{Edit, fits},
    turn::Input,
};

/// How far back a call may wait for its output.
const PENDING: u32 = 20;

impl Desk {
    /// `threads.add_client_tool_output`
    pub(super) async fn add_output(
        &self,
        session: Session,
        thread: &str,
        output: Value,
    ) -> Result<Reply, Error> {
        let Some((slot, record)) = self.take(&session, thread).await? else { return Ok(busy()) };
        let items = self.0.threads.newest(thread, PENDING).await?;
        let pending = items.into_iter().rev().find_map(|item| match item {
            Item::ClientToolCall(call) if call.status == CallStatus::Pending => Some(call),
            _ => None,
        });
        let mut call = pending.ok_or(Error::Conflict("no call of a browser tool is pending"))?;
        call.status = CallStatus::Completed;
        call.output = Some(output).filter(|output| !output.is_null());
        let item = Item::ClientToolCall(call.clone());
        if !fits(&item) {
            return Err(invalid("params.result", "is too large"));
        }
        let record = self.begin(&record, vec![Edit::Put(item)]).await?;
        let events = vec![stream_options()];
        Ok(self.start(Opening { session, record, input: Input::ToolOutput(call), events, title: None, slot }))
    }

    /// `threads.add_structured_input`
    pub(super) async fn add_answers(
        &self,
        session: Session,
        thread: &str,
        item: &str,
        submission: Submission,
    ) -> Result<Reply, Error> {
        let Some((slot, record)) = self.take(&session, thread).await? else { return Ok(busy()) };
        let placed = self.0.threads.item(thread, item).await?;
        let placed = placed.filter(|placed| !placed.item.is_hidden());
        let Item::StructuredInput(form) = placed.ok_or(Error::ItemUnknown("params.item_id"))?.item else {
            return Err(invalid("params.item_id", "must be a form"));
        };
        if form.status != FormStatus::Pending {
            return Err(Error::Conflict("the form was answered already"));
        }
        let form = filled(form, submission);
        let item = Item::StructuredInput(form.clone());
        if !fits(&item) {
            return Err(invalid("params.input", "is too large"));
        }
        let record = self.begin(&record, vec![Edit::Put(item.clone())]).await?;
        let events = vec![stream_options(), Event::ItemReplaced { item }];
        Ok(self.start(Opening { session, record, input: Input::Answers(form), events, title: None, slot }))
    }
}

/// The form with what was answered; questions without an answer are skipped, answers without a question ignored.
fn filled(mut form: StructuredInput, submission: Submission) -> StructuredInput {
    let Submission { status, answers } = submission;
    let mut answers: std::collections::HashMap<String, Answer> = answers.into_iter().collect();
    for question in &mut form.inputs {
        let answer = answers
            .remove(&question.id)
            .filter(|answer| status == FormStatus::Answered && !answer.skipped && !answer.values.is_empty());
        let mut answer = answer.unwrap_or(Answer { values: Vec::new(), skipped: true });
        if matches!(question.kind, QuestionKind::MultipleChoice { multiple: false, .. }) {
            answer.values.truncate(1);
        }
        question.answer = Some(answer);
    }
    form.status = status;
    form
}
