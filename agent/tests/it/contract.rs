//! What an engine must do for the agent. Every case runs against the engine in memory and against a real one.

use crate::{
    act::{Act, PORT},
    archive,
    bench::{Bench, PATIENCE, Wish, Yard},
    engine::Engine,
    fake::FakeRuntime,
    sandboxes::{
        a_restarted_agent_knows_its_sandboxes, a_sandbox_that_ends_takes_its_instance_along,
        an_instance_with_a_port_of_the_node_joins_nothing, the_next_instance_joins_a_prepared_sandbox,
        what_ended_with_its_sandbox_is_started_again,
    },
};
use berth_agent::{
    container::{Container, ContainerRequest, Network, START_CPU_MILLI, network_labels, network_name},
    manager::Input,
    runtime::{LogQuery, RuntimeError, TerminalSize, docker::DockerRuntime},
    wanted::Wanted,
};
use berth_domain::app::AppSpec;
use berth_proto::fleet::DesiredSet;
use berth_testkit::wait::until_async;
use futures::StreamExt as _;
use std::{net::TcpListener, sync::Arc};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time,
};

#[tokio::test]
async fn the_engine_in_memory_keeps_the_contract() {
    let yard = Yard { runtime: Arc::new(FakeRuntime::default()), archive: Arc::new(archive::busybox()) };
    all(&yard).await;
}

/// Needs root, dockerd and containerd; says so when they are missing.
#[test]
fn a_real_docker_engine_keeps_the_contract() {
    Engine::with(|engine| async move {
        let runtime = DockerRuntime::new(&engine.address()).expect("an address");
        let yard = Yard { runtime: Arc::new(runtime), archive: Arc::new(archive::busybox()) };
        all(&yard).await;
    });
}

async fn all(yard: &Yard) {
    // The first brings the image.
    an_instance_is_fetched_made_probed_and_reached(yard).await;
    tokio::join!(
        a_crash_is_tried_again_after_a_while(yard),
        memory_has_a_limit(yard),
        the_processor_has_a_limit_once_it_runs(yard),
        a_command_that_is_none_is_named(yard),
        another_generation_replaces_the_container(yard),
        a_lost_probe_makes_it_unready_and_it_comes_back(yard),
    );
    tokio::join!(
        a_restarted_agent_adopts_what_runs(yard),
        what_is_unknown_waits_for_a_set(yard),
        stopping_is_bounded_and_removes(yard),
        a_port_in_use_is_named_and_awaited(yard),
        images_that_cannot_be_had_say_why(yard),
    );
    tokio::join!(
        a_lost_answer_to_create_is_mended(yard),
        old_and_empty_sets_stop_nothing(yard),
        logs_have_both_outputs(yard),
        a_terminal_has_a_size_and_an_end(yard),
        what_somebody_else_removes_comes_back(yard),
    );
    tokio::join!(
        the_next_instance_joins_a_prepared_sandbox(yard),
        a_sandbox_that_ends_takes_its_instance_along(yard),
        what_ended_with_its_sandbox_is_started_again(yard),
        a_restarted_agent_knows_its_sandboxes(yard),
        an_instance_with_a_port_of_the_node_joins_nothing(yard),
    );
}

async fn an_instance_is_fetched_made_probed_and_reached(yard: &Yard) {
    let bench = Bench::new(yard);
    bench.want(1, vec![Wish::new(1, Act::Serve).of(&bench)]);
    let ready = bench.until_phase(1, "ready").await;
    assert_eq!((ready.generation, ready.restarts, ready.ports.len()), (1, 0, 1));
    assert!(ready.started_at_ms > 0 && ready.probe_successes > 0 && ready.reason.is_empty(), "{ready:?}");
    let published = u16::try_from(ready.ports[0].host).expect("a port");
    assert!(get(published).await.starts_with("HTTP/1."), "it answers on its published port");
    // The same again changes nothing.
    bench.want(2, vec![Wish::new(1, Act::Serve).of(&bench)]);
    let again = bench.until("the second set", |seen| (seen.generation.generation == 2).then(|| seen.clone())).await;
    assert_eq!(again.instances[0].container_id, ready.container_id);
    assert!(again.own_ports.contains(&published));
    let images = yard.runtime.images().await.expect("images");
    assert!(images.iter().any(|name| name == crate::bench::IMAGE), "{images:?}");
    bench.clear(3).await;
}

pub async fn get(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
    stream.write_all(b"GET /ok HTTP/1.0\r\n\r\n").await.expect("asked");
    let mut answer = Vec::new();
    let _ = time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an answer in time");
    String::from_utf8_lossy(&answer).into_owned()
}

async fn a_crash_is_tried_again_after_a_while(yard: &Yard) {
    let bench = Bench::new(yard);
    bench.want(1, vec![Wish::new(2, Act::Fail).of(&bench)]);
    let ended = bench.until_phase(2, "back_off").await;
    assert_eq!((ended.reason.as_str(), ended.exit_code, ended.ended), ("exited", 3, true), "{ended:?}");
    let again = bench
        .until("a second try", |seen| {
            crate::bench::instance(seen, 2).filter(|i| i.restarts >= 1 && i.phase == "back_off")
        })
        .await;
    assert_eq!(again.container_id, ended.container_id, "the same container is started again, and keeps its log");
    bench.clear(2).await;
}

async fn memory_has_a_limit(yard: &Yard) {
    let bench = Bench::new(yard);
    bench.want(1, vec![Wish { memory_mib: 16, ..Wish::new(3, Act::Hog) }.of(&bench)]);
    let killed = bench
        .until("the kernel's verdict", |seen| crate::bench::instance(seen, 3).filter(|i| i.reason == "oom_killed"))
        .await;
    assert!(killed.ended, "{killed:?}");
    bench.clear(2).await;
}

async fn the_processor_has_a_limit_once_it_runs(yard: &Yard) {
    let bench = Bench::new(yard);
    let wish = Wish::new(21, Act::Serve).of(&bench);
    let spec: AppSpec = serde_json::from_str(&wish.spec_json).expect("a valid spec");
    let allowed = spec.resources().cpu_milli.0;
    assert!(allowed < START_CPU_MILLI, "the case is about a small app");
    bench.want(1, vec![wish]);
    let ready = bench.until_phase(21, "ready").await;
    let confined = |what: &'static str| {
        let id = ready.container_id.clone();
        async move {
            let limit = || async {
                let found =
                    yard.runtime.inspect(&id).await.expect("the engine answers").expect("the container is there");
                (found.cpu_milli == allowed).then_some(())
            };
            until_async(what, PATIENCE, limit).await;
        }
    };
    confined("the limit after the first start").await;
    // Somebody gives it more by hand; the next look takes it back.
    yard.runtime.limit_cpu(&ready.container_id, START_CPU_MILLI).await.expect("the engine takes it");
    bench.door.inbox.send(Input::EventsBegan).expect("the manager runs");
    confined("the limit after somebody changed it").await;
    bench.clear(2).await;
}

async fn a_command_that_is_none_is_named(yard: &Yard) {
    let bench = Bench::new(yard);
    bench.want(1, vec![Wish::new(4, Act::Nonsense).of(&bench)]);
    let failed = bench.until_phase(4, "back_off").await;
    assert_eq!(failed.reason, "command_not_found", "{failed:?}");
    assert!(failed.message.contains("no such command"), "{}", failed.message);
    bench.clear(2).await;
}

async fn another_generation_replaces_the_container(yard: &Yard) {
    let bench = Bench::new(yard);
    bench.want(1, vec![Wish::new(5, Act::Serve).of(&bench)]);
    let first = bench.until_phase(5, "ready").await;
    bench.want(2, vec![Wish { generation: 2, ..Wish::new(5, Act::Serve) }.of(&bench)]);
    let second = bench
        .until("the second generation", |seen| {
            crate::bench::instance(seen, 5).filter(|i| i.generation == 2 && i.phase == "ready")
        })
        .await;
    assert_ne!(first.container_id, second.container_id);
    bench.until_containers(1).await;
    bench.clear(3).await;
}

async fn a_lost_probe_makes_it_unready_and_it_comes_back(yard: &Yard) {
    let bench = Bench::new(yard);
    bench.want(1, vec![Wish::new(6, Act::ServeWithGap).of(&bench)]);
    bench.until_phase(6, "ready").await;
    let lost = bench.until_phase(6, "unready").await;
    assert_eq!(lost.reason, "probe_failed");
    assert!(lost.message.contains("answered 404"), "{}", lost.message);
    let back = bench.until_phase(6, "ready").await;
    assert_eq!((back.restarts, back.reason.as_str()), (0, ""));
    bench.clear(2).await;
}

async fn a_restarted_agent_adopts_what_runs(yard: &Yard) {
    let bench = Bench::new(yard);
    bench.want(1, vec![Wish::new(7, Act::Serve).of(&bench)]);
    let before = bench.until_phase(7, "ready").await;
    let bench = bench.restarted().await;
    // No set comes: it works on what the ledger holds, and never says less than it knew.
    let first = bench.until("the first observation", |seen| crate::bench::instance(seen, 7)).await;
    assert_eq!((first.phase.as_str(), &first.container_id), ("ready", &before.container_id));
    assert_eq!((first.started_at_ms, first.restarts), (before.started_at_ms, 0));
    bench.until_event("adopted").await;
    bench.clear(2).await;
}

async fn what_is_unknown_waits_for_a_set(yard: &Yard) {
    let bench = Bench::new(yard);
    bench.want(1, vec![Wish::new(8, Act::Serve).of(&bench)]);
    let before = bench.until_phase(8, "ready").await;
    let foreign = Bench::new(yard);
    foreign.want(1, vec![Wish::new(21, Act::Serve).of(&foreign)]);
    foreign.until_phase(21, "ready").await;
    let bench = bench.restarted_without_memory().await;
    bench.until_event("adopted").await;
    let kept = yard.runtime.inspect(&before.container_id).await.expect("asked").expect("it is there");
    assert!(kept.runs(), "nothing is stopped before a set has come");
    bench.want(2, vec![Wish::new(9, Act::Serve).of(&bench)]);
    bench.until_phase(9, "ready").await;
    bench.until_containers(1).await;
    foreign.until_containers(1).await;
    bench.clear(3).await;
    foreign.clear(3).await;
}

async fn stopping_is_bounded_and_removes(yard: &Yard) {
    let bench = Bench::new(yard);
    bench.want(1, vec![Wish::new(10, Act::Wait).of(&bench)]);
    bench.until_phase(10, "ready").await;
    bench.want(2, vec![Wish { stop: true, ..Wish::new(10, Act::Wait) }.of(&bench)]);
    bench.until_phase(10, "stopping").await;
    // It minds no SIGTERM; its grace is a second.
    let stopped = bench.until_phase(10, "stopped").await;
    assert!(stopped.ports.is_empty());
    bench.until_containers(0).await;
    bench.want(3, vec![]);
    bench.until("it to be forgotten", |seen| seen.instances.is_empty().then_some(())).await;
    bench.clear(4).await;
}

async fn a_port_in_use_is_named_and_awaited(yard: &Yard) {
    let bench = Bench::new(yard);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    bench.want(1, vec![Wish { host_port: Some(port), ..Wish::new(12, Act::Serve) }.of(&bench)]);
    let failed = bench.until_phase(12, "back_off").await;
    assert_eq!(failed.reason, "port_in_use", "{failed:?}");
    assert!(failed.message.contains(&port.to_string()), "{}", failed.message);
    drop(taken);
    let ready = bench.until_phase(12, "ready").await;
    assert_eq!((ready.ports[0].container, ready.ports[0].host), (PORT.into(), port.into()));
    bench.clear(2).await;
}

async fn images_that_cannot_be_had_say_why(yard: &Yard) {
    let bench = Bench::new(yard);
    let mut wrong = Wish { digest: Some("ab".repeat(32)), ..Wish::new(13, Act::Serve) }.of(&bench);
    wrong.image.as_mut().expect("an image").reference = "berth-upload/other:1".to_owned();
    // Nothing listens there.
    let away = Wish { reference: Some("127.0.0.1:1/shop/web:1".to_owned()), ..Wish::new(14, Act::Serve) }.of(&bench);
    bench.want(1, vec![wrong, away]);
    assert_eq!(bench.until_phase(14, "back_off").await.reason, "registry_unavailable");
    let wrong = bench.until_phase(13, "back_off").await;
    assert_eq!(wrong.reason, "bad_archive", "{wrong:?}");
    bench.clear(2).await;
}

async fn a_lost_answer_to_create_is_mended(yard: &Yard) {
    let bench = Bench::new(yard);
    let wish = Wish::new(15, Act::Serve).of(&bench);
    let id = make(&bench, wish.clone()).await;
    assert!(matches!(remake(&bench, wish.clone()).await, Err(RuntimeError::NameTaken(_))));
    bench.want(1, vec![wish]);
    assert_eq!(bench.until_phase(15, "ready").await.container_id, id);
    bench.clear(2).await;
}

async fn make(bench: &Bench, wish: berth_proto::fleet::DesiredInstance) -> String {
    remake(bench, wish).await.expect("made")
}

async fn remake(bench: &Bench, wish: berth_proto::fleet::DesiredInstance) -> Result<String, RuntimeError> {
    let wanted = Wanted::from_wire(wish).expect("a valid instance");
    let spec = wanted.spec.clone().expect("a valid spec");
    let name = network_name(wanted.environment);
    bench.yard.runtime.ensure_network(&name, &network_labels(bench.install, wanted.environment)).await?;
    let publish_on = "127.0.0.1".parse().expect("an address");
    let network = Network::Own { name, ports: spec.ports().to_vec(), publish_on };
    let request = ContainerRequest::new(bench.install, &wanted, &spec, crate::bench::IMAGE, network);
    bench.yard.runtime.create(&request).await
}

async fn old_and_empty_sets_stop_nothing(yard: &Yard) {
    let bench = Bench::new(yard);
    bench.want(5, vec![Wish::new(16, Act::Serve).of(&bench)]);
    let ready = bench.until_phase(16, "ready").await;
    bench.want(4, vec![]);
    bench.until_event("refused_old_generation").await;
    bench.want(6, vec![]);
    bench.until_event("refused_empty_set").await;
    let bench = bench.restarted().await;
    bench.send(DesiredSet { epoch: 0, generation: 99, instances: vec![], drain: true });
    bench.until_event("refused_old_generation").await;
    let kept: Container = yard.runtime.inspect(&ready.container_id).await.expect("asked").expect("it is there");
    assert!(kept.runs());
    assert!(bench.directory().join("ledger").exists());
    bench.clear(7).await;
}

async fn logs_have_both_outputs(yard: &Yard) {
    let bench = Bench::new(yard);
    bench.want(1, vec![Wish::new(17, Act::Print).of(&bench)]);
    let ready = bench.until_phase(17, "ready").await;
    let query = LogQuery { tail: 10, follow: true, since_ms: 0, until_ms: 0 };
    let lines = yard.runtime.logs(&ready.container_id, query).await.expect("a log");
    let lines = time::timeout(PATIENCE, lines.take(2).collect::<Vec<_>>()).await.expect("two lines");
    let mut lines: Vec<_> = lines.into_iter().map(|line| line.expect("a line")).collect();
    lines.sort_by_key(|line| line.stderr);
    let seen: Vec<_> = lines.iter().map(|line| (line.stderr, &line.text[..], line.at_ns > 0)).collect();
    assert_eq!(seen, [(false, &b"to stdout"[..], true), (true, &b"to stderr"[..], true)]);
    bench.clear(2).await;
}

async fn a_terminal_has_a_size_and_an_end(yard: &Yard) {
    let bench = Bench::new(yard);
    bench.want(1, vec![Wish::new(18, Act::Print).of(&bench)]);
    let id = bench.until_phase(18, "ready").await.container_id;
    let runtime = &yard.runtime;
    assert!(runtime.has_file(&id, "/bin/sh").await.expect("asked"));
    assert!(!runtime.has_file(&id, "/bin/bash").await.expect("asked"));
    let size = TerminalSize { columns: 91, rows: 33 };
    let mut terminal = runtime.open_terminal(&id, &["/bin/sh".to_owned()], size).await.expect("a terminal");
    runtime.resize_terminal(&terminal.exec_id, TerminalSize { columns: 123, rows: 45 }).await.expect("resized");
    terminal.input.write_all(b"stty size; exit 7\n").await.expect("typed");
    let mut output = String::new();
    time::timeout(PATIENCE, terminal.output.read_to_string(&mut output)).await.expect("it ends").expect("text");
    assert!(output.contains("45 123"), "{output:?}");
    let code = berth_testkit::wait::until_async("the exit code", PATIENCE, || async {
        runtime.terminal_exit(&terminal.exec_id).await.ok().flatten()
    });
    assert_eq!(code.await, 7);
    bench.clear(2).await;
}

async fn what_somebody_else_removes_comes_back(yard: &Yard) {
    let bench = Bench::new(yard);
    bench.want(1, vec![Wish::new(19, Act::Serve).of(&bench)]);
    let before = bench.until_phase(19, "ready").await;
    yard.runtime.remove(&before.container_id).await.expect("removed");
    let after = bench
        .until("another container", |seen| {
            crate::bench::instance(seen, 19).filter(|i| i.phase == "ready" && i.container_id != before.container_id)
        })
        .await;
    assert_eq!(after.generation, 1);
    bench.clear(2).await;
}
