//! Postgres. The only module that says `sqlx`, a file per group of tables.
//!
//! A store function takes an open transaction: [`Tx`] to change tenant rows, [`ReadTx`] or a connection to look.
//! Both carry the tenant of the permit that they were begun with, and row-level security holds every statement to it.

pub mod access;
pub mod apps;
pub mod audit;
pub mod audit_read;
pub mod checkpoints;
pub mod counted;
pub mod credentials;
mod error;
pub mod events;
pub mod events_read;
pub mod forwarding;
pub mod idempotency;
pub mod images;
pub mod installation;
pub mod instances;
pub mod instances_read;
pub mod join_tokens;
pub mod leases;
pub mod listen;
pub mod node_observations;
pub mod nodes;
pub mod nudge;
pub mod observations;
pub mod people;
pub mod placement;
mod pools;
pub mod projects;
pub mod releases;
pub mod roles;
pub mod rollouts;
pub mod rollouts_reconcile;
pub mod sessions;
pub mod sight;
pub mod snapshot;
pub mod tenants;
pub mod tickets;
mod tx;
pub mod usage;
pub mod users;

/// What statements run on, for services that read the same rows with a look's connection and with a change's.
pub type Connection = sqlx::PgConnection;

pub use self::{
    error::StoreError,
    pools::{MigrateError, Store},
    tx::{Chain, ReadTx, SystemTx, Tx},
};
