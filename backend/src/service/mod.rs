//! Use cases, a file per noun: a permit and domain values in, domain values out. Knows no HTTP and no SQL.

pub mod apps;
mod archive;
pub mod audit;
mod collect;
pub mod credentials;
pub mod error;
pub mod events;
pub mod images;
pub mod installation;
pub mod instances;
pub mod logs;
pub mod me;
pub mod nodes;
pub mod page;
pub mod people;
pub mod plan;
pub mod projects;
pub mod quota;
pub mod refusals;
pub mod releases;
pub mod resolve;
pub mod rollouts;
pub mod session;
pub mod setup;
pub mod tenants;
pub mod terminal;
pub mod tokens;
