//! Statements of providers at the gRPC door: what is taken, and what is refused where.

use prost_types::value::Kind;
use proto::{
    common::v1::Money,
    sheets::v1::{
        BookingStatement, ListRowsRequest, Party, PaymentStatement, RecordBookingRequest,
        RecordPaymentRequest, RecordPaymentResponse, RecordSubscriptionRequest, SubscriptionStatement, Tab,
        bookkeeping_service_client::BookkeepingServiceClient,
    },
};
use serde_json::json;
use tonic::{Code, Status};

use super::desk::Desk;

fn at(text: &str) -> Option<prost_types::Timestamp> {
    let time: jiff::Timestamp = text.parse().unwrap();
    Some(prost_types::Timestamp { seconds: time.as_second(), nanos: 0 })
}

fn euros(minor_units: i64) -> Option<Money> {
    Some(Money { minor_units, currency_code: "EUR".into() })
}

fn party() -> Option<Party> {
    Some(Party { email: "Ann@Example.com".into(), name: "Ann Example".into(), ..Party::default() })
}

fn booking() -> BookingStatement {
    BookingStatement {
        provider: "cal.com".into(),
        uids: vec!["u1".into(), "u2".into()],
        version: 2,
        create_time: at("2025-10-01T10:00:00Z"),
        start_time: at("2025-11-01T18:00:00Z"),
        end_time: at("2025-11-01T18:30:00Z"),
        meeting_type: "Consult 30".into(),
        status: "rescheduled".into(),
        was_booked: None,
    }
}

fn payment() -> PaymentStatement {
    PaymentStatement {
        payment_id: "pi_1".into(),
        provider: "stripe".into(),
        version: 1,
        create_time: at("2025-10-01T10:00:00Z"),
        amount: euros(1_050),
        status: "partially_refunded".into(),
        metadata: r#"{"item":"audit"}"#.into(),
        refunded: euros(50),
        ..PaymentStatement::default()
    }
}

fn subscription() -> SubscriptionStatement {
    SubscriptionStatement {
        subscription_id: "sub_1".into(),
        provider: "stripe".into(),
        version: 1,
        create_time: at("2025-10-01T10:00:00Z"),
        status: "active".into(),
        mrr: euros(149_000),
        ..SubscriptionStatement::default()
    }
}

impl Desk {
    fn bookkeeping(&self) -> BookkeepingServiceClient<chassis::Link> {
        BookkeepingServiceClient::new(self.link())
    }

    async fn pay(&self, payment: PaymentStatement) -> Result<RecordPaymentResponse, Status> {
        let request = RecordPaymentRequest { party: party(), payment: Some(payment), ..Default::default() };
        self.bookkeeping().record_payment(request).await.map(tonic::Response::into_inner)
    }
}

/// The field that a fault names: its message begins with it.
fn field(refused: Result<impl std::fmt::Debug, Status>) -> String {
    let status = refused.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    status.message().split(' ').next().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_stated_is_in_the_books_and_survives_a_restart() {
    let desk = Desk::start().await;
    let request = RecordBookingRequest { party: party(), booking: Some(booking()), ..Default::default() };
    let booked = desk.bookkeeping().record_booking(request.clone()).await.unwrap().into_inner();
    let paid = desk.pay(payment()).await.unwrap();
    let subscribed = RecordSubscriptionRequest {
        party: party(),
        subscription: Some(subscription()),
        ..Default::default()
    };
    let subscribed = desk.bookkeeping().record_subscription(subscribed).await.unwrap().into_inner();
    assert!(booked.accepted && paid.accepted && subscribed.accepted);
    assert_eq!((&paid.contact_id, &subscribed.contact_id), (&booked.contact_id, &booked.contact_id));
    let desk = desk.restart().await;
    let again = desk.bookkeeping().record_booking(request).await.unwrap().into_inner();
    assert_eq!((again.booking_id.clone(), again.accepted), (booked.booking_id, false));
    let row = desk.row(Tab::Bookings).await;
    assert_eq!((&row["id"], &row["cal_event_id"]), (&json!(again.booking_id), &json!("u2")));
    let row = desk.row(Tab::Payments).await;
    let metadata: serde_json::Value = serde_json::from_str(row["metadata"].as_str().unwrap()).unwrap();
    assert_eq!(metadata, json!({"item": "audit", "refunded": {"minor": 50, "currency": "EUR"}}));
    assert_eq!(desk.row(Tab::Contacts).await["last_name"], "Example");
    assert_eq!(desk.counts().await, [1, 0, 1, 1, 1, 1, 0]);
}

#[tokio::test]
async fn what_a_subscription_brought_is_known_when_it_is_over() {
    let desk = Desk::start().await;
    let end_time = at("2025-10-30T10:00:00Z");
    let ended = SubscriptionStatement {
        version: 2,
        status: "canceled".into(),
        mrr: euros(0),
        cancel_time: at("2025-10-05T10:00:00Z"),
        end_time,
        ..subscription()
    };
    for subscription in [subscription(), ended] {
        let request = RecordSubscriptionRequest {
            party: party(),
            subscription: Some(subscription),
            ..Default::default()
        };
        assert!(desk.bookkeeping().record_subscription(request).await.unwrap().into_inner().accepted);
    }
    let request = ListRowsRequest { tab: Tab::Subscriptions.into(), ..Default::default() };
    let row = desk.ledger().list_rows(request).await.unwrap().into_inner().rows.remove(0);
    let minor = |cells: Option<prost_types::Struct>| {
        let Some(Kind::StructValue(mrr)) = cells.unwrap().fields["mrr"].kind.clone() else {
            panic!("no money")
        };
        mrr.fields["minor"].kind.clone()
    };
    let number = |number: f64| Some(Kind::NumberValue(number));
    let ended_at = row.former.clone().unwrap().fields["ended_at"].kind.clone();
    assert_eq!(ended_at, Some(Kind::StringValue("2025-10-30T10:00:00Z".into())));
    assert_eq!((minor(row.cells), minor(row.former)), (number(0.0), number(149_000.0)));
}

#[tokio::test]
async fn what_is_wrong_is_said_by_its_place_and_nothing_is_written() {
    let desk = Desk::start().await;
    let bookings = [
        ("booking.provider", BookingStatement { provider: String::new(), ..booking() }),
        ("booking.uids", BookingStatement { uids: vec![], ..booking() }),
        ("booking.uids[1]", BookingStatement { uids: vec!["u1".into(), "a b".into()], ..booking() }),
        ("booking.version", BookingStatement { version: 0, ..booking() }),
        ("booking.create_time", BookingStatement { create_time: None, ..booking() }),
        ("booking.start_time", BookingStatement { start_time: None, ..booking() }),
        ("booking.end_time", BookingStatement { end_time: at("2025-11-01T17:00:00Z"), ..booking() }),
        ("booking.status", BookingStatement { status: "cancelled".into(), ..booking() }),
    ];
    for (place, booking) in bookings {
        let request = RecordBookingRequest { booking: Some(booking), ..Default::default() };
        assert_eq!(field(desk.bookkeeping().record_booking(request).await), place);
    }
    let odd = Money { minor_units: 1, currency_code: "EURO".into() };
    let dollars = Money { minor_units: 1, currency_code: "USD".into() };
    let payments = [
        ("payment.payment_id", PaymentStatement { payment_id: "pi/1".into(), ..payment() }),
        ("payment.provider", PaymentStatement { provider: " ".into(), ..payment() }),
        ("payment.version", PaymentStatement { version: 0, ..payment() }),
        ("payment.amount", PaymentStatement { amount: None, ..payment() }),
        ("payment.amount.currency_code", PaymentStatement { amount: Some(odd), ..payment() }),
        ("payment.refunded", PaymentStatement { refunded: Some(dollars), ..payment() }),
        ("payment.status", PaymentStatement { status: "succeeded".into(), ..payment() }),
        ("payment.invoice_id", PaymentStatement { invoice_id: "in 1".into(), ..payment() }),
        ("payment.metadata", PaymentStatement { metadata: "[1]".into(), ..payment() }),
    ];
    for (place, payment) in payments {
        assert_eq!(field(desk.pay(payment).await), place);
    }
    let subscriptions = [
        (
            "subscription.subscription_id",
            SubscriptionStatement { subscription_id: "".into(), ..subscription() },
        ),
        ("subscription.status", SubscriptionStatement { status: String::new(), ..subscription() }),
        ("subscription.version", SubscriptionStatement { version: 0, ..subscription() }),
        (
            "subscription.start_time",
            SubscriptionStatement {
                start_time: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }),
                ..subscription()
            },
        ),
    ];
    for (place, subscription) in subscriptions {
        let request = RecordSubscriptionRequest { subscription: Some(subscription), ..Default::default() };
        assert_eq!(field(desk.bookkeeping().record_subscription(request).await), place);
    }
    let party = Some(Party { visitor_id: "vis 1".into(), ..Party::default() });
    let request = RecordPaymentRequest { party, payment: Some(payment()), ..Default::default() };
    assert_eq!(field(desk.bookkeeping().record_payment(request).await), "party.visitor_id");
    assert_eq!(field(desk.bookkeeping().record_booking(RecordBookingRequest::default()).await), "booking");
    assert_eq!(desk.counts().await, [0; 7]);
}

#[tokio::test]
async fn a_long_text_is_cut_and_loses_no_row() {
    let desk = Desk::start().await;
    let long = |word: &str| format!(" {}", word.repeat(5_000));
    let party = || {
        let party = Party { name: long("ä "), phone: long("1"), page: long("/p"), ..party().unwrap() };
        Some(Party { site: long("s"), ..party })
    };
    let statement = BookingStatement { meeting_type: long("t"), ..booking() };
    let request = RecordBookingRequest { party: party(), booking: Some(statement), ..Default::default() };
    let booked = desk.bookkeeping().record_booking(request).await.unwrap().into_inner();
    let metadata = json!({"a": 1, "b": "x".repeat(20_000), "item": "audit"}).to_string();
    let statement = PaymentStatement { method: long("m"), metadata, ..payment() };
    let request = RecordPaymentRequest { party: party(), payment: Some(statement), ..Default::default() };
    let paid = desk.bookkeeping().record_payment(request).await.unwrap().into_inner();
    let statement = SubscriptionStatement {
        product: long("p"),
        plan: long("q"),
        status: long("r").trim().to_owned(),
        ..subscription()
    };
    let request =
        RecordSubscriptionRequest { party: party(), subscription: Some(statement), ..Default::default() };
    let subscribed = desk.bookkeeping().record_subscription(request).await.unwrap().into_inner();
    assert_eq!([&paid.contact_id, &subscribed.contact_id], [&booked.contact_id; 2]);

    let row = desk.row(Tab::Bookings).await;
    assert_eq!(row["meeting_type"], "t".repeat(500));
    let row = desk.row(Tab::Payments).await;
    let metadata: serde_json::Value = serde_json::from_str(row["metadata"].as_str().unwrap()).unwrap();
    let refunded = json!({"minor": 50, "currency": "EUR"});
    assert_eq!(metadata, json!({"a": 1, "b": "x".repeat(500), "item": "audit", "refunded": refunded}));
    assert_eq!(row["method"], "m".repeat(500));
    let row = desk.row(Tab::Subscriptions).await;
    assert_eq!(["product", "plan", "status"].map(|column| row[column].as_str().unwrap().len()), [500; 3]);
    let row = desk.row(Tab::Contacts).await;
    assert_eq!((&row["first_name"], &row["phone"]), (&json!("ä"), &serde_json::Value::Null));
    assert_eq!(row["last_name"].as_str().unwrap().chars().count(), 497, "ends with a letter");
}

#[tokio::test]
async fn a_long_address_is_nobodys() {
    let desk = Desk::start().await;
    let long = format!("{}@example.com", "a".repeat(600));
    let party = Some(Party { email: long, ..Party::default() });
    let request = RecordPaymentRequest { party, payment: Some(payment()), ..Default::default() };
    let paid = desk.bookkeeping().record_payment(request).await.unwrap().into_inner();
    assert_eq!((&*paid.contact_id, paid.accepted), ("", true));
    assert_eq!(desk.row(Tab::Payments).await["status"], "partially_refunded");
}

#[tokio::test]
async fn metadata_that_is_too_much_is_told_as_far_as_it_fits() {
    let desk = Desk::start().await;
    let many: serde_json::Map<_, _> =
        (0..100).map(|nth| (format!("k{nth:02}"), json!("x".repeat(400)))).collect();
    let metadata = serde_json::Value::from(many).to_string();
    desk.pay(PaymentStatement { metadata, refunded: None, ..payment() }).await.unwrap();
    let row = desk.row(Tab::Payments).await;
    let kept = row["metadata"].as_str().unwrap();
    assert!((9_000..=10_000).contains(&kept.len()), "{}", kept.len());
    assert_eq!(serde_json::from_str::<serde_json::Value>(kept).unwrap()["k00"], "x".repeat(400));
}
