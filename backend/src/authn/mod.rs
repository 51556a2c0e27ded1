//! Who calls: passwords, sessions, personal tokens, and where a call came from.

pub mod account;
pub mod actor;
pub mod credential;
pub mod origin;
pub mod password;
pub mod session;
pub mod sign_in_limit;
pub mod token;
