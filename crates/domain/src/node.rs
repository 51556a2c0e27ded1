//! A node's standing, computed from when its agent was last heard.

use serde::{Deserialize, Serialize};

/// Between two heartbeats of an agent, in milliseconds.
pub const HEARTBEAT_MS: u64 = 5_000;
/// Silence after which a node gets no new work, in milliseconds: three missed heartbeats.
pub const SUSPECT_AFTER_MS: u64 = 15_000;
/// Silence after which a node's instances are replaced, in milliseconds.
pub const LOST_AFTER_MS: u64 = 30_000;

/// Whether a node takes work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// Heard lately, Docker answers.
    Ready,
    /// Heard lately, but its Docker Engine does not answer: no new work.
    DockerDown,
    /// Not heard for [`SUSPECT_AFTER_MS`]: no new work.
    Suspect,
    /// Not heard for [`LOST_AFTER_MS`]: its instances are replaced.
    Lost,
}

impl NodeState {
    /// From the silence in milliseconds and whether Docker answered the last time.
    pub const fn of(silence_ms: u64, docker_answers: bool) -> Self {
        if silence_ms >= LOST_AFTER_MS {
            Self::Lost
        } else if silence_ms >= SUSPECT_AFTER_MS {
            Self::Suspect
        } else if docker_answers {
            Self::Ready
        } else {
            Self::DockerDown
        }
    }
}

/// What an administrator wants of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum NodeAvailability {
    /// Takes work.
    #[default]
    Active,
    /// Keeps what it has, takes nothing new.
    Cordoned,
    /// Its instances go elsewhere, then it is empty.
    Drained,
}

impl NodeAvailability {
    /// The word in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Cordoned => "cordoned",
            Self::Drained => "drained",
        }
    }
    /// The value of a word, if it is one.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Active, Self::Cordoned, Self::Drained].into_iter().find(|a| a.as_str() == word)
    }
}
