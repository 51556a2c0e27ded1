//! Rollouts as the reconciler takes them from phase to phase.

use super::{StoreError, SystemTx, usage};
use berth_domain::{
    id::{AppId, ReleaseId, RolloutId},
    lifecycle::RolloutPhase,
};

/// A step of a rollout to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutChange {
    /// Which.
    pub rollout: RolloutId,
    /// Of which app.
    pub app: AppId,
    /// The app's revision that this was decided from.
    pub app_revision: i64,
    /// The phase that this was decided from.
    pub from: RolloutPhase,
    /// The new phase.
    pub to: RolloutPhase,
    /// Why, when it failed; replaces nothing when none.
    pub reason: Option<String>,
    /// The release that shall run from now on, when that changes.
    pub release: Option<ReleaseId>,
}

/// Writes steps. `false`: an app or a rollout changed since; nothing of this transaction may be committed then.
pub async fn update_rollouts(tx: &mut SystemTx, changes: &[RolloutChange]) -> Result<bool, StoreError> {
    if changes.is_empty() {
        return Ok(true);
    }
    // Services lock the app first and its rollout next; so do we, or both would wait for each other.
    let apps: Vec<_> = changes.iter().map(|c| c.app.uuid()).collect();
    let revisions: Vec<_> = changes.iter().map(|c| c.app_revision).collect();
    let locked = sqlx::query!(
        "SELECT a.id FROM apps a JOIN unnest($1::uuid[], $2::bigint[]) AS c(id, revision)
           ON c.id = a.id AND c.revision = a.revision ORDER BY a.id FOR UPDATE OF a",
        &apps,
        &revisions,
    )
    .fetch_all(tx.conn())
    .await?;
    if locked.len() != changes.len() {
        return Ok(false);
    }
    let now = tx.now();
    for change in changes {
        let updated = sqlx::query!(
            "UPDATE rollouts SET phase = $3, reason = coalesce($4, reason), progressed_at = $5::timestamptz,
                    ended_at = CASE WHEN $6 THEN $5::timestamptz END
             WHERE id = $1 AND phase = $2",
            change.rollout.uuid(),
            change.from.as_str(),
            change.to.as_str(),
            change.reason,
            now,
            change.to.is_over(),
        )
        .execute(tx.conn())
        .await?;
        if updated.rows_affected() != 1 {
            return Ok(false);
        }
        if let Some(release) = change.release {
            sqlx::query!(
                "UPDATE apps SET release_id = $2, revision = revision + 1 WHERE id = $1",
                change.app.uuid(),
                release.uuid(),
            )
            .execute(tx.conn())
            .await?;
        }
        usage::settle(tx.conn(), change.app).await?;
    }
    Ok(true)
}
