//! Where notices go, and which.
//!
//! The invariant: an address that is a secret is never shown, and one that could not be used is refused at the start.

use std::fmt;

use domain::notice::{HANDOFF, TYPES};
use lettre::message::{Mailbox, Mailboxes};
use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

/// A Slack incoming webhook: who knows the address may write there.
#[derive(Clone)]
pub struct Webhook(SecretString, Url);

/// A mail server, with user and password.
#[derive(Clone)]
pub struct Smtp(SecretString, Url);

/// How a connection to a mail server comes to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// It begins with it.
    FromTheStart,
    /// The server is asked for it before anything else, and nothing is sent without it.
    Starttls,
}

/// Who sends.
#[derive(Clone, Debug)]
pub struct Sender(pub(crate) Mailbox);

/// Who gets something.
#[derive(Clone, Debug)]
pub struct People(pub(crate) Mailboxes);

/// Of which events people hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted(Vec<&'static str>);

// === impl Webhook ===

impl Webhook {
    /// Reads the address.
    ///
    /// # Errors
    /// The text is none; it is not repeated.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = chassis::config::base_url(text)?;
        Ok(Self(String::from(url.clone()).into(), url))
    }

    /// The whole address, for the one who sends.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    pub(crate) fn is_safe(&self, cloud: bool) -> bool {
        self.1.scheme() == "https" || (!cloud && is_loopback(&self.1))
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.1.origin().ascii_serialization())
    }
}

// === impl Smtp ===

impl Smtp {
    /// Reads the address.
    ///
    /// # Errors
    /// The text is none; it is not repeated.
    pub fn parse(text: &str) -> Result<Self, String> {
        const WHY: &str = "must be smtps://USER:PASSWORD@HOST, or smtp://USER:PASSWORD@HOST:587?tls=required";
        let url = Url::parse(text.trim()).map_err(|_| WHY)?;
        let sound =
            matches!(url.scheme(), "smtp" | "smtps") && url.host_str().is_some_and(|host| !host.is_empty());
        if sound && url.fragment().is_none() {
            Ok(Self(String::from(url.clone()).into(), url))
        } else {
            Err(WHY.into())
        }
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The server's name, by which its certificate knows it.
    pub(crate) fn host(&self) -> &str {
        self.1.host_str().unwrap_or_default()
    }

    /// How it comes to TLS, if it has to.
    pub(crate) fn tls(&self) -> Option<Encryption> {
        match (self.1.scheme(), self.option("tls").as_deref()) {
            ("smtps", _) => Some(Encryption::FromTheStart),
            (_, Some("required")) => Some(Encryption::Starttls),
            _ => None,
        }
    }

    fn option(&self, name: &str) -> Option<String> {
        self.1.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    /// Nobody on the way reads it: TLS, or it never leaves this machine.
    pub(crate) fn is_safe(&self, cloud: bool) -> bool {
        let plain = self.option("tls").is_none();
        self.tls().is_some() || (plain && !cloud && is_loopback(&self.1))
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.1.scheme(), self.1.host_str().unwrap_or_default())
    }
}

/// `smtp` is no scheme that the `url` crate knows, so that its hosts are texts.
fn is_loopback(url: &Url) -> bool {
    match url.host_str().map(Host::parse) {
        Some(Ok(Host::Domain(name))) => name == "localhost" || name.ends_with(".localhost"),
        Some(Ok(Host::Ipv4(address))) => address.is_loopback(),
        Some(Ok(Host::Ipv6(address))) => address.is_loopback(),
        Some(Err(_)) | None => false,
    }
}

// === impl Sender, People ===

impl Sender {
    /// Reads an address, with or without a name.
    ///
    /// # Errors
    /// The text is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|_| "must be an e-mail address, or a name and <an e-mail address>".into())
    }
}

impl People {
    /// Reads addresses, comma-separated.
    ///
    /// # Errors
    /// The text has none, or something else.
    pub fn parse(text: &str) -> Result<Self, String> {
        const WHY: &str = "must be e-mail addresses, separated by commas";
        let all: Mailboxes = text.parse().map_err(|_| WHY)?;
        if all.iter().next().is_some() { Ok(Self(all)) } else { Err(WHY.into()) }
    }
}

// === impl Wanted ===

impl Wanted {
    /// Reads types of events, comma-separated, or `all`.
    ///
    /// # Errors
    /// One is not among them.
    pub fn parse(text: &str) -> Result<Self, String> {
        let names: Vec<&str> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if names == ["all"] {
            return Ok(Self(TYPES.to_vec()));
        }
        if names.iter().any(|name| !TYPES.contains(name)) {
            return Err(format!("must be all, or some of {}", TYPES.join(", ")));
        }
        // who waits for a person cannot wait for a setting
        Ok(Self(TYPES.into_iter().filter(|kind| *kind == HANDOFF || names.contains(kind)).collect()))
    }

    /// Whether people hear of events of this type.
    pub(crate) fn has(&self, kind: &str) -> bool {
        self.0.contains(&kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_who_waits_for_a_person_people_always_hear() {
        assert!(Wanted::parse("payment.failed").unwrap().has("handoff.requested"));
        assert!(!Wanted::parse("payment.failed").unwrap().has("lead.created"));
        assert!(TYPES.iter().all(|kind| Wanted::parse("all").unwrap().has(kind)));
        assert!(Wanted::parse("lead.*").is_err());
    }

    #[test]
    fn secrets_are_not_shown() {
        let webhook = Webhook::parse("https://hooks.example/services/s3same").unwrap();
        let smtp = Smtp::parse("smtps://me:s3same@mail.example.com").unwrap();
        assert_eq!(format!("{webhook:?} {smtp:?}"), "https://hooks.example smtps://mail.example.com");
    }

    #[test]
    fn addresses_are_read() {
        assert!(Sender::parse("Front Desk <desk@example.com>").is_ok() && Sender::parse("desk").is_err());
        assert_eq!(People::parse("a@b.example, C <c@d.example>").unwrap().0.iter().count(), 2);
        for bad in ["", " , ", "a@b.example, c"] {
            assert!(People::parse(bad).is_err(), "{bad}");
        }
    }
}
