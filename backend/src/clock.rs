//! Time and randomness as arguments. Nothing else in the server asks the operating system for either.

use berth_domain::id::{Id, Kind};
use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use rand::TryRngCore as _;
use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};
use uuid::Uuid;

/// What time it is.
pub trait Clock: Send + Sync + 'static {
    /// Now, to the microsecond: what Postgres keeps, so that a value read back equals the one written.
    fn now(&self) -> DateTime<Utc>;
}

/// Where ids and secrets come from.
pub trait Ids: Send + Sync + 'static {
    /// A version 7 UUID: ordered by creation.
    fn uuid(&self) -> Uuid;
    /// Fills `bytes` for a secret.
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn Ids {
    /// A fresh id of a kind.
    pub fn id<K: Kind>(&self) -> Id<K> {
        Id::new(self.uuid())
    }
    /// `N` bytes for a secret.
    pub fn secret<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

/// The machine's clock.
pub struct System;

impl System {
    /// The machine's clock.
    #[allow(clippy::new_ret_no_self, reason = "it is only ever used as the trait")]
    pub fn new() -> Arc<dyn Clock> {
        Arc::new(Self)
    }
}
impl Clock for System {
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(6)
    }
}

/// The machine's source of randomness.
pub struct Random;

impl Random {
    /// The machine's source of randomness.
    #[allow(clippy::new_ret_no_self, reason = "it is only ever used as the trait")]
    pub fn new() -> Arc<dyn Ids> {
        Arc::new(Self)
    }
}
impl Ids for Random {
    fn uuid(&self) -> Uuid {
        Uuid::now_v7()
    }
    fn fill(&self, bytes: &mut [u8]) {
        rand::rngs::OsRng.try_fill_bytes(bytes).expect("the kernel's random source does not fail once it was seeded");
    }
}

/// A clock that stands until a test moves it.
pub struct Fixed(AtomicI64);

impl Fixed {
    /// Stands at `at`.
    pub fn at(at: DateTime<Utc>) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(at.timestamp_micros())))
    }
    /// Moves it on.
    pub fn advance(&self, by: TimeDelta) {
        self.0.fetch_add(by.num_microseconds().unwrap_or_default(), Ordering::SeqCst);
    }
}
impl Clock for Fixed {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0.load(Ordering::SeqCst)).unwrap_or_default()
    }
}

/// Ids that count, and bytes derived from the count: the same run gives the same ids.
#[derive(Default)]
pub struct Counting(AtomicU64);

impl Ids for Counting {
    fn uuid(&self) -> Uuid {
        Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0000 | u128::from(self.0.fetch_add(1, Ordering::SeqCst)))
    }
    fn fill(&self, bytes: &mut [u8]) {
        let seed = self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        for (byte, value) in bytes.iter_mut().zip(seed.iter().cycle()) {
            *byte = *value;
        }
    }
}
