//! What tenants have reserved of their quotas, and what each app holds of it.
//!
//! A tenant's row changes by one conditional `UPDATE` in the transaction of the change itself, with all bounds in its
//! condition: racing changes wait for the row's lock and are then judged against what the winner left. Nothing here
//! counts apps or instances first and writes afterwards.

use super::{StoreError, Tx};
use berth_domain::{
    id::{AppId, TenantId},
    quantity::{Mebibytes, MilliCpu},
    quota::{Quota, QuotaExceeded, QuotaKind, Usage},
};
use sqlx::PgConnection;

/// A change of what a tenant has reserved; negative numbers give back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageChange {
    /// Thousandths of a core.
    pub cpu_milli: i64,
    /// MiB of memory.
    pub memory_mib: i64,
    /// Instances.
    pub instances: i64,
    /// Apps.
    pub apps: i64,
}

impl UsageChange {
    /// From what was reserved to what shall be.
    pub fn between(before: Usage, after: Usage) -> Self {
        let signed = |after: u64, before: u64| signed(after).saturating_sub(signed(before));
        Self {
            cpu_milli: signed(after.cpu_milli.0, before.cpu_milli.0),
            memory_mib: signed(after.memory_mib.0, before.memory_mib.0),
            instances: signed(after.instances.into(), before.instances.into()),
            apps: signed(after.apps.into(), before.apps.into()),
        }
    }
    /// Whether it takes more of a kind. Only such kinds are held against the quota: a tenant over its bound, because
    /// the bound was lowered, may always shrink.
    fn grows(self, kind: QuotaKind) -> bool {
        match kind {
            QuotaKind::CpuMilli => self.cpu_milli > 0,
            QuotaKind::MemoryMib => self.memory_mib > 0,
            QuotaKind::Instances => self.instances > 0,
            QuotaKind::Apps => self.apps > 0,
        }
    }
    /// `usage` with this change applied.
    pub fn applied_to(self, usage: Usage) -> Usage {
        let add = |value: u64, change: i64| value.saturating_add_signed(change);
        Usage {
            cpu_milli: MilliCpu(add(usage.cpu_milli.0, self.cpu_milli)),
            memory_mib: Mebibytes(add(usage.memory_mib.0, self.memory_mib)),
            instances: usage.instances.saturating_add_signed(narrow(self.instances)),
            apps: usage.apps.saturating_add_signed(narrow(self.apps)),
        }
    }
    /// What of `quota` the change would pass, from `usage` on.
    pub fn exceeds(self, usage: Usage, quota: Quota) -> Vec<QuotaExceeded> {
        self.applied_to(usage).exceeds(quota).into_iter().filter(|bound| self.grows(bound.kind)).collect()
    }
}

/// What a tenant has reserved, and what it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantUsage {
    /// Reserved.
    pub usage: Usage,
    /// Allowed.
    pub quota: Quota,
}

/// How a reservation went.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Reservation {
    /// It is written.
    Made,
    /// Nothing was written: these bounds would be passed.
    Exceeded(Vec<QuotaExceeded>),
}

/// Applies `change` to the tenant's row if every bound that it grows allows it.
pub async fn reserve(tx: &mut Tx, tenant: TenantId, change: UsageChange) -> Result<Reservation, StoreError> {
    loop {
        let written = sqlx::query!(
            "UPDATE tenant_usage u
             SET cpu_milli = u.cpu_milli + $2::bigint, memory_mib = u.memory_mib + $3::bigint,
                 instances = u.instances + $4::bigint, apps = u.apps + $5::bigint
             FROM tenants t
             WHERE u.tenant_id = $1 AND t.id = u.tenant_id
               AND ($2::bigint <= 0 OR u.cpu_milli + $2::bigint <= t.quota_cpu_milli)
               AND ($3::bigint <= 0 OR u.memory_mib + $3::bigint <= t.quota_memory_mib)
               AND ($4::bigint <= 0 OR u.instances + $4::bigint <= t.quota_instances)
               AND ($5::bigint <= 0 OR u.apps + $5::bigint <= t.quota_apps)",
            tenant.uuid(),
            change.cpu_milli,
            change.memory_mib,
            change.instances,
            change.apps,
        )
        .execute(tx.conn())
        .await?;
        if written.rows_affected() == 1 {
            return Ok(Reservation::Made);
        }
        // Say which bounds, from the row itself. It stays locked, so that a second try meets what was judged here.
        let now = lock_usage(tx, tenant).await?;
        let exceeded = change.exceeds(now.usage, now.quota);
        if !exceeded.is_empty() {
            return Ok(Reservation::Exceeded(exceeded));
        }
    }
}

async fn lock_usage(tx: &mut Tx, tenant: TenantId) -> Result<TenantUsage, StoreError> {
    let row = sqlx::query!(
        "SELECT u.cpu_milli, u.memory_mib, u.instances, u.apps,
                t.quota_cpu_milli, t.quota_memory_mib, t.quota_instances, t.quota_apps
         FROM tenant_usage u JOIN tenants t ON t.id = u.tenant_id
         WHERE u.tenant_id = $1 FOR UPDATE OF u",
        tenant.uuid(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(TenantUsage {
        usage: usage_of(row.cpu_milli, row.memory_mib, row.instances, row.apps),
        quota: quota_of(row.quota_cpu_milli, row.quota_memory_mib, row.quota_instances, row.quota_apps),
    })
}

/// What the tenant has reserved and may reserve, without a lock.
pub async fn get_usage(conn: &mut PgConnection, tenant: TenantId) -> Result<TenantUsage, StoreError> {
    let row = sqlx::query!(
        "SELECT u.cpu_milli, u.memory_mib, u.instances, u.apps,
                t.quota_cpu_milli, t.quota_memory_mib, t.quota_instances, t.quota_apps
         FROM tenant_usage u JOIN tenants t ON t.id = u.tenant_id WHERE u.tenant_id = $1",
        tenant.uuid(),
    )
    .fetch_one(conn)
    .await?;
    Ok(TenantUsage {
        usage: usage_of(row.cpu_milli, row.memory_mib, row.instances, row.apps),
        quota: quota_of(row.quota_cpu_milli, row.quota_memory_mib, row.quota_instances, row.quota_apps),
    })
}

/// Gives back what an app holds beyond what it needs, once its rollout is over: called in the transaction that ends the
/// rollout (or changes the release that shall run), with the system's permit. Only ever gives back, so it needs no
/// bound; called twice it changes nothing.
pub async fn settle(conn: &mut PgConnection, app: AppId) -> Result<(), StoreError> {
    sqlx::query!(
        "WITH app AS (
             SELECT a.id, a.tenant_id, a.reserved_cpu_milli, a.reserved_memory_mib, a.reserved_instances,
                    CASE WHEN a.running AND a.deleted_at IS NULL THEN a.replicas ELSE 0 END::bigint AS wanted,
                    (r.spec->'resources'->>'cpu_milli')::bigint AS cpu_milli,
                    (r.spec->'resources'->>'memory_mib')::bigint AS memory_mib,
                    coalesce(max((f.spec->'resources'->>'cpu_milli')::bigint), 0) AS from_cpu_milli,
                    coalesce(max((f.spec->'resources'->>'memory_mib')::bigint), 0) AS from_memory_mib,
                    coalesce(max((t.spec->'resources'->>'cpu_milli')::bigint), 0) AS to_cpu_milli,
                    coalesce(max((t.spec->'resources'->>'memory_mib')::bigint), 0) AS to_memory_mib
             FROM apps a JOIN releases r ON r.id = a.release_id
             LEFT JOIN rollouts o ON o.app_id = a.id AND o.phase IN ('progressing','rolling_back')
             LEFT JOIN releases f ON f.id = o.from_release_id
             LEFT JOIN releases t ON t.id = o.to_release_id
             WHERE a.id = $1
             GROUP BY a.id, r.id
         ), need AS (
             SELECT id, tenant_id,
                    least(reserved_cpu_milli, wanted * greatest(cpu_milli, from_cpu_milli, to_cpu_milli)) AS cpu_milli,
                    least(reserved_memory_mib, wanted * greatest(memory_mib, from_memory_mib, to_memory_mib)) AS memory_mib,
                    least(reserved_instances, wanted) AS instances,
                    reserved_cpu_milli, reserved_memory_mib, reserved_instances
             FROM app
         ), kept AS (
             UPDATE apps a
             SET reserved_cpu_milli = n.cpu_milli, reserved_memory_mib = n.memory_mib, reserved_instances = n.instances
             FROM need n WHERE a.id = n.id
         )
         UPDATE tenant_usage u
         SET cpu_milli = u.cpu_milli - (n.reserved_cpu_milli - n.cpu_milli),
             memory_mib = u.memory_mib - (n.reserved_memory_mib - n.memory_mib),
             instances = u.instances - (n.reserved_instances - n.instances)
         FROM need n WHERE u.tenant_id = n.tenant_id
           AND (n.reserved_cpu_milli, n.reserved_memory_mib, n.reserved_instances)
               IS DISTINCT FROM (n.cpu_milli, n.memory_mib, n.instances)",
        app.uuid(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) fn usage_of(cpu_milli: i64, memory_mib: i64, instances: i64, apps: i64) -> Usage {
    Usage {
        cpu_milli: MilliCpu(unsigned(cpu_milli)),
        memory_mib: Mebibytes(unsigned(memory_mib)),
        instances: count(instances),
        apps: count(apps),
    }
}

fn quota_of(cpu_milli: i64, memory_mib: i64, instances: i64, apps: i64) -> Quota {
    Quota {
        cpu_milli: MilliCpu(unsigned(cpu_milli)),
        memory_mib: Mebibytes(unsigned(memory_mib)),
        instances: count(instances),
        apps: count(apps),
    }
}

/// The columns hold nothing below zero (CHECK) and nothing past `i64`; sums saturate rather than wrap.
fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
fn count(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
fn narrow(value: i64) -> i32 {
    i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_domain::quantity::Resources;

    fn quota(instances: u32) -> Quota {
        Quota { cpu_milli: MilliCpu(1_000), memory_mib: Mebibytes(1_024), instances, apps: 2 }
    }

    #[test]
    fn a_change_names_every_bound_that_it_would_pass() {
        let change = UsageChange::between(Usage::default(), Usage::of_instances(Resources::new(600, 100), 2));
        let kinds: Vec<_> =
            change.exceeds(Usage::default(), quota(1)).into_iter().map(|e| (e.kind, e.wanted)).collect();
        assert_eq!(kinds, [(QuotaKind::CpuMilli, 1_200), (QuotaKind::Instances, 2)]);
    }

    #[test]
    fn who_is_over_a_lowered_bound_may_shrink() {
        let now = Usage::of_instances(Resources::new(100, 100), 5);
        let change = UsageChange::between(now, Usage::of_instances(Resources::new(100, 100), 4));
        assert_eq!(change.exceeds(now, quota(1)), []);
    }
}
