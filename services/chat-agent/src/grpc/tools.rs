//! `ToolService` on the wire: the agents' tools, for agents of others.
//!
//! The invariants: who is behind a call is what the gateway says and nothing of the arguments; a call that has begun is
//! finished, whoever waits for it; and one that changes something is known as a repetition by its client's key, or by what
//! became of earlier ones ([`crate::wishes`]).

use std::{collections::BTreeMap, sync::Arc};

use domain::{Fault, Kind, Reason, workflow::Workflow};
use jiff::Timestamp;
use proto::{
    chat::v1::{
        CallToolRequest, CallToolResponse, ListToolsRequest, ListToolsResponse, Tool as WireTool,
        tool_service_server::ToolService,
    },
    common::v1::Caller,
};
use serde_json::Value;
use store::Clock;
use tonic::{Request, Response, Status};
use tools::{Outcome, Session, Tool, Toolbox};

use super::refuse;
use crate::{
    brain::{self, Recorder},
    error::Error,
    requests::Desk,
    wishes::Wishes,
};

/// `ToolService`.
#[derive(Clone)]
pub(crate) struct Tools {
    /// Where requests are worked on.
    pub(crate) desk: Desk,
    /// What is called.
    pub(crate) toolbox: Toolbox,
    /// Which calls repeat others.
    pub(crate) wishes: Wishes,
    /// Tells the books what found no answer.
    pub(crate) recorder: Recorder,
    /// The time.
    pub(crate) clock: Clock,
}

#[tonic::async_trait]
impl ToolService for Tools {
    async fn list_tools(
        &self,
        request: Request<ListToolsRequest>,
    ) -> Result<Response<ListToolsResponse>, Status> {
        let (caller, workflow) = self.behind(request.into_inner().caller).map_err(refuse)?;
        self.desk.admit(&subject(&caller), false).await.map_err(refuse)?;
        let tools = self.offered(&workflow, &caller).map(|tool| encode(tool, &workflow)).collect();
        Ok(Response::new(ListToolsResponse { tools, title: workflow.title.clone() }))
    }

    async fn call_tool(
        &self,
        request: Request<CallToolRequest>,
    ) -> Result<Response<CallToolResponse>, Status> {
        let Outcome { output, is_error, .. } = self.call(request.into_inner()).await.map_err(refuse)?;
        Ok(Response::new(CallToolResponse { output: output.to_string(), is_error }))
    }
}

impl Tools {
    async fn call(&self, request: CallToolRequest) -> Result<Outcome, Error> {
        let CallToolRequest { caller, request_id, name, arguments, keyed } = request;
        let (caller, workflow) = self.behind(caller)?;
        self.desk.admit(&subject(&caller), true).await?;
        if domain::id::check(&request_id).is_err() {
            let why = "request_id must be an id";
            return Err(Error::Refused(Fault::invalid("request_id", why)));
        }
        let Some(tool) = self.offered(&workflow, &caller).find(|tool| tool.name == name) else {
            let why = "there is no such tool in this workflow for this session";
            return Err(Error::Refused(Fault::new(Kind::NotFound, Reason::ToolUnknown, why)));
        };
        let arguments = match brain::read_arguments(&arguments) {
            Ok(arguments) => Value::Object(arguments),
            Err(outcome) => return Ok(*outcome),
        };
        let session = session(caller, workflow, request_id, (self.clock)());
        let tools = self.clone();
        self.desk.finish(async move { tools.run(tool, arguments, session, keyed).await }).await?
    }

    /// Calls a tool, under the request id of the call that this one repeats, if it does.
    async fn run(
        &self,
        tool: &Tool,
        arguments: Value,
        mut session: Session,
        keyed: bool,
    ) -> Result<Outcome, Error> {
        if keyed || tool.annotations.read_only {
            let outcome = self.toolbox.call(tool.name, arguments, &session).await;
            if let Some(question) = outcome.unanswered.as_deref().filter(|_| session.is_of_somebody()) {
                self.recorder.unanswered_outside(&session, question);
            }
            return Ok(outcome);
        }
        let attempt = self.wishes.begin(session.wish(tool.name, &arguments), session.turn).await?;
        session.turn = attempt.request_id.clone();
        let outcome = self.toolbox.call(tool.name, arguments, &session).await;
        self.wishes.end(&attempt, &outcome).await;
        Ok(outcome)
    }

    /// Who is behind a call, and at which workflow. Without a visitor there is nobody, whatever else is said.
    fn behind(&self, caller: Option<Caller>) -> Result<(Caller, Arc<Workflow>), Error> {
        let caller = caller.unwrap_or_default();
        let workflow = self.desk.workflow(&caller.workflow).ok_or(Error::WorkflowUnknown)?;
        if caller.visitor_id.is_empty() {
            let Caller { workflow: slug, ip_key, site, .. } = caller;
            return Ok((Caller { workflow: slug, ip_key, site, ..Caller::default() }, workflow));
        }
        super::visitor(&caller)?;
        Ok((caller, workflow))
    }

    /// The tools that are offered here; what runs in a browser is nothing for other agents.
    fn offered(&self, workflow: &Workflow, caller: &Caller) -> impl Iterator<Item = &'static Tool> {
        self.toolbox.offered(workflow, caller).into_iter().filter(|tool| !tool.is_of_browser())
    }
}

/// Outside a thread there are no facts of a visit.
fn session(caller: Caller, workflow: Arc<Workflow>, turn: String, now: Timestamp) -> Session {
    Session { caller, thread_id: String::new(), turn, workflow, traits: BTreeMap::new(), now }
}

/// Whose calls are counted together: a visitor's, as in the chat, or those of one address.
fn subject(caller: &Caller) -> String {
    match caller.visitor_id.as_str() {
        "" => format!("address:{}", caller.ip_key),
        visitor => visitor.to_owned(),
    }
}

fn encode(tool: &Tool, workflow: &Workflow) -> WireTool {
    WireTool {
        name: tool.name.to_owned(),
        title: tool.title.to_owned(),
        description: tool.description.to_owned(),
        input_schema: (tool.input)(workflow).to_string(),
        output_schema: (tool.output)().to_string(),
        read_only: tool.annotations.read_only,
        destructive: tool.annotations.destructive,
        idempotent: tool.annotations.idempotent,
        open_world: tool.annotations.open_world,
    }
}
