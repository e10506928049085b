//! What stood in a row before an end took it away.
//!
//! A subscription that is over brings nothing any more, and its row says so; whoever counts what it brought while it ran has
//! to know what that was. The invariant: what is kept is what stood there up to the end, and nothing is kept of a row that
//! goes on.

use domain::{Cell, Cells, Row, Tab, subscription};

/// What a subscription brings in a month.
const MRR: &str = "mrr";

/// Notes what the newer version `row` takes away of `cells`.
pub(super) fn note(former: &mut Cells, cells: &Cells, row: &Row) {
    if row.tab != Tab::Subscriptions {
        return;
    }
    let is_over = |cells: &Cells| match cells.get("status") {
        Some(Cell::Text(status)) => subscription::is_over(status),
        _ => false,
    };
    match (is_over(cells), is_over(&row.cells)) {
        (_, false) => drop(former.remove(MRR)),
        (false, true) => {
            let had = cells
                .get(MRR)
                .filter(|had| is_something(had) && !row.cells.get(MRR).is_some_and(is_something));
            former.extend(had.map(|had| (MRR.to_owned(), had.clone())));
        }
        (true, true) => {}
    }
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
        rows.for_each(|row| assert!(doc.advance(row)));
        let kept: RowDoc = serde_json::from_str(&serde_json::to_string(&doc).unwrap()).unwrap();
        kept.former.get(MRR).map(|cell| match cell {
            Cell::Money(money) => money.minor,
            other => panic!("{other:?}"),
        })
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
