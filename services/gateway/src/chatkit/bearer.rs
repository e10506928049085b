//! The client secret of a chat of our own: made with a session, shown with every request of the chat.
//!
//! The invariant: it says whose chat it is, of which workflow and which session, and lacks none of them.

use axum::http::{HeaderMap, header};
use domain::{
    id::VisitorId,
    token::{Claims, Keys, Purpose},
};
use jiff::Timestamp;

/// Who talks, about what.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Talker {
    /// The visitor.
    pub(crate) visitor: VisitorId,
    /// Slug of the workflow.
    pub(crate) workflow: String,
    /// The session that the secret belongs to.
    pub(crate) session_id: String,
    /// The Whop user, if one had proved to be there when the session was made.
    pub(crate) whop_user: Option<String>,
}

/// A client secret for this talker.
pub(crate) fn seal(keys: &Keys, talker: Talker, now: Timestamp) -> String {
    seal_as(Purpose::ClientSecret, keys, talker, now)
}

/// A token for this talker that is good for `purpose`.
pub(crate) fn seal_as(purpose: Purpose, keys: &Keys, talker: Talker, now: Timestamp) -> String {
    let claims = Claims {
        subject: talker.visitor.to_string(),
        workflow: Some(talker.workflow),
        session_id: Some(talker.session_id),
        whop_user: talker.whop_user,
        ..Claims::default()
    };
    keys.seal_claims(purpose, claims, now)
}

/// Who shows a client secret that we signed and that has not ended.
pub(crate) fn open(keys: &Keys, headers: &HeaderMap, now: Timestamp) -> Option<Talker> {
    let mut shown = headers.get_all(header::AUTHORIZATION).iter();
    let (shown, None) = (shown.next()?.to_str().ok()?, shown.next()) else { return None };
    let (scheme, token) = shown.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    unseal(keys, Purpose::ClientSecret, token.trim(), now)
}

/// Who is meant by a token that we signed for `purpose` and that has not ended.
pub(crate) fn unseal(keys: &Keys, purpose: Purpose, token: &str, now: Timestamp) -> Option<Talker> {
    let claims = keys.open(purpose, token, now)?;
    Some(Talker {
        visitor: claims.subject.parse().ok()?,
        workflow: claims.workflow?,
        session_id: claims.session_id?,
        whop_user: claims.whop_user,
    })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn talker() -> Talker {
        let visitor = "vis_1".parse().unwrap();
        let (workflow, session_id) = ("lead-concierge".into(), "ses_1".into());
        Talker { visitor, workflow, session_id, whop_user: Some("user_1".into()) }
    }

    fn opened(keys: &Keys, shown: &str, now: Timestamp) -> Option<Talker> {
        open(keys, &HeaderMap::from_iter([(header::AUTHORIZATION, shown.parse().unwrap())]), now)
    }

    #[test]
    fn a_secret_says_who_talks_until_it_ends() {
        let keys = Keys::parse(&Keys::generate()).unwrap();
        let token = seal(&keys, talker(), NOW);
        assert_eq!(opened(&keys, &format!("Bearer {token}"), NOW), Some(talker()));
        assert_eq!(opened(&keys, &format!("bearer  {token}"), NOW), Some(talker()));
        let end = NOW + SignedDuration::from_secs(600);
        assert_eq!(opened(&keys, &format!("Bearer {token}"), end), None);
        for other in [token.clone(), format!("Basic {token}"), format!("Bearer {token}x"), "Bearer".into()] {
            assert_eq!(opened(&keys, &other, NOW), None, "{other}");
        }
    }

    #[test]
    fn other_tokens_of_ours_are_no_client_secrets() {
        let keys = Keys::parse(&Keys::generate()).unwrap();
        let claims = || Claims {
            subject: "vis_1".into(),
            workflow: Some("w".into()),
            session_id: Some("i".into()),
            ..Claims::default()
        };
        let without_workflow = Claims { workflow: None, ..claims() };
        let without_session = Claims { session_id: None, ..claims() };
        let strange = Claims { subject: "../1".into(), ..claims() };
        for (purpose, claims) in [
            (Purpose::Visitor, claims()),
            (Purpose::ToolSession, claims()),
            (Purpose::ClientSecret, without_workflow),
            (Purpose::ClientSecret, without_session),
            (Purpose::ClientSecret, strange),
        ] {
            let token = keys.seal_claims(purpose, claims, NOW);
            assert_eq!(opened(&keys, &format!("Bearer {token}"), NOW), None, "{purpose:?}");
        }
    }

    #[test]
    fn two_secrets_are_none() {
        let keys = Keys::parse(&Keys::generate()).unwrap();
        let shown = format!("Bearer {}", seal(&keys, talker(), NOW));
        let mut headers = HeaderMap::new();
        headers.append(header::AUTHORIZATION, shown.parse().unwrap());
        headers.append(header::AUTHORIZATION, shown.parse().unwrap());
        assert_eq!(open(&keys, &headers, NOW), None);
    }
}
