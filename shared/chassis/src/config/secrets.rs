//! Several secrets in one setting, of which each will do: while one replaces another, both are known.
//!
//! The invariant: there is at least one, and none is blank, since a blank one would let in whoever says nothing.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

/// The secrets of one setting, comma-separated, newest first. [`Secrets::parse`] is its value parser.
#[derive(Clone)]
pub struct Secrets(Vec<SecretString>);

// === impl Secrets ===

impl Secrets {
    /// Reads secrets; blanks around them and between commas are no part of them.
    ///
    /// # Errors
    /// There is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let all = text.split(',').map(str::trim).filter(|secret| !secret.is_empty());
        let all: Vec<_> = all.map(SecretString::from).collect();
        if all.is_empty() { Err("must name at least one secret".into()) } else { Ok(Self(all)) }
    }

    /// All of them, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|secret| secret.expose_secret())
    }

    /// What is to be used where one must be chosen.
    pub fn newest(&self) -> &str {
        self.0.first().expect("there is at least one").expose_secret()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_no_secrets() {
        for text in ["new,old", " new , old ", ",new,,old,", "new,\told\n, "] {
            let secrets = Secrets::parse(text).unwrap();
            assert_eq!(secrets.iter().collect::<Vec<_>>(), ["new", "old"], "{text:?}");
            assert_eq!(secrets.newest(), "new");
            assert_eq!(format!("{secrets:?}"), "2 secrets");
        }
        for text in ["", " ", ",", " , ,\n"] {
            assert_eq!(Secrets::parse(text).unwrap_err(), "must name at least one secret", "{text:?}");
        }
    }
}
