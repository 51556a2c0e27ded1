//! State machines: an instance on its node, and a rollout. Each is one table.

use serde::{Deserialize, Serialize};

/// Where an instance stands, as its agent observed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum InstancePhase {
    /// Placed; its agent has not begun.
    Waiting,
    /// The image is on its way.
    Pulling,
    /// The container is being made.
    Creating,
    /// It runs and is not ready yet.
    Starting,
    /// It runs and its probe passes.
    Ready,
    /// It runs, was ready, and its probe fails.
    Unready,
    /// It ended or could not start; the next try is set.
    BackOff,
    /// It was told to stop.
    Stopping,
    /// It is gone, as was wanted.
    Stopped,
}

/// What happens to an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InstanceEvent {
    /// The image is missing and a pull began.
    PullBegan,
    /// The image is there; the container is being made.
    CreateBegan,
    /// The container's process runs.
    Started,
    /// The probe passed often enough.
    ProbePassed,
    /// The probe failed often enough.
    ProbeFailed,
    /// The process ended, or a step failed.
    Failed,
    /// The instance is no longer wanted.
    StopWanted,
    /// The container is gone.
    Removed,
}

/// The event cannot happen in this phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} cannot happen in {phase:?}")]
pub struct InvalidTransition {
    /// Where the instance stood.
    pub phase: InstancePhase,
    /// What was said to have happened.
    pub event: InstanceEvent,
}

impl InstancePhase {
    /// All phases, in the order of a life.
    pub const ALL: [Self; 9] = [
        Self::Waiting,
        Self::Pulling,
        Self::Creating,
        Self::Starting,
        Self::Ready,
        Self::Unready,
        Self::BackOff,
        Self::Stopping,
        Self::Stopped,
    ];

    /// The phase after `event`.
    pub fn on(self, event: InstanceEvent) -> Result<Self, InvalidTransition> {
        use InstanceEvent as E;
        use InstancePhase as P;
        let next = match (self, event) {
            (P::Waiting | P::BackOff, E::PullBegan) => P::Pulling,
            (P::Waiting | P::Pulling | P::BackOff, E::CreateBegan) => P::Creating,
            // A back-off may start the container that is there already; an adopted one may be found running.
            (P::Waiting | P::Creating | P::BackOff, E::Started) => P::Starting,
            (P::Starting | P::Unready | P::Ready, E::ProbePassed) => P::Ready,
            (P::Ready | P::Unready, E::ProbeFailed) => P::Unready,
            (P::Starting, E::ProbeFailed) => P::Starting,
            (P::Waiting | P::Pulling | P::Creating | P::Starting | P::Ready | P::Unready | P::BackOff, E::Failed) => {
                P::BackOff
            }
            (
                P::Waiting | P::Pulling | P::Creating | P::Starting | P::Ready | P::Unready | P::BackOff | P::Stopping,
                E::StopWanted,
            ) => P::Stopping,
            (P::Stopping | P::Stopped, E::Removed) => P::Stopped,
            (P::Waiting | P::Stopped, E::ProbePassed | E::ProbeFailed)
            | (P::Pulling | P::Creating | P::BackOff | P::Stopping, E::ProbePassed | E::ProbeFailed)
            | (
                P::Pulling | P::Creating | P::Starting | P::Ready | P::Unready | P::Stopping | P::Stopped,
                E::PullBegan,
            )
            | (P::Creating | P::Starting | P::Ready | P::Unready | P::Stopping | P::Stopped, E::CreateBegan)
            | (P::Pulling | P::Starting | P::Ready | P::Unready | P::Stopping | P::Stopped, E::Started)
            | (P::Stopping | P::Stopped, E::Failed)
            | (P::Stopped, E::StopWanted)
            | (P::Waiting | P::Pulling | P::Creating | P::Starting | P::Ready | P::Unready | P::BackOff, E::Removed) => {
                return Err(InvalidTransition { phase: self, event });
            }
        };
        Ok(next)
    }
    /// Whether work may be sent to it.
    pub const fn is_ready(self) -> bool {
        matches!(self, Self::Ready)
    }
    /// Whether it still holds resources of its node.
    pub const fn holds_resources(self) -> bool {
        !matches!(self, Self::Stopped)
    }
    /// The word in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Pulling => "pulling",
            Self::Creating => "creating",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Unready => "unready",
            Self::BackOff => "back_off",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }
    /// The phase of a word, if it is one.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == word)
    }
}

/// Where a rollout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RolloutPhase {
    /// New instances come, old ones go.
    Progressing,
    /// It failed or was aborted; the release before comes back.
    RollingBack,
    /// Every wanted instance runs the new release.
    Succeeded,
    /// Every wanted instance runs the release before again.
    RolledBack,
    /// It failed and there was no release before.
    Failed,
    /// A newer rollout took over.
    Superseded,
}

/// What happens to a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutEvent {
    /// All wanted instances of the target are ready and no other is left.
    Completed,
    /// A new instance missed its deadline or kept failing, or a person aborted; there is a release before.
    TakenBack,
    /// The same without a release before.
    GivenUp,
    /// A newer rollout of the app began.
    Overtaken,
}

impl RolloutPhase {
    /// All phases.
    pub const ALL: [Self; 6] =
        [Self::Progressing, Self::RollingBack, Self::Succeeded, Self::RolledBack, Self::Failed, Self::Superseded];

    /// The phase after `event`; `None` when it cannot happen here.
    pub fn on(self, event: RolloutEvent) -> Option<Self> {
        use RolloutEvent as E;
        match (self, event) {
            (Self::Progressing, E::Completed) => Some(Self::Succeeded),
            (Self::Progressing, E::TakenBack) => Some(Self::RollingBack),
            (Self::Progressing, E::GivenUp) => Some(Self::Failed),
            (Self::RollingBack, E::Completed) => Some(Self::RolledBack),
            (Self::Progressing | Self::RollingBack, E::Overtaken) => Some(Self::Superseded),
            (Self::RollingBack, E::TakenBack | E::GivenUp)
            | (
                Self::Succeeded | Self::RolledBack | Self::Failed | Self::Superseded,
                E::Completed | E::TakenBack | E::GivenUp | E::Overtaken,
            ) => None,
        }
    }
    /// Whether nothing more will happen.
    pub const fn is_over(self) -> bool {
        match self {
            Self::Progressing | Self::RollingBack => false,
            Self::Succeeded | Self::RolledBack | Self::Failed | Self::Superseded => true,
        }
    }
    /// The word in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Progressing => "progressing",
            Self::RollingBack => "rolling_back",
            Self::Succeeded => "succeeded",
            Self::RolledBack => "rolled_back",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
        }
    }
    /// The phase of a word, if it is one.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == word)
    }
}

/// How an app is doing: computed from what is desired and what was observed, never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AppState {
    /// It was stopped, or scaled to nothing.
    Stopped,
    /// A rollout is going on.
    RollingOut,
    /// A failed rollout is being taken back.
    RollingBack,
    /// Every wanted instance is ready.
    Healthy,
    /// Some wanted instances are not ready.
    Degraded,
    /// No wanted instance is ready.
    Down,
}

impl AppState {
    /// From the wanted number, the number ready, and the rollout that is going on, if any.
    pub const fn of(wanted: u32, ready: u32, rollout: Option<RolloutPhase>) -> Self {
        match rollout {
            Some(RolloutPhase::Progressing) if wanted > 0 => Self::RollingOut,
            Some(RolloutPhase::RollingBack) if wanted > 0 => Self::RollingBack,
            _ if wanted == 0 => Self::Stopped,
            _ if ready >= wanted => Self::Healthy,
            _ if ready == 0 => Self::Down,
            _ => Self::Degraded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for phase in InstancePhase::ALL {
            assert_eq!(InstancePhase::from_word(phase.as_str()), Some(phase));
        }
        for phase in RolloutPhase::ALL {
            assert_eq!(RolloutPhase::from_word(phase.as_str()), Some(phase));
        }
    }

    #[test]
    fn a_life_goes_from_waiting_to_ready_to_stopped() {
        use InstanceEvent as E;
        let mut phase = InstancePhase::Waiting;
        for (event, want) in [
            (E::PullBegan, InstancePhase::Pulling),
            (E::CreateBegan, InstancePhase::Creating),
            (E::Started, InstancePhase::Starting),
            (E::ProbePassed, InstancePhase::Ready),
            (E::ProbeFailed, InstancePhase::Unready),
            (E::Failed, InstancePhase::BackOff),
            (E::Started, InstancePhase::Starting),
            (E::StopWanted, InstancePhase::Stopping),
            (E::Removed, InstancePhase::Stopped),
        ] {
            phase = phase.on(event).expect("the next step of a life");
            assert_eq!(phase, want);
        }
    }

    #[test]
    fn only_a_probe_makes_ready_and_nothing_leaves_stopped() {
        use InstanceEvent as E;
        let all = [
            E::PullBegan,
            E::CreateBegan,
            E::Started,
            E::ProbePassed,
            E::ProbeFailed,
            E::Failed,
            E::StopWanted,
            E::Removed,
        ];
        for phase in InstancePhase::ALL {
            for event in all {
                if let Ok(next) = phase.on(event) {
                    assert!(next != InstancePhase::Ready || event == E::ProbePassed, "{phase:?} {event:?}");
                    assert!(phase != InstancePhase::Stopped || next == InstancePhase::Stopped);
                    assert!(phase != InstancePhase::Stopping || !next.is_ready());
                }
            }
        }
    }

    #[test]
    fn a_rollout_that_is_over_stays_so() {
        use RolloutEvent as E;
        for phase in RolloutPhase::ALL {
            for event in [E::Completed, E::TakenBack, E::GivenUp, E::Overtaken] {
                assert!(!phase.is_over() || phase.on(event).is_none(), "{phase:?} {event:?}");
            }
        }
    }

    #[test]
    fn a_state_is_what_is_ready_of_what_is_wanted() {
        assert_eq!(AppState::of(0, 0, None), AppState::Stopped);
        assert_eq!(AppState::of(3, 3, None), AppState::Healthy);
        assert_eq!(AppState::of(3, 1, None), AppState::Degraded);
        assert_eq!(AppState::of(3, 0, Some(RolloutPhase::Failed)), AppState::Down);
        assert_eq!(AppState::of(3, 3, Some(RolloutPhase::Progressing)), AppState::RollingOut);
    }
}
