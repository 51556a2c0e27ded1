//! The one place where the agent reads the time and draws ids. Everything that decides gets them as arguments.

use std::{
    sync::LazyLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use uuid::Uuid;

/// Unix milliseconds: for what is told to others, and for comparing with the engine's times. It jumps when somebody
/// sets the clock, so nothing is waited for by it.
pub fn now_ms() -> u64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Milliseconds that only go forward, at the pace of a stopwatch: for back-offs and other waits. A clock that was set
/// back by an hour must not keep a crashed instance down for an hour.
pub fn steady_ms() -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    millis(BEGAN.elapsed())
}

/// A duration in milliseconds, to be added to what [`steady_ms`] says.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A fresh id: of an event, of a sandbox.
pub fn fresh_id() -> Uuid {
    Uuid::new_v4()
}
