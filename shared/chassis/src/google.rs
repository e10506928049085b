//! Access tokens for Google's APIs.
//!
//! The invariant: a token is asked for when it is needed and not before, so a process without credentials starts.

use std::{fmt, sync::Arc};

use gcp_auth::TokenProvider;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::OnceCell;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[error("no Google credentials: {0}")]
pub struct NoToken(#[from] gcp_auth::Error);

/// A fixed token, or Google's application default credentials, found at the first call and refreshed by `gcp_auth`.
pub struct Tokens {
    fixed: Option<SecretString>,
    scope: &'static str,
    provider: OnceCell<Arc<dyn TokenProvider>>,
}

// === impl Tokens ===

impl Tokens {
    /// Tokens for `scope`, an address as Google's documentation of an API names it.
    pub fn new(fixed: Option<SecretString>, scope: &'static str) -> Self {
        Self { fixed, scope, provider: OnceCell::new() }
    }

    /// A token.
    ///
    /// # Errors
    /// There are no credentials, or Google gives no token for them.
    pub async fn token(&self) -> Result<String, NoToken> {
        if let Some(token) = &self.fixed {
            return Ok(token.expose_secret().to_owned());
        }
        let provider = self.provider.get_or_try_init(gcp_auth::provider).await?;
        Ok(provider.token(&[self.scope]).await?.as_str().to_owned())
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("scope", &self.scope).finish_non_exhaustive()
    }
}
