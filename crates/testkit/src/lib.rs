//! What tests stand on: databases of their own, images without a registry, real Docker engines, and waiting without
//! sleeping. Nothing here is used by running code; functions panic with a sentence where a test could not go on anyway.

#[cfg(feature = "database")]
pub mod database;
#[cfg(feature = "docker")]
pub mod fleet;
#[cfg(feature = "docker")]
pub mod host;
pub mod image;
pub mod sample;
pub mod wait;
