//! Who was forgotten, and when: hashes of what they were known by, and no more.
//!
//! A provider knows a person for longer than we do and may tell late of what was before. The invariant: whoever stands here
//! was noted before anything of theirs was blanked, so a document that is committed later finds them here.

use domain::id::digest;
use jiff::{SignedDuration, Timestamp};
use proto::common::v1::Person;
use serde::{Deserialize, Serialize};
use store::{Collection, Error, Work};

use crate::{known::Known, owner::Owner};

/// Those who were forgotten, by the hash of what they were known by. They expire.
pub const FORGOTTEN: Collection<Left> = Collection::new("forgotten");
/// Longer than providers tell of what was, and than anybody books ahead.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 400);

/// When somebody was forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    at: Timestamp,
}

/// The keys of whom a document names: who asked for it, and by what they are reached.
pub fn keys(owner: &Owner, email: &str, phone: &str) -> Vec<String> {
    Known::in_document(owner, email, phone).iter().map(key).collect()
}

/// The key of what somebody asked for; `None` without one.
pub fn key_of_intent(id: &str) -> Option<String> {
    (!id.is_empty()).then(|| digest(&[FORGOTTEN.name(), "intent", id]))
}

fn key(known: &Known) -> String {
    known.hash(FORGOTTEN.name())
}

/// Notes as part of `work` that a person was forgotten at this time, unless that was noted of a later one.
///
/// # Errors
/// The store's.
pub async fn note(work: &mut Work<'_>, person: &Person, at: Timestamp) -> Result<(), Error> {
    note_keys(work, Known::of(person).iter().map(key).collect(), at).await
}

/// As [`note`], of what has these keys.
///
/// # Errors
/// The store's.
pub async fn note_keys(work: &mut Work<'_>, keys: Vec<String>, at: Timestamp) -> Result<(), Error> {
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
pub async fn since(work: &mut Work<'_>, keys: &[String]) -> Result<Option<Timestamp>, Error> {
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
    use crate::tests::open;

    #[tokio::test]
    async fn whoever_is_noted_is_known_by_anything_of_theirs_and_by_no_text_of_it() {
        let (_dir, store) = open();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (first, second) = (at("2026-10-01T00:00:00Z"), at("2026-10-02T00:00:00Z"));
        let person = Person {
            visitor_ids: vec!["vis_1".into()],
            emails: vec!["Ann@Example.com ".into()],
            phones: vec!["+49 (0)30 901820".into()],
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
            (keys(&owner("vis_2"), "bob@example.com", "0049 30 90 18 20"), Some(second)),
            (keys(&owner("vis_2"), "bob@example.com", "+4930901821"), None),
            (keys(&owner("vis_2"), "4930901820@sms.cal.com", ""), Some(second)),
            (keys(&Owner::default(), "", ""), None),
        ];
        for (keys, left) in known {
            assert_eq!(since(&mut Work::new(&*store), &keys).await.unwrap(), left);
            assert!(keys.iter().all(|key| key.len() == 32 && key.bytes().all(|b| b.is_ascii_hexdigit())));
        }
    }
}
