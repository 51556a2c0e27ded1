//! Small things of the browser.

pub mod clock;
pub mod dom;
pub mod storage;
pub mod url;
