//! The one place where the agent reads the time and draws ids. Everything that decides gets them as arguments.

use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// Unix milliseconds.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A fresh id of an event.
pub fn event_id() -> Uuid {
    Uuid::new_v4()
}
