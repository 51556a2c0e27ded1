//! Readiness: asks a running container until it is ready, and goes on asking. Nothing is needed inside the image.
//!
//! How often: until the first success after a start, a tenth of the time already waited, at least every 20 ms and at
//! most every period. An app that is up in 200 ms is seen within 20 ms of it, one that needs a minute costs no more
//! than with the period. From the first success on, and whenever a success is to be confirmed by another, the period
//! counts, as its author meant it to.

use crate::{
    clock,
    reason::{Failure, Reason},
};
use berth_domain::app::{Probe, ProbeCheck, STEADY_MS};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::{
    net::TcpStream,
    time::{self, Instant},
};

/// Shortest time between two tries, in milliseconds.
const EAGER_MS: u64 = 20;

/// What a probe says of its instance when that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It passed often enough; so many times in a row.
    Passed(u32),
    /// It failed: often enough to count against a ready instance, or before it ever was ready.
    Failed(Failure),
}

/// What to watch.
#[derive(Debug, Clone)]
pub struct Target {
    /// The container's own address.
    pub address: Option<IpAddr>,
    /// How it is asked; without, running steadily is enough.
    pub probe: Option<Probe>,
    /// Unix milliseconds of its start.
    pub started_at_ms: u64,
    /// Whether it ran before this agent did. Then it has most likely been ready, and one success says so again.
    pub adopted: bool,
}

/// Counts answers. Pure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Count {
    successes: u32,
    failures: u32,
    ready: bool,
}

impl Count {
    /// The verdict after an answer, if there is a new one.
    fn on(&mut self, answer: Result<(), Failure>, successes_needed: u32, failures_needed: u32) -> Option<Verdict> {
        match answer {
            Ok(()) => {
                self.failures = 0;
                self.successes = self.successes.saturating_add(1);
                let passes = !self.ready && self.successes >= successes_needed;
                self.ready = self.ready || passes;
                passes.then_some(Verdict::Passed(self.successes))
            }
            Err(failure) => {
                self.successes = 0;
                self.failures = self.failures.saturating_add(1);
                let counts = !self.ready || self.failures == failures_needed;
                self.ready = self.ready && self.failures < failures_needed;
                counts.then_some(Verdict::Failed(failure))
            }
        }
    }
}

/// Milliseconds until the next try.
fn wait_ms(period_ms: u32, waited_ms: u64, ever_passed: bool) -> u64 {
    let period_ms = u64::from(period_ms);
    if ever_passed { period_ms } else { (waited_ms / 10).clamp(EAGER_MS.min(period_ms), period_ms) }
}

/// Watches until it is dropped; calls `tell` with every new verdict.
pub async fn watch(target: Target, tell: impl Fn(Verdict)) {
    let Some(probe) = target.probe else {
        rest_of(STEADY_MS, target.started_at_ms).await;
        return tell(Verdict::Passed(1));
    };
    let Some(address) = target.address else {
        return tell(Verdict::Failed(Failure::new(Reason::ProbeFailed, "The container has no address to ask.")));
    };
    rest_of(probe.initial_delay_ms, target.started_at_ms).await;
    let began = Instant::now();
    let mut count = Count::default();
    let mut ever_passed = false;
    let mut last = None;
    loop {
        let answer = ask(address, &probe).await;
        ever_passed = ever_passed || answer.is_ok();
        let needed = if target.adopted { 1 } else { probe.success_threshold };
        let verdict = count.on(answer, needed, probe.failure_threshold);
        if verdict.is_some() && verdict != last {
            last.clone_from(&verdict);
            verdict.into_iter().for_each(&tell);
        }
        let waited_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        time::sleep(Duration::from_millis(wait_ms(probe.period_ms, waited_ms, ever_passed))).await;
    }
}

/// Waits for what is left of a delay that began with the container.
async fn rest_of(delay_ms: u32, started_at_ms: u64) {
    time::sleep(Duration::from_millis(rest_ms(delay_ms, started_at_ms, clock::now_ms()))).await;
}

/// Never more than the delay itself: after a clock was set back, starts lie in the future.
fn rest_ms(delay_ms: u32, started_at_ms: u64, now_ms: u64) -> u64 {
    let delay_ms = u64::from(delay_ms);
    started_at_ms.saturating_add(delay_ms).saturating_sub(now_ms).min(delay_ms)
}

/// Asks once.
async fn ask(address: IpAddr, probe: &Probe) -> Result<(), Failure> {
    let work = async {
        match &probe.check {
            ProbeCheck::Tcp { port } => connect(address, *port).await.map(drop),
            ProbeCheck::Http { path, port } => get(address, *port, path).await,
        }
    };
    let what = match &probe.check {
        ProbeCheck::Tcp { port } => format!("A connection to port {port}"),
        ProbeCheck::Http { path, port } => format!("GET {path} on port {port}"),
    };
    let why = match time::timeout(Duration::from_millis(probe.timeout_ms.into()), work).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(why)) => why,
        Err(_) => format!("got no answer within {} ms", probe.timeout_ms),
    };
    Err(Failure::new(Reason::ProbeFailed, format!("{what} {why}.")))
}

async fn connect(address: IpAddr, port: u16) -> Result<TcpStream, String> {
    TcpStream::connect(SocketAddr::new(address, port)).await.map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => "was refused: nothing listens there".to_owned(),
        _ => format!("failed: {error}"),
    })
}

async fn get(address: IpAddr, port: u16, path: &str) -> Result<(), String> {
    let failed = |error: hyper::Error| format!("failed: {error}");
    let stream = connect(address, port).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let request = Request::get(path)
        .header(header::HOST, SocketAddr::new(address, port).to_string())
        .header(header::USER_AGENT, "berth-probe")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| format!("cannot be asked: {error}"))?;
    tokio::pin!(connection);
    let response = sender.send_request(request);
    tokio::pin!(response);
    // Driven here and not by a task, so that the time-out also ends the connection.
    let response = tokio::select! {
        response = &mut response => response,
        ended = &mut connection => match ended {
            Ok(()) => response.await,
            Err(error) => Err(error),
        },
    };
    let status = response.map_err(failed)?.status().as_u16();
    if (200..400).contains(&status) { Ok(()) } else { Err(format!("answered {status}")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    fn failure() -> Failure {
        Failure::new(Reason::ProbeFailed, "x")
    }

    #[test]
    fn successes_and_failures_count_in_a_row() {
        let mut count = Count::default();
        let mut answers = |answers: &[bool]| {
            let on = |ok: &bool| count.on(if *ok { Ok(()) } else { Err(failure()) }, 2, 3);
            answers.iter().map(on).fold(None, |_, verdict| verdict)
        };
        assert_eq!(answers(&[true, false, true]), None);
        assert_eq!(answers(&[true]), Some(Verdict::Passed(2)));
        assert_eq!(answers(&[false, false, true]), None, "two failures are not three");
        assert_eq!(answers(&[false, false, false]), Some(Verdict::Failed(failure())));
        assert_eq!(answers(&[false]), Some(Verdict::Failed(failure())), "it is not ready: every failure is its state");
        assert_eq!(answers(&[true, true]), Some(Verdict::Passed(2)));
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nobody_wait_longer() {
        assert_eq!(rest_ms(500, 1_000, 1_200), 300);
        assert_eq!(rest_ms(500, 1_000, 9_000), 0);
        assert_eq!(rest_ms(500, 3_600_000, 1_000), 500);
    }

    #[test]
    fn it_is_eager_at_first_and_never_beyond_its_period() {
        assert_eq!(wait_ms(1_000, 0, false), 20);
        assert_eq!(wait_ms(1_000, 3_000, false), 300);
        assert_eq!(wait_ms(1_000, 60_000, false), 1_000);
        assert_eq!(wait_ms(1_000, 0, true), 1_000);
        assert_eq!(wait_ms(100, 60_000, false), 100);
    }

    async fn answering(status: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 1024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await;
            }
        });
        address
    }

    fn http(address: SocketAddr) -> Probe {
        let mut probe = Probe::new(ProbeCheck::Http { path: "/healthz".into(), port: address.port() });
        probe.timeout_ms = 500;
        probe
    }

    #[tokio::test]
    async fn only_200_to_399_is_ready_and_the_rest_says_why() {
        for (status, ready) in [("200 OK", true), ("302 Found", true), ("404 Not Found", false), ("503 No", false)] {
            let address = answering(status).await;
            let answer = ask(address.ip(), &http(address)).await;
            assert_eq!(answer.is_ok(), ready, "{status}: {answer:?}");
        }
        let address = answering("503 No").await;
        let failure = ask(address.ip(), &http(address)).await.expect_err("503");
        assert_eq!(failure.message, format!("GET /healthz on port {} answered 503.", address.port()));
    }

    #[tokio::test]
    async fn silence_and_refusal_are_failures() {
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = silent.local_addr().expect("an address");
        let mut probe = http(address);
        probe.timeout_ms = 50;
        let failure = ask(address.ip(), &probe).await.expect_err("silence");
        assert!(failure.message.ends_with("got no answer within 50 ms."), "{}", failure.message);
        drop(silent);
        let failure =
            ask(address.ip(), &Probe::new(ProbeCheck::Tcp { port: address.port() })).await.expect_err("refused");
        assert!(failure.message.contains("nothing listens there"), "{}", failure.message);
    }

    #[tokio::test]
    async fn without_a_probe_it_is_ready_once_it_has_run_steadily() {
        let verdicts = Mutex::new(Vec::new());
        let started_at_ms = clock::now_ms() - u64::from(STEADY_MS) + 50;
        let target = Target { address: None, probe: None, started_at_ms, adopted: false };
        watch(target, |verdict| verdicts.lock().expect("one thread").push(verdict)).await;
        assert!(clock::now_ms() >= started_at_ms + u64::from(STEADY_MS));
        assert_eq!(verdicts.into_inner().expect("one thread"), [Verdict::Passed(1)]);
    }
}
