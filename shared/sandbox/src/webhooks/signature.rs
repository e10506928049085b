//! What each provider puts around a message, so that its receiver can tell who sent it.
//!
//! The invariant: what is signed is what is sent, byte by byte.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;

use super::Message;
use crate::Provider;

impl Message {
    /// The headers of an attempt that is made now.
    ///
    /// Stripe: `Stripe-Signature: t=…,v1=…` over `t.body`; Cal.com: `X-Cal-Signature-256` over the body alone, and
    /// `no-secret-provided` where there is no secret (`sendPayload.ts` of cal.com); Whop: those of Standard Webhooks, with
    /// the literal bytes of the secret as the key (`lib/verify_webhook.py` of its Python SDK 2.6.0).
    pub(super) fn headers(
        &self,
        provider: Provider,
        secret: &str,
        now: Timestamp,
    ) -> Vec<(&'static str, String)> {
        if provider == Provider::Whop {
            let at = now.as_second().to_string();
            let parts = [self.id.as_bytes(), b".", at.as_bytes(), b".", &self.body];
            return vec![
                ("content-type", "application/json".to_owned()),
                ("webhook-signature", format!("v1,{}", BASE64_STANDARD.encode(sign(secret, &parts)))),
                ("webhook-timestamp", at),
                ("webhook-id", self.id.clone()),
            ];
        }
        if provider == Provider::Stripe {
            let at = now.as_second().to_string();
            let signature = mac(secret, &[at.as_bytes(), b".", &self.body]);
            return vec![
                ("content-type", "application/json; charset=utf-8".to_owned()),
                ("user-agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)".to_owned()),
                ("stripe-signature", format!("t={at},v1={signature}")),
            ];
        }
        let signature = match secret {
            "" => "no-secret-provided".to_owned(),
            secret => mac(secret, &[&self.body]),
        };
        vec![
            ("content-type", "application/json".to_owned()),
            ("x-cal-signature-256", signature),
            ("x-cal-webhook-version", "2021-10-20".to_owned()),
        ]
    }
}

/// HMAC-SHA256 in hexadecimal digits.
fn mac(secret: &str, parts: &[&[u8]]) -> String {
    sign(secret, parts).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// HMAC-SHA256 with the literal bytes of the secret.
fn sign(secret: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key may have any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn both_signatures_are_those_of_the_published_vectors() {
        // HMAC-SHA256 of RFC 4231's second case, which both schemes are built on.
        let known = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(mac("Jefe", &[b"what do ya want ", b"for nothing?"]), known);
        let body = Bytes::from_static(b"what do ya want for nothing?");
        let message = Message::new("evt_1".to_owned(), "x".to_owned(), body);
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let cal = message.headers(Provider::CalCom, "Jefe", now);
        assert!(cal.contains(&("x-cal-signature-256", known.to_owned())));
        let bare = message.headers(Provider::CalCom, "", now);
        assert!(bare.contains(&("x-cal-signature-256", "no-secret-provided".to_owned())));
        let stripe = message.headers(Provider::Stripe, "Jefe", now);
        let (_, signature) = stripe.iter().find(|(name, _)| *name == "stripe-signature").unwrap();
        let expected = mac("Jefe", &[b"1700000000.what do ya want for nothing?"]);
        assert_eq!(signature, &format!("t=1700000000,v1={expected}"));
    }

    /// A vector that Whop's own SDK accepts.
    #[test]
    fn whops_key_is_the_secret_as_it_is_written() {
        let body =
            br#"{"id":"msg_1","type":"membership.activated","api_version":"v1","data":{"id":"mem_test"}}"#;
        let id = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W".to_owned();
        let message = Message::new(id, "membership.activated".to_owned(), Bytes::from_static(body));
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let headers = message.headers(Provider::Whop, "ws_0123456789abcdef0123456789abcdef", now);
        let signature = "v1,SPtecTWX0v5qOCAu2CbnWWGvFQsjqLvAMqbKh4wkl+8=".to_owned();
        assert!(headers.contains(&("webhook-signature", signature)), "{headers:?}");
        assert!(headers.contains(&("webhook-timestamp", "1700000000".to_owned())));
        assert!(headers.contains(&("webhook-id", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W".to_owned())));
    }
}
