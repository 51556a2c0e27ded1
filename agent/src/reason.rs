//! Why an instance is not ready: a code for programs and a sentence for people.

use std::fmt;

/// The codes of `ObservedInstance.reason` and of events. Only added to, because servers of other versions read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The registry has no such image.
    ImageNotFound,
    /// The registry wants other credentials, or says so where there is no such image.
    RegistryDenied,
    /// The registry does not answer.
    RegistryUnavailable,
    /// The registry wants us to come back later.
    RegistryRateLimited,
    /// The image is for another processor.
    WrongArchitecture,
    /// The uploaded image cannot be had from the control plane now.
    ImageUnavailable,
    /// The archive of an uploaded image is not what was promised, or no image.
    BadArchive,
    /// A published port is taken on this node.
    PortInUse,
    /// The address on which ports are published is not this node's.
    AddressNotHere,
    /// The engine has no addresses left for another network.
    NetworkExhausted,
    /// The image has no such command, or it is not executable.
    CommandNotFound,
    /// The disk of the node is full.
    DiskFull,
    /// The container could not be started.
    StartFailed,
    /// The container could not be made.
    CreateFailed,
    /// A container of that name is there and is not ours.
    NameTaken,
    /// The process ended.
    Exited,
    /// The kernel ended the process: over its memory limit.
    OomKilled,
    /// The readiness probe fails.
    ProbeFailed,
    /// The sandbox whose network it used ended or was removed.
    NetworkLost,
    /// The Docker Engine does not answer.
    DockerUnavailable,
    /// The spec cannot be read by this agent.
    BadSpec,
    /// The request is not what a tenant may run.
    NotAdmitted,
    /// The container could not be stopped or removed.
    StopFailed,
}

impl Reason {
    /// The code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ImageNotFound => "image_not_found",
            Self::RegistryDenied => "registry_denied",
            Self::RegistryUnavailable => "registry_unavailable",
            Self::RegistryRateLimited => "registry_rate_limited",
            Self::WrongArchitecture => "wrong_architecture",
            Self::ImageUnavailable => "image_unavailable",
            Self::BadArchive => "bad_archive",
            Self::PortInUse => "port_in_use",
            Self::AddressNotHere => "address_not_here",
            Self::NetworkExhausted => "network_exhausted",
            Self::CommandNotFound => "command_not_found",
            Self::DiskFull => "disk_full",
            Self::StartFailed => "start_failed",
            Self::CreateFailed => "create_failed",
            Self::NameTaken => "name_taken",
            Self::Exited => "exited",
            Self::OomKilled => "oom_killed",
            Self::ProbeFailed => "probe_failed",
            Self::NetworkLost => "network_lost",
            Self::DockerUnavailable => "docker_unavailable",
            Self::BadSpec => "bad_spec",
            Self::NotAdmitted => "not_admitted",
            Self::StopFailed => "stop_failed",
        }
    }
}

/// A code and its sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The code.
    pub reason: Reason,
    /// An English sentence.
    pub message: String,
}

impl Failure {
    /// A failure with its sentence.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
