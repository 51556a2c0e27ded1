//! Projects and their environments.

use crate::{
    authz::{
        action::{environment, project},
        permit::Permit,
    },
    http::{
        error::Failure,
        input::{Json, Query, State},
        page,
        reply::{Created, Done, Found},
    },
    service::{
        error::Error,
        projects::{self, Environment, NewProject, Project},
    },
};
use berth_api_types::{
    page::{Page, PageQuery},
    v1::projects::{CreateEnvironmentBody, CreateProjectBody, EnvironmentView, ProjectView},
};
use berth_domain::name::Name;

/// Projects that the caller may see.
pub async fn list(
    permit: Permit<project::List>,
    app: State,
    Query(query): Query<PageQuery>,
) -> Result<Found<Page<ProjectView>>, Failure> {
    let found = projects::list(&app, &permit, page::request(&query)?).await?;
    Ok(Found(page::view(found, project_view)))
}

/// Makes a project with its environments.
pub async fn create(
    permit: Permit<project::Create>,
    app: State,
    Json(body): Json<CreateProjectBody>,
) -> Result<Created<ProjectView>, Failure> {
    let new = NewProject::parse(&body.name, body.environments.as_deref())?;
    Ok(Created(project_view(projects::create(&app, &permit, new).await?)))
}

/// One project.
pub async fn read(permit: Permit<project::Read>, app: State) -> Result<Found<ProjectView>, Failure> {
    Ok(Found(project_view(projects::read(&app, &permit).await?)))
}

/// Deletes a project that has no apps.
pub async fn delete(permit: Permit<project::Delete>, app: State) -> Result<Done, Failure> {
    projects::delete(&app, &permit).await?;
    Ok(Done)
}

/// Environments of a project: few enough for one page.
pub async fn list_environments(
    permit: Permit<environment::List>,
    app: State,
) -> Result<Found<Page<EnvironmentView>>, Failure> {
    let found = projects::list_environments(&app, &permit).await?;
    Ok(Found(Page { items: found.into_iter().map(environment_view).collect(), next_cursor: None }))
}

/// Makes an environment after the others.
pub async fn create_environment(
    permit: Permit<environment::Create>,
    app: State,
    Json(body): Json<CreateEnvironmentBody>,
) -> Result<Created<EnvironmentView>, Failure> {
    let name = Name::parse(&body.name).map_err(Error::field)?;
    Ok(Created(environment_view(projects::create_environment(&app, &permit, name).await?)))
}

/// Deletes an environment that has no apps.
pub async fn delete_environment(permit: Permit<environment::Delete>, app: State) -> Result<Done, Failure> {
    projects::delete_environment(&app, &permit).await?;
    Ok(Done)
}

fn project_view(project: Project) -> ProjectView {
    ProjectView {
        id: project.record.id,
        name: project.record.name,
        created_at: project.record.created_at,
        environments: project.environments.into_iter().map(environment_view).collect(),
    }
}

fn environment_view(environment: Environment) -> EnvironmentView {
    EnvironmentView { id: environment.id, name: environment.name, apps: environment.apps }
}
