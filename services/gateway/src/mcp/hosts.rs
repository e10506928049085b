//! Which names this gateway is called by.
//!
//! The invariant: a name is compared whole, never by a part of its text.

use axum::http::{request::Parts, uri::Authority};
use url::Url;

use crate::host;

/// The names that are ours.
pub(super) struct Hosts {
    /// Host and port of the public address; without a port it has its scheme's own or none.
    public: Option<(String, Option<u16>)>,
    /// Names of this machine, with any port.
    loopback: bool,
}

// === impl Hosts ===

impl Hosts {
    pub(super) fn new(public: Option<&Url>, loopback: bool) -> Self {
        let public = public.and_then(|url| Some((url.host_str()?.to_ascii_lowercase(), url.port())));
        Self { public, loopback }
    }

    /// Whether a request calls us by a name of ours.
    pub(super) fn allow(&self, parts: &Parts) -> bool {
        host::of(parts).is_some_and(|authority| self.takes(&authority))
    }

    fn takes(&self, authority: &Authority) -> bool {
        let (host, port) = (authority.host().to_ascii_lowercase(), authority.port_u16());
        let is_public = self.public.as_ref().is_some_and(|(name, own)| {
            *name == host && (*own == port || (own.is_none() && matches!(port, Some(80 | 443))))
        });
        is_public || (self.loopback && host::is_loopback(&host))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn allowed(hosts: &Hosts, named: &[&str]) -> bool {
        let request = named.iter().fold(Request::builder(), |request, host| request.header("host", *host));
        hosts.allow(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn only_our_own_names_are_taken() {
        let public: Url = "https://chat.example.com/desk".parse().unwrap();
        let cloud = Hosts::new(Some(&public), false);
        for good in ["chat.example.com", "CHAT.example.com", "chat.example.com:443"] {
            assert!(allowed(&cloud, &[good]), "{good}");
        }
        for bad in [
            "",
            "example.com",
            "chat.example.com.evil.example",
            "evil-chat.example.com",
            "chat.example.com:8443",
            "chat.example.com@evil.example",
            "localhost",
            "127.0.0.1:8080",
            "a b",
        ] {
            assert!(!allowed(&cloud, &[bad]), "{bad}");
        }
        assert!(!allowed(&cloud, &[]) && !allowed(&cloud, &["chat.example.com", "chat.example.com"]));
    }

    #[test]
    fn a_local_run_is_called_by_this_machines_names() {
        let local = Hosts::new(None, true);
        for good in ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "LOCALHOST:3000"] {
            assert!(allowed(&local, &[good]), "{good}");
        }
        for bad in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[::2]", "0.0.0.0"] {
            assert!(!allowed(&local, &[bad]), "{bad}");
        }
        let far = Hosts::new(Some(&"http://desk:8080".parse().unwrap()), true);
        assert!(allowed(&far, &["desk:8080"]) && !allowed(&far, &["desk"]) && !allowed(&far, &["desk:80"]));
    }

    #[test]
    fn what_http2_names_is_what_counts() {
        let local = Hosts::new(None, true);
        let request = |uri: &str| Request::builder().uri(uri).body(()).unwrap().into_parts().0;
        assert!(local.allow(&request("http://localhost:8080/mcp/a")));
        assert!(!local.allow(&request("http://evil.example/mcp/a")));
    }
}
