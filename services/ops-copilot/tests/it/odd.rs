//! What is unusual: everything that was planted is found, and nothing else.

use jiff::{
    SignedDuration, Span, Timestamp,
    civil::{Date, date},
};
use proto::{
    ops::v1::FindAnomaliesRequest,
    sheets::v1::{Delivery, DeliveryState, GetLedgerStatusResponse, Tab},
    time::wire,
};
use serde_json::json;

use crate::{
    books::{Books, Entry},
    rig::Setup,
    year::{Plant, Year, ZONE},
};

const FIRST: Date = Date::constant(2026, 1, 1);

fn days(first: Date, many: i32, plant: Plant) -> impl Iterator<Item = (Date, Plant)> {
    (0..many).map(move |day| (first.saturating_add(Span::new().days(day)), plant))
}

/// Lives through so many days of ticks; what was told, with the day.
async fn live(seed: u64, days: i32, plants: &[(Date, Plant)]) -> Vec<(Date, String, String)> {
    let books = Year::write(seed, FIRST, days, plants);
    let setup = Setup {
        now: "2026-01-02T05:00:00Z".parse().unwrap(),
        slack: false,
        mail: false,
        ..Setup::with([("REPORT_TIME_ZONE", ZONE), ("BUDGET_DAY", "2.00 USD")])
    };
    let rig = setup.start_with(books.clone()).await;
    let mut told = Vec::new();
    let mut now: Timestamp = "2026-01-02T05:00:00Z".parse().unwrap();
    let end = now + SignedDuration::from_hours(24 * i64::from(days - 1));
    while now < end {
        for hours in [0, 17] {
            rig.time.set(now + SignedDuration::from_hours(hours));
            rig.tick().await;
        }
        let day = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        for event in books.recorded("ops.anomaly").into_iter().skip(told.len()) {
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            told.push((day, text("kind"), text("message")));
        }
        now += SignedDuration::from_hours(24);
    }
    told
}

#[tokio::test]
async fn in_half_a_year_of_chance_nothing_is_told() {
    let told = live(11, 180, &[]).await;
    assert!(told.is_empty(), "{told:#?}");
}

#[tokio::test]
async fn all_that_was_planted_in_a_year_is_told_once_and_nothing_else() {
    let mut plants: Vec<(Date, Plant)> = vec![(date(2026, 3, 11), Plant::Visits(0.0))];
    plants.extend(days(date(2026, 4, 6), 7, Plant::NoLeads));
    plants.extend(days(date(2026, 6, 2), 3, Plant::Visits(0.02)));
    plants.extend(days(date(2026, 7, 6), 7, Plant::Failures(75)));
    plants.push((date(2026, 8, 12), Plant::Ends(12)));
    plants.push((date(2026, 9, 16), Plant::Visits(6.0)));
    plants.extend(days(date(2026, 10, 19), 7, Plant::NoBookings));
    plants.push((date(2026, 11, 18), Plant::Dear(40)));
    let told = live(7, 360, &plants).await;
    // Each with the days on which it may be told first: a day later, or as soon as a week of it shows.
    let expected = [
        ("volume", date(2026, 3, 12), date(2026, 3, 12), "far fewer"),
        ("conversion", date(2026, 4, 9), date(2026, 4, 14), "leads"),
        ("volume", date(2026, 6, 3), date(2026, 6, 3), "far fewer"),
        ("failed_payments", date(2026, 7, 8), date(2026, 7, 14), "payments failed"),
        ("churn", date(2026, 8, 13), date(2026, 8, 13), "subscriptions ended"),
        ("volume", date(2026, 9, 17), date(2026, 9, 17), "far more"),
        ("conversion", date(2026, 10, 22), date(2026, 10, 27), "bookings"),
        ("budget", date(2026, 11, 18), date(2026, 11, 18), "of 2.00 USD"),
    ];
    let is = |(day, kind, text): &(Date, String, String),
              &(of, from, to, words): &(&str, Date, Date, &str)| {
        kind == of && (from..=to).contains(day) && text.contains(words)
    };
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(&expected) {
        assert!(is(told, expected), "{told:?} is not {expected:?}");
    }
}

#[tokio::test]
async fn what_is_stuck_is_told_once_until_it_is_well_again() {
    let setup = Setup { mail: false, ..Setup::with([("BUDGET_DAY", "off")]) };
    let rig = setup.start().await;
    let books = rig.books.clone();
    let live = async |minutes: i64| {
        for _ in 0..minutes / 5 {
            rig.time.pass(SignedDuration::from_mins(5));
            rig.tick().await;
            rig.settle().await;
        }
        books
            .recorded("ops.anomaly")
            .iter()
            .map(|event| event["kind"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    books.state().status = GetLedgerStatusResponse { pending: 4, ..Default::default() };
    assert_eq!(live(60).await, [] as [&str; 0], "rows are on their way");
    books.state().status =
        GetLedgerStatusResponse { pending: 4, blocked: "a tab is gone".into(), ..Default::default() };
    assert_eq!(live(15).await, [] as [&str; 0], "it may pass");
    assert_eq!(live(60).await, ["lag"]);
    books.state().status = GetLedgerStatusResponse { parked: 2, ..Default::default() };
    assert_eq!(live(600).await, ["lag", "parked_rows"]);
    let delivery = |state: DeliveryState| Delivery {
        destination: "n8n".into(),
        state: state.into(),
        create_time: Some(wire("2026-10-05T08:00:00Z".parse().unwrap())),
        ..Default::default()
    };
    books.state().deliveries = vec![delivery(DeliveryState::Parked), delivery(DeliveryState::Waiting)];
    assert_eq!(live(60).await[2..], ["parked_deliveries", "lag"]);
    let found =
        rig.reports.clone().find_anomalies(FindAnomaliesRequest::default()).await.unwrap().into_inner();
    let ids: Vec<_> = found.anomalies.iter().map(|anomaly| anomaly.anomaly_id.clone()).collect();
    let recorded: Vec<_> = books
        .recorded("ops.anomaly")
        .iter()
        .map(|event| event["anomaly_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 3, "{found:?}");
    assert!(ids.iter().all(|id| recorded.contains(id)), "what is found is what was told");
    // Well again, and stuck once more on another day.
    books.state().status = GetLedgerStatusResponse::default();
    assert_eq!(live(24 * 60).await.len(), 4);
    books.state().status = GetLedgerStatusResponse { parked: 1, ..Default::default() };
    assert_eq!(live(60).await[4..], ["parked_rows"]);
    assert_eq!(rig.slack.texts().len(), 5);
    assert!(rig.slack.texts()[0].starts_with("*Unusual: 4 rows wait"), "{:?}", rig.slack.texts());
}

#[tokio::test]
async fn a_destination_with_much_that_is_stuck_hides_no_other() {
    let rig = Setup { mail: false, ..Setup::with([("BUDGET_DAY", "off")]) }.start().await;
    let delivery = |destination: &str| Delivery {
        destination: destination.into(),
        state: DeliveryState::Parked.into(),
        ..Default::default()
    };
    let mut deliveries = vec![delivery("a"); 1_200];
    deliveries.extend([delivery("b"), delivery("c")]);
    rig.books.state().deliveries = deliveries;
    let found =
        rig.reports.clone().find_anomalies(FindAnomaliesRequest::default()).await.unwrap().into_inner();
    let titles: Vec<_> = found.anomalies.iter().map(|anomaly| anomaly.title.as_str()).collect();
    assert_eq!(
        titles,
        ["1200 events to a were given up", "1 events to b were given up", "1 events to c were given up"]
    );
}

#[tokio::test]
async fn what_a_day_costs_after_its_last_look_is_told_when_it_is_over() {
    let books = Books::default();
    let setup = Setup {
        now: "2026-10-05T23:40:00Z".parse().unwrap(),
        ..Setup::with([("BUDGET_DAY", "2.00 USD"), ("REPORT_TIME_ZONE", ZONE)])
    };
    let rig = setup.start_with(books.clone()).await;
    rig.tick().await;
    let said = json!({"cost": {"billionths": 2_100_000_000_u64, "currency": "USD"}}).to_string();
    let at = "2026-10-05T23:50:00Z".parse().unwrap();
    let cells = json!({"id": "evt_1", "type": "chat.answered", "occurred_at": at, "payload_json": said});
    let answered = Entry { id: "evt_1".into(), at, cells, former: json!({}), deleted: false };
    books.fill(Tab::ChatEvents, vec![answered]);
    for _ in 0..6 * 24 {
        rig.time.pass(SignedDuration::from_mins(10));
        rig.tick().await;
    }
    let told = books.recorded("ops.anomaly");
    let told: Vec<_> = told.iter().map(|event| event["message"].as_str().unwrap()).collect();
    assert_eq!(told, ["budget: 2026-10-05: the model has cost 2.10 of 2.00 USD"]);
}
