//! What the model does wrong, at every stage.

use super::{
    model::{Piece, Reply, completed, said as delta, saying},
    *,
};

fn begun(mut more: Vec<Piece>) -> Reply {
    let mut pieces: Vec<Piece> = saying(0, &["Half an ans"]).into_iter().take(3).map(Piece::Event).collect();
    pieces.append(&mut more);
    Reply::Stream(pieces)
}

fn whole(status: u16, code: &str) -> Reply {
    Reply::Whole(status, "", json!({"error": {"message": "sk-test", "type": "t", "code": code}}).to_string())
}

type Make = fn() -> Reply;

/// Failures before the first word, and how often the model is asked.
const EARLY: &[(&str, Make, usize)] = &[
    ("rate limited", || whole(429, "rate_limit_exceeded"), 3),
    ("quota used up", || whole(429, "insufficient_quota"), 1),
    ("come back in an hour", || Reply::Whole(503, "3600", String::new()), 1),
    ("down", || whole(500, "server_error"), 3),
    ("wrong key", || whole(401, "invalid_api_key"), 1),
    ("no stream", || Reply::Whole(200, "", "<html>".into()), 3),
    ("empty", || Reply::Stream(vec![]), 3),
    ("cut", || Reply::Stream(vec![Piece::Break]), 3),
    ("slow", || Reply::Stream(vec![Piece::Hang]), 3),
    ("garbled", || Reply::Stream(vec![Piece::Raw(b"data: {\"type\":\n\n".to_vec())]), 3),
    ("not UTF-8", || Reply::Stream(vec![Piece::Raw(b"data: \xff\n\n".to_vec())]), 3),
    (
        "a part out of turn",
        || {
            let mut event = delta(0, "x");
            event["content_index"] = json!(7);
            Reply::Stream(vec![Piece::Event(event)])
        },
        3,
    ),
    (
        "cut in an empty message",
        || {
            let pieces = saying(0, &["x"]).into_iter().take(2).map(Piece::Event);
            Reply::Stream(pieces.chain([Piece::Break]).collect())
        },
        3,
    ),
    ("failed", || Reply::Stream(vec![Piece::Event(failed("server_error"))]), 3),
    ("refused", || Reply::Stream(vec![Piece::Event(failed("invalid_prompt"))]), 1),
    (
        "error",
        || {
            Reply::Stream(vec![Piece::Event(json!({"type": "error", "code": "server_error", "message": "m",
        "param": null, "sequence_number": 1}))])
        },
        3,
    ),
];

/// Failures in the middle of a text.
const LATE: &[(&str, Make)] = &[
    ("cut", || begun(vec![Piece::Break])),
    ("ended", || begun(vec![])),
    ("slow", || begun(vec![Piece::Hang])),
    ("garbled", || begun(vec![Piece::Raw(b"data: {]\n\n".to_vec())])),
    ("failed", || begun(vec![Piece::Event(failed("server_error"))])),
    ("error", || {
        begun(vec![Piece::Event(json!({"type": "error", "code": null, "message": "m", "param": null}))])
    }),
];

fn failed(code: &str) -> Value {
    json!({"type": "response.failed", "sequence_number": 1,
        "response": {"status": "failed", "error": {"code": code, "message": "m"}, "usage": null}})
}

#[tokio::test]
async fn before_the_first_word_it_is_asked_again_and_then_there_is_the_form() {
    for (name, make, asked) in EARLY {
        let bench = Bench::new().await;
        for _ in 0..4 {
            bench.model.reply(make());
        }
        let scene = scene("hi").await;
        assert_eq!(bench.answer(&scene).await, Ok(()), "{name}");
        assert_eq!(bench.model.requests().len(), *asked, "{name}");
        assert_eq!(
            kinds(&scene.turn).await,
            ["user_message", "assistant_message", "structured_input"],
            "{name}"
        );
    }
}

#[tokio::test]
async fn what_fails_once_is_not_seen() {
    for (name, make, asked) in EARLY.iter().filter(|(_, _, asked)| *asked > 1) {
        let bench = Bench::new().await;
        bench.model.reply(make()).says("Hello.");
        let mut scene = scene("hi").await;
        assert_eq!(bench.answer(&scene).await, Ok(()), "{name} {asked}");
        assert_eq!(said(&scene.turn).await, ["Hello."], "{name}");
        let heard = names(&scene.heard());
        let count = |name: &str| heard.iter().filter(|heard| *heard == name).count();
        let (added, removed) = (count("thread.item.added"), count("thread.item.removed"));
        assert_eq!(added - removed, 1, "{name}: what is taken back is told: {heard:?}");
    }
}

#[tokio::test]
async fn after_the_first_word_nothing_is_asked_again() {
    for (name, make) in LATE {
        let bench = Bench::new().await;
        bench.model.reply(make()).says("Never.");
        let mut scene = scene("hi").await;
        assert_eq!(bench.answer(&scene).await, Err(TurnError::Failed), "{name}");
        assert_eq!(bench.model.requests().len(), 1, "{name}");
        let heard = scene.heard();
        assert!(heard.contains(&Event::text_delta(id_of(&heard), 0, "Half an ans")), "{name}");
        // what has begun and is not done is kept by whoever runs the turn
        assert!(!names(&heard).contains(&"thread.item.removed".to_owned()), "{name}");
        assert_eq!(kinds(&scene.turn).await, ["user_message"], "{name}");
    }
}

fn id_of(heard: &[Event]) -> String {
    heard
        .iter()
        .find_map(|event| match event {
            Event::ItemAdded { item } => Some(item.id().to_owned()),
            _ => None,
        })
        .unwrap()
}

#[tokio::test]
async fn an_effect_survives_the_failure_after_it() {
    let bench = Bench::new().await;
    bench.model.calls(&[("call_a", "save_lead", r#"{"email":"ada@example.com"}"#)]);
    bench.model.reply(whole(401, "invalid_api_key"));
    let scene = scene("save me").await;
    assert_eq!(bench.answer(&scene).await, Err(TurnError::Failed));
    assert_eq!(kinds(&scene.turn).await, ["user_message", "hidden_context_item", "widget"]);
    assert_eq!(bench.books.leads().len(), 1);
}

#[tokio::test]
async fn a_call_that_was_cut_off_is_not_made() {
    for end in [
        Piece::Break,
        Piece::Event(json!({"type": "response.incomplete", "sequence_number": 9,
        "response": {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}})),
    ] {
        let bench = Bench::new().await;
        let mut pieces: Vec<Piece> =
            super::model::calling(0, "call_a", "save_lead", r#"{"email":"ada@example.com"}"#)
                .into_iter()
                .map(Piece::Event)
                .collect();
        pieces.push(end);
        bench.model.reply(Reply::Stream(pieces));
        let scene = scene("save me").await;
        assert_eq!(bench.answer(&scene).await, Err(TurnError::Failed));
        assert!(bench.books.leads().is_empty());
    }
}

#[tokio::test]
async fn an_answer_that_hit_its_limit_is_an_answer() {
    let bench = Bench::new().await;
    bench.model.events(vec![
        delta(0, "As much as fits"),
        json!({"type": "response.incomplete", "sequence_number": 9, "response": {"status": "incomplete"}}),
    ]);
    let scene = scene("hi").await;
    bench.answer(&scene).await.unwrap();
    assert_eq!(said(&scene.turn).await, ["As much as fits"]);
}

#[tokio::test]
async fn unknown_events_and_comments_change_nothing() {
    let bench = Bench::new().await;
    let mut pieces = vec![Piece::Raw(
        b": hello\nevent: x\nretry: 1\ndata: {\"type\":\"response.made.up\",\ndata: \"a\":1}\n\n".to_vec(),
    )];
    // every byte on its own
    for event in saying(0, &["grüße 🎈"]).into_iter().chain([completed()]) {
        let frame = format!("data: {event}\r\n\r\n").into_bytes();
        pieces.extend(frame.chunks(7).map(|chunk| Piece::Raw(chunk.to_vec())));
    }
    pieces.push(Piece::Raw(b"data: [DONE]\n\n".to_vec()));
    bench.model.reply(Reply::Stream(pieces));
    let scene = scene("hi").await;
    bench.answer(&scene).await.unwrap();
    assert_eq!(said(&scene.turn).await, ["grüße 🎈"]);
}
