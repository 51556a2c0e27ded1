//! crates/api-types
