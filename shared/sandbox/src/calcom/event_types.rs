//! What can be booked, and whose calendar it is, as the API shows it.
//!
//! The invariant: both answers are whole objects of the published schema, without a member that it does not have.

use serde_json::{Value, json};

use super::{
    ask::Ask,
    check::Check,
    error::Refusal,
    hours,
    model::{EVENT_TYPES, EventType, OWNER},
};

/// `GET /v2/me`.
pub(super) fn me(ask: &Ask) -> Result<Value, Refusal> {
    let query = ask.query()?;
    let mut check = Check::new(&query);
    check.only(&[]);
    check.finish()?;
    Ok(json!({
        "id": OWNER.id,
        "username": OWNER.username,
        "email": OWNER.email,
        "name": OWNER.name,
        "avatarUrl": null,
        "bio": null,
        "timeFormat": 24,
        "defaultScheduleId": 512,
        "weekStart": "Monday",
        "timeZone": OWNER.time_zone,
        "organizationId": null,
    }))
}

/// `GET /v2/event-types`.
pub(super) fn list(ask: &Ask, confirmed_first: impl Fn(i64) -> bool) -> Result<Value, Refusal> {
    let query = ask.query()?;
    let mut check = Check::new(&query);
    check.only(&["username", "eventSlug", "usernames", "orgSlug", "orgId", "sortCreatedAt"]);
    check.unplayed(&["usernames", "orgSlug", "orgId"]);
    let (username, slug) = (check.text("username"), check.text("eventSlug"));
    let order = check.one_of("sortCreatedAt", &["asc", "desc"]);
    check.finish()?;
    let mut found: Vec<_> = EVENT_TYPES
        .iter()
        .filter(|_| username.is_none_or(|name| name == OWNER.username))
        .filter(|event_type| slug.is_none_or(|slug| slug == event_type.slug))
        .map(|event_type| view(event_type, confirmed_first(event_type.id)))
        .collect();
    if order == Some("desc") {
        found.reverse();
    }
    Ok(found.into())
}

/// `GET /v2/event-types/{id}`.
pub(super) fn get(ask: &Ask, id: &str, confirmed_first: impl Fn(i64) -> bool) -> Result<Value, Refusal> {
    let query = ask.query()?;
    let mut check = Check::new(&query);
    check.only(&[]);
    check.finish()?;
    let id: i64 = id.parse().map_err(|_| Refusal::bad("Validation failed (numeric string is expected)"))?;
    let event_type =
        EventType::of(id).ok_or_else(|| Refusal::not_found(format!("Event type with id {id} not found")))?;
    Ok(view(event_type, confirmed_first(id)))
}

fn view(event_type: &EventType, confirmed_first: bool) -> Value {
    let field = |kind: &str, label: &str, placeholder: &str| {
        json!({"type": kind, "slug": kind, "label": label, "placeholder": placeholder, "isDefault": true,
            "required": true, "disableOnPrefill": false})
    };
    let mut email = field("email", "your_email", "john.doe@example.com");
    email["hidden"] = false.into();
    let mut view = json!({
        "id": event_type.id,
        "ownerId": OWNER.id,
        "lengthInMinutes": event_type.minutes,
        "title": event_type.title,
        "slug": event_type.slug,
        "description": event_type.description,
        "locations": [{"type": "integration", "integration": "cal-video"}],
        "bookingFields": [field("name", "your_name", "John Doe"), email],
        "disableGuests": false,
        "slotInterval": null,
        "minimumBookingNotice": hours::NOTICE_MINUTES,
        "beforeEventBuffer": 0,
        "afterEventBuffer": 0,
        "recurrence": null,
        "metadata": {},
        "price": 0,
        "currency": "usd",
        "lockTimeZoneToggleOnBookingPage": false,
        "forwardParamsSuccessRedirect": null,
        "successRedirectUrl": null,
        "isInstantEvent": false,
        "scheduleId": 512,
        "hidden": false,
        "bookingRequiresAuthentication": false,
        "users": [OWNER.username],
        "bookingUrl": format!("https://cal.com/{}/{}", OWNER.username, event_type.slug),
    });
    if confirmed_first {
        view["confirmationPolicy"] = json!({"type": "always", "blockUnconfirmedBookingsInBooker": true});
    }
    view
}
