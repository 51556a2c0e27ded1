//! A cluster in memory with faults from a seed. It runs the production `plan` and `rollout::step`; what it models is
//! everything around them: rows, leaders, messages that are lost, doubled and late, hosts, agents and containers.
//!
//! A run has two halves. In the first everything goes wrong at random, and after every second the safety rules must
//! hold. In the second the faults stop, and the cluster must come to rest as wanted within a bounded time.
//!
//! Reading order: `world` (one second after another), `database` (the rows and who may write them), `leader`,
//! `agent` and `host`, `chaos` (what goes wrong, and what people do), `check` and
//! `promise` (what must hold).
//!
//! Nothing here reads a clock or a random source: the same seed gives the same run, bit for bit.

mod agent;
mod chaos;
mod check;
mod database;
mod host;
mod journal;
mod leader;
mod message;
mod network;
mod operator;
mod promise;
mod random;
mod snapshot;
mod world;

use journal::Journal;
use std::fmt;

/// A bug that is put in on purpose, to see that the checks find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// Everything works as designed.
    None,
    /// Agents take any desired set, however old.
    AgentIgnoresGenerations,
    /// Agents that start again do not look at the containers that are there.
    AgentDoesNotAdopt,
    /// The planner sees empty nodes.
    PlannerIgnoresUse,
    /// Plans commit whatever happened since they were made, and whoever leads.
    CommitIgnoresBase,
    /// A row is deleted when the instance is told to stop, not when it was seen gone.
    ForgetsStopping,
    /// A desired set is sent once; when it is lost, it is lost.
    SendsOnce,
    /// A rollout lets every old instance go at once.
    StopsOldFirst,
    /// A rollout adds all new instances at once.
    StartsAllAtOnce,
    /// A rollout ends before its instances are ready.
    CompletesEarly,
    /// A rollout that is taken back leaves the app at the release that failed.
    KeepsFailedRelease,
}

impl Sabotage {
    /// All that break something.
    pub const ALL: [Self; 10] = [
        Self::AgentIgnoresGenerations,
        Self::AgentDoesNotAdopt,
        Self::PlannerIgnoresUse,
        Self::CommitIgnoresBase,
        Self::ForgetsStopping,
        Self::SendsOnce,
        Self::StopsOldFirst,
        Self::StartsAllAtOnce,
        Self::CompletesEarly,
        Self::KeepsFailedRelease,
    ];
}

/// What happened in a run, to see that it was not idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Simulated seconds until the cluster was at rest.
    pub seconds: u64,
    /// Simulated seconds from the end of the faults until then.
    pub settling_seconds: u64,
    /// Instances that were placed.
    pub starts: u64,
    /// Instances that were told to stop.
    pub stops: u64,
    /// Plans that were made and not committed, because the world had moved.
    pub stale_plans: u64,
    /// Desired sets that an agent refused as old.
    pub stale_sets: u64,
    /// Rollouts that succeeded.
    pub succeeded: u64,
    /// Rollouts that were taken back.
    pub taken_back: u64,
    /// Rollouts that failed without a release before.
    pub given_up: u64,
    /// Instances whose node was lost.
    pub lost: u64,
    /// Instances that were moved off a drained node.
    pub drained: u64,
    /// Leaders after the first.
    pub elections: u64,
    /// A mixture of every second's state: equal runs have equal ones.
    pub fingerprint: u64,
}

/// A rule that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The seed that shows it again.
    pub seed: u64,
    /// The simulated second.
    pub second: u64,
    /// The rule and the facts.
    pub what: String,
    /// What led to it, the newest last.
    pub history: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.history {
            writeln!(f, "  {line}")?;
        }
        write!(f, "seed {} failed at second {}: {}", self.seed, self.second, self.what)
    }
}

/// Runs one seed. One that fails is run again, the same bit for bit, to tell what led to it.
pub fn run(seed: u64, sabotage: Sabotage) -> Result<Summary, Failure> {
    let run = |journal| world::World::new(seed, sabotage, journal).run();
    run(Journal::default()).or_else(|_| run(Journal::kept()))
}
