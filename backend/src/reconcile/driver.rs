//! Runs a level-triggered task: when it is nudged, when its time has come, and again after a failure, with growing pauses.
//! A task that panics fails like one that returns an error; it never ends another.

use async_trait::async_trait;
use futures::FutureExt as _;
use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

/// First pause after a failure.
const PAUSE_MIN: Duration = Duration::from_millis(200);
/// Longest pause after failures: how late a task notices that the database is back.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// A pass that takes longer is stuck: it is dropped, which rolls its transaction back.
const PASS_MAX: Duration = Duration::from_secs(60);

/// A task without input: it looks, and does what is to do.
#[async_trait]
pub(super) trait Task: Send {
    /// Its name, for logs and the board.
    fn name(&self) -> &'static str;
    /// One pass; returns when to look again at the latest.
    async fn pass(&mut self) -> anyhow::Result<Duration>;
    /// The server stops.
    async fn end(&mut self) {}
}

/// How a task does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskStatus {
    /// Passes that went well.
    pub passes: u64,
    /// Failures in a row; 0 while it is well.
    pub failures: u32,
    /// The last failure, if it is not over.
    pub failure: Option<String>,
}

/// How all tasks do, by name.
#[derive(Default)]
pub struct Board(Mutex<BTreeMap<&'static str, TaskStatus>>);

impl Board {
    /// A copy of it.
    pub fn all(&self) -> BTreeMap<&'static str, TaskStatus> {
        self.lock().clone()
    }

    /// Notes how a pass went. Returns whether a failure is news.
    fn note(&self, name: &'static str, failure: Option<&str>) -> bool {
        let mut board = self.lock();
        let status = board.entry(name).or_default();
        match failure {
            None => {
                status.passes += 1;
                status.failures = 0;
                status.failure = None;
                false
            }
            Some(failure) => {
                status.failures = status.failures.saturating_add(1);
                let news = status.failure.as_deref() != Some(failure);
                status.failure = Some(failure.to_owned());
                news
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, TaskStatus>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a task until `stop`.
pub(super) async fn drive(mut task: Box<dyn Task>, nudge: Arc<Notify>, board: Arc<Board>, stop: CancellationToken) {
    let name = task.name();
    let mut pause = PAUSE_MIN;
    while !stop.is_cancelled() {
        let pass = tokio::time::timeout(PASS_MAX, AssertUnwindSafe(task.pass()).catch_unwind());
        let went = match pass.await {
            Ok(Ok(Ok(again))) => Ok(again),
            Ok(Ok(Err(error))) => Err(format!("{error:#}")),
            Ok(Err(_)) => Err("it panicked".to_owned()),
            Err(_) => Err("it took too long".to_owned()),
        };
        match went {
            Ok(again) => {
                board.note(name, None);
                pause = PAUSE_MIN;
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = nudge.notified() => {}
                    () = tokio::time::sleep_until(Instant::now() + again) => {}
                }
            }
            Err(failure) => {
                if board.note(name, Some(&failure)) {
                    tracing::error!(task = name, error = failure, "a task failed and is tried again");
                }
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(pause) => {}
                }
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
    task.end().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    struct Clumsy(Arc<AtomicU32>);

    #[async_trait]
    impl Task for Clumsy {
        fn name(&self) -> &'static str {
            "clumsy"
        }
        async fn pass(&mut self) -> anyhow::Result<Duration> {
            match self.0.fetch_add(1, Ordering::SeqCst) {
                0 => panic!("once"),
                1 => anyhow::bail!("twice"),
                _ => Ok(Duration::from_secs(3600)),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_survives_panics_and_errors_and_is_woken_by_a_nudge() {
        let (count, nudge, board, stop) =
            (Arc::<AtomicU32>::default(), Arc::<Notify>::default(), Arc::<Board>::default(), CancellationToken::new());
        let driving = tokio::spawn(drive(
            Box::new(Clumsy(Arc::clone(&count))),
            Arc::clone(&nudge),
            Arc::clone(&board),
            stop.clone(),
        ));
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(count.load(Ordering::SeqCst), 3);
        assert_eq!(board.all()["clumsy"], TaskStatus { passes: 1, failures: 0, failure: None });
        nudge.notify_one();
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(count.load(Ordering::SeqCst), 4, "long before its time");
        stop.cancel();
        driving.await.expect("it ends");
    }
}
