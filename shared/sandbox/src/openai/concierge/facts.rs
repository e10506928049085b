//! What a visitor says about themselves, read out of plain sentences.
//!
//! The invariant: a fact is a piece of what was said, never a guess.

const CURRENCIES: [&str; 11] =
    ["chf", "dollar", "dollars", "eur", "euro", "euros", "gbp", "pounds", "usd", "€", "$"];
const TIMES: [&str; 15] = [
    "as soon as possible",
    "asap",
    "immediately",
    "next month",
    "next quarter",
    "next week",
    "next year",
    "right away",
    "this month",
    "this quarter",
    "this week",
    "this year",
    "today",
    "tomorrow",
    "tonight",
];
const NAMED: [&str; 6] = ["my name is ", "name: ", "i am ", "i'm ", "ich bin ", "ich heiße "];

/// What is known; later words replace earlier ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) email: Option<String>,
    pub(super) phone: Option<String>,
    pub(super) name: Option<String>,
    pub(super) company: Option<String>,
    pub(super) budget: Option<String>,
    pub(super) timeframe: Option<String>,
    /// The sentence in which they said what they want.
    pub(super) intent: Option<String>,
}

impl Facts {
    /// Takes in one message.
    pub(super) fn read(&mut self, text: &str) {
        let set = |fact: &mut Option<String>, found: Option<String>| {
            if found.is_some() {
                *fact = found;
            }
        };
        set(&mut self.email, email(text));
        set(&mut self.phone, phone(text));
        set(&mut self.budget, budget(text));
        set(&mut self.timeframe, timeframe(text));
        if let Some((name, rest)) = name(text) {
            self.name = Some(name);
            set(&mut self.company, company(rest));
        }
    }
}

/// The first e-mail address.
pub(super) fn email(text: &str) -> Option<String> {
    let between = |char: char| char.is_whitespace() || "<>()[]{},;:\"'!?|".contains(char);
    let address = |word: &&str| {
        let Some((local, domain)) = word.split_once('@') else { return false };
        let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
        !local.is_empty() && domain.contains('.') && domain.split('.').all(label)
    };
    text.split(between).map(|word| word.trim_matches('.')).find(address).map(str::to_owned)
}

fn phone(text: &str) -> Option<String> {
    let from = &text[text.find('+')?..];
    let end = from[1..].find(|char: char| !(char.is_ascii_digit() || " -()/.".contains(char)));
    let number = from[..end.map_or(from.len(), |end| end + 1)].trim_end_matches([' ', '-', '(', '/', '.']);
    let digits = number.chars().filter(char::is_ascii_digit).count();
    (8..=15).contains(&digits).then(|| number.to_owned())
}

/// A name, and what follows it.
fn name(text: &str) -> Option<(String, &str)> {
    // ASCII alone is lowered, so that positions stay the same.
    let lower = text.to_ascii_lowercase();
    let starts_word = |at: usize| !lower[..at].chars().next_back().is_some_and(char::is_alphanumeric);
    NAMED.iter().find_map(|marker| {
        let at = lower.match_indices(marker).map(|(at, _)| at).find(|at| starts_word(*at))?;
        let rest = &text[at + marker.len()..];
        let name = capitalised(rest);
        (!name.is_empty()).then(|| (name.join(" "), rest))
    })
}

fn company(rest: &str) -> Option<String> {
    let after = [" from ", " at ", " of ", " von "].iter().filter_map(|word| {
        let at = rest.find(word)?;
        Some(capitalised(&rest[at + word.len()..]).join(" "))
    });
    after.into_iter().find(|company| !company.is_empty())
}

/// Up to three capitalised words at the beginning; punctuation ends them.
fn capitalised(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for word in text.split_whitespace().take(3) {
        let bare = word.trim_end_matches([',', '.', ';', '!', '?']);
        let fits = bare.starts_with(char::is_uppercase)
            && bare.chars().all(|char| char.is_alphanumeric() || "-'&".contains(char));
        if !fits {
            break;
        }
        words.push(bare);
        if bare.len() < word.len() {
            break;
        }
    }
    words
}

/// A number with its currency, as it was said.
fn budget(text: &str) -> Option<String> {
    let words: Vec<&str> =
        text.split_whitespace().map(|word| word.trim_matches([',', '.', ';', '!', '?', '(', ')'])).collect();
    let currency =
        |word: Option<&&str>| word.is_some_and(|w| CURRENCIES.contains(&w.to_lowercase().as_str()));
    words.iter().enumerate().find_map(|(at, word)| {
        let bare = word.trim_matches(['$', '€', '£']);
        if !bare.starts_with(|char: char| char.is_ascii_digit()) {
            return None;
        }
        let digits_end = bare.find(|char: char| !(char.is_ascii_digit() || ",.".contains(char)));
        let unit = bare[digits_end.unwrap_or(bare.len())..].to_lowercase();
        let amount = unit.is_empty() || unit == "k";
        if (amount && bare.len() < word.len()) || CURRENCIES.contains(&unit.as_str()) {
            return Some((*word).to_owned());
        }
        match at {
            _ if amount && currency(words.get(at + 1)) => Some(format!("{word} {}", words[at + 1])),
            1.. if amount && currency(words.get(at - 1)) => Some(format!("{} {word}", words[at - 1])),
            _ => None,
        }
    })
}

fn timeframe(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let phrase = TIMES.iter().find_map(|time| lower.find(time).map(|at| at..at + time.len()));
    if let Some(range) = phrase {
        return Some(text[range].to_owned());
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    let unit = |word: &str| {
        let word = word.trim_end_matches([',', '.', ';', '!', '?']).to_lowercase();
        ["day", "week", "month", "year"].contains(&word.trim_end_matches('s'))
    };
    let spans = |three: &&[&str]| {
        ["in", "within"].contains(&three[0].to_lowercase().as_str())
            && three[1].chars().all(|char| char.is_ascii_digit())
            && unit(three[2])
    };
    let three = words.windows(3).find(spans)?;
    Some(three.join(" ").trim_end_matches([',', '.', ';', '!', '?']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_what_was_said() {
        let mut facts = Facts::default();
        facts.read("I need a chatbot within 3 months, budget is about €5,000.");
        facts.read("Hi, I'm Ada Lovelace from Acme, write to <ada@example.com> or +49 (30) 123456-78.");
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            facts,
            Facts {
                email: some("ada@example.com"),
                phone: some("+49 (30) 123456-78"),
                name: some("Ada Lovelace"),
                company: some("Acme"),
                budget: some("€5,000"),
                timeframe: some("within 3 months"),
                intent: None,
            }
        );
    }

    #[test]
    fn budgets_need_a_currency() {
        for (text, found) in [
            ("about 5000 EUR", Some("5000 EUR")),
            ("USD 500, please", Some("USD 500")),
            ("we have $10k.", Some("$10k")),
            ("5k euros", Some("5k euros")),
            ("300€ a month", Some("300€")),
            ("room 5000", None),
            ("in 3 weeks", None),
        ] {
            assert_eq!(budget(text).as_deref(), found, "{text}");
        }
    }

    #[test]
    fn what_is_no_fact_is_not_taken() {
        for text in ["I am interested", "me@home", "@a.b", "a@b..c", "+1 22", "I amble about", "miam Ada"] {
            let mut facts = Facts::default();
            facts.read(text);
            assert_eq!(facts, Facts::default(), "{text}");
        }
        assert_eq!(email("mail a.b+c@x-y.example.org."), Some("a.b+c@x-y.example.org".to_owned()));
        assert_eq!(name("My name is Grace, hello").map(|(name, _)| name), Some("Grace".to_owned()));
    }
}
