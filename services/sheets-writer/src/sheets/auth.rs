//! Access tokens for Google's APIs.

use std::sync::Arc;

use gcp_auth::TokenProvider;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::OnceCell;

use super::Trouble;

const SCOPE: &str = "https://www.googleapis.com/auth/spreadsheets";

/// A fixed token, or Google's application default credentials, found at the first call and refreshed by `gcp_auth`.
pub(super) struct Tokens {
    fixed: Option<SecretString>,
    provider: OnceCell<Arc<dyn TokenProvider>>,
}

impl Tokens {
    pub(super) fn new(fixed: Option<SecretString>) -> Self {
        Self { fixed, provider: OnceCell::new() }
    }

    /// A token with the scope `spreadsheets`.
    pub(super) async fn token(&self) -> Result<String, Trouble> {
        if let Some(token) = &self.fixed {
            return Ok(token.expose_secret().to_owned());
        }
        let failed = |error: gcp_auth::Error| Trouble::Credentials(error.to_string());
        let provider = self.provider.get_or_try_init(gcp_auth::provider).await.map_err(failed)?;
        let token = provider.token(&[SCOPE]).await.map_err(failed)?;
        Ok(token.as_str().to_owned())
    }
}
