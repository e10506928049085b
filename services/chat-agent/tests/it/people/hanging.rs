//! Books that hang: they hold up neither whoever answers, nor a visitor who waits, nor the operator's list.

use std::time::Duration;

use super::*;

/// Less than any call of the books may take.
const SOON: Duration = Duration::from_secs(6);

#[tokio::test]
async fn books_that_hang_hold_up_no_answer() {
    let office = Office::start().await;
    let thread = office.called().await;
    office.books.hang.store(true, SeqCst);
    let posted = tokio::time::timeout(SOON, office.answer(&thread, "op_1")).await;
    assert_eq!(posted.expect("whoever answers waits for no books").message.unwrap().author, "person");
    office.books.hang.store(false, SeqCst);
    assert_eq!(office.tick().await, json!({"hand_offs_told": 1}));
    assert_eq!(office.books.told("chat.person_answered").len(), 1);
}

#[tokio::test]
async fn books_that_hang_hold_up_no_form() {
    let office = Office::start().await;
    office.books.late.store(true, SeqCst);
    let threads = [office.called().await, office.called().await, office.called().await];
    let before = office.books.asked.load(SeqCst);
    assert_eq!(office.tick().await, json!({}));
    assert_eq!(office.books.asked.load(SeqCst) - before, 1, "one that is late is enough for this time");

    office.books.hang.store(true, SeqCst);
    office.time.advance_minutes(2);
    let mut operations = office.desk.operations.clone();
    let ticking = tokio::spawn(async move { operations.tick(TickRequest {}).await });
    for thread in &threads {
        let is_asked = || async { office.texts(thread).await.contains(&"structured_input".to_owned()) };
        let asked = tokio::time::timeout(SOON, until(is_asked)).await;
        asked.expect("visitors are asked before the books are");
    }
    ticking.abort();
}

#[tokio::test]
async fn a_page_holds_those_who_wait_past_those_whom_only_the_books_miss() {
    let office = Office::start().await;
    office.books.late.store(true, SeqCst);
    for _ in 0..3 {
        let thread = office.called().await;
        office.release(&thread).await.unwrap();
        office.time.advance_minutes(1);
    }
    let threads = vec![office.called().await, office.called().await];
    let request = ListThreadsRequest { handed_off_only: true, page_size: 2, ..Default::default() };
    let page = office.list(request).await.unwrap();
    let (mut found, mut expected) = (ids(&page), threads);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}
