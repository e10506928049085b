//! `find_anomalies`: what is unusual.

use domain::workflow::Audience;
use futures_util::FutureExt as _;
use jiff::tz::TimeZone;
use proto::ops::v1::{Anomaly, FindAnomaliesRequest};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Annotations, Tool, arguments,
    failure::Failure,
    links::Service,
    schema::{list, number, object, optional_text, text},
    times,
    tool::{Run, Whom},
    toolbox::{Call, Reply},
};

pub(crate) static TOOL: Tool = Tool {
    name: "find_anomalies",
    title: "Find what is unusual",
    description: "Answers what is unusual in the books right now, by the thresholds of the configuration, with what was measured \
        and what was to be expected. Call it before saying that something is or is not unusual.",
    input: |_| object([]),
    output: || {
        let kinds = [
            "volume",
            "conversion",
            "failed_payments",
            "churn",
            "parked_rows",
            "parked_deliveries",
            "lag",
            "budget",
        ];
        let anomaly = object([
            ("anomaly_id", text("Its id.")),
            ("kind", text(&format!("Its kind: one of {}.", kinds.join(", ")))),
            ("title", text("What it is about.")),
            ("value", number("What was measured.")),
            ("expected", number("What was to be expected.")),
            ("threshold", text("The threshold that was passed.")),
            ("from", optional_text("From when on it was measured, RFC 3339.")),
            ("to", optional_text("Until when it was measured, RFC 3339.")),
            ("next_check", text("What to look at next.")),
        ]);
        object([("anomalies", list(&anomaly))])
    },
    annotations: Annotations::READS,
    scope: Audience::Operator,
    touches: Whom::Nobody,
    needs: &[Service::OpsCopilot],
    secrets: &[],
    claims: &[],
    correction: ["", ""],
    on_failure: "It cannot be told right now what is unusual. Say so; do not guess.",
    progress: "Looking for what is unusual…",
    run: Run::Here(|call| run(call).boxed()),
};

/// The arguments: none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {}

#[derive(Debug, Serialize)]
struct Told {
    anomaly_id: String,
    kind: String,
    title: String,
    value: f64,
    expected: f64,
    threshold: String,
    from: Option<String>,
    to: Option<String>,
    next_check: String,
}

async fn run(mut call: Call<'_>) -> Result<Reply, Failure> {
    let Input {} = arguments::read(call.arguments.take())?;
    let zone = call.session.zone();
    let request = FindAnomaliesRequest { caller: call.caller(), ..Default::default() };
    let answer = call.clients.find_anomalies(request).await?;
    let anomalies: Vec<Told> = answer.anomalies.into_iter().map(|anomaly| told(anomaly, &zone)).collect();
    Ok(Reply::of(json!({"anomalies": anomalies})))
}

fn told(anomaly: Anomaly, zone: &TimeZone) -> Told {
    let (from, to) = (times::told(anomaly.from_time, zone), times::told(anomaly.to_time, zone));
    let Anomaly { anomaly_id, kind, title, value, expected, threshold, next_check, .. } = anomaly;
    Told { anomaly_id, kind, title, value, expected, threshold, from, to, next_check }
}
