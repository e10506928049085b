//! `frontdesk doctor`: every setting and credential, held against what it is for.
//!
//! Each service asks its own provider; here the findings are put together. The invariants: nothing is changed or made,
//! and no finding repeats a setting's value.

use std::path::Path;

use chassis::Vars;
use serde_json::{Value, json};
use store::{Key, Location, Schema};

use super::{Answer, Failure, desk, indexes::SCHEMAS, table};
use crate::{Options, Provider, invented};

pub(super) const EXAMPLES: &str = "\
Examples:
  frontdesk doctor                           exit code 1 if anything is wrong
  frontdesk doctor --json | jq -r '.findings[] | select(.state == \"wrong\") | .says'";

/// One thing that was looked at.
struct Finding {
    of: String,
    state: State,
    says: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// As it should be.
    Fine,
    /// Fine here, and not where the public comes.
    Notice,
    /// Something is to be done.
    Wrong,
}

/// Looks at everything.
pub(super) async fn run(vars: &Vars) -> Result<Answer, Failure> {
    let findings = match Options::read(vars.clone(), Vec::new()) {
        Ok(options) => examine(vars, &options).await,
        Err(problems) => problems
            .into_iter()
            .map(|problem| Finding::new(&problem.setting, State::Wrong, problem.why))
            .collect(),
    };
    let sound = findings.iter().all(|finding| finding.state != State::Wrong);
    let json: Vec<Value> = findings.iter().map(Finding::json).collect();
    let lines: Vec<String> = findings.iter().map(Finding::line).collect();
    Ok(Answer::new(json!({"findings": json, "sound": sound}), lines.join("\n")).sound(sound))
}

async fn examine(vars: &Vars, options: &Options) -> Vec<Finding> {
    let mut findings = vec![Finding::new("settings", State::Fine, "all of them can be read")];
    findings.push(workflows(options));
    findings.extend(own_secrets(vars));
    findings.extend(doors(vars));
    findings.extend(openai(options).await);
    findings.extend(sheets(options).await);
    findings.extend(calcom(options, vars).await);
    findings.extend(stripe(options, vars).await);
    findings.extend(whop(options, vars).await);
    findings.extend(notices(options).await);
    findings.extend(dropped(options));
    let running = match desk::running(vars, sheets_writer::NAME) {
        Some(url) => Some(desk::answers(&url).await),
        None => None,
    };
    findings.push(match running {
        Some(true) => Finding::new("system", State::Fine, "one is running and answers"),
        Some(false) => Finding::new(
            "system",
            State::Notice,
            "addresses.json names one that is gone; the next start mends it",
        ),
        None => Finding::new("system", State::Notice, "none is running"),
    });
    findings.extend(stores(options, running == Some(true)).await);
    findings
}

/// The definitions are read and checked with the settings; here they are named.
fn workflows(options: &Options) -> Finding {
    match options.session_broker.registry() {
        Ok(registry) => {
            let names: Vec<String> = registry
                .iter()
                .map(|workflow| {
                    let hosted = if workflow.hosted.is_some() { " (hosted too)" } else { "" };
                    format!("{}{hosted}", workflow.slug)
                })
                .collect();
            Finding::new("workflows", State::Fine, names.join(", "))
        }
        Err(problems) => Finding::new("workflows", State::Wrong, chassis::config::listed(&problems)),
    }
}

fn own_secrets(vars: &Vars) -> Vec<Finding> {
    let dir = vars.get("FRONTDESK_DIR").unwrap_or(".frontdesk");
    [("TOKEN_KEYS", "token-keys"), ("OPERATOR_TOKEN", "operator-token")]
        .into_iter()
        .map(|(setting, file)| {
            if vars.get(setting).is_some() {
                return Finding::new(setting, State::Fine, "set");
            }
            let path = Path::new(dir).join(file);
            let says = if path.is_file() {
                format!("kept in {}; set it where more than one machine serves", path.display())
            } else {
                "made at the first start; set it where more than one machine serves".to_owned()
            };
            Finding::new(setting, State::Notice, says)
        })
        .collect()
}

fn doors(vars: &Vars) -> Vec<Finding> {
    [
        ("ALLOWED_ORIGINS", "pages of this machine alone may embed the chat; name the site's origin here"),
        ("EVENTS_WEBHOOK_SECRET", "events are taken from this machine only, from nobody if PUBLIC_BASE_URL is public; set it to take them"),
    ]
    .into_iter()
    .map(|(setting, unset)| match vars.get(setting) {
        Some(_) => Finding::new(setting, State::Fine, "set"),
        None => Finding::new(setting, State::Notice, unset),
    })
    .collect()
}

/// Whether people are told, and how.
async fn notices(options: &Options) -> Vec<Finding> {
    let config = &options.ops_copilot;
    vec![
        Finding::of("Slack", ops_copilot::doctor::check_slack(config).await),
        Finding::of("mail", ops_copilot::doctor::check_mail(config).await),
    ]
}

async fn openai(options: &Options) -> Vec<Finding> {
    if options.sandboxed.contains(&Provider::OpenAi) {
        return vec![Finding::stand_in(Provider::OpenAi)];
    }
    vec![Finding::of("OpenAI", chat_agent::doctor::check(&options.chat_agent).await)]
}

async fn sheets(options: &Options) -> Vec<Finding> {
    if options.sandboxed.contains(&Provider::Sheets) {
        return vec![Finding::stand_in(Provider::Sheets)];
    }
    let reading = sheets_writer::doctor::check_reading(&options.sheets_writer).await;
    if reading.is_err() {
        return vec![Finding::of("Google Sheets", reading)];
    }
    let writing = sheets_writer::doctor::check_writing(&options.sheets_writer).await;
    vec![Finding::of("Google Sheets", reading), Finding::of("Google Sheets", writing)]
}

async fn calcom(options: &Options, vars: &Vars) -> Vec<Finding> {
    if options.sandboxed.contains(&Provider::CalCom) {
        return vec![Finding::stand_in(Provider::CalCom)];
    }
    let found = booking_payments::doctor::check_calcom(&options.booking_payments).await;
    vec![Finding::of("Cal.com", found), webhooks(vars, "CALCOM_WEBHOOK_SECRETS")]
}

async fn stripe(options: &Options, vars: &Vars) -> Vec<Finding> {
    if options.sandboxed.contains(&Provider::Stripe) {
        return vec![Finding::stand_in(Provider::Stripe)];
    }
    let found = booking_payments::doctor::check_stripe(&options.booking_payments).await;
    vec![Finding::of("Stripe", found), webhooks(vars, "STRIPE_WEBHOOK_SECRETS")]
}

async fn whop(options: &Options, vars: &Vars) -> Vec<Finding> {
    if options.sandboxed.contains(&Provider::Whop) {
        return vec![Finding::stand_in(Provider::Whop)];
    }
    let config = &options.whop_gateway;
    let found = whop_gateway::doctor::check_whop(config).await;
    let is_reached = found.is_ok();
    let mut findings = vec![Finding::of("Whop", found), app(vars), webhooks(vars, "WHOP_WEBHOOK_SECRETS")];
    if is_reached && config.whop_webhook_secrets.is_some() {
        findings.push(Finding::of("Whop's webhook", whop_gateway::doctor::check_webhook(config).await));
    }
    findings
}

/// Without the app there is no portal.
fn app(vars: &Vars) -> Finding {
    let setting = "WHOP_APP_ID";
    match vars.get(setting) {
        Some(_) => Finding::new(setting, State::Fine, "set"),
        None => {
            let says =
                "nobody is recognised as a member, so the portal is closed; set it to the app's id, app_…";
            Finding::new(setting, State::Notice, says)
        }
    }
}

/// What is invented and would be looked for in vain.
fn dropped(options: &Options) -> Option<Finding> {
    let finding = || Finding::new("SANDBOX_LEDGER_ADDR", State::Notice, invented::DROPPED);
    options.drops_invented.then(finding)
}

/// Without webhooks nothing is lost, and everything is late.
fn webhooks(vars: &Vars, setting: &str) -> Finding {
    match vars.get(setting) {
        Some(_) => Finding::new(setting, State::Fine, "set"),
        None => {
            let says = "webhooks are refused, so that everything comes late, by reconciliation; set it";
            Finding::new(setting, State::Wrong, says)
        }
    }
}

/// Whether every service's documents can be read, and are of a version that this program knows.
async fn stores(options: &Options, running: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (service, schema) in SCHEMAS {
        let of = format!("store of {service}");
        let place = place(options, service);
        findings.push(match &place.location {
            Location::Sqlite(_) if running => {
                Finding::new(&of, State::Fine, "open in the running system, which answers")
            }
            Location::Sqlite(dir) if !dir.join(format!("{service}.db")).is_file() => {
                Finding::new(&of, State::Notice, "there is none yet; it is made at the first start")
            }
            _ => Finding::of(&of, read(place, service, schema).await),
        });
    }
    findings
}

/// Where a service keeps its documents: the books of a stand-in's spreadsheet are not where all else is.
fn place<'a>(options: &'a Options, service: &str) -> &'a store::Config {
    if service == sheets_writer::NAME { &options.sheets_writer.store } else { &options.session_broker.store }
}

async fn read(place: &store::Config, service: &str, schema: Schema) -> Result<String, String> {
    let told = |why: store::Error| match why {
        store::Error::Unavailable(_) => format!("{why}: look at STORE, its permissions and the network"),
        why => why.to_string(),
    };
    let store = place.open(service, schema, store::system_clock()).map_err(told)?;
    let key = Key { collection: "doctor", id: "nothing".to_owned() };
    store.get(&key).await.map_err(told)?;
    Ok(format!("can be read, schema version {}", schema.version))
}

// === impl Finding ===

impl Finding {
    fn new(of: &str, state: State, says: impl Into<String>) -> Self {
        Self { of: of.to_owned(), state, says: says.into() }
    }

    fn of(of: &str, found: Result<String, String>) -> Self {
        match found {
            Ok(says) => Self::new(of, State::Fine, says),
            Err(says) => Self::new(of, State::Wrong, says),
        }
    }

    fn stand_in(provider: Provider) -> Self {
        let says = format!("a stand-in; {} makes it live", provider.setting());
        Self::new(&provider.to_string(), State::Notice, says)
    }

    fn json(&self) -> Value {
        json!({"of": self.of, "state": self.state.word(), "says": self.says})
    }

    fn line(&self) -> String {
        format!("{:<7} {:<25} {}", self.state.word(), self.of, table::plain(&self.says))
    }
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Notice => "notice",
            Self::Wrong => "wrong",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_invented_and_goes_nowhere_is_noticed() {
        let mut options =
            Options::read(Vec::<(String, String)>::new().into_iter().collect(), Vec::new()).unwrap();
        assert!(dropped(&options).is_none(), "the stand-in's sheet takes it");
        options.drops_invented = true;
        let found = dropped(&options).unwrap();
        assert_eq!((found.of.as_str(), found.state.word()), ("SANDBOX_LEDGER_ADDR", "notice"));
    }
}
