//! The client's network address, as far as it can be trusted.
//!
//! The invariant: what a client writes into `X-Forwarded-For` itself never counts; only the entries that proxies of
//! ours appended do, and those stand at the right.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};
use domain::{id::hex, token::Keys};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

/// Header in which a trusted front shows [`Trust::forwarder`].
const FORWARDER: &str = "x-frontdesk-forwarder";
const X_FORWARDED_FOR: &str = "x-forwarded-for";
/// What the names of `X-Forwarded-For`, `-Host`, `-Proto`, `-Port`, `-Server` and their like begin with.
const X_FORWARDED: &str = "x-forwarded-";
/// Other headers that only a proxy adds.
const PASSED_ON: [&str; 4] = ["forwarded", "via", "x-real-ip", FORWARDER];

/// Whom we believe about addresses.
pub(crate) struct Trust {
    /// Proxies of ours that append to `X-Forwarded-For`.
    pub(crate) hops: usize,
    /// Whoever knows this may add one hop.
    pub(crate) forwarder: Option<SecretString>,
}

// === impl Trust ===

impl Trust {
    /// The client's address: the peer's, or the entry of `X-Forwarded-For` that our outermost proxy wrote.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let hops = self.hops + usize::from(self.knows_forwarder(headers));
        let forwarded = hops.checked_sub(1).and_then(|behind| entry_from_right(headers, behind));
        forwarded.unwrap_or(peer).to_canonical()
    }

    fn knows_forwarder(&self, headers: &HeaderMap) -> bool {
        let (Some(secret), Some(shown)) = (&self.forwarder, headers.get(FORWARDER)) else { return false };
        secret.expose_secret().as_bytes().ct_eq(shown.as_bytes()).into()
    }
}

/// Whether a proxy, trusted or not, says that it passed this request on.
pub(crate) fn is_forwarded(headers: &HeaderMap) -> bool {
    headers
        .keys()
        .map(HeaderName::as_str)
        .any(|name| name.starts_with(X_FORWARDED) || PASSED_ON.contains(&name))
}

/// What the address is stored and counted as: a keyed hash of an IPv4 address or of an IPv6 /64.
pub(crate) fn key(ip: IpAddr, keys: &Keys) -> String {
    let bits = match ip.to_canonical() {
        IpAddr::V4(ip) => keys.derive("ip", &ip.octets()),
        IpAddr::V6(ip) => keys.derive("ip", &ip.octets()[..8]),
    };
    hex(&bits)
}

fn entry_from_right(headers: &HeaderMap, behind: usize) -> Option<IpAddr> {
    let lines: Vec<_> = headers.get_all(X_FORWARDED_FOR).iter().collect();
    let mut entries = lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    let entry = std::str::from_utf8(entries.nth(behind)?).ok()?;
    address(entry.trim())
}

/// `192.0.2.1`, `192.0.2.1:1234`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:1234`.
fn address(entry: &str) -> Option<IpAddr> {
    let bracketed = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || entry.parse::<SocketAddr>().ok().map(|address| address.ip());
    entry.parse().ok().or_else(with_port).or_else(bracketed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "10.0.0.1";
    const SECRET: &str = "a-forwarders-secret";

    fn client(hops: usize, lines: &[&str], forwarder: Option<&str>) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, line.parse().unwrap());
        }
        forwarder.map(|secret| headers.insert(FORWARDER, secret.parse().unwrap()));
        let trust = Trust { hops, forwarder: Some(SecretString::from(SECRET)) };
        trust.client(PEER.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn hops_count_from_the_right() {
        let line = &["6.6.6.6, 192.0.2.1, 192.0.2.2"];
        assert_eq!(client(0, line, None), PEER);
        assert_eq!(client(1, line, None), "192.0.2.2");
        assert_eq!(client(2, line, None), "192.0.2.1");
        assert_eq!(client(4, line, None), PEER);
        assert_eq!(client(1, &[], None), PEER);
        assert_eq!(client(2, &["6.6.6.6", "192.0.2.1, 192.0.2.2"], None), "192.0.2.1");
        assert_eq!(client(3, &["6.6.6.6", "192.0.2.1, 192.0.2.2"], None), "6.6.6.6");
    }

    #[test]
    fn a_forwarder_adds_one_hop() {
        let line = &["6.6.6.6, 192.0.2.1, 192.0.2.2"];
        assert_eq!(client(1, line, Some(SECRET)), "192.0.2.1");
        assert_eq!(client(0, line, Some(SECRET)), "192.0.2.2");
        assert_eq!(client(1, line, Some("a-forwarders-secreT")), "192.0.2.2");
        assert_eq!(client(1, line, Some("")), "192.0.2.2");
        let none = Trust { hops: 0, forwarder: None };
        let headers = HeaderMap::from_iter([
            (FORWARDER.parse().unwrap(), "".parse().unwrap()),
            (X_FORWARDED_FOR.parse().unwrap(), "6.6.6.6".parse().unwrap()),
        ]);
        assert_eq!(none.client(PEER.parse().unwrap(), &headers).to_string(), PEER);
    }

    #[test]
    fn entries_may_have_ports_and_brackets() {
        for (entry, address) in [
            ("192.0.2.1:443", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("unknown", PEER),
            ("", PEER),
            ("192.0.2.1 192.0.2.2", PEER),
        ] {
            assert_eq!(client(1, &[entry], None), address, "{entry:?}");
        }
    }

    #[test]
    fn the_key_is_by_ipv4_address_or_ipv6_network() {
        let keys = Keys::parse(&Keys::generate()).unwrap();
        let key = |ip: &str| key(ip.parse().unwrap(), &keys);
        assert_eq!(key("2001:db8:0:1::1"), key("2001:db8:0:1:ffff::2"));
        assert_ne!(key("2001:db8:0:1::1"), key("2001:db8:0:2::1"));
        assert_eq!(key("192.0.2.1"), key("::ffff:192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(key("192.0.2.1").len(), 32);
    }
}
