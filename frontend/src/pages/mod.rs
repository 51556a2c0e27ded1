//! The pages, one per URL.

pub mod account;
pub mod activity;
pub mod apps;
pub mod credentials;
pub mod entry;
pub mod environments;
pub mod home;
pub mod images;
pub mod kit;
pub mod node;
pub mod nodes;
pub mod not_found;
pub mod overview;
pub mod parts;
pub mod people;
pub mod project_form;
pub mod project_settings;
pub mod quota_form;
pub mod sessions;
pub mod setup;
pub mod sign_in;
pub mod tenant_settings;
pub mod tenants;
pub mod tokens;
pub mod troubles;
pub mod welcome;
