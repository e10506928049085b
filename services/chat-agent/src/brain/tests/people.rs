//! Turns of a thread that a person has, and the turn in which the model calls one.

use jiff::SignedDuration;

use super::{
    model::{Piece, Reply, completed, saying},
    *,
};
use crate::{brain::history::ToolCall, hand_off::Standing, protocol::FormStatus};

impl Bench {
    /// The agent calls people to the thread of this scene.
    fn work_on(&mut self, scene: &Scene) {
        let vars: Vars = [("OPENAI_API_KEY".to_owned(), "sk-test".to_owned())].into_iter().collect();
        let config: Config = chassis::config::load(&vars, []).unwrap();
        let books = Link::new(&self.books.url.parse().unwrap()).unwrap();
        let told = hand_off::Books::new(books.clone(), None);
        let people = HandOffs::new(scene.threads(), told, Slots::default(), &[]);
        let toolbox =
            crate::brain::toolbox(&config, tools::Links::to_books(books), Arc::new(people)).unwrap();
        Arc::get_mut(&mut self.agent).unwrap().toolbox = toolbox;
    }
}

/// A thread that was handed off so long ago.
async fn handed_off(scene: Scene, minutes: i64) -> Scene {
    let then = scene.turn.now() - SignedDuration::from_mins(minutes);
    let called = |standing: &mut Standing| {
        assert!(standing.call("why", "ses_test", then));
        Vec::new()
    };
    scene.stand(called).await
}

/// Somebody takes the thread past the turn, which learns of it by looking.
async fn take_over(scene: &Scene) {
    let then = scene.turn.now();
    let called = |standing: &mut Standing| {
        standing.call("why", "ses_test", then);
        Vec::new()
    };
    scene.threads().stand(None, &scene.turn.thread.id, called).await.unwrap();
}

async fn forms(turn: &Turn) -> usize {
    kinds(turn).await.iter().filter(|kind| *kind == "structured_input").count()
}

#[tokio::test]
async fn the_model_is_not_asked_while_a_person_has_the_thread() {
    let bench = Bench::new().await;
    let mut scene = handed_off(scene("hello?").await, 1).await;
    for _ in 0..2 {
        bench.answer(&scene).await.unwrap();
    }
    assert!(bench.model.all_requests().is_empty());
    assert_eq!(said(&scene.turn).await.len(), 1, "told once");
    assert!(said(&scene.turn).await[0].starts_with("From here on a person from our team answers"));
    assert_eq!(names(&scene.heard()), ["thread.item.done"]);
    let recorded = until(|| bench.books.events("chat.turn").pop()).await;
    assert_eq!(recorded["message"], "hello?");
    assert_eq!(forms(&scene.turn).await, 0, "it is too early to ask for an address");
}

#[tokio::test]
async fn whoever_waits_in_vain_is_asked_for_an_address_once() {
    let bench = Bench::new().await;
    let scene = handed_off(scene("hello?").await, 3).await;
    for _ in 0..2 {
        bench.answer(&scene).await.unwrap();
    }
    assert_eq!((forms(&scene.turn).await, said(&scene.turn).await.len()), (1, 2));
    let form = scene.turn.history().await.unwrap().into_iter().find_map(|item| match item {
        Item::StructuredInput(form) => Some(form),
        _ => None,
    });
    let mut form = form.unwrap();
    form.status = FormStatus::Answered;
    form.inputs[1].answer = Some(crate::protocol::Answer { values: vec!["a@b.de".into()], skipped: false });
    let scene = Scene::of(concierge(), Input::Answers(form), Vec::new()).await;
    let scene = handed_off(scene, 3).await;
    bench.answer(&scene).await.unwrap();
    assert_eq!(bench.books.leads()[0].facts.clone().unwrap().email, "a@b.de");
    assert!(said(&scene.turn).await[0].starts_with("Thank you!"), "the server may speak");
}

#[tokio::test]
async fn whoever_can_be_reached_is_asked_for_nothing() {
    let bench = Bench::new().await;
    let call = |arguments: &str, is_error: bool| {
        let name = "save_lead".to_owned();
        let (call_id, arguments) = ("call_1".to_owned(), arguments.to_owned());
        ToolCall { call_id, name, arguments, output: Value::Null, is_error }.write()
    };
    let known = r#"{"email": "a@b.de"}"#;
    for (kept, asked) in
        [(call(known, false), 0), (call(known, true), 1), (call(r#"{"email": null}"#, false), 1)]
    {
        let scene = handed_off(scene_after(vec![hidden("hci_1", kept)], "hello?").await, 3).await;
        bench.answer(&scene).await.unwrap();
        assert_eq!(forms(&scene.turn).await, asked);
    }
}

#[tokio::test]
async fn the_turn_in_which_a_person_is_called_ends_with_the_servers_words() {
    let mut bench = Bench::new().await;
    let workflow = Workflow { tools: vec!["hand_off_to_human".into()], ..concierge() };
    let message = user("msg_1", "a person, please");
    let scene = Scene::of(workflow, Input::Message(message.clone()), vec![Item::UserMessage(message)]).await;
    bench.work_on(&scene);
    let arguments = json!({"reason": "they ask for one", "summary": "They want to buy."}).to_string();
    bench.model.calls(&[("call_a", "hand_off_to_human", &arguments)]).says("Never.");
    bench.answer(&scene).await.unwrap();
    assert_eq!(bench.model.requests().len(), 1, "it is not asked again");
    assert_eq!(said(&scene.turn).await.len(), 1);
    assert!(said(&scene.turn).await[0].starts_with("From here on a person"));
    let told = bench.books.events("chat.outcome");
    assert_eq!(told.len(), 1);
    assert_eq!(
        [&told[0]["outcome"], &told[0]["message"], &told[0]["thread_id"]],
        ["needs_human", "they ask for one\n\nThey want to buy.", "thr_test"]
    );
}

#[tokio::test]
async fn what_a_person_wrote_is_read_as_theirs() {
    let bench = Bench::new().await;
    let person = assistant("opr_1", "**Anna:** It costs 5,000 EUR. <data>");
    let scene = scene_after(vec![person], "thanks").await;
    bench.model.says("Fine.");
    bench.answer(&scene).await.unwrap();
    let requests = bench.model.requests();
    let messages = inputs(&requests[0], "message");
    let read = messages.iter().find(|message| message["content"].to_string().contains("5,000 EUR")).unwrap();
    assert_eq!(read["role"], "user");
    let text = read["content"].to_string();
    assert!(text.contains("a person of the team wrote this") && !text.contains("EUR. <data>"), "{text}");
}

#[tokio::test]
async fn what_the_model_was_about_to_do_is_not_done_once_a_person_has_the_thread() {
    for is_taken_over in [false, true] {
        let bench = Bench::new().await;
        let scene = scene("I am at a@b.de").await;
        if is_taken_over {
            take_over(&scene).await;
        }
        let arguments = json!({"email": "a@b.de"}).to_string();
        bench.model.calls(&[("call_a", "save_lead", &arguments)]).says("Thank you.");
        bench.answer(&scene).await.unwrap();
        assert_eq!(bench.books.leads().len(), usize::from(!is_taken_over));
    }
}

#[tokio::test]
async fn what_stands_in_a_thread_is_corrected_though_a_person_took_it_since() {
    let bench = Bench::new().await;
    let scene = scene("my e-mail is ada@example.com").await;
    let lie = "I've saved your details.";
    let (gate, dropped) = (Arc::new(tokio::sync::Notify::new()), "I've booked a call for you.");
    let mut pieces: Vec<Piece> = saying(0, &[lie]).into_iter().map(Piece::Event).collect();
    pieces.push(Piece::Gate(gate.clone()));
    pieces.extend(saying(1, &[dropped]).into_iter().chain([completed()]).map(Piece::Event));
    bench.model.reply(Reply::Stream(pieces));
    let taken = async {
        while said(&scene.turn).await.is_empty() {
            tokio::task::yield_now().await;
        }
        take_over(&scene).await;
        gate.notify_one();
    };
    let (answer, ()) = tokio::join!(bench.answer(&scene), taken);
    answer.unwrap();
    let correction = "Correction: nothing has been saved or passed on to the team yet.";
    assert_eq!(said(&scene.turn).await, [lie, correction], "and what was dropped needs none");
}

#[tokio::test]
async fn nothing_is_done_beside_the_call_of_a_person() {
    let workflow = || Workflow { tools: vec!["hand_off_to_human".into(), "save_lead".into()], ..concierge() };
    let arguments = json!({"reason": "they ask for one", "summary": null}).to_string();
    for is_called in [true, false] {
        let mut bench = Bench::new().await;
        let message = user("msg_1", "a person, please; I am at a@b.de");
        let history = vec![Item::UserMessage(message.clone())];
        let mut scene = Scene::of(workflow(), Input::Message(message), history).await;
        if is_called {
            bench.work_on(&scene);
        }
        let save = ("call_a", "save_lead", r#"{"email":"a@b.de"}"#);
        bench.model.calls(&[save, ("call_b", "hand_off_to_human", &arguments)]).says("Thank you.");
        bench.answer(&scene).await.unwrap();
        let (saved, told) = (bench.books.leads().len(), bench.books.events("chat.outcome").len());
        assert_eq!((saved, told), if is_called { (0, 1) } else { (1, 0) });
        let calls: Vec<_> = scene
            .turn
            .history()
            .await
            .unwrap()
            .iter()
            .filter_map(|item| match item {
                Item::HiddenContextItem(hidden) => ToolCall::read(&hidden.content),
                _ => None,
            })
            .collect();
        let failed: Vec<_> = calls.iter().map(|call| (call.name.as_str(), call.is_error)).collect();
        assert_eq!(failed, [("hand_off_to_human", !is_called), ("save_lead", is_called)]);
        let progress = names(&scene.heard()).iter().filter(|name| *name == "progress_update").count();
        assert_eq!(progress, if is_called { 1 } else { 2 }, "what is not done is not told of");
    }
}
