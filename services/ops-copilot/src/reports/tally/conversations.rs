//! Conversations of a week: visits, messages, answers, and how they ended.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::origins::Origins;
use crate::{
    books::Cells,
    reports::summary::{Origin, Sums},
};

/// The workflow of the operator.
const OPERATOR: &str = crate::NAME;
/// The outcome that calls for a person.
const NEEDS_HUMAN: &str = "needs_human";
/// Questions that are named.
const QUESTIONS: usize = 20;
/// Longest part of a question that is told apart, in characters.
const QUESTION: usize = 200;

/// What is counted.
#[derive(Default)]
pub(super) struct Conversations {
    /// Different chat sessions with an event in the week, and what the first of these events that says so tells of their origin.
    sessions: HashMap<String, Origin>,
    /// Whose a session is, as an engagement of the week says.
    owners: HashMap<String, String>,
    /// Events `chat.turn`.
    messages: i64,
    /// `duration_ms` of events `chat.answered`.
    durations: Vec<i64>,
    answers: i64,
    /// `cost` of the same events, in billionths of a major unit.
    cost: BTreeMap<String, u128>,
    /// `waited_seconds` of events `chat.person_answered`.
    waited: Vec<i64>,
    /// Events `knowledge.unanswered`, by question without regard to case and blanks, and as it was asked first.
    questions: HashMap<String, (String, i64)>,
    /// The last outcome of each conversation of which an engagement of the week tells one.
    outcomes: HashMap<String, String>,
    /// Conversations with an engagement in the week that calls for a person.
    handoffs: HashSet<String>,
}

/// What it comes to.
pub(super) struct Told {
    pub(super) messages: i64,
    pub(super) outcomes: Vec<(String, i64)>,
    pub(super) handoffs: i64,
    pub(super) handoff_median: Option<i64>,
    pub(super) unanswered: Vec<(String, i64)>,
    pub(super) unanswered_total: i64,
    pub(super) cost: Sums,
    pub(super) answers: i64,
    pub(super) answer_median: Option<i64>,
    pub(super) answer_p95: Option<i64>,
}

// === impl Conversations ===

impl Conversations {
    /// A row of `chat_events`.
    pub(super) fn event(&mut self, cells: &Cells) {
        let said = cells.json("payload_json");
        let kind = cells.text("type");
        if kind == "chat.answered" {
            self.answer(&said);
        }
        if is_of_operator(&said) {
            return;
        }
        match kind {
            "chat.turn" => self.messages += 1,
            "chat.person_answered" => {
                self.waited.extend(said["waited_seconds"].as_f64().map(|waited| waited as i64))
            }
            "knowledge.unanswered" => self.unanswered(said["question"].as_str().unwrap_or_default()),
            _ => {}
        }
        let session = cells.text("session_id");
        if !session.is_empty() {
            let origin = self.sessions.entry(session.to_owned()).or_default();
            if !origin.is_known() {
                *origin = of_visit(&said["traits"]);
            }
        }
    }

    /// A row of `engagements`.
    pub(super) fn engagement(&mut self, cells: &Cells) {
        let [session, contact, outcome] =
            ["session_id", "contact_id", "outcome"].map(|column| cells.text(column));
        if cells.text("workflow_id") == OPERATOR {
            return;
        }
        if !session.is_empty() && !contact.is_empty() {
            self.owners.insert(session.to_owned(), contact.to_owned());
        }
        // What belongs to no session is a conversation of its own.
        let conversation = if session.is_empty() { cells.id.as_str() } else { session };
        if !outcome.is_empty() {
            self.outcomes.insert(conversation.to_owned(), outcome.to_owned());
        }
        if outcome == NEEDS_HUMAN {
            self.handoffs.insert(conversation.to_owned());
        }
    }

    /// Contacts of the sessions.
    pub(super) fn contacts(&self) -> impl Iterator<Item = &String> {
        self.owners.values()
    }

    /// The origin of each session: the first touch of whose it is, where that is known, else what the visit itself says.
    pub(super) fn origins(&self, origins: &Origins) -> Vec<Origin> {
        let of = |(session, visit): (&String, &Origin)| {
            let owner = self.owners.get(session).map(|contact| origins.get(contact));
            owner.filter(Origin::is_known).unwrap_or_else(|| visit.clone())
        };
        self.sessions.iter().map(of).collect()
    }

    pub(super) fn told(mut self) -> Told {
        let mut outcomes: HashMap<String, i64> = HashMap::new();
        self.outcomes.into_values().for_each(|outcome| *outcomes.entry(outcome).or_default() += 1);
        let unanswered_total = self.questions.values().map(|(_, count)| count).sum();
        let mut unanswered = most_frequent(self.questions.into_values());
        unanswered.truncate(QUESTIONS);
        Told {
            messages: self.messages,
            outcomes: most_frequent(outcomes),
            handoffs: count(self.handoffs.len()),
            handoff_median: median(&mut self.waited),
            unanswered,
            unanswered_total,
            cost: self
                .cost
                .into_iter()
                .filter_map(|(code, cost)| Some((code.clone(), minor(&code, cost)?)))
                .collect(),
            answers: self.answers,
            answer_median: median(&mut self.durations),
            answer_p95: p95(&mut self.durations),
        }
    }

    fn answer(&mut self, said: &Value) {
        self.answers += 1;
        self.durations.extend(said["duration_ms"].as_f64().map(|duration| duration as i64));
        let cost = &said["cost"];
        if let (Some(billionths), Some(code)) = (cost["billionths"].as_u64(), cost["currency"].as_str()) {
            *self.cost.entry(code.to_ascii_uppercase()).or_default() += u128::from(billionths);
        }
    }

    fn unanswered(&mut self, question: &str) {
        let asked: String = question.split_whitespace().collect::<Vec<_>>().join(" ");
        let asked: String = asked.chars().take(QUESTION).collect();
        if !asked.is_empty() {
            self.questions.entry(asked.to_lowercase()).or_insert((asked, 0)).1 += 1;
        }
    }
}

/// Whether an event belongs to the operator's own workflow.
fn is_of_operator(said: &Value) -> bool {
    ["workflow_id", "workflow"].into_iter().any(|name| said[name].as_str() == Some(OPERATOR))
}

/// The session of a visit that an event belongs to.
pub(crate) fn visit(cells: &Cells) -> Option<&str> {
    let session = cells.text("session_id");
    (!session.is_empty() && !is_of_operator(&cells.json("payload_json"))).then_some(session)
}

fn of_visit(traits: &Value) -> Origin {
    let text = |name: &str| traits[name].as_str().unwrap_or_default().trim().to_owned();
    Origin { source: text("utm_source"), campaign: text("utm_campaign") }
}

/// The most frequent first, then by name.
fn most_frequent(counts: impl IntoIterator<Item = (String, i64)>) -> Vec<(String, i64)> {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|(one, ones), (other, others)| others.cmp(ones).then_with(|| one.cmp(other)));
    counts
}

/// The middle one, or the mean of the two in the middle, rounded down.
fn median(values: &mut [i64]) -> Option<i64> {
    values.sort_unstable();
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some(values[middle - 1].midpoint(values[middle])),
    }
}

/// The smallest that 95 of 100 do not pass.
fn p95(values: &mut [i64]) -> Option<i64> {
    values.sort_unstable();
    values.get((values.len() * 95).div_ceil(100).checked_sub(1)?).copied()
}

/// Billionths of a major unit as minor units, rounded half up once for the whole week; none for what is no currency.
fn minor(code: &str, billionths: u128) -> Option<i64> {
    let currency: domain::money::Currency = code.parse().ok()?;
    let each = 10_u128.pow(9 - currency.decimals());
    i64::try_from((billionths + each / 2) / each).ok()
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_percentiles_are_values_that_were_measured() {
        let mut values: Vec<i64> = (1..=100).rev().collect();
        assert_eq!((median(&mut values), p95(&mut values)), (Some(50), Some(95)));
        assert_eq!((median(&mut [7]), p95(&mut [7])), (Some(7), Some(7)));
        assert_eq!((median(&mut [3, 1, 2]), p95(&mut [3, 1, 2])), (Some(2), Some(3)));
        assert_eq!((median(&mut []), p95(&mut [])), (None, None));
    }

    #[test]
    fn costs_are_rounded_once() {
        assert_eq!(minor("USD", 14_999_999), Some(1));
        assert_eq!(minor("USD", 15_000_000), Some(2));
        assert_eq!((minor("JPY", 500_000_000), minor("euro", 1)), (Some(1), None));
    }
}
