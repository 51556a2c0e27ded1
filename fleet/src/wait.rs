//! Waits for a condition with a deadline, and says at the end what was still missing.

use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Between two looks. Each one is a request to the server under test, so they are not as dense as they could be.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// For what takes moments: the machine may be busy with other tests.
pub const SOON: Duration = Duration::from_secs(60);
/// For what starts with noticing that a node is lost, which takes 30 seconds of silence.
pub const AFTER_A_LOSS: Duration = Duration::from_secs(150);

/// Looks until it finds something. `look` says why not yet; the last reason is in the panic's message.
#[track_caller]
pub fn until<T>(
    what: &str,
    patience: Duration,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        let deadline = Instant::now() + patience;
        loop {
            match look().await {
                Ok(found) => return found,
                Err(why) if Instant::now() > deadline => {
                    panic!("waited {patience:?} in vain for {what} (at {caller}); last seen: {why}");
                }
                Err(_) => sleep(LOOK_EVERY).await,
            }
        }
    }
}
