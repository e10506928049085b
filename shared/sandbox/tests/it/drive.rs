//! Drive: the files of a folder, and what Google refuses.

use reqwest::{Method, RequestBuilder};
use sandbox::{ACCESS_TOKEN, Fault, FaultKind, GROWTH_FOLDER, Provider, SCALE_FOLDER};
use serde_json::{Value, json};

use crate::harness::{Town, answer};

const FIELDS: &str = "nextPageToken,files(id,name,mimeType,webViewLink,modifiedTime,size)";

impl Town {
    fn drive(&self, pairs: &[(&str, &str)]) -> RequestBuilder {
        self.ask(Method::GET, "/drive/v3/files").bearer_auth(ACCESS_TOKEN).query(pairs)
    }

    async fn files(&self, pairs: &[(&str, &str)]) -> Value {
        let (status, json) = answer(self.drive(pairs)).await;
        assert_eq!(status, 200, "{json}");
        json
    }
}

fn names(list: &Value) -> Vec<&str> {
    list["files"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect()
}

fn within(folder: &str) -> String {
    format!("'{folder}' in parents and trashed=false")
}

#[tokio::test]
async fn a_folder_is_listed_in_pages_with_the_fields_that_are_asked_for() {
    let town = Town::new().await;
    let q = within(GROWTH_FOLDER);
    let asked = [("q", q.as_str()), ("fields", FIELDS), ("orderBy", "modifiedTime desc"), ("pageSize", "2")];
    let first = town.files(&asked).await;
    assert_eq!(names(&first), ["Brand assets.zip", "Kickoff notes"]);
    let keys: Vec<_> = first["files"][0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["id", "mimeType", "modifiedTime", "name", "size", "webViewLink"]);
    assert_eq!((&first["files"][0]["size"], first["files"][1].get("size")), (&json!("48213"), None));
    let token = first["nextPageToken"].as_str().unwrap();
    let rest = town.files(&[&asked[..], &[("pageToken", token)]].concat()).await;
    assert_eq!((names(&rest), rest.get("nextPageToken")), (vec!["Retainer agreement.pdf"], None));
    let usual = town.files(&[("q", &q), ("orderBy", "name")]).await;
    assert_eq!(
        usual["files"][0],
        json!({"kind": "drive#file", "id": "file_growth_2", "name": "Brand assets.zip", "mimeType": "application/zip"})
    );
    let pdfs = town.files(&[("q", &format!("{q} and mimeType = 'application/pdf'"))]).await;
    assert_eq!(names(&pdfs), ["Retainer agreement.pdf"]);
}

#[tokio::test]
async fn a_shared_drive_is_seen_by_those_who_say_that_they_know_of_it() {
    let town = Town::new().await;
    let q = within(SCALE_FOLDER);
    let (status, error) = answer(town.drive(&[("q", &q)])).await;
    assert_eq!((status.as_u16(), &error["error"]["message"]), (404, &json!("File not found: .")));
    let all = [("q", q.as_str()), ("supportsAllDrives", "true"), ("includeItemsFromAllDrives", "true")];
    assert_eq!(town.files(&all).await["files"].as_array().unwrap().len(), 4);
    assert_eq!(answer(town.drive(&[all[0], all[2]])).await.0, 403);
}

#[tokio::test]
async fn files_come_and_go_and_a_quote_in_a_name_is_no_end() {
    let town = Town::new().await;
    let file = town.sandbox.put_file("folder_o'neil", "Mara's plan.pdf");
    let q = r"'folder_o\'neil' in parents and trashed = false and name = 'Mara\'s plan.pdf'";
    assert_eq!(names(&town.files(&[("q", q)]).await), ["Mara's plan.pdf"]);
    assert!(town.sandbox.trash_file(&file) && !town.sandbox.trash_file("file_none"));
    assert!(names(&town.files(&[("q", q)]).await).is_empty());
    let with_trash = town.files(&[("q", r"'folder_o\'neil' in parents")]).await;
    assert_eq!(names(&with_trash), ["Mara's plan.pdf"], "all files by default, including trashed");
}

#[tokio::test]
async fn what_google_refuses_is_refused_as_google_does() {
    let town = Town::new().await;
    let (good, none) = (within(GROWTH_FOLDER), within("folder_none"));
    for (name, value, status, reason) in [
        ("q", none.as_str(), 404, "notFound"),
        ("q", "'folder_growth in parents", 400, "invalid"),
        ("q", "folder_growth in parents", 400, "invalid"),
        ("q", "'folder_growth' in parents or trashed=false", 400, "invalid"),
        ("q", "trashed=0", 400, "invalid"),
        ("pageSize", "0", 400, "invalid"),
        ("pageSize", "1001", 400, "invalid"),
        ("pageToken", "AAAA", 400, "invalid"),
        ("orderBy", "modified", 400, "invalid"),
        ("orderBy", "name asc", 400, "invalid"),
        ("supportsAllDrives", "yes", 400, "invalid"),
        ("fields", "files(id,owner)", 400, "invalidParameter"),
        ("page_size", "10", 400, "badRequest"),
        ("corpora", "drive", 400, "badRequest"),
    ] {
        let (got, error) = answer(town.drive(&[(name, value)])).await;
        assert_eq!(
            (got.as_u16(), &error["error"]["errors"][0]["reason"]),
            (status, &json!(reason)),
            "{name}={value}: {error}"
        );
        assert_eq!(error["error"]["code"], status);
    }
    assert_eq!(answer(town.drive(&[("q", &good), ("q", &good)])).await.0, 400);
    let ask = |token: &str| answer(town.ask(Method::GET, "/drive/v3/files").bearer_auth(token));
    assert_eq!(ask("other").await.1["error"]["errors"][0]["reason"], "authError");
    assert_eq!(answer(town.ask(Method::GET, "/drive/v3/files")).await.0, 403);
    let limited = FaultKind::RateLimited { retry_after_s: Some(2) };
    town.sandbox.inject(Fault { provider: Provider::Drive, path: None, count: 1, kind: limited });
    let (status, error) = answer(town.drive(&[("q", &good)])).await;
    assert_eq!((status.as_u16(), &error["error"]["errors"][0]["domain"]), (429, &json!("usageLimits")));
}
