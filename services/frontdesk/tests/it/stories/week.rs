//! A week of everything, and what is said of it: the figures of the report are those that SQL finds in the rows of the books.
//!
//! The rows come from the whole system, and the queries know nothing of the code that counts them.

mod figures;
mod tables;

use std::collections::BTreeSet;

use chassis::Link;
use jiff::{SignedDuration, Timestamp};
use proto::{
    chat::v1::{PostMessageRequest, thread_service_client::ThreadServiceClient},
    common::v1::Caller,
    ops::v1::{
        GetWeeklySummaryRequest, PublishWeeklySummaryRequest, WeeklySummary,
        report_service_client::ReportServiceClient,
    },
};
use serde_json::{Value, json};

use super::{
    desk::{at, wire},
    members::lives::Life,
    scripts::Script,
};
use crate::{
    chat::{LEAD, talk::Talk},
    commands::run,
    world::World,
};
use figures::Figures;
use tables::Tables;

/// Where weeks begin.
const ZONE: &str = "Europe/Berlin";

impl World {
    fn reports(&self) -> ReportServiceClient<Link> {
        ReportServiceClient::new(Link::new(&self.service("ops-copilot").parse().unwrap()).unwrap())
    }

    /// The week of a moment and the one before.
    async fn weeks(&self, moment: Timestamp) -> [WeeklySummary; 2] {
        let request =
            GetWeeklySummaryRequest { caller: Some(operator()), at_time: wire(moment), ..Default::default() };
        let answer = self.reports().get_weekly_summary(request).await.unwrap().into_inner();
        [answer.summary.unwrap(), answer.before.unwrap()]
    }
}

fn operator() -> Caller {
    Caller { workflow: "ops-copilot".into(), ..Caller::default() }
}

/// Conversations: some leave an address, one asks what nobody knows, one is answered by a person.
async fn talk(world: &World) {
    let base = world.url("");
    let visits = [
        json!({"utm_source": "yt", "utm_campaign": "oct_launch"}),
        json!({"utm_source": "newsletter"}),
        json!({"utm_source": "yt", "utm_campaign": "oct_launch"}),
        json!({}),
    ];
    for (number, traits) in visits.iter().enumerate() {
        let talk = Talk::begin(&base, &json!({"modes": ["self_hosted"], "traits": traits})).await;
        let (thread, _) = talk.create("What does it cost?").await;
        talk.say(&thread, "Do you speak  Klingon?").await;
        match number {
            0 | 3 => {
                let lead = LEAD.replace("ann@example.com", &format!("visitor{number}@example.com"));
                talk.say(&thread, &lead).await;
            }
            1 => {
                talk.say(&thread, "do you speak klingon?").await;
                talk.say(&thread, "Let me talk to a real person").await;
                let link = Link::new(&world.service("chat-agent").parse().unwrap()).unwrap();
                let post = PostMessageRequest {
                    caller: Some(operator()),
                    request_id: "post_1".into(),
                    thread_id: thread.clone(),
                    text: "Here I am.".into(),
                    author: "Anna".into(),
                };
                ThreadServiceClient::new(link).post_message(post).await.unwrap();
            }
            _ => {}
        }
    }
}

/// Events of other programs: of this week, of the one before, and to the second between them.
async fn tell(world: &World, monday: Timestamp) {
    let (second, hours) = (SignedDuration::from_secs(1), SignedDuration::from_hours(30));
    let times = [
        monday - second,
        monday,
        monday - hours,
        monday - hours * 5,
        monday - SignedDuration::from_hours(168),
        monday - SignedDuration::from_hours(168) - second,
    ];
    for (number, time) in times.into_iter().enumerate() {
        let session = format!("ck_{}", number % 4);
        let source = ["newsletter", "ads"][number % 2];
        let traits = json!({"utm_source": source, "utm_campaign": "oct_launch"});
        let turn = json!({"type": "chat.turn", "session_id": session, "occurred_at": time.to_string(), "page": "/services",
            "message": "words", "intent": "buy_inquiry", "score": 0.9, "visitor_id": format!("vis_{number}"), "traits": traits});
        let outcomes = ["learn_more", "qualified", "booked"];
        let outcome = outcomes[number % 3];
        let later = time + SignedDuration::from_millis(700);
        let outcome = json!({"type": "chat.outcome", "session_id": session, "occurred_at": later.to_string(),
            "outcome": outcome, "visitor_id": format!("vis_{number}")});
        let answered = json!({"type": "chat.answered", "session_id": session, "occurred_at": later.to_string(),
            "duration_ms": 400 + 100 * number, "workflow_id": "lead-concierge",
            "cost": {"billionths": 123_456_789 * (number + 1), "currency": "USD"}});
        let waited = json!({"type": "chat.person_answered", "session_id": session, "occurred_at": later.to_string(),
            "waited_seconds": 60 + 7 * number});
        let operators = json!({"type": "chat.turn", "session_id": format!("ops_{number}"), "occurred_at": time.to_string(),
            "workflow_id": "ops-copilot", "message": "words"});
        world.deliver(&json!([turn, outcome, answered, waited, operators])).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_weeks_figures_are_those_of_sql_over_the_books() {
    let world = World::with(&[("LIMIT_CHAT", "off"), ("REPORT_TIME_ZONE", ZONE)]).await;
    let [empty, _] = world.weeks(Timestamp::now()).await;
    let monday = at(empty.from_time);
    let none = async || {};
    for script in [Script::Meetings, Script::Consult, Script::Money, Script::Retainer] {
        script.play(&world, none).await;
    }
    for life in [Life::Debt, Life::Leaving] {
        life.play(&world, none).await;
    }
    talk(&world).await;
    tell(&world, monday).await;
    world.at_rest().await;

    let tables = Tables::of(&world).await;
    let weeks = world.weeks(Timestamp::now()).await;
    for (week, summary) in weeks.iter().enumerate() {
        let (from, to) = (at(summary.from_time), at(summary.to_time));
        assert_eq!(tables.figures(from, to), Figures::told(summary), "week {week}");
    }
    let [this, before] = &weeks;
    let (total, past) = (this.total.clone().unwrap(), before.total.clone().unwrap());
    let busy = [
        total.sessions,
        total.leads,
        total.bookings,
        total.payments,
        past.sessions,
        this.handoffs,
        this.answers,
    ];
    assert!(
        busy.iter().all(|figure| *figure > 0),
        "a week in which nothing was counted: {this:?} {before:?}"
    );
    let money = [&this.revenue, &this.refunded, &this.mrr, &before.cost];
    assert!(money.iter().all(|sums| !sums.is_empty()) && this.funnels.len() > 2, "{this:?}");
    assert!(
        this.payments_failed > 0 && this.subscriptions_ended > 0 && this.unanswered_total > 1,
        "{this:?}"
    );

    let told = told(&world).await;
    assert_eq!(
        told["summary"]["total"]["sessions"],
        json!(past.sessions),
        "the command tells the last week that has ended"
    );
    publish(&world, &tables, &weeks).await;
    world.stop().await;
}

/// What `frontdesk report` tells.
async fn told(world: &World) -> Value {
    let dir = world.dir.path().display().to_string();
    run(world.dir.path(), &[("FRONTDESK_DIR", &dir)], &["report", "--json"]).await.json(0)
}

/// Publishes last week's summary again and again: it stands in the books once, and counts in no figure.
async fn publish(world: &World, before: &Tables, weeks: &[WeeklySummary; 2]) {
    let calls = (0..12).map(|number| {
        let mut reports = world.reports();
        tokio::spawn(async move {
            let request = PublishWeeklySummaryRequest {
                caller: Some(operator()),
                request_id: format!("pub_{}", number % 5),
                ..PublishWeeklySummaryRequest::default()
            };
            reports.publish_weekly_summary(request).await.unwrap().into_inner()
        })
    });
    let calls: Vec<_> = calls.collect();
    let mut texts = BTreeSet::new();
    for call in calls {
        let answer = call.await.unwrap();
        assert_eq!(Figures::told(&answer.summary.unwrap()), Figures::told(&weeks[1]));
        texts.insert(answer.text);
    }
    assert_eq!(texts.len(), 1);
    world.at_rest().await;
    let after = Tables::of(world).await;
    assert_eq!((before.summaries(), after.summaries()), (0, 1));
    let again = world.weeks(Timestamp::now()).await;
    assert_eq!(again.each_ref().map(Figures::told), weeks.each_ref().map(Figures::told));
}
