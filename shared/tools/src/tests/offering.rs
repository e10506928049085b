//! What is offered to whom.

use super::*;

fn names(toolbox: &Toolbox, session: &Session) -> Vec<&'static str> {
    toolbox.offered(&session.workflow, &session.caller).iter().map(|tool| tool.name).collect()
}

#[tokio::test]
async fn nobody_gets_what_touches_somebody() {
    let bench = Bench::new().await;
    let nobody = Session { caller: Caller { ip_key: "ip_1".into(), ..Caller::default() }, ..of(&PEOPLE[0]) };
    assert_eq!(names(&bench.toolbox, &nobody), ["search_knowledge", "list_offers", "list_slots"]);
    for tool in ALL.iter().filter(|tool| tool.touches != Whom::Nobody) {
        let outcome = bench.call(tool.name, sound(tool), &nobody).await;
        assert!(outcome.is_error, "{}", tool.name);
    }
    assert!(bench.world.desk().asked.is_empty());
    let slots = bench.call("list_slots", sound(tool("list_slots")), &nobody).await;
    assert_eq!(slots.output["slots"][0], "2026-12-01T10:00:00+01:00");
    let moved = json!({"meeting": MEETING, "booking_id": "bkg_ann"});
    assert!(bench.call("list_slots", moved, &nobody).await.is_refused);
}

#[tokio::test]
async fn members_and_the_operator_have_tools_of_their_own() {
    let bench = Bench::new().await;
    let of_scope = |audience| ALL.iter().filter(move |tool| tool.scope == audience).map(|tool| tool.name);
    let visitor = names(&bench.toolbox, &session(PEOPLE[0].visitor, ""));
    assert!(visitor.iter().copied().eq(of_scope(Audience::Anyone)), "{visitor:?}");
    let member = names(&bench.toolbox, &of(&PEOPLE[0]));
    assert!(of_scope(Audience::Member).all(|name| member.contains(&name)));
    assert!(!of_scope(Audience::Operator).any(|name| member.contains(&name)));
    let operator =
        names(&bench.toolbox, &of_operator(Session { caller: Caller::default(), ..of(&PEOPLE[0]) }));
    assert!(of_scope(Audience::Operator).all(|name| operator.contains(&name)), "its word is enough");
    assert!(!operator.contains(&"save_lead"), "and stands for no visitor");
    let nobody = Session { caller: Caller::default(), ..of(&PEOPLE[0]) };
    let copilot = Registry::built_in().iter().find(|one| one.slug == "ops-copilot").unwrap().clone();
    assert_eq!(
        names(&bench.toolbox, &Session { workflow: Arc::new(copilot.clone()), ..nobody }),
        copilot.tools
    );
}

#[tokio::test]
async fn what_has_no_service_is_not_offered() {
    let link = link(&World::new()).await;
    let session = of_operator(of(&PEOPLE[0]));
    let called = Arc::<Caught>::default();
    let books = Toolbox::new(Links::to_books(link.clone()), knowledge(), called.clone());
    let expected = [
        "search_knowledge",
        "list_offers",
        "read_tab",
        "list_contacts",
        "save_lead",
        "log_outcome",
        "hand_off_to_human",
        "get_page_context",
    ];
    assert_eq!(names(&books, &session), expected);
    let outcome = books.call("book_meeting", sound(tool("book_meeting")), &session).await;
    assert!(outcome.output["error"].as_str().unwrap().starts_with("there is no such tool"));
    let offers = books.call("list_offers", json!({}), &session).await.output;
    assert_eq!(offers["offers"][0]["payable"], false, "nobody takes the money");
    let links = Links { whop_gateway: Some(link.clone()), ..Links::to_books(link) };
    let club = Toolbox::new(links, knowledge(), called);
    assert!(names(&club, &session).contains(&"list_my_payments"), "one of its services is enough");
}

#[tokio::test]
async fn a_workflow_gets_what_it_lists_in_its_order() {
    let bench = Bench::new().await;
    let few = Workflow {
        tools: vec!["log_outcome".into(), "list_slots".into()],
        ..(*workflow(Audience::Anyone)).clone()
    };
    let session = Session { workflow: Arc::new(few), ..of(&PEOPLE[0]) };
    assert_eq!(names(&bench.toolbox, &session), ["log_outcome", "list_slots"]);
    assert!(bench.call("save_lead", sound(tool("save_lead")), &session).await.is_error);
}
