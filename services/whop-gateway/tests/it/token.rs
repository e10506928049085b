//! Somebody who signs tokens as Whop does.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{self, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use serde_json::{Value, json};

pub(crate) const APP: &str = "app_frontdesk0001";

/// Who signs.
pub(crate) struct Signer(EcdsaKeyPair);

impl Signer {
    pub(crate) fn new() -> Self {
        Self(EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    /// The set of keys that knows this one alone.
    pub(crate) fn keys(&self) -> Value {
        let point = self.0.public_key().as_ref();
        let part = |range| BASE64.encode(&point[range]);
        json!({"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "k1",
            "x": part(1..33), "y": part(33..65)}]})
    }

    /// A token for a user, until then.
    pub(crate) fn token(&self, user: &str, expires_at: i64) -> String {
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": "k1"});
        let claims = json!({"iss": "urn:whopcom:exp-proxy", "aud": APP, "sub": user, "exp": expires_at});
        let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
        let signed = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", BASE64.encode(signed))
    }
}
