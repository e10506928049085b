//! The page to which a link to pay returns.

use domain::{Fault, Kind, Reason};
use proto::{
    booking::v1::{CheckoutStatus, GetReturnPageResponse, MeetingOutcome},
    common::v1::Money,
};
use tonic::Status;

use crate::{
    till::paid,
    world::{Answer, World},
};

const PAGE: &str = "/checkout/fd1.t.k1.abc.def";
const REFRESH: &str = "<meta http-equiv=\"refresh\" content=\"4; url=?look=1\">";

impl World {
    async fn page(&self, found: GetReturnPageResponse) -> Answer {
        self.backend.pages([Ok(found)]);
        let page = self.get(PAGE).await;
        assert_eq!(page.status, 200, "{page:?}");
        page
    }
}

fn standing(status: CheckoutStatus, meeting: MeetingOutcome) -> GetReturnPageResponse {
    GetReturnPageResponse { status: status.into(), meeting: meeting.into(), ..paid() }
}

/// The text that a visitor reads, without the style and the tags.
fn read(page: &Answer) -> String {
    let body = page.text.split_once("<body>").unwrap().1;
    let text: String =
        body.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn who_has_paid_sees_the_meeting_and_the_way_back() {
    let world = World::start().await;
    let page = world.page(paid()).await;
    assert_eq!(
        read(&page),
        "AJ Digital Thank you, it is paid Strategy call, 149.00 EUR Your meeting on Sunday, 29 March 2026, 10:00 \
         (Europe/Berlin, UTC+02:00) is booked. You may close this window. Back to the page of the chat"
    );
    assert!(page.text.contains("<a href=\"https://www.example.com/services\">"), "{}", page.text);
    assert!(page.text.contains("<title>Thank you, it is paid</title>"));
    assert!(!page.text.contains("http-equiv"), "it stays as it is");
    let notes = world.backend.notes();
    assert_eq!(notes.till.looked[0].token, "fd1.t.k1.abc.def");
    assert_eq!(notes.till.looked[0].caller.as_ref().unwrap().visitor_id, "");
}

#[tokio::test]
async fn every_state_has_its_words_and_changes_come_by_themselves() {
    use CheckoutStatus::{Canceled, Expired, Failed, Open, Paid, Pending};
    use MeetingOutcome::{Booking, Held, Released, Unspecified};
    let world = World::start().await;
    for (status, meeting, title, note, changing) in [
        (Open, Held, "Not paid yet", "We hold the meeting on Sunday, 29 March 2026, 10:00", true),
        (Open, Unspecified, "Not paid yet", "no need to pay again", true),
        (Pending, Held, "Your payment is on its way", "We hold the meeting on Sunday", true),
        (Paid, Booking, "Thank you, it is paid", "(Europe/Berlin, UTC+02:00) is being booked.", true),
        (Paid, Unspecified, "Thank you, it is paid", "Strategy call, 149.00 EUR", false),
        (Expired, Released, "This link has ended", "is no longer held", false),
        (Canceled, Released, "This payment was called off", "Nothing was charged", false),
        (Failed, Unspecified, "The payment did not go through", "Ask in the chat for a new link", false),
    ] {
        let page = world.page(standing(status, meeting)).await;
        let text = read(&page);
        assert!(text.contains(title) && text.contains(note), "{status:?} {meeting:?}: {text}");
        assert_eq!(page.text.contains(REFRESH), changing, "{status:?} {meeting:?}");
        assert_eq!(text.contains("it is paid"), status == Paid, "{text}");
        assert!(text.contains("You may close this window."));
    }
}

#[tokio::test]
async fn what_can_be_paid_has_its_button() {
    let world = World::start().await;
    let pay_url = "https://checkout.stripe.com/c/pay/cs_1#a&b".to_owned();
    let page = world
        .page(GetReturnPageResponse { pay_url, ..standing(CheckoutStatus::Open, MeetingOutcome::Held) })
        .await;
    let button = "<a class=\"button\" href=\"https://checkout.stripe.com/c/pay/cs_1#a&amp;b\">Pay now</a>";
    assert!(page.text.contains(button), "{}", page.text);
    let page = world.page(standing(CheckoutStatus::Expired, MeetingOutcome::Released)).await;
    assert!(!page.text.contains("class=\"button\""));
}

#[tokio::test]
async fn who_lost_the_slot_is_told_that_people_care_and_offered_others() {
    let world = World::start().await;
    let next = ["2026-03-28T10:00:00+01:00", "2026-03-29T11:00:00+02:00"].map(str::to_owned).to_vec();
    let lost = standing(CheckoutStatus::Paid, MeetingOutcome::SlotLost);
    let page = world.page(GetReturnPageResponse { next_local_starts: next, ..lost.clone() }).await;
    let text = read(&page);
    for said in [
        "Thank you, it is paid",
        "somebody else was quicker. Your payment is safe. Our people know of it",
        "say in the chat which one suits you",
        "Saturday, 28 March 2026, 10:00 (Europe/Berlin, UTC+01:00)",
        "Sunday, 29 March 2026, 11:00 (Europe/Berlin, UTC+02:00)",
    ] {
        assert!(text.contains(said), "{said} in {text}");
    }
    let page = world.page(lost).await;
    assert!(!read(&page).contains("These times"), "nothing is offered where there is nothing");
}

#[tokio::test]
async fn it_comes_back_less_often_and_not_for_ever() {
    let world = World::start().await;
    let open = || Ok(standing(CheckoutStatus::Open, MeetingOutcome::Held));
    for (query, content) in [
        ("?look=1", Some("4; url=?look=2")),
        ("?look=75", Some("60; url=?look=76")),
        ("?look=1000", None),
        ("?look=%22%3E%3Cscript%3E", Some("4; url=?look=1")),
    ] {
        world.backend.pages([open()]);
        let page = world.get(&format!("{PAGE}{query}")).await;
        let found = page.text.split_once("http-equiv=\"refresh\" content=\"").map(|(_, rest)| rest);
        assert_eq!(found.and_then(|rest| rest.split('"').next()), content, "{query}");
        assert!(!page.text.contains("<script"));
    }
}

#[tokio::test]
async fn the_page_is_nobodys_to_frame_keep_or_find() {
    let world = World::start().await;
    let unknown = Fault::new(Kind::NotFound, Reason::CheckoutUnknown, "canary");
    world.backend.pages([Ok(paid()), Err(chassis::status::status(&unknown))]);
    for _ in 0..2 {
        let page = world.get(PAGE).await;
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        for rule in ["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"] {
            assert!(policy.contains(rule), "{rule} in {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        assert_eq!(page.header("cache-control"), "no-store");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("x-robots-tag"), "noindex, nofollow");
        assert_eq!(page.header("set-cookie"), "");
        for loads in ["<script", "<link", "<img", " style=\"", "@import", "url(", "<iframe", "<form"] {
            assert!(!page.text.contains(loads), "{loads}");
        }
    }
}

#[tokio::test]
async fn texts_of_others_are_texts() {
    let world = World::start().await;
    let evil = "<img src=x onerror=alert(1)>\"'&<!--main-->/*style*/";
    let page = world
        .page(GetReturnPageResponse {
            item_name: evil.into(),
            local_start: evil.into(),
            time_zone: evil.into(),
            next_local_starts: vec![evil.into()],
            pay_url: "javascript:alert(1)".into(),
            back_url: "javascript:alert(1)".into(),
            price: Some(Money { minor_units: 1, currency_code: evil.into() }),
            ..standing(CheckoutStatus::Paid, MeetingOutcome::SlotLost)
        })
        .await;
    let shown = "&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;&lt;!--main--&gt;/*style*/";
    assert_eq!(page.text.matches(shown).count(), 3, "{}", page.text);
    assert!(!page.text.contains("<img") && !page.text.contains("javascript:"), "{}", page.text);
    let zoned = GetReturnPageResponse { time_zone: evil.into(), ..paid() };
    let page = world.page(zoned).await;
    assert!(page.text.contains(&format!("10:00 ({shown}, UTC+02:00)")), "{}", page.text);
}

#[tokio::test]
async fn a_token_that_is_nobodys_is_a_page_too() {
    let world = World::start().await;
    let faults = [
        Fault::new(Kind::NotFound, Reason::CheckoutUnknown, "canary"),
        Fault::new(Kind::Unauthenticated, Reason::SecretWrong, "canary"),
        Fault::invalid("token", "canary"),
    ];
    world.backend.pages(faults.iter().map(|fault| Err(chassis::status::status(fault))));
    let mut seen = Vec::new();
    for path in ["/checkout/forged", "/checkout/%20", "/checkout/a%2Fb", "/checkout/%ff"] {
        let page = world.get(path).await;
        assert_eq!(page.status, 404, "{path}");
        assert!(!page.text.contains("canary") && !page.text.contains("forged"), "{}", page.text);
        seen.push(page.text);
    }
    assert!(read(&world.page(paid()).await) != seen[0]);
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "nobody learns why");
    assert_eq!(world.backend.notes().till.looked.len(), 4, "what is no text is nobody's token");
}

#[tokio::test]
async fn who_cannot_be_shown_anything_is_told_to_reload() {
    let world = World::start().await;
    let slow = Fault::new(Kind::Deadline, Reason::DeadlineExceeded, "canary");
    let store = Fault::new(Kind::Unavailable, Reason::StoreUnavailable, "canary");
    let failing = [slow, store].map(|fault| Err(chassis::status::status(&fault)));
    world.backend.pages(failing);
    for _ in 0..2 {
        let page = world.get(PAGE).await;
        assert_eq!(page.status, 503);
        assert!(read(&page).contains("reload this page in a minute, and do not pay again"), "{}", page.text);
        assert!(!page.text.contains("canary"));
    }
    world.backend.pages([Err(Status::internal("canary")), Ok(GetReturnPageResponse::default())]);
    for _ in 0..2 {
        let page = world.get(PAGE).await;
        assert_eq!(page.status, 500);
        assert!(read(&page).contains(&page.header("x-request-id")), "{}", page.text);
        assert!(!page.text.contains("canary"));
    }
}
