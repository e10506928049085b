//! The search for what is refused, where it comes to an end.

use domain::Tab;

use crate::{
    ledger::{hunt::Hunt, protocol::Carried},
    rows::RowKey,
};

fn rows(tab: Tab, count: usize) -> Vec<Carried> {
    let key = |n: usize| RowKey { tab, id: n.to_string() };
    (0..count).map(|n| Carried { key: key(n), version: 1, line: None, columns: Vec::new() }).collect()
}

fn refuse_twice(hunt: &mut Hunt, named: Option<Tab>, rows: &[Carried]) {
    for _ in 0..2 {
        hunt.refused(named);
        hunt.rejected(rows);
    }
}

#[test]
fn batches_grow_again_once_they_land() {
    let mut hunt = Hunt::default();
    refuse_twice(&mut hunt, None, &rows(Tab::Leads, 8));
    assert_eq!(hunt.cap(), 4);
    hunt.landed();
    assert_eq!(hunt.cap(), 8);
}

#[test]
fn a_tab_that_a_fault_named_goes_alone_when_nothing_else_waits() {
    let mut hunt = Hunt::default();
    let both = [rows(Tab::Leads, 1), rows(Tab::Payments, 1)].concat();
    refuse_twice(&mut hunt, Some(Tab::Leads), &both);
    assert!(hunt.widen());
    assert_eq!([Tab::Leads, Tab::Payments].map(|tab| hunt.leaves_out(tab)), [false, true]);
}
