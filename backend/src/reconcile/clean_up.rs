//! Removes what has served its time. Every server may do it; the second finds nothing.

use super::driver::Task;
use crate::{
    authz::permit::SystemPermit,
    store::{Store, SystemTx, events::delete_old_events, join_tokens::delete_expired},
};
use async_trait::async_trait;
use chrono::TimeDelta;
use std::time::Duration;

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(3600);
/// The same while there is more to remove.
const NEXT_BATCH: Duration = Duration::from_secs(1);
/// Events are kept this long: a quarter, so that what happened last month can still be explained.
const EVENTS_KEPT: TimeDelta = TimeDelta::days(90);
/// Most events that one transaction removes.
const EVENTS_BATCH: i64 = 10_000;
const PERMIT: SystemPermit = SystemPermit::for_duty("clean-up");

/// Cleans up.
pub(super) struct CleanUp(pub(super) Store);

#[async_trait]
impl Task for CleanUp {
    fn name(&self) -> &'static str {
        "clean-up"
    }

    async fn pass(&mut self) -> anyhow::Result<Duration> {
        let mut tx = SystemTx::begin(&self.0, &PERMIT).await?;
        let before = tx.now() - EVENTS_KEPT;
        let deleted = delete_old_events(&mut tx, before, EVENTS_BATCH).await?;
        delete_expired(&mut tx).await?;
        tx.commit_unaudited().await?;
        Ok(if i64::try_from(deleted).is_ok_and(|count| count < EVENTS_BATCH) { PERIOD } else { NEXT_BATCH })
    }
}
