//! The contact form, budgets and moderation.

use super::{model::Reply, *};
use crate::{
    brain::{budget::Counter, contact_form},
    protocol::{Answer, FormStatus, StructuredInput},
};
use store::Collection;

async fn form(bench: &Bench) -> StructuredInput {
    bench.model.reply(Reply::Whole(401, "", String::new()));
    let scene = scene("hi").await;
    bench.answer(&scene).await.unwrap();
    match scene.turn.history().await.unwrap().pop() {
        Some(Item::StructuredInput(form)) => form,
        other => panic!("{other:?}"),
    }
}

fn filled(mut form: StructuredInput, answers: [&str; 3]) -> StructuredInput {
    form.status = FormStatus::Answered;
    for (question, answer) in form.inputs.iter_mut().zip(answers) {
        question.answer = Some(Answer { values: vec![answer.into()], skipped: answer.is_empty() });
    }
    form
}

async fn handed_in(form: StructuredInput) -> Scene {
    let history = vec![Item::StructuredInput(form.clone())];
    Scene::of(concierge(), Input::Answers(form), history).await
}

#[tokio::test]
async fn the_form_makes_a_lead_without_the_model() {
    let bench = Bench::new().await;
    let form = form(&bench).await;
    assert!(contact_form::is_ours(&form));
    let scene = handed_in(filled(form, ["Ada King Lovelace", " ada@example.com ", "An engine"])).await;
    bench.answer(&scene).await.unwrap();
    let lead = bench.books.leads().remove(0);
    let facts = lead.facts.unwrap();
    assert_eq!(
        [&*facts.email, &*facts.first_name, &*facts.last_name, &*facts.notes, &*facts.intent],
        ["ada@example.com", "Ada", "King Lovelace", "An engine", "contact_form"]
    );
    assert!(said(&scene.turn).await[0].starts_with("Thank you!"));
    assert_eq!(
        kinds(&scene.turn).await,
        ["structured_input", "hidden_context_item", "assistant_message", "widget"]
    );
    assert_eq!(bench.model.requests().len(), 1, "only the one that failed");
}

#[tokio::test]
async fn nobody_is_thanked_for_what_is_not_in_the_books() {
    let bench = Bench::new().await;
    let form = form(&bench).await;
    let scene = handed_in(filled(form.clone(), ["Ada", "not an address", "x"])).await;
    bench.answer(&scene).await.unwrap();
    assert!(said(&scene.turn).await[0].contains("valid e-mail address"));
    assert_eq!(kinds(&scene.turn).await.last().unwrap(), "structured_input");
    assert!(bench.books.leads().is_empty());

    bench.books.refuse(vec![tonic::Status::internal("no")]);
    let scene = handed_in(filled(form.clone(), ["", "ada@example.com", ""])).await;
    bench.answer(&scene).await.unwrap();
    assert!(said(&scene.turn).await[0].contains("could not be saved"));
    assert!(!kinds(&scene.turn).await.contains(&"widget".to_owned()));

    let scene = handed_in(StructuredInput { status: FormStatus::Skipped, ..form }).await;
    bench.answer(&scene).await.unwrap();
    assert_eq!(said(&scene.turn).await, ["No problem. Write whenever you like."]);
}

#[tokio::test]
async fn a_visitor_whose_tokens_are_spent_gets_the_form() {
    let bench = Bench::with(&[("LIMIT_TOKENS_DAY", "30")]).await;
    bench.model.says("Hello.");
    bench.answer(&scene("hi").await).await.unwrap();
    let second = scene("again").await;
    bench.answer(&second).await.unwrap();
    assert_eq!(bench.model.requests().len(), 1);
    assert!(said(&second.turn).await[0].contains("limit for today"));
    assert_eq!(kinds(&second.turn).await.last().unwrap(), "structured_input");
}

#[tokio::test]
async fn a_site_whose_money_is_spent_gets_the_form() {
    // 20 tokens in and 10 out: 20 x 1000 + 10 x 1000 millionths of a dollar are 3 cents
    let settings = [("BUDGET_DAY", "0.05 USD"), ("MODEL_PRICES", "gpt-5-mini=1000/1000")];
    let bench = Bench::with(&settings).await;
    bench.model.says("One.").says("Two.").says("Never.");
    for _ in 0..2 {
        bench.answer(&scene("hi").await).await.unwrap();
    }
    let third = scene("again").await;
    bench.answer(&third).await.unwrap();
    assert_eq!((bench.model.requests().len(), kinds(&third.turn).await.len()), (2, 3));
}

#[tokio::test]
async fn the_operator_gets_words_instead_of_a_form() {
    let bench = Bench::new().await;
    let registry = Registry::built_in();
    let workflow = registry.iter().find(|workflow| workflow.slug == "ops-copilot").unwrap().clone();
    let message = user("msg_1", "hi");
    let scene = Scene::of(workflow, Input::Message(message.clone()), vec![Item::UserMessage(message)]).await;
    bench.model.reply(Reply::Whole(401, "", String::new()));
    let outcome = bench.answer(&scene).await;
    assert!(matches!(outcome, Err(TurnError::Custom { allow_retry: true, .. })), "{outcome:?}");
}

#[tokio::test]
async fn usage_is_counted_for_visitor_and_site() {
    let bench = Bench::new().await;
    bench.model.calls(&[("call_a", "list_offers", "{}")]).says("Three packages.");
    let scene = scene("offers").await;
    bench.answer(&scene).await.unwrap();
    let usage: Collection<Counter> = Collection::new("usage");
    let day = scene.turn.now().to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
    for (scope, subject) in [("visitor", "vis_00000000000000000000000000000001"), ("site", "www.example.com")]
    {
        let id = domain::id::digest(&[&day, scope, subject]);
        let used = usage.get(&*bench.store, &id).await.unwrap().expect("counted").value;
        assert_eq!((used.turns, used.input_tokens, used.output_tokens), (1, 40, 20), "{scope}");
        // 40 x 0.25 + 20 x 2 millionths of a dollar
        assert_eq!((used.cost_billionths, used.subject.as_str()), (50_000, subject));
    }
}

#[tokio::test]
async fn turns_at_the_same_moment_are_all_counted() {
    let bench = Bench::new().await;
    for _ in 0..8 {
        bench.model.says("Hello.");
    }
    let scenes = futures_util::future::join_all((0..8).map(|_| scene("hi"))).await;
    let answers = futures_util::future::join_all(scenes.iter().map(|scene| bench.answer(scene))).await;
    assert!(answers.iter().all(Result::is_ok));
    let usage: Collection<Counter> = Collection::new("usage");
    let day = scenes[0].turn.now().to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
    let id = domain::id::digest(&[&day, "site", "www.example.com"]);
    assert_eq!(usage.get(&*bench.store, &id).await.unwrap().unwrap().value.input_tokens, 160);
}

async fn moderated(bench: &Bench, reply: Reply) -> Scene {
    bench.model.moderates(reply);
    let message = user("msg_1", "something");
    let workflow = Workflow { moderation: true, ..concierge() };
    let history = vec![Item::UserMessage(message.clone())];
    let scene = Scene::of(workflow, Input::Message(message), history).await;
    bench.answer(&scene).await.unwrap();
    scene
}

fn verdict(flagged: bool) -> Reply {
    Reply::Whole(
        200,
        "",
        json!({"id": "modr_1", "model": "m", "results": [{"flagged": flagged}]}).to_string(),
    )
}

#[tokio::test]
async fn a_flagged_message_never_reaches_the_model() {
    let bench = Bench::new().await;
    bench.model.says("Hello.");
    let scene = moderated(&bench, verdict(true)).await;
    assert!(said(&scene.turn).await[0].starts_with("I can't help with that message"));
    let (path, _, body) = bench.model.all_requests().remove(0);
    assert_eq!(
        (path.as_str(), body),
        ("/v1/moderations", json!({"model": "omni-moderation-latest", "input": "something"}))
    );
    assert!(bench.model.requests().is_empty());
    let turn = until(|| bench.books.events("chat.turn").pop()).await;
    assert_eq!(turn["flagged"], true);
}

#[tokio::test]
async fn a_message_passes_when_it_is_fine_or_nobody_knows() {
    for reply in [verdict(false), Reply::Whole(500, "", String::new()), Reply::Whole(200, "", "{}".into())] {
        let bench = Bench::new().await;
        bench.model.says("Hello.");
        let scene = moderated(&bench, reply).await;
        assert_eq!(said(&scene.turn).await, ["Hello."]);
    }
}
