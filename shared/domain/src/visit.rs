//! What a browser may say about itself, its device id and the traits of its visit; and whom a member talks as.
//!
//! What a browser says proves nothing. The invariant: a device id that a stranger could guess, or that many browsers
//! share, is refused, because chat history follows the visitor that is derived from it.

use std::collections::BTreeMap;

use crate::{Fault, id::VisitorId, token::Keys};

/// Fewest characters of a device id that is not a UUID: 22 URL-safe characters carry 128 bits.
const DEVICE_ID_MIN: usize = 22;
const DEVICE_ID_MAX: usize = 128;
/// Fewest different characters in it; `aaaaaaaaaaaaaaaaaaaaaa` is no device.
const DEVICE_ID_DISTINCT: usize = 6;

/// Traits that travel with a session; all others are dropped.
pub const TRAITS: &[&str] = &["gclid", "fbclid", "page", "landing_page", "referrer", "locale", "time_zone"];
/// Traits with this prefix travel too.
pub const TRAIT_PREFIX: &str = "utm_";
/// Longest trait, in characters; the rest is cut, since a long ad link must not cost a visitor the chat.
pub const TRAIT_MAX: usize = 512;
/// Most traits of one session, and longest name: OpenAI's limits for `workflow.state_variables`.
pub const TRAITS_MAX: usize = 64;
const TRAIT_NAME_MAX: usize = 64;

/// The visitor behind a device id: a UUID of version 4 or 7, or at least 22 URL-safe characters.
pub fn visitor_of_device(device_id: &str, keys: &Keys) -> Result<VisitorId, Fault> {
    check_device_id(device_id).map_err(|why| Fault::invalid("deviceId", format!("deviceId {why}")))?;
    Ok(VisitorId::from_bits(&keys.derive("device", device_id.as_bytes())))
}

/// The visitor as whom a Whop user talks, on every device: never the browser's own, which others at the same machine may
/// share. The user must have been verified.
pub fn visitor_of_member(whop_user: &str, keys: &Keys) -> VisitorId {
    VisitorId::from_bits(&keys.derive("member", whop_user.as_bytes()))
}

fn check_device_id(device_id: &str) -> Result<(), &'static str> {
    const SHAPE: &str = "must be a UUID of version 4 or 7, or 22 to 128 URL-safe characters";
    if let Ok(uuid) = uuid::Uuid::try_parse(device_id) {
        return match uuid.get_version_num() {
            _ if uuid.is_nil() || uuid.is_max() => Err("must not be the nil or max UUID"),
            4 | 7 => Ok(()),
            _ => Err(SHAPE),
        };
    }
    let url_safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if !(DEVICE_ID_MIN..=DEVICE_ID_MAX).contains(&device_id.len()) || !device_id.bytes().all(url_safe) {
        return Err(SHAPE);
    }
    let mut seen: Vec<u8> = device_id.bytes().collect();
    seen.sort_unstable();
    seen.dedup();
    if seen.len() < DEVICE_ID_DISTINCT { Err("is too regular to be random") } else { Ok(()) }
}

/// The traits that may travel, cut to their longest length.
pub fn allowed_traits<'a>(
    given: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> BTreeMap<String, String> {
    given
        .into_iter()
        .filter(|(name, value)| !value.is_empty() && is_allowed(name))
        .take(TRAITS_MAX)
        .map(|(name, value)| (name.clone(), value.chars().take(TRAIT_MAX).collect()))
        .collect()
}

fn is_allowed(name: &str) -> bool {
    let utm = name.strip_prefix(TRAIT_PREFIX).is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    });
    (utm && name.len() <= TRAIT_NAME_MAX) || TRAITS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::parse(&Keys::generate()).unwrap()
    }

    #[test]
    fn a_device_is_always_the_same_visitor() {
        let keys = keys();
        for device in [
            "5f0c6f1e-8a57-4c0b-9a55-3c0b6f2f9e11",
            "0190a5a0-7c1e-7d2a-8f00-0123456789ab",
            "q7Jx2mV9sK4tB1nZ8wYc3D",
        ] {
            let visitor = visitor_of_device(device, &keys).unwrap();
            assert_eq!(visitor, visitor_of_device(device, &keys).unwrap());
            assert_ne!(visitor, visitor_of_device("zzJx2mV9sK4tB1nZ8wYc3D", &keys).unwrap());
        }
    }

    #[test]
    fn a_member_is_one_visitor_and_no_browsers() {
        let (keys, device) = (keys(), "q7Jx2mV9sK4tB1nZ8wYc3D");
        assert_eq!(visitor_of_member("user_1", &keys), visitor_of_member("user_1", &keys));
        assert_ne!(visitor_of_member("user_1", &keys), visitor_of_member("user_2", &keys));
        assert_ne!(visitor_of_member(device, &keys), visitor_of_device(device, &keys).unwrap());
    }

    #[test]
    fn weak_device_ids_are_refused() {
        let shared = "0".repeat(32);
        for weak in [
            "",
            "anon",
            "123",
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
            "c232ab00-9414-11ec-b3c8-9f6bdeced846", // version 1: time and MAC address
            "aaaaaaaaaaaaaaaaaaaaaaaaaa",
            "0123456789 0123456789 0123456789",
            "q7Jx2mV9sK4tB1nZ8wYc3",
            shared.as_str(),
        ] {
            let fault = visitor_of_device(weak, &keys()).unwrap_err();
            assert_eq!(fault.field.as_deref(), Some("deviceId"), "{weak:?}");
        }
    }

    #[test]
    fn traits_are_an_allow_list() {
        let given: BTreeMap<String, String> = [
            ("utm_source", "yt"),
            ("utm_", "x"),
            ("utm_A", "x"),
            ("gclid", ""),
            ("page", "/services"),
            ("is_admin", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let kept = allowed_traits(&given);
        assert_eq!(kept.keys().collect::<Vec<_>>(), ["page", "utm_source"]);
    }

    #[test]
    fn long_traits_are_cut_between_characters() {
        let given = BTreeMap::from([("referrer".to_owned(), "é".repeat(600))]);
        assert_eq!(allowed_traits(&given)["referrer"], "é".repeat(512));
    }
}
