//! What a deploy would do.

use super::{
    apps::{parse_spec, refusal_view},
    instances::placement_view,
};
use crate::{
    authz::{action::app::Plan, permit::Permit},
    http::{
        error::Failure,
        input::{Json, State},
        reply::Found,
    },
    service::{
        error::Error,
        plan::{self, PlannedPlacement as Placed, Proposal},
    },
};
use berth_api_types::v1::plan::{PlanBody, PlanView, PlannedPlacement};
use berth_domain::{app::parse_replicas, field_error::FieldError, name::Name};

/// What a deploy would do: where it would run, what it would use. Changes nothing.
pub async fn preview(permit: Permit<Plan>, app: State, Json(body): Json<PlanBody>) -> Result<Found<PlanView>, Failure> {
    let preview = plan::preview(&app, &permit, parse(body)?).await?;
    Ok(Found(PlanView {
        placements: preview.placements.into_iter().map(placement).collect(),
        refusals: preview.refusals.into_iter().map(refusal_view).collect(),
        usage_before: preview.quota.before,
        usage_after: preview.quota.after,
        quota: preview.quota.quota,
        exceeded: preview.quota.exceeded,
        exposed_ports: preview.exposed_ports,
    }))
}

fn parse(body: PlanBody) -> Result<Proposal, Error> {
    let mut errors = Vec::new();
    let replicas = parse_replicas(body.replicas).map_err(|error| errors.push(error)).ok();
    let spec = parse_spec(&body.spec).map_err(|found| errors.extend(found)).ok();
    if let Some(Err(error)) = body.app.as_deref().map(Name::parse) {
        errors.push(FieldError { field: "app".into(), ..error });
    }
    match (replicas, spec) {
        (Some(replicas), Some(spec)) if errors.is_empty() => Ok(Proposal { app: body.app, replicas, spec }),
        _ => Err(Error::Invalid(errors)),
    }
}

fn placement(placed: Placed) -> PlannedPlacement {
    PlannedPlacement {
        node: placed.node,
        image_present: placed.image_present,
        explanation: placement_view(placed.placement),
    }
}
