//! Typed ids: a contact's id never stands where a session's belongs.
//!
//! An id is prefixed and either a ULID (sortable by time), 128 bits derived from what it is about, or given by a
//! provider. The invariant: an id is 1 to 128 characters of `[A-Za-z0-9_.:-]`, so it is safe in a path, a cell, a log.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Longest id, in characters.
pub const MAX_LEN: usize = 128;

/// Why a text is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {MAX_LEN} characters of A-Z a-z 0-9 _ . : -")]
pub struct Malformed;

/// Checks the characters and the length that every id keeps to.
pub fn check(text: &str) -> Result<(), Malformed> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-');
    if text.is_empty() || text.len() > MAX_LEN || !text.bytes().all(allowed) {
        return Err(Malformed);
    }
    Ok(())
}

/// 128 bits of SHA-256 over the parts, in hex: the tail of an id that follows from what it is about. The parts'
/// lengths are hashed too, so `("ab", "c")` and `("a", "bc")` differ.
pub fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex(&hash.finalize()[..16])
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A new ULID: `now` and 80 random bits.
pub fn ulid(now: Timestamp) -> String {
    let mut random = [0; 16];
    getrandom::fill(&mut random).expect("the operating system gives random bits");
    let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
    ulid::Ulid::from_parts(millis, u128::from_be_bytes(random)).to_string()
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// What ids that we make begin with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id: a ULID of `now` and random bits.
            pub fn generate(now: Timestamp) -> Self {
                Self(format!("{}{}", $prefix, ulid(now)))
            }

            /// The id that follows from what it is about.
            pub fn derive(parts: &[&str]) -> Self {
                Self(format!("{}{}", $prefix, digest(parts)))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Malformed;
            fn from_str(text: &str) -> Result<Self, Malformed> {
                check(text).map(|()| Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = Malformed;
            fn try_from(text: String) -> Result<Self, Malformed> {
                check(&text).map(|()| Self(text))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// A visitor of a site: 128 bits in hex, random or derived from a device id.
    VisitorId = "vis_";
    /// A person.
    ContactId = "con_";
    /// A lead.
    LeadId = "led_";
    /// A turn of a chat or its outcome.
    EngagementId = "eng_";
    /// A meeting.
    BookingId = "bkg_";
    /// An event; without an id of its own, SHA-256 of its canonical form.
    EventId = "evt_";
    /// A ledger: one store and the spreadsheet that it fills.
    LedgerId = "ldg_";
    /// A link to pay.
    CheckoutId = "chk_";
    /// A ticket with the team.
    TicketId = "tkt_";
    /// A message of the inbox.
    MessageId = "inb_";
    /// A person's being forgotten.
    ErasureId = "era_";
    /// A request at the public door.
    RequestId = "req_";
}

impl VisitorId {
    /// A new visitor: 128 random bits.
    pub fn random() -> Self {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits).expect("the operating system gives random bits");
        Self::from_bits(&bits)
    }

    /// The visitor with these 128 bits.
    pub fn from_bits(bits: &[u8; 16]) -> Self {
        Self(format!("{}{}", Self::PREFIX, hex(bits)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time() {
        let early = LeadId::generate(Timestamp::from_millisecond(1_000).unwrap());
        let late = LeadId::generate(Timestamp::from_millisecond(2_000).unwrap());
        assert!(early < late);
        assert!(early.as_str().starts_with("led_"));
    }

    #[test]
    fn ids_refuse_what_is_unsafe_in_a_path() {
        for bad in ["", "a/b", "a b", "é", "=1+1", &"x".repeat(129)] {
            assert_eq!(bad.parse::<ContactId>(), Err(Malformed), "{bad:?}");
        }
        assert_eq!("c_456".parse::<ContactId>().unwrap().as_str(), "c_456");
        assert!(serde_json::from_str::<ContactId>("\"a/b\"").is_err());
    }

    #[test]
    fn derived_ids_tell_parts_apart() {
        assert_eq!(BookingId::derive(&["cal.com", "u1"]), BookingId::derive(&["cal.com", "u1"]));
        assert_ne!(BookingId::derive(&["ab", "c"]), BookingId::derive(&["a", "bc"]));
    }
}
