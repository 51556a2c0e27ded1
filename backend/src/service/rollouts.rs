//! Rollouts: how a change of an app becomes one, in the transaction of the change; restart, abort, read.

use super::{
    apps::{conflict, lock_seen, touch_app},
    error::Error,
    page::{PageRequest, Paged},
    quota::needed,
    releases::Started,
};
use crate::{
    authz::{
        action::app::{Deploy, Operate, Read},
        permit::Permit,
    },
    store::{
        ReadTx, Store, StoreError, Tx,
        apps::{WantedApp, update_app},
        audit::AuditEntry,
        releases::get_resources,
        rollouts::{
            self, Cause, NewRollout, OpenRollout, RolloutRecord, Which, get_proven_release, insert_rollout,
            list_rollouts, lock_open_rollout, supersede_rollout, want_abort,
        },
        usage::{Reservation, UsageChange, reserve},
    },
};
use berth_domain::{
    id::{ReleaseId, RolloutId, UserId},
    lifecycle::RolloutPhase,
    quota::QuotaExceeded,
};
use chrono::{DateTime, Utc};
use serde_json::json;

/// A rollout, for people.
pub type Rollout = RolloutRecord;
/// Why a rollout was begun.
pub type RolloutCause = rollouts::Cause;

/// Replaces every instance by a fresh one of the same release.
pub async fn restart(store: &Store, permit: &Permit<Operate>, seen: Option<i64>) -> Result<Started, Error> {
    let mut tx = Tx::begin(store, permit).await?;
    let before = lock_seen(&mut tx, permit.scope(), seen).await?;
    if before.wanted() == 0 {
        return Err(conflict("nothing of the app runs; start it, or scale it up"));
    }
    let after = WantedApp { restart_serial: before.restart_serial + 1, ..before.clone() };
    let release = after.release_number;
    let change = Change { by: permit.actor().user, at: tx.now(), rollout: tx.id(), cause: Some(Cause::Restart) };
    let rollout = change_app(&mut tx, &before, after, change).await?.allowed()?;
    touch_app(&mut tx, permit.scope());
    tx.commit(AuditEntry::new().action("app.restart").after(&json!({ "release": release }))).await?;
    Ok(Started { rollout, release, changed: true })
}

/// Asks for the rollout that is going on to be taken back. The reconciler does it; asking twice is the same as once.
pub async fn abort(store: &Store, permit: &Permit<Deploy>) -> Result<Rollout, Error> {
    let mut tx = Tx::begin(store, permit).await?;
    let app = lock_seen(&mut tx, permit.scope(), None).await?;
    let open = lock_open_rollout(&mut tx, app.id).await?.ok_or_else(|| conflict("no rollout is going on"))?;
    let begin_abort = open.phase == RolloutPhase::Progressing;
    if begin_abort {
        want_abort(&mut tx, open.id).await?;
        touch_app(&mut tx, permit.scope());
    }
    let newest = Which::PageOf { app: app.id, after: None, limit: 1 };
    // Before the commit: nothing that can fail may stand between the change and its answer.
    let rollout = list_rollouts(tx.conn(), newest).await?.pop().ok_or(Error::NotFound)?;
    if begin_abort {
        tx.commit(AuditEntry::new().action("app.abort").after(&json!({ "release": app.release_number }))).await?;
    }
    Ok(rollout)
}

/// A page of an app's rollouts, newest first.
pub async fn list(
    store: &Store,
    permit: &Permit<Read>,
    page: &PageRequest<RolloutId>,
) -> Result<Paged<Rollout, RolloutId>, Error> {
    let mut tx = ReadTx::begin(store, permit).await?;
    let which = Which::PageOf { app: permit.scope().app.id, after: page.after, limit: page.rows() };
    Ok(page.cut(list_rollouts(tx.conn(), which).await?, |rollout| rollout.id))
}

/// What becomes of an app's rollouts with a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Decision {
    /// The rollout that is going on is overtaken.
    supersede: bool,
    /// One begins: where a take-back returns to, and why.
    begin: Option<(Option<ReleaseId>, Cause)>,
}

/// Decides from what was wanted, what is wanted, why (`None`: not a release's change), whether a rollout is going on, and
/// the release that last ran whole.
///
/// A rollout that is overtaken proved nothing, so the next one's way back leads to the release before it, never to the one
/// that was on its way. Where nothing shall run there is nothing to roll out; an unproven release is rolled out, with its
/// deadline and its way back, when the app starts.
fn decide(
    before: &WantedApp,
    after: &WantedApp,
    cause: Option<Cause>,
    going_on: bool,
    proven: Option<ReleaseId>,
) -> Decision {
    if after.wanted() == 0 {
        return Decision { supersede: going_on, begin: None };
    }
    let starts_unproven = before.wanted() == 0 && proven != Some(after.release);
    match cause.or(starts_unproven.then_some(Cause::Deploy)) {
        Some(cause) => Decision { supersede: going_on, begin: Some((proven, cause)) },
        None => Decision { supersede: false, begin: None },
    }
}

/// Who changes an app, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    /// Who.
    pub by: UserId,
    /// When.
    pub at: DateTime<Utc>,
    /// The id of the rollout, should one begin.
    pub rollout: RolloutId,
    /// Why, when the change brings a release.
    pub cause: Option<Cause>,
}

/// How a change went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Changed {
    /// It is written; the rollout that goes on now because of it, if one began.
    Done(Option<RolloutId>),
    /// The quota does not allow it; nothing was written that the caller may commit.
    Exceeded(Vec<QuotaExceeded>),
}

/// Writes `after` over `before`, whose row is locked: quota, rollouts and the app itself.
pub(super) async fn change_app(
    tx: &mut Tx,
    before: &WantedApp,
    mut after: WantedApp,
    change: Change,
) -> Result<Changed, StoreError> {
    let open = lock_open_rollout(tx, before.id).await?;
    let proven = get_proven_release(tx.conn(), before.id).await?;
    let decision = decide(before, &after, change.cause, open.is_some(), proven);

    let mut sizes = Vec::new();
    for release in releases_that_may_run(decision, open) {
        sizes.extend(get_resources(tx.conn(), release).await?);
    }
    let need = needed(&after.spec, after.wanted(), &sizes);
    if let Reservation::Exceeded(bounds) =
        reserve(tx, after.tenant, UsageChange::between(before.reserved, need)).await?
    {
        return Ok(Changed::Exceeded(bounds));
    }
    after.reserved = need;

    if let Some(open) = open.filter(|_| decision.supersede) {
        supersede_rollout(tx, open.id, change.at).await?;
    }
    if let Some((from, cause)) = decision.begin {
        let new = NewRollout {
            id: change.rollout,
            app: after.id,
            from,
            to: after.release,
            cause,
            started_by: change.by,
            at: change.at,
        };
        insert_rollout(tx, new).await?;
    }
    update_app(tx, &after).await?;
    Ok(Changed::Done(decision.begin.map(|_| change.rollout)))
}

/// Besides the release that shall run: those to and from which a rollout goes after the change.
fn releases_that_may_run(decision: Decision, open: Option<OpenRollout>) -> Vec<ReleaseId> {
    match (decision.begin, open) {
        (Some((from, _)), _) => from.into_iter().collect(),
        (None, Some(open)) if !decision.supersede => open.from.into_iter().chain([open.to]).collect(),
        (None, _) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_domain::{app::AppSpecInput, id::AppId, id::TenantId, quota::Usage};
    use uuid::Uuid;

    fn release(number: u128) -> ReleaseId {
        ReleaseId::new(Uuid::from_u128(number))
    }
    fn app(release_number: u128, replicas: u32) -> WantedApp {
        WantedApp {
            id: AppId::new(Uuid::from_u128(1)),
            tenant: TenantId::new(Uuid::from_u128(2)),
            replicas,
            running: true,
            restart_serial: 0,
            next_release_number: 9,
            revision: 1,
            reserved: Usage::default(),
            release: release(release_number),
            release_number: 1,
            spec: AppSpecInput::new("nginx").parse().expect("valid"),
            pinned_image: String::new(),
        }
    }

    #[test]
    fn an_overtaken_rollout_is_never_the_way_back() {
        // Release 1 ran; 2 is on its way; 3 overtakes it.
        let decision = decide(&app(2, 1), &app(3, 1), Some(Cause::Deploy), true, Some(release(1)));
        assert_eq!(decision, Decision { supersede: true, begin: Some((Some(release(1)), Cause::Deploy)) });
    }

    #[test]
    fn a_stopped_app_rolls_nothing_out_until_it_starts() {
        let stopped = |number| WantedApp { running: false, ..app(number, 2) };
        let decision = decide(&stopped(1), &stopped(2), Some(Cause::Deploy), false, Some(release(1)));
        assert_eq!(decision, Decision { supersede: false, begin: None });
        let decision = decide(&stopped(2), &app(2, 2), None, false, Some(release(1)));
        assert_eq!(decision.begin, Some((Some(release(1)), Cause::Deploy)), "2 never ran whole");
        let decision = decide(&stopped(1), &app(1, 2), None, false, Some(release(1)));
        assert_eq!(decision.begin, None, "1 did");
    }

    #[test]
    fn stopping_ends_a_rollout_and_scaling_does_not_disturb_it() {
        let stopped = WantedApp { running: false, ..app(2, 2) };
        assert!(decide(&app(2, 2), &stopped, None, true, Some(release(1))).supersede);
        let decision = decide(&app(2, 2), &app(2, 5), None, true, Some(release(1)));
        assert_eq!(decision, Decision { supersede: false, begin: None });
    }
}
