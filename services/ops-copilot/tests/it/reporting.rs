//! Weekly summaries: their figures beside SQL's, and that each week is told once.

use jiff::{SignedDuration, Timestamp, civil::Date};
use proto::{
    ops::v1::{GetWeeklySummaryRequest, PublishWeeklySummaryRequest, WeeklySummary},
    time::{read, wire},
};
use tonic::Code;

use crate::{
    rig::{Rig, Setup},
    sql::{self, Tables},
    year::{Year, ZONE},
};

const FIRST: Date = Date::constant(2026, 1, 1);

async fn week(rig: &Rig, at: Timestamp) -> (WeeklySummary, String) {
    let request = GetWeeklySummaryRequest { at_time: Some(wire(at)), ..Default::default() };
    let answer = rig.reports.clone().get_weekly_summary(request).await.unwrap().into_inner();
    let before = answer.before.unwrap();
    assert_eq!(before.to_time, answer.summary.as_ref().unwrap().from_time, "the week before");
    (answer.summary.unwrap(), answer.text)
}

/// The Mondays of 2026 in Berlin, by hand: clocks go forward on March 29th and back on October 25th, at 01:00 UTC.
fn mondays() -> Vec<i64> {
    let at = |text: &str| text.parse::<Timestamp>().unwrap().as_microsecond();
    let (forward, back) = (at("2026-03-29T01:00:00Z"), at("2026-10-25T01:00:00Z"));
    let first = at("2026-01-05T00:00:00Z");
    let midnight = |week: i64| first + week * 7 * 86_400_000_000;
    let summer = |at: i64| (forward..back).contains(&at);
    (0..50)
        .map(|week| midnight(week) - if summer(midnight(week)) { 7_200_000_000 } else { 3_600_000_000 })
        .collect()
}

#[tokio::test]
async fn every_figure_of_every_week_is_what_sql_says() {
    let books = Year::write(7, FIRST, 360, &[]);
    let tables = Tables::export(&books);
    let setup =
        Setup { now: "2026-12-28T12:00:00Z".parse().unwrap(), ..Setup::with([("REPORT_TIME_ZONE", ZONE)]) };
    let rig = setup.start_with(books).await;
    let (mut money, mut hours) = (0, Vec::new());
    for span in mondays().windows(2) {
        let &[from, to] = span else { unreachable!() };
        let middle = Timestamp::from_microsecond(i64::midpoint(from, to)).unwrap();
        let (summary, text) = week(&rig, middle).await;
        let bounds =
            [&summary.from_time, &summary.to_time].map(|time| read(time.unwrap()).unwrap().as_microsecond());
        assert_eq!(bounds, [from, to]);
        let (told, computed) = (sql::figures(&summary), tables.figures(from, to));
        for (told, computed) in told.iter().zip(&computed) {
            assert_eq!(told, computed, "the week of {middle}");
        }
        assert!(text.contains(&format!("{} (", summary.total.as_ref().unwrap().sessions)), "{text}");
        money += summary.revenue.iter().map(|sum| sum.minor_units).sum::<i64>();
        hours.push((to - from) / 3_600_000_000);
    }
    assert!(money > 50_000_000, "there is money in these books: {money}");
    hours.sort_unstable();
    assert_eq!(
        (hours[0], hours[48], hours[1], hours[47]),
        (167, 169, 168, 168),
        "both changes of the clock are among them"
    );
}

#[tokio::test]
async fn what_a_month_brought_is_said_of_a_past_week_as_it_was_then() {
    let mut told = Vec::new();
    for days in [42, 360] {
        let setup = Setup {
            now: "2026-12-28T12:00:00Z".parse().unwrap(),
            ..Setup::with([("REPORT_TIME_ZONE", ZONE), ("BUDGET_DAY", "off")])
        };
        let rig = setup.start_with(Year::write(7, FIRST, days, &[])).await;
        told.push(week(&rig, "2026-02-04T12:00:00Z".parse().unwrap()).await.0.mrr);
    }
    assert_eq!(told[0], told[1], "whatever has ended since");
    assert!(told[0].iter().all(|sum| sum.minor_units > 100_000), "{told:?}");
}

#[tokio::test]
async fn a_report_quotes_nobody() {
    let rig = Setup { now: "2026-02-16T12:00:00Z".parse().unwrap(), ..Setup::default() };
    let rig = rig.start_with(Year::write(7, FIRST, 60, &[])).await;
    let (summary, text) = week(&rig, "2026-02-11T12:00:00Z".parse().unwrap()).await;
    assert!(!summary.unanswered.is_empty() && summary.unanswered_total > 2, "the operator sees questions");
    for quoted in ["canary", "TikTok", "tiktok", "Mars", "office", "con_", "ses_"] {
        assert!(!text.contains(quoted), "{quoted}: {text}");
    }
}

#[tokio::test]
async fn each_week_is_told_once_also_after_weeks_of_silence() {
    let books = Year::write(7, FIRST, 90, &[]);
    let setup = |now: &str| Setup {
        now: now.parse().unwrap(),
        ..Setup::with([("REPORT_TIME_ZONE", ZONE), ("BUDGET_DAY", "off"), ("REPORT_AT", "mon 08:00")])
    };
    let rig = setup("2026-01-28T10:00:00Z").start_with(books.clone()).await;
    let summaries = || books.recorded("ops.weekly_summary");
    rig.tick().await;
    assert_eq!(summaries().len(), 0, "weeks before the first look are not told");
    for (now, many) in [
        ("2026-02-02T06:59:00Z", 0),
        ("2026-02-02T07:00:00Z", 1),
        ("2026-02-02T07:01:00Z", 1),
        ("2026-02-08T23:00:00Z", 1),
    ] {
        rig.time.set(now.parse().unwrap());
        let pages = books.state().pages;
        rig.tick().await;
        rig.settle().await;
        assert_eq!(summaries().len(), many, "{now}");
        let is_idle = now.ends_with("07:01:00Z");
        assert!(!is_idle || books.state().pages == pages, "what was told is not counted again");
    }
    let first = summaries().remove(0);
    assert_eq!(
        (&first["week"], &first["outcome"], &first["workflow_id"]),
        (&"2026-01-26".into(), &"weekly_summary".into(), &"ops-copilot".into())
    );
    assert_eq!((rig.slack.texts().len(), rig.mail.letters().len()), (1, 1));
    assert!(
        rig.slack.texts()[0].starts_with("*The week from Mon 26 Jan 2026 to Sun 1 Feb 2026*\n"),
        "{}",
        rig.slack.texts()[0]
    );
    // Five weeks of silence: only the newest is told.
    let rig = Setup { dir: Some(rig.stop().await), ..setup("2026-03-10T10:00:00Z") }
        .start_with(books.clone())
        .await;
    for _ in 0..3 {
        rig.tick().await;
        rig.time.pass(SignedDuration::from_mins(1));
    }
    let weeks: Vec<_> = summaries().iter().map(|event| event["week"].as_str().unwrap().to_owned()).collect();
    assert_eq!(weeks, ["2026-01-26", "2026-03-02"]);
}

#[tokio::test]
async fn books_that_are_away_are_asked_again_in_the_next_minute() {
    let books = Year::write(7, FIRST, 60, &[]);
    let setup =
        Setup { now: "2026-02-01T10:00:00Z".parse().unwrap(), ..Setup::with([("BUDGET_DAY", "off")]) };
    let rig = setup.start_with(books.clone()).await;
    rig.tick().await;
    rig.time.set("2026-02-02T09:00:00Z".parse().unwrap());
    books.state().away = 1_000;
    let tick = proto::common::v1::TickRequest {};
    assert!(rig.operations.clone().tick(tick).await.is_err());
    books.state().away = 0;
    rig.time.pass(SignedDuration::from_mins(1));
    rig.tick().await;
    assert_eq!(books.recorded("ops.weekly_summary").len(), 1);
}

#[tokio::test]
async fn publishing_is_done_once_and_again_when_it_is_asked_for() {
    let books = Year::write(7, FIRST, 60, &[]);
    let setup = Setup { now: "2026-02-11T10:00:00Z".parse().unwrap(), mail: false, ..Setup::default() };
    let rig = setup.start_with(books.clone()).await;
    let publish = async |request_id: &str, at: Option<&str>, again: bool| {
        let request = PublishWeeklySummaryRequest {
            request_id: request_id.into(),
            at_time: at.map(|at| wire(at.parse().unwrap())),
            again,
            ..Default::default()
        };
        Ok::<_, tonic::Status>(rig.reports.clone().publish_weekly_summary(request).await?.into_inner())
    };
    let first = publish("req_1", None, false).await.unwrap();
    assert!(first.published && first.text.contains("Visits: "));
    assert!(!publish("req_2", None, false).await.unwrap().published);
    assert!(publish("req_3", None, true).await.unwrap().published);
    assert!(!publish("req_3", None, true).await.unwrap().published, "the same request sends nothing twice");
    rig.until("both are sent", async || rig.slack.texts().len() == 2).await;
    assert_eq!((books.recorded("ops.weekly_summary").len(), books.state().duplicates), (1, 0));
    let refused = publish("req_4", Some("2026-02-11T09:00:00Z"), false).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "a week that has not ended is no week");
}

#[tokio::test]
async fn a_week_that_was_sent_is_not_sent_again_when_its_notice_is_forgotten() {
    let books = Year::write(7, FIRST, 60, &[]);
    let setup = Setup { now: "2026-02-11T10:00:00Z".parse().unwrap(), mail: false, ..Setup::default() };
    let rig = setup.start_with(books.clone()).await;
    let publish = async |request_id: &str| {
        let at_time = Some(wire("2026-02-04T09:00:00Z".parse().unwrap()));
        let request =
            PublishWeeklySummaryRequest { request_id: request_id.into(), at_time, ..Default::default() };
        rig.reports.clone().publish_weekly_summary(request).await.unwrap().into_inner()
    };
    let first = publish("req_1").await;
    assert!(first.published && first.channels == ["slack"]);
    rig.settle().await;
    rig.time.pass(SignedDuration::from_hours(24 * 31));
    assert!(!publish("req_2").await.published);
    assert_eq!((rig.slack.texts().len(), rig.notices().await.len()), (1, 0));
}

#[tokio::test]
async fn who_is_told_is_answered_also_if_it_is_nobody() {
    let setup = Setup { slack: false, mail: false, ..Setup::default() };
    let rig = setup.start().await;
    let request = PublishWeeklySummaryRequest { request_id: "req_1".into(), ..Default::default() };
    let answer = rig.reports.clone().publish_weekly_summary(request).await.unwrap().into_inner();
    assert!(answer.published && answer.channels.is_empty());
}

#[tokio::test]
async fn a_day_begins_where_the_report_begins_it() {
    for (zone, from) in [
        ("UTC", "2026-11-16T00:00:00Z"),
        (ZONE, "2026-11-15T23:00:00Z"),
        ("America/New_York", "2026-11-16T05:00:00Z"),
    ] {
        let now = "2026-12-05T09:00:00Z".parse().unwrap();
        let rig = Setup { now, ..Setup::with([("REPORT_TIME_ZONE", zone)]) }.start().await;
        let of = async |day: &str, at: Option<&str>| {
            let at_time = at.map(|at| wire(at.parse().unwrap()));
            let request = GetWeeklySummaryRequest { at_time, day: day.into(), ..Default::default() };
            let answer = rig.reports.clone().get_weekly_summary(request).await?.into_inner();
            Ok::<_, tonic::Status>(read(answer.summary.unwrap().from_time.unwrap()).unwrap().to_string())
        };
        for day in ["2026-11-16", "2026-11-22"] {
            assert_eq!(of(day, None).await.unwrap(), from, "{zone}");
        }
        for (day, at) in
            [("monday", None), ("2026-11-16T00:00:00Z", None), ("2026-11-16", Some("2026-11-16T00:00:00Z"))]
        {
            assert_eq!(of(day, at).await.unwrap_err().code(), Code::InvalidArgument, "{day}");
        }
    }
}
