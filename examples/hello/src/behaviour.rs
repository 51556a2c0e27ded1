//! What the process was told to be, and how it is doing.

use std::{
    env,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize},
    },
    time::{Duration, Instant},
};

/// Read once at start; the atomics change as requests come.
pub struct Behaviour {
    pub name: String,
    pub version: String,
    pub instance: String,
    pub greeting: String,
    pub port: u16,
    pub crash_at_start: bool,
    pub ready_at: Instant,
    pub stop_delay: Duration,
    pub fail_health: AtomicBool,
    pub stopping: AtomicBool,
    /// Requests that are being answered.
    pub requests: AtomicUsize,
    /// Memory taken on purpose.
    pub leaked: Mutex<Vec<Vec<u8>>>,
}

impl Behaviour {
    pub fn from_env() -> Self {
        Self {
            name: text("HELLO_NAME", "hello"),
            version: text("HELLO_VERSION", env!("CARGO_PKG_VERSION")),
            instance: env::var("BERTH_INSTANCE").unwrap_or_else(|_| text("HOSTNAME", "here")),
            greeting: text("GREETING", "Hello!"),
            port: number("HELLO_PORT", 8080),
            crash_at_start: flag("HELLO_CRASH_AT_START"),
            ready_at: Instant::now() + Duration::from_millis(number("HELLO_START_DELAY_MS", 0)),
            stop_delay: Duration::from_millis(number("HELLO_STOP_DELAY_MS", 0)),
            fail_health: AtomicBool::new(flag("HELLO_FAIL_HEALTH")),
            stopping: AtomicBool::new(false),
            requests: AtomicUsize::new(0),
            leaked: Mutex::new(Vec::new()),
        }
    }
}

fn text(name: &str, otherwise: &str) -> String {
    env::var(name).unwrap_or_else(|_| otherwise.to_owned())
}

fn number<T: std::str::FromStr>(name: &str, otherwise: T) -> T {
    env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

fn flag(name: &str) -> bool {
    matches!(env::var(name).as_deref(), Ok("1" | "true" | "yes"))
}
