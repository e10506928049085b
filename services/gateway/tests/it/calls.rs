//! Whom the portal's script asks.

/// The rest of the line of every call of `function`, from its first argument on; its definition is left out.
fn calls_of<'a>(script: &'a str, function: &str) -> Vec<&'a str> {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    let found = script.match_indices(function).filter(|(at, _)| {
        let (before, after) = (&script[..*at], &script[at + function.len()..]);
        after.starts_with('(') && !before.ends_with(is_word) && !before.ends_with("function ")
    });
    found.map(|(at, _)| script[at + function.len() + 1..].lines().next().unwrap_or_default()).collect()
}

/// The one request of the script is `ask`'s, whose path is handed down to it: from `refresh`, which asks for the page
/// itself, and from `post`, which is given paths of the portal alone.
#[track_caller]
pub(crate) fn calls_nobody_else(script: &str) {
    for (function, calls) in [
        ("fetch", &["path, { cache: 'no-store', ...init })"][..]),
        ("ask", &["path, { method: 'POST', headers, body: JSON.stringify(body) })", "location.pathname)"]),
        (
            "post",
            &["`/api/portal/actions/${encodeURIComponent(", "`/api/portal/memberships/${encodeURIComponent("],
        ),
    ] {
        let found = calls_of(script, function);
        let known = found.iter().zip(calls).all(|(found, call)| found.starts_with(call));
        assert!(known && found.len() == calls.len(), "{function} is called with {found:?}");
    }
    for (function, header) in
        [("ask", "async function ask(path, init) {"), ("post", "async function post(path, body, key) {")]
    {
        assert_eq!(script.matches(&format!("function {function}(")).count(), 1);
        assert!(script.contains(header), "the path is its own");
    }
    for other in [
        "XMLHttpRequest",
        "sendBeacon",
        "WebSocket",
        "EventSource",
        "import(",
        "import ",
        "Worker",
        ".src",
        ".action",
        "'src'",
        "window[",
        "globalThis",
        "fetch.",
        "fetch;",
        "= fetch",
        "submit(",
        "location =",
        "location.href",
        "location.assign",
        "http://",
        "https://",
        "'//",
        "`//",
        "\"//",
    ] {
        assert!(!script.contains(other), "it has {other}");
    }
}
