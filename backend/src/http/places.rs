//! How many long calls are open, so that one person's browser tabs or scripts cannot use up what all share.

use crate::service::error::Error;
use berth_domain::id::UserId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// When to try again, in seconds, where there are too many.
pub const RETRY_AFTER_S: u32 = 5;

/// Calls of one kind that this process serves, by who made them.
#[derive(Debug, Clone)]
pub struct Places {
    taken: Arc<Mutex<HashMap<UserId, u32>>>,
    per_user_max: u32,
    total_max: u32,
}

/// A call's place, given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    places: Places,
    user: UserId,
}

impl Places {
    /// For streams of events, logs and terminals: sixteen tabs with two each and as many for scripts, for one person; in
    /// all, a task and a few kilobytes each.
    pub fn for_streams() -> Self {
        Self::new(64, 10_000)
    }
    /// For archives that are being sent: each may fill gigabytes of disk before it is looked at.
    pub fn for_uploads() -> Self {
        Self::new(2, 8)
    }
    fn new(per_user_max: u32, total_max: u32) -> Self {
        Self { taken: Arc::default(), per_user_max, total_max }
    }

    /// A place for one more call of `user`, unless there are too many.
    pub fn take(&self, user: UserId) -> Result<Place, Error> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (total, own) = (taken.values().sum::<u32>(), taken.get(&user).copied().unwrap_or(0));
        if own >= self.per_user_max || total >= self.total_max {
            return Err(Error::TooManyRequests { after_s: RETRY_AFTER_S });
        }
        taken.insert(user, own + 1);
        Ok(Place { places: self.clone(), user })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.user);
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
        let (places, greedy, other) =
            (Places::new(3, 4), UserId::new(Uuid::from_u128(1)), UserId::new(Uuid::from_u128(2)));
        let full = |taken: Result<Place, Error>| matches!(taken, Err(Error::TooManyRequests { .. }));
        let mut held: Vec<_> = (0..3).map(|_| places.take(greedy).expect("room")).collect();
        assert!(full(places.take(greedy)));
        held.push(places.take(other).expect("room for others"));
        assert!(full(places.take(other)), "but for no more than all may have");
        held.remove(0);
        held.push(places.take(greedy).expect("a place that was given back"));
        drop(held);
        assert!(places.taken.lock().expect("sound").is_empty());
    }
}
