//! The page as HTML.
//!
//! The invariant: no text of others enters it but through [`escape`], and no address but of the web.

use domain::Money;
use proto::booking::v1::GetReturnPageResponse;
use url::Url;

use super::words;
use crate::{docs::escape, site::STYLE};

const TEMPLATE: &str = include_str!("../site/checkout.html");
const CLOSE: &str = "You may close this window.";
/// Seconds until the page comes back by itself: often while somebody waits for it, then seldom.
const SOON: u16 = 4;
const SELDOM: u16 = 60;
/// So often it comes back soon; that is for five minutes.
const SOON_LOOKS: u16 = 75;
/// So often it comes back at all; whoever left it open reloads it.
const LOOKS: u16 = 1_000;

/// What is on the page.
#[derive(Debug, Default)]
pub(super) struct Page {
    title: String,
    /// Paragraphs and lists, as HTML.
    main: String,
    /// Below, as HTML.
    foot: String,
    /// Seconds until it comes back by itself, and the how manieth time that is.
    again: Option<(u16, u16)>,
}

// === impl Page ===

impl Page {
    /// How a link stands, after the page came back `looks` times by itself; `None` if it stands in no way that we know.
    pub(super) fn of(found: &GetReturnPageResponse, looks: u16) -> Option<Self> {
        let words = words::of(found)?;
        let mut main = lead(found);
        words.notes.iter().for_each(|note| main.push_str(&paragraph(note)));
        if !words.slots.is_empty() {
            let slots: String = words.slots.iter().map(|slot| format!("<li>{}</li>", escape(slot))).collect();
            main.push_str(&format!("  <ul class=\"times\">{slots}</ul>\n"));
        }
        if let Some(pay) = address(&found.pay_url) {
            main.push_str(&format!("  <p><a class=\"button\" href=\"{pay}\">Pay now</a></p>\n"));
        }
        let back = address(&found.back_url)
            .map(|back| format!(" <a href=\"{back}\">Back to the page of the chat</a>"))
            .unwrap_or_default();
        let soon = if looks < SOON_LOOKS { SOON } else { SELDOM };
        Some(Self {
            title: words.title.to_owned(),
            main,
            foot: format!("{CLOSE}{back}"),
            again: (words.changing && looks < LOOKS).then_some((soon, looks + 1)),
        })
    }

    /// There is no such link.
    pub(super) fn unknown() -> Self {
        let main = paragraph(
            "The address is not complete, or it is too old. Ask in the chat how your payment stands, or for a new link.",
        );
        Self { title: "There is no such link".into(), main, foot: CLOSE.into(), again: None }
    }

    /// It cannot be told at the moment.
    pub(super) fn away() -> Self {
        let main = paragraph(
            "We cannot look up your payment at the moment. Nothing of it is lost: reload this page in a minute, and do not \
             pay again.",
        );
        Self { title: "One moment, please".into(), main, foot: CLOSE.into(), again: None }
    }

    /// Our fault.
    pub(super) fn broken(request_id: &str) -> Self {
        let main = paragraph(&format!(
            "Something went wrong on our side. Reload this page in a while; if it stays so, tell us this: {request_id}"
        ));
        Self { title: "This should not have happened".into(), main, foot: CLOSE.into(), again: None }
    }

    pub(super) fn html(&self) -> String {
        let again = self.again.map(|(seconds, look)| {
            format!("<meta http-equiv=\"refresh\" content=\"{seconds}; url=?look={look}\">")
        });
        // what comes from elsewhere is put in last, so that nothing is looked for in it
        TEMPLATE
            .replace("/*style*/", STYLE)
            .replace("<!--again-->", &again.unwrap_or_default())
            .replace("<!--title-->", &escape(&self.title))
            .replace("<!--foot-->", &self.foot)
            .replace("<!--main-->", self.main.trim_end())
    }
}

/// What is paid for, and what it costs.
fn lead(found: &GetReturnPageResponse) -> String {
    let price = found.price.as_ref().and_then(amount);
    let parts = [found.item_name.clone(), price.unwrap_or_default()];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return String::new();
    }
    format!("  <p class=\"lead\">{}</p>\n", escape(&parts.join(", ")))
}

/// An amount, as people write it.
pub(super) fn amount(money: &proto::common::v1::Money) -> Option<String> {
    let currency = money.currency_code.parse().ok()?;
    Some(Money { minor: money.minor_units, currency }.to_string())
}

fn paragraph(text: &str) -> String {
    format!("  <p class=\"note\">{}</p>\n", escape(text))
}

/// An address of the web, for an attribute; a script's or a file's is none.
fn address(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| escape(url.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_web_are_linked() {
        assert_eq!(address("https://a.example/?b=1&c='").unwrap(), "https://a.example/?b=1&amp;c=%27");
        for wrong in
            ["", "/chat", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "java\nscript:x"]
        {
            assert_eq!(address(wrong), None, "{wrong:?}");
        }
    }
}
