//! How a link to pay stands, in words.
//!
//! The invariant: what is said is true of money first. Nothing is called paid that is not, and whoever has paid is told
//! so before anything else.

use proto::booking::v1::{CheckoutStatus, GetReturnPageResponse, MeetingOutcome};

use super::times;

/// What is said of a link.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) title: &'static str,
    pub(super) notes: Vec<String>,
    /// Slots that are offered in place of one that was lost.
    pub(super) slots: Vec<String>,
    /// Soon there will be something else to say.
    pub(super) changing: bool,
}

/// The words for a link; `None` if it stands in no way that we know.
pub(super) fn of(found: &GetReturnPageResponse) -> Option<Words> {
    let words = match found.status() {
        CheckoutStatus::Unspecified => return None,
        CheckoutStatus::Paid => return Some(paid(found)),
        CheckoutStatus::Open => Words {
            title: "Not paid yet",
            notes: vec![
                "If you have just paid, this page shows it in a moment; there is no need to pay again."
                    .into(),
            ],
            changing: true,
            ..Words::default()
        },
        CheckoutStatus::Pending => Words {
            title: "Your payment is on its way",
            notes: vec![
                "Some ways to pay take a while, a bank transfer up to some days. You need not wait here."
                    .into(),
            ],
            changing: true,
            ..Words::default()
        },
        CheckoutStatus::Expired => {
            ended("This link has ended", "Nobody paid in time, and nothing was charged.")
        }
        CheckoutStatus::Canceled => ended("This payment was called off", "Nothing was charged."),
        CheckoutStatus::Failed => ended("The payment did not go through", "The money did not come."),
    };
    Some(words.and(slot_of_unpaid(found)))
}

fn ended(title: &'static str, why: &str) -> Words {
    let notes = vec![format!("{why} Ask in the chat for a new link if you would like to go on.")];
    Words { title, notes, ..Words::default() }
}

fn slot_of_unpaid(found: &GetReturnPageResponse) -> Option<String> {
    let start = start(found)?;
    match found.meeting() {
        MeetingOutcome::Held | MeetingOutcome::Booking => {
            Some(format!("We hold the meeting on {start} for you."))
        }
        MeetingOutcome::Released => Some(format!("The meeting on {start} is no longer held.")),
        MeetingOutcome::Booked => Some(format!("Your meeting on {start} is booked.")),
        MeetingOutcome::Canceled => Some(format!("The meeting on {start} was called off.")),
        MeetingOutcome::Unspecified | MeetingOutcome::SlotLost => None,
    }
}

fn paid(found: &GetReturnPageResponse) -> Words {
    let (title, refund) = money(found);
    let words = Words { title, ..Words::default() }.and(refund);
    let start = start(found);
    let on = start.map(|start| format!(" on {start}")).unwrap_or_default();
    match found.meeting() {
        MeetingOutcome::Unspecified => words,
        MeetingOutcome::Booked => words.and(Some(format!("Your meeting{on} is booked."))),
        MeetingOutcome::Canceled => words.and(Some(format!("The meeting{on} was called off."))),
        MeetingOutcome::Held | MeetingOutcome::Booking => {
            Words { changing: true, ..words.and(Some(format!("Your meeting{on} is being booked."))) }
        }
        // the payment came, so people see to it as they do where the slot went
        MeetingOutcome::SlotLost | MeetingOutcome::Released => slot_lost(words, &on, found),
    }
}

/// What is said of money that came: it may have gone back.
fn money(found: &GetReturnPageResponse) -> (&'static str, Option<String>) {
    let Some(refunded) = found.refunded.as_ref().filter(|refunded| refunded.minor_units > 0) else {
        return ("Thank you, it is paid", None);
    };
    let is_all = found.price.as_ref().is_some_and(|price| refunded.minor_units >= price.minor_units);
    let title = if is_all { "Your money was paid back" } else { "It is paid, and partly paid back" };
    (title, super::page::amount(refunded).map(|amount| format!("{amount} went back to you.")))
}

fn slot_lost(words: Words, on: &str, found: &GetReturnPageResponse) -> Words {
    let slots: Vec<String> =
        found.next_local_starts.iter().map(|start| times::said(start, &found.time_zone)).collect();
    let words = words.and(Some(format!(
        "Only the meeting{on} could not be booked: somebody else was quicker. Your payment is safe. Our people know of \
         it, take care of it and will write to you."
    )));
    let offer = (!slots.is_empty())
        .then(|| "These times are free at the moment; say in the chat which one suits you:".to_owned());
    Words { slots, ..words.and(offer) }
}

fn start(found: &GetReturnPageResponse) -> Option<String> {
    (!found.local_start.is_empty()).then(|| times::said(&found.local_start, &found.time_zone))
}

// === impl Words ===

impl Words {
    fn and(mut self, note: Option<String>) -> Self {
        self.notes.extend(note);
        self
    }
}

#[cfg(test)]
mod tests {
    use proto::common::v1::Money;

    use super::*;

    fn paid_with(refunded: i64, meeting: MeetingOutcome) -> Words {
        let money = |minor_units| Money { minor_units, currency_code: "EUR".into() };
        of(&GetReturnPageResponse {
            status: CheckoutStatus::Paid.into(),
            meeting: meeting.into(),
            price: Some(money(15_000)),
            refunded: (refunded != 0).then(|| money(refunded)),
            local_start: "2050-09-05T11:00:00+02:00".into(),
            time_zone: "Europe/Berlin".into(),
            ..GetReturnPageResponse::default()
        })
        .unwrap()
    }

    #[test]
    fn money_that_went_back_is_not_called_paid() {
        let words = paid_with(15_000, MeetingOutcome::Canceled);
        assert_eq!((words.title, words.changing), ("Your money was paid back", false));
        assert_eq!(words.notes[0], "150.00 EUR went back to you.");
        assert!(words.notes[1].contains("called off"), "{:?}", words.notes);
        let words = paid_with(5_000, MeetingOutcome::Booked);
        assert_eq!(words.title, "It is paid, and partly paid back");
        assert!(words.notes[1].ends_with("is booked."), "{:?}", words.notes);
        assert_eq!(paid_with(0, MeetingOutcome::Booked).title, "Thank you, it is paid");
    }
}
