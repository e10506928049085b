//! Who a member is: the token that Whop's proxy adds to the requests of a page of our app.
//!
//! A JWT of ES256 (npm `@whop/sdk` 0.0.42, `lib/verify-user-token`; `whop_sdk` 2.6.0, `lib/verify_user_token.py`): its
//! issuer is Whop's proxy, its audience the app, its subject the user. The invariant: no user comes out of here but one for
//! whom a key of Whop's signed, for this app, and whose time has not run out.

mod keys;
#[cfg(test)]
mod tests;

use domain::{Fault, Kind, Reason};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use providers::api::Failure;
use serde::Deserialize;
use serde_json::Number;
use store::Clock;
use url::Url;

use self::keys::{Keys, Set};

/// Who makes the tokens.
const ISSUER: &str = "urn:whopcom:exp-proxy";
/// Longest token that is looked at; those of Whop have some hundred bytes.
const LONGEST: usize = 8 << 10;
/// How far Whop's clock may be ahead of ours, in seconds.
const SKEW: i64 = 30;

/// Somebody who showed a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// `user_…`
    pub(crate) user: String,
    /// When the token ends.
    pub(crate) expires_at: Timestamp,
}

/// Why nobody is known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unknown {
    /// The token says nothing about anybody.
    #[error("the token is not Whop's for this app: {0}")]
    Wrong(&'static str),
    /// Whop's keys could not be fetched.
    #[error("the keys are not known")]
    Keys(#[source] Failure),
}

/// Checks tokens.
pub(crate) struct Verifier {
    app: Option<String>,
    keys: Keys,
    clock: Clock,
}

/// What a token says. Text is text: a list of audiences is none.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    exp: Number,
    #[serde(default)]
    nbf: Option<Number>,
}

// === impl Verifier ===

impl Verifier {
    /// Checks tokens for `app` against the keys at `url`. Without an app every token is wrong.
    pub(crate) fn new(app: Option<String>, url: &Url, clock: Clock) -> Self {
        Self { app, keys: Keys::new(url, clock.clone()), clock }
    }

    /// Whose token it is.
    pub(crate) async fn verify(&self, token: &str) -> Result<Member, Unknown> {
        let app = self.app.as_deref().ok_or(Unknown::Wrong("there is no app"))?;
        if token.len() > LONGEST {
            return Err(Unknown::Wrong("it is too long"));
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| Unknown::Wrong("it is no token"))?;
        // An extension that must be understood is not understood here.
        if header.alg != Algorithm::ES256 || header.crit.is_some() {
            return Err(Unknown::Wrong("it is signed in another way"));
        }
        let claims = self.signed(token, header.kid.as_deref(), app).await?;
        claims.member((self.clock)(), app)
    }

    async fn signed(&self, token: &str, kid: Option<&str>, app: &str) -> Result<Claims, Unknown> {
        let known = self.keys.known().await.map_err(Unknown::Keys)?;
        if let Some(claims) = known.claims(token, kid, app) {
            return Ok(claims);
        }
        if kid.is_some_and(|kid| known.has(kid)) {
            return Err(Unknown::Wrong("its signature is wrong"));
        }
        let newer = self.keys.newer_than(&known).await.map_err(Unknown::Keys)?;
        newer.claims(token, kid, app).ok_or(Unknown::Wrong("no key made it"))
    }
}

// === impl Set ===

impl Set {
    /// What a token says, if one of the keys that may have signed it did. Old tokens have no kid: any key may have.
    fn claims(&self, token: &str, kid: Option<&str>, app: &str) -> Option<Claims> {
        let mut candidates = self.keys.iter().filter(|key| kid.is_none() || key.kid.as_deref() == kid);
        candidates.find_map(|key| decode(token, &key.key, app))
    }

    fn has(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid.as_deref() == Some(kid))
    }
}

/// What a token says, if `key` signed it for `app`.
fn decode(token: &str, key: &DecodingKey, app: &str) -> Option<Claims> {
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[app]);
    // It would look at the clock of the machine; [`Claims::member`] looks at ours.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    jsonwebtoken::decode(token, key, &validation).ok().map(|token| token.claims)
}

// === impl Claims ===

impl Claims {
    fn member(self, now: Timestamp, app: &str) -> Result<Member, Unknown> {
        if self.iss != ISSUER || self.aud != app {
            return Err(Unknown::Wrong("it is for somebody else"));
        }
        let (now, exp) = (now.as_second(), seconds(&self.exp).ok_or(Unknown::Wrong("its end is no time"))?);
        if exp <= now {
            return Err(Unknown::Wrong("it has ended"));
        }
        let begin = self.nbf.as_ref().map(|nbf| seconds(nbf).ok_or(Unknown::Wrong("its begin is no time")));
        if begin.transpose()?.is_some_and(|nbf| nbf > now + SKEW) {
            return Err(Unknown::Wrong("it has not begun"));
        }
        if !self.sub.starts_with("user_") || domain::id::check(&self.sub).is_err() {
            return Err(Unknown::Wrong("it names no user"));
        }
        let expires_at = Timestamp::from_second(exp).map_err(|_| Unknown::Wrong("its end is no time"))?;
        Ok(Member { user: self.sub, expires_at })
    }
}

/// A NumericDate of RFC 7519, which may have a fraction.
fn seconds(number: &Number) -> Option<i64> {
    let whole = |seconds: f64| (seconds.abs() < 1e12).then(|| seconds.floor() as i64);
    number.as_i64().or_else(|| whole(number.as_f64()?))
}

// === impl Unknown ===

impl From<Unknown> for Fault {
    fn from(unknown: Unknown) -> Self {
        match unknown {
            Unknown::Wrong(_) => {
                Self::new(Kind::Unauthenticated, Reason::UserTokenWrong, "the user token is not valid")
            }
            Unknown::Keys(failure) => providers::error::fault(failure.into()),
        }
    }
}
