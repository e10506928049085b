//! `.frontdesk/addresses.json`: where the services of a running system listen, for the command line.

use std::{fs, io, path::PathBuf};

use serde_json::json;

/// The file; it goes when this value does.
pub(crate) struct Addresses(PathBuf);

impl Addresses {
    /// Writes the file whole, by renaming, so that a reader never sees half of it.
    pub(crate) fn write(dir: PathBuf, services: &[(&'static str, std::net::SocketAddr)]) -> io::Result<Self> {
        let path = dir.join("addresses.json");
        let urls: serde_json::Map<_, _> = services
            .iter()
            .map(|(name, address)| ((*name).to_owned(), json!(format!("http://{address}"))))
            .collect();
        let partial = dir.join(format!("addresses.json.{}", std::process::id()));
        fs::write(&partial, format!("{:#}\n", serde_json::Value::Object(urls)))?;
        fs::rename(&partial, &path)?;
        Ok(Self(path))
    }
}

impl Drop for Addresses {
    fn drop(&mut self) {
        // A file that is gone already is as good.
        let _ = fs::remove_file(&self.0);
    }
}
