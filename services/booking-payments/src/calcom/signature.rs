//! Cal.com's signature of a webhook: `X-Cal-Signature-256`, the lower-case hex of HMAC-SHA-256 over the raw body
//! (`packages/features/webhooks/lib/sendPayload.ts`). It has no time, so a delivery never gets old: what comes twice is
//! recognised by its body.
//!
//! The invariant: nothing passes without a secret, and how much of a signature is right cannot be told from how long it
//! takes to refuse it.

use chassis::config::Secrets;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq as _};

/// The header, in lower case.
pub(crate) const HEADER: &str = "x-cal-signature-256";

/// Whether one of the secrets made `signature` over `body`.
pub(crate) fn is_genuine(secrets: Option<&Secrets>, signature: &str, body: &[u8]) -> bool {
    let none = Choice::from(0);
    // All are compared, so that it does not show which one it was.
    let is_one = secrets
        .into_iter()
        .flat_map(Secrets::iter)
        .fold(none, |so_far, secret| so_far | sign(secret, body).as_bytes().ct_eq(signature.as_bytes()));
    is_one.into()
}

/// The signature of a body.
fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length is fine");
    mac.update(body);
    domain::id::hex(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "test-secret";
    const BODY: &[u8] = br#"{"triggerEvent":"BOOKING_CREATED","createdAt":"2023-05-24T09:30:00.538Z","payload":{"uid":"bFJeNb2uX8ANpT3JL5EfXw"}}"#;
    const SIGNATURE: &str = "8e30376b7049f907d178094b18af84156b178b0f0a87f8646da85ce16d1eb5d3";

    fn is_genuine(secrets: &[&str], signature: &str, body: &[u8]) -> bool {
        super::is_genuine(Secrets::parse(&secrets.join(",")).ok().as_ref(), signature, body)
    }

    #[test]
    fn what_cal_com_signs_is_genuine() {
        assert!(is_genuine(&[SECRET], SIGNATURE, BODY));
    }

    #[test]
    fn two_secrets_are_active_while_one_replaces_the_other() {
        for rotation in [["new", SECRET], [SECRET, "old"]] {
            assert!(is_genuine(&rotation, SIGNATURE, BODY), "{rotation:?}");
            assert!(is_genuine(&rotation, &sign(rotation[1], BODY), BODY));
        }
        assert!(!is_genuine(&["new", "newer"], SIGNATURE, BODY));
    }

    #[test]
    fn nothing_passes_without_a_secret() {
        for signature in [SIGNATURE, "no-secret-provided", "", &sign("", BODY)] {
            assert!(!is_genuine(&[], signature, BODY), "{signature}");
        }
    }

    /// The signature with one bit of one character flipped, for every character.
    fn flipped() -> impl Iterator<Item = String> {
        (0..SIGNATURE.len()).map(|at| {
            let mut bytes = SIGNATURE.as_bytes().to_vec();
            bytes[at] ^= 1;
            String::from_utf8(bytes).unwrap()
        })
    }

    #[test]
    fn every_other_signature_is_refused() {
        let other = sign("test-secret ", BODY);
        let mut forged = vec![
            String::new(),
            "no-secret-provided".to_owned(),
            SIGNATURE.to_uppercase(),
            format!("sha256={SIGNATURE}"),
            format!("v1={SIGNATURE}"),
            format!("v1,{SIGNATURE}"),
            format!("0x{SIGNATURE}"),
            format!(" {SIGNATURE}"),
            format!("{SIGNATURE} "),
            format!("{SIGNATURE}\n"),
            format!("{SIGNATURE}\0"),
            format!("{SIGNATURE},{SIGNATURE}"),
            format!("{SIGNATURE}{SIGNATURE}"),
            format!("{SIGNATURE}00"),
            SIGNATURE[..63].to_owned(),
            SIGNATURE[..32].to_owned(),
            SIGNATURE[..1].to_owned(),
            SIGNATURE[1..].to_owned(),
            SIGNATURE.chars().rev().collect(),
            "0".repeat(64),
            "jjA3a3BJ+QfReBlLGK+EFWsXiw8Kh/hkbahc4W0etdM=".to_owned(),
            other,
            sign("", BODY),
            sign(SECRET, b""),
            sign(SECRET, &[BODY, b"\n"].concat()),
        ];
        forged.extend(flipped());
        for signature in forged {
            assert!(!is_genuine(&[SECRET], &signature, BODY), "{signature:?}");
        }
    }

    #[test]
    fn a_signature_is_of_one_body_byte_for_byte() {
        let text = std::str::from_utf8(BODY).unwrap();
        let pretty =
            serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(text).unwrap()).unwrap();
        let forged = [
            String::new(),
            format!("{text}\n"),
            format!(" {text}"),
            format!("\u{feff}{text}"),
            text.replace("BOOKING_CREATED", "BOOKING_CANCELLED"),
            text.replace("bFJe", "bFJE"),
            text.replace(':', ": "),
            text.replace("2023", "2024"),
            text[..text.len() - 1].to_owned(),
            text.replace('/', "\\/").replace("uid", "\\u0075id"),
            pretty,
        ];
        for body in forged {
            assert!(!is_genuine(&[SECRET], SIGNATURE, body.as_bytes()), "{body}");
        }
        for at in 0..BODY.len() {
            let mut body = BODY.to_vec();
            body[at] ^= 1 << (at % 8);
            assert!(!is_genuine(&[SECRET], SIGNATURE, &body), "bit {at}");
        }
    }
}
