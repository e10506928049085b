//! One workflow, as its file defines it.
//!
//! The invariant: a [`Workflow`] that was parsed can be run; what its file says wrong is told all at once.

use serde::{Deserialize, Serialize};

use super::Problem;
use crate::Money;

/// OpenAI takes no smaller `max_output_tokens`.
const OUTPUT_TOKENS: std::ops::RangeInclusive<u32> = 16..=32_000;
const ROUNDS: std::ops::RangeInclusive<u32> = 1..=20;

/// Who may talk to a workflow, from the widest to the narrowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Every visitor.
    Anyone,
    /// A verified Whop user.
    Member,
    /// The operator alone, never through a site.
    Operator,
}

/// One workflow, as its file `<slug>.toml` defines it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workflow {
    /// The file's name without its ending.
    #[serde(skip)]
    pub slug: String,
    /// What people call it.
    pub title: String,
    /// Who may talk to it.
    pub audience: Audience,
    /// Hosts whose pages may get it, e.g. `www.example.com`; empty for all.
    #[serde(default)]
    pub sites: Vec<String>,
    /// Paths whose pages get it unasked, with all below them; the longest match wins.
    #[serde(default)]
    pub pages: Vec<String>,
    /// The Agent Builder workflow that OpenAI runs, `wf_…`.
    pub hosted: Option<String>,
    /// Version of `hosted`, a number; the latest deployed one if absent.
    pub version: Option<String>,
    /// The model that answers; `OPENAI_MODEL` if absent.
    pub model: Option<String>,
    /// What the model is told to be and to do.
    pub instructions: String,
    /// What a chat shows before the first message, one sentence.
    #[serde(default)]
    pub greeting: String,
    /// Things to ask at the press of a button.
    #[serde(default)]
    pub prompts: Vec<StarterPrompt>,
    /// Names of the tools that the model may call.
    #[serde(default)]
    pub tools: Vec<String>,
    /// How a conversation can end, for the books.
    #[serde(default)]
    pub outcomes: Vec<String>,
    /// Markdown files that questions are answered from, relative to the definition.
    #[serde(default)]
    pub knowledge: Vec<String>,
    /// What is for sale.
    #[serde(default)]
    pub offers: Vec<Offer>,
    /// Most calls of the model in one turn.
    #[serde(default = "default_max_rounds")]
    pub max_rounds: u32,
    /// Whether what a visitor writes is checked before the model sees it.
    #[serde(default = "default_moderation")]
    pub moderation: bool,
    /// Most tokens of one answer of the model.
    #[serde(default = "default_max_output_tokens")]
    pub max_output_tokens: u32,
}

/// One thing to ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StarterPrompt {
    /// What the button says.
    pub label: String,
    /// What is sent.
    pub prompt: String,
}

/// One thing that is for sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Unique within its workflow.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it costs, each `interval` if there is one.
    pub price: Money,
    /// How often the price is due; once if absent.
    pub interval: Option<Interval>,
    /// What one gets.
    pub description: Option<String>,
    /// Where more is said about it.
    pub url: Option<String>,
    /// It is sold by link: an agent may make a link by which a visitor pays exactly this price.
    #[serde(default)]
    pub payable: bool,
    /// Stripe's price of it, `price_…`; without one the name and the price above are what is paid.
    pub stripe_price: Option<String>,
    /// Slug of the calendar's event type that is booked once it is paid.
    pub meeting: Option<String>,
}

/// How often a price is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// Every week.
    Week,
    /// Every month.
    Month,
    /// Every year.
    Year,
}

fn default_max_rounds() -> u32 {
    6
}

fn default_moderation() -> bool {
    true
}

fn default_max_output_tokens() -> u32 {
    800
}

// === impl Workflow ===

impl Workflow {
    /// Reads one definition; all problems at once.
    pub fn parse(slug: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let problem = |why: String| Problem { file: format!("{slug}.toml"), why };
        if !is_slug(slug) {
            return Err(vec![problem("the name must be a slug of a-z, 0-9 and -".into())]);
        }
        let mut workflow: Self = toml::from_str(text).map_err(|error| vec![problem(error.to_string())])?;
        slug.clone_into(&mut workflow.slug);
        let problems: Vec<Problem> = workflow.check().into_iter().map(problem).collect();
        if problems.is_empty() { Ok(workflow) } else { Err(problems) }
    }

    fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        problems.extend(self.hosted.as_deref().and_then(|id| check_hosted(id).err()));
        // OpenAI takes `latest` without complaint and then fails every message (openai/chatkit-js issue 41).
        if self.version.as_deref().is_some_and(|v| v.is_empty() || !v.bytes().all(|b| b.is_ascii_digit())) {
            problems.push("version must be a number such as \"3\"; leave it out for the latest".into());
        }
        problems.extend(
            self.pages
                .iter()
                .filter(|page| !page.starts_with('/'))
                .map(|page| format!("page {page:?} must begin with /")),
        );
        self.check_texts(&mut problems);
        self.check_names(&mut problems);
        if !ROUNDS.contains(&self.max_rounds) {
            problems.push(format!("max_rounds must be {} to {}", ROUNDS.start(), ROUNDS.end()));
        }
        if !OUTPUT_TOKENS.contains(&self.max_output_tokens) {
            let (least, most) = (OUTPUT_TOKENS.start(), OUTPUT_TOKENS.end());
            problems.push(format!("max_output_tokens must be {least} to {most}"));
        }
        problems
    }

    fn check_texts(&self, problems: &mut Vec<String>) {
        let blank = |text: &str| text.trim().is_empty();
        if blank(&self.title) {
            problems.push("title must not be empty".into());
        }
        if blank(&self.instructions) {
            problems.push("instructions must not be empty".into());
        }
        if self.model.as_deref().is_some_and(blank) {
            problems.push("model must not be empty; leave it out for OPENAI_MODEL".into());
        }
        if self.prompts.iter().any(|prompt| blank(&prompt.label) || blank(&prompt.prompt)) {
            problems.push("a prompt must have a label and a prompt".into());
        }
        for file in &self.knowledge {
            let inside = file.split('/').all(|part| !matches!(part, "" | "." | ".."));
            if !inside || !file.ends_with(".md") || file.contains('\\') {
                problems.push(format!("knowledge {file:?} must be a .md file at or below the definition"));
            }
        }
        for offer in &self.offers {
            if blank(&offer.name) || offer.price.minor < 0 {
                problems.push(format!("offer {:?} must have a name and a price of 0 or more", offer.id));
            }
            problems.extend(offer.check_sale());
            if offer.url.as_deref().is_some_and(|url| !is_web_address(url)) {
                problems.push(format!("url of offer {:?} must be an http or https address", offer.id));
            }
        }
    }

    fn check_names(&self, problems: &mut Vec<String>) {
        let offers = self.offers.iter().map(|offer| offer.id.as_str());
        let lists: [(&str, Vec<&str>); 3] = [
            ("tools", self.tools.iter().map(String::as_str).collect()),
            ("outcomes", self.outcomes.iter().map(String::as_str).collect()),
            ("offers", offers.collect()),
        ];
        for (list, names) in lists {
            for (i, name) in names.iter().enumerate() {
                if !is_name(name) {
                    problems.push(format!("{list}: {name:?} must be of a-z, 0-9, _ and -"));
                }
                if names[..i].contains(name) {
                    problems.push(format!("{list}: {name:?} stands there twice"));
                }
            }
        }
    }

    pub(super) fn takes_site(&self, site: &str) -> bool {
        self.sites.is_empty() || self.sites.iter().any(|host| host.eq_ignore_ascii_case(site))
    }

    /// Length of the longest of its pages that `path` is or lies below.
    pub(super) fn claims(&self, path: &str) -> Option<usize> {
        let below = |page: &str| {
            let base = page.trim_end_matches('/');
            path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.pages.iter().filter(|page| below(page)).map(String::len).max()
    }
}

// === impl Offer ===

impl Offer {
    /// What is wrong with how it is sold.
    fn check_sale(&self) -> Option<String> {
        let Self { id, payable, stripe_price, meeting, interval, .. } = self;
        if !payable && (stripe_price.is_some() || meeting.is_some()) {
            return Some(format!("offer {id:?} has a stripe_price or a meeting and is not payable"));
        }
        if meeting.is_some() && interval.is_some() {
            return Some(format!("offer {id:?} is due again and again, so no meeting can follow it"));
        }
        if *payable && self.price.minor == 0 {
            return Some(format!("offer {id:?} costs nothing, so there is nothing to pay"));
        }
        let is_price = |price: &str| price.strip_prefix("price_").is_some_and(|tail| !tail.is_empty());
        let wrong = stripe_price.as_deref().is_some_and(|price| !is_price(price));
        wrong.then(|| format!("stripe_price of offer {id:?} must be price_…"))
    }
}

pub(super) fn check_hosted(id: &str) -> Result<(), String> {
    let tail = id.strip_prefix("wf_").unwrap_or_default();
    if tail.is_empty() || !tail.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
        return Err(format!("hosted id {id:?} must be wf_ and letters, digits, _ or -"));
    }
    Ok(())
}

fn is_slug(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    !text.is_empty() && text.len() <= 64 && text.bytes().all(plain)
}

fn is_web_address(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let text = format!("title = 'A'\naudience = 'anyone'\n{text}");
        let found = Workflow::parse("a", &text).err().unwrap_or_default();
        found.into_iter().map(|problem| problem.why).collect()
    }

    #[test]
    fn what_is_left_out_has_a_sound_default() {
        let workflow =
            Workflow::parse("a", "title = 'A'\naudience = 'anyone'\ninstructions = 'Help.'").unwrap();
        assert_eq!((workflow.max_rounds, workflow.moderation, workflow.max_output_tokens), (6, true, 800));
        assert!(workflow.tools.is_empty() && workflow.model.is_none());
    }

    #[test]
    fn one_file_tells_all_its_problems() {
        let text =
            "instructions = ''\nmodel = ''\nmax_rounds = 0\nmax_output_tokens = 1\ntools = ['a', 'a', 'B!']
            knowledge = ['../secret.md', 'a.txt']\npages = ['x']\nprompts = [{label = '', prompt = 'p'}]
            offers = [{id = 'o', name = 'O', price = {minor = -1, currency = 'EUR'}, url = 'javascript:x'}]";
        assert_eq!(
            problems(text),
            [
                "page \"x\" must begin with /",
                "instructions must not be empty",
                "model must not be empty; leave it out for OPENAI_MODEL",
                "a prompt must have a label and a prompt",
                "knowledge \"../secret.md\" must be a .md file at or below the definition",
                "knowledge \"a.txt\" must be a .md file at or below the definition",
                "offer \"o\" must have a name and a price of 0 or more",
                "url of offer \"o\" must be an http or https address",
                "tools: \"a\" stands there twice",
                "tools: \"B!\" must be of a-z, 0-9, _ and -",
                "max_rounds must be 1 to 20",
                "max_output_tokens must be 16 to 32000",
            ]
        );
    }

    #[test]
    fn what_is_sold_by_link_has_a_price_and_at_most_one_meeting() {
        let offer = |more: &str| {
            let text = format!(
                "offers = [{{id = 'o', name = 'O', price = {{minor = 100, currency = 'EUR'}}{more}}}]"
            );
            problems(&format!("instructions = 'x'\n{text}"))
        };
        assert!(offer(", payable = true, meeting = 'consult', stripe_price = 'price_1'").is_empty());
        assert_eq!(
            offer(", meeting = 'consult'"),
            ["offer \"o\" has a stripe_price or a meeting and is not payable"]
        );
        assert_eq!(
            offer(", payable = true, meeting = 'consult', interval = 'month'"),
            ["offer \"o\" is due again and again, so no meeting can follow it"]
        );
        assert_eq!(
            offer(", payable = true, stripe_price = 'prod_1'"),
            ["stripe_price of offer \"o\" must be price_…"]
        );
        let free = "offers = [{id = 'o', name = 'O', price = {minor = 0, currency = 'EUR'}, payable = true}]";
        assert_eq!(
            problems(&format!("instructions = 'x'\n{free}")),
            ["offer \"o\" costs nothing, so there is nothing to pay"]
        );
    }

    #[test]
    fn instructions_are_required() {
        assert!(problems("").iter().any(|why| why.contains("instructions")));
        assert!(problems("instructions = 'x'\nanything = 1").iter().any(|why| why.contains("anything")));
    }
}
