//! Projects, environments, registry credentials and images.

use super::{
    client::{delete, get, get_with, patch, post, post_empty, put},
    error::ApiError,
};
use berth_api_types::{
    page::{Page, PageQuery},
    path,
    v1::{
        images::ImageView,
        people::{GrantBody, PersonAtView, UpdatePersonBody},
        projects::{
            CreateEnvironmentBody, CreateProjectBody, CredentialView, EnvironmentView, ProjectView, PutCredentialBody,
        },
    },
};
use berth_domain::id::{ImageId, RegistryCredentialId, UserId};

/// Projects of a tenant.
pub async fn list(tenant: &str, page: &PageQuery) -> Result<Page<ProjectView>, ApiError> {
    get_with(&path::projects(tenant), page).await
}
/// One project.
pub async fn read(tenant: &str, project: &str) -> Result<ProjectView, ApiError> {
    get(&path::project(tenant, project)).await
}
/// Creates a project with its environments.
pub async fn create(tenant: &str, body: &CreateProjectBody) -> Result<ProjectView, ApiError> {
    post(&path::projects(tenant), body).await
}
/// Deletes an empty project.
pub async fn remove(tenant: &str, project: &str) -> Result<(), ApiError> {
    delete(&path::project(tenant, project)).await
}
/// Creates an environment.
pub async fn create_environment(
    tenant: &str,
    project: &str,
    body: &CreateEnvironmentBody,
) -> Result<EnvironmentView, ApiError> {
    post(&path::environments(tenant, project), body).await
}
/// Deletes an empty environment.
pub async fn remove_environment(tenant: &str, project: &str, environment: &str) -> Result<(), ApiError> {
    delete(&path::environment(tenant, project, environment)).await
}
/// Where roles are given below the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Tenant.
    pub tenant: String,
    /// Project.
    pub project: String,
    /// Environment; none: the whole project.
    pub environment: Option<String>,
}

impl Place {
    fn people(&self) -> String {
        match &self.environment {
            Some(environment) => path::environment_people(&self.tenant, &self.project, environment),
            None => path::project_people(&self.tenant, &self.project),
        }
    }
    fn person(&self, user: UserId) -> String {
        match &self.environment {
            Some(environment) => path::environment_person(&self.tenant, &self.project, environment, user),
            None => path::project_person(&self.tenant, &self.project, user),
        }
    }
}

/// Who may do something at a place, by a role there or above.
pub async fn list_people(place: &Place, page: &PageQuery) -> Result<Page<PersonAtView>, ApiError> {
    get_with(&place.people(), page).await
}
/// Gives a role there.
pub async fn grant_role(place: &Place, body: &GrantBody) -> Result<PersonAtView, ApiError> {
    post(&place.people(), body).await
}
/// Changes a role that was given there.
pub async fn update_role(place: &Place, user: UserId, body: &UpdatePersonBody) -> Result<PersonAtView, ApiError> {
    patch(&place.person(user), body).await
}
/// Takes a role away that was given there.
pub async fn revoke_role(place: &Place, user: UserId) -> Result<(), ApiError> {
    delete(&place.person(user)).await
}
/// Registry credentials.
pub async fn list_credentials(tenant: &str, project: &str, page: &PageQuery) -> Result<Page<CredentialView>, ApiError> {
    get_with(&path::credentials(tenant, project), page).await
}
/// Keeps credentials for a registry, replacing those that were there.
pub async fn put_credential(tenant: &str, project: &str, body: &PutCredentialBody) -> Result<CredentialView, ApiError> {
    put(&path::credentials(tenant, project), body).await
}
/// Forgets credentials.
pub async fn remove_credential(tenant: &str, project: &str, credential: RegistryCredentialId) -> Result<(), ApiError> {
    delete(&path::credential(tenant, project, credential)).await
}
/// Images that were loaded from files.
pub async fn list_images(tenant: &str, project: &str, page: &PageQuery) -> Result<Page<ImageView>, ApiError> {
    get_with(&path::images(tenant, project), page).await
}
/// Loads the sample's image.
pub async fn load_sample_image(tenant: &str, project: &str) -> Result<ImageView, ApiError> {
    post_empty(&path::sample_image(tenant, project)).await
}
/// Deletes an image.
pub async fn remove_image(tenant: &str, project: &str, image: ImageId) -> Result<(), ApiError> {
    delete(&path::image(tenant, project, image)).await
}
