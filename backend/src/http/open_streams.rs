//! How many streams are open, so that one person's browser tabs or scripts cannot use up what all share.

use crate::service::error::Error;
use berth_domain::id::UserId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Streams of one person on one server: sixteen tabs with two each, and as many for scripts.
const PER_USER_MAX: u32 = 64;
/// Streams of all on one server: a task and a few kilobytes each.
const TOTAL_MAX: u32 = 10_000;
/// When to try again, in seconds, where there are too many.
pub const RETRY_AFTER_S: u32 = 5;

/// The streams that this process serves, by who reads them.
#[derive(Debug, Clone, Default)]
pub struct OpenStreams {
    counts: Arc<Mutex<HashMap<UserId, u32>>>,
}

/// A stream's place, given back when it is dropped.
#[derive(Debug)]
pub struct StreamPlace {
    streams: OpenStreams,
    user: UserId,
}

impl OpenStreams {
    /// A place for one more stream of `user`, unless there are too many.
    pub fn open(&self, user: UserId) -> Result<StreamPlace, Error> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let (total, own) = (counts.values().sum::<u32>(), counts.get(&user).copied().unwrap_or(0));
        if own >= PER_USER_MAX || total >= TOTAL_MAX {
            return Err(Error::TooManyRequests { after_s: RETRY_AFTER_S });
        }
        counts.insert(user, own + 1);
        Ok(StreamPlace { streams: self.clone(), user })
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let mut counts = self.streams.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn one_person_leaves_room_for_others_and_gets_places_back() {
        let (streams, greedy, other) =
            (OpenStreams::default(), UserId::new(Uuid::from_u128(1)), UserId::new(Uuid::from_u128(2)));
        let mut places: Vec<_> = (0..PER_USER_MAX).map(|_| streams.open(greedy).expect("room")).collect();
        assert!(matches!(streams.open(greedy), Err(Error::TooManyRequests { .. })));
        streams.open(other).expect("room for others");
        places.pop();
        places.push(streams.open(greedy).expect("a place that was given back"));
        drop(places);
        assert!(streams.counts.lock().expect("sound").is_empty());
    }
}
