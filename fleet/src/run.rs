//! Runs tests on a fleet, one at a time.

use crate::stack::Stack;
use berth_testkit::fleet::unsupported;
use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        LazyLock, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::runtime::{Builder, Runtime};

/// One for all tests of a process: connections must outlive the test that opened them.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime starts"));
/// The stack that the next test of this process may use.
static LEFT: Mutex<Option<Stack>> = Mutex::new(None);
/// Tests that want it, or use it.
static TESTS: AtomicUsize = AtomicUsize::new(0);

/// Runs a test on three hosts that it leaves as it found them. Tests of one process share the hosts while another
/// one is waiting for them; after a failure the next one gets fresh ones.
pub fn on_shared_hosts(test: impl AsyncFnOnce(&mut Stack)) {
    run(test, true);
}

/// Runs a test on three hosts that nobody can use after it.
pub fn on_own_hosts(test: impl AsyncFnOnce(&mut Stack)) {
    run(test, false);
}

fn run(test: impl AsyncFnOnce(&mut Stack), reusable: bool) {
    if let Some(why) = unsupported() {
        println!("not tested here: {why}");
        return;
    }
    TESTS.fetch_add(1, Ordering::SeqCst);
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    let mut stack = left.take();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        RUNTIME.block_on(async {
            let stack = match &mut stack {
                Some(stack) => stack,
                none => none.insert(Stack::start(3).await),
            };
            test(stack).await;
        });
    }));
    let others_wait = TESTS.fetch_sub(1, Ordering::SeqCst) > 1;
    match outcome {
        Ok(()) if reusable && others_wait => *left = stack,
        Ok(()) => drop(stack),
        Err(panic) => {
            if let Some(stack) = &stack {
                println!("logs: {}", stack.keep_logs().display());
            }
            drop(stack);
            resume_unwind(panic);
        }
    }
}

/// Runs a benchmark.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.block_on(work)
}
