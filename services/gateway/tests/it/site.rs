//! The widget, and the pages that carry it.

use std::fs;

use reqwest::Method;

use crate::world::{Answer, World};

#[tokio::test]
async fn the_widget_is_one_script_that_browsers_keep() {
    let world = World::start().await;
    let first = world.get("/widget.js").await;
    assert_eq!(first.status, 200);
    assert_eq!(first.header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!(first.header("cache-control"), "public, max-age=300");
    let tag = first.header("etag");
    assert!(tag.starts_with('"') && tag.len() == 34, "{tag}");
    let known = world.request(Method::GET, "/widget.js").header("if-none-match", &tag);
    let known = Answer::of(known).await;
    assert_eq!((known.status, known.text.as_str(), known.header("etag")), (304, "", tag));
    let other = world.request(Method::GET, "/widget.js").header("if-none-match", "\"other\"");
    assert_eq!(Answer::of(other).await.text, first.text);
}

#[tokio::test]
async fn every_file_of_the_widget_is_in_it() {
    let world = World::start().await;
    let script = world.get("/widget.js").await.text;
    let files = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/widget")).unwrap();
    let mut count = 0;
    for file in files.map(|file| file.unwrap().path()) {
        let text = fs::read_to_string(&file).unwrap();
        let held = match file.extension().unwrap().to_str().unwrap() {
            "css" => serde_json::to_string(&text).unwrap(),
            _ => text,
        };
        assert!(script.contains(&held), "{}", file.display());
        count += 1;
    }
    assert!(count > 5, "{count}");
    let globals: Vec<_> = script.split("window.").skip(1).filter_map(|rest| rest.split_once(" = ")).collect();
    let globals: Vec<_> = globals.iter().map(|(name, _)| *name).filter(|name| !name.contains(' ')).collect();
    assert_eq!(globals, ["Frontdesk"]);
}

#[tokio::test]
async fn the_widget_asks_for_nothing_dangerous() {
    let world = World::start().await;
    let script = world.get("/widget.js").await.text;
    for dangerous in
        ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"]
    {
        assert!(!script.contains(dangerous), "{dangerous}");
    }
}

#[tokio::test]
async fn pages_carry_the_widget_and_run_nothing_else() {
    let world = World::with(&[("PUBLIC_BASE_URL", "https://chat.example.com/")]).await;
    for path in ["/", "/services"] {
        let page = world.get(path).await;
        assert_eq!(page.status, 200);
        assert!(page.header("content-type").starts_with("text/html"));
        let policy = page.header("content-security-policy");
        for rule in [
            "default-src 'self'",
            "script-src 'self' https://cdn.platform.openai.com;",
            "frame-src https://cdn.platform.openai.com;",
            "style-src 'self' 'sha256-",
            "connect-src 'self' https://chat.example.com;",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(rule), "{rule} in {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        assert_eq!(page.header("referrer-policy"), "strict-origin-when-cross-origin");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        let script =
            r#"<script src="/widget.js" data-workflow="lead-concierge" data-theme="auto" async></script>"#;
        assert_eq!(page.text.matches("<script").count(), 1);
        assert!(page.text.contains(script), "{path}");
        for inline in [" style=\"", " onclick", "javascript:", "@import", "url("] {
            assert!(!page.text.contains(inline), "{path} has {inline}");
        }
    }
    assert!(world.get("/").await.text.contains("href=\"/docs\""));
}
