//! What people do with a platform, a file per noun or verb.

pub mod apps;
pub mod audit;
pub mod deploy;
pub mod login;
pub mod logs;
pub mod nodes;
pub mod operate;
pub mod wait;
