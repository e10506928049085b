//! The page to which links return, and the tokens that open it.
//!
//! The tokens are signed with keys that are made here once and kept in this service's own store: whoever holds such a
//! token sees one link's state and nothing else, so this service need not hold the keys by which visitors are known. The
//! invariant: the page shows what is stored, and leads nowhere but to the page on which the chat stood, and to its thread.

use std::time::Duration;

use domain::token::{Keys, Purpose};
use proto::booking::v1::Booking;
use providers::{error::Error, owner::Owner};
use serde::{Deserialize, Serialize};
use store::{Attempts, Collection, Work};
use url::{Host, Url};

use super::{
    Till,
    checkout::{CHECKOUTS, Checkout, Status},
    link::unknown,
    payment::Payment,
};

const KEYS: Collection<Kept> = Collection::new("keys");
/// The document of the keys.
const RETURN: &str = "return_page";
/// What the way back calls the chat's thread, for the widget.
const THREAD: &str = "frontdesk-thread";
/// Longest that whoever comes back waits for Stripe.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    keys: String,
}

/// What the page shows.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// The link.
    pub(crate) checkout: Checkout,
    /// What became of its money.
    pub(crate) payment: Option<Payment>,
    /// The meeting as it stands now.
    pub(crate) booking: Option<Booking>,
    /// The page on which the chat stands; empty if it is not known.
    pub(crate) back_url: String,
}

impl Till {
    /// What whoever holds a token sees.
    pub(crate) async fn return_page(&self, token: &str) -> Result<Shown, Error> {
        let claims = self.keys().await?.open(Purpose::ReturnPage, token, self.now()).ok_or_else(unknown)?;
        let mut checkout = self.shown(&claims.subject).await?;
        let changes = matches!(checkout.status, Status::Open | Status::Pending);
        if changes && self.0.looks.begin(&checkout.id, self.now()) {
            // Who comes back has often just paid, and Stripe's message is still on its way.
            match tokio::time::timeout(PATIENCE, self.refresh_link(&checkout.id)).await {
                Ok(Ok(_)) => checkout = self.shown(&claims.subject).await?,
                Ok(Err(error)) => tracing::warn!(%error, "a link that returned could not be looked at"),
                Err(_) => tracing::warn!("a link that returned was not looked at in time"),
            }
        }
        let (payment, booking) = (self.payment_of(&checkout).await?, self.booking_of(&checkout).await?);
        let back_url = back_url(&checkout.owner);
        Ok(Shown { checkout, payment, booking, back_url })
    }

    async fn shown(&self, id: &str) -> Result<Checkout, Error> {
        let found = CHECKOUTS.get(self.store(), id).await?;
        Ok(found.map(|found| found.value).filter(|checkout| !checkout.erased).ok_or_else(unknown)?)
    }

    /// The keys that sign the page's tokens, made when they are first needed.
    pub(super) async fn keys(&self) -> Result<&Keys, Error> {
        self.0.keys.get_or_try_init(|| self.kept_keys()).await
    }

    async fn kept_keys(&self) -> Result<Keys, Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut work = Work::new(self.store());
            let kept = match work.get(&KEYS, RETURN).await? {
                Some(kept) => kept,
                None => {
                    let kept = Kept { keys: Keys::generate() };
                    work.create(&KEYS, RETURN, &kept);
                    kept
                }
            };
            if attempts.commit(work).await? {
                return Keys::parse(&kept.keys)
                    .map_err(|_| store::Error::Invalid("the kept keys are none".to_owned()).into());
            }
        }
    }
}

/// The page on which the chat stood: of its site nothing but the host, of its page nothing but the path. It names the
/// thread, which opens for its own visitor and nobody else.
fn back_url(owner: &Owner) -> String {
    let path = owner.page.split(['?', '#']).next().unwrap_or_default();
    let build = || {
        let mut url = Url::parse(&format!("https://{}/", owner.site)).ok()?;
        if matches!(url.host()?, Host::Ipv4(ip) if ip.is_loopback())
            || matches!(url.host()?, Host::Ipv6(ip) if ip.is_loopback())
            || url.host_str() == Some("localhost")
        {
            // The port would be lost as a default one otherwise.
            url = Url::parse(&format!("http://{}/", owner.site)).ok()?;
        }
        let is_bare = url.username().is_empty() && url.password().is_none() && url.path() == "/";
        let is_host = is_bare && url.query().is_none() && url.fragment().is_none();
        if !is_host || owner.site.contains(['/', '\\', '@', '?', '#']) {
            return None;
        }
        url.set_path(if path.starts_with('/') { path } else { "/" });
        let is_thread = owner.thread.starts_with("thr_") && domain::id::check(&owner.thread).is_ok();
        url.set_fragment(is_thread.then(|| format!("{THREAD}={}", owner.thread)).as_deref());
        Some(url.to_string())
    };
    build().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(site: &str, page: &str) -> String {
        back_url(&Owner { site: site.into(), page: page.into(), ..Owner::default() })
    }

    #[test]
    fn the_way_back_is_the_page_of_the_chat() {
        assert_eq!(back("www.example.com", "/services?x=1#y"), "https://www.example.com/services");
        assert_eq!(back("localhost:3000", "/services"), "http://localhost:3000/services");
        assert_eq!(back("127.0.0.1:80", ""), "http://127.0.0.1/");
        assert_eq!(back("[::1]:8080", "/"), "http://[::1]:8080/");
        assert_eq!(back("", "/services"), "");
    }

    #[test]
    fn the_way_back_names_the_thread_and_nothing_that_is_none() {
        let to = |thread: &str| {
            let owner = Owner { site: "www.example.com".into(), page: "/a#b".into(), ..Owner::default() };
            back_url(&Owner { thread: thread.into(), ..owner })
        };
        assert_eq!(to("thr_1"), "https://www.example.com/a#frontdesk-thread=thr_1");
        for none in ["", "1", "con_1", "thr_1&x=y", "thr_ 1", "thr_#"] {
            assert_eq!(to(none), "https://www.example.com/a", "{none}");
        }
    }

    #[test]
    fn it_never_leads_elsewhere() {
        for page in [
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/../..//evil.example",
            "@evil.example",
            "javascript:x",
        ] {
            let back = back("example.com", page);
            let url = Url::parse(&back).unwrap();
            assert_eq!((url.scheme(), url.host_str()), ("https", Some("example.com")), "{page}");
        }
        for site in [
            "evil.example/x",
            "a@evil.example",
            "example.com?x",
            "example.com#x",
            "exa mple.com",
            "a\\b",
            "https://x",
        ] {
            assert_eq!(back(site, "/"), "", "{site}");
        }
        assert!(back("localhost.evil.example", "/").starts_with("https://"));
    }
}
