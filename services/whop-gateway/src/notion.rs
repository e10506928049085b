//! Notion's API: the pages of a data source, as files.
//!
//! Since its version 2025-09-03 a database holds data sources, which are asked by themselves (reference "Query a data
//! source"); three calls a second are fine, and a 429 says when to come again. The invariant: nothing of Notion is ever
//! changed.

use jiff::Timestamp;
use providers::api::{Api, Failure};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use crate::{
    files::{File, Shelf},
    whop::wire::is_https,
};

const NAME: &str = "notion";
/// The version that is spoken: the first one with data sources.
const VERSION: &str = "2025-09-03";
/// Where an error says what it is.
const CODE_AT: &str = "/code";

/// A way to Notion.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    key: SecretString,
    api: Api,
}

#[derive(Deserialize)]
struct List {
    results: Vec<Page>,
    #[serde(default)]
    has_more: bool,
}

#[derive(Deserialize)]
struct Page {
    /// Who reads it needs no account.
    #[serde(default)]
    public_url: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    last_edited_time: Option<Timestamp>,
    /// Of version 2026-03-11 on.
    #[serde(default)]
    in_trash: bool,
    #[serde(default)]
    archived: bool,
    #[serde(default)]
    properties: Map<String, Value>,
}

// === impl Client ===

impl Client {
    /// Notion at `base`.
    pub(crate) fn new(base: &Url, key: SecretString) -> Self {
        Self { http: chassis::http::client(), base: base.clone(), key, api: Api::new(NAME, CODE_AT) }
    }

    /// The pages of a data source, the newest first.
    pub(crate) async fn files(&self, data_source: &str) -> Result<Shelf, Failure> {
        let is_id = domain::id::check(data_source).is_ok() && !data_source.starts_with('.');
        if !is_id {
            return Err(self.api.malformed("a data source's id is none"));
        }
        let mut url = self.base.clone();
        let path = ["data_sources", data_source, "query"];
        url.path_segments_mut().expect("an http address has a path").pop_if_empty().extend(path);
        let newest = json!([{ "timestamp": "last_edited_time", "direction": "descending" }]);
        let call = self
            .http
            .post(url)
            .bearer_auth(self.key.expose_secret())
            .header("Notion-Version", VERSION)
            .json(&json!({ "page_size": 100, "sorts": newest }));
        // A question, although it is posted: again is no different from once.
        let list: List = self.api.ask(call).await?;
        let files = list.results.into_iter().filter(|page| !page.in_trash && !page.archived);
        Ok(Shelf { files: files.filter_map(Page::file).collect(), more: list.has_more })
    }
}

// === impl Page ===

impl Page {
    fn file(self) -> Option<File> {
        let name = self.title();
        let link = |link: Option<String>| link.filter(|link| is_https(link));
        Some(File {
            name: if name.is_empty() { "Untitled".to_owned() } else { name },
            url: link(self.public_url).or_else(|| link(self.url))?,
            media_type: String::new(),
            updated_at: self.last_edited_time,
            size: None,
        })
    }

    /// Every page of a data source has one property of type `title`, whatever it is called.
    fn title(&self) -> String {
        let titles = self.properties.values().filter_map(|property| property.get("title")?.as_array());
        let words = titles.flatten().filter_map(|part| part.get("plain_text")?.as_str());
        words.collect::<String>().trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::upstream::Upstream;

    const SOURCE: &str = "248104cd-477e-80af-bc30-000bd28de8f9";

    async fn notion(status: u16, body: Value) -> (Upstream, Client) {
        let upstream = Upstream::start(move |_| (status, body.clone())).await;
        let client = Client::new(&upstream.base().join("v1").unwrap(), "ntn_test".into());
        (upstream, client)
    }

    fn page(title: Value) -> Value {
        json!({"object": "page", "url": "https://www.notion.so/p1", "public_url": null,
            "last_edited_time": "2026-10-01T12:00:00.000Z", "in_trash": false,
            "properties": {"Status": {"type": "select", "select": {"name": "Done"}},
                "Deliverable": {"id": "title", "type": "title", "title": title}}})
    }

    fn words(words: &[&str]) -> Value {
        words.iter().map(|word| json!({"type": "text", "plain_text": word})).collect()
    }

    #[tokio::test]
    async fn the_pages_of_a_data_source_are_listed() {
        let mut public = page(words(&["Brand ", "guide"]));
        public["public_url"] = json!("https://agency.notion.site/p2");
        let mut gone = page(words(&["Gone"]));
        gone["in_trash"] = json!(true);
        let mut archived = page(words(&["Old"]));
        archived["archived"] = json!(true);
        let mut nowhere = page(words(&["Nowhere"]));
        nowhere["url"] = json!("javascript:alert(1)");
        let results = json!([page(words(&["Plan"])), public, page(json!([])), gone, archived, nowhere]);
        let (upstream, client) =
            notion(200, json!({"object": "list", "results": results, "has_more": true})).await;
        let shelf = client.files(SOURCE).await.unwrap();
        let found: Vec<_> = shelf.files.iter().map(|file| (file.name.as_str(), file.url.as_str())).collect();
        let expected = [
            ("Plan", "https://www.notion.so/p1"),
            ("Brand guide", "https://agency.notion.site/p2"),
            ("Untitled", "https://www.notion.so/p1"),
        ];
        assert_eq!(found, expected);
        assert!(shelf.more);
        assert_eq!(shelf.files[0].updated_at.unwrap().to_string(), "2026-10-01T12:00:00Z");
        let asked = upstream.last();
        assert_eq!(asked.line, format!("POST /v1/data_sources/{SOURCE}/query"));
        assert_eq!(
            (asked.header("notion-version"), asked.header("authorization")),
            (VERSION, "Bearer ntn_test")
        );
        let newest = json!([{"timestamp": "last_edited_time", "direction": "descending"}]);
        assert_eq!(asked.body, json!({"page_size": 100, "sorts": newest}));
    }

    #[tokio::test]
    async fn who_asks_too_fast_is_told_for_how_long() {
        let (upstream, client) = notion(429, json!({"code": "rate_limited", "retry_after": 3})).await;
        let limited = client.files(SOURCE).await.unwrap_err();
        assert_eq!(limited.wait(), Some(std::time::Duration::from_secs(3)));
        assert_eq!(upstream.asked().len(), 1);
        upstream.answer(|_| (404, json!({"code": "object_not_found", "message": "Share it with Mara"})));
        let refused = client.files(SOURCE).await.unwrap_err();
        assert_eq!(refused.to_string(), "notion refused with status 404 Not Found (object_not_found)");
    }

    #[tokio::test]
    async fn what_is_no_id_never_becomes_an_address() {
        let (upstream, client) = notion(200, json!({"results": []})).await;
        for wrong in ["", "..", "a/b", "x?y", "a b"] {
            assert!(matches!(client.files(wrong).await, Err(Failure::Malformed { .. })), "{wrong}");
        }
        assert!(upstream.asked().is_empty());
    }
}
