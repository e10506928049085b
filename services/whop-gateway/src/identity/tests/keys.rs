//! Keys that change, stay out, or are asked for by many at once.

use std::time::Duration;

use serde_json::{Value, json};

use super::world::{Signer, World, long_lived, set};

#[tokio::test]
async fn keys_of_another_kind_are_passed_over() {
    let whop = Signer::new("k1");
    let jwk = whop.jwk();
    let changed = |name: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[name] = value;
        jwk
    };
    for unfit in [
        changed("kty", json!("RSA")),
        changed("crv", json!("P-384")),
        changed("alg", json!("ES384")),
        changed("use", json!("enc")),
        changed("x", json!("AAAA")),
        changed("x", json!("not base64!")),
        changed("y", jwk["x"].clone()),
        json!({"kty": "oct", "k": "c2VjcmV0", "kid": "k1"}),
        json!("k1"),
    ] {
        let world = World::of(&[]).await;
        let (only, fine) = (unfit.clone(), Signer::new("k2"));
        let beside = fine.jwk();
        world.whop.answer(move |_| (200, json!({"keys": [only, beside]})));
        assert!(world.is_wrong(&whop.token()).await, "{unfit}");
        assert!(world.user(&fine.token()).await.is_ok(), "the others count");
    }
    let world = World::of(&[]).await;
    assert!(world.is_unavailable(&whop.token()).await, "a set without keys is none");
}

#[tokio::test]
async fn keys_change_without_a_restart() {
    let (old, new) = (Signer::new("k1"), Signer::new("k2"));
    let world = World::of(&[&old]).await;
    assert!(world.user(&old.token()).await.is_ok());
    world.whop.answer(set(&[&old, &new]));
    assert!(world.is_wrong(&new.token()).await, "half a minute has to pass");
    world.pass(30);
    assert!(world.user(&new.token()).await.is_ok());
    assert!(world.user(&old.token()).await.is_ok());
    assert_eq!(world.fetches(), 2);
    // The old one is withdrawn: that is seen when the keys have aged.
    world.whop.answer(set(&[&new]));
    let (old_token, new_token) =
        (old.sign(&old.header(), &long_lived()), new.sign(&new.header(), &long_lived()));
    world.pass(12 * 3_600 - 31);
    assert!(world.user(&old_token).await.is_ok());
    world.pass(60);
    assert!(world.is_wrong(&old_token).await);
    assert!(world.user(&new_token).await.is_ok());
    assert_eq!(world.fetches(), 3);
}

#[tokio::test]
async fn a_stampede_causes_one_fetch() {
    let (whop, stranger) = (Signer::new("k1"), Signer::new("k9"));
    let world = World::of(&[&whop]).await;
    let stampede = async |token: &str, cold: bool| {
        let before = world.fetches();
        let held = world.whop.hold().await;
        let calls: Vec<_> = (0..200)
            .map(|_| {
                let (verifier, token) = (world.verifier.clone(), token.to_owned());
                tokio::spawn(async move { verifier.verify(&token).await.is_ok() })
            })
            .collect();
        let arrived = tokio::time::timeout(Duration::from_secs(20), async {
            while world.fetches() == before {
                tokio::task::yield_now().await;
            }
        });
        arrived.await.unwrap();
        drop(held);
        let mut known = 0;
        for call in calls {
            known += usize::from(call.await.unwrap());
        }
        assert_eq!(world.fetches() - before, 1, "cold: {cold}");
        known
    };
    assert_eq!(stampede(&whop.token(), true).await, 200, "nobody has keys yet");
    world.pass(30);
    assert_eq!(stampede(&stranger.token(), false).await, 0, "nobody has this key");
    for _ in 0..20 {
        world.pass(1);
        assert!(world.is_wrong(&stranger.token()).await);
    }
    assert_eq!(world.fetches(), 2, "at most every half minute");
}

#[tokio::test]
async fn a_fetch_ends_although_nobody_waits_any_more() {
    let whop = Signer::new("k1");
    let world = World::of(&[&whop]).await;
    let held = world.whop.hold().await;
    let (verifier, token) = (world.verifier.clone(), whop.token());
    let call = tokio::spawn(async move { verifier.verify(&token).await.is_ok() });
    let deadline = Duration::from_secs(20);
    let arrived = async {
        while world.fetches() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(deadline, arrived).await.unwrap();
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    drop(held);
    assert!(world.user(&whop.token()).await.is_ok());
    assert_eq!(world.fetches(), 1);
}

#[tokio::test]
async fn old_keys_hold_for_a_day_when_there_are_no_newer_ones() {
    let (whop, stranger) = (Signer::new("k1"), Signer::new("k9"));
    let token = whop.sign(&whop.header(), &long_lived());
    let world = World::of(&[&whop]).await;
    world.go_down();
    assert!(world.is_unavailable(&token).await, "there are none yet");
    let fetches = world.fetches();
    assert!(world.is_unavailable(&token).await);
    assert_eq!(world.fetches(), fetches, "not at once again");
    world.whop.answer(set(&[&whop]));
    world.pass(5);
    assert!(world.user(&token).await.is_ok(), "five seconds later again");

    world.go_down();
    world.pass(23 * 3_600);
    assert!(world.user(&token).await.is_ok(), "they hold");
    let fetches = world.fetches();
    for _ in 0..10 {
        assert!(world.user(&token).await.is_ok());
    }
    assert_eq!(world.fetches(), fetches, "nobody waits for what was just not there");
    let forged = stranger.sign(&stranger.header(), &long_lived());
    assert!(world.is_unavailable(&forged).await, "it may be of a key that is newer");
    world.pass(3_600);
    assert!(world.is_unavailable(&token).await, "a key that was withdrawn would be trusted");
    world.whop.answer(set(&[&whop]));
    world.pass(5);
    assert!(world.user(&token).await.is_ok());
}

#[tokio::test]
async fn forgers_cause_a_fetch_in_half_a_minute_whatever_they_show_and_however_it_ends() {
    let (whop, thief) = (Signer::new("k1"), Signer::new("k1"));
    let world = World::of(&[&whop]).await;
    let of = |header: Value| thief.sign(&header, &long_lived());
    let forged: Vec<String> = (0..4)
        .map(|number| of(json!({"alg": "ES256", "kid": format!("made-up-{number}")})))
        .chain([of(json!({"alg": "ES256"})), of(json!({"alg": "ES256", "kid": ""}))])
        .collect();
    assert!(world.user(&whop.token()).await.is_ok());
    let mut fetches = world.fetches();
    for begin_with in 0..forged.len() {
        for is_down in [false, true] {
            if is_down {
                world.go_down();
            } else {
                world.whop.answer(set(&[&whop]));
            }
            world.pass(30);
            for second in 0..30 {
                let token = &forged[(begin_with + second) % forged.len()];
                let is_refused =
                    if is_down { world.is_unavailable(token).await } else { world.is_wrong(token).await };
                assert!(is_refused, "{begin_with} {is_down} {second}");
                assert!(world.user(&whop.token()).await.is_ok(), "members are known meanwhile");
                world.pass(i64::from(second % 10 == 9));
            }
            fetches += 1;
            assert_eq!(world.fetches(), fetches, "{begin_with} {is_down}");
        }
    }
}

#[tokio::test]
async fn forgers_cause_a_fetch_in_five_seconds_while_there_are_no_keys() {
    let thief = Signer::new("k1");
    let world = World::of(&[]).await;
    for down in [true, false] {
        if down {
            world.go_down();
        } else {
            world.whop.answer(set(&[]));
        }
        world.pass(5);
        let before = world.fetches();
        for second in 0..5 {
            for header in
                [json!({"alg": "ES256"}), json!({"alg": "ES256", "kid": format!("made-up-{second}")})]
            {
                assert!(world.is_unavailable(&thief.sign(&header, &long_lived())).await);
            }
            world.pass(1);
        }
        assert_eq!(world.fetches(), before + 1, "down: {down}");
    }
}
