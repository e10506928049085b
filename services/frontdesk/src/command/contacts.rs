//! `frontdesk contacts`: the people in the books.

use std::io::Write as _;

use serde_json::{Value, json};

use super::{
    Answer, Desk, Failure, erasing,
    progress::Progress,
    say::{described, listed},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  frontdesk contacts find --email ann@example.com
  frontdesk contacts show con_01JB7Z9V3S2N8Q4T6W0XY5KCEM --json | jq -r .email
  frontdesk contacts merge SURVIVOR_ID LOSER_ID
  frontdesk contacts tag CONTACT_ID --add vip --remove cold
  frontdesk contacts export CONTACT_ID > ann.json
  frontdesk contacts erase ann@example.com   forgets the person everywhere, after asking once more
  frontdesk contacts erasures --open         those that still wait for something";

/// What a list shows of a person.
const COLUMNS: [&str; 7] = ["contact_id", "create_time", "email", "phone", "first_name", "last_name", "tags"];

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Shows one person
    Show {
        /// The contact's id; that of one who was merged shows the survivor
        contact_id: String,
    },
    /// Finds people by who they are; exit code 66 if there is nobody
    Find(Identity),
    /// Shows the people, the oldest contact first
    List {
        /// At most so many; 0 shows all
        #[arg(long, default_value = "100")]
        limit: usize,

        /// The newest contact first
        #[arg(long)]
        newest: bool,
    },
    /// Makes one contact an alias of another
    Merge {
        /// The contact that stays
        survivor_id: String,
        /// The contact that becomes its alias
        loser_id: String,
    },
    /// Adds and removes labels
    Tag {
        /// The contact
        contact_id: String,

        /// A label to add; may stand more than once
        #[arg(long, value_name = "LABEL", required_unless_present = "remove")]
        add: Vec<String>,

        /// A label to remove; may stand more than once
        #[arg(long, value_name = "LABEL")]
        remove: Vec<String>,
    },
    /// Shows everything that the books keep about one person, as JSON, a row a line; their chats are not in it
    Export {
        /// The contact
        contact_id: String,
    },
    /// Forgets a person everywhere, and waits until nothing is left; exit code 1 while something waits
    Erase(erasing::Args),
    /// Shows who was or is being forgotten, the open ones first
    Erasures {
        /// Only those that have not ended
        #[arg(long)]
        open: bool,

        /// At most so many; 0 shows all
        #[arg(long, default_value = "100")]
        limit: usize,
    },
}

/// Who somebody is.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub(super) struct Identity {
    /// E-mail, in any case
    #[arg(long)]
    email: Option<String>,

    /// Phone, in any notation
    #[arg(long)]
    phone: Option<String>,

    /// Visitor, vis_…
    #[arg(long)]
    visitor: Option<String>,

    /// Whop user, user_…
    #[arg(long)]
    whop_user: Option<String>,
}

pub(super) async fn run(desk: &Desk, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Show { contact_id } => {
            let found = desk.call("ContactService/GetContact", json!({"contact_id": contact_id})).await?;
            Ok(person(found, ""))
        }
        Command::Find(identity) => find(desk, identity).await,
        Command::List { limit, newest } => list(desk, limit, newest).await,
        Command::Merge { survivor_id, loser_id } => {
            let request = json!({"survivor_id": survivor_id, "loser_id": loser_id});
            let merged = desk.call("ContactService/MergeContacts", request).await?;
            let note = if merged["merged"] == true { "" } else { "they were one already\n" };
            Ok(person(merged, note))
        }
        Command::Tag { contact_id, add, remove } => {
            let request = json!({"contact_id": contact_id, "add": add, "remove": remove});
            Ok(person(desk.call("ContactService/TagContact", request).await?, ""))
        }
        Command::Export { contact_id } => {
            let request = json!({"contact_id": contact_id});
            let mut out = std::io::stdout();
            let unwritten = |why| Failure::Failed(format!("the export cannot be written: {why}"));
            let write = |piece: &[u8]| out.write_all(piece).map_err(unwritten);
            desk.pieces("ContactService/ExportContact", request, "document", write).await?;
            out.flush().map_err(unwritten)?;
            Ok(Answer::new(Value::Null, "").silent())
        }
        Command::Erase(args) => erasing::run(desk, args).await,
        Command::Erasures { open, limit } => erasing::list(desk, open, limit).await,
    }
}

async fn find(desk: &Desk, identity: Identity) -> Result<Answer, Failure> {
    let text = |given: Option<String>| given.unwrap_or_default();
    let request = json!({
        "email": text(identity.email), "phone": text(identity.phone), "visitor_id": text(identity.visitor),
        "verified_whop_user_id": text(identity.whop_user),
    });
    let found = desk.call("ContactService/FindContacts", request).await?;
    let people = found["contacts"].as_array().map(Vec::as_slice).unwrap_or_default();
    if people.is_empty() {
        return Err(Failure::Absent("nobody is known by this".into()));
    }
    let text = listed(people, &COLUMNS);
    Ok(Answer::new(found, text))
}

async fn list(desk: &Desk, limit: usize, newest: bool) -> Result<Answer, Failure> {
    let progress = Progress::of("contacts");
    let request = json!({"newest_first": newest});
    let (people, more) =
        desk.first(limit, "ContactService/ListContacts", &request, "contacts", progress).await?;
    let mut text = listed(&people, &COLUMNS);
    if more {
        text.push_str(&format!("\nthere are more than {limit}; --limit 0 shows all"));
    }
    Ok(Answer::new(json!({"contacts": people, "more": more}), text))
}

/// The person of an answer.
fn person(mut answer: Value, note: &str) -> Answer {
    let contact = answer["contact"].take();
    let text = format!("{note}{}", described(&contact));
    Answer::new(contact, text)
}
