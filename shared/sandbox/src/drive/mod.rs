//! Google Drive v3: the files of a folder, as `files.list` shows them.
//!
//! It exists so that the production client meets Drive's own parameters, queries and errors (its discovery document,
//! revision 20261106). The invariant: a parameter that the document does not have is refused, and what is asked for by
//! `fields` is answered, and no more.

mod error;
mod fields;
mod folder;
mod query;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

pub use self::folder::{GROWTH_FOLDER, SCALE_FOLDER};
use self::{
    error::{Refusal, Taken},
    fields::Fields,
    folder::{File, Folder},
    query::{Asked, Order},
};
use crate::{ACCESS_TOKEN, Sandbox, edge::bearer};

/// The folders, as long as the process lives.
pub(crate) struct Drive(Mutex<Vec<Folder>>);

impl Default for Drive {
    fn default() -> Self {
        Self(Mutex::new(folder::seed()))
    }
}

impl Drive {
    fn folders(&self) -> MutexGuard<'_, Vec<Folder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sandbox {
    /// Somebody puts a file into a folder, which is made if there is none; the file's id.
    pub fn put_file(&self, folder: &str, name: &str) -> String {
        folder::put(&mut self.0.drive.folders(), folder, name)
    }

    /// Somebody moves a file to the trash; false if there is none.
    pub fn trash_file(&self, file: &str) -> bool {
        let mut folders = self.0.drive.folders();
        let mut files = folders.iter_mut().flat_map(|folder| &mut folder.files);
        files.find(|one| one.id == file).map(|one| Arc::make_mut(one).trashed = true).is_some()
    }
}

/// An error of this status in Google's shape, as a fault answers it.
pub(crate) fn refusal(status: StatusCode) -> Response {
    Refusal::of_status(status).into_response()
}

/// Answers every path under `/drive/v3/`.
pub(crate) async fn answer(
    State(sandbox): State<Sandbox>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let answer = match (bearer(&headers), uri.path().trim_start_matches("/drive/v3/")) {
        (None, _) => Err(Refusal::anonymous()),
        (Some(token), _) if token != ACCESS_TOKEN => Err(Refusal::of_status(StatusCode::UNAUTHORIZED)),
        (_, "files") if method == Method::GET => list(&sandbox, uri.query().unwrap_or_default()),
        _ => Err(Refusal::of_status(StatusCode::NOT_FOUND)),
    };
    match answer {
        Ok(json) => Json(json).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

fn list(sandbox: &Sandbox, query: &str) -> Taken<Value> {
    let asked = Asked::parse(query)?;
    let fields = asked.fields.as_deref().map_or_else(|| Ok(Fields::usual()), Fields::parse)?;
    let mut files = found(&sandbox.0.drive.folders(), &asked)?;
    asked.order.iter().rev().for_each(|order| order.sort(&mut files));
    let start = match &asked.page_token {
        None => 0,
        Some(token) => {
            let id = BASE64_URL_SAFE_NO_PAD.decode(token).ok().and_then(|id| String::from_utf8(id).ok());
            let at = id.and_then(|id| files.iter().position(|file| file.id == id));
            at.ok_or_else(|| Refusal::invalid("pageToken"))?
        }
    };
    let next = files.get(start + asked.page_size).map(|file| BASE64_URL_SAFE_NO_PAD.encode(&file.id));
    let page: Vec<Value> = files.iter().skip(start).take(asked.page_size).map(|file| file.json()).collect();
    let mut whole = json!({"kind": "drive#fileList", "incompleteSearch": false, "files": page});
    if let Some(next) = next {
        whole["nextPageToken"] = next.into();
    }
    Ok(fields.of(&whole))
}

/// The files that the query names, newest first.
fn found(folders: &[Folder], asked: &Asked) -> Taken<Vec<Arc<File>>> {
    let sees = |folder: &&Folder| !folder.shared_drive || (asked.all_drives && asked.from_all_drives);
    let mut seen: Vec<&Folder> = folders.iter().filter(sees).collect();
    for id in &asked.query.parents {
        // A folder that is not there, or not to be seen, is an error, not an empty list.
        if !seen.iter().any(|folder| folder.id == *id) {
            return Err(Refusal::no_file());
        }
        seen.retain(|folder| folder.id == *id);
    }
    let mut files: Vec<_> = seen.iter().flat_map(|folder| folder.files.iter().cloned()).collect();
    files.retain(|file| asked.query.holds(file));
    Order::NEWEST.sort(&mut files);
    Ok(files)
}
