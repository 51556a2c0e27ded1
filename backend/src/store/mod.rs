//! Postgres. The only module that says `sqlx`, a file per group of tables.
//!
//! A store function takes an open transaction: [`Tx`] to change tenant rows, [`ReadTx`] or a connection to look.
//! Both carry the tenant of the permit that they were begun with, and row-level security holds every statement to it.

pub mod access;
pub mod audit;
mod error;
pub mod idempotency;
pub mod installation;
pub mod nudge;
mod pools;
mod tx;

pub use self::{
    error::StoreError,
    pools::{MigrateError, Store},
    tx::{Chain, ReadTx, SystemTx, Tx},
};
