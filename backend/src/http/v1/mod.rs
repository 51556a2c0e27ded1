//! Version 1 of the API, a file per noun. A handler translates: permit and body to domain, one service call, domain to view.

pub mod apps;
pub mod events;
pub mod installation;
pub mod instances;
pub mod live;
pub mod logs;
pub mod nodes;
pub mod plan;
pub mod releases;
pub mod rollouts;
pub mod terminal;
