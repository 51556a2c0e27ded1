//! Use cases, a file per noun: a permit and domain values in, domain values out. Knows no HTTP and no SQL.

pub mod apps;
pub mod error;
pub mod events;
pub mod installation;
pub mod instances;
pub mod logs;
pub mod nodes;
pub mod page;
pub mod plan;
pub mod quota;
pub mod refusals;
pub mod releases;
pub mod resolve;
pub mod rollouts;
pub mod terminal;
