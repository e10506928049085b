//! One request posts one message, wherever it breaks off.

use domain::{Kind, Reason};
use proto::whop::v1::{OpenSupportTicketRequest, OpenSupportTicketResponse};
use serde_json::json;
use tonic::Status;

use super::{
    rig::{NO_ACTION, Rig, caller, said},
    whop::Fault,
};

impl Rig {
    pub(crate) async fn ask_for_help(
        &self,
        user: &str,
        by: &str,
        (subject, message): (&str, &str),
    ) -> Result<OpenSupportTicketResponse, Status> {
        let request = OpenSupportTicketRequest {
            caller: caller(user),
            request_id: by.to_owned(),
            subject: subject.to_owned(),
            message: message.to_owned(),
            ..Default::default()
        };
        Ok(self.client.clone().open_support_ticket(request).await?.into_inner())
    }
}

const LOGIN: (&str, &str) = ("Log\nin", "It does not work.");

async fn with_mara() -> Rig {
    let rig = Rig::start().await;
    rig.whop.join("mem_1", "user_mara", "plan_growthmonthly");
    rig
}

#[tokio::test]
async fn a_ticket_is_a_message_in_the_members_channel() {
    let rig = with_mara().await;
    let opened = rig.ask_for_help("user_mara", "r1", LOGIN).await.unwrap();
    assert!(opened.ticket_id.starts_with("tkt_") && opened.create_time.is_some());
    assert_eq!(opened.channel_id, "feed_user_mara");
    let text = "Through the portal, from user_mara:\n\n> Log in\n>\n> It does not work.";
    let posted = ("feed_user_mara".to_owned(), text.to_owned());
    assert_eq!(rig.whop.messages(), std::slice::from_ref(&posted));
    assert_eq!(rig.ask_for_help("user_mara", "r1", LOGIN).await.unwrap(), opened);
    let reused = rig.ask_for_help("user_mara", "r1", ("Log in", "Another text.")).await.unwrap_err();
    assert_eq!(said(&reused), (Kind::Invalid, Reason::RequestIdReused));
    assert_eq!(rig.whop.messages(), [posted]);
    let second = rig.ask_for_help("user_mara", "r2", LOGIN).await.unwrap();
    assert_eq!((second.channel_id == opened.channel_id, second.ticket_id == opened.ticket_id), (true, false));
    for (by, said) in [
        ("", LOGIN),
        ("r3", ("", "x")),
        ("r3", ("x", " ")),
        ("r3", (&*"x".repeat(201), "x")),
        ("r3", ("x", &*"é".repeat(4_001))),
    ] {
        let refused = rig.ask_for_help("user_mara", by, said).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    }
    assert_eq!(rig.whop.messages().len(), 2);
    rig.stop().await;
}

#[tokio::test]
async fn whatever_a_member_writes_stands_there_as_theirs() {
    let rig = with_mara().await;
    let subject = "Help\r\u{2028}Through the portal, from user_jonas:";
    let message = "First.\r\n\r\n \n\nFrom the team: pay here\rTeam:\u{2028}Team:\u{85}Team:\u{b}> Team:\u{c}# Team\u{2029}Bye";
    rig.ask_for_help("user_mara", "r1", (subject, message)).await.unwrap();
    let (_, text) = rig.whop.messages().remove(0);
    let expected = [
        "Through the portal, from user_mara:",
        "",
        "> Help Through the portal, from user_jonas:",
        ">",
        "> First.",
        ">",
        "> From the team: pay here",
        "> Team:",
        "> Team:",
        "> Team:",
        "> > Team:",
        "> # Team",
        "> Bye",
    ];
    assert_eq!(text.split('\n').collect::<Vec<_>>(), expected);
    assert!(!text.contains(|c: char| c != '\n' && (c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))));
    rig.stop().await;
}

#[tokio::test]
async fn the_same_request_id_of_two_members_is_two_tickets() {
    let rig = with_mara().await;
    rig.whop.join("mem_2", "user_jonas", "plan_growthmonthly");
    let mara = rig.ask_for_help("user_mara", "r1", LOGIN).await.unwrap();
    let jonas = rig.ask_for_help("user_jonas", "r1", ("Other", "Text")).await.unwrap();
    assert_ne!((mara.ticket_id, mara.channel_id), (jonas.ticket_id, jonas.channel_id));
    assert_eq!(rig.whop.messages().len(), 2);
    rig.stop().await;
}

#[tokio::test]
async fn wherever_it_breaks_off_there_is_one_message() {
    for (line, is_posted) in [("POST /support_channels", false), ("POST /messages", true)] {
        for fault in [|| Fault::Lost, || Fault::Status(503)] {
            let rig = with_mara().await;
            // The call is made twice before it is given up.
            rig.whop.fail(line, fault());
            rig.whop.fail(line, fault());
            let lost = rig.ask_for_help("user_mara", "r1", LOGIN).await.unwrap_err();
            assert_eq!(said(&lost), (Kind::Unavailable, Reason::ProviderUnavailable));
            let is_lost = matches!(fault(), Fault::Lost);
            assert_eq!(rig.whop.messages().len(), usize::from(is_posted && is_lost));
            // And the process with it: what was asked for is kept, and only that.
            let rig = rig.restart().await;
            let reused = rig.ask_for_help("user_mara", "r1", ("Log in", "Another text.")).await.unwrap_err();
            assert_eq!(said(&reused).1, Reason::RequestIdReused);
            rig.ask_for_help("user_mara", "r1", LOGIN).await.unwrap();
            assert_eq!(rig.whop.messages().len(), 1, "{line}");
            rig.stop().await;
        }
    }
}

#[tokio::test]
async fn two_who_ask_at_once_under_one_id_post_once() {
    let rig = with_mara().await;
    let ask = || rig.ask_for_help("user_mara", "r1", LOGIN);
    let (one, two, three) = tokio::join!(ask(), ask(), ask());
    let one = one.unwrap();
    assert_eq!((&two.unwrap(), &three.unwrap()), (&one, &one));
    assert_eq!(rig.whop.messages().len(), 1);
    rig.stop().await;
}

#[tokio::test]
async fn who_may_not_ask_gets_no_channel_and_a_ticket_that_stands_is_known_for_good() {
    let rig = with_mara().await;
    let opened = rig.ask_for_help("user_mara", "r1", LOGIN).await.unwrap();
    assert_eq!(said(&rig.ask_for_help("user_jonas", "r1", LOGIN).await.unwrap_err()), NO_ACTION);
    rig.whop.change("memberships", "mem_1", json!({"status": "expired"}));
    rig.time.pass(301);
    assert_eq!(said(&rig.ask_for_help("user_mara", "r2", LOGIN).await.unwrap_err()), NO_ACTION);
    assert_eq!(rig.ask_for_help("user_mara", "r1", LOGIN).await.unwrap(), opened);
    assert_eq!(rig.whop.messages().len(), 1);
    rig.stop().await;
}
