//! Which addresses an event may go to: public ones, and in a local run this machine's own loopback.
//!
//! A destination's name is resolved for every connection and only addresses that were judged here are connected to.
//! The invariant: no setting and no change of a name's address makes this process send anything into the network that
//! it stands in, where metadata servers and other services listen.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The judge of addresses, and the resolver of the client that sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard {
    /// This is a local run: the loopback is fine.
    pub(crate) local: bool,
}

/// No address of a name may be connected to.
#[derive(Debug, thiserror::Error)]
#[error("the address is not public")]
struct NotPublic;

// === impl Guard ===

impl Guard {
    /// Whether an event may go to `address`.
    pub(crate) fn allows(self, address: IpAddr) -> bool {
        (self.local && address.to_canonical().is_loopback()) || is_public(address)
    }

    /// Whether a URL's host may be tried at all; a name is judged when it is resolved.
    pub(crate) fn allows_host(self, host: Option<url::Host<&str>>) -> bool {
        match host {
            Some(url::Host::Ipv4(address)) => self.allows(address.into()),
            Some(url::Host::Ipv6(address)) => self.allows(address.into()),
            Some(url::Host::Domain(name)) => {
                self.local || !(name == "localhost" || name.ends_with(".localhost"))
            }
            None => false,
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| guard.allows(address.ip())).collect();
            if allowed.is_empty() {
                return Err(io::Error::other(NotPublic).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether an address belongs to the public internet, by IANA's registries of special-purpose addresses.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || a >= 224
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || (a == 100 && (64..128).contains(&b))
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        || (a == 198 && (b == 18 || b == 19))
        || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match (a, b) {
        // NAT64 and 6to4 lead to an IPv4 address
        (0x64, 0xff9b) if (c, d, e, f) == (0, 0, 0, 0) => embedded(g, h),
        (0x2002, high) => embedded(high, c),
        // Teredo, ORCHID and what else is assigned to protocols; documentation
        (0x2001, b) if b < 0x200 || b == 0xdb8 => false,
        (0x3fff, b) if b < 0x1000 => false,
        _ => (0x2000..0x4000).contains(&a),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn nothing_but_public_addresses_is_allowed() {
        let guard = Guard { local: false };
        for public in
            ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07::1", "64:ff9b::808:808", "2002:808:808::1"]
        {
            assert!(guard.allows(ip(public)), "{public}");
        }
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:a00:1::1",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "ff02::1",
            "5f00::1",
        ] {
            assert!(!guard.allows(ip(private)), "{private}");
        }
    }

    #[test]
    fn a_local_run_may_reach_its_own_machine_and_nothing_around_it() {
        let guard = Guard { local: true };
        assert!(
            guard.allows(ip("127.0.0.1")) && guard.allows(ip("::1")) && guard.allows(ip("::ffff:127.0.0.1"))
        );
        assert!(!guard.allows(ip("192.168.1.1")) && !guard.allows(ip("169.254.169.254")));
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_leads_nowhere() {
        let resolve = |local: bool| Guard { local }.resolve("localhost".parse().unwrap());
        assert!(resolve(true).await.is_ok_and(|mut found| found.next().is_some()));
        assert!(resolve(false).await.is_err());
    }
}
