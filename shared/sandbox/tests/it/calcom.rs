//! Asking the calendar as a client asks, and what it refuses.

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, RequestBuilder, StatusCode};
use sandbox::{CALCOM_API_KEY, Fault, FaultKind, INTRO_CALL, Provider, STRATEGY_CONSULT};
use serde_json::{Value, json};

use crate::harness::{Town, answer};

/// A Monday in summer: the first slot of a day is at 07:00 in UTC.
pub(crate) const SLOT: &str = "2050-09-05T07:00:00.000Z";

impl Town {
    /// A request with the version that the path's controller wants.
    pub(crate) fn calcom(&self, method: Method, path: &str) -> RequestBuilder {
        let version = match path.split(['/', '?']).next().unwrap() {
            "bookings" => "2024-08-13",
            "slots" => "2024-09-04",
            _ => "2024-06-14",
        };
        self.ask(method, &format!("/calcom/v2/{path}"))
            .bearer_auth(CALCOM_API_KEY)
            .header("cal-api-version", version)
    }

    pub(crate) async fn calcom_get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.calcom(Method::GET, path)).await
    }

    pub(crate) async fn calcom_post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        answer(self.calcom(Method::POST, path).json(&body)).await
    }

    /// The data of an answer that is fine.
    pub(crate) async fn calcom_fine(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.calcom_post(path, body).await;
        assert!(status.is_success(), "{answer}");
        answer["data"].clone()
    }
}

pub(crate) fn order(start: &str) -> Value {
    json!({
        "start": start,
        "eventTypeId": INTRO_CALL,
        "attendee": {"name": "Ann Example", "email": "ann@example.com", "timeZone": "America/New_York"},
        "metadata": {"lead_id": "l_1"},
    })
}

fn with(path: &str, value: Value) -> Value {
    let mut order = order(SLOT);
    *order.pointer_mut(path).unwrap_or(&mut Value::Null) = value.clone();
    if order.pointer(path).is_none() {
        let (parent, name) = path.rsplit_once('/').unwrap();
        order.pointer_mut(parent).unwrap()[name] = value;
    }
    order
}

fn without(path: &str) -> Value {
    let mut order = order(SLOT);
    let (parent, name) = path.rsplit_once('/').unwrap();
    order.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
    order
}

#[tokio::test]
async fn a_booking_that_the_schema_or_the_calendar_refuses_is_refused() {
    let town = Town::new().await;
    let many: serde_json::Map<_, _> = (0..51).map(|n| (n.to_string(), json!(1))).collect();
    let past = (Timestamp::now() - SignedDuration::from_hours(24)).to_string();
    let soon = (Timestamp::now() + SignedDuration::from_mins(5)).to_string();
    let cases = [
        ("unknown", with("/when", json!(1)), "when"),
        ("no start", without("/start"), "start"),
        ("a start without a zone", with("/start", json!("2050-09-05T07:00:00")), "start"),
        ("a start in another zone", with("/start", json!("2050-09-05T09:00:00+02:00")), "start"),
        ("a start that is no text", with("/start", json!(1)), "start"),
        ("no attendee", without("/attendee"), "attendee"),
        ("an unknown member of the attendee", with("/attendee/age", json!(1)), "age"),
        ("no name", without("/attendee/name"), "name"),
        ("no zone", without("/attendee/timeZone"), "timeZone"),
        ("a zone of nowhere", with("/attendee/timeZone", json!("Mars/Base")), "timeZone"),
        ("nobody can be reached", without("/attendee/email"), "email or phone"),
        ("no address", with("/attendee/email", json!("ann")), "email"),
        ("no phone number", with("/attendee/phoneNumber", json!("0170 1")), "phoneNumber"),
        ("an unknown language", with("/attendee/language", json!("tlh")), "language"),
        ("no event type", without("/eventTypeId"), "eventTypeId"),
        ("an event type that is no number", with("/eventTypeId", json!("x")), "eventTypeId"),
        ("guests that are no list", with("/guests", json!("a@example.com")), "guests"),
        ("metadata that is no object", with("/metadata", json!("x")), "metadata"),
        ("too much metadata", with("/metadata", many.into()), "50 keys"),
        ("a long key", with("/metadata", json!({"k".repeat(41): "v"})), "50 keys"),
        ("a long value", with("/metadata/lead_id", json!("v".repeat(501))), "50 keys"),
        ("nested metadata", with("/metadata/lead_id", json!({})), "50 keys"),
        ("a length", with("/lengthInMinutes", json!(30)), "lengthInMinutes"),
        ("a length of nothing", with("/lengthInMinutes", json!(0)), "lengthInMinutes"),
        ("a location of another kind", with("/location", json!({"type": "phone"})), "phone"),
        ("a location as text", with("/location", json!("here")), "location"),
        (
            "responses that are no object",
            with("/bookingFieldsResponses", json!([])),
            "bookingFieldsResponses",
        ),
        ("a team", with("/teamSlug", json!("t")), "does not play"),
        ("the past", with("/start", json!(past)), "in the past"),
        ("too soon", with("/start", json!(soon)), "too soon"),
        ("beside the grid", with("/start", json!("2050-09-05T07:10:00Z")), "not available"),
        ("at night", with("/start", json!("2050-09-05T20:00:00Z")), "not available"),
        ("on a Sunday", with("/start", json!("2050-09-04T07:00:00Z")), "not available"),
    ];
    for (name, body, says) in cases {
        let (status, answer) = town.calcom_post("bookings", body).await;
        assert_eq!(status, 400, "{name}: {answer}");
        assert_eq!(answer["status"], "error", "{name}");
        assert_eq!(answer["path"], "/v2/bookings", "{name}");
        assert_eq!(answer["error"]["code"], "BadRequestException", "{name}");
        let mut shown = answer["error"].clone();
        shown["details"]["errors"].as_array_mut().into_iter().flatten().for_each(|error| {
            error
                .as_object_mut()
                .unwrap()
                .retain(|key, _| key == "constraints" || key == "property" || key == "children");
        });
        assert!(shown.to_string().contains(says), "{name}: {shown}");
    }
    let (status, _) = town.calcom_post("bookings", with("/eventTypeId", json!(1))).await;
    assert_eq!(status, 404);
    assert!(town.sandbox.calendar().bookings().is_empty());
    assert_eq!(town.calcom_post("bookings", order(SLOT)).await.0, 201);
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused() {
    let town = Town::new().await;
    let slots = format!("slots?eventTypeId={INTRO_CALL}");
    let cases = [
        ("slots?start=2050-09-05&end=2050-09-06".to_owned(), 400),
        (format!("{slots}&start=2050-09-05"), 400),
        (format!("{slots}&end=2050-09-05"), 400),
        (format!("{slots}&start=2050-09-06&end=2050-09-01"), 400),
        (format!("{slots}&start=2050-09-05T09:00:00%2B02:00&end=2050-09-06"), 400),
        (format!("{slots}&start=2050-13-05&end=2050-09-06"), 400),
        (format!("{slots}&start=2050-09-05&end=2050-09-06&timeZone=Nowhere"), 400),
        (format!("{slots}&start=2050-09-05&end=2050-09-06&format=list"), 400),
        (format!("{slots}&start=2050-09-05&end=2050-09-06&duration=45"), 400),
        (format!("{slots}&start=2050-09-05&end=2050-09-06&start=2050-09-05"), 400),
        (format!("{slots}&startTime=2050-09-05&endTime=2050-09-06"), 400),
        ("slots?eventTypeId=1&start=2050-09-05&end=2050-09-06".to_owned(), 404),
        ("bookings?status=booked".to_owned(), 400),
        ("bookings?take=251".to_owned(), 400),
        ("bookings?take=0".to_owned(), 400),
        ("bookings?skip=-1".to_owned(), 400),
        ("bookings?sortUpdatedAt=up".to_owned(), 400),
        ("bookings?afterUpdatedAt=yesterday".to_owned(), 400),
        ("bookings?limit=1".to_owned(), 400),
        ("bookings/nobody".to_owned(), 404),
        ("event-types/1".to_owned(), 404),
        ("event-types?limit=1".to_owned(), 400),
        ("nothing".to_owned(), 404),
    ];
    for (path, expected) in cases {
        let (status, answer) = town.calcom_get(&path).await;
        assert_eq!(status, expected, "{path}: {answer}");
        assert_eq!(answer["status"], "error", "{path}");
    }
}

#[tokio::test]
async fn the_key_and_the_version_of_the_controller_are_needed() {
    let town = Town::new().await;
    let keyless = town.ask(Method::GET, "/calcom/v2/me");
    let (status, refused) = answer(keyless).await;
    assert_eq!((status.as_u16(), &refused["error"]["code"]), (401, &json!("UnauthorizedException")));
    let wrong = town.ask(Method::GET, "/calcom/v2/me").bearer_auth("cal_live_x");
    assert_eq!(answer(wrong).await.0, 401);
    for (path, version) in
        [("bookings", "2024-09-04"), ("slots", "2024-08-13"), ("event-types", "2024-08-13")]
    {
        let asked = town.ask(Method::GET, &format!("/calcom/v2/{path}")).bearer_auth(CALCOM_API_KEY);
        let (status, refused) = answer(asked.try_clone().unwrap()).await;
        assert_eq!(
            (status.as_u16(), &refused["error"]["code"]),
            (404, &json!("NotFoundException")),
            "{path}"
        );
        assert_eq!(answer(asked.header("cal-api-version", version)).await.0, 404, "{path}");
    }
    let (status, me) = town.calcom_get("me").await;
    assert_eq!((status.as_u16(), &me["data"]["timeZone"]), (200, &json!("Europe/Berlin")));
    let (_, types) = town.calcom_get("event-types").await;
    let ids: Vec<_> = types["data"].as_array().unwrap().iter().map(|kind| &kind["id"]).collect();
    assert_eq!(ids, [&json!(INTRO_CALL), &json!(STRATEGY_CONSULT)]);
}

#[tokio::test]
async fn one_request_too_many_is_429_with_the_headers() {
    let town = Town::new().await;
    town.sandbox.calendar().set_rate(3);
    for left in ["2", "1", "0"] {
        let response = town.calcom(Method::GET, "me").send().await.unwrap();
        assert_eq!(response.headers()["x-ratelimit-limit-default"], "3");
        assert_eq!(response.headers()["x-ratelimit-remaining-default"], left);
    }
    let response = town.calcom(Method::GET, "me").send().await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["x-ratelimit-reset-default"], "60");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"]["code"], "ThrottlerException");
}

#[tokio::test]
async fn a_booking_whose_answer_was_lost_is_there() {
    let town = Town::new().await;
    town.sandbox.inject(Fault {
        provider: Provider::CalCom,
        path: Some("POST /calcom/v2/bookings".to_owned()),
        count: 1,
        kind: FaultKind::AppliedNoAnswer,
    });
    assert!(town.calcom(Method::POST, "bookings").json(&order(SLOT)).send().await.is_err());
    let (_, found) = town.calcom_get("bookings?attendeeEmail=ann@example.com").await;
    assert_eq!(found["data"][0]["metadata"], json!({"lead_id": "l_1"}));
    assert_eq!(found["pagination"]["totalItems"], 1);
    town.sandbox.inject(Fault {
        provider: Provider::CalCom,
        path: None,
        count: 2,
        kind: FaultKind::RateLimited { retry_after_s: None },
    });
    let (status, refused) = town.calcom_get("me").await;
    assert_eq!((status.as_u16(), &refused["error"]["code"]), (429, &json!("ThrottlerException")));
}
