//! The file that a restore reads, twice: to check it, and to use it.
//!
//! The invariant: what is used is what was checked: the file is opened once, and the standard input is copied to a
//! file without a name first.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufReader, ErrorKind, Seek as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::command::{
    backup::archive::{End, Header, Next, Reader},
    outcome::Failure,
};

/// A backup to be read.
pub(super) struct Source {
    path: PathBuf,
    file: File,
}

/// What a sound backup says about itself.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) header: Header,
    pub(super) end: End,
}

/// What is wrong with a file, in one line.
pub(super) fn unsound(path: &Path, why: &str) -> Failure {
    let name =
        if path == Path::new("-") { "the standard input".to_owned() } else { path.display().to_string() };
    Failure::Failed(format!("{name} {why}"))
}

// === impl Source ===

impl Source {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let file = if path == Path::new("-") {
            spool().map_err(|why| unsound(path, &format!("cannot be read: {why}")))?
        } else {
            File::open(path).map_err(|why| match why.kind() {
                ErrorKind::NotFound => Failure::Absent(format!("there is no file {}", path.display())),
                _ => unsound(path, &format!("cannot be read: {why}")),
            })?
        };
        Ok(Self { path: path.to_owned(), file })
    }

    /// Reads all of it.
    pub(super) fn check(&mut self) -> Result<Checked, Failure> {
        let path = self.path.clone();
        let wrong = |why: String| unsound(&path, &why);
        let (mut lines, header) = self.read().map_err(wrong)?;
        let mut counted: BTreeMap<String, u64> =
            header.schemas.keys().map(|service| (service.clone(), 0)).collect();
        loop {
            match lines.next().map_err(wrong)? {
                Next::Document(line) => match counted.get_mut(&line.service) {
                    Some(count) => *count += 1,
                    None => return Err(wrong("has documents of a service that it does not name".to_owned())),
                },
                Next::End(end) if end.documents == counted => return Ok(Checked { header, end }),
                Next::End(_) => return Err(wrong("was changed: its counts are wrong".to_owned())),
            }
        }
    }

    /// Its lines, from the first document on.
    pub(super) fn lines(&mut self) -> Result<Reader<BufReader<&File>>, Failure> {
        let path = self.path.clone();
        let (lines, _) = self.read().map_err(|why| unsound(&path, &why))?;
        Ok(lines)
    }

    fn read(&mut self) -> Result<(Reader<BufReader<&File>>, Header), String> {
        self.file.rewind().map_err(|why| format!("cannot be read twice: {why}"))?;
        Reader::begin(BufReader::new(&self.file))
    }
}

/// The standard input as a file that nobody else sees.
fn spool() -> io::Result<File> {
    let name = std::env::temp_dir().join(format!("frontdesk-{}", chassis::request_id::make()));
    let mut file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&name)?;
    fs::remove_file(&name)?;
    io::copy(&mut io::stdin().lock(), &mut file)?;
    Ok(file)
}

// === impl Checked ===

impl Checked {
    /// Whether this program, which knows these versions, can restore it.
    pub(super) fn fits(&self, known: &BTreeMap<&str, u32>) -> Result<(), Failure> {
        for (service, found) in &self.header.schemas {
            let refused = match known.get(service.as_str()) {
                None => format!("the backup has documents of {service}, which this program does not know"),
                Some(known) if found > known => format!(
                    "the backup has schema version {found} of {service} and this program knows {known}; use a newer program"
                ),
                Some(known) if found < known => format!(
                    "the backup has schema version {found} of {service} and this program restores {known}; restore with the program that took it, then start this one"
                ),
                Some(_) => continue,
            };
            return Err(Failure::Failed(refused));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_schema_is_refused_in_one_sentence() {
        let end = End { documents: BTreeMap::new(), sha256: String::new() };
        let of = |schemas: serde_json::Value| {
            let header = serde_json::json!({
                "frontdesk_backup": 1, "taken_at": "2025-10-28T16:20:00Z", "schemas": schemas,
            });
            let header = serde_json::from_value(header).unwrap();
            Checked { header, end: end.clone() }.fits(&[("desk", 2)].into())
        };
        assert_eq!(of(serde_json::json!({"desk": 2})), Ok(()));
        for (schemas, word) in [
            (serde_json::json!({"desk": 3}), "use a newer program"),
            (serde_json::json!({"desk": 1}), "restore with the program that took it"),
            (serde_json::json!({"desk": 2, "bar": 1}), "documents of bar"),
        ] {
            match of(schemas) {
                Err(Failure::Failed(why)) => assert!(why.contains(word) && why.lines().count() == 1, "{why}"),
                other => panic!("{other:?}"),
            }
        }
    }
}
