//! User tokens: checked by another implementation, with the published keys alone.

use std::collections::HashSet;

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use reqwest::Method;
use sandbox::{Sandbox, Signer, UserToken, WHOP_APP_ID};
use serde_json::{Value, json};

use crate::harness::{Town, answer};

async fn published(town: &Town) -> JwkSet {
    let (status, keys) = answer(town.ask(Method::GET, "/whop/.well-known/jwks.json")).await;
    assert_eq!(status, 200);
    assert!(keys["keys"].as_array().unwrap().iter().all(|key| key.get("d").is_none()), "{keys}");
    serde_json::from_value(keys).unwrap()
}

/// Who a token is of, if it holds.
fn verify(token: &str, keys: &JwkSet) -> Option<String> {
    let kid = decode_header(token).ok()?.kid;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_issuer(&["urn:whopcom:exp-proxy"]);
    validation.set_audience(&[WHOP_APP_ID]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let fits = |key: &&jsonwebtoken::jwk::Jwk| kid.is_none() || key.common.key_id == kid;
    keys.keys.iter().filter(fits).find_map(|key| {
        let key = DecodingKey::from_jwk(key).unwrap();
        let claims = decode::<Value>(token, &key, &validation).ok()?.claims;
        claims["sub"].as_str().map(str::to_owned)
    })
}

fn with(change: impl FnOnce(&mut UserToken)) -> UserToken {
    let mut token = UserToken::of("user_mara");
    change(&mut token);
    token
}

#[tokio::test]
async fn a_good_token_holds_and_a_forged_one_does_not() {
    let town = Town::new().await;
    let keys = published(&town).await;
    let sign = |token: &UserToken| town.sandbox.sign_user_token(token).unwrap();
    assert_eq!(verify(&town.sandbox.user_token("user_mara").unwrap(), &keys).as_deref(), Some("user_mara"));
    assert!(town.sandbox.user_token("user_none").is_err());
    let old = with(|token| drop(token.header.insert("kid".into(), Value::Null)));
    assert!(decode_header(sign(&old)).unwrap().kid.is_none());
    assert_eq!(verify(&sign(&old), &keys).as_deref(), Some("user_mara"));
    for (name, value) in [
        ("aud", json!("app_other")),
        ("iss", json!("whop.com")),
        ("exp", json!(1_700_000_000)),
        ("exp", Value::Null),
        ("sub", Value::Null),
    ] {
        let token = with(|token| drop(token.claims.insert(name.into(), value.clone())));
        assert_eq!(verify(&sign(&token), &keys), None, "{name}: {value}");
    }
    let unknown = with(|token| drop(token.header.insert("kid".into(), "key_none".into())));
    let hmac = with(|token| {
        token.header.insert("alg".into(), "HS256".into());
        token.signer = Signer::Secret(b"secret".to_vec());
    });
    let nobody = with(|token| {
        token.header.insert("alg".into(), "none".into());
        token.signer = Signer::Nobody;
    });
    for token in [unknown, hmac, nobody, with(|token| token.signer = Signer::Stranger)] {
        assert_eq!(verify(&sign(&token), &keys), None, "{token:?}");
    }
}

#[tokio::test]
async fn a_new_key_comes_beside_the_old_and_the_old_one_goes() {
    let town = Town::new().await;
    let first = published(&town).await;
    let kid = town.sandbox.rotate_user_keys().unwrap();
    let both = published(&town).await;
    let (new, old) =
        (town.sandbox.user_token("user_mara").unwrap(), with(|token| token.signer = Signer::Oldest));
    let old = town.sandbox.sign_user_token(&old).unwrap();
    assert_eq!((both.keys.len(), decode_header(&new).unwrap().kid), (2, Some(kid)));
    assert_eq!((verify(&new, &first), verify(&old, &first).is_some()), (None, true));
    assert!(verify(&new, &both).is_some() && verify(&old, &both).is_some());
    town.sandbox.retire_user_keys().unwrap();
    let last = published(&town).await;
    assert_eq!((last.keys.len(), verify(&old, &last)), (1, None));
    assert!(verify(&new, &last).is_some());
}

#[tokio::test]
async fn keys_memberships_and_links_outlive_the_process() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("sandbox.db");
    let (keys, membership) = {
        let sandbox = Sandbox::open(Some(&path)).unwrap();
        (sandbox.user_keys().unwrap(), sandbox.club().join("user_mara", "plan_growthmonthly").unwrap())
    };
    let sandbox = Sandbox::open(Some(&path)).unwrap();
    assert_eq!(sandbox.user_keys().unwrap(), keys);
    assert_eq!(sandbox.club().memberships().unwrap(), [membership]);
    assert_eq!(sandbox.club().people().unwrap().len(), 3);
    let others = Sandbox::open(None).unwrap().user_keys().unwrap();
    assert_ne!(others, keys, "each sandbox makes its own");
}

#[tokio::test]
async fn tokens_and_keys_can_be_had_from_outside() {
    let town = Town::new().await;
    let mint = async |body: Value| answer(town.ask(Method::POST, "/sandbox/whop/token").json(&body)).await;
    let (status, minted) = mint(json!({"user": "user_lena"})).await;
    let keys = published(&town).await;
    assert_eq!(
        (status.as_u16(), verify(minted["token"].as_str().unwrap(), &keys).as_deref()),
        (200, Some("user_lena"))
    );
    let made = json!({"user": "user_lena", "claims": {"aud": "app_other"}, "header": {"kid": null}, "signer": "newest"});
    assert_eq!(verify(mint(made).await.1["token"].as_str().unwrap(), &keys), None);
    assert_eq!(mint(json!({"user": "user_lena", "signer": "me"})).await.0, 400);
    let turn = async |what: &str| {
        answer(town.ask(Method::POST, "/sandbox/whop/keys").json(&json!({"do": what}))).await
    };
    let (_, turned) = turn("rotate").await;
    let kids: HashSet<_> =
        published(&town).await.keys.into_iter().filter_map(|key| key.common.key_id).collect();
    assert!(kids.len() == 2 && kids.contains(turned["kid"].as_str().unwrap()));
    turn("retire").await;
    assert_eq!(published(&town).await.keys.len(), 1);
    let foreign = town.ask(Method::POST, "/sandbox/whop/token").header("origin", "http://evil.example");
    assert_eq!(answer(foreign.json(&json!({"user": "user_lena"}))).await.0, 403);
}
