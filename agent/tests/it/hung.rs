//! An engine that hangs, and one that is killed.

use crate::{
    act::Act,
    archive,
    bench::{Bench, PATIENCE, Wish, Yard},
    engine::Engine,
};
use berth_agent::{limit, runtime::docker::DockerRuntime};
use nix::sys::signal::Signal;
use std::sync::Arc;
use tokio::time;

/// Needs root, dockerd and containerd; says so when they are missing.
#[test]
fn a_hung_and_a_killed_engine_are_noticed_and_survived() {
    Engine::with(|engine| async move {
        let runtime = DockerRuntime::new(&engine.address()).expect("an address");
        let yard = Yard { runtime: Arc::new(runtime), archive: Arc::new(archive::busybox()) };
        let bench = Bench::new(&yard);
        bench.want(1, vec![Wish::new(1, Act::Serve).of(&bench)]);
        let before = bench.until_phase(1, "ready").await;

        engine.signal_dockerd(Signal::SIGSTOP);
        let deadline = limit::DOCKER_PING_PERIOD + limit::DOCKER_PING_DEADLINE * 3;
        let noticed = bench.until("silence", |seen| (!seen.docker_answers).then(|| seen.clone()));
        let hung = time::timeout(deadline, noticed).await.expect("noticed within its deadline");
        assert_eq!(hung.instances[0].phase, "ready", "the app itself is not touched");
        // Wanted while the engine hangs, made when it is back.
        bench.want(2, vec![Wish::new(1, Act::Serve).of(&bench), Wish::new(2, Act::Serve).of(&bench)]);
        engine.signal_dockerd(Signal::SIGCONT);
        bench.until("an answer", |seen| seen.docker_answers.then_some(())).await;
        bench.until_phase(2, "ready").await;

        engine.signal_dockerd(Signal::SIGKILL);
        bench.want(3, (1..=3).map(|n| Wish::new(n, Act::Serve).of(&bench)).collect());
        time::timeout(PATIENCE, bench.until_phase(3, "ready")).await.expect("it goes on");
        let after = bench.until_phase(1, "ready").await;
        assert_eq!((after.container_id, after.restarts), (before.container_id, 0), "it ran on all the while");
        bench.clear(4).await;
    });
}
