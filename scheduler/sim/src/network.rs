//! Messages under way: lost, doubled, late, and overtaking each other, until it is calmed.

use crate::{message::Message, random::Random};
use std::collections::BTreeMap;

/// Messages in a thousand that are lost.
const LOSS_PERMILLE: u64 = 200;
/// Messages in a thousand that arrive twice.
const DOUBLE_PERMILLE: u64 = 150;
/// Most seconds that a message takes: longer than a node needs to be lost and to come back.
const DELAY_S_MAX: u64 = 45;
/// Messages in a thousand that take long.
const SLOW_PERMILLE: u64 = 100;

/// The messages under way, by the second of their arrival and the order of their sending.
#[derive(Default)]
pub struct Network {
    under_way: BTreeMap<(u64, u64), Message>,
    sent: u64,
    calm: bool,
}

impl Network {
    /// From now on every message arrives once, in the next second. What is late stays late.
    pub fn calm(&mut self) {
        self.calm = true;
    }
    pub fn send(&mut self, now_s: u64, random: &mut Random, message: Message) {
        if self.calm {
            self.put(now_s + 1, message);
            return;
        }
        if random.chance(DOUBLE_PERMILLE) {
            let late = now_s + random.between(1, DELAY_S_MAX);
            self.put(late, message.clone());
        }
        if !random.chance(LOSS_PERMILLE) {
            let delay = if random.chance(SLOW_PERMILLE) { random.between(2, DELAY_S_MAX) } else { 1 };
            self.put(now_s + delay, message);
        }
    }
    fn put(&mut self, at_s: u64, message: Message) {
        self.sent += 1;
        self.under_way.insert((at_s, self.sent), message);
    }
    /// What has arrived by now.
    pub fn arrived(&mut self, now_s: u64) -> Vec<Message> {
        let later = self.under_way.split_off(&(now_s + 1, 0));
        std::mem::replace(&mut self.under_way, later).into_values().collect()
    }
}
