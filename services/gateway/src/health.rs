//! Whether the gateway answers: `GET /health`, and `/healthz` outside the cloud.
//!
//! The invariant: it speaks for this process alone. A service that is down is that service's alarm, and restarting
//! the gateway would not mend it.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// The gateway answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Get health
#[utoipa::path(
    get,
    path = "/health",
    tag = "operation",
    operation_id = "get_health",
    responses((status = 200, description = "The gateway answers.", body = Health)),
)]
pub(crate) async fn get_health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Get health, locally
///
/// Google's front end swallows public paths that end in z, so this one is not there in the cloud.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "operation",
    operation_id = "get_healthz",
    responses((status = 200, description = "The gateway answers.", body = Health)),
)]
pub(crate) async fn get_healthz() -> Json<Health> {
    get_health().await
}
