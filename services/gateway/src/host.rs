//! By which host a request calls us.
//!
//! A page can have its own name resolved to this machine, and then its browser calls us as if we were the page's own
//! server; the host in the request gives it away. The invariant: a request that names two hosts names none.

use axum::http::{header, request::Parts, uri::Authority};
use url::{Host, Url};

/// The host that a request names.
pub(crate) fn of(parts: &Parts) -> Option<Authority> {
    let mut named = parts.headers.get_all(header::HOST).iter();
    let (host, more) = (named.next(), named.next());
    let host = host.and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let authority = parts.uri.authority().cloned().or(host)?;
    (more.is_none() && !authority.as_str().contains('@')).then_some(authority)
}

/// Whether the public reaches us by an address that is not this machine's own.
pub(crate) fn is_public(base: Option<&Url>) -> bool {
    base.and_then(Url::host_str).is_some_and(|host| !is_loopback(host))
}

/// Whether this is a name of the machine itself, wherever it is said.
pub(crate) fn is_loopback(host: &str) -> bool {
    match Host::parse(host) {
        Ok(Host::Domain(name)) => name == "localhost",
        Ok(Host::Ipv4(ip)) => ip.is_loopback(),
        Ok(Host::Ipv6(ip)) => ip.is_loopback(),
        Err(_) => false,
    }
}
