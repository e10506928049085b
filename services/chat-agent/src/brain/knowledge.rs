//! The documents that the workflows list, read once at start.
//!
//! A file below `WORKFLOWS_DIR` wins over a compiled-in document of the same name. The invariant: an agent that has
//! started can search every document that its workflows name.

use std::{fs, path::PathBuf};

use chassis::Problem;
use domain::workflow::{Registry, document};
use tools::{Document, Knowledge};

/// A document that was read: the workflow's slug, the name, the Markdown.
pub(crate) type Read = (String, String, String);

/// Every document of every workflow.
pub(crate) fn read(registry: &Registry, dir: Option<&PathBuf>) -> Result<Vec<Read>, Vec<Problem>> {
    let mut documents = Vec::new();
    let mut problems = Vec::new();
    for workflow in registry.iter() {
        for name in &workflow.knowledge {
            match find(name, dir) {
                Ok(text) => documents.push((workflow.slug.clone(), name.clone(), text)),
                Err(why) => problems.push(Problem {
                    setting: "WORKFLOWS_DIR".into(),
                    why: format!("{}.toml: knowledge {name:?} {why}", workflow.slug),
                }),
            }
        }
    }
    if problems.is_empty() { Ok(documents) } else { Err(problems) }
}

/// An index over documents that were read.
pub(crate) fn index(documents: &[Read]) -> anyhow::Result<Knowledge> {
    let documents = documents.iter().map(|(workflow, file, text)| Document { workflow, file, text });
    Ok(Knowledge::new(documents)?)
}

fn find(name: &str, dir: Option<&PathBuf>) -> Result<String, String> {
    let built_in = || document(name).map(str::to_owned).ok_or_else(|| "is not there".to_owned());
    let Some(dir) = dir else { return built_in() };
    match fs::read_to_string(dir.join(name)) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => built_in(),
        Err(error) => Err(format!("cannot be read: {}", error.kind())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_wins_over_what_is_compiled_in() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("knowledge")).unwrap();
        fs::write(dir.path().join("knowledge/services.md"), "# Ours\nPottery.").unwrap();
        let documents = read(&Registry::built_in(), Some(&dir.path().to_owned())).unwrap();
        let found = index(&documents).unwrap().search("lead-concierge", "pottery", 3).unwrap();
        assert_eq!(found[0].heading, "Ours");
    }

    #[test]
    fn a_document_that_is_not_there_is_a_problem() {
        let text = "title = 'A'\naudience = 'anyone'\ninstructions = 'Help.'\nknowledge = ['x.md', 'y.md']";
        let registry = Registry::with_files([("a", text)]).unwrap();
        let problems = read(&registry, None).expect_err("neither is there");
        let why: Vec<_> = problems.iter().map(|problem| problem.why.as_str()).collect();
        assert_eq!(
            why,
            ["a.toml: knowledge \"x.md\" is not there", "a.toml: knowledge \"y.md\" is not there"]
        );
    }
}
