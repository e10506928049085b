//! Where a backup is written to.
//!
//! The invariant: what is not kept leaves no file behind, and nobody but its owner may read one.

use std::{
    fs::{self, File, Permissions},
    io::{self, BufWriter, Stdout, Write},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use crate::command::outcome::Failure;

/// For its owner alone: it holds personal data.
const MODE: u32 = 0o600;

/// A place to write to.
pub(super) enum Target {
    /// The standard output.
    Stdout(BufWriter<Stdout>),
    /// A file under another name.
    File {
        /// The open file.
        out: BufWriter<File>,
        /// Its names.
        names: Names,
    },
}

/// The names of a file that is not done; it goes when this does.
pub(super) struct Names {
    partial: PathBuf,
    whole: PathBuf,
    kept: bool,
}

// === impl Target ===

impl Target {
    /// Makes the file, or takes the standard output.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self::Stdout(BufWriter::new(io::stdout())));
        }
        if path.file_name().is_none() || path.is_dir() {
            return Err(Failure::Usage(format!("{} is no name for a file", path.display())));
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let names = Names { partial: partial.into(), whole: path.to_owned(), kept: false };
        let refused = |why| Failure::Failed(format!("{} cannot be made: {why}", names.partial.display()));
        let file = File::options().write(true).create(true).truncate(true).mode(MODE).open(&names.partial);
        let file = file.map_err(refused)?;
        // One that an earlier, interrupted backup left behind may have been opened up.
        file.set_permissions(Permissions::from_mode(MODE)).map_err(refused)?;
        Ok(Self::File { out: BufWriter::new(file), names })
    }

    pub(super) fn is_stdout(&self) -> bool {
        matches!(self, Self::Stdout(_))
    }

    /// Everything was written: it gets its name.
    pub(super) fn keep(self) -> io::Result<()> {
        match self {
            Self::Stdout(mut out) => out.flush(),
            Self::File { out, mut names } => {
                out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
                fs::rename(&names.partial, &names.whole)?;
                names.kept = true;
                let directory = names.whole.parent().filter(|parent| !parent.as_os_str().is_empty());
                File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
            }
        }
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(out) => out.write(bytes),
            Self::File { out, .. } => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(out) => out.flush(),
            Self::File { out, .. } => out.flush(),
        }
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        if !self.kept {
            // One that is gone already is as good.
            let _ = fs::remove_file(&self.partial);
        }
    }
}
