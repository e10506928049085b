//! A task of the till that is given up is seen by an operator, and done once the reason is gone.

use proto::common::v1::{InboxMessage, InboxState, ListInboxRequest, ReplayInboxRequest};
use tonic::{Code, Status};

use super::rig::{Rig, ann, order};

const TASK: &str = "till_tasks/settle-pi_1";

impl Rig {
    async fn listed(&self, request: ListInboxRequest) -> Vec<InboxMessage> {
        self.operations.clone().list_inbox(request).await.unwrap().into_inner().messages
    }

    async fn replay(&self, message_id: &str) -> Result<InboxMessage, Status> {
        let request = ReplayInboxRequest { message_id: message_id.to_owned() };
        Ok(self.operations.clone().replay_inbox(request).await?.into_inner().message.unwrap())
    }
}

/// Somebody paid otherwise than by a link of ours, which is to be looked at once more.
async fn with_task() -> Rig {
    let rig = Rig::start().await;
    rig.create(order(ann(), "r1")).await.unwrap();
    rig.stripe.pay("cs_test_1");
    rig.stripe.names_no_link();
    rig.send(&rig.stripe.refund(1_000)).await.unwrap();
    rig.books.until(|payment| payment.status == "partially_refunded").await;
    rig
}

#[tokio::test]
async fn a_task_that_failed_for_a_day_is_listed_with_its_reason_and_replayed() {
    let rig = with_task().await;
    let parked = || ListInboxRequest { state: InboxState::Parked.into(), ..Default::default() };
    let planned = ListInboxRequest { source: "till_tasks".into(), ..Default::default() };
    let ids: Vec<_> = rig.listed(planned).await.into_iter().map(|task| task.message_id).collect();
    assert_eq!(ids, [TASK], "it waits for its time");
    assert!(rig.listed(parked()).await.is_empty());

    rig.stripe.refuses(true);
    rig.stripe.refund(4_000);
    let failed = rig.replay(TASK).await.unwrap();
    assert_eq!((failed.state(), failed.tries), (InboxState::Waiting, 1), "it is tried again for a day");
    let request = ListInboxRequest { state: InboxState::Waiting.into(), ..Default::default() };
    assert_eq!(rig.listed(request).await, [failed], "it fails");
    for _ in 0..8 {
        rig.replay(TASK).await.unwrap();
    }
    rig.pass(25);
    rig.replay(TASK).await.unwrap();
    let listed = rig.listed(parked()).await;
    let [task] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!(
        (task.message_id.as_str(), task.source.as_str(), task.r#type.as_str()),
        (TASK, "till_tasks", "settle")
    );
    assert!(task.problem.starts_with("stripe refused with status 403"), "{task:?}");
    assert!(task.tries >= 10 && task.next_time.is_none(), "{task:?}");
    let one = ListInboxRequest { message_id: TASK.into(), ..Default::default() };
    assert_eq!(rig.listed(one).await[0].body, br#"{"settle":"pi_1"}"#[..]);

    rig.stripe.refuses(false);
    let done = rig.replay(TASK).await.unwrap();
    assert_eq!((done.state(), done.problem.as_str()), (InboxState::Done, ""));
    let told = rig.books.until(|payment| payment.refunded.as_ref().unwrap().minor_units == 4_000).await;
    assert_eq!(told.payment.unwrap().payment_id, "pi_1", "the row arrives");
    assert_eq!(rig.replay(TASK).await.unwrap_err().code(), Code::NotFound);
    rig.stop().await;
}
