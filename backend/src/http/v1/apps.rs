//! Apps: create, list, read, delete, scale, stop, start.

use super::releases::{release_summary, rollout_view};
use crate::{
    authz::{
        action::app::{Create, Delete, List, Operate, Read, Scale},
        permit::Permit,
    },
    http::{
        error::Failure,
        if_match::IfMatch,
        input::{Json, Query, State},
        page,
        reply::{Accepted, Done, Found},
    },
    service::{
        apps::{self, AppDetail, CreateApp},
        error::Error,
        refusals::Refusal,
    },
};
use berth_api_types::{
    page::{Page, PageQuery},
    v1::apps::{AppView, CreateAppBody, RefusalView, ScaleBody},
};
use berth_domain::{
    app::{AppSpec, AppSpecInput, parse_replicas},
    field_error::FieldError,
    name::Name,
};

/// Creates an app and deploys its first release.
pub async fn create(
    permit: Permit<Create>,
    app: State,
    Json(body): Json<CreateAppBody>,
) -> Result<Accepted<AppView>, Failure> {
    let made = apps::create(&app, &permit, parse_new(&body)?).await?;
    Ok(Accepted(app_view(made)))
}

/// Apps of an environment, by name.
pub async fn list(
    permit: Permit<List>,
    app: State,
    Query(query): Query<PageQuery>,
) -> Result<Found<Page<AppView>>, Failure> {
    let found = apps::list(&app, &permit, &page::request(&query)?).await?;
    Ok(Found(page::view(found, app_view)))
}

/// One app.
pub async fn read(permit: Permit<Read>, app: State) -> Result<Found<AppView>, Failure> {
    Ok(Found(app_view(apps::read(&app, &permit).await?)))
}

/// Changes the number of instances.
pub async fn scale(
    permit: Permit<Scale>,
    app: State,
    seen: IfMatch,
    Json(body): Json<ScaleBody>,
) -> Result<Found<AppView>, Failure> {
    let replicas = parse_replicas(body.replicas).map_err(Error::field)?;
    Ok(Found(app_view(apps::scale(&app, &permit, replicas, seen.0).await?)))
}

/// Stops all instances.
pub async fn stop(permit: Permit<Operate>, app: State, seen: IfMatch) -> Result<Found<AppView>, Failure> {
    Ok(Found(app_view(apps::stop(&app, &permit, seen.0).await?)))
}

/// Starts them again.
pub async fn start(permit: Permit<Operate>, app: State, seen: IfMatch) -> Result<Found<AppView>, Failure> {
    Ok(Found(app_view(apps::start(&app, &permit, seen.0).await?)))
}

/// Deletes an app with all that it has.
pub async fn delete(permit: Permit<Delete>, app: State, seen: IfMatch) -> Result<Done, Failure> {
    apps::delete(&app, &permit, seen.0).await?;
    Ok(Done)
}

/// All that is wrong with a body, at once.
fn parse_new(body: &CreateAppBody) -> Result<CreateApp, Error> {
    let mut errors = Vec::new();
    let name = Name::parse(&body.name).map_err(|error| errors.push(error)).ok();
    let replicas = parse_replicas(body.replicas).map_err(|error| errors.push(error)).ok();
    let spec = parse_spec(&body.spec).map_err(|found| errors.extend(found)).ok();
    match (name, replicas, spec) {
        (Some(name), Some(replicas), Some(spec)) => Ok(CreateApp { name, replicas, spec }),
        _ => Err(Error::Invalid(errors)),
    }
}

/// A spec of a body; errors are named from the body's own root.
pub(super) fn parse_spec(input: &AppSpecInput) -> Result<AppSpec, Vec<FieldError>> {
    input.parse().map_err(|errors| errors.into_iter().map(|error| error.within("spec")).collect())
}

/// An app, from what a service read.
fn app_view(app: AppDetail) -> AppView {
    AppView {
        id: app.record.id,
        state: app.state(),
        replicas: app.record.replicas,
        running: app.record.running,
        ready: app.ready.ready,
        revision: app.record.revision,
        visit_url: app.visit_url(),
        release: release_summary(&app.record.release),
        spec: app.record.release.spec.into(),
        rollout: app.rollout.map(rollout_view),
        refusals: app.refusals.into_iter().map(refusal_view).collect(),
        created_at: app.record.created_at,
        name: app.record.name,
    }
}

/// A wanted instance without a place.
pub(super) fn refusal_view(refusal: Refusal) -> RefusalView {
    RefusalView {
        instance: refusal.instance,
        reasons: refusal.reasons,
        nearest: Some(refusal.nearest),
        since: refusal.since,
    }
}
