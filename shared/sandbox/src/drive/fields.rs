//! `fields`: which parts of an answer are wanted, e.g. `nextPageToken,files(id,name)` or `files/id`.
//!
//! As Google's documentation of partial responses has it. The invariant: a field that no answer has is refused.

use serde_json::{Map, Value};

use super::error::{Refusal, Taken};

/// Fields of an answer and, of a file, what is there always or sometimes.
const LIST: [&str; 4] = ["kind", "incompleteSearch", "nextPageToken", "files"];
const FILE: [&str; 14] = [
    "kind",
    "id",
    "name",
    "mimeType",
    "trashed",
    "starred",
    "parents",
    "createdTime",
    "modifiedTime",
    "webViewLink",
    "webContentLink",
    "iconLink",
    "size",
    "version",
];

/// A selection.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Fields {
    list: Vec<String>,
    file: Vec<String>,
}

impl Fields {
    /// What is answered where nothing is selected.
    pub(super) fn usual() -> Self {
        let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self { list: texts(&LIST), file: texts(&["kind", "id", "name", "mimeType"]) }
    }

    pub(super) fn parse(text: &str) -> Taken<Self> {
        let mut fields = Self::default();
        for part in split(text).ok_or_else(|| Refusal::invalid("fields"))? {
            let part = part.trim();
            if part == "*" {
                fields.list.extend(LIST.map(str::to_owned));
                fields.file.push("*".to_owned());
            } else if let Some(inner) = part.strip_prefix("files(").and_then(|inner| inner.strip_suffix(')'))
            {
                fields.list.push("files".to_owned());
                fields.file.extend(inner.split(',').map(|name| name.trim().to_owned()));
            } else if let Some(inner) = part.strip_prefix("files/") {
                fields.list.push("files".to_owned());
                fields.file.push(inner.to_owned());
            } else {
                if part == "files" {
                    fields.file.push("*".to_owned());
                }
                fields.list.push(part.to_owned());
            }
        }
        let unknown = |name: &&String, known: &[&str]| *name != "*" && !known.contains(&name.as_str());
        let wrong = fields.list.iter().find(|name| unknown(name, &LIST));
        let wrong = wrong.or_else(|| fields.file.iter().find(|name| unknown(name, &FILE)));
        match wrong {
            Some(name) => Err(Refusal::no_field(name)),
            None => Ok(fields),
        }
    }

    /// The part of an answer that is wanted.
    pub(super) fn of(&self, whole: &Value) -> Value {
        let mut answer = pick(whole, &self.list);
        if let Some(Value::Array(files)) = answer.get_mut("files") {
            for file in files {
                *file = pick(file, &self.file).into();
            }
        }
        answer.into()
    }
}

fn pick(object: &Value, names: &[String]) -> Map<String, Value> {
    let wanted = |name: &String| names.iter().any(|one| one == "*" || one == name);
    let fields = object.as_object().into_iter().flatten().filter(|(name, _)| wanted(name));
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The parts between commas that are in no parentheses; none where these do not match.
fn split(text: &str) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_u32);
    for (at, sign) in text.char_indices() {
        match sign {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1)?,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    (depth == 0).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_what_it_says() {
        let same = [
            "nextPageToken,files(id,name)",
            "nextPageToken, files(id, name)",
            "nextPageToken,files/id,files/name",
        ];
        let parsed = same.map(|text| Fields::parse(text).unwrap());
        assert_eq!(parsed[0], parsed[1]);
        assert_eq!(parsed[0].file, parsed[2].file);
        for text in ["files(id", "files)id(", "files(owner_name)", "items(id)", "", "files(id,)"] {
            assert!(Fields::parse(text).is_err(), "{text}");
        }
    }
}
