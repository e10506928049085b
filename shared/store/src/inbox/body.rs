//! The bytes of a message within a JSON document.
//!
//! The invariant: what is read is byte for byte what was put in, and it takes little more room than the bytes.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize, Serializer};

/// Bytes: as text where that is shorter, else as Base64.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Kept")]
pub struct Body(Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Text(String),
    Base64(String),
}

// === impl Body ===

impl Body {
    /// These bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Nothing is left of it, or never was.
    pub fn is_blank(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) if written(text) <= self.0.len() / 3 * 4 => Kept::Text(text.to_owned()),
            _ => Kept::Base64(STANDARD.encode(&self.0)),
        }
        .serialize(serializer)
    }
}

impl TryFrom<Kept> for Body {
    type Error = base64::DecodeError;

    fn try_from(kept: Kept) -> Result<Self, Self::Error> {
        match kept {
            Kept::Text(text) => Ok(Self(text.into_bytes())),
            Kept::Base64(text) => STANDARD.decode(text).map(Self),
        }
    }
}

/// How long a text is in JSON, where nothing is longer than an escaped control character.
fn written(text: &str) -> usize {
    let width = |byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(width).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_body_takes_little_more_room_than_its_bytes() {
        for bytes in [br#"{"a":"b"}"#.repeat(1_000), vec![b'"'; 9_000], vec![1; 9_000], vec![0xff; 9_000]] {
            let text = serde_json::to_string(&Body::new(&bytes)).unwrap();
            assert!(text.len() <= bytes.len() * 7 / 5, "{} of {}", text.len(), bytes.len());
        }
        assert_eq!(serde_json::to_string(&Body::new(b"{}  ")).unwrap(), r#"{"text":"{}  "}"#);
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_written(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let body = Body::new(&bytes);
            let text = serde_json::to_string(&body).unwrap();
            prop_assert_eq!(serde_json::from_str::<Body>(&text).unwrap(), body);
        }

        #[test]
        fn texts_as_well(text in any::<String>()) {
            let body = Body::new(text.as_bytes());
            let json = serde_json::to_string(&body).unwrap();
            let body: Body = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(body.bytes(), text.as_bytes());
        }
    }
}
