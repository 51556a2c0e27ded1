//! Version 1 of the API, a file per noun. A handler translates: permit and body to domain, one service call, domain to view.

pub mod apps;
pub mod audit;
pub mod credentials;
pub mod events;
pub mod images;
pub mod installation;
pub mod instances;
pub mod live;
pub mod logs;
pub mod me;
pub mod nodes;
pub mod people;
pub mod plan;
pub mod projects;
pub mod releases;
pub mod roles;
pub mod rollouts;
pub mod session;
pub mod tenants;
pub mod terminal;
