//! What stood in a row before an end took it away, and when that end was.
//!
//! A subscription that is over brings nothing any more, and its row says so; whoever counts what it brought while it ran has
//! to know what that was, and until when it ran: it may have been called off long before, or never. The invariant: what is
//! kept is what stood there up to the end, the first end that was heard of stands, and nothing is kept of a row that goes on.
//! Rows that were over before ends were kept are without one.

use domain::{Cell, Cells, Row, Tab, subscription};
use jiff::Timestamp;

/// What a subscription brings in a month.
const MRR: &str = "mrr";
/// When a subscription was over; no column of the tab.
const ENDED_AT: &str = "ended_at";

/// When something was over, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct End {
    /// By its provider, and not in the future.
    pub(crate) told: Option<Timestamp>,
    /// When it was stated to be as it is: it was over by then, and of one that was not over before about then.
    pub(crate) heard: Option<Timestamp>,
}

/// Notes the end of a row that is new.
pub(super) fn begin(former: &mut Cells, row: &Row, end: End) {
    if row.tab == Tab::Subscriptions && is_over(&row.cells) {
        former.extend(end.told.map(ended));
    }
}

/// Notes what the newer version `row` takes away of `cells`.
pub(super) fn note(former: &mut Cells, cells: &Cells, row: &Row, end: End) {
    if row.tab != Tab::Subscriptions {
        return;
    }
    match (is_over(cells), is_over(&row.cells)) {
        (_, false) => former.retain(|name, _| name != MRR && name != ENDED_AT),
        (false, true) => {
            former.extend(end.told.or(end.heard).map(ended));
            let had = cells
                .get(MRR)
                .filter(|had| is_something(had) && !row.cells.get(MRR).is_some_and(is_something));
            former.extend(had.map(|had| (MRR.to_owned(), had.clone())));
        }
        (true, true) => {}
    }
}

fn is_over(cells: &Cells) -> bool {
    matches!(cells.get("status"), Some(Cell::Text(status)) if subscription::is_over(status))
}

fn ended(time: Timestamp) -> (String, Cell) {
    (ENDED_AT.to_owned(), Cell::Time { time })
}

fn is_something(cell: &Cell) -> bool {
    matches!(cell, Cell::Money(money) if money.minor > 0)
}

#[cfg(test)]
mod tests {
    use domain::{Money, tab};
    use jiff::Timestamp;

    use super::*;
    use crate::rows::RowDoc;

    fn row(version: u64, status: &str, minor: i64) -> Row {
        let mrr = Some(Money { minor, currency: "EUR".parse().unwrap() });
        let row = tab::Subscription { id: "sub_1".into(), status: status.into(), mrr, ..Default::default() };
        Row::of(&row, version, Timestamp::UNIX_EPOCH)
    }

    /// What is kept after these states.
    fn kept(states: &[(&str, i64)]) -> Option<i64> {
        let mut rows = (1..).zip(states).map(|(version, (status, minor))| row(version, status, *minor));
        let mut doc = RowDoc::of(rows.next().unwrap());
        rows.for_each(|row| assert!(doc.advance(row, End::default())));
        let kept: RowDoc = serde_json::from_str(&serde_json::to_string(&doc).unwrap()).unwrap();
        kept.former.get(MRR).map(|cell| match cell {
            Cell::Money(money) => money.minor,
            other => panic!("{other:?}"),
        })
    }

    /// When it was over by these states, each with what its provider tells, heard of at their places.
    fn ended_at(states: &[(&str, Option<i64>)]) -> Option<i64> {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut heard = (1..).zip(states).map(|(place, (status, told))| {
            (row(place, status, 0), End { told: told.map(at), heard: Some(at(place.cast_signed())) })
        });
        let (first, end) = heard.next().unwrap();
        let mut doc = RowDoc::begun(first, end);
        heard.for_each(|(row, end)| assert!(doc.advance(row, end)));
        let kept: RowDoc = serde_json::from_str(&serde_json::to_string(&doc).unwrap()).unwrap();
        kept.former.get(ENDED_AT).map(|cell| match cell {
            Cell::Time { time } => time.as_second(),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn an_end_is_when_its_provider_says_or_else_when_it_was_heard_of() {
        assert_eq!(ended_at(&[("active", None), ("canceled", Some(-5)), ("canceled", Some(-1))]), Some(-5));
        assert_eq!(ended_at(&[("past_due", None), ("expired", None), ("canceled", None)]), Some(2));
        assert_eq!(ended_at(&[("canceled", None), ("active", None), ("canceled", None)]), Some(3));
        assert_eq!(ended_at(&[("canceled", Some(-5))]), Some(-5), "nothing was heard of it before");
        for unknown in
            [&[("active", None), ("canceled", Some(-5)), ("active", None)][..], &[("expired", None)]]
        {
            assert_eq!(ended_at(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn a_row_of_before_stays_without_an_end() {
        let mut old = serde_json::to_value(RowDoc::of(row(1, "canceled", 0))).unwrap();
        assert!(old.as_object_mut().unwrap().remove("former").is_none());
        let mut doc: RowDoc = serde_json::from_value(old).unwrap();
        let heard = Some(Timestamp::UNIX_EPOCH);
        assert!(doc.advance(row(2, "canceled", 0), End { told: None, heard }));
        assert!(doc.former.is_empty());
    }

    #[test]
    fn what_ended_is_known_as_it_ran() {
        assert_eq!(kept(&[("active", 900), ("canceled", 0)]), Some(900));
        assert_eq!(kept(&[("active", 900), ("past_due", 700), ("expired", 0), ("canceled", 0)]), Some(700));
        for ran_otherwise in [
            &[("active", 900), ("paused", 0), ("canceled", 0)][..],
            &[("trialing", 0), ("canceled", 0)],
            &[("active", 900), ("canceled", 0), ("active", 800)],
            &[("active", 900), ("canceled", 900)],
            &[("canceled", 0)],
        ] {
            assert_eq!(kept(ran_otherwise), None, "{ran_otherwise:?}");
        }
    }
}
