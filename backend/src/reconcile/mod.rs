//! Makes desired true. Level-triggered tasks over rows: each derives what is to do from the database again, so a restart,
//! a fail-over and a lost nudge all take the same path as the happy case.
//!
//! One server at a time, the one that holds the lease, decides ([`placement`]: rollouts and instances). Every server
//! delivers to the agents that are connected to it, and stores what they report.

mod clean_up;
mod decide;
mod delivery;
mod driver;
mod lease;
mod node_health;
mod notice;
pub mod observation;
mod placement;
mod rollout;
mod say;

use crate::{
    clock::{Clock, Ids},
    live::Hub,
    store::Store,
};
use berth_scheduler::fleet::Fleet;
pub use driver::{Board, TaskStatus};
use std::sync::Arc;
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// Ways to wake tasks before their period is over. A nudge carries no data; a lost one costs time, a doubled one nothing.
#[derive(Clone, Default)]
pub struct Nudges {
    engine: Arc<Notify>,
    delivery: Arc<Notify>,
}

impl Nudges {
    /// Something desired or observed changed.
    pub fn engine(&self) {
        self.engine.notify_one();
    }
    /// Something assigned changed, or an agent came.
    pub fn delivery(&self) {
        self.delivery.notify_one();
    }
}

/// What the tasks need.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids.
    pub ids: Arc<dyn Ids>,
    /// The agents that are connected to this server.
    pub fleet: Arc<dyn Fleet>,
    /// Committed changes of every server.
    pub hub: Hub,
    /// Ways to wake the tasks.
    pub nudges: Nudges,
}

/// The running tasks.
pub struct Reconcilers {
    board: Arc<Board>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Reconcilers {
    /// Starts all tasks.
    pub fn start(parts: Parts) -> Self {
        let Parts { store, clock, ids, fleet, hub, nudges } = parts;
        let (board, stop) = (Arc::new(Board::default()), CancellationToken::new());
        let mut tasks = JoinSet::new();
        let (lease, leader) = lease::Keeper::new(store.clone(), ids.uuid(), Arc::clone(&nudges.engine));
        let engine = placement::Engine::new(store.clone(), leader, nudges.clone(), clock, ids);
        let delivery = delivery::Delivery::new(store.clone(), fleet);
        let mut spawn = |task: Box<dyn driver::Task>, nudge| {
            tasks.spawn(driver::drive(task, nudge, Arc::clone(&board), stop.clone()));
        };
        spawn(Box::new(lease), Arc::default());
        spawn(Box::new(engine), Arc::clone(&nudges.engine));
        spawn(Box::new(delivery), Arc::clone(&nudges.delivery));
        spawn(Box::new(clean_up::CleanUp(store)), Arc::default());
        tasks.spawn(notice::wake(hub, nudges, stop.clone()));
        Self { board, stop, tasks }
    }

    /// How the tasks do.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Stops all tasks; the lease is given back, so that another server takes over at once.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}
