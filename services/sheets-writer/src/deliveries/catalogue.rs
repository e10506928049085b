//! The catalogue: every event type that is sent, in every version, with the JSON schema of its body.
//!
//! One file a type and version, so that a type is added by adding a file here and a place that tells of it. The
//! invariant: what is sent under a type and version fits its schema, and a version never loses or changes a field.

use serde_json::Value;

/// A type in one version.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EventType {
    pub(crate) name: &'static str,
    pub(crate) version: u32,
    pub(crate) description: String,
    /// As it stands in its file.
    pub(crate) schema: &'static str,
    /// A body as it may look.
    pub(crate) example: Value,
}

/// An entry by the file's own name.
macro_rules! entries {
    ($($name:literal v $version:literal,)*) => {
        /// Name, version and schema of every type.
        const ENTRIES: &[(&str, u32, &str)] = &[$((
            $name,
            $version,
            include_str!(concat!("catalogue/", $name, ".v", stringify!($version), ".json")),
        ),)*];
    };
}

entries! {
    "booking.cancelled" v 1,
    "booking.created" v 1,
    "booking.rescheduled" v 1,
    "chat.outcome" v 1,
    "chat.turn" v 1,
    "contact.created" v 1,
    "contact.merged" v 1,
    "handoff.requested" v 1,
    "lead.created" v 1,
    "lead.updated" v 1,
    "payment.disputed" v 1,
    "payment.failed" v 1,
    "payment.refunded" v 1,
    "payment.succeeded" v 1,
    "subscription.canceled" v 1,
    "subscription.created" v 1,
    "subscription.updated" v 1,
}

/// All of it, by type and version.
pub(crate) fn all() -> Vec<EventType> {
    ENTRIES.iter().map(read).collect()
}

/// The newest version of a type.
pub(crate) fn find(name: &str) -> Option<EventType> {
    ENTRIES.iter().filter(|(known, ..)| *known == name).max_by_key(|(_, version, _)| *version).map(read)
}

/// Whether `pattern` (`lead.created`, `lead.*`, `*`) names any type that there is.
pub(crate) fn knows(pattern: &str) -> bool {
    ENTRIES.iter().any(|(name, ..)| matches(pattern, name))
}

/// Whether a pattern names a type: the type itself, or all that begins with what stands before a `*` at its end.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

fn read((name, version, schema): &(&'static str, u32, &'static str)) -> EventType {
    let mut parsed: Value = serde_json::from_str(schema).expect("a test reads every schema");
    let description = parsed["description"].as_str().unwrap_or_default().to_owned();
    EventType { name, version: *version, description, schema, example: parsed["examples"][0].take() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_says_its_type_and_its_example_fits() {
        assert_eq!(all().len(), ENTRIES.len());
        for entry in all() {
            let schema: Value = serde_json::from_str(entry.schema).unwrap();
            assert_eq!(schema["properties"]["type"]["const"], entry.name);
            assert_eq!(schema["properties"]["version"]["const"], entry.version);
            assert!(!entry.description.is_empty(), "{}", entry.name);
            crate::deliveries::tests::schema::check(&entry.example);
        }
    }

    #[test]
    fn a_star_stands_for_the_rest_of_a_type() {
        assert!(matches("lead.*", "lead.created") && matches("*", "lead.created"));
        assert!(matches("lead.created", "lead.created"));
        assert!(!matches("lead.created", "lead.created.v2") && !matches("lead.*", "booking.created"));
        assert!(knows("booking.*") && !knows("bookings.*") && !knows("lead"));
    }
}
