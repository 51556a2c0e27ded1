//! When an instance that ended is started again: after 1 s, doubling to 60 s, from the beginning once it was healthy for
//! ten minutes. Pure.

/// After the first end, in milliseconds.
pub const DELAY_FIRST_MS: u64 = 1_000;
/// Never longer than this, in milliseconds: a mended dependency is noticed within a minute.
pub const DELAY_MAX_MS: u64 = 60_000;
/// Healthy for this long, in milliseconds, and the next end counts as the first.
pub const HEALTHY_AFTER_MS: u64 = 600_000;

/// How often it failed and when to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backoff {
    failures: u32,
    retry_at_ms: Option<u64>,
}

impl Backoff {
    /// It ended or could not start. `healthy_ms`: how long it had been ready.
    #[must_use]
    pub fn after_failure(self, now_ms: u64, healthy_ms: u64) -> Self {
        let before = if healthy_ms >= HEALTHY_AFTER_MS { 0 } else { self.failures };
        // 2^6 s is beyond the longest delay already.
        let delay_ms = (DELAY_FIRST_MS << before.min(6)).min(DELAY_MAX_MS);
        Self { failures: before.saturating_add(1), retry_at_ms: Some(now_ms.saturating_add(delay_ms)) }
    }
    /// When to try again, in milliseconds of the clock that it was told; `None`: at once.
    pub fn retry_at_ms(self) -> Option<u64> {
        self.retry_at_ms
    }
    /// The next try has begun.
    #[must_use]
    pub fn tried(self) -> Self {
        Self { retry_at_ms: None, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_to_a_minute_and_begins_again_after_ten_healthy_minutes() {
        let mut backoff = Backoff::default();
        let mut delays = Vec::new();
        for _ in 0..9 {
            backoff = backoff.after_failure(1_000_000, 0);
            delays.push(backoff.retry_at_ms().expect("a time") - 1_000_000);
        }
        assert_eq!(delays, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
        let nearly = backoff.after_failure(0, HEALTHY_AFTER_MS - 1);
        assert_eq!(nearly.retry_at_ms(), Some(60_000));
        let healed = backoff.after_failure(0, HEALTHY_AFTER_MS);
        assert_eq!(healed.retry_at_ms(), Some(1_000));
    }
}
