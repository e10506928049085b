//! One token format for all that Frontdesk signs: `fd1.<purpose>.<key id>.<payload>.<mac>`.
//!
//! HMAC-SHA-256 over everything before the last dot, so the purpose is inside the MAC: a visitor token never passes
//! for a client secret. Payload and MAC are base64url without padding. An invalid token is an absent one, so
//! [`Keys::open`] says no more than `None`.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// A new secret: 256 random bits in base64url.
pub fn secret() -> String {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).expect("the operating system gives random bits");
    URL_SAFE_NO_PAD.encode(bits)
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Says who a browser is; lives 400 days.
    Visitor,
    /// Client secret of a self-hosted chat; lives 600 s.
    ClientSecret,
    /// Session of an agent's tools; lives 24 h.
    ToolSession,
    /// Opens the page to which a link to pay returns; lives 90 days.
    ReturnPage,
}

impl Purpose {
    const fn letter(self) -> &'static str {
        match self {
            Self::Visitor => "v",
            Self::ClientSecret => "c",
            Self::ToolSession => "t",
            Self::ReturnPage => "r",
        }
    }

    /// How long such a token lives.
    pub const fn lifetime(self) -> jiff::SignedDuration {
        match self {
            Self::Visitor => jiff::SignedDuration::from_hours(400 * 24),
            Self::ClientSecret => jiff::SignedDuration::from_secs(600),
            Self::ToolSession => jiff::SignedDuration::from_hours(24),
            Self::ReturnPage => jiff::SignedDuration::from_hours(90 * 24),
        }
    }
}

/// What a token says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Whom it is about, e.g. a visitor's id.
    #[serde(rename = "s")]
    pub subject: String,
    /// When it ends, in unix seconds. Sealing sets it.
    #[serde(rename = "x")]
    pub expires_at: i64,
    /// Slug of the workflow that it is good for; a visitor token never has one.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// Id of the session that it belongs to; a visitor token never has one.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// The Whop user who proved to be there when it was sealed; a visitor token never has one.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub whop_user: Option<String>,
}

/// The keys that sign and verify, newest first: the first signs, all verify.
#[derive(Clone)]
pub struct Keys(Vec<Key>);

#[derive(Clone)]
struct Key {
    id: String,
    secret: Vec<u8>,
}

/// Why a text is no list of keys. Never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Nothing in it.
    #[error("must hold at least one KEY_ID:SECRET")]
    Empty,
    /// An entry without a key id of 1 to 16 letters and digits.
    #[error("entry {0} must be KEY_ID:SECRET with a KEY_ID of 1 to 16 letters and digits")]
    Id(usize),
    /// An entry with a weak or unreadable secret.
    #[error("the secret of entry {0} must be base64url of at least 32 bytes")]
    Secret(usize),
    /// Two entries share a key id.
    #[error("entry {0} repeats a key id")]
    Repeated(usize),
}

// === impl Keys ===

impl Keys {
    /// Reads `KEY_ID:SECRET[,KEY_ID:SECRET…]`, newest first; a secret is base64url of at least 32 bytes.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut keys: Vec<Key> = Vec::new();
        for (index, entry) in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).enumerate() {
            let number = index + 1;
            let (id, secret) = entry.split_once(':').ok_or(Malformed::Id(number))?;
            if id.is_empty() || id.len() > 16 || !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
                return Err(Malformed::Id(number));
            }
            let secret = URL_SAFE_NO_PAD
                .decode(secret.trim_end_matches('='))
                .map_err(|_| Malformed::Secret(number))?;
            if secret.len() < 32 {
                return Err(Malformed::Secret(number));
            }
            if keys.iter().any(|key| key.id == id) {
                return Err(Malformed::Repeated(number));
            }
            keys.push(Key { id: id.to_owned(), secret });
        }
        if keys.is_empty() { Err(Malformed::Empty) } else { Ok(Self(keys)) }
    }

    /// A new key as it stands in `TOKEN_KEYS`.
    pub fn generate() -> String {
        format!("k1:{}", secret())
    }

    /// Signs a token about `subject` that lives from `now` for the purpose's lifetime.
    pub fn seal(&self, purpose: Purpose, subject: &str, now: Timestamp) -> String {
        self.seal_claims(purpose, Claims { subject: subject.to_owned(), ..Claims::default() }, now)
    }

    /// As [`Keys::seal`] with all that `claims` say, except that the purpose decides when the token ends.
    pub fn seal_claims(&self, purpose: Purpose, claims: Claims, now: Timestamp) -> String {
        let expires_at = (now + purpose.lifetime()).as_second();
        let mut claims = Claims { expires_at, ..claims };
        if purpose == Purpose::Visitor {
            // It outlives every session and every proof, so it must not carry any.
            (claims.workflow, claims.session_id, claims.whop_user) = (None, None, None);
        }
        let payload = serde_json::to_vec(&claims).expect("strings and a number serialize");
        let key = &self.0[0];
        let signed = format!("fd1.{}.{}.{}", purpose.letter(), key.id, URL_SAFE_NO_PAD.encode(payload));
        let mac = URL_SAFE_NO_PAD.encode(key.mac(&[signed.as_bytes()]));
        format!("{signed}.{mac}")
    }

    /// What a token says, if it is ours, for this purpose, and has not ended by `now`.
    pub fn open(&self, purpose: Purpose, token: &str, now: Timestamp) -> Option<Claims> {
        let (signed, mac) = token.rsplit_once('.')?;
        let [version, letter, key_id, payload] = signed.split('.').collect::<Vec<_>>().try_into().ok()?;
        if version != "fd1" || letter != purpose.letter() {
            return None;
        }
        let key = self.0.iter().find(|key| key.id == key_id)?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        if !bool::from(key.mac(&[signed.as_bytes()]).as_slice().ct_eq(&mac)) {
            return None;
        }
        let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        (claims.expires_at > now.as_second()).then_some(claims)
    }

    /// 128 bits that follow from `value` and the oldest key, which is the one that stays longest when keys rotate.
    /// `label` keeps uses apart: a device and an address never meet.
    pub fn derive(&self, label: &str, value: &[u8]) -> [u8; 16] {
        let key = self.0.last().expect("a key list is never empty");
        let mac = key.mac(&[label.as_bytes(), b"\0", value]);
        mac[..16].try_into().expect("HMAC-SHA-256 has 32 bytes")
    }
}

impl Key {
    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).expect("HMAC takes a key of any length");
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

impl std::str::FromStr for Keys {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(ids: &[&str]) -> Keys {
        let list: Vec<_> =
            ids.iter().map(|id| format!("{id}:{}", URL_SAFE_NO_PAD.encode(format!("{id:_<32}")))).collect();
        Keys::parse(&list.join(",")).unwrap()
    }

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    #[test]
    fn a_token_is_good_for_its_purpose_alone() {
        let keys = keys(&["a"]);
        let token = keys.seal(Purpose::Visitor, "vis_1", NOW);
        assert!(token.starts_with("fd1.v.a."));
        assert_eq!(keys.open(Purpose::Visitor, &token, NOW).unwrap().subject, "vis_1");
        assert_eq!(keys.open(Purpose::ClientSecret, &token, NOW), None);
        let relabelled = token.replacen(".v.", ".c.", 1);
        assert_eq!(keys.open(Purpose::ClientSecret, &relabelled, NOW), None);
    }

    #[test]
    fn a_client_secret_knows_its_workflow_session_and_member() {
        let keys = keys(&["a"]);
        let claims = Claims {
            subject: "vis_1".into(),
            expires_at: i64::MAX,
            workflow: Some("lead-concierge".into()),
            session_id: Some("ses_1".into()),
            whop_user: Some("user_1".into()),
        };
        let token = keys.seal_claims(Purpose::ClientSecret, claims.clone(), NOW);
        let opened = keys.open(Purpose::ClientSecret, &token, NOW).unwrap();
        assert_eq!(opened, Claims { expires_at: 600, ..claims.clone() });

        let visitor = keys.seal_claims(Purpose::Visitor, claims, NOW);
        assert_eq!(visitor, keys.seal(Purpose::Visitor, "vis_1", NOW), "a visitor token never has them");
        let opened = keys.open(Purpose::Visitor, &visitor, NOW).unwrap();
        assert_eq!((opened.workflow, opened.session_id, opened.whop_user), (None, None, None));
    }

    #[test]
    fn what_a_token_does_not_say_is_not_in_it() {
        let keys = keys(&["a"]);
        let token = keys.seal(Purpose::ClientSecret, "vis_1", NOW);
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(3).unwrap()).unwrap();
        assert_eq!(payload, br#"{"s":"vis_1","x":600}"#);
    }

    #[test]
    fn a_token_ends() {
        let keys = keys(&["a"]);
        let token = keys.seal(Purpose::ClientSecret, "vis_1", NOW);
        let last = NOW + jiff::SignedDuration::from_secs(599);
        assert!(keys.open(Purpose::ClientSecret, &token, last).is_some());
        assert!(
            keys.open(Purpose::ClientSecret, &token, last + jiff::SignedDuration::from_secs(1)).is_none()
        );
    }

    #[test]
    fn keys_rotate() {
        let token = keys(&["old"]).seal(Purpose::Visitor, "vis_1", NOW);
        assert!(keys(&["new", "old"]).open(Purpose::Visitor, &token, NOW).is_some());
        assert!(keys(&["new"]).open(Purpose::Visitor, &token, NOW).is_none());
        assert_eq!(keys(&["old"]).derive("device", b"d"), keys(&["new", "old"]).derive("device", b"d"));
        assert_ne!(keys(&["old"]).derive("device", b"d"), keys(&["old"]).derive("ip", b"d"));
    }

    #[test]
    fn no_single_changed_byte_passes() {
        let keys = keys(&["a"]);
        let token = keys.seal(Purpose::Visitor, "vis_1", NOW);
        for index in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(bytes).unwrap();
            assert_eq!(keys.open(Purpose::Visitor, &forged, NOW), None, "byte {index}");
        }
    }

    #[test]
    fn weak_keys_are_refused_without_being_repeated() {
        assert_eq!(Keys::parse(" , ").unwrap_err(), Malformed::Empty);
        assert_eq!(Keys::parse("secret").unwrap_err(), Malformed::Id(1));
        assert_eq!(Keys::parse("a:c2hvcnQ").unwrap_err(), Malformed::Secret(1));
        let key = Keys::generate();
        assert_eq!(Keys::parse(&format!("{key},{key}")).unwrap_err(), Malformed::Repeated(2));
        assert_eq!(format!("{:?}", Keys::parse(&key).unwrap()), r#"["k1"]"#);
    }
}
