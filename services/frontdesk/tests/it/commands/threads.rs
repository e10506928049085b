//! `frontdesk threads`: a person reads what was said, answers it, and gives it back.

use serde_json::{Value, json};

use super::{Ran, run};
use crate::{chat::talk::said, world::World};

async fn ask(world: &World, args: &[&str]) -> Ran {
    let dir = world.dir.path().display().to_string();
    run(world.dir.path(), &[("FRONTDESK_DIR", &dir)], args).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_reads_answers_and_gives_back() {
    let world = World::talkative().await;
    let talk = world.talk().await;
    let (thread, _) = talk.create("What does it cost?").await;
    let nobody = ask(&world, &["threads", "list"]).await;
    assert_eq!((nobody.code, nobody.out.trim()), (0, "none"), "{}", nobody.err);
    let all = ask(&world, &["threads", "list", "--all", "--json"]).await.json(0);
    assert_eq!(
        (&all["threads"][0]["thread_id"], &all["threads"][0]["state"]),
        (&json!(thread), &json!("active"))
    );

    let replied =
        ask(&world, &["threads", "reply", &thread, "I can tell you.", "--author", "Anna", "--json"]).await;
    let replied = replied.json(0);
    assert_eq!(replied["thread"]["state"], "with_human");
    assert_eq!(replied["message"]["text"], "Anna: I can tell you.");
    let before = talk.reload(&thread).await.len();
    talk.say(&thread, "Hello!").await;
    let kept = talk.reload(&thread).await;
    let texts: Vec<String> = kept[before..].iter().map(|item| said(std::slice::from_ref(item))).collect();
    assert_eq!(kept.len() - before, 2, "what the visitor said, and who answers here: {texts:?}");
    let waiting = ask(&world, &["threads", "list", "--json"]).await.json(0);
    let visitor = waiting["threads"][0]["visitor_id"].as_str().unwrap();
    assert_eq!(waiting["threads"].as_array().unwrap().len(), 1);
    let his = ask(&world, &["threads", "list", "--visitor", visitor]).await;
    assert!(his.out.contains(&thread) && his.out.contains("with_human"), "{}", his.out);
    let shown = ask(&world, &["threads", "show", &thread]).await;
    for line in ["visitor    What does it cost?", "person     Anna: I can tell you.", "visitor    Hello!"] {
        assert!(shown.out.contains(line), "{line} in {}", shown.out);
    }

    let released = ask(&world, &["threads", "release", &thread, "--json"]).await.json(0);
    assert_eq!(released["thread"]["state"], "active");
    let answered = talk.say(&thread, "Hello!").await;
    assert!(!answered.is_empty() && talk.reload(&thread).await.len() > kept.len() + 1);
    assert_eq!(ask(&world, &["threads", "list", "--json"]).await.json(0)["threads"], Value::Array(vec![]));
    for args in [
        &["threads", "show", "thr_1"][..],
        &["threads", "release", "thr_1"],
        &["threads", "reply", "thr_1", "x"],
    ] {
        assert_eq!(ask(&world, args).await.failure(66), "frontdesk: thread_id: there is no such thread");
    }
    let empty = ask(&world, &["threads", "reply", &thread, "-"]).await;
    assert!(empty.failure(64).contains("text must be 1 to 4000 characters"), "{}", empty.err);
    world.stop().await;
}
