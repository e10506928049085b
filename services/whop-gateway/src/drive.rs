//! Google Drive's API v3: the files of a folder that is shared with our service account.
//!
//! Parameters and fields are those of its discovery document, revision 20261106. The invariant: nothing of Drive is ever
//! changed; the token may only read names and links.

use chassis::google::Tokens;
use jiff::Timestamp;
use providers::api::{Api, Failure};
use serde::Deserialize;
use url::Url;

use crate::{
    files::{File, Shelf},
    whop::wire::is_https,
};

/// What the token may do.
pub(crate) const SCOPE: &str = "https://www.googleapis.com/auth/drive.metadata.readonly";
const NAME: &str = "drive";
/// Where an error says what it is.
const CODE_AT: &str = "/error/status";
const FIELDS: &str = "nextPageToken,files(name,mimeType,webViewLink,modifiedTime,size)";

/// A way to Drive.
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    tokens: Tokens,
    api: Api,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    #[serde(default)]
    files: Vec<Entry>,
    #[serde(default)]
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    name: String,
    #[serde(default)]
    mime_type: String,
    #[serde(default)]
    web_view_link: Option<String>,
    #[serde(default)]
    modified_time: Option<Timestamp>,
    /// An int64, which JSON's numbers cannot hold.
    #[serde(default)]
    size: Option<String>,
}

// === impl Client ===

impl Client {
    /// Drive at `base`, with tokens of [`SCOPE`].
    pub(crate) fn new(base: &Url, tokens: Tokens) -> Self {
        Self { http: chassis::http::client(), base: base.clone(), tokens, api: Api::new(NAME, CODE_AT) }
    }

    /// The files of a folder, the newest first.
    pub(crate) async fn files(&self, folder: &str) -> Result<Shelf, Failure> {
        // It stands between quotes in the question.
        domain::id::check(folder).map_err(|_| self.api.malformed("a folder's id is none"))?;
        let token = self.tokens.token().await.map_err(|_| Failure::Unavailable {
            provider: NAME,
            why: "there is no token for it".to_owned(),
            hint: None,
        })?;
        let question = format!("'{folder}' in parents and trashed = false");
        let query = [
            ("q", question.as_str()),
            ("fields", FIELDS),
            ("orderBy", "modifiedTime desc"),
            ("pageSize", "100"),
            ("supportsAllDrives", "true"),
            ("includeItemsFromAllDrives", "true"),
        ];
        let mut url = self.base.clone();
        url.path_segments_mut().expect("an http address has a path").pop_if_empty().push("files");
        let list: List = self.api.ask(self.http.get(url).query(&query).bearer_auth(token)).await?;
        Ok(shelf(list))
    }
}

fn shelf(list: List) -> Shelf {
    let file = |entry: Entry| {
        Some(File {
            name: entry.name,
            url: entry.web_view_link.filter(|link| is_https(link))?,
            media_type: entry.mime_type,
            updated_at: entry.modified_time,
            size: entry.size.and_then(|size| size.parse().ok()),
        })
    };
    Shelf { files: list.files.into_iter().filter_map(file).collect(), more: list.next_page_token.is_some() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tests::upstream::Upstream;

    async fn drive(status: u16, body: serde_json::Value) -> (Upstream, Client) {
        let upstream = Upstream::start(move |_| (status, body.clone())).await;
        let base = upstream.base().join("drive/v3").unwrap();
        let client = Client::new(&base, Tokens::new(Some("ya29.test".into()), SCOPE));
        (upstream, client)
    }

    #[tokio::test]
    async fn the_files_of_a_folder_are_listed() {
        let file = json!({"id": "f1", "name": "Report.pdf", "mimeType": "application/pdf", "size": "9007199254740993",
            "webViewLink": "https://drive.google.com/file/d/f1/view", "modifiedTime": "2026-10-01T12:00:00.000Z"});
        let bare = json!({"name": "Notes", "webViewLink": "https://docs.google.com/document/d/f2"});
        let linkless = json!({"name": "x", "mimeType": "application/pdf"});
        let plain = json!({"name": "y", "webViewLink": "http://example.com"});
        let (upstream, client) = drive(200, json!({"files": [file, bare, linkless, plain]})).await;
        let shelf = client.files("folder_growth").await.unwrap();
        assert_eq!(shelf.files.len(), 2, "what cannot be opened is no file");
        let first = &shelf.files[0];
        assert_eq!((first.name.as_str(), first.media_type.as_str()), ("Report.pdf", "application/pdf"));
        assert_eq!((first.size, shelf.more), (Some(9_007_199_254_740_993), false));
        assert_eq!(first.updated_at.unwrap().to_string(), "2026-10-01T12:00:00Z");
        assert_eq!((shelf.files[1].size, shelf.files[1].updated_at), (None, None));
        let asked = upstream.last();
        assert_eq!(
            (asked.line.as_str(), asked.header("authorization")),
            ("GET /drive/v3/files", "Bearer ya29.test")
        );
        let expected = [
            ("q", "'folder_growth' in parents and trashed = false"),
            ("fields", FIELDS),
            ("orderBy", "modifiedTime desc"),
            ("pageSize", "100"),
            ("supportsAllDrives", "true"),
            ("includeItemsFromAllDrives", "true"),
        ];
        assert_eq!(asked.query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    #[tokio::test]
    async fn there_may_be_more() {
        let (_upstream, client) = drive(200, json!({"files": [], "nextPageToken": "t"})).await;
        assert_eq!(client.files("f").await.unwrap(), Shelf { files: Vec::new(), more: true });
    }

    #[tokio::test]
    async fn no_quote_leads_out_of_the_question() {
        let (upstream, client) = drive(200, json!({"files": []})).await;
        for wrong in ["", "x' or name contains '", "x\\", "a b", "ü"] {
            assert!(matches!(client.files(wrong).await, Err(Failure::Malformed { .. })), "{wrong}");
        }
        assert!(upstream.asked().is_empty());
    }

    #[tokio::test]
    async fn a_folder_that_is_not_shared_is_a_refusal() {
        let error = json!({"error": {"code": 404, "status": "NOT_FOUND", "message": "File not found: mara@example.com"}});
        let (upstream, client) = drive(404, error).await;
        let refused = client.files("f").await.unwrap_err();
        assert_eq!(refused.to_string(), "drive refused with status 404 Not Found (NOT_FOUND)");
        upstream.answer(|_| (403, json!({"error": {"code": 403, "status": "PERMISSION_DENIED"}})));
        assert!(client.files("f").await.unwrap_err().is_refusal());
    }
}
