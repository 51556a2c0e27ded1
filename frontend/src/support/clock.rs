//! The time, once a second, for everything that shows an age.

use chrono::{DateTime, Utc};
use leptos::prelude::*;

/// The time as a signal; ages are computed from it.
#[derive(Debug, Clone, Copy)]
pub struct Clock(RwSignal<i64>);

impl Clock {
    /// Seconds since `at`, followed.
    pub fn seconds_since(self, at: DateTime<Utc>) -> i64 {
        self.0.get() - at.timestamp()
    }
}

/// Starts the clock. Call it once.
pub fn provide_clock() {
    let now = RwSignal::new(now_s());
    // Lives as long as the page.
    std::mem::forget(gloo_timers::callback::Interval::new(1_000, move || now.set(now_s())));
    provide_context(Clock(now));
}

/// The clock.
pub fn use_clock() -> Clock {
    expect_context()
}

/// Milliseconds since 1970.
pub fn now_ms() -> f64 {
    js_sys::Date::now()
}

fn now_s() -> i64 {
    (now_ms() / 1000.0) as i64
}
