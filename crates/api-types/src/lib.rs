//! The HTTP contract, shared by server, console and command line: every URL once, request bodies, views,
//! the error body and pages. Request bodies refuse unknown fields; views may grow.

pub mod error;
pub mod page;
pub mod path;
pub mod v1;
