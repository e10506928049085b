//! The workflows that a chat can run, and which one a page gets.
//!
//! The browser never chooses beyond this registry: a `workflowId` that is not in it does not exist. In the books a
//! workflow is always its slug.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Slug of the workflow that a page gets if none claims it.
pub const DEFAULT: &str = "lead-concierge";

const BUILT_IN: &[(&str, &str)] = &[
    ("lead-concierge", include_str!("../workflows/lead-concierge.toml")),
    ("client-portal", include_str!("../workflows/client-portal.toml")),
    ("ops-copilot", include_str!("../workflows/ops-copilot.toml")),
];

/// Who may talk to a workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Every visitor.
    Anyone,
    /// A verified Whop user.
    Member,
    /// The operator alone, never through a site.
    Operator,
}

/// One workflow, as its file `<slug>.toml` defines it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    /// The file's name without its ending.
    #[serde(skip)]
    pub slug: String,
    /// What people call it.
    pub title: String,
    /// Who may talk to it.
    pub audience: Audience,
    /// Hosts whose pages may get it, e.g. `www.example.com`; empty for all.
    #[serde(default)]
    pub sites: Vec<String>,
    /// Paths whose pages get it unasked, with all below them; the longest match wins.
    #[serde(default)]
    pub pages: Vec<String>,
    /// The Agent Builder workflow that OpenAI runs, `wf_…`.
    pub hosted: Option<String>,
    /// Version of `hosted`, a number; the latest deployed one if absent.
    pub version: Option<String>,
}

/// What is wrong with a definition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {why}")]
pub struct Problem {
    /// The file, or the setting.
    pub file: String,
    /// Why it cannot be taken.
    pub why: String,
}

/// All workflows of this installation.
#[derive(Clone, Debug)]
pub struct Registry(BTreeMap<String, Workflow>);

// === impl Workflow ===

impl Workflow {
    /// Reads one definition.
    pub fn parse(slug: &str, text: &str) -> Result<Self, Problem> {
        let problem = |why: String| Problem { file: format!("{slug}.toml"), why };
        if slug.is_empty() || !slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        {
            return Err(problem("the name must be a slug of a-z, 0-9 and -".into()));
        }
        let mut workflow: Self = toml::from_str(text).map_err(|error| problem(error.to_string()))?;
        slug.clone_into(&mut workflow.slug);
        workflow.check().map_err(problem)?;
        Ok(workflow)
    }

    fn check(&self) -> Result<(), String> {
        if let Some(id) = &self.hosted {
            check_hosted(id)?;
        }
        // OpenAI takes `latest` without complaint and then fails every message (openai/chatkit-js issue 41).
        if self.version.as_deref().is_some_and(|v| v.is_empty() || !v.bytes().all(|b| b.is_ascii_digit())) {
            return Err("version must be a number such as \"3\"; leave it out for the latest".into());
        }
        if let Some(page) = self.pages.iter().find(|page| !page.starts_with('/')) {
            return Err(format!("page {page:?} must begin with /"));
        }
        Ok(())
    }

    fn takes_site(&self, site: &str) -> bool {
        self.sites.is_empty() || self.sites.iter().any(|host| host.eq_ignore_ascii_case(site))
    }

    /// Length of the longest of its pages that `path` is or lies below.
    fn claims(&self, path: &str) -> Option<usize> {
        let below = |page: &str| {
            let base = page.trim_end_matches('/');
            path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.pages.iter().filter(|page| below(page)).map(String::len).max()
    }
}

fn check_hosted(id: &str) -> Result<(), String> {
    let tail = id.strip_prefix("wf_").unwrap_or_default();
    if tail.is_empty() || !tail.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
        return Err(format!("hosted id {id:?} must be wf_ and letters, digits, _ or -"));
    }
    Ok(())
}

// === impl Registry ===

impl Registry {
    /// The three workflows that are compiled in.
    pub fn built_in() -> Self {
        let parse =
            |&(slug, text): &(&str, &str)| Workflow::parse(slug, text).expect("a compiled-in file is sound");
        Self(BUILT_IN.iter().map(parse).map(|workflow| (workflow.slug.clone(), workflow)).collect())
    }

    /// The built-in workflows with `files` (slug and text) put over them; all problems at once.
    pub fn with_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Vec<Problem>> {
        let mut registry = Self::built_in();
        let mut problems = Vec::new();
        for (slug, text) in files {
            match Workflow::parse(slug, text) {
                Ok(workflow) => drop(registry.0.insert(workflow.slug.clone(), workflow)),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(registry) } else { Err(problems) }
    }

    /// Applies `CHATKIT_WORKFLOW_ID`: a `wf_…` for the default workflow, or `slug=wf_…` entries, comma-separated.
    pub fn set_hosted(&mut self, setting: &str) -> Result<(), Problem> {
        let problem = |why: String| Problem { file: "CHATKIT_WORKFLOW_ID".into(), why };
        for entry in setting.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (slug, id) = entry.split_once('=').unwrap_or((DEFAULT, entry));
            check_hosted(id).map_err(problem)?;
            let workflow =
                self.0.get_mut(slug).ok_or_else(|| problem(format!("there is no workflow {slug:?}")))?;
            workflow.hosted = Some(id.to_owned());
        }
        Ok(())
    }

    /// The workflow that a request means: the one it names by slug or `wf_…`, else the one that claims the page on
    /// this site, else the default. `None` if it names one that is not here or not for this site.
    pub fn choose(&self, named: &str, site: &str, page: &str) -> Option<&Workflow> {
        if !named.is_empty() {
            return self
                .0
                .values()
                .find(|workflow| workflow.slug == named || workflow.hosted.as_deref() == Some(named))
                .filter(|workflow| workflow.takes_site(site));
        }
        let path = page.split(['?', '#']).next().unwrap_or_default();
        self.0
            .values()
            .filter(|workflow| workflow.takes_site(site))
            .filter_map(|workflow| Some((workflow.claims(path)?, !workflow.sites.is_empty(), workflow)))
            .max_by_key(|(length, named_site, _)| (*named_site, *length))
            .map(|(_, _, workflow)| workflow)
            .or_else(|| self.0.get(DEFAULT))
    }

    /// All workflows, by slug.
    pub fn iter(&self) -> impl Iterator<Item = &Workflow> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen<'a>(registry: &'a Registry, named: &str, site: &str, page: &str) -> Option<&'a str> {
        registry.choose(named, site, page).map(|workflow| workflow.slug.as_str())
    }

    #[test]
    fn a_page_gets_the_workflow_that_claims_it() {
        let registry = Registry::built_in();
        assert_eq!(chosen(&registry, "", "example.com", "/services?x=1"), Some("lead-concierge"));
        assert_eq!(chosen(&registry, "", "example.com", "/portal/files"), Some("client-portal"));
        assert_eq!(chosen(&registry, "", "example.com", "/portalen"), Some("lead-concierge"));
        assert_eq!(chosen(&registry, "", "", ""), Some("lead-concierge"));
    }

    #[test]
    fn a_named_workflow_must_be_in_the_registry() {
        let mut registry = Registry::built_in();
        registry.set_hosted("wf_abc, client-portal=wf_def").unwrap();
        assert_eq!(chosen(&registry, "wf_abc", "", "/portal"), Some("lead-concierge"));
        assert_eq!(chosen(&registry, "client-portal", "", ""), Some("client-portal"));
        assert_eq!(chosen(&registry, "wf_def", "", ""), Some("client-portal"));
        assert_eq!(chosen(&registry, "wf_other", "", ""), None);
    }

    #[test]
    fn a_workflow_may_be_for_one_site() {
        let text = "title = 'B'\naudience = 'anyone'\nsites = ['b.example']\npages = ['/']";
        let registry = Registry::with_files([("site-b", text)]).unwrap();
        assert_eq!(chosen(&registry, "", "b.example", "/services"), Some("site-b"));
        assert_eq!(chosen(&registry, "", "a.example", "/services"), Some("lead-concierge"));
        assert_eq!(chosen(&registry, "site-b", "a.example", ""), None);
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let latest = "title = 'A'\naudience = 'anyone'\nversion = 'latest'";
        let problems = Registry::with_files([("a", latest), ("B", ""), ("c", "titel = 'C'")])
            .expect_err("three are wrong");
        assert_eq!(
            problems.iter().map(|p| p.file.as_str()).collect::<Vec<_>>(),
            ["a.toml", "B.toml", "c.toml"]
        );
        let mut registry = Registry::built_in();
        assert!(registry.set_hosted("workflow-1").is_err());
        assert!(registry.set_hosted("nobody=wf_1").is_err());
    }
}
