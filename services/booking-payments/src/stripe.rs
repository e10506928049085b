//! Stripe's API, as far as a till needs it, at one pinned version.
//!
//! Field names are those of Stripe's API reference at [`VERSION`]. The invariant: an id goes into an address only after
//! it was checked, and whatever writes carries an `Idempotency-Key`, so that asking again does nothing twice.

pub(crate) mod amount;
mod charge;
mod event;
mod form;
mod model;
mod signature;

use reqwest::{RequestBuilder, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use url::Url;

use providers::api::{Api, Failure};

pub(crate) use charge::{Charge, Dispute};
pub(crate) use event::{Event, Subject, TYPES};
pub(crate) use form::Form;
pub(crate) use model::{
    Contact, Customer, Intent, Invoice, InvoicePayment, Item, Payer, Product, Recurring, Session,
    Subscription,
};
#[cfg(test)]
pub(crate) use signature::header;
pub(crate) use signature::is_signed;

/// The version of the API that requests ask for and answers are read by.
pub(crate) const VERSION: &str = "2026-10-28.endive";
/// How Stripe is called in the books and in reports.
pub(crate) const NAME: &str = "stripe";
/// Most types that the list of events takes, by the reference.
pub(crate) const MOST_TYPES: usize = 20;
/// Most things of a page, by the reference.
const PAGE: &str = "100";

/// A way to Stripe, with our key.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    key: SecretString,
    api: Api,
    is_real: bool,
    /// Of its live mode; `None` if the key does not say.
    live_key: Option<bool>,
}

/// One page of a list, the newest first.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Page<T> {
    /// What is listed.
    pub(crate) data: Vec<T>,
    /// There is more behind it.
    #[serde(default)]
    pub(crate) has_more: bool,
}

// === impl Client ===

impl Client {
    /// Stripe at `base`.
    pub(crate) fn new(base: &Url, key: SecretString) -> Self {
        Self {
            http: chassis::http::client(),
            base: base.as_str().trim_end_matches('/').to_owned(),
            live_key: mode(key.expose_secret()),
            key,
            api: Api::new(NAME, "/error/code"),
            is_real: base.scheme() == "https",
        }
    }

    /// Whether something of this `livemode` is real: a stand-in may claim anything.
    pub(crate) fn is_live(&self, livemode: bool) -> bool {
        livemode && self.is_real
    }

    /// Whether something of this `livemode` is of the mode in which our key works not; what the key does not say is not
    /// held against anything.
    pub(crate) fn is_foreign(&self, livemode: bool) -> bool {
        self.live_key.is_some_and(|live| live != livemode)
    }

    /// Makes a link. The same `key` with the same form again answers the same link.
    pub(crate) async fn create_session(&self, form: &Form, key: &str) -> Result<Session, Failure> {
        self.api.ask(self.write("checkout/sessions", form, key)).await
    }

    /// A link.
    pub(crate) async fn session(&self, id: &str) -> Result<Session, Failure> {
        let path = format!("checkout/sessions/{}", self.checked(id)?);
        self.one(&path, &[]).await
    }

    /// Ends a link that is open; Stripe refuses it for others.
    pub(crate) async fn expire_session(&self, id: &str, key: &str) -> Result<Session, Failure> {
        let path = format!("checkout/sessions/{}/expire", self.checked(id)?);
        self.api.ask(self.write(&path, &Form::default(), key)).await
    }

    /// A payment intent with its latest charge.
    pub(crate) async fn intent(&self, id: &str) -> Result<Intent, Failure> {
        let path = format!("payment_intents/{}", self.checked(id)?);
        self.one(&path, &[("expand[]", "latest_charge")]).await
    }

    /// The invoices that a payment intent pays: it names none by itself any more.
    pub(crate) async fn invoices_of(&self, intent: &str) -> Result<Vec<InvoicePayment>, Failure> {
        let intent = self.checked(intent)?;
        let query =
            [("payment[type]", "payment_intent"), ("payment[payment_intent]", intent), ("limit", PAGE)];
        self.list("invoice_payments", &query).await
    }

    /// What pays an invoice.
    pub(crate) async fn payments_of(&self, invoice: &str) -> Result<Vec<InvoicePayment>, Failure> {
        let query = [("invoice", self.checked(invoice)?), ("limit", PAGE)];
        self.list("invoice_payments", &query).await
    }

    /// An invoice.
    pub(crate) async fn invoice(&self, id: &str) -> Result<Invoice, Failure> {
        let path = format!("invoices/{}", self.checked(id)?);
        self.one(&path, &[]).await
    }

    /// A subscription with its customer and the products of its items.
    pub(crate) async fn subscription(&self, id: &str) -> Result<Subscription, Failure> {
        let path = format!("subscriptions/{}", self.checked(id)?);
        self.one(&path, &[("expand[]", "customer"), ("expand[]", "items.data.price.product")]).await
    }

    /// What was said against a charge.
    pub(crate) async fn disputes(&self, charge: &str) -> Result<Vec<Dispute>, Failure> {
        let query = [("charge", self.checked(charge)?), ("limit", PAGE)];
        self.list("disputes", &query).await
    }

    /// A charge.
    pub(crate) async fn charge(&self, id: &str) -> Result<Charge, Failure> {
        let path = format!("charges/{}", self.checked(id)?);
        self.one(&path, &[]).await
    }

    /// Events of these types (at most [`MOST_TYPES`]) from one second to another, both included, behind `after`; each as a
    /// webhook brings it.
    pub(crate) async fn events(
        &self,
        types: &[&str],
        from: i64,
        to: i64,
        after: Option<&str>,
    ) -> Result<Page<serde_json::Value>, Failure> {
        let (from, to) = (from.to_string(), to.to_string());
        let mut query = vec![("created[gte]", from.as_str()), ("created[lte]", &to), ("limit", PAGE)];
        query.extend(types.iter().map(|kind| ("types[]", *kind)));
        query.extend(after.map(|after| ("starting_after", after)));
        self.api.ask(self.read("events", &query)).await
    }

    /// One thing. That Stripe does not know it is a failure: of what is followed here nothing is ever deleted, so the key
    /// is another account's or mode's than whoever named the thing.
    async fn one<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, Failure> {
        self.api.ask(self.read(path, query)).await
    }

    async fn list<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<T>, Failure> {
        let page: Page<T> = self.api.ask(self.read(path, query)).await?;
        if page.has_more {
            // Nobody pays one thing in more than a hundred parts; a sum over some of them would be wrong.
            return Err(self.api.malformed("there is more than one page of it"));
        }
        Ok(page.data)
    }

    fn read(&self, path: &str, query: &[(&str, &str)]) -> RequestBuilder {
        self.headed(self.http.get(format!("{}/v1/{path}", self.base)).query(query))
    }

    fn write(&self, path: &str, form: &Form, key: &str) -> RequestBuilder {
        let request = self.http.post(format!("{}/v1/{path}", self.base));
        self.headed(request)
            .header("Idempotency-Key", key)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.encode())
    }

    fn headed(&self, request: RequestBuilder) -> RequestBuilder {
        request.bearer_auth(self.key.expose_secret()).header("Stripe-Version", VERSION)
    }

    fn checked<'a>(&self, id: &'a str) -> Result<&'a str, Failure> {
        domain::id::check(id).map_err(|_| self.api.malformed("an id is none"))?;
        // It is a segment of a path: two dots would lead out of it.
        if id.starts_with('.') { Err(self.api.malformed("an id is none")) } else { Ok(id) }
    }
}

/// The mode of a key, `sk_live_…` or `rk_test_…`, also of an organization.
fn mode(key: &str) -> Option<bool> {
    let mut words = key.split('_').take(3);
    words.find_map(|word| match word {
        "live" => Some(true),
        "test" => Some(false),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_id_never_becomes_an_address() {
        let stripe = Client::new(&"http://127.0.0.1:1".parse().unwrap(), "sk_test_1".into());
        for wrong in ["", "..", "a/b", "pi_1?x=1", "pi 1", "pi_%2e"] {
            let refused = stripe.intent(wrong).await.unwrap_err();
            assert!(matches!(refused, Failure::Malformed { .. }), "{wrong:?} {refused}");
        }
        assert!(matches!(stripe.intent("pi_1").await.unwrap_err(), Failure::Unavailable { .. }));
    }

    #[test]
    fn only_the_real_one_is_live() {
        let at = |base: &str| Client::new(&base.parse().unwrap(), "sk_1".into());
        assert!(at("https://api.stripe.com").is_live(true));
        assert!(!at("https://api.stripe.com").is_live(false));
        assert!(!at("http://127.0.0.1:1").is_live(true));
    }

    #[test]
    fn a_key_works_in_the_mode_that_it_names() {
        let with = |key: &str| Client::new(&"https://api.stripe.com".parse().unwrap(), key.into());
        for (key, live, test) in [
            ("sk_live_1", false, true),
            ("rk_live_1", false, true),
            ("sk_org_live_1", false, true),
            ("sk_test_1", true, false),
            ("sk_1", false, false),
        ] {
            let client = with(key);
            assert_eq!((client.is_foreign(true), client.is_foreign(false)), (live, test), "{key}");
        }
    }
}
