//! How often one may try a password: by account and source together, so that nobody can lock another one out, and by
//! source alone, so that nobody can try one password on all accounts.

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _, clock::DefaultClock};
use std::{num::NonZeroU32, time::Duration};

/// Tries of one account from one address at once; one more every [`ACCOUNT_REFILL`].
const ACCOUNT_BURST: NonZeroU32 = NonZeroU32::new(10).expect("not zero");
const ACCOUNT_REFILL: Duration = Duration::from_secs(6);
/// Tries from one address at once, over all accounts; one more every [`SOURCE_REFILL`].
const SOURCE_BURST: NonZeroU32 = NonZeroU32::new(100).expect("not zero");
const SOURCE_REFILL: Duration = Duration::from_millis(500);
/// Counters are thrown away when so many have gathered: those that are full again say nothing.
const COUNTERS_MAX: usize = 10_000;

/// Counts tries.
pub struct SignInLimit {
    by_account: DefaultKeyedRateLimiter<(String, String)>,
    by_source: DefaultKeyedRateLimiter<String>,
}

/// Come back after so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TryLater {
    /// Seconds.
    pub after_s: u32,
}

impl Default for SignInLimit {
    fn default() -> Self {
        let quota = |refill, burst| Quota::with_period(refill).map(|quota| quota.allow_burst(burst));
        Self {
            by_account: RateLimiter::keyed(quota(ACCOUNT_REFILL, ACCOUNT_BURST).expect("a period above zero")),
            by_source: RateLimiter::keyed(quota(SOURCE_REFILL, SOURCE_BURST).expect("a period above zero")),
        }
    }
}

impl SignInLimit {
    /// Counts a try on `account` from `source`.
    pub fn check(&self, account: &str, source: &str) -> Result<(), TryLater> {
        if self.by_account.len() > COUNTERS_MAX {
            self.by_account.retain_recent();
        }
        if self.by_source.len() > COUNTERS_MAX {
            self.by_source.retain_recent();
        }
        let now = DefaultClock::default().now();
        let later = |wait: Duration| TryLater { after_s: u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).max(1) };
        self.by_source.check_key(&source.to_owned()).map_err(|no| later(no.wait_time_from(now)))?;
        let key = (account.to_lowercase(), source.to_owned());
        self.by_account.check_key(&key).map_err(|no| later(no.wait_time_from(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_attacker_is_slowed_down_and_others_are_not() {
        let limit = SignInLimit::default();
        let tries = (0..50).filter(|_| limit.check("ann@example.com", "10.0.0.1").is_ok()).count();
        assert!((10..=11).contains(&tries), "{tries}");
        assert_eq!(limit.check("ann@example.com", "10.0.0.2"), Ok(()), "ann herself, from elsewhere");
        let spray = (0..500).filter(|n| limit.check(&format!("user{n}"), "10.0.0.1").is_ok()).count();
        assert!(spray <= 100, "{spray}");
    }
}
