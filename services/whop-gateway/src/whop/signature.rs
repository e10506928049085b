//! Whop's signatures of a webhook.
//!
//! Those of API v1 are Standard Webhooks' `webhook-id`, `webhook-timestamp` and `webhook-signature: v1,… [v1,…]`: base64 of
//! HMAC-SHA-256 over `id.timestamp.body`. The key is the literal bytes of the whole `ws_…` text, and not what it would
//! decode to (`whop_sdk` 2.6.0, `lib/verify_webhook.py`). Webhooks made through API v2 send `x-whop-signature: t=…,v1=…`,
//! hex over `t.body` (npm `@whop/api` 0.0.51, `makeWebhookValidator`). The invariant: without a secret nothing is signed,
//! and a signature holds for 300 seconds before and after its time.

use std::collections::HashMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chassis::config::Secrets;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// How far a signature's time may be from ours, in seconds.
const TOLERANCE: u64 = 300;
/// Most signatures that are looked at.
const MOST: usize = 16;
/// Longest id of a message.
const LONGEST_ID: usize = 128;

const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";
const LEGACY: &str = "x-whop-signature";

/// What makes a second delivery of the same message recognisable, if one of `secrets` signed `body` around `now`: the
/// signed id, or a hash of what is signed where that is no id. Names of headers are in lower case.
pub(crate) fn verify(
    headers: &HashMap<String, String>,
    body: &[u8],
    secrets: Option<&Secrets>,
    now: Timestamp,
) -> Option<String> {
    standard(headers, body, secrets, now).or_else(|| legacy(headers, body, secrets, now))
}

fn standard(
    headers: &HashMap<String, String>,
    body: &[u8],
    secrets: Option<&Secrets>,
    now: Timestamp,
) -> Option<String> {
    let (id, time) = (headers.get(ID)?, headers.get(TIMESTAMP)?);
    let signatures = headers.get(SIGNATURE)?.split(' ').filter_map(|part| part.strip_prefix("v1,"));
    // A dot in it could move the border between id and time.
    let is_id = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let fits = (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(is_id);
    let made = |secret: &[u8]| {
        BASE64_STANDARD.encode(sign(secret, &[id.as_bytes(), b".", time.as_bytes(), b".", body]))
    };
    (fits && is_recent(time, now) & matches(secrets, &signatures.collect::<Vec<_>>(), made))
        .then(|| id.clone())
}

fn legacy(
    headers: &HashMap<String, String>,
    body: &[u8],
    secrets: Option<&Secrets>,
    now: Timestamp,
) -> Option<String> {
    let (time, signature) = headers.get(LEGACY)?.split_once(',')?;
    let (time, signature) = (time.strip_prefix("t=")?, signature.strip_prefix("v1=")?);
    let made = |secret: &[u8]| domain::id::hex(&sign(secret, &[time.as_bytes(), b".", body]));
    (is_recent(time, now) & matches(secrets, &[signature], made)).then(|| {
        domain::id::hex(&Sha256::new().chain_update(time).chain_update(b".").chain_update(body).finalize())
    })
}

fn is_recent(time: &str, now: Timestamp) -> bool {
    let digits = !time.is_empty() && time.bytes().all(|b| b.is_ascii_digit());
    digits && time.parse().is_ok_and(|seconds: i64| now.as_second().abs_diff(seconds) <= TOLERANCE)
}

/// Whether what one of the secrets makes is among `signatures`. Every pair is compared, so that the time says nothing of
/// which one it was.
fn matches(secrets: Option<&Secrets>, signatures: &[&str], made: impl Fn(&[u8]) -> String) -> bool {
    secrets.into_iter().flat_map(Secrets::iter).fold(false, |found, secret| {
        let own = made(secret.as_bytes());
        let pairs = signatures.iter().take(MOST);
        pairs.fold(found, |found, theirs| found | bool::from(own.as_bytes().ct_eq(theirs.as_bytes())))
    })
}

fn sign(secret: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests;
