//! The time, once a second, for everything that shows an age. It is the server's: what the server dates would otherwise
//! be hours old, or of tomorrow, in a browser whose own clock is wrong.

use chrono::{DateTime, Utc};
use leptos::prelude::*;
use std::cell::Cell;

/// Below this difference the browser's own clock is kept, in milliseconds: what is heard of the server's is as exact as
/// the network is fast, and ages must not jump about.
const SKEW_MIN_MS: f64 = 2_000.0;

thread_local! {
    /// What the server's clock is ahead of the browser's, in milliseconds.
    static SKEW_MS: Cell<f64> = const { Cell::new(0.0) };
}

/// The time as a signal; ages are computed from it.
#[derive(Debug, Clone, Copy)]
pub struct Clock(RwSignal<i64>);

impl Clock {
    /// Follows the seconds.
    pub fn tick(self) {
        self.0.track();
    }
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

/// Milliseconds since 1970 by the browser's clock: for spans between two things that happened here.
pub fn browser_ms() -> f64 {
    js_sys::Date::now()
}

/// Milliseconds since 1970 by the server's clock, as far as it was heard.
pub fn now_ms() -> f64 {
    browser_ms() + SKEW_MS.get()
}

/// Takes over what the server's clock says now.
pub fn hear_server_time(at: DateTime<Utc>) {
    let skew_ms = at.timestamp_millis() as f64 - browser_ms();
    SKEW_MS.set(if skew_ms.abs() < SKEW_MIN_MS { 0.0 } else { skew_ms });
}

fn now_s() -> i64 {
    (now_ms() / 1000.0) as i64
}
