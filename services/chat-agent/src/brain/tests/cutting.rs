//! Listeners that leave.

use super::{
    model::{Piece, Reply, saying},
    *,
};

#[tokio::test]
async fn when_nobody_listens_the_model_is_left() {
    let bench = Bench::new().await;
    let mut pieces: Vec<Piece> = saying(0, &["Half"]).into_iter().take(3).map(Piece::Event).collect();
    pieces.push(Piece::Hang);
    bench.model.reply(Reply::Stream(pieces));
    let (turn, mut hearing, _dir) = listened(user("msg_1", "hi")).await;
    let patient = bench.agent.respond(&turn);
    let leave = async {
        hear(&mut hearing, "content_part.text_delta").await;
        drop(hearing);
    };
    let (answer, ()) = tokio::join!(patient, leave);
    assert_eq!(answer, Ok(()));
    until(|| bench.model.was_dropped().then_some(())).await;
    assert_eq!(bench.model.requests().len(), 1);
}

#[tokio::test]
async fn a_call_that_has_begun_is_finished_and_kept() {
    let bench = Bench::new().await;
    let gate = bench.books.hold();
    bench.model.calls(&[("call_a", "save_lead", r#"{"email":"ada@example.com"}"#)]).says("Never.");
    let (turn, hearing, _dir) = listened(user("msg_1", "save me")).await;
    let answer = bench.agent.respond(&turn);
    let leave = async {
        until(|| (!bench.books.leads().is_empty()).then_some(())).await;
        drop(hearing);
        gate.notify_one();
    };
    let (answer, ()) = tokio::join!(answer, leave);
    assert_eq!(answer, Ok(()));
    assert_eq!(kinds(&turn).await, ["user_message", "hidden_context_item", "widget"]);
    assert_eq!(bench.model.requests().len(), 1, "the model is not asked again");
}

#[tokio::test]
async fn for_nobody_the_model_is_not_asked() {
    let bench = Bench::new().await;
    bench.model.says("Never.");
    let mut scene = Scene::new(Input::Retry, vec![Item::UserMessage(user("msg_1", "hi"))]).await;
    scene.leave();
    bench.answer(&scene).await.unwrap();
    assert_eq!(kinds(&scene.turn).await, ["user_message"]);
    assert!(bench.model.requests().is_empty());
}

#[tokio::test]
async fn a_process_that_leaves_asks_nothing_again() {
    let bench = Bench::new().await;
    bench.model.reply(Reply::Whole(500, "", String::new())).says("Never.");
    let scene = scene("hi").await;
    scene.leaving.cancel();
    bench.answer(&scene).await.unwrap();
    assert_eq!(bench.model.requests().len(), 1);
    assert_eq!(kinds(&scene.turn).await.last().unwrap(), "structured_input");
}
