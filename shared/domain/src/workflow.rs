//! The workflows that a chat can run, and which one a page gets.
//!
//! The browser never chooses beyond this registry: a `workflowId` that is not in it does not exist. In the books a
//! workflow is always its slug.

mod built_in;
mod definition;

use std::collections::BTreeMap;

pub use built_in::document;
pub use definition::{Audience, Interval, Offer, StarterPrompt, Workflow};

/// Slug of the workflow that a page gets if none claims it.
pub const DEFAULT: &str = "lead-concierge";

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

// === impl Registry ===

impl Registry {
    /// The three workflows that are compiled in.
    pub fn built_in() -> Self {
        let parse =
            |&(slug, text): &(&str, &str)| Workflow::parse(slug, text).expect("a compiled-in file is sound");
        Self(
            built_in::DEFINITIONS
                .iter()
                .map(parse)
                .map(|workflow| (workflow.slug.clone(), workflow))
                .collect(),
        )
    }

    /// The built-in workflows with `files` (slug and text) put over them; all problems at once.
    pub fn with_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Vec<Problem>> {
        let mut registry = Self::built_in();
        let mut problems = Vec::new();
        for (slug, text) in files {
            match Workflow::parse(slug, text) {
                Ok(workflow) => drop(registry.0.insert(workflow.slug.clone(), workflow)),
                Err(unsound) => problems.extend(unsound),
            }
        }
        if problems.is_empty() { Ok(registry) } else { Err(problems) }
    }

    /// What is wrong with the tools that the workflows list, given the name and the audience of every tool that there
    /// is: names that nobody knows, and tools that are not for the workflow's audience.
    pub fn check_tools(&self, known: &[(&str, Audience)]) -> Vec<Problem> {
        let check = |workflow: &Workflow, name: &str| {
            let why = match known.iter().find(|(tool, _)| *tool == name) {
                None => format!("there is no tool {name:?}"),
                Some((_, scope)) if *scope > workflow.audience => {
                    format!("tool {name:?} is for a narrower audience than the workflow's")
                }
                Some(_) => return None,
            };
            Some(Problem { file: format!("{}.toml", workflow.slug), why })
        };
        let listed =
            self.0.values().flat_map(|workflow| workflow.tools.iter().map(move |name| (workflow, name)));
        listed.filter_map(|(workflow, name)| check(workflow, name)).collect()
    }

    /// Applies `CHATKIT_WORKFLOW_ID`: a `wf_…` for the default workflow, or `slug=wf_…` entries, comma-separated.
    pub fn set_hosted(&mut self, setting: &str) -> Result<(), Problem> {
        let problem = |why: String| Problem { file: "CHATKIT_WORKFLOW_ID".into(), why };
        for entry in setting.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (slug, id) = entry.split_once('=').unwrap_or((DEFAULT, entry));
            definition::check_hosted(id).map_err(problem)?;
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
        let text =
            "title = 'B'\naudience = 'anyone'\ninstructions = 'Help.'\nsites = ['b.example']\npages = ['/']";
        let registry = Registry::with_files([("site-b", text)]).unwrap();
        assert_eq!(chosen(&registry, "", "b.example", "/services"), Some("site-b"));
        assert_eq!(chosen(&registry, "", "a.example", "/services"), Some("lead-concierge"));
        assert_eq!(chosen(&registry, "site-b", "a.example", ""), None);
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let latest = "title = 'A'\naudience = 'anyone'\nversion = 'latest'\ninstructions = ' '";
        let problems = Registry::with_files([("a", latest), ("B", ""), ("c", "titel = 'C'")])
            .expect_err("three are wrong");
        assert_eq!(
            problems.iter().map(|p| p.file.as_str()).collect::<Vec<_>>(),
            ["a.toml", "a.toml", "B.toml", "c.toml"]
        );
        let mut registry = Registry::built_in();
        assert!(registry.set_hosted("workflow-1").is_err());
        assert!(registry.set_hosted("nobody=wf_1").is_err());
    }

    #[test]
    fn a_workflow_lists_only_tools_of_its_audience() {
        let text = "title = 'A'\naudience = 'member'\ninstructions = 'Help.'\ntools = ['a', 'b', 'c', 'd']";
        let registry = Registry::with_files([("mine", text)]).unwrap();
        let known = [("a", Audience::Anyone), ("b", Audience::Member), ("c", Audience::Operator)];
        let problems: Vec<_> =
            registry.check_tools(&known).into_iter().filter(|problem| problem.file == "mine.toml").collect();
        let why: Vec<_> = problems.iter().map(|problem| problem.why.as_str()).collect();
        assert_eq!(
            why,
            ["tool \"c\" is for a narrower audience than the workflow's", "there is no tool \"d\""]
        );
    }
}
