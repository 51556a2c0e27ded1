//! The colour and the word of every state of the domain, once.

use super::pill::Tone;
use crate::i18n::t;
use berth_api_types::v1::events::Severity;
use berth_domain::{
    lifecycle::{AppState, InstancePhase, RolloutPhase},
    node::{NodeAvailability, NodeState},
    right::Role,
};

/// An app's state.
pub fn app_state(state: AppState) -> (Tone, &'static str) {
    match state {
        AppState::Stopped => (Tone::Idle, t::common::state_stopped()),
        AppState::RollingOut => (Tone::Busy, t::common::state_rolling_out()),
        AppState::RollingBack => (Tone::Warn, t::common::state_rolling_back()),
        AppState::Healthy => (Tone::Ok, t::common::state_healthy()),
        AppState::Degraded => (Tone::Warn, t::common::state_degraded()),
        AppState::Down => (Tone::Bad, t::common::state_down()),
    }
}

/// An app's state with how many of how many are ready, where that says more.
pub fn app_state_text(state: AppState, ready: u32, wanted: u32) -> String {
    let word = app_state(state).1;
    match state {
        AppState::Stopped | AppState::Healthy => word.to_owned(),
        AppState::RollingOut | AppState::RollingBack | AppState::Degraded | AppState::Down => {
            format!("{word} {ready}/{wanted}")
        }
    }
}

/// An instance's phase.
pub fn instance_phase(phase: InstancePhase) -> (Tone, &'static str) {
    match phase {
        InstancePhase::Waiting => (Tone::Idle, t::common::phase_waiting()),
        InstancePhase::Pulling => (Tone::Busy, t::common::phase_pulling()),
        InstancePhase::Creating => (Tone::Busy, t::common::phase_creating()),
        InstancePhase::Starting => (Tone::Busy, t::common::phase_starting()),
        InstancePhase::Ready => (Tone::Ok, t::common::phase_ready()),
        InstancePhase::Unready => (Tone::Warn, t::common::phase_unready()),
        InstancePhase::BackOff => (Tone::Bad, t::common::phase_back_off()),
        InstancePhase::Stopping => (Tone::Idle, t::common::phase_stopping()),
        InstancePhase::Stopped => (Tone::Idle, t::common::phase_stopped()),
    }
}

/// A rollout's phase.
pub fn rollout_phase(phase: RolloutPhase) -> (Tone, &'static str) {
    match phase {
        RolloutPhase::Progressing => (Tone::Busy, t::common::rollout_progressing()),
        RolloutPhase::RollingBack => (Tone::Warn, t::common::rollout_rolling_back()),
        RolloutPhase::Succeeded => (Tone::Ok, t::common::rollout_succeeded()),
        RolloutPhase::RolledBack => (Tone::Warn, t::common::rollout_rolled_back()),
        RolloutPhase::Failed => (Tone::Bad, t::common::rollout_failed()),
        RolloutPhase::Superseded => (Tone::Idle, t::common::rollout_superseded()),
    }
}

/// A node's standing: what is wrong with it first, then what is wanted of it.
pub fn node_state(state: NodeState, availability: NodeAvailability) -> (Tone, &'static str) {
    match (state, availability) {
        (NodeState::Lost, _) => (Tone::Bad, t::common::node_lost()),
        (NodeState::DockerDown, _) => (Tone::Bad, t::common::node_docker_down()),
        (NodeState::Suspect, _) => (Tone::Warn, t::common::node_suspect()),
        (NodeState::Ready, NodeAvailability::Active) => (Tone::Ok, t::common::node_ready()),
        (NodeState::Ready, NodeAvailability::Cordoned) => (Tone::Idle, t::common::node_cordoned()),
        (NodeState::Ready, NodeAvailability::Drained) => (Tone::Idle, t::common::node_drained()),
    }
}

/// How much an event matters.
pub const fn severity(severity: Severity) -> Tone {
    match severity {
        Severity::Info => Tone::Idle,
        Severity::Warn => Tone::Warn,
        Severity::Error => Tone::Bad,
    }
}

/// The word for how much an event matters, for those who do not see its colour.
pub fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => t::common::severity_info(),
        Severity::Warn => t::common::severity_warn(),
        Severity::Error => t::common::severity_error(),
    }
}

/// A role's name.
pub fn role(role: Role) -> &'static str {
    match role {
        Role::Owner => t::common::role_owner(),
        Role::Admin => t::common::role_admin(),
        Role::Developer => t::common::role_developer(),
        Role::Operator => t::common::role_operator(),
        Role::Viewer => t::common::role_viewer(),
        Role::Auditor => t::common::role_auditor(),
        Role::Finance => t::common::role_finance(),
    }
}

/// What a role allows, in a sentence.
pub fn role_hint(role: Role) -> &'static str {
    match role {
        Role::Owner => t::common::role_owner_hint(),
        Role::Admin => t::common::role_admin_hint(),
        Role::Developer => t::common::role_developer_hint(),
        Role::Operator => t::common::role_operator_hint(),
        Role::Viewer => t::common::role_viewer_hint(),
        Role::Auditor => t::common::role_auditor_hint(),
        Role::Finance => t::common::role_finance_hint(),
    }
}
