//! Keeps the lease of the one server that decides. Its epoch goes into every assignment and every desired set, so a
//! server that lost the lease without noticing can do no harm: database and agents refuse it.

use super::driver::Task;
use crate::{
    authz::permit::SystemPermit,
    store::{
        Store, SystemTx,
        leases::{self, Lease},
    },
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Notify, watch};
use uuid::Uuid;

/// The name of the lease.
pub(super) const LEASE: &str = "engine";
/// How long it lasts without renewal, in milliseconds: how long nothing is decided after the leader was killed.
const LIFETIME_MS: i64 = 6_000;
/// Between two renewals, or two tries to take it: two may fail.
const PERIOD: Duration = Duration::from_secs(2);
const PERMIT: SystemPermit = SystemPermit::for_duty("lease");

/// This server decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leadership {
    /// The lease.
    pub(super) lease: Lease,
    /// Since when, without interruption, by this server's clock.
    pub(super) since: DateTime<Utc>,
}

/// Takes and keeps the lease.
pub(super) struct Keeper {
    store: Store,
    holder: Uuid,
    engine: Arc<Notify>,
    leader: watch::Sender<Option<Leadership>>,
}

impl Keeper {
    /// A keeper for this server, and where it says whether this server decides.
    pub(super) fn new(store: Store, holder: Uuid, engine: Arc<Notify>) -> (Self, watch::Receiver<Option<Leadership>>) {
        let (leader, told) = watch::channel(None);
        (Self { store, holder, engine, leader }, told)
    }

    async fn keep(&self) -> anyhow::Result<Option<Leadership>> {
        let held = *self.leader.borrow();
        let mut tx = SystemTx::begin(&self.store, &PERMIT).await?;
        let since = tx.now();
        let kept = match held {
            Some(leadership) if leases::renew(&mut tx, LEASE, leadership.lease, LIFETIME_MS).await? => held,
            _ => leases::acquire(&mut tx, LEASE, self.holder, LIFETIME_MS)
                .await?
                .map(|lease| Leadership { lease, since }),
        };
        tx.commit_unaudited().await?;
        Ok(kept)
    }
}

#[async_trait]
impl Task for Keeper {
    fn name(&self) -> &'static str {
        "lease"
    }

    async fn pass(&mut self) -> anyhow::Result<Duration> {
        let kept = self.keep().await?;
        if *self.leader.borrow() != kept {
            match kept {
                Some(leadership) => tracing::info!(epoch = leadership.lease.epoch, "this server decides"),
                None => tracing::warn!("another server decides"),
            }
            self.leader.send_replace(kept);
            self.engine.notify_one();
        }
        Ok(PERIOD)
    }

    async fn end(&mut self) {
        let Some(leadership) = self.leader.send_replace(None) else { return };
        let released = async {
            let mut tx = SystemTx::begin(&self.store, &PERMIT).await?;
            leases::release(&mut tx, LEASE, leadership.lease).await?;
            tx.commit_unaudited().await
        };
        if let Err(error) = released.await {
            tracing::warn!(%error, "the lease was not given back; it runs out by itself");
        }
    }
}
