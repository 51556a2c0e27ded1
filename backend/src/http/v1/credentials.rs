//! Registry credentials of a project.

use crate::{
    authz::{action::credential, permit::Permit},
    http::{
        error::Failure,
        input::{Json, Path, Query, State},
        page,
        reply::{Done, Found},
    },
    service::credentials::{self, Credential, NewCredential},
};
use berth_api_types::{
    page::{Page, PageQuery},
    v1::projects::{CredentialView, PutCredentialBody},
};
use berth_domain::id::RegistryCredentialId;
use serde::Deserialize;

/// Credentials without passwords.
pub async fn list(
    permit: Permit<credential::List>,
    app: State,
    Query(query): Query<PageQuery>,
) -> Result<Found<Page<CredentialView>>, Failure> {
    let found = credentials::list(&app, &permit, page::request(&query)?).await?;
    Ok(Found(page::view(found, view)))
}

/// Keeps credentials for a registry, instead of those that were there.
pub async fn put(
    permit: Permit<credential::Put>,
    app: State,
    Json(body): Json<PutCredentialBody>,
) -> Result<Found<CredentialView>, Failure> {
    let new = NewCredential::parse(&body.registry, &body.username, body.password)?;
    Ok(Found(view(credentials::put(&app, &permit, new).await?)))
}

/// Which credentials.
#[derive(Deserialize)]
pub struct CredentialPath {
    credential: RegistryCredentialId,
}

/// Deletes credentials.
pub async fn delete(
    permit: Permit<credential::Delete>,
    app: State,
    Path(path): Path<CredentialPath>,
) -> Result<Done, Failure> {
    credentials::delete(&app, &permit, path.credential).await?;
    Ok(Done)
}

fn view(credential: Credential) -> CredentialView {
    CredentialView {
        id: credential.id,
        registry: credential.registry,
        username: credential.username,
        created_at: credential.created_at,
    }
}
