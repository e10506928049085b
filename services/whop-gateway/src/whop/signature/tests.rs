//! Vectors of others, an outside judge, and forgers.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use standardwebhooks::Webhook;

use super::*;

/// Checked with `whop_sdk` 2.6.0's `verify_webhook`.
const SECRET: &str = "ws_0123456789abcdef0123456789abcdef";
const MESSAGE: &str = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W";
const TIME: i64 = 1_700_000_000;
const BODY: &str =
    r#"{"id":"msg_1","type":"membership.activated","api_version":"v1","data":{"id":"mem_test"}}"#;
const MAC: &str = "SPtecTWX0v5qOCAu2CbnWWGvFQsjqLvAMqbKh4wkl+8=";
/// Computed from the code of `@whop/api` 0.0.51.
const LEGACY_MAC: &str = "a0b6360bdec34561abddb112c4477e76a5949d07c1f3fcc7f9b4bf956eb3e7cf";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn headers(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn standard(id: &str, time: &str, signature: &str) -> HashMap<String, String> {
    headers(&[(ID, id), (TIMESTAMP, time), (SIGNATURE, signature)])
}

fn vector() -> HashMap<String, String> {
    standard(MESSAGE, &TIME.to_string(), &format!("v1,{MAC}"))
}

fn legacy(signature: &str) -> HashMap<String, String> {
    headers(&[(LEGACY, signature)])
}

fn verified(headers: &HashMap<String, String>, body: &str, secrets: &str, now: i64) -> Option<String> {
    verify(headers, body.as_bytes(), Secrets::parse(secrets).ok().as_ref(), at(now))
}

fn mac(secret: &str, message: &str) -> String {
    BASE64_STANDARD.encode(sign(secret.as_bytes(), &[message.as_bytes()]))
}

#[test]
fn the_vector_of_whop_is_signed() {
    assert_eq!(verified(&vector(), BODY, SECRET, TIME).as_deref(), Some(MESSAGE));
}

#[test]
fn the_vector_of_the_standard_differs_in_its_key_alone() {
    // Its own library decodes `whsec_…`; Whop's key is text, so the decoded key has to be text for ours to hold it.
    let key = BASE64_STANDARD.decode("C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
    let message =
        br#"msg_27UH4WbU6Z5A5EzD8u03UvzRbpk.1649367553.{"email":"test@example.com","username":"test_user"}"#;
    assert_eq!(
        BASE64_STANDARD.encode(sign(&key, &[message])),
        "tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="
    );
}

#[test]
fn the_legacy_vector_is_signed() {
    let signed = verified(&legacy(&format!("t={TIME},v1={LEGACY_MAC}")), BODY, SECRET, TIME);
    let expected = domain::id::hex(&Sha256::digest(format!("{TIME}.{BODY}")));
    assert_eq!(signed, Some(expected), "nothing signs an id: what is signed is it");
    let later = format!("{}.{BODY}", TIME + 1);
    let mac = domain::id::hex(&sign(SECRET.as_bytes(), &[later.as_bytes()]));
    let again = verified(&legacy(&format!("t={},v1={mac}", TIME + 1)), BODY, SECRET, TIME);
    assert!(again.is_some() && again != signed, "the same words at another time are another message");
    let mut claiming = legacy(&format!("t={TIME},v1={LEGACY_MAC}"));
    claiming.insert(ID.to_owned(), "msg_of_another".to_owned());
    assert_eq!(verified(&claiming, BODY, SECRET, TIME), signed, "an unsigned id is not believed");
}

#[test]
fn what_the_library_of_the_standard_signs_is_signed() {
    let judge = Webhook::from_bytes(SECRET.as_bytes().to_vec()).unwrap();
    for (id, body) in [("msg_1", "{}"), ("msg_2", BODY), ("msg_3", r#"{"ü":"😀\n"}"#), ("msg_4", "")] {
        let now = Timestamp::now().as_second();
        let signature = judge.sign(id, now, body.as_bytes()).unwrap();
        let ours = standard(id, &now.to_string(), &signature);
        assert_eq!(verified(&ours, body, SECRET, now).as_deref(), Some(id), "{id}");
        // And the other way round.
        let text = format!("{id}.{now}.{body}");
        let pair = |(name, value): (&String, &String)| {
            (HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap())
        };
        let theirs = standard(id, &now.to_string(), &format!("v1,{}", mac(SECRET, &text)));
        judge.verify(body.as_bytes(), &theirs.iter().map(pair).collect::<HeaderMap>()).unwrap();
    }
    // The key that the library makes of the text by itself is another one, if it is one at all.
    assert!(Webhook::new(SECRET).is_err());
}

#[test]
fn it_holds_for_five_minutes_both_ways() {
    let old = legacy(&format!("t={TIME},v1={LEGACY_MAC}"));
    for (now, holds) in
        [(TIME - 301, false), (TIME - 300, true), (TIME + 300, true), (TIME + 301, false), (0, false)]
    {
        assert_eq!(verified(&vector(), BODY, SECRET, now).is_some(), holds, "{now}");
        assert_eq!(verified(&old, BODY, SECRET, now).is_some(), holds, "{now}");
    }
}

#[test]
fn any_of_several_signatures_and_any_active_secret_will_do() {
    let other = mac("ws_other", "x");
    for signature in [
        format!("v1,{other} v1,{MAC}"),
        format!("v1,{MAC} v1,{other}"),
        format!("v1a,{other} v1,{MAC} v2,x"),
        format!("{MAC} v1,{MAC}"),
    ] {
        let headers = standard(MESSAGE, &TIME.to_string(), &signature);
        assert!(verified(&headers, BODY, SECRET, TIME).is_some(), "{signature}");
        assert!(verified(&headers, BODY, &format!("ws_new,{SECRET}"), TIME).is_some(), "{signature}");
        assert!(verified(&headers, BODY, &format!("{SECRET},ws_old"), TIME).is_some(), "{signature}");
        assert!(verified(&headers, BODY, "ws_new,ws_old", TIME).is_none(), "{signature}");
    }
}

#[test]
fn what_is_forged_is_refused() {
    let time = TIME.to_string();
    let message = |id: &str, time: &str, body: &str| format!("{id}.{time}.{body}");
    let decoded = sign(
        &BASE64_STANDARD.decode("0123456789abcdef0123456789abcdef").unwrap(),
        &[message(MESSAGE, &time, BODY).as_bytes()],
    );
    let by = |secret: &str, text: String| format!("v1,{}", mac(secret, &text));
    let good = format!("v1,{MAC}");
    let with = |id: &str, time: &str, signature: &str| standard(id, time, signature);
    let mut forged = vec![
        headers(&[]),
        headers(&[(ID, MESSAGE), (TIMESTAMP, &time)]),
        headers(&[(ID, MESSAGE), (SIGNATURE, &good)]),
        headers(&[(TIMESTAMP, &time), (SIGNATURE, &good)]),
        with("", &time, &by(SECRET, message("", &time, BODY))),
        with("msg_other", &time, &good),
        with(MESSAGE, &(TIME + 1).to_string(), &good),
        with(MESSAGE, &format!("0{time}"), &good),
        with(MESSAGE, &format!("+{time}"), &by(SECRET, message(MESSAGE, &format!("+{time}"), BODY))),
        with(MESSAGE, &format!("{time}.0"), &by(SECRET, message(MESSAGE, &format!("{time}.0"), BODY))),
        with(MESSAGE, "", &by(SECRET, message(MESSAGE, "", BODY))),
        with(MESSAGE, "99999999999999999999", &good),
        with(MESSAGE, "-1", &by(SECRET, message(MESSAGE, "-1", BODY))),
        with(MESSAGE, &time, ""),
        with(MESSAGE, &time, "v1,"),
        with(MESSAGE, &time, "v1"),
        with(MESSAGE, &time, MAC),
        with(MESSAGE, &time, &format!("v0,{MAC}")),
        with(MESSAGE, &time, &format!("v1a,{MAC}")),
        with(MESSAGE, &time, &format!("V1,{MAC}")),
        with(MESSAGE, &time, &format!("v1={MAC}")),
        with(MESSAGE, &time, &format!("v1,{MAC},v1,{MAC}")),
        with(MESSAGE, &time, &format!("v1,{}", &MAC[..43])),
        with(MESSAGE, &time, &format!("v1,{MAC}=")),
        with(MESSAGE, &time, &format!("v1,{}", MAC.replace('+', "-"))),
        with(MESSAGE, &time, &format!("v1,{}", MAC.to_lowercase())),
        with(MESSAGE, &time, &by("ws_other", message(MESSAGE, &time, BODY))),
        with(MESSAGE, &time, &by(&SECRET[3..], message(MESSAGE, &time, BODY))),
        with(MESSAGE, &time, &by("", message(MESSAGE, &time, BODY))),
        with(MESSAGE, &time, &format!("v1,{}", BASE64_STANDARD.encode(decoded))),
        with(MESSAGE, &time, &by(SECRET, message(MESSAGE, &time, ""))),
        with(MESSAGE, &time, &by(SECRET, BODY.to_owned())),
        with(MESSAGE, &time, &by(SECRET, format!("{time}.{BODY}"))),
        // The border between id and time is moved.
        with(&format!("{MESSAGE}.1"), &time, &by(SECRET, message(&format!("{MESSAGE}.1"), &time, BODY))),
        with(&"m".repeat(129), &time, &by(SECRET, message(&"m".repeat(129), &time, BODY))),
        with(MESSAGE, &time, &vec![format!("v1,{}", mac("ws_x", "x")); 16].join(" ").replace(' ', "  ")),
    ];
    let legacy_forged = [
        String::new(),
        format!("v1={LEGACY_MAC}"),
        format!("t={TIME}"),
        format!("t={TIME},v1="),
        format!("v1={LEGACY_MAC},t={TIME}"),
        format!("t={TIME},v1={LEGACY_MAC},v1={LEGACY_MAC}"),
        format!("t={TIME},v1={}", LEGACY_MAC.to_uppercase()),
        format!("t={TIME},v1={}", &LEGACY_MAC[..63]),
        format!("t={TIME},v1={MAC}"),
        format!("t={},v1={LEGACY_MAC}", TIME + 1),
        format!("t=0{TIME},v1={LEGACY_MAC}"),
        format!("sha256={LEGACY_MAC}"),
        LEGACY_MAC.to_owned(),
    ];
    forged.extend(legacy_forged.iter().map(|signature| legacy(signature)));
    for headers in &forged {
        assert_eq!(verified(headers, BODY, SECRET, TIME), None, "{headers:?}");
    }
    assert!(forged.len() >= 40);
}

#[test]
fn a_signature_is_of_one_body_byte_for_byte() {
    let old = legacy(&format!("t={TIME},v1={LEGACY_MAC}"));
    let pretty =
        serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(BODY).unwrap()).unwrap();
    for body in [String::new(), format!("{BODY}\n"), format!(" {BODY}"), BODY.replace("mem_", "mem-"), pretty]
    {
        assert_eq!(verified(&vector(), &body, SECRET, TIME), None, "{body}");
        assert_eq!(verified(&old, &body, SECRET, TIME), None, "{body}");
    }
    for byte in 0..BODY.len() {
        let mut body = BODY.as_bytes().to_vec();
        body[byte] ^= 1 << (byte % 8);
        let secrets = Secrets::parse(SECRET).unwrap();
        assert_eq!(verify(&vector(), &body, Some(&secrets), at(TIME)), None, "byte {byte}");
    }
}

#[test]
fn without_a_secret_nothing_is_signed() {
    let blank =
        standard(MESSAGE, &TIME.to_string(), &format!("v1,{}", mac("", &format!("{MESSAGE}.{TIME}.{BODY}"))));
    for headers in [vector(), blank] {
        assert_eq!(verify(&headers, BODY.as_bytes(), None, at(TIME)), None);
    }
}
