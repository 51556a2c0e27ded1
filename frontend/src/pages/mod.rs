//! The pages, one per URL.

pub mod account;
pub mod activity;
pub mod apps;
pub mod home;
pub mod kit;
pub mod node;
pub mod nodes;
pub mod not_found;
pub mod overview;
pub mod project_settings;
pub mod setup;
pub mod sign_in;
pub mod tenant_settings;
pub mod tenants;
pub mod welcome;
