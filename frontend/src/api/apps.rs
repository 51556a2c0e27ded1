//! Apps, releases, rollouts, instances, logs.

use super::{
    client::{delete, get, get_with, post, post_empty, put},
    error::ApiError,
};
use crate::scope::EnvironmentScope;
use berth_api_types::{
    page::{Page, PageQuery},
    path,
    v1::{
        apps::{AppView, CreateAppBody, InstanceView, ScaleBody},
        events::EventView,
        logs::{LogQuery, LogsView, TicketView},
        plan::{PlanBody, PlanView},
        releases::{DeployBody, ReleaseSummary, ReleaseView, RollbackBody, RolloutStartedView, RolloutView},
    },
};
use berth_domain::id::InstanceId;

type Scope = EnvironmentScope;

/// Apps of an environment.
pub async fn list(at: &Scope, page: &PageQuery) -> Result<Page<AppView>, ApiError> {
    get_with(&path::apps(&at.tenant, &at.project, &at.environment), page).await
}
/// Creates an app and deploys its first release.
pub async fn create(at: &Scope, body: &CreateAppBody) -> Result<AppView, ApiError> {
    post(&path::apps(&at.tenant, &at.project, &at.environment), body).await
}
/// What a deploy would do.
pub async fn plan(at: &Scope, body: &PlanBody) -> Result<PlanView, ApiError> {
    post(&path::plan(&at.tenant, &at.project, &at.environment), body).await
}
/// One app.
pub async fn read(at: &Scope, app: &str) -> Result<AppView, ApiError> {
    get(&path::app(&at.tenant, &at.project, &at.environment, app)).await
}
/// Deletes an app with all that it has.
pub async fn remove(at: &Scope, app: &str) -> Result<(), ApiError> {
    delete(&path::app(&at.tenant, &at.project, &at.environment, app)).await
}
/// Its releases, newest first.
pub async fn list_releases(at: &Scope, app: &str, page: &PageQuery) -> Result<Page<ReleaseSummary>, ApiError> {
    get_with(&path::releases(&at.tenant, &at.project, &at.environment, app), page).await
}
/// One release with its difference.
pub async fn read_release(at: &Scope, app: &str, number: u32) -> Result<ReleaseView, ApiError> {
    get(&path::release(&at.tenant, &at.project, &at.environment, app, number)).await
}
/// Makes a release and rolls it out.
pub async fn deploy(at: &Scope, app: &str, body: &DeployBody) -> Result<RolloutStartedView, ApiError> {
    post(&path::releases(&at.tenant, &at.project, &at.environment, app), body).await
}
/// Goes back.
pub async fn roll_back(at: &Scope, app: &str, body: &RollbackBody) -> Result<RolloutStartedView, ApiError> {
    post(&path::rollback(&at.tenant, &at.project, &at.environment, app), body).await
}
/// Changes the number of instances.
pub async fn scale(at: &Scope, app: &str, replicas: u32) -> Result<AppView, ApiError> {
    put(&path::scale(&at.tenant, &at.project, &at.environment, app), &ScaleBody { replicas }).await
}
/// Stops all instances.
pub async fn stop(at: &Scope, app: &str) -> Result<AppView, ApiError> {
    post_empty(&path::stop(&at.tenant, &at.project, &at.environment, app)).await
}
/// Starts them again.
pub async fn start(at: &Scope, app: &str) -> Result<AppView, ApiError> {
    post_empty(&path::start(&at.tenant, &at.project, &at.environment, app)).await
}
/// Replaces every instance by a fresh one.
pub async fn restart(at: &Scope, app: &str) -> Result<RolloutStartedView, ApiError> {
    post_empty(&path::restart(&at.tenant, &at.project, &at.environment, app)).await
}
/// Its rollouts, newest first.
pub async fn list_rollouts(at: &Scope, app: &str) -> Result<Page<RolloutView>, ApiError> {
    get(&path::rollouts(&at.tenant, &at.project, &at.environment, app)).await
}
/// Takes back the rollout that is going on.
pub async fn abort_rollout(at: &Scope, app: &str) -> Result<RolloutView, ApiError> {
    post_empty(&path::abort(&at.tenant, &at.project, &at.environment, app)).await
}
/// Its instances.
pub async fn list_instances(at: &Scope, app: &str, page: &PageQuery) -> Result<Page<InstanceView>, ApiError> {
    get_with(&path::instances(&at.tenant, &at.project, &at.environment, app), page).await
}
/// What happened to it.
pub async fn events(at: &Scope, app: &str, page: &PageQuery) -> Result<Page<EventView>, ApiError> {
    get_with(&path::app_events(&at.tenant, &at.project, &at.environment, app), page).await
}
/// The newest lines of all its instances.
pub async fn logs(at: &Scope, app: &str, query: &LogQuery) -> Result<LogsView, ApiError> {
    get_with(&path::logs(&at.tenant, &at.project, &at.environment, app), query).await
}
/// Where the live log streams from (server-sent events `line` and `gap`).
pub fn logs_live_url(at: &Scope, app: &str, query: &LogQuery) -> String {
    super::client::with_query(&path::logs_live(&at.tenant, &at.project, &at.environment, app), query)
}
/// A ticket for a terminal in an instance.
pub async fn terminal_ticket(at: &Scope, app: &str, instance: InstanceId) -> Result<TicketView, ApiError> {
    post_empty(&path::terminal_ticket(&at.tenant, &at.project, &at.environment, app, instance)).await
}
