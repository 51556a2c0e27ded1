//! What happened on the node and why, kept until the server has acknowledged it.

use crate::{clock, limit};
use berth_domain::id::InstanceId;
use berth_proto::{convert, fleet::AgentEvent};
use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};
use tokio::sync::watch;

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody may want to look.
    Warn,
    /// Somebody should look.
    Error,
}

impl Severity {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Events in order; of too many the oldest are dropped.
#[derive(Debug, Default)]
pub struct Events {
    waiting: Mutex<VecDeque<AgentEvent>>,
    count: watch::Sender<u64>,
}

impl Events {
    /// Adds an event of an instance, or of the node.
    pub fn add(&self, instance: Option<InstanceId>, severity: Severity, reason: &str, message: impl Into<String>) {
        let event = AgentEvent {
            event_id: clock::fresh_id().as_bytes().to_vec(),
            instance_id: instance.map(convert::bytes).unwrap_or_default(),
            at_ms: clock::now_ms(),
            reason: reason.to_owned(),
            message: limit::cut(&message.into()),
            severity: severity.as_str().to_owned(),
        };
        let instance = instance.map(|id| id.to_string()).unwrap_or_default();
        tracing::info!(instance.id = instance, reason = event.reason, "{}", event.message);
        let mut events = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() >= limit::EVENTS_MAX {
            events.pop_front();
        }
        events.push_back(event);
        drop(events);
        self.count.send_modify(|count| *count += 1);
    }
    /// Changes whenever an event was added.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }
    /// All that wait.
    pub fn waiting(&self) -> Vec<AgentEvent> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
    /// Drops those that the server has.
    pub fn acknowledge(&self, sent: &[Vec<u8>]) {
        let sent: std::collections::HashSet<_> = sent.iter().collect();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).retain(|event| !sent.contains(&event.event_id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_wait_for_their_acknowledgement_and_are_bounded() {
        let events = Events::default();
        for n in 0..limit::EVENTS_MAX + 3 {
            events.add(None, Severity::Info, "test", n.to_string());
        }
        let waiting = events.waiting();
        assert_eq!((waiting.len(), waiting[0].message.as_str()), (limit::EVENTS_MAX, "3"));
        events.acknowledge(&[waiting[0].event_id.clone()]);
        assert_eq!(events.waiting()[0].message, "4");
    }
}
