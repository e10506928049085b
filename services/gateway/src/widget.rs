//! The script that brings the chat to a page: `GET /widget.js`.
//!
//! It is put together from the files in `widget/`, without a build step, once. The invariant: it is one script that
//! needs nothing else of ours, leaves nothing behind on the page but `window.Frontdesk` and one element, and holds no
//! secret.

use std::sync::LazyLock;

use axum::{http::HeaderMap, response::Response};

use crate::script::{Known, Script, Served};

const STYLE: &str = include_str!("widget/style.css");
/// In the order in which they build on each other.
const PARTS: &[&str] = &[
    include_str!("widget/theme.js"),
    include_str!("widget/visit.js"),
    include_str!("widget/session.js"),
    include_str!("widget/stream.js"),
    include_str!("widget/markdown.js"),
    include_str!("widget/dom.js"),
    include_str!("widget/cards.js"),
    include_str!("widget/forms.js"),
    include_str!("widget/items.js"),
    include_str!("widget/thread.js"),
    include_str!("widget/updates.js"),
    include_str!("widget/history.js"),
    include_str!("widget/composer.js"),
    include_str!("widget/chat.js"),
    include_str!("widget/element.js"),
    include_str!("widget/loader.js"),
];

static SCRIPT: LazyLock<Script> = LazyLock::new(build);

/// Get the widget
///
/// The script that puts a launcher and the chat on a page:
/// `<script src="/widget.js" data-workflow="lead-concierge" data-theme="auto" async></script>`. Both attributes are
/// optional: the workflow follows from the page, and the theme, `light`, `dark` or `auto`, from the visitor's system. With
/// `data-place`, the id of an element, the chat stands open in that element, and there is no launcher.
#[utoipa::path(
    get,
    path = "/widget.js",
    tag = "chat",
    operation_id = "get_widget",
    params(Known),
    responses(Served)
)]
pub(crate) async fn get_widget(headers: HeaderMap) -> Response {
    SCRIPT.respond(&headers)
}

fn build() -> Script {
    let style = serde_json::to_string(STYLE).expect("a string serializes");
    Script::new(format!("(() => {{\n'use strict';\nconst STYLE = {style};\n{}}})();\n", PARTS.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Value of a token in the block of the style sheet that begins with `block`.
    fn token(block: &str, name: &str) -> [f64; 3] {
        let start = STYLE.find(block).unwrap_or_else(|| panic!("no block {block}"));
        let block = STYLE[start..].split('}').next().unwrap();
        let line = block.split(';').find_map(|line| line.split_once(&format!("{name}:")));
        let value = line.unwrap_or_else(|| panic!("no {name} in {block}")).1;
        let hex = value.rsplit('#').next().unwrap().trim_end_matches([')', ' ']);
        [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()))
    }

    /// Contrast of two colours, as WCAG 2 defines it.
    fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
        let linear = |part: f64| match part / 255.0 {
            part if part <= 0.04045 => part / 12.92,
            part => ((part + 0.055) / 1.055).powf(2.4),
        };
        let luminance = |[r, g, b]: [f64; 3]| 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
        let [low, high] = {
            let (one, other) = (luminance(one), luminance(other));
            if one < other { [one, other] } else { [other, one] }
        };
        (high + 0.05) / (low + 0.05)
    }

    const THEMES: [&str; 2] = [":host {", ":host([data-theme='dark']) {"];

    #[test]
    fn contrast_is_measured_as_wcag_does() {
        assert!((contrast([0.0; 3], [255.0; 3]) - 21.0).abs() < 1e-9);
        assert!((contrast([255.0, 69.0, 0.0], [255.0; 3]) - 3.44).abs() < 0.01);
    }

    #[test]
    fn text_can_be_read_in_light_and_dark() {
        for theme in THEMES {
            for (text, ground) in [
                ("--fd-text", "--fd-bg"),
                ("--fd-text", "--fd-soft"),
                ("--fd-text", "--fd-bubble"),
                ("--fd-muted", "--fd-bg"),
                ("--fd-muted", "--fd-soft"),
                ("--fd-link", "--fd-bg"),
                ("--fd-link", "--fd-soft"),
                ("--fd-danger", "--fd-bg"),
                ("--fd-danger", "--fd-soft"),
                ("--fd-on-primary", "--fd-primary"),
                ("--fd-on-teal", "--fd-teal"),
                ("--fd-on-accent", "--fd-accent"),
            ] {
                let ratio = contrast(token(theme, text), token(theme, ground));
                assert!(ratio >= 4.5, "{text} on {ground} in {theme}: {ratio:.2}");
            }
            for (mark, ground) in [("--fd-line", "--fd-bg"), ("--fd-focus", "--fd-bg")] {
                let ratio = contrast(token(theme, mark), token(theme, ground));
                assert!(ratio >= 3.0, "{mark} on {ground} in {theme}: {ratio:.2}");
            }
        }
    }

    #[test]
    fn the_brand_colours_are_the_brands() {
        for (name, colour) in
            [("--fd-primary", "#FF4500"), ("--fd-accent", "#FFD700"), ("--fd-teal", "#008080")]
        {
            let parts = [1, 3, 5].map(|at| f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()));
            assert_eq!(token(THEMES[0], name), parts, "{name}");
        }
    }
}
