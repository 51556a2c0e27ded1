//! Rollouts as services begin, overtake and abort them, and as people read them. Their way from phase to phase is
//! written by the reconciler.

use super::{StoreError, Tx, instances_read::LOST_MS, releases::damaged};
use berth_domain::{
    id::{AppId, ReleaseId, RolloutId, UserId},
    lifecycle::RolloutPhase,
};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// Why a rollout was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A new release.
    Deploy,
    /// Back to an earlier one.
    Rollback,
    /// The same release, fresh instances.
    Restart,
}

impl Cause {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Rollback => "rollback",
            Self::Restart => "restart",
        }
    }
    fn from_word(word: &str) -> Result<Self, StoreError> {
        [Self::Deploy, Self::Rollback, Self::Restart]
            .into_iter()
            .find(|cause| cause.as_str() == word)
            .ok_or_else(|| damaged("rollouts.cause"))
    }
}

/// A rollout to begin.
#[derive(Debug, Clone, Copy)]
pub struct NewRollout {
    /// Its id.
    pub id: RolloutId,
    /// Of which app.
    pub app: AppId,
    /// Where a take-back returns to.
    pub from: Option<ReleaseId>,
    /// What it brings.
    pub to: ReleaseId,
    /// Why.
    pub cause: Cause,
    /// By whom.
    pub started_by: UserId,
    /// When.
    pub at: DateTime<Utc>,
}

/// Begins a rollout. The app must have none that is going on.
pub async fn insert_rollout(tx: &mut Tx, new: NewRollout) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO rollouts (id, tenant_id, app_id, from_release_id, to_release_id, cause, phase, started_by,
                               started_at, progressed_at)
         SELECT $1, a.tenant_id, a.id, $3, $4, $5, 'progressing', $6, $7, $7 FROM apps a WHERE a.id = $2",
        new.id.uuid(),
        new.app.uuid(),
        new.from.map(ReleaseId::uuid),
        new.to.uuid(),
        new.cause.as_str(),
        new.started_by.uuid(),
        new.at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A rollout that is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenRollout {
    /// Which.
    pub id: RolloutId,
    /// Where a take-back returns to.
    pub from: Option<ReleaseId>,
    /// What it brings.
    pub to: ReleaseId,
    /// Where it stands.
    pub phase: RolloutPhase,
}

/// The rollout of the app that is going on, if any; its row stays locked, so that the reconciler cannot end it meanwhile.
pub async fn lock_open_rollout(tx: &mut Tx, app: AppId) -> Result<Option<OpenRollout>, StoreError> {
    let row = sqlx::query!(
        "SELECT id, from_release_id, to_release_id, phase FROM rollouts
         WHERE app_id = $1 AND phase IN ('progressing','rolling_back') FOR UPDATE",
        app.uuid(),
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        Ok(OpenRollout {
            id: RolloutId::new(row.id),
            from: row.from_release_id.map(ReleaseId::new),
            to: ReleaseId::new(row.to_release_id),
            phase: phase_of(&row.phase)?,
        })
    })
    .transpose()
}

/// Marks a rollout that was going on as overtaken by a newer wish.
pub async fn supersede_rollout(tx: &mut Tx, rollout: RolloutId, at: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE rollouts SET phase = 'superseded', ended_at = $2
         WHERE id = $1 AND phase IN ('progressing','rolling_back')",
        rollout.uuid(),
        at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Asks the reconciler to take a rollout back.
pub async fn want_abort(tx: &mut Tx, rollout: RolloutId) -> Result<(), StoreError> {
    sqlx::query!("UPDATE rollouts SET abort_wanted = true WHERE id = $1", rollout.uuid()).execute(tx.conn()).await?;
    Ok(())
}

/// The release that a take-back returns to: the one that last ran whole. A rollout that succeeded proved the release that
/// it brought, one that was taken back proved the one that it came from; overtaken and failed ones prove nothing.
pub async fn get_proven_release(conn: &mut PgConnection, app: AppId) -> Result<Option<ReleaseId>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT CASE phase WHEN 'succeeded' THEN to_release_id ELSE from_release_id END AS release_id
           FROM rollouts WHERE app_id = $1 AND phase IN ('succeeded','rolled_back')
           ORDER BY started_at DESC, id DESC LIMIT 1"#,
        app.uuid(),
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.and_then(|row| row.release_id).map(ReleaseId::new))
}

/// A rollout as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutRecord {
    /// Which.
    pub id: RolloutId,
    /// Of which app.
    pub app: AppId,
    /// Why it was begun.
    pub cause: Cause,
    /// Number of the release before.
    pub from_number: Option<u32>,
    /// Number of the release that it brings.
    pub to_number: u32,
    /// Where it stands.
    pub phase: RolloutPhase,
    /// Why it was taken back.
    pub reason: String,
    /// Wanted instances of the app.
    pub wanted: u32,
    /// Ready instances of the release that it brings.
    pub ready: u32,
    /// Who began it, if they still belong to the tenant.
    pub started_by: Option<String>,
    /// When.
    pub started_at: DateTime<Utc>,
    /// When it was over.
    pub ended_at: Option<DateTime<Utc>>,
}

/// Which rollouts to read.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// Those that are going on, of these apps.
    OpenOf(&'a [AppId]),
    /// A page of one app's, newest first, from after this one on.
    PageOf {
        /// The app.
        app: AppId,
        /// The last one of the page before.
        after: Option<RolloutId>,
        /// At most so many.
        limit: i64,
    },
}

/// Reads rollouts with what they need to be shown. What is ready on a lost node does not count.
pub async fn list_rollouts(conn: &mut PgConnection, which: Which<'_>) -> Result<Vec<RolloutRecord>, StoreError> {
    let (apps, open_only, after, limit) = match which {
        Which::OpenOf(apps) => (apps.iter().map(|app| app.uuid()).collect(), true, None, i64::MAX),
        Which::PageOf { app, after, limit } => (vec![app.uuid()], false, after, limit),
    };
    let rows = sqlx::query!(
        r#"SELECT o.id, o.app_id, o.cause, f.number AS "from_number?", t.number AS to_number, o.phase, o.reason,
                  CASE WHEN a.running THEN a.replicas ELSE 0 END AS "wanted!",
                  (SELECT count(*) FROM instances i
                   JOIN observations ob ON ob.instance_id = i.id
                   JOIN node_observations no ON no.node_id = i.node_id
                   WHERE i.app_id = o.app_id AND i.release_id = o.to_release_id AND i.stop_reason IS NULL
                     AND i.restart_serial >= a.restart_serial AND ob.phase = 'ready'
                     AND extract(epoch FROM clock_timestamp() - no.last_seen_at) * 1000 < $5::bigint) AS "ready!",
                  u.display_name AS "started_by?", o.started_at, o.ended_at
           FROM rollouts o
           JOIN apps a ON a.id = o.app_id
           JOIN releases t ON t.id = o.to_release_id
           LEFT JOIN releases f ON f.id = o.from_release_id
           LEFT JOIN users u ON u.id = o.started_by
           WHERE o.app_id = ANY($1) AND (NOT $2 OR o.phase IN ('progressing','rolling_back'))
             AND ($3::uuid IS NULL OR (o.started_at, o.id) < (SELECT s.started_at, s.id FROM rollouts s WHERE s.id = $3))
           ORDER BY o.started_at DESC, o.id DESC LIMIT $4"#,
        &apps,
        open_only,
        after.map(RolloutId::uuid),
        limit,
        LOST_MS,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(RolloutRecord {
                id: RolloutId::new(row.id),
                app: AppId::new(row.app_id),
                cause: Cause::from_word(&row.cause)?,
                from_number: row.from_number.map(i32::unsigned_abs),
                to_number: row.to_number.unsigned_abs(),
                phase: phase_of(&row.phase)?,
                reason: row.reason,
                wanted: row.wanted.unsigned_abs(),
                ready: u32::try_from(row.ready).unwrap_or(u32::MAX),
                started_by: row.started_by,
                started_at: row.started_at,
                ended_at: row.ended_at,
            })
        })
        .collect()
}

pub(super) fn phase_of(word: &str) -> Result<RolloutPhase, StoreError> {
    RolloutPhase::from_word(word).ok_or_else(|| damaged("rollouts.phase"))
}
