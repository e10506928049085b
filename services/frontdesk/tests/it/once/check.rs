//! What was wanted beside what there is.

use serde_json::Value;

use super::{effects::Effects, people::Wanted};

/// Whether everything that was wanted is there once, and nothing else.
pub(super) fn check(wanted: &[Wanted], effects: &Effects) {
    for one in wanted {
        let found = effects.of(one);
        let one_each = matches!(one, Wanted::Meeting { .. }).then_some(vec![2, 1]);
        let expected = one_each.unwrap_or_else(|| vec![1; found.len()]);
        assert_eq!(found, expected, "{one:?}");
    }
    let many = |is: fn(&Wanted) -> bool| wanted.iter().filter(|one| is(one)).count();
    let (meetings, checkouts) = (
        many(|one| matches!(one, Wanted::Meeting { .. })),
        many(|one| matches!(one, Wanted::Checkout { .. })),
    );
    let (leads, outcomes) =
        (many(|one| matches!(one, Wanted::Lead { .. })), many(|one| matches!(one, Wanted::Outcome { .. })));
    let (hand_offs, tickets) =
        (many(|one| matches!(one, Wanted::HandOff { .. })), many(|one| matches!(one, Wanted::Ticket { .. })));
    let notices = many(|one| matches!(one, Wanted::Notice { .. }));
    let rows = |tab| effects.rows[tab].len();
    assert_eq!((effects.bookings.len(), rows("bookings")), (2 * meetings, meetings));
    assert_eq!((effects.checkouts.len(), effects.tickets.len()), (checkouts, tickets));
    let weeks = usize::from(many(|one| matches!(one, Wanted::Week)) > 0);
    assert_eq!((rows("leads"), rows("chat_events")), (leads, outcomes + hand_offs + weeks));
    let engagements = meetings + outcomes + hand_offs + weeks;
    assert_eq!(rows("engagements"), engagements, "a meeting that is booked is one, too");
    assert_eq!(effects.letters.len(), hand_offs + notices + weeks);
}

impl Effects {
    /// How often there is what somebody wanted, wherever it should be.
    fn of(&self, wanted: &Wanted) -> Vec<usize> {
        let rows =
            |tab: &str, is: &dyn Fn(&Value) -> bool| self.rows[tab].iter().filter(|row| is(row)).count();
        let letters = |word: &str| self.letters.values().filter(|text| text.contains(word)).count();
        match wanted {
            Wanted::Meeting { email } => {
                let theirs = |booking: &&Value| booking["attendees"][0]["email"] == **email;
                let uids: Vec<_> =
                    self.bookings.iter().filter(theirs).map(|booking| &booking["uid"]).collect();
                let alive =
                    self.bookings.iter().filter(theirs).filter(|booking| booking["status"] != "cancelled");
                assert_eq!(alive.count(), 0, "{wanted:?}");
                vec![uids.len(), rows("bookings", &|row| uids.contains(&&row["cal_event_id"]))]
            }
            Wanted::Checkout { email, reference } => {
                let links = self.checkouts.iter().filter(|link| link["customer_email"] == **email);
                vec![links.filter(|link| link["client_reference_id"] == **reference).count()]
            }
            Wanted::Lead { email, word } => vec![
                rows("leads", &|row| row["notes"] == **word),
                rows("contacts", &|row| row["email"] == **email),
            ],
            Wanted::Outcome { session } => {
                let is = |row: &Value| row["session_id"] == **session && row["outcome"] == "qualified";
                vec![rows("engagements", &is)]
            }
            Wanted::HandOff { session, word } => {
                let is = |row: &Value| row["session_id"] == **session && row["outcome"] == "needs_human";
                vec![rows("engagements", &is), letters(word)]
            }
            Wanted::Ticket { word } => vec![self.tickets.iter().filter(|text| text.contains(word)).count()],
            Wanted::Notice { word } => vec![letters(word)],
            Wanted::Week => vec![
                rows("engagements", &|row| row["outcome"] == "weekly_summary"),
                letters("The week from "),
            ],
        }
    }
}
