//! A membership ends when its member says so in so many words, and at the end of what is paid for.

use domain::{Kind, Reason};
use proto::whop::v1::{CancelMembershipRequest, Membership, MembershipStatus};
use serde_json::json;
use tonic::Status;

use super::{
    rig::{NO_MEMBERSHIP, Rig, caller, said},
    whop::Fault,
};

const CANCEL: &str = "POST /memberships/mem_1/cancel";

impl Rig {
    pub(crate) async fn cancel(
        &self,
        user: &str,
        id: &str,
        by: &str,
        confirmed: bool,
    ) -> Result<Membership, Status> {
        let request = CancelMembershipRequest {
            caller: caller(user),
            request_id: by.to_owned(),
            membership_id: id.to_owned(),
            confirmed,
        };
        Ok(self.client.clone().cancel_membership(request).await?.into_inner().membership.unwrap())
    }
}

#[tokio::test]
async fn it_ends_with_its_period_once_it_is_confirmed_and_again_is_no_different() {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    let refused = rig.cancel("user_mara", "mem_1", "r1", false).await.unwrap_err();
    assert_eq!(chassis::status::fault(&refused).field.as_deref(), Some("confirmed"));
    let nameless = rig.cancel("user_mara", "mem_1", "", true).await.unwrap_err();
    assert_eq!(chassis::status::fault(&nameless).field.as_deref(), Some("request_id"));
    assert!(rig.whop.asked(CANCEL).is_empty());
    let ended = rig.cancel("user_mara", "mem_1", "r1", true).await.unwrap();
    assert_eq!((ended.cancel_at_period_end, ended.has_access, ended.renew_time), (true, true, None));
    assert!(ended.expire_time.is_some() && ended.cancel_time.is_some());
    for by in ["r1", "r2"] {
        assert_eq!(rig.cancel("user_mara", "mem_1", by, true).await.unwrap(), ended);
    }
    assert_eq!(rig.whop.asked(CANCEL).len(), 1);
    assert_eq!(rig.get("user_mara", "mem_1").await.unwrap(), ended, "it is known at once");
    let told =
        rig.books.until_subscription("mem_1", |it| it.cancel_time.is_some()).await.subscription.unwrap();
    assert_eq!((told.renew_time, told.mrr.unwrap().minor_units), (None, 149_000), "it is paid until it ends");
    rig.stop().await;
}

#[tokio::test]
async fn anothers_membership_is_none_before_anything_else_is_said() {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    rig.list("user_mara").await.unwrap();
    for (id, by, confirmed) in
        [("mem_1", "r1", true), ("mem_1", "", true), ("mem_1", "r1", false), ("mem_2", "r1", true)]
    {
        let refused = rig.cancel("user_jonas", id, by, confirmed).await.unwrap_err();
        assert_eq!(said(&refused), NO_MEMBERSHIP);
    }
    // A minute ago it was Mara's: what is kept says so still.
    rig.whop.change("memberships", "mem_1", json!({"user_id": "user_jonas"}));
    assert!(rig.get("user_mara", "mem_1").await.is_ok());
    assert_eq!(said(&rig.cancel("user_mara", "mem_1", "r2", true).await.unwrap_err()), NO_MEMBERSHIP);
    assert!(rig.whop.asked(CANCEL).is_empty());
    rig.stop().await;
}

#[tokio::test]
async fn what_ended_is_answered_as_it_is_and_what_never_renews_cannot_end() {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    rig.whop.change("memberships", "mem_1", json!({"status": "canceled"}));
    rig.whop.join("mem_2", "user_mara", "plan_playbooklife");
    rig.whop.change("memberships", "mem_2", json!({"status": "completed", "current_period_end": null}));
    let ended = rig.cancel("user_mara", "mem_1", "r1", true).await.unwrap();
    assert_eq!(ended.status(), MembershipStatus::Canceled);
    let refused = rig.cancel("user_mara", "mem_2", "r1", true).await.unwrap_err();
    assert_eq!(said(&refused), (Kind::Precondition, Reason::StateWrong));
    assert!(rig.whop.asked("POST").is_empty());
    rig.stop().await;
}

#[tokio::test]
async fn whop_down_is_said_so_and_the_same_request_completes_later() {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    rig.list("user_mara").await.unwrap();
    rig.whop.go_down(503);
    let away = rig.cancel("user_mara", "mem_1", "r1", true).await.unwrap_err();
    assert_eq!(said(&away), (Kind::Unavailable, Reason::ProviderUnavailable));
    rig.whop.come_back();
    // It is done, and nobody hears of it; the second try is lost too.
    rig.whop.fail(CANCEL, Fault::Lost);
    rig.whop.fail(CANCEL, Fault::Lost);
    let lost = rig.cancel("user_mara", "mem_1", "r1", true).await.unwrap_err();
    assert_eq!(said(&lost), (Kind::Unavailable, Reason::ProviderUnavailable));
    assert!(rig.cancel("user_mara", "mem_1", "r1", true).await.unwrap().cancel_at_period_end);
    rig.stop().await;
}

#[tokio::test]
async fn a_refusal_of_what_ended_a_moment_ago_is_none() {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    rig.whop.fail(CANCEL, Fault::Status(409));
    let refused = rig.cancel("user_mara", "mem_1", "r1", true).await.unwrap_err();
    assert_eq!(said(&refused), (Kind::Internal, Reason::ProviderRefused));
    let (release, held) = tokio::sync::oneshot::channel();
    rig.whop.fail("GET /memberships/mem_1", Fault::Held(held));
    rig.whop.fail(CANCEL, Fault::Status(409));
    let again = rig.cancel("user_mara", "mem_1", "r1", true);
    let meanwhile = async {
        rig.whop.until_held().await;
        rig.whop.change("memberships", "mem_1", json!({"cancel_at_period_end": true}));
        release.send(()).unwrap();
    };
    let (again, ()) = tokio::join!(again, meanwhile);
    assert!(again.unwrap().cancel_at_period_end, "somebody ended it while whop was asked");
    rig.stop().await;
}

#[tokio::test]
async fn the_books_hear_when_it_ended_and_not_when_it_was_called_off() {
    let rig = Rig::start().await;
    let hours = jiff::SignedDuration::from_hours;
    let made = rig.whop.time.now();
    let (called_off, due) = (made + hours(48), made + hours(720));
    // With its period, at once in spite of that, by itself, and when access was to end anyway.
    let ends = [
        (json!({"status": "canceled", "cancel_at_period_end": true, "canceled_at": called_off}), 721, due),
        (
            json!({"status": "canceled", "cancel_at_period_end": true, "canceled_at": called_off}),
            100,
            made + hours(100),
        ),
        (json!({"status": "expired"}), 800, made + hours(800)),
        (json!({"status": "expired", "expires_at": due}), 800, due),
    ];
    for (number, (change, after, ended)) in ends.into_iter().enumerate() {
        let id = format!("mem_{number}");
        rig.whop.join(&id, "user_mara", "plan_growthmonthly");
        let at = json!({"created_at": made, "current_period_end": due, "updated_at": made});
        rig.whop.change("memberships", &id, at);
        rig.tell(&format!("msg_a{number}"), "membership.activated", "memberships", &id).await;
        rig.settle().await;
        let running = rig.books.until_subscription(&id, |it| it.status == "active").await;
        assert_eq!(running.subscription.unwrap().end_time, None);
        rig.whop.change("memberships", &id, change);
        rig.whop.change("memberships", &id, json!({"updated_at": made + hours(after)}));
        rig.tell(&format!("msg_b{number}"), "membership.deactivated", "memberships", &id).await;
        rig.settle().await;
        let told = rig.books.until_subscription(&id, |it| it.status != "active").await.subscription.unwrap();
        assert_eq!(told.end_time, Some(proto::time::wire(ended)), "{id}: {told:?}");
    }
    rig.stop().await;
}
