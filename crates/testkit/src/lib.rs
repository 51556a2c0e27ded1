//! What tests stand on: databases of their own, real Docker engines, and waiting without sleeping.
//! Nothing here is used by running code; functions panic with a sentence where a test could not go on anyway.

pub mod database;
pub mod wait;
