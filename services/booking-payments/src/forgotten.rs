//! Who was forgotten, and when: hashes of what they were known by, and no more.
//!
//! A provider knows a person for longer than we do and may tell late of what was before. The invariant: whoever stands here
//! was noted before anything of theirs was blanked, so a document that is committed later finds them here.

use domain::id::digest;
use jiff::{SignedDuration, Timestamp};
use proto::common::v1::Person;
use serde::{Deserialize, Serialize};
use store::{Collection, Error, Work};

use crate::owner::Owner;

/// Those who were forgotten, by the hash of what they were known by. They expire.
pub(crate) const FORGOTTEN: Collection<Left> = Collection::new("forgotten");
/// Longer than providers tell of what was, and than anybody books ahead.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 400);

/// When somebody was forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Left {
    at: Timestamp,
}

/// The keys of whom a document names: who asked for it, and by what they are reached.
pub(crate) fn keys(owner: &Owner, email: &str, phone: &str) -> Vec<String> {
    [
        key("visitor", &owner.visitor),
        key("whop_user", &owner.whop_user),
        key("email", email),
        key("phone", phone),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The key of one thing by which somebody is known, however they write it; `None` if it is empty.
pub(crate) fn key(kind: &str, value: &str) -> Option<String> {
    let value = match kind {
        "email" => value.trim().to_lowercase(),
        // Some write a number with blanks, and some without.
        "phone" => value.chars().filter(char::is_ascii_digit).collect(),
        _ => value.to_owned(),
    };
    (!value.is_empty()).then(|| digest(&["forgotten", kind, &value]))
}

/// Notes as part of `work` that a person was forgotten at this time, unless that was noted of a later one.
///
/// # Errors
/// The store's.
pub(crate) async fn note(work: &mut Work<'_>, person: &Person, at: Timestamp) -> Result<(), Error> {
    let Person { visitor_ids, whop_user_ids, emails, phones, .. } = person;
    let kinds =
        [("visitor", visitor_ids), ("whop_user", whop_user_ids), ("email", emails), ("phone", phones)];
    let keys = kinds.into_iter().flat_map(|(kind, all)| all.iter().filter_map(move |one| key(kind, one)));
    note_keys(work, keys.collect(), at).await
}

/// As [`note`], of what has these keys.
///
/// # Errors
/// The store's.
pub(crate) async fn note_keys(work: &mut Work<'_>, keys: Vec<String>, at: Timestamp) -> Result<(), Error> {
    for key in keys {
        let known = work.get(&FORGOTTEN, &key).await?;
        if known.is_none_or(|known| known.at < at) {
            work.put_until(&FORGOTTEN, &key, &Left { at }, at.checked_add(KEPT).ok());
        }
    }
    Ok(())
}

/// When the last of those with these keys was forgotten: what was made at that time or before names nobody.
///
/// Nothing guards what was read. Who commits a document that names somebody asks again afterwards: either this sees them
/// then, or whoever forgets them sees the document.
///
/// # Errors
/// The store's.
pub(crate) async fn since(work: &mut Work<'_>, keys: &[String]) -> Result<Option<Timestamp>, Error> {
    work.prefetch(keys.iter().map(|key| FORGOTTEN.key(key.as_str())).collect()).await?;
    let mut last = None;
    for key in keys {
        last = last.max(work.get(&FORGOTTEN, key).await?.map(|left| left.at));
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bookings::tests::open;

    #[tokio::test]
    async fn whoever_is_noted_is_known_by_anything_of_theirs_and_by_no_text_of_it() {
        let (_dir, store) = open();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (first, second) = (at("2026-10-01T00:00:00Z"), at("2026-10-02T00:00:00Z"));
        let person = Person {
            visitor_ids: vec!["vis_1".into()],
            emails: vec!["Ann@Example.com ".into()],
            phones: vec!["+49 30 123".into()],
            ..Person::default()
        };
        for time in [second, first] {
            let mut work = Work::new(&*store);
            note(&mut work, &person, time).await.unwrap();
            assert!(matches!(work.commit().await.unwrap(), store::Commit::Done(_)));
        }
        let owner = |visitor: &str| Owner { visitor: visitor.into(), ..Owner::default() };
        let known = [
            (keys(&owner("vis_1"), "", ""), Some(second)),
            (keys(&owner("vis_2"), "ann@example.com", ""), Some(second)),
            (keys(&owner("vis_2"), "bob@example.com", "+4930123"), Some(second)),
            (keys(&owner("vis_2"), "bob@example.com", "+4930124"), None),
            (keys(&Owner::default(), "", ""), None),
        ];
        for (keys, left) in known {
            assert_eq!(since(&mut Work::new(&*store), &keys).await.unwrap(), left);
            assert!(keys.iter().all(|key| key.len() == 32 && key.bytes().all(|b| b.is_ascii_hexdigit())));
        }
    }
}
