//! Throws away what nobody needs any more: old idempotency keys, ended sessions and tokens, tickets, archives without an image.

use super::images;
use crate::{
    startup::App,
    store::{idempotency, sessions, tickets},
};
use chrono::TimeDelta;
use std::{sync::Arc, time::Duration};

/// Between two rounds.
const PERIOD: Duration = Duration::from_secs(15 * 60);
/// Ended sessions and tokens are kept this long, for who looks into what happened.
const ENDED_KEPT_FOR: TimeDelta = TimeDelta::days(30);

/// Cleans up now and every [`PERIOD`], until the server stops. A round that fails is made good by the next one.
pub async fn run(app: Arc<App>) {
    loop {
        if let Err(error) = round(&app).await {
            tracing::warn!(error = format!("{error:#}"), "cleaning up failed; it is tried again");
        }
        tokio::select! {
            () = app.stopping.cancelled() => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

/// One round.
pub async fn round(app: &App) -> anyhow::Result<()> {
    let keys = idempotency::delete_old(&app.store).await?;
    let ended = sessions::delete_ended(&app.store, app.clock.now() - ENDED_KEPT_FOR).await?;
    let tickets = tickets::delete_expired_tickets(&app.store).await?;
    let archives = images::sweep(app).await?;
    if keys + ended + tickets > 0 || archives > 0 {
        tracing::info!(keys, ended, tickets, archives, "cleaned up");
    }
    Ok(())
}
