//! Small things of the browser.

pub mod clipboard;
pub mod clock;
pub mod dom;
pub mod presence;
pub mod storage;
pub mod url;
