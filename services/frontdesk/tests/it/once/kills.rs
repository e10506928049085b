//! Services that are killed between an effect and its answer, each at every place where that can be.
//!
//! The line to a service, or to the providers, goes mute when it is asked for the effect; when the effect is there, one end of
//! it dies by SIGKILL, and its agent asks again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use proto::sheets::v1::Tab;
use sandbox::INTRO_CALL;
use serde_json::json;

use super::{
    check::check,
    desk::{CONCIERGE, Desk, OPS, PORTAL, SERVICES},
    people::{Somebody, Wanted, join},
    wish::{Tally, Wish},
};
use crate::world::PATIENCE;

/// Where nothing is heard: on the line to whom, from which question on; and who dies there.
#[derive(Clone, Copy, Debug)]
struct Place {
    line: &'static str,
    asked: &'static str,
    victim: &'static str,
}

const fn place(line: &'static str, asked: &'static str, victim: &'static str) -> Place {
    Place { line, asked, victim }
}

/// Between the gateway and chat-agent, whatever the tool.
const BEFORE: [Place; 2] = [place("chat-agent", "", "gateway"), place("chat-agent", "", "chat-agent")];

/// The places of a tool whose effect is a service's, and of one whose effect is a provider's.
fn places(service: &'static str, provider: Option<&'static str>) -> Vec<Place> {
    let mut places = BEFORE.to_vec();
    places.extend([place(service, "", "chat-agent"), place(service, "", service)]);
    places.extend(provider.map(|asked| place("providers", asked, service)));
    places
}

impl Wish {
    /// Is asked for once at a place where nobody hears the answer, and when `is_there` says that the effect is there somebody
    /// dies; then it is asked for again, until it is answered.
    async fn fulfil_over(
        &self,
        desk: &Arc<Desk>,
        place: Place,
        is_there: impl AsyncFn() -> bool,
    ) -> serde_json::Value {
        desk.line(place.line).mute(Some(place.asked));
        let call = tokio::spawn(self.call(desk, desk.gateway(), 0).send());
        let deadline = Instant::now() + PATIENCE;
        while !is_there().await {
            assert!(!call.is_finished(), "{} at {place:?} was answered", self.tool);
            assert!(Instant::now() < deadline, "{} at {place:?} has no effect", self.tool);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(!call.is_finished(), "{} at {place:?} was answered", self.tool);
        desk.line(place.line).mute(None);
        desk.restart(place.victim).await;
        self.fulfil(desk, &Tally::default()).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_killed_between_an_effect_and_its_answer_has_done_it_once() {
    let desk = Arc::new(Desk::start(7).await);
    let members = join(&desk);
    let mut starts = desk.sandbox.calendar().free(INTRO_CALL, 21).into_iter().skip(40);
    let (mut wanted, mut killed) = (Vec::new(), 0);
    let mut number = 1_000_000;
    let mut next = || {
        number += 1;
        Somebody::new(number, 0)
    };
    let bookings = places("booking-payments", Some("POST /calcom/v2/bookings"));
    for place in bookings {
        let [first, second] = [(); 2].map(|()| starts.next().unwrap());
        let ann = next();
        let email = ann.email();
        let theirs = || {
            let all = desk.sandbox.calendar().bookings().into_iter();
            all.filter(|booking| booking["attendees"][0]["email"] == *email).collect::<Vec<_>>()
        };
        let arguments = json!({"meeting": "intro-call", "start_time": first.to_string(), "name": "Ann Example", "email": email});
        let booking = ann.wish(&desk, CONCIERGE, "book_meeting", arguments);
        let booked = booking.fulfil_over(&desk, place, async || theirs().len() == 1).await;
        let id = &booked["meeting"]["booking_id"];
        let moving = json!({"booking_id": id, "start_time": second.to_string()});
        let moving = ann.wish(&desk, CONCIERGE, "reschedule_meeting", moving);
        moving.fulfil_over(&desk, place, async || theirs().len() == 2).await;
        let cancelling = ann.wish(&desk, CONCIERGE, "cancel_meeting", json!({"booking_id": id}));
        let is_cancelled = async || theirs().iter().all(|booking| booking["status"] == "cancelled");
        cancelling.fulfil_over(&desk, place, is_cancelled).await;
        wanted.push(Wanted::Meeting { email: ann.email() });
        killed += 3;
    }
    for place in places("booking-payments", Some("POST /stripe/v1/checkout/sessions")) {
        let ann = next();
        let email = ann.email();
        let is_there = async || {
            let all = desk.sandbox.till().all("checkout.session").unwrap();
            all.iter().any(|link| link["customer_email"] == *email)
        };
        let arguments = json!({"offer": "automation-audit", "name": "Ann Example", "email": email});
        let link = ann.wish(&desk, CONCIERGE, "create_checkout_link", arguments);
        let link = link.fulfil_over(&desk, place, is_there).await;
        wanted.push(Wanted::Checkout { reference: link["reference"].as_str().unwrap().to_owned(), email });
        killed += 1;
    }
    for place in places("sheets-writer", None) {
        let (ann, bob, eve) = (next(), next(), next());
        let row = async |tab, column: &str, word: &str| {
            desk.rows_past(tab).await.iter().any(|row| row[column] == *word)
        };
        let lead = json!({"email": ann.email(), "intent": "buy_inquiry", "notes": ann.word});
        let lead = ann.wish(&desk, CONCIERGE, "save_lead", lead);
        lead.fulfil_over(&desk, place, async || row(Tab::Leads, "notes", &ann.word).await).await;
        wanted.push(Wanted::Lead { email: ann.email(), word: ann.word.clone() });
        let outcome = json!({"outcome": "qualified", "note": bob.word});
        let outcome = bob.wish(&desk, CONCIERGE, "log_outcome", outcome);
        outcome.fulfil_over(&desk, place, async || row(Tab::Engagements, "message", &bob.word).await).await;
        wanted.push(Wanted::Outcome { session: bob.session.clone() });
        let person = eve.wish(&desk, CONCIERGE, "hand_off_to_human", json!({"reason": eve.word}));
        person.fulfil_over(&desk, place, async || row(Tab::Engagements, "message", &eve.word).await).await;
        wanted.push(Wanted::HandOff { session: eve.session.clone(), word: eve.word.clone() });
        killed += 3;
    }
    for place in places("whop-gateway", Some("POST /whop/api/v1/messages")) {
        let ann = next();
        let is_there = async || {
            let mut tickets = Vec::new();
            for user in &members {
                tickets.extend(desk.tickets_of(user).await);
            }
            tickets.iter().any(|ticket| ticket.contains(&ann.word))
        };
        let ticket = json!({"subject": ann.word, "message": "It does not work."});
        let ticket = ann.wish(&desk, PORTAL, "open_support_ticket", ticket);
        ticket.fulfil_over(&desk, place, is_there).await;
        wanted.push(Wanted::Ticket { word: ann.word.clone() });
        killed += 1;
    }
    for place in places("ops-copilot", None) {
        let ann = next();
        let is_there = async || desk.letters().values().any(|text| text.contains(&ann.word));
        let notice = ann.wish(&desk, OPS, "notify", json!({"title": ann.word}));
        notice.fulfil_over(&desk, place, is_there).await;
        wanted.push(Wanted::Notice { word: ann.word.clone() });
        killed += 1;
    }
    assert_eq!(killed, 41);
    let meetings = wanted.iter().filter(|one| matches!(one, Wanted::Meeting { .. })).count();
    check(&wanted, &desk.effects(&members, meetings).await);
    assert!(
        SERVICES.iter().all(|service| desk.line(service).broken().is_empty()),
        "nothing broke but by a death"
    );
}
