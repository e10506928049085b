//! Who shows a token becomes known to the books, as the visitor as whom they talk.

use domain::{Kind, Reason};
use proto::{
    common::v1::{Caller, Person},
    whop::v1::{IdentifyRequest, IdentifyResponse},
};
use tokio::sync::oneshot;
use tonic::Status;

use super::{
    rig::{Rig, said},
    token::Signer,
    whop::Fault,
};

impl Rig {
    async fn identify(&self, token: &str, visitor: &str) -> Result<IdentifyResponse, Status> {
        let caller = Caller {
            visitor_id: visitor.to_owned(),
            verified_whop_user_id: "user_jonas".to_owned(),
            ..Default::default()
        };
        let request =
            IdentifyRequest { caller: Some(caller), user_token: token.to_owned(), ..Default::default() };
        Ok(self.client.clone().identify(request).await?.into_inner())
    }
}

fn visitor(number: u32) -> String {
    format!("vis_{number:032x}")
}

fn pair(user: &str, number: u32) -> (String, String) {
    (user.to_owned(), visitor(number))
}

#[tokio::test]
async fn the_books_hear_of_a_user_and_their_visitor_once() {
    let rig = Rig::start().await;
    let signer = Signer::new();
    rig.whop.sign_with(signer.keys());
    let ends = rig.time.now().as_second() + 3_600;
    let token = signer.token("user_mara", ends);
    let known = rig.identify(&token, &visitor(1)).await.unwrap();
    assert_eq!((known.whop_user_id.as_str(), known.expire_time.unwrap().seconds), ("user_mara", ends));
    rig.books.until(|told| told.contacts == [pair("user_mara", 1)]).await;
    rig.identify(&token, &visitor(1)).await.unwrap();
    rig.identify(&token, "").await.unwrap();
    let other = signer.token("user_lena", ends);
    rig.identify(&other, &visitor(3)).await.unwrap();
    rig.books.until(|told| told.contacts == [pair("user_mara", 1), pair("user_lena", 3)]).await;
    rig.identify(&token, &visitor(2)).await.unwrap();
    let told = rig.books.until(|told| told.contacts.len() == 3).await;
    assert_eq!(told.contacts[2], pair("user_mara", 2), "again after it has changed");
    rig.stop().await;
}

#[tokio::test]
async fn who_shows_a_wrong_token_is_nobody() {
    let rig = Rig::start().await;
    let (signer, forger) = (Signer::new(), Signer::new());
    rig.whop.sign_with(signer.keys());
    let now = rig.time.now().as_second();
    for wrong in
        [forger.token("user_mara", now + 60), signer.token("user_mara", now), String::new(), "a.b.c".into()]
    {
        let refused = rig.identify(&wrong, &visitor(1)).await.unwrap_err();
        assert_eq!(said(&refused), (Kind::Unauthenticated, Reason::UserTokenWrong));
    }
    let token = signer.token("user_mara", now + 60);
    assert_eq!(rig.identify(&token, "con_1").await.unwrap_err().code(), tonic::Code::InvalidArgument);
    rig.identify(&token, &visitor(1)).await.unwrap();
    let told = rig.books.until(|told| !told.contacts.is_empty()).await;
    assert_eq!(told.contacts, [pair("user_mara", 1)]);
    rig.stop().await;
}

#[tokio::test]
async fn while_the_keys_cannot_be_fetched_nobody_is_refused() {
    let rig = Rig::start().await;
    let signer = Signer::new();
    rig.whop.sign_with(signer.keys());
    rig.whop.go_down(503);
    let token = signer.token("user_mara", rig.time.now().as_second() + 600);
    let away = rig.identify(&token, &visitor(1)).await.unwrap_err();
    assert_eq!(said(&away).0, Kind::Unavailable);
    rig.whop.come_back();
    rig.time.pass(31);
    rig.identify(&token, &visitor(1)).await.unwrap();
    rig.stop().await;
}

#[tokio::test]
async fn whoever_is_forgotten_while_their_token_is_looked_at_stays_forgotten() {
    let rig = Rig::start().await;
    let signer = Signer::new();
    rig.whop.sign_with(signer.keys());
    let token = signer.token("user_mara", rig.time.now().as_second() + 3_600);
    let mara = || Person { whop_user_ids: vec!["user_mara".into()], ..Default::default() };
    let (release, held) = oneshot::channel();
    rig.whop.fail("GET /.well-known", Fault::Held(held));
    let here = visitor(1);
    let identified = rig.identify(&token, &here);
    let meanwhile = async {
        rig.whop.until_held().await;
        rig.time.pass(1);
        rig.forget("era_1", mara()).await;
        release.send(()).unwrap();
    };
    let (identified, ()) = tokio::join!(identified, meanwhile);
    identified.unwrap();
    rig.time.pass(1);
    assert!(rig.forget("era_2", mara()).await.is_empty(), "nothing of them came back");
    rig.identify(&token, &visitor(2)).await.unwrap();
    let told = rig.books.until(|told| !told.contacts.is_empty()).await;
    assert_eq!(told.contacts, [pair("user_mara", 2)], "who comes afterwards is somebody");
    rig.stop().await;
}

#[tokio::test]
async fn whoever_was_forgotten_and_comes_again_is_somebody() {
    let rig = Rig::start().await;
    let signer = Signer::new();
    rig.whop.sign_with(signer.keys());
    let token = signer.token("user_mara", rig.time.now().as_second() + 3_600);
    rig.identify(&token, &visitor(1)).await.unwrap();
    rig.books.until(|told| told.contacts.len() == 1).await;
    let mara = Person { whop_user_ids: vec!["user_mara".into()], ..Default::default() };
    assert_eq!(rig.forget("era_1", mara).await, [("users".to_owned(), 1)]);
    rig.identify(&token, &visitor(1)).await.unwrap();
    rig.books.until(|told| told.contacts.len() == 2).await;
    rig.stop().await;
}
