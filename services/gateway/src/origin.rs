//! Which pages may talk to the gateway: the list behind `ALLOWED_ORIGINS`.
//!
//! The invariant: an origin is compared whole, scheme and host and port, in the form in which browsers send it;
//! nothing matches by a part of its text.

use url::{Host, Url};

/// A list of origins and patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins(Vec<Rule>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    /// http or https, `localhost` or below it (RFC 6761), `127.0.0.1` or `[::1]`, any port.
    Loopback,
    /// This origin.
    Exact(String),
    /// Every host that ends in `suffix` (which begins with a dot) and has at least one label before it.
    Below { scheme: String, suffix: String, port: Option<u16> },
}

// === impl Origins ===

impl Origins {
    /// Any loopback origin: what a local run allows.
    pub fn loopback() -> Self {
        Self(vec![Rule::Loopback])
    }

    /// Reads a comma-separated list. An error names the entry by its number and never repeats it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let rules = entries
            .enumerate()
            .map(|(index, entry)| Rule::parse(entry).map_err(|why| format!("entry {} {why}", index + 1)))
            .collect::<Result<Vec<_>, _>>()?;
        if rules.is_empty() { Err("must hold at least one origin".into()) } else { Ok(Self(rules)) }
    }

    /// The list and the gateway's own public origin.
    pub(crate) fn and_own(mut self, own: Option<&Url>) -> Self {
        self.0.extend(own.map(|url| Rule::Exact(url.origin().ascii_serialization())));
        self
    }

    /// Whether a page of this origin may talk to us.
    pub(crate) fn allow(&self, origin: &str) -> bool {
        parse(origin).is_some_and(|url| self.0.iter().any(|rule| rule.takes(&url, origin)))
    }
}

/// An `Origin` header as browsers send it: http or https, in its canonical form.
pub(crate) fn parse(origin: &str) -> Option<Url> {
    let url = Url::parse(origin).ok()?;
    let canonical = matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == origin;
    canonical.then_some(url)
}

// === impl Rule ===

impl Rule {
    fn parse(entry: &str) -> Result<Self, &'static str> {
        const SHAPE: &str = "must be an origin such as https://www.example.com or https://*.example.com";
        match entry {
            "*" => return Err("must not be * alone: it would let every site use this chat"),
            "null" => return Err("must not be null: sandboxed and local pages of anybody have it"),
            _ => {}
        }
        if let Some((scheme, host)) = entry.split_once("://*.") {
            return Self::below(scheme, host).ok_or(SHAPE);
        }
        if entry.contains('*') {
            return Err("may have * as its whole first label only, as in https://*.example.com");
        }
        bare(entry).map(|url| Self::Exact(url.origin().ascii_serialization())).ok_or(SHAPE)
    }

    fn below(scheme: &str, host: &str) -> Option<Self> {
        let url = bare(&format!("{scheme}://{host}"))?;
        let Some(Host::Domain(domain)) = url.host() else { return None };
        // `https://*.com` is everybody's.
        domain.contains('.').then(|| Self::Below {
            scheme: url.scheme().to_owned(),
            suffix: format!(".{domain}"),
            port: url.port_or_known_default(),
        })
    }

    fn takes(&self, url: &Url, origin: &str) -> bool {
        match self {
            Self::Loopback => url.host_str().is_some_and(|host| {
                matches!(host, "localhost" | "127.0.0.1" | "[::1]") || host.ends_with(".localhost")
            }),
            Self::Exact(exact) => exact == origin,
            Self::Below { scheme, suffix, port } => {
                let above = url.host_str().and_then(|host| host.strip_suffix(suffix.as_str()));
                let labels = above.is_some_and(|above| above.split('.').all(|label| !label.is_empty()));
                labels && url.scheme() == scheme && url.port_or_known_default() == *port
            }
        }
    }
}

/// A URL that is an origin and no more.
fn bare(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let more = url.path() != "/" || url.query().is_some() || url.fragment().is_some();
    let login = !url.username().is_empty() || url.password().is_some();
    (matches!(url.scheme(), "http" | "https") && url.host().is_some() && !more && !login).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_run_allows_loopback_alone() {
        let origins = Origins::loopback();
        for good in [
            "http://localhost:3000",
            "https://localhost",
            "http://127.0.0.1:8080",
            "http://[::1]:1",
            "http://mara.localhost:8090",
        ] {
            assert!(origins.allow(good), "{good}");
        }
        for bad in [
            "null",
            "",
            "http://localhost.evil.com",
            "http://evillocalhost",
            "http://127.0.0.1.evil.com",
            "http://evil.com",
            "http://localhost@evil.com",
            "http://127.0.0.2",
            "file://localhost",
            "http://localhost:3000/",
            "HTTP://LOCALHOST:3000",
        ] {
            assert!(!origins.allow(bad), "{bad}");
        }
    }

    #[test]
    fn patterns_are_anchored() {
        let origins =
            Origins::parse("https://example.com/, https://*.example.com, http://*.dev.test:3000").unwrap();
        for good in [
            "https://example.com",
            "https://www.example.com",
            "https://a.b.example.com",
            "http://x.dev.test:3000",
        ] {
            assert!(origins.allow(good), "{good}");
        }
        for bad in [
            "http://example.com",
            "https://example.com:8443",
            "https://evilexample.com",
            "https://www.example.com.evil.com",
            "https://www.example.com:8443",
            "https://evil.com/.example.com",
            "https://evil.com#.example.com",
            "https://..example.com",
            "http://x.dev.test",
            "http://localhost:3000",
        ] {
            assert!(!origins.allow(bad), "{bad}");
        }
    }

    #[test]
    fn what_is_no_origin_is_a_problem() {
        for bad in [
            "",
            " , ",
            "*",
            "null",
            "https://*",
            "https://*.com",
            "https://*.127.0.0.1",
            "https://a*.example.com",
            "https://www.*.com",
            "example.com",
            "ftp://example.com",
            "https://example.com/path",
            "https://example.com?x",
            "https://user@example.com",
        ] {
            assert!(Origins::parse(bad).is_err(), "{bad:?}");
        }
        let why = Origins::parse("https://ok.example.com,https://canary.example.com/path").unwrap_err();
        assert!(why.starts_with("entry 2 ") && !why.contains("canary"), "{why}");
    }

    #[test]
    fn our_own_pages_are_allowed() {
        let own = Url::parse("https://chat.example.com/base").unwrap();
        let origins = Origins::parse("https://www.example.com").unwrap().and_own(Some(&own));
        assert!(origins.allow("https://chat.example.com"));
    }
}
