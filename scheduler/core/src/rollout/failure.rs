//! Whether a rollout that is going on has failed, and why, in a sentence for people.

use super::{
    RESTARTS_MAX, RolloutInstance, RolloutView,
    allot::{Tally, is_new},
};
use alloc::{format, string::String};

/// Milliseconds in a second.
const SECOND_MS: u64 = 1000;

/// The reason of a failure, if there is one. What cannot be mended is said before what took too long.
pub(super) fn find(view: &RolloutView, tally: &Tally, now_ms: u64) -> Option<String> {
    hopeless(view).or_else(|| crash_loop(view)).or_else(|| overdue(view, tally, now_ms))
}

/// New instances that are wanted and not ready. One that is ready is judged by that alone: what it went through before
/// may be older than this rollout, as when it goes back to a release that still runs.
fn unready(view: &RolloutView) -> impl Iterator<Item = &RolloutInstance> {
    view.instances.iter().filter(|i| is_new(view, i) && !i.stopping && !i.phase.is_ready())
}

fn hopeless(view: &RolloutView) -> Option<String> {
    let instance = unready(view).find(|instance| instance.hopeless)?;
    Some(format!("A new instance cannot start{}", because(&instance.message)))
}

fn crash_loop(view: &RolloutView) -> Option<String> {
    let instance = unready(view).find(|instance| instance.restarts >= RESTARTS_MAX)?;
    let times = instance.restarts;
    Some(format!("A new instance was started again {times} times and is not ready{}", because(&instance.message)))
}

fn overdue(view: &RolloutView, tally: &Tally, now_ms: u64) -> Option<String> {
    // When all new ones are ready it only waits for old ones to end, and they have a grace of their own.
    let waits_for_new = tally.new.ready < view.replicas;
    let deadline_s = view.policy.ready_deadline_s;
    let silence_ms = now_ms.saturating_sub(view.progressed_at_ms);
    if !waits_for_new || silence_ms < u64::from(deadline_s) * SECOND_MS {
        return None;
    }
    let message = unready(view).map(|instance| instance.message.as_str()).find(|message| !message.is_empty());
    let because = match (message, tally.new.all) {
        (Some(message), _) => because(message),
        (None, 0) => String::from(": none found a place on a node."),
        (None, _) => String::from("."),
    };
    let (ready, replicas) = (tally.new.ready, view.replicas);
    Some(format!(
        "No further instance became ready within {deadline_s} seconds; {ready} of {replicas} were ready{because}"
    ))
}

/// The end of a sentence that names an instance's own message.
fn because(message: &str) -> String {
    let message = message.trim().trim_end_matches('.');
    if message.is_empty() { String::from(".") } else { format!(": {message}.") }
}
