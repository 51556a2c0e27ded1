//! How one wanted instance stands: what its agent reports. Changes only by the lifecycle's own events.

use crate::{
    backoff::Backoff,
    container::{Container, Exit},
    probe::Verdict,
    reason::{Failure, Reason},
    runtime::PullProgress,
    worker::Progress,
};
use berth_domain::{
    id::InstanceId,
    lifecycle::{InstanceEvent, InstancePhase},
};
use berth_proto::{convert, fleet};
use std::collections::BTreeMap;

/// How an instance stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// Of which generation.
    pub generation: u64,
    /// Where it stands.
    pub phase: InstancePhase,
    /// Why it is not ready.
    pub trouble: Option<Failure>,
    /// How often it was started again.
    pub restarts: u32,
    /// When it is tried again.
    pub backoff: Backoff,
    /// Its container.
    pub container: Option<String>,
    /// Port inside → port on the node.
    pub ports: BTreeMap<u16, u16>,
    /// Unix milliseconds; 0 when it never was.
    pub started_at_ms: u64,
    /// Exit code of its last end.
    pub ended: Option<i32>,
    /// How far its pull is.
    pub pulled: PullProgress,
    /// In a row.
    pub probe_successes: u32,
    ready_since_ms: Option<u64>,
}

impl Track {
    /// Of an instance that was just placed here.
    pub fn new(generation: u64, restarts: u32) -> Self {
        Self {
            generation,
            phase: InstancePhase::Waiting,
            trouble: None,
            restarts,
            backoff: Backoff::default(),
            container: None,
            ports: BTreeMap::new(),
            started_at_ms: 0,
            ended: None,
            pulled: PullProgress::default(),
            probe_successes: 0,
            ready_since_ms: None,
        }
    }

    /// A launch is under way.
    pub fn progressed(&mut self, progress: Progress) {
        match progress {
            Progress::Pulling(pulled) => {
                if self.phase != InstancePhase::Pulling {
                    self.on(InstanceEvent::PullBegan);
                }
                self.pulled = pulled;
            }
            Progress::Creating => self.on(InstanceEvent::CreateBegan),
        }
    }

    /// Its container runs, since just now or since before this agent did.
    pub fn started(&mut self, container: &Container) {
        if matches!(self.phase, InstancePhase::Starting | InstancePhase::Ready | InstancePhase::Unready) {
            // Started again behind our back: it has to prove itself again.
            self.on(InstanceEvent::Failed);
        }
        if self.phase == InstancePhase::Pulling {
            self.on(InstanceEvent::CreateBegan);
        }
        self.on(InstanceEvent::Started);
        self.restarts += u32::from(self.ended.is_some() && self.started_at_ms != container.started_at_ms);
        self.trouble = None;
        self.pulled = PullProgress::default();
        self.backoff = self.backoff.tried();
        self.probe_successes = 0;
        self.ready_since_ms = None;
        self.container = Some(container.id.clone());
        self.ports.clone_from(&container.ports);
        self.started_at_ms = container.started_at_ms;
    }

    /// Its probe has something new to say.
    pub fn judged(&mut self, verdict: Verdict, now_ms: u64) {
        match verdict {
            Verdict::Passed(successes) => {
                self.on(InstanceEvent::ProbePassed);
                self.trouble = None;
                self.probe_successes = successes;
                self.ready_since_ms = Some(now_ms);
            }
            Verdict::Failed(failure) => {
                self.on(InstanceEvent::ProbeFailed);
                self.trouble = Some(failure);
                self.probe_successes = 0;
                self.ready_since_ms = None;
            }
        }
    }

    /// A step failed. It is tried again after its back-off.
    pub fn failed(&mut self, failure: Failure, now_ms: u64) {
        let healthy_ms = self.ready_since_ms.map_or(0, |since_ms| now_ms.saturating_sub(since_ms));
        self.on(InstanceEvent::Failed);
        self.backoff = self.backoff.after_failure(now_ms, healthy_ms);
        self.trouble = Some(failure);
        self.ready_since_ms = None;
        self.probe_successes = 0;
        self.pulled = PullProgress::default();
        self.ports.clear();
    }

    /// Its process ended.
    pub fn ended(&mut self, exit: &Exit, now_ms: u64) {
        self.failed(end_of(exit, self.started_at_ms), now_ms);
        self.ended = Some(exit.code);
    }

    /// It was found ended when the agent came: nobody has waited for it yet, so it is started at once.
    pub fn found_ended(&mut self, container: &Container, exit: &Exit) {
        self.container = Some(container.id.clone());
        self.started_at_ms = container.started_at_ms;
        self.ended(exit, exit.at_ms);
        self.backoff = Backoff::default();
    }

    /// It is no longer wanted.
    pub fn stopping(&mut self) {
        if !matches!(self.phase, InstancePhase::Stopping | InstancePhase::Stopped) {
            self.on(InstanceEvent::StopWanted);
            self.trouble = None;
            self.ready_since_ms = None;
        }
    }

    /// Its container is gone, as was wanted.
    pub fn settled(&mut self) {
        self.stopping();
        self.on(InstanceEvent::Removed);
        self.trouble = None;
        self.ports.clear();
    }

    /// Moves by the lifecycle's table. What the table forbids is a mistake of ours, seen in the log and not acted upon.
    fn on(&mut self, event: InstanceEvent) {
        match self.phase.on(event) {
            Ok(phase) => self.phase = phase,
            Err(error) => tracing::debug!(%error, "ignored"),
        }
    }

    /// For the server.
    pub fn to_wire(&self, instance: InstanceId) -> fleet::ObservedInstance {
        let (reason, message) =
            self.trouble.as_ref().map_or((String::new(), String::new()), |t| (t.reason.to_string(), t.message.clone()));
        let port = |(container, host): (&u16, &u16)| fleet::PublishedPort {
            container: (*container).into(),
            host: (*host).into(),
        };
        fleet::ObservedInstance {
            instance_id: convert::bytes(instance),
            generation: self.generation,
            phase: self.phase.as_str().to_owned(),
            container_id: self.container.clone().unwrap_or_default(),
            message,
            reason,
            restarts: self.restarts,
            ports: self.ports.iter().map(port).collect(),
            started_at_ms: self.started_at_ms,
            exit_code: self.ended.unwrap_or_default(),
            ended: self.ended.is_some(),
            pulled_bytes: self.pulled.bytes,
            pull_total_bytes: self.pulled.total,
            probe_successes: self.probe_successes,
        }
    }
}

fn end_of(exit: &Exit, started_at_ms: u64) -> Failure {
    if exit.out_of_memory {
        return Failure::new(Reason::OomKilled, "The process needed more than its memory limit and was killed.");
    }
    if !exit.error.is_empty() {
        return Failure::new(Reason::StartFailed, format!("The process could not begin: {}", exit.error));
    }
    // The little init in every container says by these codes, as shells do, that it could not run the command.
    match exit.code {
        127 => {
            let message = "The image has no such command, or the command called one that is missing (exit code 127).";
            return Failure::new(Reason::CommandNotFound, message);
        }
        126 => {
            return Failure::new(
                Reason::CommandNotFound,
                "The command is there but cannot be executed (exit code 126).",
            );
        }
        _ => {}
    }
    let ran_s = exit.at_ms.saturating_sub(started_at_ms) / 1000;
    let how = match exit.code {
        code @ 129..=192 => format!("was killed by signal {}", code - 128),
        code => format!("exited with code {code}"),
    };
    Failure::new(Reason::Exited, format!("The process {how} after {ran_s} s."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn running(started_at_ms: u64) -> Container {
        Container { ports: BTreeMap::from([(80, 4000)]), started_at_ms, ..testing::container("c", 1) }
    }

    #[test]
    fn a_life_with_a_crash() {
        let mut track = Track::new(1, 0);
        track.progressed(Progress::Pulling(PullProgress { bytes: 1, total: 2 }));
        assert_eq!(track.phase, InstancePhase::Pulling);
        track.progressed(Progress::Creating);
        track.started(&running(1_000));
        track.judged(Verdict::Passed(1), 1_100);
        assert_eq!((track.phase, track.restarts, track.pulled.bytes), (InstancePhase::Ready, 0, 0));
        track.ended(&Exit { code: 3, at_ms: 4_000, ..Exit::default() }, 4_000);
        let trouble = track.trouble.clone().expect("a reason");
        assert_eq!((track.phase, trouble.reason), (InstancePhase::BackOff, Reason::Exited));
        assert_eq!(trouble.message, "The process exited with code 3 after 3 s.");
        assert_eq!(track.backoff.retry_at_ms(), Some(5_000));
        assert!(track.ports.is_empty());
        track.started(&running(5_000));
        assert_eq!((track.phase, track.restarts, track.ended), (InstancePhase::Starting, 1, Some(3)));
        track.settled();
        assert_eq!(track.phase, InstancePhase::Stopped);
    }

    #[test]
    fn memory_and_signals_are_told_apart() {
        let exit = |code, out_of_memory| end_of(&Exit { code, out_of_memory, ..Exit::default() }, 0);
        assert_eq!(exit(137, true).reason, Reason::OomKilled);
        assert_eq!(exit(127, false).reason, Reason::CommandNotFound);
        assert_eq!(exit(137, false).message, "The process was killed by signal 9 after 0 s.");
        assert_eq!(exit(0, false).message, "The process exited with code 0 after 0 s.");
    }
}
