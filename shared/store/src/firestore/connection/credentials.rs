//! What the emulator is shown in place of credentials.

use firestore::gcloud_sdk::{
    GoogleAuthHeaders, HeaderMap,
    google_cloud_auth::{
        credentials::{CacheableResource, Credentials, CredentialsProvider, EntityTag},
        errors::CredentialsError,
    },
    tonic::codegen::http::{Extensions, HeaderValue, header::AUTHORIZATION},
};

/// The emulator takes this token for one that may do anything.
const OWNER: HeaderValue = HeaderValue::from_static("Bearer owner");

/// Credentials for the emulator: no machine that runs it needs Google's.
pub(super) fn emulator() -> GoogleAuthHeaders {
    Credentials::from(Owner(EntityTag::new())).into()
}

#[derive(Debug)]
struct Owner(EntityTag);

impl CredentialsProvider for Owner {
    async fn headers(&self, known: Extensions) -> Result<CacheableResource<HeaderMap>, CredentialsError> {
        if known.get::<EntityTag>() == Some(&self.0) {
            return Ok(CacheableResource::NotModified);
        }
        let data = HeaderMap::from_iter([(AUTHORIZATION, OWNER)]);
        Ok(CacheableResource::New { entity_tag: self.0.clone(), data })
    }

    async fn universe_domain(&self) -> Option<String> {
        None
    }
}
