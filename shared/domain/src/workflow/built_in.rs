//! The workflows and their documents that are compiled in.
//!
//! The invariant: every document that a compiled-in definition names is here.

/// Slug and text of every compiled-in definition.
pub(super) const DEFINITIONS: &[(&str, &str)] = &[
    ("lead-concierge", include_str!("../../workflows/lead-concierge.toml")),
    ("client-portal", include_str!("../../workflows/client-portal.toml")),
    ("ops-copilot", include_str!("../../workflows/ops-copilot.toml")),
];

const DOCUMENTS: &[(&str, &str)] = &[
    ("knowledge/services.md", include_str!("../../workflows/knowledge/services.md")),
    ("knowledge/process.md", include_str!("../../workflows/knowledge/process.md")),
    ("knowledge/pricing-faq.md", include_str!("../../workflows/knowledge/pricing-faq.md")),
    ("knowledge/portal.md", include_str!("../../workflows/knowledge/portal.md")),
    ("knowledge/operations.md", include_str!("../../workflows/knowledge/operations.md")),
];

/// The compiled-in Markdown document of this name, as definitions list it, e.g. `knowledge/services.md`.
pub fn document(name: &str) -> Option<&'static str> {
    DOCUMENTS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::Registry;

    #[test]
    fn every_document_is_there_and_used() {
        let registry = Registry::built_in();
        let mut named: Vec<&str> =
            registry.iter().flat_map(|workflow| &workflow.knowledge).map(String::as_str).collect();
        named.sort_unstable();
        named.dedup();
        for name in &named {
            assert!(document(name).is_some_and(|text| text.starts_with("# ")), "{name}");
        }
        assert_eq!(named.len(), DOCUMENTS.len());
    }
}
