//! Whoever wants something, and what they want.

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    desk::{CONCIERGE, Desk, OPS, PORTAL},
    wish::{Known, Tally, Wish},
};

/// How many members there are.
pub(super) const MEMBERS: u64 = 7;
/// By what calls are known as one.
const KNOWN: &[Known] = &[Known::Id, Known::Wish, Known::Key];

/// What was wanted, and what its effect is known by.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    Meeting {
        email: String,
    },
    Checkout {
        email: String,
        reference: String,
    },
    Lead {
        email: String,
        word: String,
    },
    Outcome {
        session: String,
    },
    HandOff {
        session: String,
        word: String,
    },
    Ticket {
        word: String,
    },
    Notice {
        word: String,
    },
    /// The last week's figures, published.
    Week,
}

/// Whoever wants something.
pub(super) struct Somebody {
    number: u64,
    seed: u64,
    pub(super) session: String,
    /// A word that nobody else says.
    pub(super) word: String,
    /// How likely each thing is that may befall them, in percent.
    trouble: u64,
}

impl Somebody {
    pub(super) fn new(number: u64, trouble: u64) -> Self {
        let seed = number.wrapping_mul(7_919);
        Self { number, seed, session: format!("ses_{number}"), word: format!("word{number}x"), trouble }
    }

    pub(super) fn email(&self) -> String {
        format!("{}@example.com", self.word)
    }

    pub(super) fn wish(
        &self,
        desk: &Desk,
        workflow: &'static str,
        tool: &'static str,
        arguments: Value,
    ) -> Wish {
        let visitor = format!("vis_{:032x}", self.number);
        let user = (workflow == PORTAL).then(|| member(self.number));
        let session =
            (workflow != OPS).then(|| desk.session(workflow, &visitor, &self.session, user.as_deref()));
        let seed = self.seed ^ tool.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte));
        let known = *Rng::with_seed(seed ^ 1).choice(KNOWN).unwrap();
        Wish { seed, workflow, session, tool, arguments, known, trouble: self.trouble }
    }

    /// Books, moves and calls off a meeting.
    pub(super) async fn meet(self, desk: &Desk, tally: &Tally, starts: [Timestamp; 2]) -> Wanted {
        let [first, second] = starts.map(|start| start.to_string());
        let booked = json!({"meeting": "intro-call", "start_time": first, "name": "Ann Example", "email": self.email()});
        let booked = self.wish(desk, CONCIERGE, "book_meeting", booked).fulfil(desk, tally).await;
        let id = &booked["meeting"]["booking_id"];
        let moved = json!({"booking_id": id, "start_time": second});
        let moved = self.wish(desk, CONCIERGE, "reschedule_meeting", moved).fulfil(desk, tally).await;
        assert_eq!(&moved["meeting"]["booking_id"], id);
        let cancelled = self.wish(desk, CONCIERGE, "cancel_meeting", json!({"booking_id": id}));
        cancelled.fulfil(desk, tally).await;
        Wanted::Meeting { email: self.email() }
    }

    pub(super) async fn pay(self, desk: &Desk, tally: &Tally) -> Wanted {
        let wanted = json!({"offer": "automation-audit", "name": "Ann Example", "email": self.email()});
        let link = self.wish(desk, CONCIERGE, "create_checkout_link", wanted).fulfil(desk, tally).await;
        Wanted::Checkout { email: self.email(), reference: link["reference"].as_str().unwrap().to_owned() }
    }

    pub(super) async fn leave(self, desk: &Desk, tally: &Tally) -> Wanted {
        let lead = json!({"email": self.email(), "intent": "buy_inquiry", "notes": self.word});
        self.wish(desk, CONCIERGE, "save_lead", lead).fulfil(desk, tally).await;
        Wanted::Lead { email: self.email(), word: self.word }
    }

    pub(super) async fn end(self, desk: &Desk, tally: &Tally) -> Wanted {
        let outcome = json!({"outcome": "qualified", "note": self.word});
        self.wish(desk, CONCIERGE, "log_outcome", outcome).fulfil(desk, tally).await;
        Wanted::Outcome { session: self.session }
    }

    pub(super) async fn call_a_person(self, desk: &Desk, tally: &Tally) -> Wanted {
        let reason = json!({"reason": self.word});
        self.wish(desk, CONCIERGE, "hand_off_to_human", reason).fulfil(desk, tally).await;
        Wanted::HandOff { session: self.session, word: self.word }
    }

    pub(super) async fn complain(self, desk: &Desk, tally: &Tally) -> Wanted {
        let ticket = json!({"subject": self.word, "message": "It does not work."});
        self.wish(desk, PORTAL, "open_support_ticket", ticket).fulfil(desk, tally).await;
        Wanted::Ticket { word: self.word }
    }

    pub(super) async fn tell(self, desk: &Desk, tally: &Tally) -> Wanted {
        let notice = json!({"title": self.word});
        self.wish(desk, OPS, "notify", notice).fulfil(desk, tally).await;
        Wanted::Notice { word: self.word }
    }

    /// Wants the same as everybody else who wants it at this desk.
    pub(super) async fn publish(self, desk: &Desk, tally: &Tally) -> Wanted {
        let week = json!({"week_of": null, "publish": true});
        self.wish(desk, OPS, "weekly_summary", week).fulfil(desk, tally).await;
        Wanted::Week
    }
}

pub(super) fn member(number: u64) -> String {
    format!("user_member{}", number % MEMBERS)
}

/// Lets the members join at Whop; their users.
pub(super) fn join(desk: &Desk) -> Vec<String> {
    let members: Vec<_> = (0..MEMBERS).map(member).collect();
    for user in &members {
        let email = format!("{user}@example.com");
        desk.sandbox.club().add_person(user, "Member Example", &email).unwrap();
        desk.sandbox.club().join(user, "plan_growthmonthly").unwrap();
    }
    members
}
