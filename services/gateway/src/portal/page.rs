//! The page as HTML.
//!
//! The invariant: no text of others enters it but through [`escape`], no address but of the web, and a page of nobody's
//! holds nothing but words.

use jiff::Timestamp;
use proto::whop::v1::{
    Freshness, ListMembershipsResponse, ListQuickActionsResponse, Membership, QuickAction,
};
use url::Url;

use super::{
    STYLE,
    wire::{ActionKind, kind_of, moment},
    words,
};
use crate::docs::escape;

const TEMPLATE: &str = include_str!("page.html");
const MEMBER: &str = include_str!("member.html");
const OUTSIDE: &str = include_str!("outside.html");
/// What makes a member's page work.
const SCRIPT: &str = "<script src=\"/portal.js?v=<!--digest-->\" defer></script>";
/// And the chat in it.
const WIDGET: &str = "\n<script src=\"/widget.js\" data-workflow=\"client-portal\" data-client=\"built-in\" data-place=\"chat\" \
    data-theme=\"auto\" defer></script>";
const CHAT: &str = "  <div id=\"chat\" class=\"chat\"></div>\n";
const NO_CHAT: &str = "The chat is for members with an active membership, and you have none at the moment.";
const AWAY: &str = "Your plan cannot be shown just now. Reload the page in a minute.";

/// What is on the page.
pub(super) struct Page {
    title: &'static str,
    /// The whole body, as HTML.
    body: String,
    /// What makes it work, as HTML.
    scripts: String,
}

// === impl Page ===

impl Page {
    /// A member's; what could not be found is said to be so.
    pub(super) fn of(
        memberships: Option<&ListMembershipsResponse>,
        actions: Option<&ListQuickActionsResponse>,
    ) -> Self {
        let is_ended = memberships.is_some_and(|found| !found.memberships.iter().any(|one| one.has_access));
        let plans = memberships.map_or_else(|| note(AWAY), plans);
        let actions = actions.map_or_else(|| note(AWAY), |found| buttons(found, is_ended));
        let (chat, widget) = if is_ended { (note(NO_CHAT), "") } else { (CHAT.to_owned(), WIDGET) };
        // what comes from elsewhere is put in last, so that nothing is looked for in it
        let body = MEMBER.replace("<!--outside-->", OUTSIDE.trim_end()).replace("<!--chat-->", &chat);
        let (head, rest) = body.split_once("<!--plans-->").expect("the template has its place");
        let (middle, tail) = rest.split_once("<!--actions-->").expect("the template has its place");
        let body = format!("{head}{plans}{middle}{actions}{tail}");
        Self { title: "Your portal", body, scripts: format!("{SCRIPT}{widget}") }
    }

    /// Nobody's: it was not opened in Whop.
    pub(super) fn outside() -> Self {
        Self { title: "Open this page in Whop", body: OUTSIDE.to_owned(), scripts: String::new() }
    }

    /// It cannot be told whose it is at the moment.
    pub(super) fn away() -> Self {
        let text = "We cannot check with Whop who you are at the moment. Reload this page in a minute.";
        Self::plain("One moment, please", text)
    }

    /// Our fault.
    pub(super) fn broken(request_id: &str) -> Self {
        let text =
            "Something went wrong on our side. Reload this page in a while; if it stays so, tell us this:";
        Self::plain("This should not have happened", &format!("{text} {request_id}"))
    }

    fn plain(title: &'static str, text: &str) -> Self {
        let body = format!("<main class=\"plain\">\n  <h1>{title}</h1>\n{}</main>\n", note(text));
        Self { title, body, scripts: String::new() }
    }

    /// With the script that has this digest, if it needs one.
    pub(super) fn html(&self, digest: &str) -> String {
        TEMPLATE
            .replace("/*style*/", STYLE)
            .replace("<!--scripts-->", &self.scripts.replace("<!--digest-->", digest))
            .replace("<!--title-->", self.title)
            .replace("<!--body-->", &self.body)
    }
}

/// What gives access, else what did last.
fn plans(found: &ListMembershipsResponse) -> String {
    let all = &found.memberships;
    let with_access = all.iter().filter(|membership| membership.has_access).count();
    let shown = all.iter().filter(|membership| membership.has_access == (with_access > 0));
    let shown = shown.take(with_access.max(1)).map(plan).collect::<String>();
    let none = note("You have no plan with us at the moment.");
    let list =
        if shown.is_empty() { none } else { format!("      <ul class=\"plans\">\n{shown}      </ul>\n") };
    format!("{list}{}", age(found.freshness.as_ref()))
}

fn plan(membership: &Membership) -> String {
    let label = words::label(membership.status());
    let badge =
        if label.is_empty() { String::new() } else { format!(" <span class=\"badge\">{label}</span>") };
    let name = if membership.product.is_empty() { &membership.product_id } else { &membership.product };
    let (name, plan) = (escape(name), escape(&membership.plan));
    let plan = if plan.is_empty() || plan == name { String::new() } else { format!("{plan}. ") };
    let manage = address(&membership.manage_url)
        .map(|url| format!("          {}\n", link(&url, "Manage at Whop", "quiet")));
    let cancel = words::end_if_cancelled(membership).map(|end| {
        format!(
            "          <button type=\"button\" class=\"quiet\" data-cancel=\"{}\" data-name=\"{name}\" \
             data-end=\"{end}\">Cancel<span class=\"heard\"> {name}</span></button>\n",
            escape(&membership.membership_id)
        )
    });
    format!(
        "        <li>\n          <p class=\"name\"><strong>{name}</strong>{badge}</p>\n          <p>{plan}{}</p>\n{}{}        </li>\n",
        escape(&words::outlook(membership).join(" ")),
        manage.unwrap_or_default(),
        cancel.unwrap_or_default(),
    )
}

fn buttons(found: &ListQuickActionsResponse, is_ended: bool) -> String {
    let buttons: String = found.actions.iter().filter_map(button).collect();
    if buttons.is_empty() {
        return note(match is_ended {
            true => "There is nothing to ask for here without an active membership.",
            false => "There is nothing to ask for here with your plan. The chat helps with everything else.",
        });
    }
    format!("      <ul class=\"actions\">\n{buttons}      </ul>\n")
}

fn button(action: &QuickAction) -> Option<String> {
    let kind = match kind_of(action)? {
        ActionKind::Link => {
            let link = link(&address(&action.url)?, &escape(&action.label), "action");
            return Some(format!("        <li>{link}</li>\n"));
        }
        ActionKind::Files => "files",
        ActionKind::Support => "support",
        ActionKind::Upgrade => "upgrade",
    };
    let (id, label) = (escape(&action.action_id), escape(&action.label));
    Some(format!(
        "        <li><button type=\"button\" class=\"action\" data-action=\"{id}\" data-type=\"{kind}\">{label}</button></li>\n"
    ))
}

/// An address and a label that are HTML already.
fn link(url: &str, label: &str, class: &str) -> String {
    format!(
        "<a class=\"{class}\" href=\"{url}\" target=\"_blank\" rel=\"noopener noreferrer\">{label}\
         <span class=\"heard\"> (opens a new window)</span></a>"
    )
}

/// How old it is, if Whop could not be asked.
fn age(freshness: Option<&Freshness>) -> String {
    let Some(freshness) = freshness.filter(|freshness| freshness.stale) else { return String::new() };
    let as_of = moment(freshness.as_of.as_ref()).map(|time: Timestamp| format!(" on {}", words::day(time)));
    note(&format!(
        "Whop does not answer just now. This is what it said{}.",
        as_of.as_deref().unwrap_or(" last")
    ))
}

fn note(text: &str) -> String {
    format!("      <p class=\"note\">{}</p>\n", escape(text))
}

/// An address of the web, for an attribute; a script's or a file's is none.
fn address(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| escape(url.as_str()))
}
