//! What a request may say, and what is made of it.

use super::*;

fn read(body: &str) -> Result<Asked, String> {
    Asked::read(&HeaderMap::new(), body.as_bytes()).map_err(|fault| fault.message)
}

#[test]
fn nothing_is_required_and_more_is_ignored() {
    assert_eq!(read("{}").unwrap().target(None), SessionTarget::default());
    let asked = read(r#"{"userId":42,"theme":{"a":[]},"deviceId":null,"traits":null,"modes":null}"#).unwrap();
    assert_eq!(asked.target(None), SessionTarget::default());
}

#[test]
fn wrong_types_are_named() {
    for (body, message) in [
        (r#"{"deviceId":1}"#, "deviceId must be a string"),
        (r#"{"visitorToken":{}}"#, "visitorToken must be a string"),
        (r#"{"workflowId":true}"#, "workflowId must be a string"),
        (r#"{"page":[]}"#, "page must be a string"),
        (r#"{"traits":"x"}"#, "traits must be an object"),
        (r#"{"traits":{"utm_source":1}}"#, "traits.utm_source must be a string"),
        (r#"{"traits":{"gclid":null}}"#, "traits.gclid must be a string"),
        (r#"{"modes":"hosted"}"#, "modes must be an array of strings"),
        (r#"{"modes":[1]}"#, "modes must be an array of strings"),
    ] {
        assert_eq!(read(body).unwrap_err(), message);
    }
}

#[test]
fn traits_that_may_not_travel_are_dropped() {
    let asked =
        read(r#"{"traits":{"utm_source":"yt","is_admin":true,"email":"x","utm_medium":""}}"#).unwrap();
    assert_eq!(asked.traits, BTreeMap::from([("utm_source".to_owned(), "yt".to_owned())]));
}

#[test]
fn a_page_is_a_path() {
    for (page, taken) in [
        ("/services", "/services"),
        ("/services?token=x#y", "/services"),
        ("https://www.example.com/a/b?c", "/a/b"),
        ("services", ""),
        ("javascript:alert(1)", ""),
        ("", ""),
    ] {
        assert_eq!(path(page).unwrap_or_default(), taken, "{page:?}");
    }
    let referer = HeaderMap::from_iter([(header::REFERER, "https://x.test/from?a".parse().unwrap())]);
    assert_eq!(Asked::read(&referer, b"{}").unwrap().page, "/from");
    assert_eq!(Asked::read(&referer, br#"{"page":"/body"}"#).unwrap().page, "/body");
}

#[test]
fn unknown_modes_are_passed_over() {
    let asked = read(r#"{"modes":["telepathy","self_hosted","hosted"]}"#).unwrap();
    assert_eq!(asked.modes, [Mode::SelfHosted, Mode::Hosted]);
}
