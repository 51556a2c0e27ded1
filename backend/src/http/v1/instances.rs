//! Instances of an app.

use crate::{
    authz::{action::app::Read, permit::Permit},
    http::{
        error::Failure,
        input::{Query, State},
        page,
        reply::Found,
    },
    service::instances::{self, Instance, Placement},
};
use berth_api_types::{
    page::{Page, PageQuery},
    v1::apps::{CandidateView, EndpointView, InstanceView, PlacementView, PullView},
};
use berth_domain::lifecycle::InstancePhase;

/// An app's instances, newest release first.
pub async fn list(
    permit: Permit<Read>,
    app: State,
    Query(query): Query<PageQuery>,
) -> Result<Found<Page<InstanceView>>, Failure> {
    let found = instances::list(&app.store, &permit, &page::request(&query)?).await?;
    Ok(Found(page::view(found, instance_view)))
}

fn instance_view(instance: Instance) -> InstanceView {
    let endpoints = instance.endpoints();
    let record = instance.record;
    let observed = record.observed;
    let phase = observed.as_ref().map_or(InstancePhase::Waiting, |seen| seen.phase);
    let pull = observed.as_ref().filter(|_| phase == InstancePhase::Pulling);
    InstanceView {
        id: record.id,
        name: instance.name,
        release: record.release_number,
        node: record.node_name,
        node_lost: record.node_lost,
        phase,
        stop_reason: record.stop_reason,
        restarts: observed.as_ref().map_or(0, |seen| seen.restarts),
        exit_code: observed.as_ref().and_then(|seen| seen.exit_code),
        resources: record.resources,
        endpoints: endpoints
            .into_iter()
            .map(|(container_port, address)| EndpointView { container_port, address })
            .collect(),
        pull: pull.map(|seen| PullView { bytes: seen.pulled_bytes, total_bytes: seen.pull_total_bytes }),
        explanation: placement_view(instance.placement),
        created_at: record.created_at,
        started_at: observed.as_ref().and_then(|seen| seen.started_at),
        observed_at: observed.as_ref().map(|seen| seen.at),
        reason: observed.as_ref().map(|seen| seen.reason.clone()).unwrap_or_default(),
        message: observed.map(|seen| seen.message).unwrap_or_default(),
    }
}

/// Why an instance is, or would be, on its node.
pub(super) fn placement_view(placement: Placement) -> PlacementView {
    let candidate = |candidate: instances::Candidate| CandidateView {
        node: candidate.node,
        same_app: candidate.same_app,
        image_present: candidate.image_present,
        fill_permille: candidate.fill_permille,
    };
    PlacementView {
        candidates: placement.candidates.into_iter().map(candidate).collect(),
        feasible: placement.feasible,
        refused: placement.refused,
    }
}
