//! People: members by a search, one user, and what a user may open.
//!
//! The invariant: an address is shown and found through members alone, as a key with `member:email:read` sees them.

use serde_json::{Value, json};

use super::{
    WHOP_ACCOUNT_ID,
    ask::Query,
    catalogue::opened_by,
    error::{Refusal, Taken},
    list::{Page, direct},
    memberships::{keep_any, keep_created},
    records::{Membership, Payment, Person},
    shelf::Desk,
    view::{decimal, member_id, summary, time},
    world::Plan,
};

/// A person who once had a membership.
struct Member {
    id: String,
    person: Person,
    /// Newest first; never empty.
    memberships: Vec<Membership>,
}

impl Member {
    fn has_access(&self) -> bool {
        self.memberships.iter().any(Membership::has_access)
    }

    fn joined_at(&self) -> jiff::Timestamp {
        self.memberships.iter().map(|one| one.created_at).min().unwrap_or_default()
    }

    fn most_recent_action(&self) -> Option<&'static str> {
        let newest = self.memberships.first()?;
        Some(match newest.status.as_str() {
            _ if newest.cancel_at_period_end && newest.has_access() => "canceling",
            "trialing" => "trialing",
            "active" => "paid_subscriber",
            "past_due" => "past_due",
            "completed" => "paid_once",
            _ => "churned",
        })
    }
}

fn members(desk: &Desk<'_>) -> Taken<Vec<Member>> {
    let mut all: Vec<Member> = Vec::new();
    for person in desk.all::<Person>()? {
        let mut memberships = desk.all::<Membership>()?;
        memberships.retain(|one| one.user == person.id);
        if !memberships.is_empty() {
            all.push(Member { id: member_id(&person.id), person, memberships });
        }
    }
    Ok(all)
}

fn member(desk: &Desk<'_>, member: &Member) -> Taken<Value> {
    let paid = |one: &&Payment| one.user == member.person.id && one.status == "paid";
    let spent: i64 = desk.all::<Payment>()?.iter().filter(paid).map(|one| one.amount - one.refunded).sum();
    let access = if member.has_access() { "customer" } else { "no_access" };
    Ok(json!({
        "id": member.id, "account_id": WHOP_ACCOUNT_ID, "access_level": access, "display_name": member.person.name,
        "email": member.person.email, "phone_number": null, "status": "joined", "joined_at": time(member.joined_at()),
        "last_accessed_at": null, "most_recent_action": member.most_recent_action(),
        "most_recent_action_at": member.memberships.first().map(|one| time(one.updated_at)), "token_balance": 0,
        "usd_total_spent": {"amount": decimal(spent * 110 / 100), "currency": "usd", "decimals": 2, "display_decimals": 2},
        "user": summary(&member.person), "created_at": time(member.joined_at()),
    }))
}

/// `GET /members`: `query` is in a name or a username, or is an address to the letter.
pub(super) fn list(desk: &Desk<'_>, mut query: Query) -> Taken<Value> {
    let mut all = members(desk)?;
    direct(&mut query, &mut all)?;
    keep_created(&mut query, &mut all, Member::joined_at)?;
    let account = query.text("account_id")?.into_iter().collect();
    keep_any(account, &mut all, |_| WHOP_ACCOUNT_ID.to_owned());
    keep_any(query.texts("user_ids"), &mut all, |one| one.person.id.clone());
    if let Some(wanted) = query.text("query")?.map(|text| text.trim().to_lowercase()) {
        all.retain(|Member { person, .. }| {
            let within = [&person.name, &person.username]
                .into_iter()
                .any(|text| text.to_lowercase().contains(&wanted));
            within || person.email.to_lowercase() == wanted
        });
    }
    let page = Page::of(&mut query)?;
    query.end(&[
        "access_level",
        "membership_status",
        "most_recent_actions",
        "plan_ids",
        "product_ids",
        "promo_code_ids",
        "status",
    ])?;
    page.cut(&all, |one| &one.id, |one| member(desk, one))
}

/// `GET /members/{id}`.
pub(super) fn get(desk: &Desk<'_>, id: &str, query: Query) -> Taken<Value> {
    query.end(&[])?;
    let found = members(desk)?.into_iter().find(|one| one.id == id);
    member(desk, &found.ok_or_else(|| Refusal::no_such("Member"))?)
}

fn person(desk: &Desk<'_>, id: &str) -> Taken<Person> {
    let found = desk.all::<Person>()?.into_iter().find(|one| one.id == id || one.username == id);
    found.ok_or_else(|| Refusal::no_such("User"))
}

/// `GET /users/{id}`, by id or username. An address is on the self view alone, and an account has none.
pub(super) fn user(desk: &Desk<'_>, id: &str, query: Query) -> Taken<Value> {
    query.end(&[
        "account_id",
        "from",
        "include_balance",
        "include_balance_history",
        "include_trading",
        "interval",
        "time_zone",
        "to",
    ])?;
    let person = person(desk, id)?;
    Ok(json!({
        "id": person.id, "username": person.username, "name": person.name, "bio": null, "email": null,
        "profile_picture": summary(&person)["profile_picture"], "banner": null, "social_links": [], "balance": null,
        "balance_history": null, "balances": [], "cards": null, "earnings_usd": null, "level": null, "total_usd": null,
        "trading": null, "verification": {"individual": null, "business": null}, "whop_partner_enabled_at": null,
        "whop_partner_onboarded_accounts_count": null, "whop_partner_verified_at": null,
        "created_at": time(person.created_at),
    }))
}

/// `GET /users/{id}/access/{resource}`.
pub(super) fn access(desk: &Desk<'_>, id: &str, resource: &str, query: Query) -> Taken<Value> {
    query.end(&[])?;
    let person = person(desk, id)?;
    let products = opened_by(resource).ok_or_else(|| Refusal::no_such("Resource"))?;
    let opens = |one: &Membership| Plan::of(&one.plan).is_ok_and(|plan| products.contains(&plan.product));
    let mut theirs = desk.all::<Membership>()?.into_iter().filter(|one| one.user == person.id);
    let has_access = theirs.any(|one| one.has_access() && opens(&one));
    Ok(json!({"has_access": has_access, "access_level": if has_access { "customer" } else { "no_access" }}))
}
