//! A batch that was taken on its way and arrives long after: it lands once or never, and its rows stand once.

use super::{
    books::Books,
    detour::{Late, Taken},
    once,
    sender::Sender,
    times,
};
use crate::world::until;

/// The void that settles, a batch, and one more: so the first of the two is closed.
const SETTLED_AND_GONE_ON: usize = 3;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Google's emulator; .ci/run starts it"]
async fn a_batch_that_arrives_late_lands_once_or_never() {
    let mut books = Books::open().await;
    let sender = Sender::start(&books.gateways.each_ref().map(|(_, address)| *address));
    until("the first events are acknowledged", || sender.acknowledged().len() >= 10).await;
    after_its_own_writer_settled(&books).await;
    after_another_one_took_over(&mut books).await;
    before_another_one_settles(&mut books).await;

    let sent = sender.stop().await;
    books.caught_up("chat_events", sent.len()).await;
    let turns: Vec<_> = sent.iter().filter(|event| event["type"] == "chat.turn").collect();
    books.caught_up("engagements", turns.len()).await;
    books.drain().await;
    assert_eq!(times(&books, "chat_events", "id"), once(sender.acknowledged().into_iter()));
    let messages = turns.iter().map(|turn| turn["message"].as_str().unwrap().to_owned());
    assert_eq!(times(&books, "engagements", "message"), once(messages));
    for tab in ["contacts", "leads", "engagements", "bookings", "chat_events"] {
        assert!(times(&books, tab, "id").values().all(|times| *times == 1), "an id of {tab} stands twice");
    }
}

/// The writer lives, finds its batch void, and has gone on when it arrives.
async fn after_its_own_writer_settled(books: &Books) {
    let mut late = books.detour.arm();
    let taken = late.taken().await;
    books.writes(taken.writer, SETTLED_AND_GONE_ON).await;
    assert_eq!(late.arrive().await, 400);
    assert_eq!(books.answers(taken.number), [("void", 200), ("rows", 400)]);
}

/// Takes a batch and stops its writer, before it can find out what became of it.
async fn take_and_stop(books: &Books) -> (Late, Taken) {
    let mut late = books.detour.arm();
    let taken = late.taken().await;
    books.writers[taken.writer].0.signal("STOP").await;
    (late, taken)
}

/// The stopped writer goes on, and finds that another one writes.
async fn go_on(books: &mut Books, writer: usize) {
    books.writers[writer].0.signal("CONT").await;
    books.writers[writer].0.says("another process writes the ledger now").await;
}

async fn after_another_one_took_over(books: &mut Books) {
    let (late, taken) = take_and_stop(books).await;
    let takeovers = books.takeovers();
    books.writes(1 - taken.writer, SETTLED_AND_GONE_ON).await;
    assert!(books.takeovers() > takeovers, "nobody took over: {}", books.logs());
    assert_eq!(late.arrive().await, 400);
    assert_eq!(books.answers(taken.number), [("void", 200), ("rows", 400)]);
    go_on(books, taken.writer).await;
}

/// It lands after its writer was stopped: whoever takes over finds it, and does not write its rows again.
async fn before_another_one_settles(books: &mut Books) {
    let (late, taken) = take_and_stop(books).await;
    assert_eq!(late.arrive().await, 200);
    books.writes(1 - taken.writer, SETTLED_AND_GONE_ON).await;
    assert_eq!(books.answers(taken.number), [("rows", 200), ("void", 400)]);
    go_on(books, taken.writer).await;
}
