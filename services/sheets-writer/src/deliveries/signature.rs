//! Signatures as Standard Webhooks describes them (its specification 1.0.0, "Signature scheme").
//!
//! What is signed is `{id}.{timestamp}.{body}`, so the invariant: neither id nor timestamp holds a full stop. While a
//! secret is being replaced there is one signature for each, newest first.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::Sha256;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// Fewest and most bytes of a secret.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The secrets of a destination, newest first; at least one.
#[derive(Clone)]
pub struct Keys(Vec<SecretSlice<u8>>);

// === impl Keys ===

impl Keys {
    /// Reads secrets: `whsec_` and 24 to 64 bytes in base64 each.
    ///
    /// # Errors
    /// One of them is something else; it is not repeated.
    pub fn parse<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, String> {
        const WHY: &str =
            "must be whsec_ and 24 to 64 bytes in base64, as in whsec_$(openssl rand -base64 32)";
        let key = |text: &str| {
            let bytes = BASE64_STANDARD.decode(text.trim().strip_prefix(PREFIX)?).ok()?;
            BYTES.contains(&bytes.len()).then(|| SecretSlice::from(bytes))
        };
        let keys: Vec<_> = texts.into_iter().map(key).collect::<Option<_>>().ok_or(WHY)?;
        if keys.is_empty() { Err(WHY.to_owned()) } else { Ok(Self(keys)) }
    }

    /// The header `webhook-signature`.
    pub(super) fn sign(&self, id: &str, at: Timestamp, body: &str) -> String {
        let signed = |key: &SecretSlice<u8>| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret()).expect("any length will do");
            mac.update(format!("{id}.{}.{body}", at.as_second()).as_bytes());
            format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
        };
        self.0.iter().map(signed).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const BODY: &str = r#"{"email":"test@example.com","username":"test_user"}"#;

    #[test]
    fn it_signs_as_the_published_vector_says() {
        let keys = Keys::parse([SECRET]).unwrap();
        let at = Timestamp::from_second(1_649_367_553).unwrap();
        assert_eq!(
            keys.sign("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", at, BODY),
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="
        );
    }

    #[test]
    fn while_a_secret_is_replaced_both_sign() {
        let other = format!("{PREFIX}{}", BASE64_STANDARD.encode([7; 32]));
        let keys = Keys::parse([other.as_str(), SECRET]).unwrap();
        let signed = keys.sign("msg_1", Timestamp::UNIX_EPOCH, "{}");
        let alone = Keys::parse([SECRET]).unwrap().sign("msg_1", Timestamp::UNIX_EPOCH, "{}");
        assert_eq!(signed.split(' ').count(), 2);
        assert!(signed.ends_with(&alone));
    }

    #[test]
    fn what_is_no_secret_is_refused_without_quoting_it() {
        for bad in ["", "sesame", "whsec_sesame", "whsec_c2VzYW1l", "C2FVsBQIhrscChlQIMV+b5sSYspob7oD"] {
            let why = Keys::parse([bad]).unwrap_err();
            assert!(bad.is_empty() || !why.contains(bad), "{why}");
        }
        assert!(Keys::parse([]).is_err());
        assert!(!format!("{:?}", Keys::parse([SECRET]).unwrap()).contains("C2FV"));
    }
}
