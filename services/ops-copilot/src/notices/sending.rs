//! Sending one notice on one way: at once, or where there is too much, together with all that wait.

use std::{collections::BTreeSet, sync::Arc};

use chassis::Problem;
use domain::{limit::Limit, notice::HANDOFF};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use store::{
    Clock, Error, Store,
    limiter::{Limiter, Permit},
    queue::{Handler, Next, Trouble},
};

use super::{
    Channel, Letter, NOTICES, Notice,
    lane::{self, LANES, Lane},
};
use crate::{email, slack};

/// For how long what waits is tried.
const TRIED: SignedDuration = SignedDuration::from_hours(24);
/// Most notices that one message names.
const NAMED: usize = 20;
/// Longest that they are together, in characters: Slack cuts a message after 40,000, and escapes make it longer.
const LONGEST: usize = 12_000;

/// A notice on one of its ways.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sending {
    pub(crate) notice: String,
    pub(crate) channel: Channel,
    /// What made the notice.
    pub(crate) kind: String,
}

/// The ways that are set up.
#[derive(Clone, Default)]
pub(crate) struct Ways {
    pub(crate) slack: Option<slack::Client>,
    pub(crate) email: Option<email::Client>,
}

/// Who sends.
pub(crate) struct Post {
    ways: Ways,
    limiter: Limiter,
    store: Arc<dyn Store>,
    clock: Clock,
}

/// What is to be done for a sending.
enum Step<'p> {
    /// Nothing any more.
    Done,
    /// It waits for others.
    Wait(Timestamp),
    /// It goes.
    Go(Permit<'p>),
    /// It goes, with all that wait.
    Lead(Permit<'p>, BTreeSet<String>),
}

// === impl Sending ===

impl Sending {
    /// The lane in which it goes.
    fn lane(&self) -> &'static str {
        lane::name(self.channel, &self.kind)
    }
}

// === impl Ways ===

impl Ways {
    async fn send(&self, channel: Channel, id: &str, at: Timestamp, letter: &Letter) -> Result<(), Trouble> {
        match (channel, &self.slack, &self.email) {
            (Channel::Slack, Some(slack), _) => slack.send(letter).await,
            (Channel::Email, _, Some(email)) => email.send(id, at, letter).await,
            (channel, ..) => Err(Trouble::hopeless(format!("{} is not set up", channel.as_str()))),
        }
    }
}

// === impl Post ===

impl Post {
    pub(crate) fn new(ways: Ways, limit: Limit, store: Arc<dyn Store>, clock: Clock) -> Self {
        let limiter = Limiter::over(limit, store.clone(), "notices", clock.clone());
        Self { ways, limiter, store, clock }
    }

    pub(super) fn channels(&self) -> Vec<Channel> {
        let Ways { slack, email } = &self.ways;
        let all = [(Channel::Slack, slack.is_some()), (Channel::Email, email.is_some())];
        all.into_iter().filter(|(_, set)| *set).map(|(channel, _)| channel).collect()
    }

    async fn step(&self, id: &str, sending: &Sending, notice: &Notice) -> Result<Step<'_>, Trouble> {
        let (now, name) = ((self.clock)(), sending.lane());
        let lane = LANES.get(&*self.store, name).await?.map(|found| found.value).unwrap_or_default();
        if lane.told.contains(id) {
            self.change(name, |lane| lane.leave(id)).await?;
            return Ok(Step::Done);
        }
        let is_held = lane.held.contains(id);
        if is_held && lane.trying && now >= notice.created_at + TRIED {
            self.change(name, |lane| lane.leave(id)).await?;
            return Err(Trouble::hopeless("it could not be told within a day"));
        }
        let waits_for_others = if is_held { !lane.leads(id) } else { !lane.held.is_empty() };
        if waits_for_others {
            let lane = self.change(name, |lane| lane.join(id, now)).await?;
            return Ok(Step::Wait(lane.next_look(now)));
        }
        match self.limiter.acquire(name).await {
            Ok(permit) if is_held => {
                let lane = self.change(name, |lane| lane.trying |= lane.leads(id)).await?;
                Ok(Step::Lead(permit, lane.held))
            }
            Ok(permit) => Ok(Step::Go(permit)),
            Err(quota) => {
                let until = now.saturating_add(quota.reset).unwrap_or(Timestamp::MAX);
                let wait = |lane: &mut Lane| {
                    lane.join(id, until);
                    if lane.leads(id) {
                        lane.until = Some(until);
                    }
                };
                let lane = self.change(name, wait).await?;
                Ok(Step::Wait(if lane.leads(id) { until } else { lane.next_look(now) }))
            }
        }
    }

    /// Tells those that wait in one message, as many as fit; the rest wait for the next.
    async fn lead(&self, id: &str, sending: &Sending, all: BTreeSet<String>) -> Result<(), Trouble> {
        let name = sending.lane();
        let (mut waiting, mut told) = (Vec::new(), BTreeSet::new());
        for waits in all {
            let notice = waits.rsplit_once('.').map_or(waits.as_str(), |(notice, _)| notice);
            match NOTICES.get(&*self.store, notice).await? {
                Some(found) => waiting.push((waits, found.value)),
                // Who was forgotten meanwhile is told of no more.
                None => drop(told.insert(waits)),
            }
        }
        let (ids, notices): (Vec<String>, Vec<Notice>) = fitting(id, waiting).into_iter().unzip();
        let all = &told.into_iter().chain(ids.iter().cloned()).collect();
        let at = notices.last().map_or_else(&*self.clock, |last| last.created_at);
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        if notices.is_empty() {
            self.change(name, |lane| lane.tell(id, all)).await?;
            return Ok(());
        }
        let (known_as, letter) = match &*notices {
            [one] => (id.to_owned(), one.letter.clone()),
            many => (format!("ntf_{}", domain::id::digest(&ids)), digest(many)),
        };
        match self.ways.send(sending.channel, &known_as, at, &letter).await {
            Ok(()) => {
                self.change(name, |lane| lane.tell(id, all)).await?;
                Ok(())
            }
            Err(trouble) => {
                if trouble.hopeless {
                    self.change(name, |lane| lane.leave(id)).await?;
                }
                Err(trouble)
            }
        }
    }

    async fn change(&self, name: &str, with: impl Fn(&mut Lane)) -> Result<Lane, Error> {
        lane::change(&*self.store, name, with).await
    }
}

#[async_trait::async_trait]
impl Handler<Sending> for Post {
    async fn handle(&self, id: &str, sending: &Sending) -> Result<Next, Trouble> {
        let Sending { notice, channel, .. } = sending;
        let Some(notice) = NOTICES.get(&*self.store, notice).await? else {
            // Its person was forgotten.
            self.change(sending.lane(), |lane| lane.leave(id)).await?;
            return Ok(Next::Done);
        };
        let notice = notice.value;
        match self.step(id, sending, &notice).await? {
            Step::Done => Ok(Next::Done),
            Step::Wait(until) => Ok(Next::At(until)),
            Step::Go(permit) => {
                self.ways.send(*channel, id, notice.created_at, &notice.letter).await?;
                permit.spend();
                Ok(Next::Done)
            }
            Step::Lead(permit, all) => {
                self.lead(id, sending, all).await?;
                permit.spend();
                Ok(Next::Done)
            }
        }
    }
}

/// As many of those that wait as one message takes, by their age; the leader is always among them.
fn fitting(leader: &str, mut waiting: Vec<(String, Notice)>) -> Vec<(String, Notice)> {
    waiting.sort_by_key(|(id, notice)| (id != leader, notice.created_at));
    let mut length = 0;
    let fits = |(_, notice): &&(String, Notice)| {
        let is_first = length == 0;
        length += entry(&notice.letter).chars().count();
        is_first || length <= LONGEST
    };
    let count = waiting.iter().take(NAMED).take_while(fits).count();
    waiting.truncate(count);
    waiting.sort_by_key(|(_, notice)| notice.created_at);
    waiting
}

/// A notice among others: where to look, or where there is no such place, all that it says.
fn entry(letter: &Letter) -> String {
    match &letter.link {
        Some(link) => format!("- {} {link}", letter.title),
        None => format!("- {}\n{}", letter.title, letter.text).trim_end().to_owned(),
    }
}

/// Many notices in one.
fn digest(notices: &[Notice]) -> Letter {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for notice in notices {
        match counts.iter_mut().find(|(kind, _)| *kind == notice.kind) {
            Some((_, count)) => *count += 1,
            None => counts.push((&notice.kind, 1)),
        }
    }
    let counts: Vec<_> = counts.into_iter().map(|(kind, count)| format!("{count} × {kind}")).collect();
    let mut lines = vec![counts.join(", ")];
    // Whoever waits for a person is named before anything else.
    let (waiting, other): (Vec<&Notice>, _) = notices.iter().partition(|notice| notice.kind == HANDOFF);
    lines.extend(waiting.into_iter().chain(other).map(|notice| entry(&notice.letter)));
    Letter { title: format!("{} more notices", notices.len()), text: lines.join("\n"), link: None }
}

/// The ways of these settings.
///
/// # Errors
/// An address is unsound.
pub(crate) fn ways(config: &crate::Config, pace: std::time::Duration) -> Result<Ways, Problem> {
    let slack = config.slack_webhook_url.clone().map(|webhook| slack::Client::new(webhook, pace));
    let mail = (&config.smtp_url, &config.notify_email_from, &config.notify_email_to);
    let email = match mail {
        (Some(smtp), Some(from), Some(to)) => {
            Some(email::Client::new(smtp, config.smtp_ca_file.as_deref(), from, to)?)
        }
        _ => None,
    };
    Ok(Ways { slack, email })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_notices_are_one_message_that_loses_none() {
        let notice = |number: usize| Notice {
            kind: if number < 30 { "lead.created".to_owned() } else { "handoff.requested".to_owned() },
            letter: Letter {
                title: format!("title {number}"),
                text: "text".into(),
                link: Some(format!("link{number}")),
            },
            created_at: Timestamp::UNIX_EPOCH,
            channels: vec![Channel::Slack],
            about: Vec::new(),
        };
        let letter = digest(&(25..35).map(notice).collect::<Vec<_>>());
        assert_eq!(letter.title, "10 more notices");
        assert!(letter.text.starts_with("5 × lead.created, 5 × handoff.requested\n- title 30 link30\n"));
        assert!(letter.text.ends_with("- title 29 link29"), "{}", letter.text);
        let named = |number: usize| (number.to_string(), notice(number));
        let ids = |waiting: Vec<_>| fitting("34", waiting).into_iter().map(|(id, _)| id).collect::<Vec<_>>();
        let fit = ids((0..35).map(named).collect());
        assert_eq!((fit.len(), fit.contains(&"34".to_owned())), (20, true), "the rest wait: {fit:?}");
        let long = |number: usize| {
            let letter = Letter { title: "Said".into(), text: "é".repeat(4_000), link: None };
            (number.to_string(), Notice { letter, ..notice(number) })
        };
        assert_eq!(ids((30..35).map(long).collect()).len(), 2, "no more than a message holds");
        let letter = digest(&[notice(1), long(2).1]);
        assert!(letter.text.contains(&format!("- Said\n{}", "é".repeat(4_000))), "what has no link is told");
    }
}
