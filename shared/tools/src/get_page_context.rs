//! `get_page_context`: what the visitor looks at. It runs in the browser.

use domain::workflow::Audience;

use crate::{
    Annotations, Tool,
    schema::{list, object, one_of, optional_text},
    tool::{Run, Whom},
};

const FIELDS: [&str; 4] = ["url", "title", "referrer", "utm"];

pub(crate) static TOOL: Tool = Tool {
    name: "get_page_context",
    title: "Look at the page",
    description: "Tells which page the visitor looks at: address, title, referrer, campaign. Call it only if the answer \
        depends on the page, and alone.",
    input: |_| {
        let fields = FIELDS.map(str::to_owned);
        object([("fields", list(&one_of(&fields, "What to tell.")))])
    },
    output: || {
        object([
            ("url", optional_text("The page's address.")),
            ("title", optional_text("The page's title.")),
            ("referrer", optional_text("Where the visitor came from.")),
            ("utm", optional_text("The campaign, as a query string.")),
        ])
    },
    annotations: Annotations::READS,
    scope: Audience::Anyone,
    touches: Whom::Visitor,
    needs: &[],
    secrets: &[],
    claims: &[],
    correction: ["", ""],
    on_failure: "The page did not answer. Go on without it, or ask the visitor.",
    progress: "Looking at the page…",
    run: Run::Browser,
};
