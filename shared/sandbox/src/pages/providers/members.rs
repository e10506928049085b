//! Whop's tables: who could join, who is a member, what they paid, and what each button does.
//!
//! The invariant: a button is there where the action can be done.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Row, text};
use crate::{Club, Generation, Mishap, Sandbox};

/// What can be joined, as label and plan.
const PLANS: [(&str, &str); 6] = [
    ("Growth", "plan_growthmonthly"),
    ("Growth trial", "plan_growthtrial"),
    ("Growth yearly", "plan_growthyearly"),
    ("Scale", "plan_scalemonthly"),
    ("Playbook", "plan_playbooklife"),
    ("Free", "plan_free"),
];

/// What a person or a bank does at Whop.
#[derive(Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Act {
    Join { user: String, plan: String },
    TrialSoon { id: String },
    Renew { id: String, fine: bool },
    SetCancel { id: String, cancel: bool },
    PeriodEnds { id: String },
    Revoke { id: String },
    Upgrade { id: String, plan: String },
    Refund { id: String, amount: Option<i64> },
    Dispute { id: String },
    CloseDispute { id: String, won: bool },
    Speak { generation: Speech },
}

/// The generations of webhooks, by name.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Speech {
    Dated,
    Legacy,
    Underscored,
}

/// Does it.
pub(super) fn act(club: Club<'_>, act: Act) -> Result<Value, Mishap> {
    match act {
        Act::Join { user, plan } => club.join(&user, &plan),
        Act::TrialSoon { id } => club.trial_ends_soon(&id),
        Act::Renew { id, fine } => club.renew(&id, fine),
        Act::SetCancel { id, cancel } => club.set_cancel(&id, cancel),
        Act::PeriodEnds { id } => club.period_ends(&id),
        Act::Revoke { id } => club.revoke(&id),
        Act::Upgrade { id, plan } => club.upgrade(&id, &plan),
        Act::Refund { id, amount } => club.refund(&id, amount),
        Act::Dispute { id } => club.dispute(&id),
        Act::CloseDispute { id, won } => club.close_dispute(&id, won),
        Act::Speak { generation } => {
            club.speak(match generation {
                Speech::Dated => Generation::Dated,
                Speech::Legacy => Generation::Legacy,
                Speech::Underscored => Generation::Underscored,
            });
            Ok(Value::Null)
        }
    }
}

/// A button's action, in the page's envelope.
fn button(mut what: Value) -> Value {
    what["do"] = "member".into();
    what
}

/// Who could join.
pub(super) fn people(sandbox: &Sandbox) -> Result<Vec<Row>, Mishap> {
    let row = |(id, name): (String, String)| {
        let join = |(label, plan)| (label, button(json!({"act": "join", "user": id, "plan": plan})));
        (vec![name, id.clone()], PLANS.map(join).to_vec())
    };
    Ok(sandbox.club().people()?.into_iter().map(row).collect())
}

/// The memberships.
pub(super) fn memberships(sandbox: &Sandbox) -> Result<Vec<Row>, Mishap> {
    let row = |one: Value| {
        let texts = ["/user_id", "/plan_id", "/status", "/current_period_end", "/license_key", "/id"];
        (texts.map(|at| text(&one, at)).to_vec(), possible(&one))
    };
    Ok(sandbox.club().memberships()?.into_iter().map(row).collect())
}

/// What can happen to a membership.
fn possible(one: &Value) -> Vec<(&'static str, Value)> {
    let (id, status) = (&one["id"], one["status"].as_str().unwrap_or_default());
    let mut buttons = Vec::new();
    let mut add = |label, what: Value| buttons.push((label, button(what)));
    let is_leaving = one["cancel_at_period_end"] == true;
    let lives = matches!(status, "trialing" | "active" | "past_due" | "completed");
    if lives && !one["current_period_end"].is_null() {
        if status == "trialing" {
            add("Trial ends soon", json!({"act": "trial_soon", "id": id}));
        }
        if is_leaving {
            add("Stay", json!({"act": "set_cancel", "id": id, "cancel": false}));
        } else {
            add("Renew", json!({"act": "renew", "id": id, "fine": true}));
            add("Renewal fails", json!({"act": "renew", "id": id, "fine": false}));
            add("Cancel at period end", json!({"act": "set_cancel", "id": id, "cancel": true}));
        }
        if is_leaving || status == "past_due" {
            add("Period ends", json!({"act": "period_ends", "id": id}));
        }
        if one["plan_id"] != "plan_scalemonthly" {
            add("Upgrade", json!({"act": "upgrade", "id": id, "plan": "plan_scalemonthly"}));
        }
    }
    if lives {
        add("Revoke", json!({"act": "revoke", "id": id}));
    }
    buttons
}

/// The payments.
pub(super) fn payments(sandbox: &Sandbox) -> Result<Vec<Row>, Mishap> {
    let row = |one: Value| {
        let id = &one["id"];
        let mut buttons = Vec::new();
        if one["refundable"] == true {
            buttons.push(("Refund", button(json!({"act": "refund", "id": id, "amount": null}))));
            buttons.push(("Refund 1.00", button(json!({"act": "refund", "id": id, "amount": 100}))));
            if matches!(one["substatus"].as_str(), Some("succeeded" | "partially_refunded")) {
                buttons.push(("Dispute", button(json!({"act": "dispute", "id": id}))));
            }
        }
        let texts = ["/user/id", "/total/amount", "/refunded_amount/amount", "/status", "/substatus", "/id"];
        (texts.map(|at| text(&one, at)).to_vec(), buttons)
    };
    Ok(sandbox.club().payments()?.into_iter().map(row).collect())
}

/// The disputes.
pub(super) fn disputes(sandbox: &Sandbox) -> Result<Vec<Row>, Mishap> {
    let row = |one: Value| {
        let end = |won: bool| button(json!({"act": "close_dispute", "id": one["id"], "won": won}));
        let buttons = match one["status"].as_str() {
            Some("needs_response") => vec![("Win", end(true)), ("Lose", end(false))],
            _ => Vec::new(),
        };
        (["/payment/id", "/status", "/id"].map(|at| text(&one, at)).to_vec(), buttons)
    };
    Ok(sandbox.club().disputes()?.into_iter().map(row).collect())
}

/// Which of Whop's webhooks are sent.
pub(super) fn speech(sandbox: &Sandbox) -> Row {
    let speak = |name: &str| button(json!({"act": "speak", "generation": name}));
    let shown = match sandbox.club().generation() {
        Generation::Dated => "dated",
        Generation::Legacy => "legacy",
        Generation::Underscored => "legacy, with underscores",
    };
    let buttons =
        vec![("Dated", speak("dated")), ("Legacy", speak("legacy")), ("Underscores", speak("underscored"))];
    (vec![shown.to_owned()], buttons)
}
