//! `frontdesk members`: who is who at Whop, for the operator.
//!
//! The invariant: a licence key is shown by no answer and no failure.

use std::io::Read as _;

use serde_json::{Value, json};

use super::{
    Answer, Desk, Failure,
    say::{described, listed, said},
    wire,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  frontdesk members find --email ann@example.com
  frontdesk members find --email ann@example.com --json | jq -r '.members[].memberships[].status'
  frontdesk members license WHOP-1A2B-3C4D-5E6F     exit code 1 if it gives no access
  pbpaste | frontdesk members license -             no key in the shell's history";

/// What is shown of a membership.
const COLUMNS: [&str; 7] =
    ["membership_id", "product", "plan", "status", "renew_time", "expire_time", "cancel_at_period_end"];
/// Instead of a key: it comes by the standard input.
const STDIN: &str = "-";
/// Most bytes of a key that are read.
const LONGEST_KEY: u64 = 4 << 10;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Finds members by their e-mail at Whop, with what they have; exit code 66 if there is nobody
    Find {
        /// E-mail, whole
        #[arg(long)]
        email: String,
    },
    /// Tells what a licence key is worth and whose it is; exit code 66 if there is no such key
    License {
        /// The key, or - to read it from the standard input
        key: String,
    },
}

pub(super) async fn run(desk: &Desk, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Find { email } => find(desk, &email).await,
        Command::License { key } if key == STDIN => license(desk, &read_key(std::io::stdin())?).await,
        Command::License { key } => license(desk, &key).await,
    }
}

async fn find(desk: &Desk, email: &str) -> Result<Answer, Failure> {
    let found = desk.look_up("DirectoryService/FindMembers", json!({"email": email})).await?;
    let found = wire::decode(&found);
    let members = found["members"].as_array().map(Vec::as_slice).unwrap_or_default();
    if members.is_empty() {
        return Err(Failure::Absent("Whop knows no member by this e-mail".into()));
    }
    let text = members.iter().map(page).collect::<Vec<_>>().join("\n\n");
    Ok(Answer::new(found, text))
}

async fn license(desk: &Desk, key: &str) -> Result<Answer, Failure> {
    let found = desk.look_up("DirectoryService/LookUpLicense", json!({"license_key": key})).await?;
    let found = wire::decode(&found);
    let (license, owner) = (&found["license"], &found["owner"]);
    let is_valid = license["valid"] == true;
    if owner.is_null() && !is_valid && said(&license["product_id"]).is_empty() {
        return Err(Failure::Absent("there is no such licence key".into()));
    }
    let owner = if owner.is_null() { "it has no owner".to_owned() } else { page(owner) };
    let text = format!("{}\n\n{owner}", described(license));
    Ok(Answer::new(found, text).sound(is_valid))
}

/// A key as it was typed or piped, without the line's end.
fn read_key(from: impl std::io::Read) -> Result<String, Failure> {
    let mut key = String::new();
    let read = from.take(LONGEST_KEY).read_to_string(&mut key);
    read.map_err(|why| Failure::Failed(format!("the key cannot be read: {why}")))?;
    let key = key.trim();
    if key.is_empty() {
        return Err(Failure::Usage("there is no key on the standard input".into()));
    }
    Ok(key.to_owned())
}

/// A member, and what they have.
fn page(member: &Value) -> String {
    let mut head = member.clone();
    let memberships = head.as_object_mut().and_then(|members| members.remove("memberships"));
    let memberships = memberships.as_ref().and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let list =
        if memberships.is_empty() { "no memberships".to_owned() } else { listed(memberships, &COLUMNS) };
    format!("{}\n\n{list}", described(&head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_line() {
        assert_eq!(read_key(&b" WHOP-1 \r\n"[..]), Ok("WHOP-1".to_owned()));
        for nothing in [&b""[..], b"\n", b"  \r\n"] {
            assert!(matches!(read_key(nothing), Err(Failure::Usage(_))));
        }
        assert!(matches!(read_key(&b"\xff"[..]), Err(Failure::Failed(_))));
    }

    #[test]
    fn a_member_is_a_page_with_a_table() {
        let membership = json!({"membership_id": "mem_1", "product": "Growth", "status": "active"});
        let ann = json!({"whop_user_id": "user_1", "name": "Ann", "memberships": [membership]});
        let page = page(&ann);
        let lines: Vec<Vec<_>> = page.lines().map(|line| line.split_whitespace().collect()).collect();
        assert!(lines.contains(&vec!["whop_user_id", "user_1"]), "{page}");
        assert!(lines.contains(&vec!["mem_1", "Growth", "active"]), "{page}");
        assert!(!page.contains('{'), "{page}");
    }
}
