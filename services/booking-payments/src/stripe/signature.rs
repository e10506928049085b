//! Stripe's signature of a webhook: `Stripe-Signature: t=…,v1=…[,v1=…]`, HMAC-SHA-256 over `t.body`, in hex.
//!
//! By Stripe's documentation "Verify webhook signatures manually": the key is the whole `whsec_…` text, and while a
//! secret is rolled there is a `v1` of each. The invariant: without a secret nothing is signed, and a signature holds for
//! 300 seconds before and after its time.

use chassis::config::Secrets;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

/// How far a signature's time may be from ours, in seconds.
const TOLERANCE: u64 = 300;
/// Most signatures that are looked at; Stripe sends as many as there are secrets.
const MOST: usize = 16;

/// Whether one of `secrets` signed `body` around `now`.
pub(crate) fn is_signed(header: &str, body: &[u8], secrets: Option<&Secrets>, now: Timestamp) -> bool {
    let Some((time, signatures)) = read(header) else { return false };
    let is_recent = time.parse().is_ok_and(|seconds: i64| now.as_second().abs_diff(seconds) <= TOLERANCE);
    // Every pair is compared, so that the time says nothing of which one it was.
    let matches = secrets.into_iter().flat_map(Secrets::iter).fold(false, |found, secret| {
        let own = sign(secret.as_bytes(), time, body);
        signatures
            .iter()
            .fold(found, |found, theirs| found | bool::from(own.as_bytes().ct_eq(theirs.as_bytes())))
    });
    is_recent && matches
}

/// The one time of a header, and its `v1` signatures.
fn read(header: &str) -> Option<(&str, Vec<&str>)> {
    let mut time = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=')? {
            ("t", _) if time.is_some() => return None,
            ("t", value) if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => {
                time = Some(value);
            }
            ("t", _) => return None,
            ("v1", value) if signatures.len() < MOST => signatures.push(value),
            _ => {}
        }
    }
    Some((time?, signatures))
}

fn sign(secret: &[u8], time: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    for part in [time.as_bytes(), b".", body] {
        mac.update(part);
    }
    domain::id::hex(&mac.finalize().into_bytes())
}

/// The header by which `secret` signs `body` at `time`.
#[cfg(test)]
pub(crate) fn header(secret: &str, time: i64, body: &[u8]) -> String {
    format!("t={time},v1={}", sign(secret.as_bytes(), &time.to_string(), body))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// From Stripe's own library for Node, 23.1.0, `generateTestHeaderString`.
    const SECRET: &str = "whsec_test_secret";
    const TIME: i64 = 1_492_774_577;
    const BODY: &[u8] = br#"{"id":"evt_test","object":"event"}"#;
    const MAC: &str = "691252e266ce41cb94d709c84e9580d4172b117a510bbc81723f657d2cd5d215";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn signed(header: &str, body: &[u8], secrets: &[&str], now: i64) -> bool {
        is_signed(header, body, Secrets::parse(&secrets.join(",")).ok().as_ref(), at(now))
    }

    #[test]
    fn the_published_vector_is_signed() {
        let vector = format!("t={TIME},v1={MAC}");
        assert_eq!(header(SECRET, TIME, BODY), vector);
        assert!(signed(&vector, BODY, &[SECRET], TIME));
    }

    #[test]
    fn it_holds_for_five_minutes_both_ways() {
        let vector = header(SECRET, TIME, BODY);
        for (now, holds) in
            [(TIME - 301, false), (TIME - 300, true), (TIME + 300, true), (TIME + 301, false), (0, false)]
        {
            assert_eq!(signed(&vector, BODY, &[SECRET], now), holds, "{now}");
        }
    }

    #[test]
    fn any_of_several_signatures_and_any_active_secret_will_do() {
        let other = "0".repeat(64);
        for header in [
            format!("t={TIME},v1={other},v1={MAC}"),
            format!("t={TIME},v1={MAC},v1={other},v0=x"),
            format!("v1={MAC},t={TIME}"),
            format!("t={TIME}, v1={MAC}"),
        ] {
            assert!(signed(&header, BODY, &[SECRET], TIME), "{header}");
            assert!(signed(&header, BODY, &["whsec_new", SECRET], TIME), "{header}");
            assert!(!signed(&header, BODY, &["whsec_new"], TIME), "{header}");
        }
        assert!(signed(&header("whsec_new", TIME, BODY), BODY, &["whsec_new", SECRET], TIME));
    }

    #[test]
    fn what_is_forged_is_refused() {
        let mac = |secret: &str, time: &str, body: &[u8]| sign(secret.as_bytes(), time, body);
        let upper = MAC.to_uppercase();
        let base64 = "aRJS4mbOQcuU1wnITpWA1BcrEXpRC7yBcj9lfSzV0hU=";
        let forged = [
            String::new(),
            "t=".into(),
            format!("t={TIME}"),
            format!("t={TIME},v1="),
            format!("t={TIME},v1"),
            format!("v1={MAC}"),
            format!("t={TIME},v0={MAC}"),
            format!("t={TIME},V1={MAC}"),
            format!("t={TIME},v1={upper}"),
            format!("t={TIME},v1=0x{MAC}"),
            format!("t={TIME},v1={base64}"),
            format!("t={TIME},v1={}", &MAC[..63]),
            format!("t={TIME},v1={}", &MAC[..32]),
            format!("t={TIME},v1={MAC}0"),
            format!("t={TIME},v1=\"{MAC}\""),
            format!("t={TIME},v1={MAC},t={TIME}"),
            format!("t={},v1={MAC}", TIME + 1),
            format!("t=+{TIME},v1={MAC}"),
            format!("t=0{TIME},v1={MAC}"),
            format!("t=-{TIME},v1={MAC}"),
            format!("t={TIME}.0,v1={MAC}"),
            format!("t=99999999999999999999,v1={MAC}"),
            format!("t={TIME};v1={MAC}"),
            format!("{TIME}.{MAC}"),
            format!("t={TIME},v1={}", mac("whsec_other", &TIME.to_string(), BODY)),
            format!("t={TIME},v1={}", mac("test_secret", &TIME.to_string(), BODY)),
            format!("t={TIME},v1={}", mac("", &TIME.to_string(), BODY)),
            format!("t={TIME},v1={}", mac(SECRET, "", BODY)),
            format!("t={TIME},v1={}", mac(SECRET, &TIME.to_string(), b"")),
            format!("t={TIME},v1={}", "0".repeat(64)),
        ];
        for header in &forged {
            assert!(!signed(header, BODY, &[SECRET], TIME), "{header}");
        }
        assert!(forged.len() >= 20);
    }

    #[test]
    fn another_body_is_refused() {
        let vector = header(SECRET, TIME, BODY);
        let pretty = br#"{ "id": "evt_test", "object": "event" }"#;
        let escaped = br#"{"id":"evt\u005ftest","object":"event"}"#;
        let bodies: [&[u8]; 6] =
            [b"", &BODY[1..], &BODY[..BODY.len() - 1], pretty, escaped, &[BODY, b"\n"].concat()];
        for body in bodies {
            assert!(!signed(&vector, body, &[SECRET], TIME), "{:?}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn without_a_secret_nothing_is_signed() {
        assert!(!signed(&header(SECRET, TIME, BODY), BODY, &[], TIME));
        for blank in ["", " ", "\t"] {
            assert!(!signed(&header(blank, TIME, BODY), BODY, &[blank], TIME), "{blank:?}");
        }
    }

    proptest! {
        #[test]
        fn no_flipped_bit_passes(byte in 0..BODY.len(), bit in 0..8_u32, nibble in 0..64_usize, by in 1..16_u8) {
            let mut body = BODY.to_vec();
            body[byte] ^= 1 << bit;
            prop_assert!(!signed(&header(SECRET, TIME, BODY), &body, &[SECRET], TIME));
            let digit = u8::from_str_radix(&MAC[nibble..=nibble], 16).unwrap() ^ by;
            let mac = format!("{}{digit:x}{}", &MAC[..nibble], &MAC[nibble + 1..]);
            let header = format!("t={TIME},v1={mac}");
            prop_assert!(!signed(&header, BODY, &[SECRET], TIME));
        }
    }
}
