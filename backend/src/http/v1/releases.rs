//! Releases: deploy, roll back, list, read.

use super::apps::parse_spec;
use crate::{
    authz::{
        action::app::{Deploy, Read},
        permit::Permit,
    },
    http::{
        error::Failure,
        if_match::IfMatch,
        input::{Json, Path, Query, State},
        page,
        reply::{Accepted, Found},
    },
    service::{
        error::Error,
        releases::{self, Release, ReleaseDetail, Started},
        rollouts::{Rollout, RolloutCause as Cause},
    },
};
use berth_api_types::{
    page::{Page, PageQuery},
    v1::releases::{
        DeployBody, ReleaseSummary, ReleaseView, RollbackBody, RolloutCause, RolloutStartedView, RolloutView,
    },
};
use berth_domain::field_error::{FieldCode, FieldError};
use serde::Deserialize;

/// Longest note of a release, in characters: a line or two beside each release.
const NOTE_CHARS_MAX: usize = 500;

/// Makes a release and rolls it out.
pub async fn deploy(
    permit: Permit<Deploy>,
    app: State,
    seen: IfMatch,
    Json(body): Json<DeployBody>,
) -> Result<Accepted<RolloutStartedView>, Failure> {
    let mut errors = Vec::new();
    if body.note.chars().count() > NOTE_CHARS_MAX {
        let error = FieldError::new("note", FieldCode::TooLong, format!("at most {NOTE_CHARS_MAX} characters"));
        errors.push(error.limit(NOTE_CHARS_MAX as u64));
    }
    if body.note.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        errors.push(FieldError::new("note", FieldCode::BadCharacter, "no control characters but line breaks"));
    }
    match parse_spec(&body.spec) {
        Ok(spec) if errors.is_empty() => {
            let started = releases::deploy(&app, &permit, spec, &body.note, seen.0).await?;
            Ok(Accepted(started_view(started)))
        }
        found => {
            errors.extend(found.err().into_iter().flatten());
            Err(Error::Invalid(errors).into())
        }
    }
}

/// Goes back to an earlier release.
pub async fn roll_back(
    permit: Permit<Deploy>,
    app: State,
    seen: IfMatch,
    Json(body): Json<RollbackBody>,
) -> Result<Accepted<RolloutStartedView>, Failure> {
    Ok(Accepted(started_view(releases::roll_back(&app, &permit, body.release, seen.0).await?)))
}

/// An app's releases, newest first.
pub async fn list(
    permit: Permit<Read>,
    app: State,
    Query(query): Query<PageQuery>,
) -> Result<Found<Page<ReleaseSummary>>, Failure> {
    let found = releases::list(&app.store, &permit, &page::request(&query)?).await?;
    Ok(Found(page::view(found, |release| release_summary(&release))))
}

/// The number in a path.
#[derive(Deserialize)]
pub struct ReleasePath {
    number: u32,
}

/// One release, with its difference from the one before.
pub async fn read(
    permit: Permit<Read>,
    app: State,
    Path(path): Path<ReleasePath>,
) -> Result<Found<ReleaseView>, Failure> {
    let ReleaseDetail { release, changes, compared_with } = releases::read(&app.store, &permit, path.number).await?;
    let summary = release_summary(&release);
    Ok(Found(ReleaseView { summary, spec: release.spec.into(), changes, compared_with }))
}

/// What was begun.
pub(super) fn started_view(started: Started) -> RolloutStartedView {
    RolloutStartedView { rollout: started.rollout, release: started.release }
}

/// A release in a line.
pub(super) fn release_summary(release: &Release) -> ReleaseSummary {
    ReleaseSummary {
        id: release.id,
        number: release.number,
        image: release.pinned_image.to_string(),
        note: release.note.clone(),
        created_by: release.created_by.clone(),
        created_at: release.created_at,
        rollout_phase: release.rollout_phase,
        current: release.current,
    }
}

/// A rollout.
pub(super) fn rollout_view(rollout: Rollout) -> RolloutView {
    RolloutView {
        id: rollout.id,
        cause: match rollout.cause {
            Cause::Deploy => RolloutCause::Deploy,
            Cause::Rollback => RolloutCause::Rollback,
            Cause::Restart => RolloutCause::Restart,
        },
        from_release: rollout.from_number,
        to_release: rollout.to_number,
        phase: rollout.phase,
        reason: rollout.reason,
        wanted: rollout.wanted,
        ready: rollout.ready,
        started_by: rollout.started_by,
        started_at: rollout.started_at,
        ended_at: rollout.ended_at,
    }
}
