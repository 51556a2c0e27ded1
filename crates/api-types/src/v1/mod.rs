//! Version 1, a file per noun.

pub mod apps;
pub mod audit;
pub mod events;
pub mod images;
pub mod live;
pub mod logs;
pub mod nodes;
pub mod people;
pub mod plan;
pub mod projects;
pub mod releases;
pub mod session;
pub mod tenants;
