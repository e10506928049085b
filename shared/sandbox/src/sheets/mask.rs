//! Field masks: `a,b.c,d(e,f)` or `*`.
//!
//! The invariant: an empty node selects everything below it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What a mask selects, as a tree.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Mask(BTreeMap<String, Mask>);

impl Mask {
    /// Reads a mask; none when it cannot be read.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut mask = Self::default();
        let rest = mask.parse_list(text.trim())?;
        (rest.is_empty() && !mask.0.is_empty()).then_some(mask)
    }

    /// Reads paths up to the end or a closing bracket; returns what follows.
    fn parse_list<'a>(&mut self, mut text: &'a str) -> Option<&'a str> {
        loop {
            let (path, rest) = text.split_at(text.find([',', '(', ')']).unwrap_or(text.len()));
            let mut node = &mut *self;
            for step in path.split(['.', '/']).map(str::trim) {
                if step.is_empty() || !step.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '*')
                {
                    return None;
                }
                node = node.0.entry(step.to_owned()).or_default();
            }
            text = rest;
            if let Some(inner) = text.strip_prefix('(') {
                text = node.parse_list(inner)?.strip_prefix(')')?;
            }
            match text.strip_prefix(',') {
                Some(rest) => text = rest,
                None => return Some(text),
            }
        }
    }

    fn is_all(&self) -> bool {
        self.0.is_empty() || self.0.contains_key("*")
    }

    /// The part of the mask below a field; none when the field is not selected.
    pub(super) fn below(&self, field: &str) -> Option<Self> {
        if self.is_all() { Some(Self::default()) } else { self.0.get(field).cloned() }
    }

    /// Whether anything at this path is selected.
    pub(super) fn selects(&self, path: &[&str]) -> bool {
        match path {
            [] => true,
            [first, rest @ ..] => self.below(first).is_some_and(|mask| mask.selects(rest)),
        }
    }

    /// The first name that the mask selects by name and `known` lacks; `*` is always known.
    pub(super) fn unknown<'a>(&'a self, known: &[&str]) -> Option<&'a str> {
        self.0.keys().map(String::as_str).find(|name| *name != "*" && !known.contains(name))
    }

    /// The first name anywhere in the mask that `known` lacks.
    pub(super) fn unknown_anywhere<'a>(&'a self, known: &[&str]) -> Option<&'a str> {
        self.unknown(known).or_else(|| self.0.values().find_map(|mask| mask.unknown_anywhere(known)))
    }

    /// Keeps of `value` what the mask selects.
    pub(super) fn filter(&self, value: Value) -> Value {
        if self.is_all() {
            return value;
        }
        match value {
            Value::Array(items) => items.into_iter().map(|item| self.filter(item)).collect(),
            Value::Object(map) => {
                let keep = |(name, value)| self.0.get(&name).map(|mask| (name, mask.filter(value)));
                Value::Object(map.into_iter().filter_map(keep).collect())
            }
            other => other,
        }
    }

    /// Writes what the mask selects of `new` into `old`; what is selected and absent from `new` is removed.
    pub(super) fn merge(&self, old: &mut Map<String, Value>, new: &Map<String, Value>) {
        if self.is_all() {
            *old = new.clone();
            return;
        }
        for (name, mask) in &self.0 {
            match (old.get_mut(name), new.get(name)) {
                (Some(Value::Object(old)), None) if !mask.is_all() => mask.merge(old, &Map::new()),
                (_, None) => {
                    old.remove(name);
                }
                (Some(Value::Object(old)), Some(Value::Object(new))) => mask.merge(old, new),
                (_, Some(new)) => {
                    old.insert(name.clone(), mask.filter(new.clone()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn masks_select() {
        let value = json!({"a": 1, "b": {"c": 2, "d": 3}, "e": [{"f": 4, "g": 5}]});
        for (mask, kept) in [
            ("a", json!({"a": 1})),
            ("a,b.c", json!({"a": 1, "b": {"c": 2}})),
            ("b(c,d),e/g", json!({"b": {"c": 2, "d": 3}, "e": [{"g": 5}]})),
            ("*", value.clone()),
            ("b.*", json!({"b": {"c": 2, "d": 3}})),
        ] {
            assert_eq!(Mask::parse(mask).unwrap().filter(value.clone()), kept, "{mask}");
        }
        for bad in ["", "a,", "a(b", "a)", "a..b", "a b"] {
            assert_eq!(Mask::parse(bad), None, "{bad}");
        }
        assert!(Mask::parse("sheets(properties,data.rowData)").unwrap().selects(&["sheets", "data"]));
        assert!(!Mask::parse("sheets.properties").unwrap().selects(&["sheets", "data"]));
    }
}
