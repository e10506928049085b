//! Tokens of Whop and of forgers.

mod keys;
mod world;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{self, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::*;
use world::{APP, START, Signer, World, claims, message, with};

#[tokio::test]
async fn a_token_of_whop_names_its_user() {
    let whop = Signer::new("k1");
    let world = World::of(&[&whop]).await;
    let member = world.verifier.verify(&whop.token()).await.unwrap();
    assert_eq!(member.user, "user_mara");
    assert_eq!(member.expires_at.as_second(), START + 3_600);
    let asked = world.whop.last();
    assert_eq!(asked.line, "GET /.well-known/jwks.json");
    for fine in [
        with(json!({"nbf": START})),
        with(json!({"nbf": START + SKEW})),
        with(json!({"exp": START as f64 + 0.5 + 1.0})),
        with(json!({"more": ["x"]})),
    ] {
        assert_eq!(world.user(&whop.sign(&whop.header(), &fine)).await.unwrap(), "user_mara", "{fine}");
    }
    assert_eq!(world.fetches(), 1, "keys are kept");
}

#[tokio::test]
async fn an_old_token_without_a_kid_is_tried_with_every_key() {
    let (one, two) = (Signer::new("k1"), Signer::new("k2"));
    let world = World::of(&[&one, &two]).await;
    for signer in [&one, &two] {
        let token = signer.sign(&json!({"alg": "ES256"}), &claims());
        assert_eq!(world.user(&token).await.unwrap(), "user_mara");
    }
    assert_eq!(world.fetches(), 1);
}

#[tokio::test]
async fn what_is_forged_is_refused() {
    let (whop, thief) = (Signer::new("k1"), Signer::new("k1"));
    let stranger = Signer::new("k9");
    let world = World::of(&[&whop]).await;
    let signed = |claims: Value| whop.sign(&whop.header(), &claims);
    let headed = |header: Value| whop.sign(&header, &claims());
    let token = whop.token();
    let parts: Vec<&str> = token.split('.').collect();
    let point = whop.pair.public_key().as_ref();
    let hmac = |key: &[u8], header: Value| {
        let text = message(&header, &claims());
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(text.as_bytes());
        format!("{text}.{}", BASE64.encode(mac.finalize().into_bytes()))
    };
    let p384 = EcdsaKeyPair::generate(&signature::ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let es384 = |header: Value| {
        let text = message(&header, &claims());
        let signed = p384.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", BASE64.encode(signed))
    };
    let der = EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let bare = message(&whop.header(), &claims());
    let forged = [
        // no token at all
        String::new(),
        ".".into(),
        "..".into(),
        "not a token".into(),
        parts[..2].join("."),
        format!("{token}.{}", parts[2]),
        format!(" {token}"),
        format!("Bearer {token}"),
        "a".repeat(LONGEST + 1),
        whop.sign(&whop.header(), &with(json!({"pad": "x".repeat(LONGEST)}))),
        // no signature, or one of another kind
        format!("{}.", message(&json!({"alg": "none"}), &claims())),
        format!("{}.{}", message(&json!({"alg": "none", "kid": "k1"}), &claims()), parts[2]),
        format!("{}.", message(&json!({"alg": "None"}), &claims())),
        format!("{bare}."),
        format!("{bare}.{}", BASE64.encode([0; 64])),
        format!("{bare}.{}", &parts[2][..40]),
        format!("{bare}.{}", BASE64.encode(der.sign(&SystemRandom::new(), bare.as_bytes()).unwrap())),
        hmac(point, json!({"alg": "HS256", "kid": "k1"})),
        hmac(whop.jwk().to_string().as_bytes(), json!({"alg": "HS256"})),
        hmac(point, json!({"alg": "ES256", "kid": "k1"})),
        hmac(b"", json!({"alg": "HS256"})),
        es384(json!({"alg": "ES384", "kid": "k1"})),
        es384(json!({"alg": "ES256", "kid": "k1"})),
        // another key, or one that the token brings along
        thief.token(),
        stranger.token(),
        thief.sign(&json!({"alg": "ES256"}), &claims()),
        thief.sign(&json!({"alg": "ES256", "kid": ""}), &claims()),
        thief.sign(&json!({"alg": "ES256", "kid": "k1", "jwk": thief.jwk()}), &claims()),
        thief.sign(&json!({"alg": "ES256", "jku": "http://127.0.0.1:1/jwks.json"}), &claims()),
        thief.sign(&json!({"alg": "ES256", "kid": "../../k1"}), &claims()),
        // the right key, another header
        headed(json!({"alg": "RS256", "kid": "k1"})),
        headed(json!({"kid": "k1"})),
        headed(json!({"alg": "ES256", "kid": "k1", "crit": ["exp"]})),
        headed(json!({"alg": "ES256", "kid": "K1"})),
        // the right key, changed afterwards
        format!(
            "{}.{}.{}",
            parts[0],
            BASE64.encode(with(json!({"sub": "user_jonas"})).to_string()),
            parts[2]
        ),
        format!("{}.{}.{}", BASE64.encode(r#"{"alg":"ES256"}"#), parts[1], parts[2]),
        token.replace(parts[2], thief.token().split('.').next_back().unwrap()),
        // for somebody else
        signed(with(json!({"aud": [APP]}))),
        signed(with(json!({"aud": [APP, "app_2"]}))),
        signed(with(json!({"aud": "app_2"}))),
        signed(with(json!({"aud": "app_12"}))),
        signed(with(json!({"aud": ""}))),
        signed(with(json!({"aud": null}))),
        signed(with(json!({"aud": {"id": APP}}))),
        signed(with(json!({"iss": "urn:whopcom:other"}))),
        signed(with(json!({"iss": [ISSUER]}))),
        signed(with(json!({"iss": null}))),
        // not now
        signed(with(json!({"exp": START}))),
        signed(with(json!({"exp": START - 1}))),
        signed(with(json!({"exp": null}))),
        signed(with(json!({"exp": "soon"}))),
        signed(with(json!({"exp": (START + 3_600).to_string()}))),
        signed(with(json!({"exp": 1e300}))),
        signed(with(json!({"exp": -1}))),
        signed(with(json!({"exp": 0.5}))),
        signed(with(json!({"nbf": START + SKEW + 1}))),
        signed(with(json!({"nbf": 1e300}))),
        // nobody
        signed(with(json!({"sub": null}))),
        signed(with(json!({"sub": ""}))),
        signed(with(json!({"sub": "mara"}))),
        signed(with(json!({"sub": "biz_1"}))),
        signed(with(json!({"sub": "user_/../x"}))),
        signed(with(json!({"sub": ["user_mara"]}))),
        signed(with(json!({"sub": format!("user_{}", "x".repeat(200))}))),
        signed(json!([claims()])),
        signed(json!("x")),
    ];
    for (at, token) in forged.iter().enumerate() {
        assert!(world.is_wrong(token).await, "{at}: {token:.300}");
    }
    assert!(forged.len() >= 40);
    assert_eq!(world.user(&token).await.unwrap(), "user_mara", "the world is right");
    assert_eq!(world.fetches(), 1, "forgers cause no fetch while the keys are young");
}

#[tokio::test]
async fn without_an_app_every_token_is_wrong() {
    let whop = Signer::new("k1");
    let world = World::of(&[&whop]).await;
    let url = world.whop.base();
    let nobody = Verifier::new(None, &url, store::system_clock());
    assert!(matches!(nobody.verify(&whop.token()).await, Err(Unknown::Wrong(_))));
    assert_eq!(world.fetches(), 0);
}

#[test]
fn what_the_caller_is_told() {
    let wrong: Fault = Unknown::Wrong("it has ended").into();
    assert_eq!((wrong.kind, wrong.reason), (Kind::Unauthenticated, Reason::UserTokenWrong));
    assert!(!wrong.message.contains("ended"));
    let down = Failure::Unavailable { provider: "whop", why: "status 503".to_owned(), hint: None };
    assert_eq!(Fault::from(Unknown::Keys(down)).kind, Kind::Unavailable);
}
