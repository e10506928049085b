//! The model: a sandbox in this process that says prescribed answers at a fixed rate and notes when it began.
//!
//! The invariant: a mark is noted before its bytes are on their way.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::Context as _;
use axum::{body::Body, extract::State, middleware::map_response_with_state, response::Response};
use sandbox::{Output, Sandbox, Scripted};
use tokio_stream::StreamExt as _;

use crate::mark::{self, Marks};

const WORDS: [&str; 8] = ["and ", "so ", "it ", "goes ", "on ", "and ", "on, ", "still "];

/// The upstream.
pub(crate) struct Upstream {
    /// Where it is.
    pub(crate) base: String,
    /// When it said what.
    pub(crate) marks: Marks,
    sandbox: Sandbox,
    next: AtomicU32,
}

// === impl Upstream ===

impl Upstream {
    pub(crate) async fn start(pace: Duration) -> anyhow::Result<Self> {
        let sandbox = Sandbox::open(None)?;
        sandbox.set_pace(pace);
        let marks = Marks::default();
        let router = sandbox.providers().layer(map_response_with_state(marks.clone(), listen));
        let listener = chassis::bind([127, 0, 0, 1].into(), 0).await.context("no port for the upstream")?;
        let base = format!("http://{}", listener.local_addr()?);
        tokio::spawn(sandbox::serve(listener, router, std::future::pending::<()>()));
        Ok(Self { base, marks, sandbox, next: AtomicU32::new(1) })
    }

    /// Where its OpenAI is.
    pub(crate) fn openai(&self) -> String {
        format!("{}/openai/v1", self.base)
    }

    /// Prescribes so many answers of so many deltas.
    pub(crate) fn prescribe(&self, answers: usize, deltas: usize) {
        let answer = |_| {
            let first = mark::text(self.next.fetch_add(1, Ordering::Relaxed));
            let rest = WORDS.iter().cycle().map(|word| (*word).to_owned());
            Scripted::Answer(vec![Output::Text(std::iter::once(first).chain(rest).take(deltas).collect())])
        };
        self.sandbox.script((0..answers).map(answer).collect());
    }
}

/// Notes the mark of a streamed answer as it goes out.
async fn listen(State(marks): State<Marks>, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let mut marks = Some(marks);
    let body = body.into_data_stream().map(move |frame| {
        if let (Some(open), Ok(bytes)) = (&marks, &frame)
            && let Some(mark) = mark::find(bytes)
        {
            open.note(mark);
            marks = None;
        }
        frame
    });
    Response::from_parts(parts, Body::from_stream(body))
}
