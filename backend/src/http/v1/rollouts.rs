//! Rollouts: list, abort; restart, which is one.

use super::releases::{rollout_view, started_view};
use crate::{
    authz::{
        action::app::{Deploy, Operate, Read},
        permit::Permit,
    },
    http::{
        error::Failure,
        if_match::IfMatch,
        input::{Query, State},
        page,
        reply::{Accepted, Found},
    },
    service::rollouts,
};
use berth_api_types::{
    page::{Page, PageQuery},
    v1::releases::{RolloutStartedView, RolloutView},
};

/// Replaces every instance by a fresh one.
pub async fn restart(
    permit: Permit<Operate>,
    app: State,
    seen: IfMatch,
) -> Result<Accepted<RolloutStartedView>, Failure> {
    Ok(Accepted(started_view(rollouts::restart(&app.store, &permit, seen.0).await?)))
}

/// Takes back the rollout that is going on.
pub async fn abort(permit: Permit<Deploy>, app: State) -> Result<Accepted<RolloutView>, Failure> {
    Ok(Accepted(rollout_view(rollouts::abort(&app.store, &permit).await?)))
}

/// An app's rollouts, newest first.
pub async fn list(
    permit: Permit<Read>,
    app: State,
    Query(query): Query<PageQuery>,
) -> Result<Found<Page<RolloutView>>, Failure> {
    let found = rollouts::list(&app.store, &permit, &page::request(&query)?).await?;
    Ok(Found(page::view(found, rollout_view)))
}
