//! The file of destinations, `EVENT_DESTINATIONS`.
//!
//! ```toml
//! [[destination]]
//! name = "crm"
//! url = "https://crm.example.com/hooks/frontdesk"
//! secret = ["whsec_…", "whsec_…"]       # one, or while it is replaced two: newest first
//! header = "Authorization: Bearer …"    # optional
//! types = ["lead.*", "booking.created"] # without it, all
//! workflows = ["lead-concierge"]        # without it, all; else only events that tell their workflow
//! sites = ["www.example.com"]           # without it, all; else only events that tell their site
//! ```
//!
//! The invariant: a key that is misspelt, a type that does not exist and a name that stands twice are refused, and no
//! message repeats a value.

use std::{collections::HashSet, fs};

use serde::Deserialize;

use super::{Address, Destination, Header, Keys, N8N, NOTICES, Wants};
use crate::deliveries::catalogue;

/// Longest name.
const NAME: usize = 40;

/// The destinations of a file.
#[derive(Clone, Debug)]
pub struct Destinations(Vec<Destination>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    destination: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    url: String,
    secret: Option<Secrets>,
    header: Option<String>,
    #[serde(default)]
    types: Vec<String>,
    #[serde(default)]
    workflows: Vec<String>,
    #[serde(default)]
    sites: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Secrets {
    One(String),
    Many(Vec<String>),
}

// === impl Destinations ===

impl Destinations {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// All that is wrong with it, in one line.
    pub fn read(path: &str) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("cannot be read ({})", error.kind()))?;
        Self::parse(&text)
    }

    /// Its destinations.
    pub(super) fn all(&self) -> Vec<Destination> {
        self.0.clone()
    }

    fn parse(text: &str) -> Result<Self, String> {
        // the parser's own message quotes the line
        let file: File = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start).min(text.len());
            let line = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
            format!("line {line} is not as it should be: a [[destination]] has name, url, secret, header, types, workflows, sites")
        })?;
        let mut names = HashSet::from([N8N, NOTICES].map(str::to_owned));
        let mut wrong = Vec::new();
        let mut destinations = Vec::new();
        for (entry, number) in file.destination.into_iter().zip(1..) {
            if let Err(why) = check_name(&entry.name) {
                wrong.push(format!("destination {number}: name {why}"));
            } else if !names.insert(entry.name.clone()) {
                wrong.push(format!("destination {number}: the name stands twice"));
            }
            match entry.destination() {
                Ok(destination) => destinations.push(destination),
                Err(all) => wrong.extend(all.into_iter().map(|why| format!("destination {number}: {why}"))),
            }
        }
        if wrong.is_empty() { Ok(Self(destinations)) } else { Err(wrong.join(", ")) }
    }
}

// === impl Entry ===

impl Entry {
    fn destination(self) -> Result<Destination, Vec<String>> {
        let mut wrong = Vec::new();
        let mut note = |field: &str, why: String| wrong.push(format!("{field} {why}"));
        let address = Address::parse(&self.url).map_err(|why| note("url", why)).ok();
        let secrets = self.secret.map(|secrets| match secrets {
            Secrets::One(secret) => vec![secret],
            Secrets::Many(secrets) => secrets,
        });
        let keys = secrets.map(|all| Keys::parse(all.iter().map(String::as_str))).transpose();
        let keys = keys.map_err(|why| note("secret", why)).unwrap_or_default();
        let header = self.header.as_deref().map(Header::parse).transpose();
        let header = header.map_err(|why| note("header", why)).unwrap_or_default();
        if self.types.iter().any(|pattern| !catalogue::knows(pattern)) {
            note("types", "names a type that is not in the catalogue".to_owned());
        }
        if self.workflows.iter().chain(&self.sites).any(|name| name.trim().is_empty()) {
            note("workflows and sites", "must not be blank".to_owned());
        }
        let wants = Wants { types: self.types, workflows: self.workflows, sites: self.sites };
        match address {
            Some(address) if wrong.is_empty() => {
                Ok(Destination { name: self.name, address, keys, header, wants })
            }
            _ => Err(wrong),
        }
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    if name.is_empty() || name.len() > NAME || !name.bytes().all(allowed) {
        return Err(format!("must be 1 to {NAME} characters of a-z 0-9 _ -"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    #[test]
    fn a_whole_file_is_read() {
        let text = format!(
            "[[destination]]\nname = 'crm'\nurl = 'https://crm.example.com/s3same'\nsecret = ['{SECRET}', '{SECRET}']\n\
             header = 'Authorization: Bearer s3same'\ntypes = ['lead.*']\nsites = ['www.example.com']\n\
             [[destination]]\nname = 'log'\nurl = 'https://log.example.com/'\nsecret = '{SECRET}'\n"
        );
        let read = Destinations::parse(&text).unwrap().all();
        assert_eq!([read[0].name.as_str(), read[1].name.as_str()], ["crm", "log"]);
        assert_eq!(read[0].wants.types, ["lead.*"]);
        assert_eq!(read[0].address.origin(), "https://crm.example.com");
        let shown = format!("{read:?}");
        assert!(!shown.contains("s3same") && !shown.contains("C2FV"), "{shown}");
        assert!(Destinations::parse("").unwrap().all().is_empty());
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once_and_not_quoted() {
        let text = "[[destination]]\nname = 'CRM'\nurl = 's3same'\nsecret = 's3same'\nheader = 's3same'\ntypes = ['s3same']\n";
        let why = Destinations::parse(text).unwrap_err();
        for part in ["name must", "url must", "secret must", "header must", "types names"] {
            assert!(why.contains(part), "{part}: {why}");
        }
        assert!(!why.contains("s3same"), "{why}");
        let misspelt = "[[destination]]\nname = 'a'\nurl = 'https://a.example'\nsecrets = 's3same'\n";
        let why = Destinations::parse(misspelt).unwrap_err();
        assert!(why.starts_with("line ") && !why.contains("s3same"), "{why}");
        let twice = "[[destination]]\nname = 'n8n'\nurl = 'https://a.example'\n";
        assert!(Destinations::parse(twice).unwrap_err().contains("stands twice"));
    }

    #[test]
    fn a_header_of_our_own_cannot_be_set() {
        for bad in ["webhook-id: 1", "X-Frontdesk-Hop: 0", "Host: a", "no colon", "a b: c", "a:"] {
            assert!(Header::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(format!("{:?}", Header::parse("X-Key: s3same").unwrap()), "x-key");
    }
}
