//! Committed changes on their way to browsers.

use crate::store::nudge::Nudge;
use tokio::sync::broadcast;

/// Nudges that a slow reader may fall behind before it is told that everything may have changed.
const BACKLOG: usize = 1_024;

/// Hands every nudge to every open stream of this process.
#[derive(Clone)]
pub struct Hub {
    sender: broadcast::Sender<Nudge>,
}

impl Default for Hub {
    fn default() -> Self {
        Self { sender: broadcast::channel(BACKLOG).0 }
    }
}

impl Hub {
    /// Hands a nudge out. Nobody listening is fine.
    pub fn publish(&self, nudge: Nudge) {
        self.sender.send(nudge).ok();
    }
    /// From now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Nudge> {
        self.sender.subscribe()
    }
}
