//! Forms as Stripe reads them: `application/x-www-form-urlencoded`, nested by brackets.
//!
//! The invariant: the same fields make the same bytes, so that a repetition is one to Stripe too.

use url::form_urlencoded::Serializer;

/// The fields of a request that writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Form(Vec<(String, String)>);

// === impl Form ===

impl Form {
    /// Adds a field, e.g. `line_items[0][quantity]`; an empty value says nothing and is left out.
    pub(crate) fn set(&mut self, name: impl Into<String>, value: impl ToString) {
        let value = value.to_string();
        if !value.is_empty() {
            self.0.push((name.into(), value));
        }
    }

    /// Adds a map below `name`.
    pub(crate) fn set_all(&mut self, name: &str, map: &[(&str, String)]) {
        for (key, value) in map {
            self.set(format!("{name}[{key}]"), value);
        }
    }

    /// The body.
    pub(crate) fn encode(&self) -> String {
        Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_nest_by_brackets() {
        let mut form = Form::default();
        form.set("mode", "payment");
        form.set("line_items[0][quantity]", 1);
        form.set("customer_email", "");
        form.set_all("metadata", &[("checkout", "chk_1".into()), ("note", "a&b=c é".into())]);
        assert_eq!(
            form.encode(),
            "mode=payment&line_items%5B0%5D%5Bquantity%5D=1&metadata%5Bcheckout%5D=chk_1\
             &metadata%5Bnote%5D=a%26b%3Dc+%C3%A9"
        );
    }
}
