//! User tokens: who looks at an app, signed by Whop, and the keys that others check them with.
//!
//! As `lib/verify_user_token.py` of Whop's Python SDK 2.6.0 checks them: ES256, the issuer below, one app as audience,
//! keys by JWKS, `kid` missing in old ones. The invariant: the private keys never leave the sandbox's file.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::{
    Whop,
    error::{Refusal, Taken},
    records::{Key, Person},
    shelf::{Desk, new_id},
};
use crate::{Mishap, Sandbox, WHOP_APP_ID};

/// Who says so.
const ISSUER: &str = "urn:whopcom:exp-proxy";
/// How long a token is good for, in seconds. Whop's number is not published.
const LIFE: i64 = 600;

/// A token before it is signed; everything in it can be made wrong.
#[derive(Clone, Debug)]
pub struct UserToken {
    /// The header. Without `kid` it gets the signer's; with `kid` null it has none.
    pub header: Map<String, Value>,
    /// The claims. What is null is left out.
    pub claims: Map<String, Value>,
    /// Who signs it.
    pub signer: Signer,
}

/// Who signs a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signer {
    /// The newest key.
    #[default]
    Newest,
    /// The oldest key that is still published.
    Oldest,
    /// A key that nobody published, under the newest one's `kid`.
    Stranger,
    /// HMAC-SHA256 with these bytes.
    Secret(Vec<u8>),
    /// Nobody: the signature is empty.
    Nobody,
}

fn pair(key: &Key) -> Taken<EcdsaKeyPair> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(&key.pkcs8).ok();
    let pair =
        bytes.and_then(|bytes| EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &bytes).ok());
    pair.ok_or_else(broken)
}

fn broken() -> Refusal {
    Refusal::of_status(StatusCode::INTERNAL_SERVER_ERROR)
}

fn generate() -> Taken<Key> {
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    let made = made.map_err(|_| broken())?;
    Ok(Key { kid: new_id("key"), pkcs8: BASE64_URL_SAFE_NO_PAD.encode(made.as_ref()) })
}

fn jwk(key: &Key) -> Taken<Value> {
    let pair = pair(key)?;
    // A point that is not compressed: 4, x, y.
    let (x, y) = pair.public_key().as_ref().get(1..65).ok_or_else(broken)?.split_at(32);
    let text = |part: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(part);
    Ok(
        json!({"kty": "EC", "crv": "P-256", "x": text(x), "y": text(y), "kid": key.kid, "alg": "ES256", "use": "sig"}),
    )
}

fn ecdsa(key: &Key, message: &[u8]) -> Taken<Vec<u8>> {
    let signature = pair(key)?.sign(&SystemRandom::new(), message).map_err(|_| broken())?;
    Ok(signature.as_ref().to_vec())
}

/// Makes the first key.
pub(super) fn seed(desk: &Desk<'_>) -> Taken<()> {
    match desk.all::<Key>()?.is_empty() {
        true => desk.add(&generate()?),
        false => Ok(()),
    }
}

/// Signs a token.
fn sign(desk: &Desk<'_>, token: &UserToken) -> Taken<String> {
    let keys = desk.all::<Key>()?;
    let (newest, oldest) = keys.first().zip(keys.last()).ok_or_else(broken)?;
    let named = if token.signer == Signer::Oldest { oldest } else { newest };
    let mut header = token.header.clone();
    header.entry("kid").or_insert_with(|| named.kid.clone().into());
    let text = |map: &Map<String, Value>| {
        let there: Map<_, _> = map
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        BASE64_URL_SAFE_NO_PAD.encode(Value::Object(there).to_string())
    };
    let message = format!("{}.{}", text(&header), text(&token.claims));
    let signature = match &token.signer {
        Signer::Newest | Signer::Oldest => ecdsa(named, message.as_bytes())?,
        Signer::Stranger => ecdsa(&generate()?, message.as_bytes())?,
        Signer::Secret(secret) => {
            let mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key may have any length");
            mac.chain_update(&message).finalize().into_bytes().to_vec()
        }
        Signer::Nobody => Vec::new(),
    };
    Ok(format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
}

// === impl UserToken ===

impl UserToken {
    /// A good one, for this user, from now on.
    pub fn of(user: &str) -> Self {
        let now = Timestamp::now().as_second();
        let object = |value: Value| match value {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        Self {
            header: object(json!({"alg": "ES256", "typ": "JWT"})),
            claims: object(
                json!({"iss": ISSUER, "aud": WHOP_APP_ID, "sub": user, "iat": now, "exp": now + LIFE}),
            ),
            signer: Signer::Newest,
        }
    }
}

// === impl Sandbox ===

impl Whop {
    fn with_keys<T>(&self, act: impl FnOnce(&Desk<'_>) -> Taken<T>) -> Result<T, Mishap> {
        let done = self.transact(Timestamp::now(), act);
        done.map(|(done, _)| done).map_err(|refusal| Mishap::Refused(refusal.to_string()))
    }
}

impl Sandbox {
    /// Signs a token for an app, good or not.
    ///
    /// # Errors
    /// The database's.
    pub fn sign_user_token(&self, token: &UserToken) -> Result<String, Mishap> {
        self.0.whop.with_keys(|desk| sign(desk, token))
    }

    /// A good token for this user.
    ///
    /// # Errors
    /// There is no such user.
    pub fn user_token(&self, user: &str) -> Result<String, Mishap> {
        self.0.whop.with_keys(|desk| sign(desk, &UserToken::of(&desk.get::<Person>(user)?.id)))
    }

    /// Publishes a new key beside the others, which signs from now on; its `kid`.
    ///
    /// # Errors
    /// The database's.
    pub fn rotate_user_keys(&self) -> Result<String, Mishap> {
        self.0.whop.with_keys(|desk| {
            let key = generate()?;
            desk.add(&key)?;
            Ok(key.kid)
        })
    }

    /// Publishes the newest key alone.
    ///
    /// # Errors
    /// The database's.
    pub fn retire_user_keys(&self) -> Result<(), Mishap> {
        let retire = |desk: &Desk<'_>| {
            desk.all::<Key>()?.iter().skip(1).try_for_each(|key| desk.remove::<Key>(&key.kid))
        };
        self.0.whop.with_keys(retire)
    }

    /// The published keys, as a JWK set.
    ///
    /// # Errors
    /// The database's.
    pub fn user_keys(&self) -> Result<Value, Mishap> {
        let keys = |desk: &Desk<'_>| desk.all::<Key>()?.iter().map(jwk).collect::<Taken<Vec<_>>>();
        Ok(json!({"keys": self.0.whop.with_keys(keys)?}))
    }
}

/// `GET /whop/.well-known/jwks.json`.
pub(crate) async fn keys(State(sandbox): State<Sandbox>) -> Response {
    match tokio::task::spawn_blocking(move || sandbox.user_keys()).await {
        Ok(Ok(keys)) => Json(keys).into_response(),
        _ => broken().into_response(),
    }
}
