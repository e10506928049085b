//! Who is calling: the network client, and the visitor behind a browser.
//!
//! The invariant: a visitor is a token that we signed, or follows from a device id that nobody can guess, or is new.
//! There is no shared visitor, and nothing else in a request identifies anybody.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};
use domain::{
    Fault,
    id::VisitorId,
    token::{Keys, Purpose},
    visit::visitor_of_device,
};
use jiff::Timestamp;
use proto::common::v1::Caller;

use crate::{client_ip, cors, door::Door, host, origin};

/// Header in which the widget shows its visitor token.
pub(crate) const VISITOR: &str = "x-frontdesk-visitor";

/// The other end of the connection, as far as it can be trusted.
pub(crate) struct Client {
    /// Keyed hash of its address.
    pub(crate) ip_key: String,
    /// Host of the page that caused the request; empty outside a browser.
    site: String,
    /// On this machine, nothing in between, no stranger's page behind it, and no public to come from.
    pub(crate) local: bool,
}

/// A visitor, and the token that says so next time.
#[derive(Debug)]
pub(crate) struct Visitor {
    pub(crate) id: VisitorId,
    pub(crate) token: String,
}

/// What a request says about its visitor.
#[derive(Clone, Copy, Default)]
pub(crate) struct Claim<'a> {
    /// Visitor tokens, the one that wins first.
    pub(crate) tokens: [Option<&'a str>; 2],
    /// The browser's own id.
    pub(crate) device_id: Option<&'a str>,
}

// === impl Client ===

impl Client {
    /// The caller as the services see it; `visitor` is absent for machines.
    pub(crate) fn caller(&self, visitor: Option<&Visitor>) -> Caller {
        Caller {
            visitor_id: visitor.map(|visitor| visitor.id.to_string()).unwrap_or_default(),
            ip_key: self.ip_key.clone(),
            site: self.site.clone(),
            ..Caller::default()
        }
    }
}

impl FromRequestParts<Door> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Infallible> {
        // Without a peer there is no address to trust, least of all loopback.
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip());
        let ip = door.trust.client(peer, &parts.headers);
        Ok(Self {
            ip_key: client_ip::key(ip, &door.keys),
            site: site(&parts.headers),
            local: ip.is_loopback() && is_from_here(door, parts),
        })
    }
}

/// Whether nothing says that a request which comes by loopback was made elsewhere. A proxy that says nothing of itself
/// passes on the public's; a stranger's page, open in a browser on this machine, may even call us by its own name.
fn is_from_here(door: &Door, parts: &Parts) -> bool {
    let named = host::of(parts).is_some_and(|authority| host::is_loopback(authority.host()));
    let public = host::is_public(door.public.as_ref());
    let foreign = matches!(cors::judge(door, parts), cors::Verdict::Foreign);
    named && !public && !foreign && !client_ip::is_forwarded(&parts.headers)
}

fn site(headers: &HeaderMap) -> String {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let url = origin.and_then(origin::parse);
    url.as_ref().and_then(url::Url::host_str).unwrap_or_default().to_owned()
}

// === impl Visitor ===

impl Visitor {
    /// The visitor of a request; only a weak device id is an error, since an invalid token is an absent one.
    pub(crate) fn recognise(keys: &Keys, claim: Claim<'_>, now: Timestamp) -> Result<Self, Fault> {
        let mut shown = claim.tokens.into_iter().flatten();
        if let Some(visitor) = shown.find_map(|token| Self::open(keys, token, now)) {
            return Ok(visitor);
        }
        let derive = |device_id| visitor_of_device(device_id, keys);
        let id = claim.device_id.map_or_else(|| Ok(VisitorId::random()), derive)?;
        Ok(Self { token: keys.seal(Purpose::Visitor, id.as_str(), now), id })
    }

    /// Keeps the shown token while more than half of its life is left.
    fn open(keys: &Keys, token: &str, now: Timestamp) -> Option<Self> {
        let claims = keys.open(Purpose::Visitor, token, now)?;
        let id: VisitorId = claims.subject.parse().ok()?;
        let left = claims.expires_at - now.as_second();
        let fresh = left > Purpose::Visitor.lifetime().as_secs() / 2;
        let token = if fresh { token.to_owned() } else { keys.seal(Purpose::Visitor, id.as_str(), now) };
        Some(Self { id, token })
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;
    const DEVICE: Option<&str> = Some("5f0c6f1e-8a57-4c0b-9a55-3c0b6f2f9e11");

    fn keys() -> Keys {
        Keys::parse(&Keys::generate()).unwrap()
    }

    fn days(count: i64) -> Timestamp {
        NOW + SignedDuration::from_hours(24 * count)
    }

    #[test]
    fn a_token_wins_over_a_device() {
        let keys = keys();
        let known = Visitor::recognise(&keys, Claim::default(), NOW).unwrap();
        let claim = Claim { tokens: [Some(&known.token), None], device_id: DEVICE };
        let again = Visitor::recognise(&keys, claim, NOW).unwrap();
        assert_eq!((again.id, again.token), (known.id, known.token));
    }

    #[test]
    fn the_first_valid_token_wins() {
        let keys = keys();
        let [first, second] = [1, 2].map(|_| Visitor::recognise(&keys, Claim::default(), NOW).unwrap());
        let both = Claim { tokens: [Some(&first.token), Some(&second.token)], ..Claim::default() };
        assert_eq!(Visitor::recognise(&keys, both, NOW).unwrap().id, first.id);
        let forged = Claim { tokens: [Some("fd1.v.k1.e30.AAAA"), Some(&second.token)], ..Claim::default() };
        assert_eq!(Visitor::recognise(&keys, forged, NOW).unwrap().id, second.id);
    }

    #[test]
    fn an_invalid_token_is_an_absent_one() {
        let keys = keys();
        let device = Visitor::recognise(&keys, Claim { device_id: DEVICE, ..Claim::default() }, NOW).unwrap();
        let other = keys.seal(Purpose::ClientSecret, "vis_1", NOW);
        let ended = keys.seal(Purpose::Visitor, "vis_1", days(-401));
        for token in ["", "vis_1", other.as_str(), ended.as_str()] {
            let claim = Claim { tokens: [Some(token), None], device_id: DEVICE };
            assert_eq!(Visitor::recognise(&keys, claim, NOW).unwrap().id, device.id, "{token:?}");
        }
    }

    #[test]
    fn a_token_is_renewed_at_half_of_its_life() {
        let keys = keys();
        let first = Visitor::recognise(&keys, Claim::default(), NOW).unwrap();
        let claim = Claim { tokens: [Some(&first.token), None], ..Claim::default() };
        assert_eq!(Visitor::recognise(&keys, claim, days(199)).unwrap().token, first.token);
        let renewed = Visitor::recognise(&keys, claim, days(201)).unwrap();
        assert_eq!(renewed.id, first.id);
        assert!(keys.open(Purpose::Visitor, &renewed.token, days(600)).is_some());
    }

    #[test]
    fn nobody_is_shared() {
        let keys = keys();
        let [one, other] = [1, 2].map(|_| Visitor::recognise(&keys, Claim::default(), NOW).unwrap().id);
        assert_ne!(one, other);
        let weak = Claim { device_id: Some("anon"), ..Claim::default() };
        assert_eq!(Visitor::recognise(&keys, weak, NOW).unwrap_err().field.as_deref(), Some("deviceId"));
    }
}
