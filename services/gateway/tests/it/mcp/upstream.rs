//! The tools of all workflows, as chat-agent serves them: they note what they were asked and answer from a script.

use std::collections::{BTreeMap, VecDeque};

use proto::chat::v1::{
    CallToolRequest, CallToolResponse, ListToolsRequest, ListToolsResponse, Tool,
    tool_service_server::ToolService,
};
use serde_json::json;
use tonic::{Request, Response, Status, async_trait};

use crate::backend::Backend;

/// What was asked, and what is still to be answered. Without a script the answer is a friendly one.
#[derive(Default)]
pub(crate) struct Tools {
    pub(crate) listed: Vec<ListToolsRequest>,
    pub(crate) called: Vec<CallToolRequest>,
    pub(crate) lists: VecDeque<Result<ListToolsResponse, Status>>,
    pub(crate) calls: VecDeque<Result<CallToolResponse, Status>>,
    /// What was done, by `request_id`: the same one again does nothing more.
    pub(crate) effects: BTreeMap<String, CallToolResponse>,
}

pub(crate) fn tool(name: &str, touches: bool) -> Tool {
    Tool {
        name: name.into(),
        title: format!("Title of {name}"),
        description: format!("Does {name}."),
        input_schema: r#"{"type":"object","properties":{"q":{"type":"string"}}}"#.into(),
        output_schema: r#"{"type":"object","properties":{"done":{"type":"string"}}}"#.into(),
        read_only: !touches,
        destructive: touches,
        idempotent: true,
        open_world: false,
    }
}

/// What a tool answers that has done its work.
pub(crate) fn done(output: &str) -> CallToolResponse {
    CallToolResponse { output: output.into(), is_error: false }
}

#[async_trait]
impl ToolService for Backend {
    async fn list_tools(
        &self,
        request: Request<ListToolsRequest>,
    ) -> Result<Response<ListToolsResponse>, Status> {
        let mut notes = self.note(&request);
        let request = request.into_inner();
        let anybody = request.caller.as_ref().is_some_and(|caller| !caller.visitor_id.is_empty());
        let title = format!("Title of {}", request.caller.as_ref().unwrap().workflow);
        notes.tools.listed.push(request);
        let mut tools = vec![tool("search_knowledge", false)];
        tools.extend(anybody.then(|| tool("book_meeting", true)));
        let friendly = ListToolsResponse { tools, title };
        notes.tools.lists.pop_front().unwrap_or(Ok(friendly)).map(Response::new)
    }

    async fn call_tool(
        &self,
        request: Request<CallToolRequest>,
    ) -> Result<Response<CallToolResponse>, Status> {
        let mut notes = self.note(&request);
        let request = request.into_inner();
        notes.tools.called.push(request.clone());
        let number = notes.tools.effects.len() + 1;
        let friendly = done(&json!({"done": format!("{} {number}", request.name)}).to_string());
        if let Some(scripted) = notes.tools.calls.pop_front() {
            return scripted.map(Response::new);
        }
        let effect = notes.tools.effects.entry(request.request_id).or_insert(friendly).clone();
        Ok(Response::new(effect))
    }
}
