//! People in a thread: called, answering, giving it back; and what the clock does about it.

mod hanging;

use std::sync::atomic::Ordering::SeqCst;

use domain::{Kind, Reason, workflow};
use proto::{
    chat::v1::{
        GetThreadRequest, GetThreadResponse, ListThreadsRequest, ListThreadsResponse, PostMessageRequest,
        PostMessageResponse, ReleaseThreadRequest, Thread, ThreadState,
    },
    common::v1::{ErasePersonRequest, Person, TickRequest},
};
use serde_json::{Value, json};
use tonic::Status;

use crate::{
    books::Books,
    desk::{Desk, Setup, ada, add, create, get, refused, request, until, visitor},
    script::text_of,
    stores::{Frail, Time},
};

/// A service with books, at a time that the test moves.
struct Office {
    desk: Desk,
    books: Books,
    time: Time,
}

impl Office {
    async fn start() -> Self {
        let (books, url) = Books::start().await;
        let time = Time::start();
        let url: &str = url.leak();
        let settings = vec![("LIMIT_CHAT", "off"), ("SHEETS_WRITER_ADDR", url), ("OPS_COPILOT_ADDR", url)];
        let setup =
            Setup { settings, store: Some(Frail::new(&time)), clock: time.clock(), ..Setup::default() };
        Self { desk: setup.start().await, books, time }
    }

    /// A thread from which a person was called.
    async fn called(&self) -> String {
        self.desk.script.steps.add_permits(1);
        self.desk.begin("person").await.0
    }

    async fn tick(&self) -> Value {
        let ticked = self.desk.operations.clone().tick(TickRequest {}).await.unwrap().into_inner();
        ticked.done.into_iter().map(|count| (count.kind, Value::from(count.number))).collect()
    }

    async fn post(
        &self,
        thread: &str,
        id: &str,
        text: &str,
        author: &str,
    ) -> Result<PostMessageResponse, Status> {
        let request = PostMessageRequest {
            caller: None,
            request_id: id.into(),
            thread_id: thread.into(),
            text: text.into(),
            author: author.into(),
        };
        Ok(self.desk.threads.clone().post_message(request).await?.into_inner())
    }

    async fn answer(&self, thread: &str, id: &str) -> PostMessageResponse {
        self.post(thread, id, "I am here.", "Anna").await.unwrap()
    }

    async fn release(&self, thread: &str) -> Result<Thread, Status> {
        let request = ReleaseThreadRequest { thread_id: thread.into(), ..Default::default() };
        Ok(self.desk.threads.clone().release_thread(request).await?.into_inner().thread.unwrap())
    }

    async fn show(&self, thread: &str) -> Result<GetThreadResponse, Status> {
        let request = GetThreadRequest { caller: None, thread_id: thread.into() };
        Ok(self.desk.threads.clone().get_thread(request).await?.into_inner())
    }

    async fn state(&self, thread: &str) -> ThreadState {
        self.show(thread).await.unwrap().thread.unwrap().state()
    }

    async fn list(&self, request: ListThreadsRequest) -> Result<ListThreadsResponse, Status> {
        Ok(self.desk.threads.clone().list_threads(request).await?.into_inner())
    }

    async fn waiting(&self) -> Vec<String> {
        let request = ListThreadsRequest { handed_off_only: true, ..Default::default() };
        ids(&self.list(request).await.unwrap())
    }

    /// How many notes for the model say this.
    async fn notes(&self, thread: &str, text: &str) -> usize {
        let kept = self.desk.kept(thread).await;
        kept.iter().filter_map(|item| item["content"].as_str()).filter(|note| note.contains(text)).count()
    }

    /// What a reload shows of a thread, by what it says.
    async fn texts(&self, thread: &str) -> Vec<String> {
        let said = |item: &Value| match item["type"].as_str().unwrap() {
            "user_message" => item["content"][0]["text"].as_str().unwrap().to_owned(),
            "assistant_message" => text_of(item),
            kind => kind.to_owned(),
        };
        self.desk.reload(thread).await.iter().map(said).collect()
    }
}

fn ids(list: &ListThreadsResponse) -> Vec<String> {
    list.threads.iter().map(|thread| thread.thread_id.clone()).collect()
}

#[tokio::test]
async fn who_is_called_is_told_of_once_and_the_model_is_silent() {
    let office = Office::start().await;
    let thread = office.called().await;
    assert_eq!(office.texts(&thread).await, ["person"], "what the model said all the same is not there");
    assert_eq!(office.state(&thread).await, ThreadState::WaitingHuman);
    let told = office.books.told("chat.outcome");
    assert_eq!(told.len(), 1);
    let fields = ["outcome", "message", "thread_id", "session_id", "workflow_id", "visitor_id"];
    assert_eq!(
        fields.map(|field| told[0][field].as_str().unwrap()),
        ["needs_human", "they ask for one", &thread, "ses_1", workflow::DEFAULT, &ada().visitor_id]
    );
    for text in ["plain", "half", "person"] {
        office.desk.script.steps.add_permits(1);
        office.desk.events(add(&thread, text)).await;
    }
    assert_eq!(office.texts(&thread).await, ["person", "plain", "half", "person"]);
    assert_eq!(office.tick().await, json!({}));
    assert_eq!(office.books.told("chat.outcome").len(), 1, "whoever is called already is not called again");

    let second = office.desk.reload(&thread).await[1]["id"].clone();
    let again = json!({"thread_id": thread, "item_id": second});
    office.desk.events(request("threads.retry_after_item", again)).await;
    assert_eq!(office.texts(&thread).await.len(), 4, "nothing is answered anew, and nothing is lost");

    assert_eq!(office.release(&thread).await.unwrap().state(), ThreadState::Active);
    assert_eq!(office.release(&thread).await.unwrap().state(), ThreadState::Active);
    office.desk.events(add(&thread, "plain")).await;
    assert_eq!(office.texts(&thread).await[4..], ["plain", "Hello"], "it answers again");
    assert_eq!(office.notes(&thread, "was given back to you").await, 1);
}

#[tokio::test]
async fn what_is_removed_from_under_a_listener_is_told_to_them() {
    let office = Office::start().await;
    let (thread, _) = office.desk.begin("plain").await;
    let mut events = office.desk.send(add(&thread, "steps")).await.unwrap();
    office.desk.script.steps.add_permits(5);
    while !events.next().await.unwrap()["update"]["delta"].is_string() {}
    let posted = office.answer(&thread, "op_1").await;
    office.desk.script.steps.add_permits(20);
    let rest = events.rest().await;
    let removed = rest.iter().filter(|event| event["type"] == "thread.item.removed").count();
    assert_eq!(removed, 1, "{rest:?}");
    assert_eq!(posted.message.unwrap().author, "person");
    let texts = office.texts(&thread).await;
    assert_eq!(texts, ["plain", "Hello", "steps", "widget", "**Anna:** I am here."], "the effect stays");
    // what a failed turn leaves unfinished is not kept either
    office.desk.events(add(&thread, "half")).await;
    assert_eq!(office.texts(&thread).await.len(), 6);
}

#[tokio::test]
async fn books_that_are_away_are_told_later() {
    let office = Office::start().await;
    office.books.away.store(true, SeqCst);
    let thread = office.called().await;
    office.answer(&thread, "op_1").await;
    office.release(&thread).await.unwrap();
    assert_eq!((office.tick().await, office.waiting().await), (json!({}), Vec::<String>::new()));
    office.books.away.store(false, SeqCst);
    assert_eq!(office.tick().await, json!({"hand_offs_told": 1}));
    assert_eq!(office.tick().await, json!({}));
    let told = ["chat.outcome", "chat.person_answered"].map(|kind| office.books.told(kind).len());
    assert_eq!(told, [1, 1]);
}

#[tokio::test]
async fn what_the_books_refuse_for_good_holds_up_nothing_and_is_told_past_them() {
    let office = Office::start().await;
    *office.books.refused.lock().unwrap() = Some("chat.outcome");
    office.books.people_away.store(true, SeqCst);
    let thread = office.called().await;
    office.answer(&thread, "op_1").await;
    assert_eq!(office.books.told("chat.person_answered").len(), 1, "what stands behind it is told");
    let problem = async || office.show(&thread).await.unwrap().thread.unwrap().hand_off_problem;
    assert_eq!((problem().await, office.tick().await), (String::new(), json!({})), "it is tried again");

    office.books.people_away.store(false, SeqCst);
    assert_eq!(office.tick().await, json!({"hand_offs_told": 1}));
    assert_eq!(problem().await, "INVALID_VALUE: message is too long");
    *office.books.refused.lock().unwrap() = None;
    assert_eq!(office.tick().await, json!({}), "the books are not asked again");
    let (told, notices) = (office.books.told("chat.outcome"), office.books.notices());
    assert_eq!((told.len(), notices.len()), (0, 1));
    assert_eq!(notices[0]["type"], "handoff.requested");
    let data = &notices[0]["data"];
    assert_eq!(
        [&data["thread_id"], &data["visitor_id"], &data["message"], &data["workflow_id"]],
        [&*thread, &*ada().visitor_id, "they ask for one", workflow::DEFAULT]
    );

    office.release(&thread).await.unwrap();
    assert_eq!(problem().await, "INVALID_VALUE: message is too long", "nothing newer is told");
    office.desk.script.steps.add_permits(1);
    office.desk.events(add(&thread, "person")).await;
    assert_eq!((office.books.told("chat.outcome").len(), problem().await), (1, String::new()));
}

#[tokio::test]
async fn a_person_has_the_thread_until_they_are_silent_for_long() {
    let office = Office::start().await;
    let thread = office.called().await;
    office.time.advance_minutes(3);
    let first = office.post(&thread, "op_1", " Hello! ", "Anna Müller").await.unwrap();
    assert_eq!(first.thread.unwrap().state(), ThreadState::WithHuman);
    assert_eq!(first.message.unwrap().text, "Anna Müller: Hello!");
    let again = office.post(&thread, "op_1", "Hello!", "Anna Müller").await.unwrap();
    office.time.advance_minutes(5 * 60);
    let second = office.post(&thread, "op_2", "Still there?", "").await.unwrap();
    assert_ne!(again.message.unwrap().item_id, second.message.unwrap().item_id);
    let texts = office.texts(&thread).await;
    assert_eq!(texts, ["person", "**Anna Müller:** Hello!", "**Lead Concierge:** Still there?"]);
    let told = office.books.told("chat.person_answered");
    assert_eq!((told.len(), told[0]["waited_seconds"].as_i64()), (1, Some(180)));

    office.time.advance_minutes(7 * 60);
    assert_eq!((office.tick().await, office.state(&thread).await), (json!({}), ThreadState::WithHuman));
    office.time.advance_minutes(60);
    assert_eq!(office.state(&thread).await, ThreadState::Active, "whether or not the clock was looked at");
    assert_eq!(office.waiting().await, Vec::<String>::new());
    office.desk.events(add(&thread, "plain")).await;
    assert_eq!(office.texts(&thread).await[3..], ["plain", "Hello"]);
    assert_eq!(office.tick().await, json!({}), "the turn has given it back");
    assert_eq!(office.notes(&thread, "No person has written for a long time").await, 1);
}

#[tokio::test]
async fn the_clock_asks_for_an_address_once_and_gives_back_what_nobody_came_to() {
    let office = Office::start().await;
    let thread = office.called().await;
    office.time.advance_minutes(1);
    assert_eq!(office.tick().await, json!({}));
    office.time.advance_minutes(1);
    assert_eq!(office.tick().await, json!({"addresses_asked": 1}));
    assert_eq!(office.tick().await, json!({}));
    let items = office.desk.reload(&thread).await;
    assert_eq!((items.len(), items[2]["type"].as_str()), (3, Some("structured_input")));
    assert!(text_of(&items[1]).starts_with("Nobody from our team is free"), "{}", items[1]);
    office.time.advance_hours(8);
    assert_eq!(office.tick().await, json!({"hand_offs_given_back": 1}));
    assert_eq!((office.tick().await, office.state(&thread).await), (json!({}), ThreadState::Active));
    assert_eq!(office.notes(&thread, "No person has written for a long time").await, 1);

    let other = office.called().await;
    office.answer(&other, "op_1").await;
    office.time.advance_minutes(10);
    assert_eq!(office.tick().await, json!({}), "who is answered is asked for nothing");
}

#[tokio::test]
async fn the_operator_lists_and_reads_threads() {
    let office = Office::start().await;
    let mut threads = Vec::new();
    for minute in 0..5 {
        office.time.advance_minutes(minute);
        threads.push(office.called().await);
    }
    let bob = visitor(2, workflow::DEFAULT);
    office.desk.send_as(bob.clone(), create("plain")).await.unwrap().rest().await;
    assert_eq!(office.waiting().await, threads, "the one that waits longest is first");
    office.release(&threads[1]).await.unwrap();
    office.time.advance_minutes(1);
    office.desk.events(add(&threads[0], "plain")).await;
    threads.remove(1);
    assert_eq!(office.waiting().await, threads);

    for visitor_id in [String::new(), ada().visitor_id] {
        let (mut seen, mut page_token) = (Vec::new(), String::new());
        loop {
            let wanted = ListThreadsRequest {
                page_size: 2,
                page_token,
                visitor_id: visitor_id.clone(),
                ..Default::default()
            };
            let page = office.list(wanted).await.unwrap();
            assert!(page.threads.len() <= 2);
            seen.extend(ids(&page));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(seen.len(), if visitor_id.is_empty() { 6 } else { 5 });
        assert_eq!(seen[0], threads[0], "the one that was touched last is first");
    }
    let shown = office.show(&threads[0]).await.unwrap();
    let messages: Vec<_> = shown.messages.iter().map(|said| (&*said.author, &*said.text)).collect();
    assert_eq!(messages, [("visitor", "person"), ("visitor", "plain")], "and nothing that is hidden");
    let thread = shown.thread.unwrap();
    assert_eq!((thread.hand_off_reason.as_str(), thread.visitor_id), ("they ask for one", ada().visitor_id));
    for wrong in [
        ListThreadsRequest { page_size: 101, ..Default::default() },
        ListThreadsRequest { page_token: "x".into(), ..Default::default() },
        ListThreadsRequest { page_token: "x".into(), visitor_id: ada().visitor_id, ..Default::default() },
        ListThreadsRequest { visitor_id: "a b".into(), ..Default::default() },
    ] {
        refused(office.list(wrong).await, Kind::Invalid, Reason::InvalidValue);
    }
}

#[tokio::test]
async fn what_a_person_may_not_say_is_refused() {
    let office = Office::start().await;
    let thread = office.called().await;
    let long = "x".repeat(4_001);
    for (id, text, author) in [
        ("op_1", "", ""),
        ("op_1", &*long, ""),
        ("op_1", "hi", "**Anna**"),
        ("op_1", "hi", "A\nB"),
        ("", "hi", ""),
    ] {
        refused(office.post(&thread, id, text, author).await, Kind::Invalid, Reason::InvalidValue);
    }
    for thread in ["thr_gone", "a b"] {
        refused(office.post(thread, "op_1", "hi", "").await, Kind::NotFound, Reason::ThreadUnknown);
        refused(office.release(thread).await, Kind::NotFound, Reason::ThreadUnknown);
        refused(office.show(thread).await, Kind::NotFound, Reason::ThreadUnknown);
    }
    office.answer(&thread, "op_1").await;
    let fault =
        refused(office.post(&thread, "op_1", "else", "Anna").await, Kind::Conflict, Reason::RequestIdReused);
    assert_eq!(fault.field.as_deref(), Some("request_id"));
    assert_eq!(office.texts(&thread).await, ["person", "**Anna:** I am here."]);
}

#[tokio::test]
async fn what_people_said_stays_when_a_turn_is_tried_again_and_goes_with_the_visitor() {
    let office = Office::start().await;
    let (thread, _) = office.desk.begin("plain").await;
    office.answer(&thread, "op_1").await;
    office.release(&thread).await.unwrap();
    assert!(office.desk.notify(ada(), &thread, "bkg_1:1").await.unwrap());
    let first = office.desk.reload(&thread).await[0]["id"].clone();
    let again = json!({"thread_id": thread, "item_id": first});
    office.desk.events(request("threads.retry_after_item", again)).await;
    assert_eq!(office.texts(&thread).await, ["plain", "**Anna:** I am here.", "widget", "Hello"]);

    let person = Person { visitor_ids: vec![ada().visitor_id], ..Person::default() };
    let request = ErasePersonRequest { erasure_id: "era_1".into(), person: Some(person) };
    let erased = office.desk.operations.clone().erase_person(request).await.unwrap().into_inner();
    assert!(erased.done);
    assert_eq!(office.desk.kept(&thread).await, Vec::<Value>::new(), "notices and people's words go, too");
    refused(office.desk.send(get(&thread)).await, Kind::NotFound, Reason::ThreadUnknown);
    until(async || office.waiting().await.is_empty()).await;
}
