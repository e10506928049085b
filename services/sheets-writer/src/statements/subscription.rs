//! Subscriptions and memberships: what is stated of one is its row.

use domain::tab;
use store::Collection;

use super::account::{Account, Item};
use crate::rows::veil::Veil;

impl Item for tab::Subscription {
    type Row = Self;
    const ACCOUNTS: Collection<Account<Self>> = Collection::new("subscriptions");

    fn row(&self) -> &Self {
        self
    }

    fn owner(&mut self) -> &mut String {
        &mut self.contact_id
    }

    fn veil(&mut self, veil: &Veil) {
        for text in [&mut self.provider, &mut self.product, &mut self.plan, &mut self.status] {
            *text = veil.category(text);
        }
    }

    fn hush(&mut self) {
        self.product.clear();
        self.plan.clear();
    }

    fn follow(&mut self, later: Self) {
        let Self { status, started_at, renews_at, canceled_at, mrr, .. } = later;
        *self = Self { status, started_at, renews_at, canceled_at, mrr, ..std::mem::take(self) };
    }
}
