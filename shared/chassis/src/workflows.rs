//! Workflow definitions on disk: the setting `WORKFLOWS_DIR`.
//!
//! It exists because the rules of a definition are `domain`'s, which reads no files. The invariant: what is wrong in
//! any of the files is told together.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use domain::workflow::Registry;

use crate::Problem;

/// The built-in workflows with every `SLUG.toml` of `dir` put over them.
///
/// # Errors
/// All problems of the directory and its definitions.
pub fn read(dir: Option<&Path>) -> Result<Registry, Vec<Problem>> {
    let problem = |why: String| Problem::new("WORKFLOWS_DIR", why);
    let files = dir.map_or_else(|| Ok(Vec::new()), definitions).map_err(|why| vec![problem(why)])?;
    let files = files.iter().map(|(slug, text)| (slug.as_str(), text.as_str()));
    Registry::with_files(files)
        .map_err(|unsound| unsound.iter().map(|why| problem(why.to_string())).collect())
}

/// Slug and text of every definition, by slug.
fn definitions(dir: &Path) -> Result<Vec<(String, String)>, String> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>())
        .map_err(|error| format!("cannot be read: {}", error.kind()))?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    paths.sort();
    paths.iter().map(|path| definition(path)).collect()
}

fn definition(path: &Path) -> Result<(String, String), String> {
    let name = path.file_name().unwrap_or_default().display();
    let slug = path.file_stem().and_then(|stem| stem.to_str()).ok_or(format!("{name}: not a slug"))?;
    let text =
        fs::read_to_string(path).map_err(|error| format!("{name}: cannot be read: {}", error.kind()))?;
    Ok((slug.to_owned(), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_the_files_is_told_together() {
        let dir = std::env::temp_dir().join(format!("chassis-{}", crate::request_id::make()));
        fs::create_dir(&dir).unwrap();
        for (name, text) in [("a.toml", "title ="), ("b.toml", "titel = 'B'"), ("notes.md", "# not one")] {
            fs::write(dir.join(name), text).unwrap();
        }
        let problems = read(Some(&dir)).unwrap_err();
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        for start in ["WORKFLOWS_DIR: a.toml: ", "WORKFLOWS_DIR: b.toml: "] {
            assert!(told.iter().any(|why| why.starts_with(start)), "{told:?}");
        }
        assert!(!told.iter().any(|why| why.contains("notes")), "{told:?}");
        fs::remove_dir_all(&dir).unwrap();
        assert_eq!(read(Some(&dir)).unwrap_err().len(), 1);
        assert!(read(None).is_ok());
    }
}
