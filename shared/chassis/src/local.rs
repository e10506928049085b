//! What a local run makes for itself: its directory, its secrets.
//!
//! Without any setting a local run still needs keys that survive a restart. The invariants: whoever asks, in
//! whichever process, gets the same value, and nobody but the owner can read the file.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use crate::request_id;

/// The secret kept as `dir/name`; `make` is called if there is none. The file is whole from the moment it has its
/// name: it is written under another one and linked, and the first link wins.
///
/// # Errors
/// The directory or file cannot be read or written, or the file is empty.
pub fn keep_secret(dir: &Path, name: &str, make: impl FnOnce() -> String) -> io::Result<String> {
    let path = dir.join(name);
    if let Some(kept) = read(&path)? {
        return Ok(kept);
    }
    make_dir(dir)?;
    let draft = dir.join(format!(".{name}.{}", request_id::make()));
    let linked = write(&draft, &make()).and_then(|()| fs::hard_link(&draft, &path));
    // what stays behind is a hidden file of the owner's; the answer is worth more
    let _ = fs::remove_file(&draft);
    match linked {
        Err(failure) if failure.kind() != io::ErrorKind::AlreadyExists => Err(failure),
        _ => read(&path)?.ok_or_else(|| io::ErrorKind::NotFound.into()),
    }
}

/// Makes a directory that only its owner can look into; one that is there stays as it is.
///
/// # Errors
/// It cannot be made.
pub fn make_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => {
            Err(io::Error::new(io::ErrorKind::InvalidData, "the file is empty"))
        }
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(failure) if failure.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn write(path: &Path, secret: &str) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(secret.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, os::unix::fs::PermissionsExt as _, sync::Barrier, thread};

    use super::*;

    fn scratch() -> std::path::PathBuf {
        std::env::temp_dir().join(format!("chassis-{}", request_id::make()))
    }

    #[test]
    fn a_race_ends_with_one_value_that_only_the_owner_reads() {
        let dir = scratch();
        let start = Barrier::new(8);
        let values: BTreeSet<String> = thread::scope(|scope| {
            let ask = || {
                start.wait();
                keep_secret(&dir, "token_keys", request_id::make).unwrap()
            };
            let racers: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        assert_eq!(values.len(), 1);
        assert_eq!(fs::metadata(dir.join("token_keys")).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1, "drafts are cleared away");
        let again = keep_secret(&dir, "token_keys", || unreachable!("it is kept")).unwrap();
        assert!(values.contains(&again));
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn an_empty_file_is_refused_rather_than_used() {
        let dir = scratch();
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("key"), "\n").unwrap();
        assert_eq!(
            keep_secret(&dir, "key", request_id::make).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
        fs::remove_dir_all(dir).unwrap();
    }
}
