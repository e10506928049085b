//! What stands in a request's address: its path, and parameters taken one by one.
//!
//! The invariant: what is not known is ignored, what stands twice is refused, and nothing is quoted.

use axum::extract::{Path, rejection::PathRejection};
use domain::Fault;
use url::form_urlencoded;

use crate::body::wrong;

/// The parameters of an address.
pub(super) struct Params(Vec<(String, String)>);

// === impl Params ===

impl Params {
    pub(super) fn read(query: Option<String>) -> Self {
        Self(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// The value of `name`; a blank one counts as absent.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Fault> {
        let mut values = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.trim());
        let value = values.next().filter(|value| !value.is_empty());
        if values.next().is_some() {
            return Err(wrong(name, "stands twice"));
        }
        Ok(value.map(str::to_owned))
    }

    /// A whole number from 1 to `most`.
    pub(super) fn count(&self, name: &str, most: i32) -> Result<Option<i32>, Fault> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let count = text.parse().ok().filter(|count| (1..=most).contains(count));
        count
            .map(Some)
            .ok_or_else(|| Fault::invalid(name, format!("{name} must be a number from 1 to {most}")))
    }
}

/// The id in a path.
pub(super) fn id_of(path: Result<Path<String>, PathRejection>) -> Result<String, Fault> {
    let Path(id) = path.map_err(|_| Fault::malformed("the path is not text"))?;
    Ok(id)
}

/// A parameter that was refused inward, by the name that it has here.
pub(super) fn named(fault: Fault) -> Fault {
    match fault.field.as_deref() {
        Some("page_token") => Fault::invalid("after", "after is not from this list"),
        Some("visitor_id") => Fault::invalid("visitor", "visitor must be an id"),
        _ => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_by_name() {
        let params = Params::read(Some("a=x%40y&b=&c=1&c=2&n=501&m=7".into()));
        assert_eq!(params.text("a").unwrap().as_deref(), Some("x@y"));
        assert_eq!((params.text("b").unwrap(), params.text("z").unwrap()), (None, None));
        assert_eq!(params.text("c").unwrap_err().message, "c stands twice");
        assert_eq!(params.count("m", 500).unwrap(), Some(7));
        assert_eq!(params.count("n", 500).unwrap_err().field.as_deref(), Some("n"));
        assert!(params.count("a", 500).is_err());
        assert_eq!(Params::read(None).text("a").unwrap(), None);
    }
}
