//! What the books are told of a meeting.

use proto::sheets::v1::{BookingStatement, Party, RecordBookingRequest};
use providers::books::{Stated, Statement};
use store::Store;

use super::{
    Meeting, Status,
    meeting::{MEETINGS, PROVIDER},
};
use crate::grpc::wire_time;

/// What the meeting under this id states, as it stands now; `None` if there is none. Of a person who was forgotten it
/// states times and status, under uids that the books know.
///
/// # Errors
/// The store's.
pub(crate) async fn statement(store: &dyn Store, id: &str) -> Result<Option<Stated>, store::Error> {
    let found = MEETINGS.get(store, id).await?;
    Ok(found.map(|found| {
        let live = found.value.live;
        Stated { statement: Statement::Booking(request(&found.value)), live }
    }))
}

fn request(meeting: &Meeting) -> RecordBookingRequest {
    RecordBookingRequest {
        caller: None,
        request_id: format!("{}:{}", meeting.id(), meeting.version),
        party: Some(party(meeting)),
        booking: Some(BookingStatement {
            provider: PROVIDER.to_owned(),
            uids: meeting.uids.clone(),
            version: meeting.version,
            create_time: Some(wire_time(meeting.created_at)),
            start_time: Some(wire_time(meeting.start)),
            end_time: Some(wire_time(meeting.end)),
            meeting_type: meeting.event_type_slug.clone(),
            status: status(meeting).to_owned(),
            was_booked: Some(meeting.was_booked),
        }),
    }
}

fn party(meeting: &Meeting) -> Party {
    if meeting.erased {
        return Party::default();
    }
    let attendee = &meeting.attendee;
    Party {
        email: attendee.email.clone(),
        phone: attendee.phone.clone(),
        name: attendee.name.clone(),
        ..meeting.owner.party()
    }
}

/// The word of the books.
fn status(meeting: &Meeting) -> &'static str {
    match meeting.status {
        Status::Requested => "requested",
        Status::Booked if meeting.no_show => "no_show",
        Status::Booked if meeting.reschedules() > 0 => "rescheduled",
        Status::Booked => "booked",
        Status::Canceled => "canceled",
        Status::Rejected => "rejected",
    }
}
