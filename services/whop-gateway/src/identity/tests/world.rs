//! A signer that has Whop's part, and a verifier whose time and keys a test holds.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{self, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::Clock;

use super::super::{ISSUER, Unknown, Verifier};
use crate::tests::upstream::{Asked, Upstream};

pub(super) const APP: &str = "app_1";
pub(super) const START: i64 = 1_800_000_000;

/// Who signs.
pub(super) struct Signer {
    pub(super) pair: EcdsaKeyPair,
    pub(super) kid: &'static str,
}

impl Signer {
    pub(super) fn new(kid: &'static str) -> Self {
        Self { pair: EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(), kid }
    }

    pub(super) fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let part = |range| BASE64.encode(&point[range]);
        json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid,
            "x": part(1..33), "y": part(33..65)})
    }

    pub(super) fn header(&self) -> Value {
        json!({"alg": "ES256", "typ": "JWT", "kid": self.kid})
    }

    pub(super) fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let signed = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", BASE64.encode(signed))
    }

    pub(super) fn token(&self) -> String {
        self.sign(&self.header(), &claims())
    }
}

pub(super) fn message(header: &Value, claims: &Value) -> String {
    format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()))
}

pub(super) fn claims() -> Value {
    json!({"iss": ISSUER, "aud": APP, "sub": "user_mara", "iat": START, "exp": START + 3_600})
}

pub(super) fn with(change: Value) -> Value {
    let mut claims = claims();
    for (name, value) in change.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

/// A verifier, the clock that it looks at, and where its keys are.
pub(super) struct World {
    pub(super) verifier: Arc<Verifier>,
    seconds: Arc<AtomicI64>,
    pub(super) whop: Upstream,
}

impl World {
    pub(super) async fn of(signers: &[&Signer]) -> Self {
        let whop = Upstream::start(set(signers)).await;
        let seconds = Arc::new(AtomicI64::new(START));
        let shown = seconds.clone();
        let clock: Clock = Arc::new(move || Timestamp::from_second(shown.load(Ordering::SeqCst)).unwrap());
        let url = whop.base().join(".well-known/jwks.json").unwrap();
        Self { verifier: Arc::new(Verifier::new(Some(APP.to_owned()), &url, clock)), seconds, whop }
    }

    pub(super) fn pass(&self, seconds: i64) {
        self.seconds.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(super) fn fetches(&self) -> usize {
        self.whop.asked().len()
    }

    pub(super) fn go_down(&self) {
        self.whop.answer(|_| (503, json!({})));
    }

    pub(super) async fn user(&self, token: &str) -> Result<String, Unknown> {
        self.verifier.verify(token).await.map(|member| member.user)
    }

    pub(super) async fn is_wrong(&self, token: &str) -> bool {
        matches!(self.verifier.verify(token).await, Err(Unknown::Wrong(_)))
    }

    pub(super) async fn is_unavailable(&self, token: &str) -> bool {
        matches!(self.verifier.verify(token).await, Err(Unknown::Keys(_)))
    }
}

pub(super) fn set(signers: &[&Signer]) -> impl Fn(&Asked) -> (u16, Value) + use<> {
    let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
    move |_| (200, json!({ "keys": keys }))
}

pub(super) fn long_lived() -> Value {
    with(json!({"exp": START + 100 * 3_600}))
}
