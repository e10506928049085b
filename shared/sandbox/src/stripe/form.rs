//! Forms with nested brackets, as Stripe takes its parameters: `line_items[0][price_data][currency]=usd`.
//!
//! The invariant: what nobody took out of a form is refused by [`Form::end`], so no parameter is passed over.

use url::form_urlencoded;

use super::error::Refusal;

/// Deeper than any parameter of Stripe's.
const DEEPEST: usize = 8;

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Text(String),
    Fields(Vec<(String, Node)>),
}

/// The fields of one level, and where that is.
#[derive(Clone, Debug)]
pub(super) struct Form {
    path: String,
    fields: Vec<(String, Node)>,
}

pub(super) type Taken<T> = Result<T, Refusal>;

impl Form {
    /// Reads a body or a query.
    pub(super) fn parse(text: &[u8]) -> Taken<Self> {
        let mut root = Vec::new();
        for (name, value) in form_urlencoded::parse(text) {
            let steps = steps(&name).ok_or_else(|| Refusal::new("Invalid request: a parameter's name."))?;
            if !insert(&mut root, &steps, value.into_owned()) {
                return Err(Refusal::new(format!("Invalid object: {}", steps[0])).param(&steps[0]));
            }
        }
        Ok(Self { path: String::new(), fields: root })
    }

    /// The full name of a parameter of this level.
    pub(super) fn name(&self, field: &str) -> String {
        if self.path.is_empty() { field.to_owned() } else { format!("{}[{field}]", self.path) }
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.fields.iter().any(|(name, _)| name == field)
    }

    fn take(&mut self, field: &str) -> Option<Node> {
        let at = self.fields.iter().position(|(name, _)| name == field)?;
        Some(self.fields.remove(at).1)
    }

    /// A text of at most so many characters; an empty one is refused.
    pub(super) fn text(&mut self, field: &str, most: usize) -> Taken<Option<String>> {
        let name = self.name(field);
        match self.take(field) {
            None => Ok(None),
            Some(Node::Fields(_)) => Err(Refusal::new("Invalid string: {…}").param(name)),
            Some(Node::Text(text)) if text.is_empty() => Err(Refusal::empty(&name)),
            Some(Node::Text(text)) if text.chars().count() > most => {
                let message = format!("Invalid string: must be at most {most} characters");
                Err(Refusal::new(message).param(name))
            }
            Some(Node::Text(text)) => Ok(Some(text)),
        }
    }

    /// A text one level below, which stays there for the others of its level.
    pub(super) fn text_within(&mut self, outer: &str, inner: &str) -> Taken<Option<String>> {
        let Some(mut level) = self.form(outer)? else { return Ok(None) };
        let text = level.text(inner, 5000)?;
        if !level.fields.is_empty() {
            self.fields.push((outer.to_owned(), Node::Fields(level.fields)));
        }
        Ok(text)
    }

    pub(super) fn required(&mut self, field: &str, most: usize) -> Taken<String> {
        self.text(field, most)?.ok_or_else(|| Refusal::missing(&self.name(field)))
    }

    pub(super) fn one_of(&mut self, field: &str, allowed: &[&'static str]) -> Taken<Option<&'static str>> {
        let Some(text) = self.text(field, 5000)? else { return Ok(None) };
        let known = allowed.iter().find(|one| **one == text);
        known.copied().map(Some).ok_or_else(|| Refusal::not_one_of(&self.name(field), allowed))
    }

    pub(super) fn integer(&mut self, field: &str) -> Taken<Option<i64>> {
        let Some(text) = self.text(field, 5000)? else { return Ok(None) };
        let digits = text.strip_prefix('-').unwrap_or(&text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let message = format!("Invalid integer: {}", self.name(field));
            return Err(Refusal::new(message).code("parameter_invalid_integer").param(self.name(field)));
        }
        let too_large = || {
            let name = self.name(field);
            Refusal::new(format!("Invalid integer: {name}")).code("parameter_invalid_integer").param(name)
        };
        text.parse().map(Some).map_err(|_| too_large())
    }

    pub(super) fn boolean(&mut self, field: &str) -> Taken<Option<bool>> {
        let Some(text) = self.text(field, 5000)? else { return Ok(None) };
        match text.as_str() {
            "true" => Ok(Some(true)),
            "false" => Ok(Some(false)),
            _ => Err(Refusal::new("Invalid boolean").param(self.name(field))),
        }
    }

    /// The level below.
    pub(super) fn form(&mut self, field: &str) -> Taken<Option<Self>> {
        let path = self.name(field);
        match self.take(field) {
            None => Ok(None),
            Some(Node::Fields(fields)) => Ok(Some(Self { path, fields })),
            Some(Node::Text(_)) => Err(Refusal::new("Invalid object").param(path)),
        }
    }

    /// The entries of an array of objects, in order.
    pub(super) fn forms(&mut self, field: &str) -> Taken<Vec<Self>> {
        let name = self.name(field);
        let Some(list) = self.form(field)? else { return Ok(Vec::new()) };
        let mut forms = Vec::new();
        for (index, node) in in_order(list.fields, &name)? {
            match node {
                Node::Fields(fields) => forms.push(Self { path: format!("{name}[{index}]"), fields }),
                Node::Text(_) => return Err(Refusal::new("Invalid object").param(format!("{name}[{index}]"))),
            }
        }
        Ok(forms)
    }

    /// The entries of an array of texts, in order.
    pub(super) fn texts(&mut self, field: &str) -> Taken<Vec<String>> {
        let name = self.name(field);
        match self.take(field) {
            None => Ok(Vec::new()),
            Some(Node::Text(_)) => Err(Refusal::new("Invalid array").param(name)),
            Some(Node::Fields(fields)) => in_order(fields, &name)?
                .into_iter()
                .map(|(index, node)| match node {
                    Node::Text(text) => Ok(text),
                    Node::Fields(_) => Err(Refusal::new("Invalid string").param(format!("{name}[{index}]"))),
                })
                .collect(),
        }
    }

    /// Key and value pairs.
    pub(super) fn pairs(self) -> Taken<Vec<(String, String)>> {
        let Self { path, fields } = self;
        let pair = |(key, node)| match node {
            Node::Text(text) => Ok((key, text)),
            Node::Fields(_) => Err(Refusal::new("Metadata values must be strings").param(path.as_str())),
        };
        fields.into_iter().map(pair).collect()
    }

    /// Nothing else was given. `not_played` are names that Stripe knows and the stand-in does not play.
    pub(super) fn end(self, not_played: &[&str]) -> Taken<()> {
        match self.fields.first() {
            None => Ok(()),
            Some((field, _)) if not_played.contains(&field.as_str()) => {
                Err(Refusal::not_played(&self.name(field)))
            }
            Some((field, _)) => Err(Refusal::unknown(&self.name(field))),
        }
    }
}

fn in_order(fields: Vec<(String, Node)>, name: &str) -> Taken<Vec<(usize, Node)>> {
    let mut entries = Vec::new();
    for (index, node) in fields {
        let index = index.parse::<usize>().map_err(|_| Refusal::new("Invalid array").param(name))?;
        entries.push((index, node));
    }
    entries.sort_by_key(|(index, _)| *index);
    Ok(entries)
}

/// `a[b][0]` as its steps.
fn steps(name: &str) -> Option<Vec<String>> {
    let (first, rest) = name.split_at(name.find('[').unwrap_or(name.len()));
    let mut steps = vec![first.to_owned()];
    if !rest.is_empty() {
        let inner = rest.strip_prefix('[')?.strip_suffix(']')?;
        steps.extend(inner.split("][").map(str::to_owned));
    }
    let plain = |step: &String| !step.contains(['[', ']']);
    (!first.is_empty() && steps.len() <= DEEPEST && steps.iter().all(plain)).then_some(steps)
}

/// Puts a value where its steps lead; false if something of another kind is there. `a[]` appends.
fn insert(fields: &mut Vec<(String, Node)>, steps: &[String], value: String) -> bool {
    let [first, rest @ ..] = steps else { return false };
    let name = if first.is_empty() { fields.len().to_string() } else { first.clone() };
    let at = fields.iter().position(|(known, _)| *known == name);
    match (at, rest.is_empty()) {
        (None, true) => fields.push((name, Node::Text(value))),
        (None, false) => {
            let mut below = Vec::new();
            if !insert(&mut below, rest, value) {
                return false;
            }
            fields.push((name, Node::Fields(below)));
        }
        (Some(at), true) => match &mut fields[at].1 {
            Node::Text(text) => *text = value,
            Node::Fields(_) => return false,
        },
        (Some(at), false) => match &mut fields[at].1 {
            Node::Fields(below) => return insert(below, rest, value),
            Node::Text(_) => return false,
        },
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_nest_and_lists_keep_their_order() {
        let text = b"a=1&b%5Bc%5D%5Bd%5D=x+y&types[]=p&types[]=q&l[1][n]=2&l[0][n]=1";
        let mut form = Form::parse(text).unwrap();
        assert_eq!(form.integer("a").unwrap(), Some(1));
        let mut inner = form.form("b").unwrap().unwrap().form("c").unwrap().unwrap();
        assert_eq!(inner.name("d"), "b[c][d]");
        assert_eq!(inner.text("d", 9).unwrap().as_deref(), Some("x y"));
        assert_eq!(form.texts("types").unwrap(), ["p", "q"]);
        let order: Vec<_> = form.forms("l").unwrap().iter_mut().map(|l| l.integer("n").unwrap()).collect();
        assert_eq!(order, [Some(1), Some(2)]);
        form.end(&[]).unwrap();
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for text in ["a=1&a[b]=2", "a[b]=1&a=2", "a[=1", "a[b=1", "[a]=1", "a[b]c=1"] {
            assert!(Form::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Form::parse(b"x[y]=1").unwrap().end(&[]).is_err());
    }
}
