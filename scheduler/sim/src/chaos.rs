//! What goes wrong with hosts and leaders, and how it ends.

use crate::{Sabotage, agent::Agent, database::Database, host::Host, leader::Leader, random::Random};

/// Most leaders, deposed ones included, that are alive at once.
const LEADERS_MAX: usize = 3;

/// Gives one host a fault, or ends one.
pub fn strike(host: &mut Host, random: &mut Random, now_s: u64, sabotage: Sabotage) {
    match random.below(9) {
        0 => host.power_off(),
        1 => host.connected = false,
        2 => host.docker_answers = false,
        3 => host.agent = None,
        4 => {
            host.agent = None;
            start_agent(host, now_s, sabotage);
        }
        _ => mend(host, now_s, sabotage),
    }
}

/// Ends every fault of a host. Its power returns, and its agent starts from its ledger.
pub fn mend(host: &mut Host, now_s: u64, sabotage: Sabotage) {
    host.powered = true;
    host.connected = true;
    host.docker_answers = true;
    if host.agent.is_none() {
        start_agent(host, now_s, sabotage);
    }
}

/// Starts the agent's process.
pub fn start_agent(host: &mut Host, now_s: u64, sabotage: Sabotage) {
    if host.powered {
        host.agent = Some(Agent::start(&host.containers, now_s, sabotage));
    }
}

/// A new leader takes over. The one before does not know, and may have lost sight of the database.
pub fn elect(leaders: &mut Vec<Leader>, database: &mut Database, random: &mut Random) {
    if let Some(deposed) = leaders.last_mut() {
        deposed.is_blind = random.chance(500);
    }
    leaders.push(Leader::new(database.elect()));
    if leaders.len() > LEADERS_MAX {
        leaders.remove(0);
    }
}
