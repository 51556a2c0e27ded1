//! Wakes the tasks when any server committed something that concerns them.

use super::Nudges;
use crate::live::Hub;
use berth_api_types::v1::live::Topic;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

/// Until `stop`.
pub(super) async fn wake(hub: Hub, nudges: Nudges, stop: CancellationToken) {
    let mut changes = hub.subscribe();
    loop {
        let change = tokio::select! {
            () = stop.cancelled() => return,
            change = changes.recv() => change,
        };
        let concerns_us = match change {
            Ok(nudge) => {
                nudge.topics.iter().any(|topic| matches!(topic, Topic::App { .. } | Topic::Nodes | Topic::Everything))
            }
            Err(RecvError::Lagged(_)) => true,
            Err(RecvError::Closed) => return,
        };
        if concerns_us {
            nudges.engine();
            nudges.delivery();
        }
    }
}
