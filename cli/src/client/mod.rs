//! A client of the API: who calls, where, and in which environment.

pub mod api;
pub mod place;
pub mod profile;
