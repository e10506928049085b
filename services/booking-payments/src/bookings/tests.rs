//! The calendar as the till uses it, with Cal.com over real HTTP.

use std::sync::Arc;

use chassis::{Config as _, Vars};
use jiff::{SignedDuration, Timestamp};
use providers::{
    books::{TELLINGS, Telling},
    owner::Owner,
};
use store::{
    Query, Schema, Store,
    queue::{Handler, Next, Trouble, Worker},
    sqlite::Sqlite,
    system_clock,
};
use tempfile::TempDir;

use super::{Calendar, Hold, Meeting, NotBooked, Order};
use crate::{Config, Core, SCHEMA, calcom::Guest};
use cal::{Cal, Length, PAID, Time};

#[path = "../../tests/it/bookings/cal.rs"]
#[expect(dead_code, reason = "it is made for the tests of the whole service")]
mod cal;

const NINE: &str = "2026-10-21T09:00:00Z";
const NEXT: [&str; 3] = ["2026-10-21T10:00:00Z", "2026-10-21T11:00:00Z", "2026-10-21T12:00:00Z"];

/// A store in a directory of its own.
pub(crate) fn open() -> (TempDir, Arc<dyn Store>) {
    const SCHEMA: Schema = Schema { version: 1, indexes: &[], expiring: &["limits", "forgotten"] };
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&dir.path().join("it.db"), SCHEMA, system_clock()).unwrap();
    (dir, Arc::new(store))
}

/// A calendar, and the Cal.com that it asks.
struct World {
    calendar: Calendar,
    cal: Cal,
    time: Time,
    _dir: TempDir,
}

/// Nobody who is told anything.
struct Nobody;

#[async_trait::async_trait]
impl Handler<Telling> for Nobody {
    async fn handle(&self, _: &str, _: &Telling) -> Result<Next, Trouble> {
        Ok(Next::Done)
    }
}

impl World {
    async fn start() -> Self {
        let time = Time::start();
        let cal = Cal::start(time.clone()).await;
        let dir = tempfile::tempdir().unwrap();
        let settings = [
            ("STORE", format!("sqlite:{}", dir.path().display())),
            ("CALCOM_API_KEY", cal::KEY.to_owned()),
            ("CALCOM_BASE_URL", format!("http://{}", cal.addr)),
            ("STRIPE_SECRET_KEY", "sk_test_1".to_owned()),
        ];
        let vars: Vars = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let config: Config = chassis::config::load(&vars, []).unwrap();
        assert!(config.problems(false).is_empty());
        let clock = time.clock();
        let store = config.store.open("calendar", SCHEMA, clock.clone()).unwrap();
        let tellings = Worker::new(&TELLINGS, store.clone(), clock.clone(), Arc::new(Nobody));
        let registry = Arc::new(config.registry().unwrap());
        let calendar = Calendar::new(&Core { config, registry, store, clock, tellings });
        Self { calendar, cal, time, _dir: dir }
    }

    async fn hold(&self) -> Hold {
        self.calendar.hold("paid", at(NINE), 65).await.unwrap()
    }

    async fn book(&self, visitor: &str, hold: Option<&Hold>) -> Result<Meeting, NotBooked> {
        let owner = Owner { visitor: visitor.to_owned(), ..Owner::default() };
        let guest = Guest {
            name: "Ann Lee".into(),
            email: "ann@example.com".into(),
            time_zone: "Europe/Berlin".into(),
            ..Guest::default()
        };
        let order = Order { event_type: PAID, start: at(NINE), guest, notes: String::new() };
        self.calendar.book(&owner, "chk_1", &order, hold).await
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn lost<T: std::fmt::Debug>(outcome: Result<T, NotBooked>) -> Vec<Timestamp> {
    match outcome {
        Err(NotBooked::SlotLost { next_slots }) => next_slots,
        other => panic!("the slot is lost: {other:?}"),
    }
}

#[tokio::test]
async fn a_hold_keeps_a_slot_that_visitors_do_not_see_as_long_as_it_is_renewed() {
    let world = World::start().await;
    let hold = world.hold().await;
    assert_eq!((hold.event_type, hold.until), (PAID, world.time.now() + SignedDuration::from_mins(65)));
    assert_eq!(lost(world.calendar.hold("paid", at(NINE), 65).await), NEXT.map(at));

    assert_eq!(world.calendar.renew(&hold, 60).await.unwrap(), hold, "it lasts as long as it is");
    assert_eq!(world.cal.count(&axum::http::Method::PATCH, "/v2/slots"), 0);

    world.time.advance(3_600);
    let renewed = world.calendar.renew(&hold, 65).await.unwrap();
    assert_eq!(renewed.until, hold.until + SignedDuration::from_hours(1));
    assert_eq!(world.cal.reserved(), 1, "the one takes the place of the other");
    world.time.advance(66 * 60);
    // It has ended and somebody else is quicker.
    world.cal.book(NINE, "bob@example.com", serde_json::json!({}));
    assert_eq!(lost(world.calendar.renew(&renewed, 65).await), NEXT.map(at));
}

#[tokio::test]
async fn a_slot_that_cal_com_holds_for_less_is_held_as_long_as_it_is_renewed() {
    for length in [Length::AtMost(5), Length::Refused(400), Length::Refused(403)] {
        let world = World::start().await;
        world.cal.take_lengths(length);
        let mut hold = world.hold().await;
        for _ in 0..3 {
            assert_eq!(hold.until, world.time.now() + SignedDuration::from_mins(5), "{length:?}");
            world.time.advance(120);
            hold = world.calendar.renew(&hold, 63).await.unwrap();
            assert_eq!(world.cal.reserved(), 1, "the one takes the place of the other: {length:?}");
        }
        assert_eq!(lost(world.calendar.hold("paid", at(NINE), 65).await), NEXT.map(at));
        world.book("vis_1", Some(&hold)).await.unwrap();
        assert_eq!((world.cal.reserved(), world.cal.bookings().len()), (0, 1));
    }
}

#[tokio::test]
async fn a_key_that_cal_com_does_not_take_holds_nothing() {
    let world = World::start().await;
    world.cal.take_lengths(Length::Refused(401));
    let failed = world.calendar.hold("paid", at(NINE), 65).await.unwrap_err();
    assert!(matches!(failed, NotBooked::Failed(_)), "{failed:?}");
    assert_eq!(world.cal.count(&axum::http::Method::POST, "/v2/slots/reservations"), 1);
}

#[tokio::test]
async fn what_is_let_go_is_free_again_and_letting_go_twice_is_fine() {
    let world = World::start().await;
    let hold = world.hold().await;
    assert!(!world.calendar.next_free(PAID, at(NINE), 3).await.unwrap().contains(&at(NINE)));
    for _ in 0..2 {
        world.calendar.release(&hold).await.unwrap();
    }
    assert_eq!(world.calendar.next_free(PAID, at(NINE), 2).await.unwrap(), [at(NINE), at(NEXT[0])]);
}

#[tokio::test]
async fn what_is_held_is_booked_and_then_let_go() {
    for strict in [false, true] {
        let world = World::start().await;
        if strict {
            world.cal.be_strict();
        }
        let hold = world.hold().await;
        let meeting = world.book("vis_1", Some(&hold)).await.unwrap();
        assert_eq!((meeting.start, meeting.owner.visitor.as_str()), (at(NINE), "vis_1"));
        assert_eq!((world.cal.reserved(), world.cal.bookings().len()), (0, 1));
        assert_eq!(world.book("vis_1", Some(&hold)).await.unwrap(), meeting, "again is the same");
    }
}

#[tokio::test]
async fn a_slot_that_was_lost_after_all_is_lost_with_the_next_ones() {
    let world = World::start().await;
    let hold = world.hold().await;
    world.time.advance(66 * 60);
    world.cal.book(NINE, "bob@example.com", serde_json::json!({}));
    assert_eq!(lost(world.book("vis_1", Some(&hold)).await), NEXT.map(at));
    assert!(
        world
            .calendar
            .all_owned(&Owner { visitor: "vis_1".into(), ..Owner::default() }, None, 9)
            .await
            .unwrap()
            .meetings
            .is_empty()
    );
}

#[tokio::test]
async fn what_is_not_free_is_not_held_though_cal_com_would_reserve_it() {
    let world = World::start().await;
    let night = world.calendar.hold("paid", at("2026-10-21T03:00:00Z"), 65).await;
    assert_eq!(lost(night), ["2026-10-21T08:00:00Z", NINE, NEXT[0]].map(at));
    // It stands under another event type.
    world.cal.book(NINE, "bob@example.com", serde_json::json!({}));
    assert_eq!(lost(world.calendar.hold("paid", at(NINE), 65).await), NEXT.map(at));
    assert_eq!(world.cal.reserved(), 0);
}

/// The titles of what visitors are to be told.
async fn notices(world: &World) -> Vec<String> {
    let waiting = Query::new(TELLINGS.index(), [serde_json::json!("waiting")]);
    let page = world.calendar.store.query(waiting).await.unwrap();
    let title = |body: &serde_json::Value| Some(body["payload"]["notice"]["title"].as_str()?.to_owned());
    page.documents.iter().filter_map(|document| title(&document.body)).collect()
}

#[tokio::test]
async fn a_visitor_is_not_told_of_what_they_are_doing_themselves() {
    let world = World::start().await;
    let owner = Owner { visitor: "vis_1".into(), thread: "thr_1".into(), ..Owner::default() };
    let guest = Guest { name: "Ann".into(), email: "ann@example.com".into(), ..Guest::default() };
    let order = Order { event_type: PAID, start: at(NINE), guest, notes: String::new() };
    let meeting = world.calendar.book(&owner, "r1", &order, None).await.unwrap();
    let (release, held) = tokio::sync::oneshot::channel();
    world.cal.fail(axum::http::Method::POST, "/reschedule", cal::Fault::Held(held));
    let id = meeting.id();
    let moving = world.calendar.reschedule(&owner, "r2", &id, at(NEXT[0]), "");
    let told = async {
        world.cal.until_asked(axum::http::Method::POST, "/reschedule", 1).await;
        world.calendar.refresh_told(meeting.uid()).await.unwrap();
        let known = world.calendar.meeting(&id).await.unwrap().unwrap();
        assert_eq!(known.start, at(NEXT[0]), "the webhook was first");
        release.send(()).unwrap();
    };
    let (moved, ()) = tokio::join!(moving, told);
    let moved = moved.unwrap();
    assert!(notices(&world).await.is_empty());

    world.cal.reschedule(moved.uid(), NEXT[1]);
    world.calendar.refresh_told(moved.uid()).await.unwrap();
    assert_eq!(notices(&world).await, ["Your meeting was moved"]);
}
