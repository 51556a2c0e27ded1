//! The sample app: a small web server without dependencies on anything of ours, to deploy, watch, break and roll back.
//!
//! | path | does |
//! | --- | --- |
//! | `/` | who answers: a page, or JSON for `Accept: application/json` |
//! | `/healthz` | 200 when ready, 503 while it starts, stops or was told to fail |
//! | `/slow?ms=N` | answers after N milliseconds |
//! | `/fail` | answers 500; `/fail?health=true` makes `/healthz` fail from now on, `false` heals it |
//! | `/crash` | ends the process with code 1 |
//! | `/leak?mib=N` | takes N MiB of memory and keeps them |
//! | `/log?line=TEXT` | writes TEXT to the log |
//! | `/env` | its environment; values that look secret are hidden |
//!
//! Environment: `GREETING`, `HELLO_NAME`, `HELLO_VERSION`, `HELLO_PORT` (8080), `HELLO_START_DELAY_MS` (not ready for
//! that long), `HELLO_STOP_DELAY_MS` (stops that late), `HELLO_FAIL_HEALTH=1`, `HELLO_CRASH_AT_START=1`.

mod behaviour;
mod http;
mod page;
mod routes;

use behaviour::Behaviour;
use nix::sys::signal::{SigSet, Signal};
use std::{
    net::TcpListener,
    process::ExitCode,
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

/// How long answers that were begun may take once the process was told to stop.
const DRAIN_MAX: Duration = Duration::from_secs(8);

fn main() -> ExitCode {
    // Blocked before any thread starts, so that all inherit it and only `wait` below sees the signals. That also makes
    // it work as process 1 of a container, which gets no default action.
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    signals.thread_block().expect("a process may block its own signals");

    let behaviour = Arc::new(Behaviour::from_env());
    if behaviour.crash_at_start {
        println!("crashing at start, as HELLO_CRASH_AT_START says");
        return ExitCode::from(3);
    }
    let listener = match TcpListener::bind(("0.0.0.0", behaviour.port)) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("cannot listen on port {}: {error}", behaviour.port);
            return ExitCode::from(2);
        }
    };
    println!("{} {} listens on port {}", behaviour.name, behaviour.version, behaviour.port);
    let serving = Arc::clone(&behaviour);
    thread::spawn(move || http::serve(&listener, &serving));

    let signal = signals.wait().expect("the set of signals is valid");
    println!("{signal}: finishing what was begun");
    stop(&behaviour);
    println!("bye");
    ExitCode::SUCCESS
}

/// Waits for open requests, then for as long as it was told to dawdle.
fn stop(behaviour: &Behaviour) {
    behaviour.stopping.store(true, Ordering::SeqCst);
    let deadline = Instant::now() + DRAIN_MAX;
    while behaviour.requests.load(Ordering::SeqCst) > 0 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
    thread::sleep(behaviour.stop_delay);
}
