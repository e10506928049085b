//! Somebody who claims another person's addresses in every order, with a Whop login and without.
//!
//! Held after each step: what is proven to be the attacker's leads to no contact that a proof of the victim led to. The
//! one exception is a chat that claimed an address before anybody proved it: the owner finds the payment beside it, and
//! no Whop user ever comes to have both.

use std::collections::BTreeSet;

use proptest::{prelude::*, test_runner::TestRunner};

use super::*;
use crate::people::{
    identity::{IDENTITIES, doc_id},
    standing::Standing,
};

const EMAIL: &str = "ann@example.com";
const PHONE: &str = "+4930901820";

/// Addresses that are said together.
const WORDS: [(&str, &str); 4] = [(EMAIL, ""), ("", PHONE), (EMAIL, PHONE), ("mallory@example.com", "")];

#[derive(Clone, Debug)]
enum Step {
    /// The victim's addresses come from a trusted sender, with their Whop user or without.
    Proof { words: usize, whop: bool },
    /// The victim is logged in.
    Login,
    /// The victim says addresses in a chat.
    Chat { words: usize },
    /// The attacker says addresses, or nothing, in the name of one of two visitors, logged in or not.
    Claim { visitor: usize, session: bool, words: Option<usize>, whop: bool },
    /// The attacker's own address comes from a trusted sender.
    Own { whop: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let claim = (0..2_usize, any::<bool>(), prop::option::of(0..4_usize), any::<bool>());
    prop_oneof![
        2 => (0..3_usize, any::<bool>()).prop_map(|(words, whop)| Step::Proof { words, whop }),
        1 => Just(Step::Login),
        1 => (0..3_usize).prop_map(|words| Step::Chat { words }),
        5 => claim.prop_map(|(visitor, session, words, whop)| Step::Claim { visitor, session, words, whop }),
        1 => any::<bool>().prop_map(|whop| Step::Own { whop }),
    ]
}

impl Step {
    fn identity(&self) -> Identity {
        let text = |is: bool, text: &str| if is { text.to_owned() } else { String::new() };
        let said = |words: usize| Identity {
            email: WORDS[words].0.to_owned(),
            phone: WORDS[words].1.to_owned(),
            ..Identity::default()
        };
        match *self {
            Self::Proof { words, whop } => Identity { whop_user: text(whop, "user_ann"), ..said(words) },
            Self::Login => Identity { whop_user: "user_ann".into(), ..visitor("vis_ann") },
            Self::Chat { words } => Identity { visitor: "vis_ann".into(), claimed: true, ..said(words) },
            Self::Claim { visitor, session, words, whop } => Identity {
                whop_user: text(whop, "user_mallory"),
                visitor: format!("vis_mallory{visitor}"),
                session: text(session, "ses_mallory"),
                claimed: true,
                ..words.map_or_else(Identity::default, said)
            },
            Self::Own { whop } => Identity { whop_user: text(whop, "user_mallory"), ..said(3) },
        }
    }

    /// What of it the victim has proved.
    fn proofs(&self) -> Vec<String> {
        let is_proof = matches!(self, Self::Proof { .. } | Self::Login);
        let keys = self.identity().keys();
        keys.into_iter().filter(|_| is_proof).map(|key| key.value).collect()
    }
}

impl Desk {
    /// The contact that a proven identity leads to.
    async fn proven(&self, kind: Kind, value: &str) -> Option<ContactDoc> {
        let tie = IDENTITIES.get(&*self.store, &doc_id(kind, value)).await.unwrap()?.value;
        if tie.claimed { None } else { Some(self.doc(&tie.contact_id).await) }
    }

    async fn known(&self, contact_id: &str) -> BTreeSet<String> {
        let known = gather(&mut Work::new(&*self.store), &*self.store, contact_id).await.unwrap();
        [known.visitors, known.whop_users, known.emails, known.phones, known.sessions]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// What is wrong, if something is; else whether the attacker has claimed what was the victim's.
async fn hold(steps: &[Step]) -> Result<bool, String> {
    let desk = Desk::open();
    let (mut contacts, mut proofs) = (BTreeSet::new(), BTreeSet::new());
    let mut claimed = false;
    for (index, step) in steps.iter().enumerate() {
        let met = desk.meet(step.identity()).await;
        if !step.proofs().is_empty() {
            contacts.insert(met.clone());
            proofs.extend(step.proofs());
        }
        claimed |= matches!(step, Step::Claim { .. }) && contacts.contains(&met);
        let mut victims = BTreeSet::new();
        for id in &contacts {
            victims.insert(desk.doc(id).await.contact.id);
        }
        let wrong = |what: &str| Err(format!("{what} after step {index} of {steps:#?}"));
        let attackers = [
            (Kind::WhopUser, "user_mallory"),
            (Kind::Email, "mallory@example.com"),
            (Kind::Visitor, "vis_mallory0"),
            (Kind::Visitor, "vis_mallory1"),
            (Kind::Session, "ses_mallory"),
        ];
        for (kind, value) in attackers {
            let Some(doc) = desk.proven(kind, value).await else { continue };
            let is_mixed = doc.standing == Standing::Mixed && !kind.is_for_ever() && doc.whop_user.is_empty();
            if victims.contains(doc.id()) && !is_mixed {
                return wrong(&format!("{value} leads to the victim"));
            }
            if doc.whop_user == "user_ann" {
                return wrong(&format!("{value} leads to the victim's user"));
            }
            if !is_mixed && desk.known(doc.id()).await.intersection(&proofs).next().is_some() {
                return wrong(&format!("what {value} leads to is known by what the victim proved"));
            }
        }
        let Some(ann) = desk.proven(Kind::WhopUser, "user_ann").await else { continue };
        if desk.known(ann.id()).await.iter().any(|known| known.contains("mallory")) {
            return wrong("the victim is known by the attacker's identities");
        }
    }
    Ok(claimed)
}

#[test]
fn claims_lead_an_attacker_to_nobody_else() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let (cases, claimed) = (config.cases, std::cell::Cell::new(0));
    let tried = TestRunner::new(config).run(&prop::collection::vec(step(), 2..14), |steps| {
        let held = runtime.block_on(hold(&steps)).map_err(TestCaseError::fail)?;
        claimed.set(claimed.get() + u32::from(held));
        Ok(())
    });
    tried.unwrap();
    assert!(claimed.get() > cases / 8, "few attackers claim what is the victim's: {}", claimed.get());
}
