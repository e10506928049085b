//! The doors of this service: each decodes, calls, encodes.

pub(crate) mod actions;
pub(crate) mod directory;
pub(crate) mod memberships;
mod wire;

use domain::{Fault, Kind, Reason};
use proto::common::v1::Caller;
use providers::Error;

/// The verified Whop user of a call.
pub(crate) fn member(caller: Option<Caller>) -> Result<String, Error> {
    let user = caller.unwrap_or_default().verified_whop_user_id;
    if user.is_empty() {
        let why = "this is for members whose token was checked";
        return Err(Fault::new(Kind::Unauthenticated, Reason::UserTokenWrong, why).into());
    }
    if domain::id::check(&user).is_err() {
        return Err(Fault::invalid("caller.verified_whop_user_id", "must be an id").into());
    }
    Ok(user)
}

/// What makes a repetition of the same call recognisable; required where something is done.
pub(crate) fn request_id(id: &str) -> Result<&str, Error> {
    domain::id::check(id)
        .map(|()| id)
        .map_err(|problem| Fault::invalid("request_id", format!("request_id {problem}")).into())
}

/// There is no such membership, or it is another user's.
pub(crate) fn membership_unknown() -> Error {
    Fault::new(Kind::NotFound, Reason::MembershipUnknown, "there is no such membership").into()
}
