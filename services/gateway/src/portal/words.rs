//! What a membership is, in words.
//!
//! The invariant: nothing is called renewing that ends, and nothing paid that is not.

use jiff::Timestamp;
use proto::whop::v1::{Membership, MembershipStatus as Status};

use super::wire::moment;

/// How it stands, in a word or two; nothing for a word of Whop's that we do not know.
pub(super) const fn label(status: Status) -> &'static str {
    match status {
        Status::Unspecified => "",
        Status::Trialing => "Trial",
        Status::Active => "Active",
        Status::PastDue => "Payment overdue",
        Status::Completed => "Paid",
        Status::Canceled => "Canceled",
        Status::Expired => "Ended",
        Status::Unresolved => "On hold",
        Status::Drafted => "Not started",
    }
}

/// What comes next, in sentences.
pub(super) fn outlook(membership: &Membership) -> Vec<String> {
    let day = |time: Option<&prost_types::Timestamp>| moment(time).map(day);
    let renews = day(membership.renew_time.as_ref());
    let ends = day(membership.expire_time.as_ref());
    let mut said = Vec::new();
    let next = match (membership.status(), renews, ends) {
        (Status::Canceled | Status::Expired, _, Some(end)) => Some(format!("It ended on {end}.")),
        (Status::Canceled | Status::Expired, _, None) => Some("It has ended.".to_owned()),
        (Status::Completed, _, _) => Some("It is paid once, nothing renews.".to_owned()),
        (_, renews, end) if membership.cancel_at_period_end => Some(match end.or(renews) {
            Some(end) => format!("It ends on {end} and does not renew."),
            None => "It ends with the period that is paid for and does not renew.".to_owned(),
        }),
        (Status::Trialing, Some(renews), _) => Some(format!("The trial ends on {renews}, then it renews.")),
        (_, Some(renews), _) => Some(format!("It renews on {renews}.")),
        (_, None, Some(end)) => Some(format!("It ends on {end}.")),
        (_, None, None) => None,
    };
    if membership.status() == Status::PastDue {
        said.push("The last payment did not go through; Whop tries it again.".to_owned());
    }
    said.extend(next);
    said
}

/// When a membership ends if it is cancelled now; `None` if there is nothing to cancel.
pub(super) fn end_if_cancelled(membership: &Membership) -> Option<String> {
    let renewing = membership.has_access && !membership.cancel_at_period_end;
    moment(membership.renew_time.as_ref()).filter(|_| renewing).map(day)
}

/// A day, as people write it.
pub(super) fn day(time: Timestamp) -> String {
    time.strftime("%-d %B %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Option<prost_types::Timestamp> {
        Some(prost_types::Timestamp { seconds, nanos: 0 })
    }

    fn standing(status: Status, renews: Option<i64>, ends: Option<i64>, leaving: bool) -> Membership {
        Membership {
            status: status.into(),
            has_access: !matches!(status, Status::Canceled | Status::Expired),
            renew_time: renews.and_then(at),
            expire_time: ends.and_then(at),
            cancel_at_period_end: leaving,
            ..Membership::default()
        }
    }

    #[test]
    fn what_comes_next_is_said_as_it_is() {
        let (one, two) = (Some(1_796_083_200), Some(1_798_761_600));
        for (status, renews, ends, leaving, said, end) in [
            (Status::Active, one, one, false, "It renews on 1 December 2026.", Some("1 December 2026")),
            (Status::Active, one, two, true, "It ends on 1 January 2027 and does not renew.", None),
            (Status::Active, one, None, true, "It ends on 1 December 2026 and does not renew.", None),
            (Status::Active, None, None, true, "It ends with the period that is paid for", None),
            (
                Status::Trialing,
                one,
                None,
                false,
                "The trial ends on 1 December 2026, then",
                Some("1 December 2026"),
            ),
            (
                Status::PastDue,
                one,
                None,
                false,
                "The last payment did not go through; Whop tries it again. It renews",
                Some("1 December 2026"),
            ),
            (Status::Completed, None, None, false, "It is paid once, nothing renews.", None),
            (Status::Canceled, one, one, false, "It ended on 1 December 2026.", None),
            (Status::Expired, None, None, false, "It has ended.", None),
            (Status::Active, None, one, false, "It ends on 1 December 2026.", None),
            (Status::Unspecified, None, None, false, "", None),
        ] {
            let membership = standing(status, renews, ends, leaving);
            let outlook = outlook(&membership).join(" ");
            assert!(
                outlook.starts_with(said) && outlook.is_empty() == said.is_empty(),
                "{status:?}: {outlook}"
            );
            assert_eq!(end_if_cancelled(&membership).as_deref(), end, "{status:?}");
        }
    }
}
