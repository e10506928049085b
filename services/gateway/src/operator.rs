//! The operator's REST: people, rows of the books and conversations, for the business' own programs; and a page.
//!
//! Who shows `OPERATOR_TOKEN` sees everything that the owner sees in the spreadsheet. The invariant: no handler runs
//! without the proof [`Operator`], and without a token of ours there are no routes at all.

mod contacts;
mod erasures;
mod leads;
mod page;
mod query;
mod rows;
mod threads;
mod wire;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use domain::{Fault, Kind, Reason};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) use self::erasures::ErasureReceipt;
use crate::{door::Door, error, problem::Problem};

/// The service of the books.
const SERVICE: &str = "sheets-writer";

/// All of them, described.
pub(crate) fn routes() -> OpenApiRouter<Door> {
    OpenApiRouter::new()
        .routes(routes!(contacts::find_contacts, contacts::fill_contact, contacts::put_contact))
        .routes(routes!(contacts::get_contact))
        .routes(routes!(contacts::export_contact))
        .routes(routes!(erasures::erase_contact))
        .routes(routes!(erasures::get_erasure))
        .routes(routes!(leads::upsert_lead))
        .routes(routes!(rows::list_rows))
        .routes(routes!(threads::list_threads))
        .routes(routes!(threads::get_thread))
        .routes(routes!(threads::reply_in_thread))
        .routes(routes!(threads::release_thread))
        .routes(routes!(page::get_operator_page))
        .routes(routes!(page::get_operator_script))
}

/// Proof that the request is the operator's.
pub(crate) struct Operator;

impl FromRequestParts<Door> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Problem> {
        let token = door.operator.as_ref().ok_or_else(Problem::route_unknown)?;
        if shows(&parts.headers, token) { Ok(Self) } else { Err(refusal().into()) }
    }
}

/// Compares digests, so that neither content nor length is told by the time it takes.
pub(crate) fn shows(headers: &HeaderMap, token: &SecretString) -> bool {
    let mut shown = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(shown), None) = (shown.next(), shown.next()) else { return false };
    let Some((scheme, shown)) = shown.to_str().ok().and_then(|shown| shown.split_once(' ')) else {
        return false;
    };
    let digest = |text: &str| Sha256::digest(text.as_bytes());
    let same = digest(shown.trim()).ct_eq(&digest(token.expose_secret()));
    scheme.eq_ignore_ascii_case("bearer") && bool::from(same)
}

/// What the books answered.
fn found<T>(answered: Option<T>) -> Result<T, Fault> {
    answered.ok_or_else(|| error::nothing(SERVICE))
}

fn refusal() -> Fault {
    let message = "the operator's token is missing or wrong; send it as authorization: Bearer";
    Fault::new(Kind::Unauthenticated, Reason::SecretWrong, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_taken() {
        let token: SecretString = "a-token-of-the-operator".into();
        let takes = |shown: &[&str]| {
            let headers = shown.iter().map(|shown| (header::AUTHORIZATION, shown.parse().unwrap()));
            let mut map = HeaderMap::new();
            headers.for_each(|(name, value)| {
                map.append(name, value);
            });
            shows(&map, &token)
        };
        assert!(takes(&["Bearer a-token-of-the-operator"]) && takes(&["bearer a-token-of-the-operator"]));
        for wrong in [
            &[][..],
            &["a-token-of-the-operator"],
            &["Basic a-token-of-the-operator"],
            &["Bearer a-token-of-the-operato"],
            &["Bearer a-token-of-the-operatorX"],
            &["Bearer "],
            &["Bearer a-token-of-the-operator", "Bearer a-token-of-the-operator"],
        ] {
            assert!(!takes(wrong), "{wrong:?}");
        }
    }
}
