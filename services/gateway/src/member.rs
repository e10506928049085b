//! Who a member is: the Whop user whose token stands beside a request, or for whom a client secret was sealed.
//!
//! Whop shows an app in a frame whose origin is a proxy of Whop's, which adds the token to every request of that origin.
//! The invariant: nobody is a member but by a token that whop-gateway has checked or by a secret that we signed, and two
//! proofs that disagree are none.

use std::time::Duration;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chassis::deadline;
use domain::{
    Fault, Kind, Reason,
    id::{self, VisitorId},
    token::Keys,
    visit::visitor_of_member,
};
use jiff::Timestamp;
use proto::{
    common::v1::Caller,
    session::v1::Member as Standing,
    whop::v1::{IdentifyRequest, ListMembershipsRequest, MembershipStatus},
};
use serde::Deserialize;

use crate::{caller::Client, chatkit::bearer, cors, door::Door, error, problem::Problem};

/// Header that Whop's proxy adds.
pub(crate) const TOKEN: &str = "x-whop-user-token";
/// The service that knows members.
pub(crate) const SERVICE: &str = "whop-gateway";
/// How long a chat waits to know what its member has: longer than whop-gateway waits for Whop before it tells what it knew.
const PATIENCE: Duration = Duration::from_secs(6);

/// A Whop user who proved to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// `user_…`
    pub(crate) user: String,
    /// Whom they talk as.
    pub(crate) visitor: VisitorId,
}

// === impl Member ===

impl Member {
    fn new(user: String, keys: &Keys) -> Self {
        Self { visitor: visitor_of_member(&user, keys), user }
    }

    /// The caller as the services see it.
    pub(crate) fn caller(&self, client: &Client) -> Caller {
        Caller {
            visitor_id: self.visitor.to_string(),
            verified_whop_user_id: self.user.clone(),
            ..client.caller(None)
        }
    }
}

impl FromRequestParts<Door> for Member {
    type Rejection = Problem;

    /// By either proof.
    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Problem> {
        let Ok(client) = Client::from_request_parts(parts, door).await;
        let sealed = bearer::open(&door.keys, &parts.headers, Timestamp::now());
        let sealed = sealed.and_then(|talker| talker.whop_user).map(|user| Self::new(user, &door.keys));
        match (shown(door, &client, &parts.headers).await?, sealed) {
            (Some(one), Some(other)) if one != other => Err(refused().into()),
            (Some(member), _) | (None, Some(member)) => Ok(member),
            (None, None) => Err(missing().into()),
        }
    }
}

/// The member whose token stands beside a request of a page's script; `None` if none does.
pub(crate) async fn shown(
    door: &Door,
    client: &Client,
    headers: &HeaderMap,
) -> Result<Option<Member>, Fault> {
    let Some(token) = token(headers)? else { return Ok(None) };
    if !is_own_page(headers) {
        // The proxy adds the token to whatever a browser sends to its origin, on whosever page.
        let message = "a Whop user's token counts on requests of the app's own page only";
        return Err(Fault::new(Kind::Forbidden, Reason::OriginNotAllowed, message));
    }
    identify(door, client, token).await.map(Some)
}

/// The token beside a request; one that stands there twice is none of Whop's.
pub(crate) fn token(headers: &HeaderMap) -> Result<Option<&str>, Fault> {
    let mut shown = headers.get_all(TOKEN).iter();
    let (Some(token), more) = (shown.next(), shown.next()) else { return Ok(None) };
    let text = token.to_str().ok().filter(|text| !text.is_empty() && more.is_none());
    text.map(Some).ok_or_else(refused)
}

/// That no token beside a client secret names another than the secret, which is the proof: so nobody has to check the
/// token, and a page whose member has changed gets no answer of the one before.
pub(crate) fn agree(headers: &HeaderMap, sealed: Option<&str>) -> Result<(), Fault> {
    let Some(token) = token(headers)? else { return Ok(()) };
    let named = subject(token);
    if named.is_some() && named.as_deref() == sealed { Ok(()) } else { Err(refused()) }
}

/// Whose a token is, as whop-gateway says.
pub(crate) async fn identify(door: &Door, client: &Client, token: &str) -> Result<Member, Fault> {
    let told = visitor_of_member(&subject(token).ok_or_else(refused)?, &door.keys);
    door.forgeries.check(&client.ip_key)?;
    let request = IdentifyRequest {
        caller: Some(Caller { visitor_id: told.to_string(), ..client.caller(None) }),
        request_id: chassis::request_id::current().unwrap_or_default(),
        user_token: token.to_owned(),
    };
    let answer = error::ask!(SERVICE, door.memberships(), identify(request)).await.inspect_err(|fault| {
        if fault.reason == Reason::UserTokenWrong {
            door.forgeries.note(&client.ip_key);
        }
    })?;
    let member = Member::new(answer.whop_user_id, &door.keys);
    if id::check(&member.user).is_err() || told != member.visitor {
        tracing::error!(peer.service = SERVICE, "answered another user than the token tells");
        return Err(Fault::internal());
    }
    Ok(member)
}

/// What the member has first, what gives access before all else; `None` if that cannot be told soon, which costs them no
/// chat but one for members.
pub(crate) async fn standing(door: &Door, caller: Caller) -> Option<Standing> {
    let request = ListMembershipsRequest { caller: Some(caller) };
    let memberships = door.memberships();
    let call = error::ask!(SERVICE, memberships, list_memberships(request));
    let first = deadline::within(PATIENCE, call).await.ok()?.memberships.into_iter().next();
    let standing = |first: proto::whop::v1::Membership| {
        let status = word(first.status()).to_owned();
        Standing { has_access: first.has_access, plan: first.plan, status }
    };
    Some(first.map(standing).unwrap_or_default())
}

/// A status in Whop's words.
pub(crate) const fn word(status: MembershipStatus) -> &'static str {
    match status {
        MembershipStatus::Unspecified => "unknown",
        MembershipStatus::Trialing => "trialing",
        MembershipStatus::Active => "active",
        MembershipStatus::PastDue => "past_due",
        MembershipStatus::Completed => "completed",
        MembershipStatus::Canceled => "canceled",
        MembershipStatus::Expired => "expired",
        MembershipStatus::Unresolved => "unresolved",
        MembershipStatus::Drafted => "drafted",
    }
}

/// Whether nothing says that the request comes from another page than the app's own. A browser that says nothing is an
/// old one; [`cors::guard`] has looked at its `Origin`.
fn is_own_page(headers: &HeaderMap) -> bool {
    headers.get_all(cors::FETCH_SITE).iter().all(|site| site == cors::SAME_ORIGIN || site == "none")
}

/// Whom a token says that it is about. Nobody has checked it: it is asked with, and never believed.
fn subject(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        sub: String,
    }
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok().map(|Claims { sub }| sub)
}

/// Nothing proves who it is.
fn missing() -> Fault {
    let message = "this is for members: open it inside Whop, whose proxy adds X-Whop-User-Token";
    Fault::new(Kind::Unauthenticated, Reason::UserTokenWrong, message)
}

fn refused() -> Fault {
    Fault::new(Kind::Unauthenticated, Reason::UserTokenWrong, "the token of the Whop user was not accepted")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(shown: &[&[u8]]) -> Result<Option<String>, Reason> {
        let mut headers = HeaderMap::new();
        for value in shown {
            headers.append(TOKEN, axum::http::HeaderValue::from_bytes(value).unwrap());
        }
        token(&headers).map(|token| token.map(str::to_owned)).map_err(|fault| fault.reason)
    }

    #[test]
    fn one_token_is_read_and_no_other_number() {
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[b"a.b.c"]), Ok(Some("a.b.c".into())));
        for wrong in [&[&b""[..]][..], &[b"a.b.c", b"a.b.c"], &[b"\xff"], &[b"", b"a.b.c"]] {
            assert_eq!(of(wrong), Err(Reason::UserTokenWrong), "{wrong:?}");
        }
    }

    #[test]
    fn whom_a_token_names_is_read_if_it_is_there() {
        let token = |payload: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload));
        assert_eq!(subject(&token(r#"{"sub":"user_1","aud":["x"]}"#)).as_deref(), Some("user_1"));
        for other in [r#"{"sub":1}"#, "{}", "[]", "", r#"{"sub":"user_1","sub":"user_2"}"#] {
            assert_eq!(subject(&token(other)), None, "{other}");
        }
        assert_eq!([subject(""), subject("a"), subject("a.!.c")], [None, None, None]);
    }

    #[test]
    fn every_status_is_whops_own_word() {
        for number in 1..=8 {
            let status = MembershipStatus::try_from(number).unwrap();
            let name = status.as_str_name().strip_prefix("MEMBERSHIP_STATUS_").unwrap();
            assert_eq!(word(status), name.to_ascii_lowercase());
        }
        assert!(MembershipStatus::try_from(9).is_err(), "a new word is looked at here");
    }
}
