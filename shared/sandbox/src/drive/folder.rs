//! Folders and the files in them.
//!
//! The invariant: a file is in one folder, and has every field that a client of ours may ask for.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::random;

/// The folder of those who have the Growth Retainer.
pub const GROWTH_FOLDER: &str = "folder_growth";
/// The folder of those who have the Scale Retainer; it is in a shared drive.
pub const SCALE_FOLDER: &str = "folder_scale";

/// The first of the files' times.
const BEGINNING: &str = "2026-10-01T08:00:00Z";
const DOCUMENT: &str = "application/vnd.google-apps.document";

/// A folder.
pub(super) struct Folder {
    pub(super) id: String,
    pub(super) shared_drive: bool,
    pub(super) files: Vec<Arc<File>>,
}

/// A file.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) mime_type: &'static str,
    pub(super) modified: Timestamp,
    pub(super) created: Timestamp,
    pub(super) parent: String,
    pub(super) trashed: bool,
    /// In bytes; documents of Google's own have none.
    pub(super) size: Option<u64>,
}

impl File {
    fn new(id: String, name: &str, parent: &str, at: Timestamp) -> Self {
        let mime_type = match name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("pdf") => "application/pdf",
            Some("zip") => "application/zip",
            Some("xlsx") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Some("mp4") => "video/mp4",
            _ => DOCUMENT,
        };
        let size = (mime_type != DOCUMENT).then_some(48_213);
        let (name, parent) = (name.to_owned(), parent.to_owned());
        Self { id, name, mime_type, modified: at, created: at, parent, trashed: false, size }
    }

    /// As Drive shows it, all fields that are played.
    pub(super) fn json(&self) -> Value {
        let (view, time) = (format!("https://drive.google.com/file/d/{}/view?usp=drivesdk", self.id), |at| {
            format!("{at:.3}")
        });
        let mut file = json!({
            "kind": "drive#file", "id": self.id, "name": self.name, "mimeType": self.mime_type, "trashed": self.trashed,
            "starred": false, "parents": [self.parent], "createdTime": time(self.created),
            "modifiedTime": time(self.modified), "webViewLink": view, "version": "1",
            "iconLink": format!("https://drive-thirdparty.googleusercontent.com/16/type/{}", self.mime_type),
        });
        // int64 is a text in Google's JSON.
        if let Some(size) = self.size {
            file["size"] = size.to_string().into();
            file["webContentLink"] =
                format!("https://drive.google.com/uc?id={}&export=download", self.id).into();
        }
        file
    }
}

/// What is there at first.
pub(super) fn seed() -> Vec<Folder> {
    let beginning: Timestamp = BEGINNING.parse().expect("a constant that is a time");
    let folder = |id: &str, shared_drive: bool, names: &[&str]| {
        let file = |(number, name): (usize, &&str)| {
            let at = beginning + SignedDuration::from_hours(24 * i64::try_from(number).unwrap_or_default());
            Arc::new(File::new(format!("file_{}_{number}", id.trim_start_matches("folder_")), name, id, at))
        };
        Folder { id: id.to_owned(), shared_drive, files: names.iter().enumerate().map(file).collect() }
    };
    vec![
        folder(GROWTH_FOLDER, false, &["Retainer agreement.pdf", "Kickoff notes", "Brand assets.zip"]),
        folder(SCALE_FOLDER, true, &["Scale agreement.pdf", "Roadmap", "Media plan.xlsx", "Onboarding.mp4"]),
    ]
}

/// Puts a new file into a folder.
pub(super) fn put(folders: &mut Vec<Folder>, folder: &str, name: &str) -> String {
    if !folders.iter().any(|known| known.id == folder) {
        folders.push(Folder { id: folder.to_owned(), shared_drive: false, files: Vec::new() });
    }
    let id = random::token("file_");
    let file = Arc::new(File::new(id.clone(), name, folder, Timestamp::now()));
    let found = folders.iter_mut().find(|known| known.id == folder);
    found.expect("it is there, or was made").files.push(file);
    id
}
