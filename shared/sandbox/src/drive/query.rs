//! The parameters of `files.list`, checked against the discovery document, and the language of `q`.
//!
//! Played of `q`: `'<id>' in parents`, `trashed`, `name` and `mimeType`, joined by `and`. The invariant: what is not
//! understood is refused, never passed over.

use std::{cmp::Reverse, sync::Arc};

use super::{
    error::{Refusal, Taken},
    folder::File,
};

/// Parameters that the method has, and that are not looked at here.
const OTHERS: [&str; 5] = ["alt", "key", "prettyPrint", "quotaUser", "$.xgafv"];
/// Parameters that the method has, and the stand-in does not play.
const NOT_PLAYED: [&str; 14] = [
    "access_token",
    "callback",
    "corpora",
    "corpus",
    "driveId",
    "includeLabels",
    "includePermissionsForView",
    "includeTeamDriveItems",
    "oauth_token",
    "spaces",
    "supportsTeamDrives",
    "teamDriveId",
    "uploadType",
    "upload_protocol",
];

/// What is asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) query: Terms,
    pub(super) order: Vec<Order>,
    pub(super) fields: Option<String>,
    pub(super) page_size: usize,
    pub(super) page_token: Option<String>,
    pub(super) all_drives: bool,
    pub(super) from_all_drives: bool,
}

/// A query: all of its terms hold.
#[derive(Debug, Default)]
pub(super) struct Terms {
    pub(super) parents: Vec<String>,
    trashed: Option<bool>,
    texts: Vec<(Of, How, String)>,
}

#[derive(Clone, Copy, Debug)]
enum Of {
    Name,
    Type,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Is,
    IsNot,
    Contains,
}

/// A key to sort by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    key: Key,
    descending: bool,
}

#[derive(Clone, Copy, Debug)]
enum Key {
    Name,
    Modified,
    Created,
    /// What all files here have alike.
    Alike,
}

// === impl Asked ===

impl Asked {
    pub(super) fn parse(query: &str) -> Taken<Self> {
        let mut asked = Self {
            query: Terms::default(),
            order: Vec::new(),
            fields: None,
            page_size: 100,
            page_token: None,
            all_drives: false,
            from_all_drives: false,
        };
        let mut seen = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()).into_owned() {
            if seen.contains(&name) {
                return Err(Refusal::invalid(&name));
            }
            asked.set(&name, value)?;
            seen.push(name);
        }
        if asked.from_all_drives && !asked.all_drives {
            return Err(Refusal::not_all_drives());
        }
        Ok(asked)
    }

    fn set(&mut self, name: &str, value: String) -> Taken<()> {
        let flag = || value.parse().map_err(|_| Refusal::invalid(name));
        match name {
            "q" => self.query = Terms::parse(&value)?,
            "orderBy" => self.order = value.split(',').map(Order::parse).collect::<Taken<_>>()?,
            "pageSize" => {
                let size = value.parse().ok().filter(|size| (1..=1000).contains(size));
                self.page_size = size.ok_or_else(|| Refusal::invalid(name))?;
            }
            "supportsAllDrives" => self.all_drives = flag()?,
            "includeItemsFromAllDrives" => self.from_all_drives = flag()?,
            "pageToken" => self.page_token = Some(value),
            "fields" => self.fields = Some(value),
            name if OTHERS.contains(&name) => {}
            name if NOT_PLAYED.contains(&name) => return Err(Refusal::not_played(name)),
            name => return Err(Refusal::unknown(name)),
        }
        Ok(())
    }
}

// === impl Terms ===

impl Terms {
    fn parse(text: &str) -> Taken<Self> {
        let wrong = || Refusal::invalid("q");
        let (words, mut terms) = (words(text).ok_or_else(wrong)?, Self::default());
        for term in words.split(|word| *word == Word::Plain("and")) {
            match term {
                [Word::Text(id), Word::Plain("in"), Word::Plain("parents")] => terms.parents.push(id.clone()),
                [Word::Plain("trashed"), Word::Plain("="), Word::Plain(flag @ ("true" | "false"))] => {
                    terms.trashed = Some(*flag == "true");
                }
                [Word::Plain(of @ ("name" | "mimeType")), Word::Plain(how), Word::Text(text)] => {
                    let of = if *of == "name" { Of::Name } else { Of::Type };
                    let how = match *how {
                        "=" => How::Is,
                        "!=" => How::IsNot,
                        "contains" => How::Contains,
                        _ => return Err(wrong()),
                    };
                    terms.texts.push((of, how, text.clone()));
                }
                _ => return Err(wrong()),
            }
        }
        Ok(terms)
    }

    /// Whether all terms but those of folders hold.
    pub(super) fn holds(&self, file: &File) -> bool {
        let text = |(of, how, text): &(Of, How, String)| {
            let is = match of {
                Of::Name => file.name.as_str(),
                Of::Type => file.mime_type,
            };
            match how {
                How::Is => is == text,
                How::IsNot => is != text,
                How::Contains => is.to_lowercase().contains(&text.to_lowercase()),
            }
        };
        self.trashed.is_none_or(|trashed| file.trashed == trashed) && self.texts.iter().all(text)
    }
}

/// A piece of a query.
#[derive(Debug, PartialEq)]
enum Word<'a> {
    Plain(&'a str),
    Text(String),
}

/// The pieces; none where a quote does not end.
fn words(mut rest: &str) -> Option<Vec<Word<'_>>> {
    let mut words = Vec::new();
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return Some(words) };
        if first == '\'' {
            let (text, after) = quoted(&rest[1..])?;
            words.push(Word::Text(text));
            rest = after;
            continue;
        }
        let is_sign = |c: char| matches!(c, '=' | '!' | '<' | '>');
        let end = if is_sign(first) {
            rest.find(|c: char| !is_sign(c))
        } else {
            rest.find(|c: char| c.is_whitespace() || is_sign(c) || c == '\'')
        };
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        words.push(Word::Plain(word));
        rest = after;
    }
}

/// The text up to the quote, `\'` and `\\` undone, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut inside, mut chars) = (String::new(), text.char_indices());
    while let Some((at, next)) = chars.next() {
        match next {
            '\'' => return Some((inside, &text[at + 1..])),
            '\\' => inside.push(chars.next()?.1),
            next => inside.push(next),
        }
    }
    None
}

// === impl Order ===

impl Order {
    /// As a list is where nobody says how.
    pub(super) const NEWEST: Self = Self { key: Key::Modified, descending: true };

    fn parse(text: &str) -> Taken<Self> {
        let (name, descending) = match text.trim().split_once(' ') {
            Some((name, "desc")) => (name, true),
            Some(_) => return Err(Refusal::invalid("orderBy")),
            None => (text.trim(), false),
        };
        let key = match name {
            "name" | "name_natural" => Key::Name,
            "modifiedTime" | "modifiedByMeTime" | "recency" => Key::Modified,
            "createdTime" => Key::Created,
            "folder" | "quotaBytesUsed" | "sharedWithMeTime" | "starred" | "viewedByMeTime" => Key::Alike,
            _ => return Err(Refusal::invalid("orderBy")),
        };
        Ok(Self { key, descending })
    }

    pub(super) fn sort(self, files: &mut [Arc<File>]) {
        match (self.key, self.descending) {
            (Key::Name, false) => files.sort_by(|a, b| a.name.cmp(&b.name)),
            (Key::Name, true) => files.sort_by(|a, b| b.name.cmp(&a.name)),
            (Key::Modified, false) => files.sort_by_key(|file| file.modified),
            (Key::Modified, true) => files.sort_by_key(|file| Reverse(file.modified)),
            (Key::Created, false) => files.sort_by_key(|file| file.created),
            (Key::Created, true) => files.sort_by_key(|file| Reverse(file.created)),
            (Key::Alike, _) => {}
        }
    }
}
