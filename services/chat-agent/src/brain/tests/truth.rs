//! Models that claim what did not happen.

use super::{
    model::{Piece, Reply, said as delta},
    *,
};

const CORRECTION: &str = "Correction: nothing has been saved or passed on to the team yet.";

#[tokio::test]
async fn a_lie_is_corrected_in_the_thread() {
    for lie in [
        "Great, I've saved your details and the team will call you!",
        "Thank you. Your contact information has been passed on.",
        "All set: your request was forwarded to our team.",
    ] {
        let bench = Bench::new().await;
        bench.model.says(lie);
        let scene = scene("my e-mail is ada@example.com").await;
        bench.answer(&scene).await.unwrap();
        assert_eq!(said(&scene.turn).await, [lie, CORRECTION]);
        assert_eq!(kinds(&scene.turn).await.last().unwrap(), "hidden_context_item");
        assert!(bench.books.leads().is_empty());
    }
}

#[tokio::test]
async fn a_claim_after_a_failed_call_is_corrected() {
    let bench = Bench::new().await;
    bench.books.refuse(vec![tonic::Status::internal("no")]);
    bench.model.calls(&[("call_a", "save_lead", r#"{"email":"ada@example.com"}"#)]);
    bench.model.says("I've saved your details.");
    let scene = scene("save me").await;
    bench.answer(&scene).await.unwrap();
    assert_eq!(said(&scene.turn).await, ["I've saved your details.", CORRECTION]);
}

#[tokio::test]
async fn the_truth_is_left_alone() {
    let bench = Bench::new().await;
    bench.model.calls(&[("call_a", "save_lead", r#"{"email":"ada@example.com"}"#)]);
    bench.model.says("I've saved your details and passed them on to our team.");
    let first = scene("save me").await;
    bench.answer(&first).await.unwrap();
    assert_eq!(said(&first.turn).await.len(), 1);

    let history = first.turn.history().await.unwrap();
    bench.model.says("I have already saved your details.").says("I've saved your new number.");
    let second = scene_after_turn(history.clone(), "did you?").await;
    bench.answer(&second).await.unwrap();
    assert_eq!(said(&second.turn).await.len(), 2, "true, and earlier");
    let third = scene_after_turn(history, "and my number is 030 1").await;
    bench.answer(&third).await.unwrap();
    assert_eq!(said(&third.turn).await.last().unwrap(), CORRECTION, "earlier, and no truth now");
}

async fn scene_after_turn(mut history: Vec<Item>, text: &str) -> Scene {
    let message = user("msg_2", text);
    history.push(Item::UserMessage(message.clone()));
    Scene::of(concierge(), Input::Message(message), history).await
}

#[tokio::test]
async fn a_lie_that_was_cut_off_is_corrected_too() {
    let bench = Bench::new().await;
    let pieces = [Piece::Event(delta(0, "I've saved your details. And n")), Piece::Break];
    bench.model.reply(Reply::Stream(pieces.into_iter().collect()));
    let scene = scene("hi").await;
    assert_eq!(bench.answer(&scene).await, Err(TurnError::Failed));
    assert_eq!(said(&scene.turn).await, ["I've saved your details. And n", CORRECTION]);
}
