//! The id that names one request in every service's log and in the answer to the client.
//!
//! The door makes it or takes the caller's, the links carry it on. The invariant: what is carried is short and
//! plain, so that it may stand in a header and a log as it is.

use std::{fmt::Write as _, future::Future, sync::Arc};

use http::{HeaderMap, HeaderValue};

/// The header that carries the id.
pub const HEADER: &str = "x-request-id";

const LONGEST: usize = 64;

tokio::task_local! {
    static REQUEST_ID: Arc<str>;
}

/// The id of the request that this task serves.
pub fn current() -> Option<String> {
    REQUEST_ID.try_with(|id| id.to_string()).ok()
}

/// Runs `future` on behalf of request `id`.
pub async fn scope<F: Future>(id: String, future: F) -> F::Output {
    REQUEST_ID.scope(id.into(), future).await
}

/// A new id of 128 random bits.
pub fn make() -> String {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).expect("the system has random bits");
    bits.iter().fold(String::with_capacity(32), |mut id, byte| {
        // writing into a String cannot fail
        let _ = write!(id, "{byte:02x}");
        id
    })
}

/// The id in `headers`, if it is one that may be carried on.
pub(crate) fn read(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(HEADER)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (!id.is_empty() && id.len() <= LONGEST && id.bytes().all(plain)).then(|| id.to_owned())
}

/// Puts `id` into `headers`.
pub(crate) fn write(id: &str, headers: &mut HeaderMap) {
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(HEADER, value);
    }
}

/// Runs `work` on behalf of request `id`, for code that is polled outside of the call's own future.
pub(crate) fn sync_scope<T>(id: Arc<str>, work: impl FnOnce() -> T) -> T {
    REQUEST_ID.sync_scope(id, work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_short_and_plain_ids_are_carried_on() {
        let id = make();
        assert_eq!(id.len(), 32);
        for good in [id.as_str(), "req_1.2-3", "a"] {
            let mut headers = HeaderMap::new();
            write(good, &mut headers);
            assert_eq!(read(&headers).as_deref(), Some(good));
        }
        for bad in ["", "has space", "new\tline", "a;b", &"x".repeat(65)] {
            let mut headers = HeaderMap::new();
            write(bad, &mut headers);
            assert_eq!(read(&headers), None, "{bad:?}");
        }
    }

    #[tokio::test]
    async fn an_id_lives_as_long_as_its_scope() {
        assert_eq!(current(), None);
        scope("one".into(), async { assert_eq!(current().as_deref(), Some("one")) }).await;
        assert_eq!(current(), None);
    }
}
