//! What could not be told is seen by an operator, and told once the reason is gone.

use proto::common::v1::{InboxMessage, InboxState, ListInboxRequest, ListInboxResponse, ReplayInboxRequest};
use store::queue::Trouble;
use tonic::{Code, Status};

use super::world::Service;
use crate::books::Telling;

impl Service {
    async fn listed(&self, request: ListInboxRequest) -> Result<ListInboxResponse, Status> {
        self.operations.clone().list_inbox(request).await.map(|answer| answer.into_inner())
    }

    pub(super) async fn replayed(&self, message_id: &str) -> Result<InboxMessage, Status> {
        let request = ReplayInboxRequest { message_id: message_id.to_owned() };
        let answer = self.operations.clone().replay_inbox(request).await?;
        Ok(answer.into_inner().message.unwrap())
    }
}

fn ids(messages: &[InboxMessage]) -> Vec<&str> {
    messages.iter().map(|message| message.message_id.as_str()).collect()
}

/// An event that says more than an operator is to see.
fn event(id: &str) -> Telling {
    let body = format!("{{\"id\":\"{id}\",\"email\":\"ann@canary.example\"}}");
    Telling::Event { id: id.into(), body, payment: String::new(), live: true }
}

#[tokio::test]
async fn a_row_that_the_books_refused_is_listed_with_its_reason_and_replayed() {
    let service = Service::in_cloud().await;
    service.books.refuses();
    service.tell(event("evt_1")).await;
    service.minutes(5).await;
    assert_eq!(service.books.asked().len(), 1, "nobody says it again");
    let parked = service.inbox(InboxState::Parked.into()).await;
    let [one] = &parked[..] else { panic!("{parked:?}") };
    assert_eq!(
        (one.source.as_str(), one.r#type.as_str(), one.state(), one.tries, one.problem.as_str()),
        ("tellings", "event", InboxState::Parked, 1, "sheets-writer refused booking.status (INVALID_VALUE)")
    );
    assert!(one.body.is_empty() && one.next_time.is_none() && one.receive_time.is_some());
    let request = ListInboxRequest { message_id: one.message_id.clone(), ..Default::default() };
    let whole = service.listed(request.clone()).await.unwrap().messages;
    assert_eq!(whole[0].body, br#"{"event":"evt_1"}"#[..], "what it is about, and nothing that it says");

    service.books.refuses();
    let refused = service.replayed(&one.message_id).await.unwrap();
    assert_eq!((refused.state(), refused.tries), (InboxState::Parked, 2));
    assert!(service.books.told().is_empty());
    let done = service.replayed(&one.message_id).await.unwrap();
    assert_eq!((done.state(), done.tries, done.problem.as_str()), (InboxState::Done, 3, ""));
    assert_eq!(service.books.told(), [r#"event {"id":"evt_1","email":"ann@canary.example"}"#]);

    let again = service.replayed(&one.message_id).await.unwrap_err();
    assert_eq!(
        (again.code(), again.message()),
        (Code::NotFound, "there is no such job: it never was, or it is done")
    );
    assert_eq!(service.listed(request).await.unwrap_err().code(), Code::NotFound);
    assert!(service.inbox(0).await.is_empty());
    let id = one.message_id.strip_prefix("tellings/").unwrap();
    for unknown in [id, "tellings/", "tellings/x", &format!("till_tasks/{id}"), &format!("inbox/{id}"), "/"] {
        assert_eq!(service.replayed(unknown).await.unwrap_err().code(), Code::NotFound, "{unknown}");
    }
}

#[tokio::test]
async fn what_failed_comes_before_what_came_in_and_what_is_only_planned_is_asked_for_by_name() {
    let service = Service::in_cloud().await;
    service.world.fails(Some(Trouble::hopeless("no such thing")));
    let message = service.deliver(&service.world.change("one").1).await.unwrap().message_id;
    service.books.refuses();
    service.tell(Telling::Payment("pi_parked".into())).await;
    service.tick().await;
    service.until("the refusal", |service| service.books.asked().len() == 1).await;
    service.books.is_away(1_000);
    service.tell(Telling::Payment("pi_fails".into())).await;
    service.until("a try", |service| service.books.asked().len() > 1).await;
    service.tell_at(Telling::Payment("pi_planned".into()), "2999-01-01T00:00:00Z".parse().unwrap()).await;
    let id = |payment: &str| format!("tellings/{}", domain::id::digest(&["payment", payment]));
    let (parked, fails, planned) = (id("pi_parked"), id("pi_fails"), id("pi_planned"));
    let (parked, fails, planned, message) = (&*parked, &*fails, &*planned, &*message);

    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while service.inbox(InboxState::Waiting.into()).await.is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "the failure is noted");
        tokio::task::yield_now().await;
    }
    for (state, source, expected) in [
        (InboxState::Unspecified, "", &[parked, fails, message][..]),
        (InboxState::Parked, "", &[parked, message]),
        (InboxState::Waiting, "", &[fails]),
        (InboxState::Done, "", &[]),
        (InboxState::Unspecified, "tellings", &[parked, fails, planned]),
        (InboxState::Done, "tellings", &[]),
        (InboxState::Unspecified, "scripted", &[message]),
        (InboxState::Unspecified, "stripe", &[]),
    ] {
        for page_size in [1, 2, 0] {
            let (mut found, mut page_token) = (Vec::new(), String::new());
            loop {
                let source = source.to_owned();
                let request = ListInboxRequest {
                    state: state.into(),
                    source,
                    page_size,
                    page_token,
                    ..Default::default()
                };
                let page = service.listed(request).await.unwrap();
                assert!(page_size == 0 || page.messages.len() <= page_size as usize);
                found.extend(page.messages);
                page_token = page.next_page_token;
                if page_token.is_empty() {
                    break;
                }
            }
            assert_eq!(ids(&found), expected, "{state:?} {source} by {page_size}");
        }
    }
    for page_token in ["?", "1", "x.", "9.", "0.x"] {
        let request = ListInboxRequest { page_token: page_token.into(), ..Default::default() };
        assert_eq!(service.listed(request).await.unwrap_err().code(), Code::InvalidArgument, "{page_token}");
    }
}
