//! What is asked of Whop. Reads are repeated where an answer stays out.
//!
//! The invariant: nothing that a question was not about is answered: not another's membership where Whop passed over a
//! filter, not a member whose name looks like the e-mail that was asked for.

use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::{DeserializeOwned, IgnoredAny};

use providers::api::Failure;

use super::{
    Client, Page, Part, is_id,
    wire::{Access, Delivery, Dispute, List, Member, Membership, Payment, Plan, Refund, Webhook},
};

/// Most things of a page. Whop publishes no bound; fifty was that of its API v2.
pub(super) const PAGE: &str = "50";
/// An e-mail that nobody has.
const NOBODY: &str = "nobody@frontdesk.invalid";
/// Most pages of what one person has, and of what is small by nature.
const MOST_PAGES: usize = 10;

type Query<'a> = Vec<(&'a str, String)>;

impl Client {
    /// A membership, `mem_…`.
    pub(crate) async fn membership(&self, id: &str) -> Result<Option<Membership>, Failure> {
        // The same path takes licence keys: an id must not be able to be one.
        if !id.starts_with("mem_") {
            return Err(self.api.malformed("an id is none"));
        }
        let found: Option<Membership> = self.find(&["memberships", self.checked(id)?]).await?;
        match found {
            Some(membership) if membership.id != id => Err(self.api.malformed("it is another membership")),
            found => Ok(found.filter(|membership| self.is_ours(&membership.account))),
        }
    }

    /// The membership that a licence key belongs to. The id of a membership is no licence.
    pub(crate) async fn license(&self, key: &SecretString) -> Result<Option<Membership>, Failure> {
        let key = key.expose_secret().trim();
        if !is_id(key) || key.starts_with("mem_") {
            return Ok(None);
        }
        let found: Option<Membership> = self.find(&["memberships", key]).await?;
        Ok(found.filter(|membership| membership.has_license(key) && self.is_ours(&membership.account)))
    }

    /// All memberships of a user, the newest first.
    pub(crate) async fn memberships_of(&self, user: &str) -> Result<Vec<Membership>, Failure> {
        let user = self.checked(user)?.to_owned();
        let query = self.query([
            ("user_id", user.clone()),
            ("order", "created_at".to_owned()),
            ("direction", "desc".to_owned()),
        ]);
        let all: Vec<Membership> = self.all(&["memberships"], query).await?;
        if all.iter().any(|membership| membership.user_id() != Some(user.as_str())) {
            return Err(self.api.malformed("it lists another's membership"));
        }
        Ok(all.into_iter().filter(|membership| self.is_ours(&membership.account)).collect())
    }

    /// Memberships of the account. Whop has no filter by change: who looks for what changed walks through all of them and
    /// compares [`Membership::touched_at`].
    pub(crate) async fn memberships(&self, part: &Part) -> Result<Page<Membership>, Failure> {
        let mut page: Page<Membership> = self.part("memberships", part).await?;
        page.data.retain(|membership| self.is_ours(&membership.account));
        Ok(page)
    }

    /// A payment, `pay_…`.
    pub(crate) async fn payment(&self, id: &str) -> Result<Option<Payment>, Failure> {
        let found: Option<Payment> = self.find(&["payments", self.checked(id)?]).await?;
        Ok(found.filter(|payment| self.may_be_ours(payment.account_id.as_deref())))
    }

    /// Payments to the account.
    pub(crate) async fn payments(&self, part: &Part) -> Result<Page<Payment>, Failure> {
        let mut page: Page<Payment> = self.part("payments", part).await?;
        page.data.retain(|payment| self.may_be_ours(payment.account_id.as_deref()));
        Ok(page)
    }

    /// A refund, `rf_…`.
    pub(crate) async fn refund(&self, id: &str) -> Result<Option<Refund>, Failure> {
        self.find(&["refunds", self.checked(id)?]).await
    }

    /// A dispute, `dspt_…`.
    pub(crate) async fn dispute(&self, id: &str) -> Result<Option<Dispute>, Failure> {
        self.find(&["disputes", self.checked(id)?]).await
    }

    /// Whether a user gets at a product.
    pub(crate) async fn access(&self, user: &str, product: &str) -> Result<Access, Failure> {
        let path = ["users", self.checked(user)?, "access", self.checked(product)?];
        self.api.ask(self.call(Method::GET, &path)).await
    }

    /// A plan, `plan_…`, which Whop calls a variant now.
    pub(crate) async fn plan(&self, id: &str) -> Result<Option<Plan>, Failure> {
        self.find(&["variants", self.checked(id)?]).await
    }

    /// The members with this e-mail. Whop's search looks at names too, and at e-mails only with the permission
    /// `member:email:read`.
    pub(crate) async fn members(&self, email: &str) -> Result<Vec<Member>, Failure> {
        let email = email.trim();
        let all: Vec<Member> = self.all(&["members"], self.query([("query", email.to_owned())])).await?;
        Ok(all.into_iter().filter(|member| member.has_email(email)).collect())
    }

    /// Whether Whop takes key and account: asks for a member whom nobody is.
    pub(crate) async fn probe(&self) -> Result<(), Failure> {
        let mut query = self.query([("query", NOBODY.to_owned())]);
        self.page::<IgnoredAny>(&["members"], &mut query, None).await.map(drop)
    }

    /// A member, `mber_…`.
    pub(crate) async fn member(&self, id: &str) -> Result<Option<Member>, Failure> {
        let found: Option<Member> = self.find(&["members", self.checked(id)?]).await?;
        Ok(found.filter(|member| self.may_be_ours(member.account_id.as_deref())))
    }

    /// The account's webhooks and those of its apps.
    pub(crate) async fn webhooks(&self) -> Result<Vec<Webhook>, Failure> {
        self.all(&["webhooks"], self.query([("include_app_webhooks", "true".to_owned())])).await
    }

    /// Attempts to deliver by a webhook, `hook_…`, the newest first.
    pub(crate) async fn deliveries(
        &self,
        webhook: &str,
        after: Option<&str>,
    ) -> Result<Page<Delivery>, Failure> {
        let path = ["webhooks", self.checked(webhook)?, "deliveries"];
        self.page(&path, &mut Vec::new(), after).await
    }

    fn query<const N: usize>(&self, more: [(&'static str, String); N]) -> Query<'static> {
        let mut query = vec![("account_id", self.account.clone())];
        query.extend(more);
        query
    }

    async fn part<T: DeserializeOwned>(&self, path: &str, part: &Part) -> Result<Page<T>, Failure> {
        let mut query = self.query([("order", "created_at".to_owned()), ("direction", "asc".to_owned())]);
        query.extend(part.created_after.map(|time| ("created_after", time.to_string())));
        self.page(&[path], &mut query, part.after.as_deref()).await
    }

    async fn page<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &mut Query<'_>,
        after: Option<&str>,
    ) -> Result<Page<T>, Failure> {
        query.retain(|(name, _)| *name != "first" && *name != "after");
        query.push(("first", PAGE.to_owned()));
        query.extend(after.map(|cursor| ("after", cursor.to_owned())));
        let list: List<T> = self.api.ask(self.call(Method::GET, path).query(query)).await?;
        let next = match list.page_info.filter(|info| info.has_next_page) {
            None => None,
            // The same page for ever would be no end.
            Some(info) if info.end_cursor.is_none() || info.end_cursor.as_deref() == after => {
                return Err(self.api.malformed("there is more and no way to it"));
            }
            Some(info) => info.end_cursor,
        };
        Ok(Page { data: list.data, next })
    }

    async fn all<T: DeserializeOwned>(&self, path: &[&str], mut query: Query<'_>) -> Result<Vec<T>, Failure> {
        let (mut all, mut after) = (Vec::new(), None::<String>);
        for _ in 0..MOST_PAGES {
            let page = self.page(path, &mut query, after.as_deref()).await?;
            all.extend(page.data);
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
        // Some of them would be worse than none: what is missing would not be believed to exist.
        Err(self.api.malformed("there are too many of it"))
    }

    fn is_ours(&self, account: &str) -> bool {
        account == self.account
    }

    /// Not everything says whose it is.
    fn may_be_ours(&self, account: Option<&str>) -> bool {
        account.is_none_or(|account| self.is_ours(account))
    }
}
