//! Support channels, and the messages in them.
//!
//! The invariant: a customer has one channel, whoever opens it and how often.

use serde_json::{Value, json};

use super::{
    WHOP_ACCOUNT_ID,
    ask::{Body, Query},
    error::{Refusal, Taken},
    list::{Page, direct},
    memberships::keep_any,
    records::{Channel, Person, Post},
    shelf::{Desk, new_id},
    view::{maybe, time},
    world::ACCOUNT,
};

/// Who writes with the account's key.
const AGENT: &str = "user_frontdeskagent";
/// The longest message. Whop's number is not published.
const LONGEST: usize = 10_000;

fn posts(desk: &Desk<'_>, channel: &str) -> Taken<Vec<Post>> {
    let mut posts = desk.all::<Post>()?;
    posts.retain(|post| post.channel == channel);
    Ok(posts)
}

fn show(desk: &Desk<'_>, channel: &Channel, with_last: bool) -> Taken<Value> {
    let person: Person = desk.get(&channel.user)?;
    let posts = posts(desk, &channel.id)?;
    let last = posts.first().filter(|_| with_last).map(|post| {
        json!({"id": post.id, "content": post.content, "user_id": AGENT, "attachments": [], "gifs": [], "poll": null,
            "created_at": time(post.created_at)})
    });
    Ok(json!({
        "id": channel.id, "account_id": WHOP_ACCOUNT_ID, "company_id": WHOP_ACCOUNT_ID,
        "custom_name": channel.custom_name,
        "customer_user": {"id": person.id, "username": person.username, "name": person.name}, "last_message": last,
        "last_message_at": posts.first().map(|post| time(post.created_at)), "needs_reply": false, "participated": null,
        "resolved_at": maybe(channel.resolved_at), "unread": null,
    }))
}

/// `POST /support_channels`: the one there is, or a new one.
pub(super) fn open(desk: &Desk<'_>, mut body: Body) -> Taken<Value> {
    if body.required("account_id")? != WHOP_ACCOUNT_ID {
        return Err(Refusal::no_such("Account"));
    }
    let person: Person = desk.get(&body.required("user_id")?)?;
    let custom_name = body.text("custom_name")?;
    body.flag("notifications_enabled")?;
    body.end(&[])?;
    let known = desk.all::<Channel>()?.into_iter().find(|channel| channel.user == person.id);
    if let Some(channel) = known {
        return show(desk, &channel, true);
    }
    let channel =
        Channel { id: new_id("feed"), user: person.id, custom_name, resolved_at: None, created_at: desk.now };
    desk.add(&channel)?;
    show(desk, &channel, true)
}

/// `GET /support_channels`.
pub(super) fn list(desk: &Desk<'_>, mut query: Query) -> Taken<Value> {
    let mut all = desk.all::<Channel>()?;
    direct(&mut query, &mut all)?;
    if query.text("account_id")?.is_some_and(|account| account != WHOP_ACCOUNT_ID) {
        all.clear();
    }
    let one = query.text("customer_user_id")?.into_iter().collect();
    keep_any(one, &mut all, |channel| channel.user.clone());
    keep_any(query.texts("customer_user_ids"), &mut all, |channel| channel.user.clone());
    if let Some(open) = query.flag("open")? {
        all.retain(|channel| channel.resolved_at.is_none() == open);
    }
    let with_last = query.flag("include_last_message")?.unwrap_or(false);
    let page = Page::of(&mut query)?;
    query.end(&["include_participated", "participated", "view"])?;
    page.cut(&all, |one| &one.id, |one| show(desk, one, with_last))
}

/// `GET /support_channels/{id}`.
pub(super) fn get(desk: &Desk<'_>, id: &str, query: Query) -> Taken<Value> {
    query.end(&[])?;
    show(desk, &desk.get(id)?, true)
}

fn message(post: &Post) -> Value {
    json!({
        "id": post.id, "content": post.content, "is_edited": false, "is_pinned": false, "mentions": [],
        "mentions_everyone": false, "message_type": "regular", "poll": null, "poll_votes": [], "reaction_counts": [],
        "replying_to_message_id": null, "user": {"id": AGENT, "username": "frontdesk", "name": ACCOUNT},
        "view_count": null, "created_at": time(post.created_at), "updated_at": time(post.created_at),
    })
}

/// `POST /messages`.
pub(super) fn post(desk: &Desk<'_>, mut body: Body) -> Taken<Value> {
    let channel: Channel = desk.get(&body.required("channel_id")?)?;
    let content = body.required("content")?;
    body.flag("auto_detect_links")?;
    body.end(&["attachments", "poll", "replying_to_message_id"])?;
    if content.chars().count() > LONGEST {
        return Err(Refusal::bad("content is too long"));
    }
    let post = Post { id: new_id("post"), channel: channel.id, content, created_at: desk.now };
    desk.add(&post)?;
    Ok(message(&post))
}

/// `GET /messages`.
pub(super) fn messages(desk: &Desk<'_>, mut query: Query) -> Taken<Value> {
    let channel = query.text("channel_id")?.ok_or_else(|| Refusal::bad("channel_id is required"))?;
    let channel: Channel = desk.get(&channel)?;
    let mut all = posts(desk, &channel.id)?;
    direct(&mut query, &mut all)?;
    let page = Page::of(&mut query)?;
    query.end(&[])?;
    page.cut(&all, |one| &one.id, |one| Ok(message(one)))
}
