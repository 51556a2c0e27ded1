//! Use cases, a file per noun: a permit and domain values in, domain values out. Knows no HTTP and no SQL.

pub mod error;
pub mod installation;
pub mod page;
pub mod resolve;
