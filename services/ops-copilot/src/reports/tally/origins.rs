//! Where people came from first.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::ControlFlow,
};

use proto::sheets::v1::Tab;
use tonic::Status;

use crate::{
    books::{Books, Span},
    reports::summary::{Funnel, Origin},
};

/// The first touch of contacts, as their rows have it.
#[derive(Default)]
pub(super) struct Origins(HashMap<String, Origin>);

// === impl Origins ===

impl Origins {
    /// The origins of these contacts. The newest rows are looked at first, because who did something of late mostly came of
    /// late.
    pub(super) async fn of<'c>(
        books: &Books,
        contacts: impl Iterator<Item = &'c String>,
    ) -> Result<Self, Status> {
        let mut wanted: HashSet<&str> = contacts.map(String::as_str).filter(|id| !id.is_empty()).collect();
        let mut origins = HashMap::new();
        if wanted.is_empty() {
            return Ok(Self(origins));
        }
        let span = Span { newest_first: true, ..Span::default() };
        let pick = |cells: crate::books::Cells| {
            if wanted.remove(&*cells.id) {
                let origin = Origin {
                    source: cells.text("utm_source").to_owned(),
                    campaign: cells.text("utm_campaign").to_owned(),
                };
                origins.insert(cells.id, origin);
            }
            if wanted.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        books.walk(Tab::Contacts, span, pick).await?;
        Ok(Self(origins))
    }

    /// That of a contact; unknown if nobody is named.
    pub(super) fn get(&self, contact: &str) -> Origin {
        self.0.get(contact).cloned().unwrap_or_default()
    }

    /// The way from a visit to money, of all and by origin: the one with most sessions first, then by name.
    pub(super) fn funnels(
        &self,
        sessions: &[Origin],
        leads: &[String],
        bookings: &[String],
        payers: &[String],
    ) -> (Funnel, Vec<(Origin, Funnel)>) {
        let mut funnels: BTreeMap<Origin, Funnel> = BTreeMap::new();
        let mut total = Funnel::default();
        let mut add = |origin: Origin, step: fn(&mut Funnel) -> &mut i64| {
            *step(&mut total) += 1;
            *step(funnels.entry(origin).or_default()) += 1;
        };
        sessions.iter().for_each(|origin| add(origin.clone(), |funnel| &mut funnel.sessions));
        leads.iter().for_each(|who| add(self.get(who), |funnel| &mut funnel.leads));
        bookings.iter().for_each(|who| add(self.get(who), |funnel| &mut funnel.bookings));
        payers.iter().for_each(|who| add(self.get(who), |funnel| &mut funnel.payments));
        let mut funnels: Vec<_> = funnels.into_iter().collect();
        funnels.sort_by_key(|(_, funnel)| std::cmp::Reverse(funnel.sessions));
        (total, funnels)
    }
}
