//! Arguments of a function call, filled in from facts by the names and types in the function's own schema.
//!
//! The invariant: what [`fill`] returns has every required member, and no other type or enum value than the schema's.

use serde_json::{Map, Number, Value};

use super::facts::Facts;

/// Deeper than any schema that a request may carry.
const DEEPEST: usize = 12;

/// What there is to fill in.
pub(super) struct Known<'a> {
    pub(super) facts: &'a Facts,
    /// The visitor's last message.
    pub(super) said: &'a str,
    /// How the conversation ended.
    pub(super) outcome: &'a str,
    pub(super) summary: &'a str,
    /// Whether the function only looks something up.
    pub(super) searches: bool,
}

/// The arguments for a function with these parameters.
pub(super) fn fill(parameters: &Value, known: &Known<'_>) -> Value {
    let form = Form { root: parameters, known };
    if parameters.is_object() { form.object(parameters, 0) } else { Value::Object(Map::new()) }
}

struct Form<'a> {
    root: &'a Value,
    known: &'a Known<'a>,
}

impl Form<'_> {
    fn object(&self, schema: &Value, depth: usize) -> Value {
        let required = |name: &str| {
            schema["required"].as_array().is_some_and(|names| names.iter().any(|required| required == name))
        };
        let mut object = Map::new();
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let value = self.value(name, member, depth + 1);
            if let Some(value) = value.or_else(|| required(name).then(|| self.blank(member, depth + 1))) {
                object.insert(name.clone(), value);
            }
        }
        Value::Object(object)
    }

    /// What is known for this member.
    fn value(&self, name: &str, schema: &Value, depth: usize) -> Option<Value> {
        let schema = self.resolve(schema);
        if depth > DEEPEST {
            return None;
        }
        if let Some(options) = schema["anyOf"].as_array() {
            return options.iter().find_map(|option| self.value(name, option, depth + 1));
        }
        if let Some(only) = schema.get("const") {
            return Some(only.clone());
        }
        if let Some(values) = schema["enum"].as_array() {
            let said = self.known.facts.intent.as_deref().unwrap_or_default();
            return choose(&format!("{} {said}", self.text(name)?), values);
        }
        match kind(schema) {
            "string" => self.text(name).map(|text| shorten(&text, schema).into()),
            "integer" | "number" => self.number(name, schema),
            // Who searches and may say for what wants all of it.
            "array" if self.known.searches => schema["items"].get("enum").cloned(),
            "object" => {
                let object = self.object(schema, depth);
                let says = |value: &Value| !matches!(value, Value::Null | Value::Array(_));
                object.as_object().is_some_and(|map| map.values().any(says)).then_some(object)
            }
            _ => None,
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        let facts = self.known.facts;
        let name = name.to_ascii_lowercase();
        let full = facts.name.as_deref();
        match name.as_str() {
            "email" | "email_address" | "e_mail" => facts.email.clone(),
            "phone" | "phone_number" => facts.phone.clone(),
            "name" | "full_name" => facts.name.clone(),
            "first_name" | "given_name" => full?.split(' ').next().map(str::to_owned),
            "last_name" | "family_name" | "surname" => Some(full?.split_once(' ')?.1.to_owned()),
            "company" | "organisation" | "organization" => facts.company.clone(),
            "intent" | "interest" => facts.intent.as_deref().map(|said| intent(said).to_owned()),
            "need" | "needs" | "notes" => facts.intent.clone(),
            "budget" | "budget_range" => facts.budget.clone(),
            "currency" => currency(facts.budget.as_deref()?).map(str::to_owned),
            "timeframe" | "timeline" => facts.timeframe.clone(),
            "query" | "question" | "search" if self.known.searches => Some(self.known.said.to_owned()),
            "outcome" | "result" => Some(self.known.outcome.to_owned()),
            "summary" | "reason" | "note" | "detail" | "details" => Some(self.known.summary.to_owned()),
            _ => None,
        }
    }

    fn number(&self, name: &str, schema: &Value) -> Option<Value> {
        let budgets = ["budget", "amount", "budget_max", "max_budget"];
        if !budgets.contains(&name.to_ascii_lowercase().as_str()) {
            return None;
        }
        let budget = self.known.facts.budget.as_deref()?;
        let digits: String = budget.chars().filter(char::is_ascii_digit).collect();
        let thousands = if budget.to_lowercase().contains('k') { 1000 } else { 1 };
        let amount = digits.parse::<i64>().ok()?.checked_mul(thousands)?;
        within(schema, amount).then(|| amount.into())
    }

    /// What a required member holds when nothing is known: null if that may be.
    fn blank(&self, schema: &Value, depth: usize) -> Value {
        let schema = self.resolve(schema);
        if nullable(schema) || depth > DEEPEST {
            return Value::Null;
        }
        if let Some(options) = schema["anyOf"].as_array() {
            if options.iter().any(|option| nullable(self.resolve(option))) {
                return Value::Null;
            }
            return options.first().map_or(Value::Null, |option| self.blank(option, depth + 1));
        }
        if let Some(only) = schema.get("const").or_else(|| schema["enum"].get(0)) {
            return only.clone();
        }
        match kind(schema) {
            "string" => Value::String(shorten(self.known.said, schema)),
            "integer" | "number" => least(schema),
            "boolean" => Value::Bool(false),
            "array" => {
                let count = schema["minItems"].as_u64().unwrap_or(0).min(16);
                (0..count).map(|_| self.blank(&schema["items"], depth + 1)).collect()
            }
            "object" => self.object(schema, depth),
            _ => Value::Null,
        }
    }

    /// Follows `$ref` within the function's own schema.
    fn resolve<'s>(&'s self, schema: &'s Value) -> &'s Value {
        let mut schema = schema;
        for _ in 0..DEEPEST {
            let Some(path) = schema["$ref"].as_str().and_then(|path| path.strip_prefix('#')) else { break };
            let Some(target) = self.root.pointer(path) else { break };
            schema = target;
        }
        schema
    }
}

/// What somebody who says this wants, in a word.
fn intent(said: &str) -> &'static str {
    let said = said.to_lowercase();
    let words =
        [("partner", "partnership"), ("support", "support"), ("problem", "support"), ("book", "booking")];
    words.iter().find(|(word, _)| said.contains(word)).map_or("buy_inquiry", |(_, intent)| intent)
}

fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(kind) => kind,
        Value::Array(kinds) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or_default()
        }
        _ => "",
    }
}

fn nullable(schema: &Value) -> bool {
    let null = |values: &Value, null: &Value| values.as_array().is_some_and(|values| values.contains(null));
    if let Some(values) = schema.get("enum") {
        return null(values, &Value::Null);
    }
    schema["type"] == "null" || null(&schema["type"], &"null".into())
}

/// The value of the enum that has most words in common with the text; none without any.
fn choose(text: &str, values: &[Value]) -> Option<Value> {
    let words = |text: &str| -> Vec<String> {
        text.to_lowercase().split(|char: char| !char.is_alphanumeric()).map(str::to_owned).collect()
    };
    let said = words(text);
    let score = |value: &Value| {
        let wanted = words(value.as_str().unwrap_or_default());
        wanted.iter().filter(|word| !word.is_empty() && said.contains(word)).count()
    };
    // The first of the best, whichever way the iterator breaks ties.
    let best = values.iter().rev().max_by_key(|value| score(value))?;
    (score(best) > 0).then(|| best.clone())
}

fn shorten(text: &str, schema: &Value) -> String {
    let most = schema["maxLength"].as_u64().and_then(|most| usize::try_from(most).ok()).unwrap_or(1000);
    text.chars().take(most).collect()
}

fn within(schema: &Value, number: i64) -> bool {
    schema["minimum"].as_i64().is_none_or(|least| number >= least)
        && schema["maximum"].as_i64().is_none_or(|most| number <= most)
}

/// The smallest number that fits, but 1 where it may.
fn least(schema: &Value) -> Value {
    match within(schema, 1) {
        true => Value::Number(Number::from(1)),
        false => schema.get("minimum").or_else(|| schema.get("maximum")).cloned().unwrap_or_default(),
    }
}

fn currency(budget: &str) -> Option<&'static str> {
    let budget = budget.to_lowercase();
    let codes = [("€", "EUR"), ("eur", "EUR"), ("$", "USD"), ("usd", "USD"), ("dollar", "USD")];
    let more = [("£", "GBP"), ("gbp", "GBP"), ("pound", "GBP"), ("chf", "CHF")];
    codes.into_iter().chain(more).find(|(sign, _)| budget.contains(sign)).map(|(_, code)| code)
}

#[cfg(test)]
mod tests;
