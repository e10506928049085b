//! `search_knowledge`: passages of the workflow's documents, with their source.

use domain::workflow::Audience;
use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Annotations, Passage, Tool, arguments,
    failure::Failure,
    schema::{boolean, list, object, text},
    tool::{Run, Whom},
    toolbox::{Call, Reply},
};

const LONGEST_QUERY: usize = 500;
const MOST: usize = 4;

pub(crate) static TOOL: Tool = Tool {
    name: "search_knowledge",
    title: "Search the documentation",
    description: "Searches the company's documents and answers the best passages with file and heading. Call it before \
        answering a question about services, process, prices or terms. If nothing is found, say that you do not know.",
    input: |_| {
        object([("query", text("The question or its key words, in the documents' language (English)."))])
    },
    output: || {
        let passage = object([
            ("file", text("The document.")),
            ("heading", text("Where in it.")),
            ("text", text("What it says.")),
        ]);
        object([("found", boolean("Whether anything fits the question.")), ("passages", list(&passage))])
    },
    annotations: Annotations::READS,
    scope: Audience::Anyone,
    touches: Whom::Nobody,
    needs: &[],
    secrets: &[],
    claims: &[],
    correction: ["", ""],
    on_failure: "The documents cannot be searched right now. Say that you cannot look it up at the moment; do not guess.",
    progress: "Looking that up…",
    run: Run::Here(|call| async move { run(call) }.boxed()),
};

/// The arguments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    query: String,
}

/// The answer.
#[derive(Debug, Serialize)]
struct Output {
    found: bool,
    passages: Vec<Passage>,
}

fn run(call: Call<'_>) -> Result<Reply, Failure> {
    let Input { query } = arguments::read(call.arguments)?;
    let query = arguments::text("query", Some(query), LONGEST_QUERY)?
        .ok_or_else(|| Failure::Arguments("query must not be empty".into()))?;
    let passages = call.knowledge.search(&call.session.workflow.slug, &query, MOST)?;
    let unanswered = passages.is_empty().then_some(query);
    Ok(Reply { output: json!(Output { found: !passages.is_empty(), passages }), receipt: None, unanswered })
}

#[cfg(test)]
mod tests {
    use domain::workflow::Registry;

    use super::*;
    use crate::schema::check::mismatch;

    #[test]
    fn types_and_schemas_agree() {
        let registry = Registry::built_in();
        let input = Input { query: "prices".into() };
        let value = serde_json::to_value(&input).unwrap();
        assert!(mismatch(&(TOOL.input)(registry.choose("", "", "").unwrap()), &value, "input").is_empty());
        assert_eq!(serde_json::from_value::<Input>(value).unwrap(), input);
        let passage = Passage { file: "a.md".into(), heading: "A".into(), text: "t".into() };
        let output = json!(Output { found: true, passages: vec![passage] });
        assert!(mismatch(&(TOOL.output)(), &output, "output").is_empty());
    }
}
