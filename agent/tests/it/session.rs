//! The whole agent against a server that speaks the real protocol, with an engine in memory.

use crate::{
    act::Act,
    archive,
    bench::{PATIENCE, Wish},
    fake::FakeRuntime,
    server::{FakeServer, OpenTunnel},
};
use berth_agent::{
    agent,
    config::{Config, Flags},
};
use berth_domain::id::InstallId;
use berth_proto::fleet::{
    Command, DesiredInstance, DesiredSet, OpenLog, OpenTerminal, Resize, TunnelFrame, command::Verb, tunnel_frame::Kind,
};
use clap::Parser as _;
use sha2::{Digest as _, Sha256};
use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
};
use tokio::{task::JoinHandle, time};
use tokio_util::sync::CancellationToken;

fn config(port: u16, directory: &Path, token: &str) -> Config {
    let server = format!("https://127.0.0.1:{port}");
    let state = directory.to_str().expect("text");
    let flags = ["berth-agent", "--server", &server, "--state-dir", state, "--join-token", token, "--name", "n1"];
    let more = ["--label", "zone=a", "--spare-sandboxes", "0"];
    Config::from_flags(Flags::parse_from([&flags[..], &more].concat())).expect("valid")
}

fn start(config: Config, runtime: &FakeRuntime) -> (CancellationToken, JoinHandle<anyhow::Result<()>>) {
    let end = CancellationToken::new();
    (end.clone(), tokio::spawn(agent::run(config, Arc::new(runtime.clone()), end)))
}

fn set(generation: u64, instances: Vec<DesiredInstance>) -> DesiredSet {
    DesiredSet { epoch: 1, generation, instances, drain: false }
}

async fn until(what: &str, look: impl Fn() -> bool) {
    berth_testkit::wait::until_async(what, PATIENCE, || async { look().then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_joins_runs_loses_its_server_and_goes_on() {
    let (server, mut tunnels) = FakeServer::new(archive::busybox());
    let serving = server.serve(0);
    let port = serving.port;
    let directory = tempfile::tempdir().expect("a directory");
    let runtime = FakeRuntime::default();
    let wish = |n| Wish::new(n, Act::Print).on_wire(&server.archive);
    server.want(set(5, vec![wish(1)]));
    let mut settings = config(port, directory.path(), &server.join_token());
    let announced = directory.path().join("ready");
    std::fs::write(&announced, "by an earlier process").expect("written");
    settings.ready_file = Some(announced.clone());
    let (end, running) = start(settings, &runtime);

    // It joins, says who it is, gets its set and runs it.
    let ready = server.until_phase(1, "ready").await;
    let hello = server.hello.borrow().clone().expect("a hello");
    assert_eq!((hello.epoch, hello.generation), (0, 0));
    until("the id in the ready file", || std::fs::read_to_string(&announced).is_ok_and(|id| id.starts_with("node")))
        .await;
    let facts = hello.facts.expect("facts");
    assert!(facts.cpu_milli > 0 && facts.memory_mib > 0 && facts.address == "127.0.0.1", "{facts:?}");
    let joined = server.enrolled.lock().expect("no panic").clone();
    assert_eq!((joined.len(), joined[0].node_name.as_str(), joined[0].labels["zone"].as_str()), (1, "n1", "a"));

    // The server knows uploads by the digest of their archive; the node tells by it that the image is there.
    let digest = hex::encode(Sha256::digest(server.archive.as_slice()));
    until("the upload among the facts", || server.images.lock().expect("no panic").contains(&digest)).await;

    // Its log comes through a tunnel.
    let open =
        OpenLog { tunnel_id: "t1".into(), instance_id: ready.instance_id.clone(), tail: 10, ..OpenLog::default() };
    server.command(Command { command_id: 1, verb: Some(Verb::OpenLog(open)) }).await;
    let (_out, mut frames) = time::timeout(PATIENCE, tunnels.recv()).await.expect("in time").expect("a tunnel");
    assert_eq!(frames.message().await.expect("a frame").and_then(|f| f.kind), Some(Kind::Open("t1".into())));
    let line = match frames.message().await.expect("a frame").and_then(|f| f.kind) {
        Some(Kind::LogLine(line)) => line,
        other => panic!("a line of the log and not {other:?}"),
    };
    assert_eq!(line.text, b"to stdout");

    // And so does a terminal, with its size and its end.
    let open = OpenTerminal {
        tunnel_id: "t2".into(),
        instance_id: ready.instance_id,
        columns: 80,
        rows: 24,
        ..OpenTerminal::default()
    };
    server.command(Command { command_id: 2, verb: Some(Verb::OpenTerminal(open)) }).await;
    let (out, mut frames) = time::timeout(PATIENCE, tunnels.recv()).await.expect("in time").expect("a tunnel");
    frames.message().await.expect("the tunnel's id");
    let send = |kind| out.send(Ok(TunnelFrame { kind: Some(kind) }));
    send(Kind::Resize(Resize { columns: 100, rows: 30 })).await.expect("sent");
    send(Kind::Data(b"stty size; exit 7\n".to_vec())).await.expect("sent");
    let mut output = Vec::new();
    let end_frame = loop {
        match frames.message().await.expect("a frame").and_then(|frame| frame.kind) {
            Some(Kind::Data(data)) => output.extend(data),
            Some(Kind::End(end)) => break end,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((String::from_utf8_lossy(&output).trim(), end_frame.exit_code), ("30 100", 7));

    // The server goes and comes back: the agent dials again and knows its generation; older sets are refused.
    drop(serving);
    server.report.send_replace(None);
    server.want(set(4, vec![]));
    let _serving = server.serve(port);
    let again = server.until_phase(1, "ready").await;
    assert_eq!(again.container_id, ready.container_id);
    assert_eq!(server.hello.borrow().as_ref().map(|hello| hello.generation), Some(5));
    let refused = || server.reasons.lock().expect("no panic").iter().any(|(_, r)| r == "refused_old_generation");
    until("the refusal", refused).await;

    // The agent goes and comes back without its token: it knows itself, and its app ran on.
    end.cancel();
    running.await.expect("no panic").expect("a clean end");
    server.report.send_replace(None);
    server.want(set(6, vec![wish(1), wish(2)]));
    let (end, running) = start(config(port, directory.path(), "berth_join_used.up"), &runtime);
    assert_eq!(server.until_phase(1, "ready").await.container_id, ready.container_id);
    server.until_phase(2, "ready").await;
    assert_eq!(server.enrolled.lock().expect("no panic").len(), 1);
    end.cancel();
    running.await.expect("no panic").expect("a clean end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_authority_and_a_used_token_are_refused() {
    let (server, _tunnels) = FakeServer::new(Vec::new());
    let (other, _other_tunnels) = FakeServer::new(Vec::new());
    let serving = server.serve(0);
    let port = serving.port;
    let runtime = FakeRuntime::default();

    // The token names another authority: the agent never sends its secret there.
    let directory = tempfile::tempdir().expect("a directory");
    let (end, running) = start(config(port, directory.path(), &other.join_token()), &runtime);
    // A good token for the same server joins meanwhile, so the server was there to be asked.
    let joined = tempfile::tempdir().expect("a directory");
    let (good_end, good) = start(config(port, joined.path(), &server.join_token()), &runtime);
    until("a hello", || server.hello.borrow().is_some()).await;
    assert!(!directory.path().join("identity.json").exists());
    assert_eq!(server.enrolled.lock().expect("no panic").len(), 1);
    end.cancel();
    running.await.expect("no panic").expect("a clean end");
    good_end.cancel();
    good.await.expect("no panic").expect("a clean end");

    // A token that the server refuses ends the agent with the server's own words.
    let token = server.join_token().replace("s3cret", "stale");
    let directory = tempfile::tempdir().expect("a directory");
    let (_end, running) = start(config(port, directory.path(), &token), &runtime);
    let error = running.await.expect("no panic").expect_err("refused");
    assert!(error.to_string().contains("the join token is not good"), "{error:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_another_installation_commands_nothing() {
    let (server, _tunnels) = FakeServer::new(archive::busybox());
    let serving = server.serve(0);
    let port = serving.port;
    let directory = tempfile::tempdir().expect("a directory");
    let runtime = FakeRuntime::default();
    server.want(set(1, vec![Wish::new(1, Act::Print).on_wire(&server.archive)]));
    let (end, running) = start(config(port, directory.path(), &server.join_token()), &runtime);
    let before = server.until_phase(1, "ready").await;

    // The same authority, another installation: as after a restore into a new one.
    *server.said_install.lock().expect("no panic") = InstallId::new(uuid::Uuid::from_u128(1));
    server.hello.send_replace(None);
    server.report.send_replace(None);
    // Not before the old connection is gone: on it the set would be a lawful one.
    drop(serving);
    server.want(DesiredSet { drain: true, ..set(9, vec![]) });
    let _serving = server.serve(port);
    until("a hello", || server.hello.borrow().is_some()).await;
    *server.said_install.lock().expect("no panic") = server.install;
    server.want(set(2, vec![Wish::new(1, Act::Print).on_wire(&server.archive)]));
    let after = server.until_phase(1, "ready").await;
    assert_eq!(after.container_id, before.container_id);
    let refused = || server.reasons.lock().expect("no panic").iter().any(|(_, r)| r == "refused_foreign_install");
    until("the refusal", refused).await;
    end.cancel();
    running.await.expect("no panic").expect("a clean end");
}

#[tokio::test]
async fn a_damaged_ledger_is_refused_and_nothing_is_touched() {
    let (server, _tunnels) = FakeServer::new(archive::busybox());
    let serving = server.serve(0);
    let port = serving.port;
    let directory = tempfile::tempdir().expect("a directory");
    let runtime = FakeRuntime::default();
    server.want(set(1, vec![Wish::new(1, Act::Print).on_wire(&server.archive)]));
    let (end, running) = start(config(port, directory.path(), &server.join_token()), &runtime);
    server.until_phase(1, "ready").await;
    end.cancel();
    running.await.expect("no panic").expect("a clean end");

    let path = directory.path().join("ledger");
    let mut bytes = std::fs::read(&path).expect("a ledger");
    bytes[100] ^= 1;
    std::fs::write(&path, bytes).expect("written");
    let (_end, running) = start(config(port, directory.path(), &server.join_token()), &runtime);
    let error = running.await.expect("no panic").expect_err("refused");
    assert!(format!("{error:#}").contains("damaged"), "{error:#}");
    assert!(format!("{error:#}").contains("ledger"), "{error:#}");
    use berth_agent::runtime::Runtime as _;
    assert_eq!(runtime.list(server.install).await.expect("a list").len(), 1);
}

/// A node whose clock runs ahead sees every certificate as nearly over, however fresh.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_always_looks_old_keeps_nobody_from_connecting() {
    let (server, _tunnels) = FakeServer::new(Vec::new());
    let serving = server.serve(0);
    server.issues_old.store(true, Ordering::SeqCst);
    let directory = tempfile::tempdir().expect("a directory");
    let runtime = FakeRuntime::default();
    let (end, running) = start(config(serving.port, directory.path(), &server.join_token()), &runtime);
    until("a hello", || server.hello.borrow().is_some()).await;
    assert_eq!(*server.renewed.borrow(), 1);
    end.cancel();
    running.await.expect("no panic").expect("a clean end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_certificate_that_cannot_be_saved_is_not_used() {
    let (server, _tunnels) = FakeServer::new(Vec::new());
    let serving = server.serve(0);
    let port = serving.port;
    let directory = tempfile::tempdir().expect("a directory");
    let runtime = FakeRuntime::default();
    // It joins with a certificate that is nearly over, and gets no further than that.
    server.issues_old.store(true, Ordering::SeqCst);
    let (end, running) = start(config(port, directory.path(), &server.join_token()), &runtime);
    until("a hello", || server.hello.borrow().is_some()).await;
    end.cancel();
    running.await.expect("no panic").expect("a clean end");
    let before = std::fs::read(directory.path().join("identity.json")).expect("an identity");

    // Nothing can be written beside it any more, as on a full disk.
    std::fs::create_dir(directory.path().join(".identity.json.new")).expect("made");
    server.hello.send_replace(None);
    let (end, running) = start(config(port, directory.path(), "berth_join_used.up"), &runtime);
    until("a hello", || server.hello.borrow().is_some()).await;
    let told = || server.reasons.lock().expect("no panic").iter().any(|(_, r)| r == "certificate_not_saved");
    until("the event", told).await;
    assert_eq!(std::fs::read(directory.path().join("identity.json")).expect("an identity"), before);
    end.cancel();
    running.await.expect("no panic").expect("a clean end");
}

async fn terminal(
    server: &FakeServer,
    tunnels: &mut tokio::sync::mpsc::UnboundedReceiver<OpenTunnel>,
    instance_id: Vec<u8>,
    command: &str,
) -> OpenTunnel {
    let open =
        OpenTerminal { tunnel_id: command.into(), instance_id, command: vec![command.into()], columns: 80, rows: 24 };
    server.command(Command { command_id: 1, verb: Some(Verb::OpenTerminal(open)) }).await;
    let (out, mut frames) = time::timeout(PATIENCE, tunnels.recv()).await.expect("in time").expect("a tunnel");
    frames.message().await.expect("the tunnel's id");
    (out, frames)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_takes_much_at_once_and_does_not_outlive_its_person() {
    let (server, mut tunnels) = FakeServer::new(archive::busybox());
    let serving = server.serve(0);
    let directory = tempfile::tempdir().expect("a directory");
    let runtime = FakeRuntime::default();
    server.want(set(1, vec![Wish::new(1, Act::Print).on_wire(&server.archive)]));
    let (end, running) = start(config(serving.port, directory.path(), &server.join_token()), &runtime);
    let id = server.until_phase(1, "ready").await.instance_id;
    let paste = |bytes: usize| Ok(TunnelFrame { kind: Some(Kind::Data(vec![b'x'; bytes])) });

    // The command prints while more is pasted than any buffer holds.
    const PASTED: usize = 100_000;
    let (out, mut frames) = terminal(&server, &mut tunnels, id.clone(), "cat").await;
    out.send(paste(PASTED)).await.expect("sent");
    let printed = async {
        let mut printed = 0;
        while printed < PASTED {
            match frames.message().await.expect("a frame").and_then(|frame| frame.kind) {
                Some(Kind::Data(data)) => printed += data.len(),
                other => panic!("{other:?}"),
            }
        }
    };
    time::timeout(PATIENCE, printed).await.expect("all of it is printed");
    assert_eq!(runtime.terminals(), 1);
    drop((out, frames));
    until("the hanging up", || runtime.terminals() == 0).await;

    // The command takes nothing in, and the person leaves.
    let (out, frames) = terminal(&server, &mut tunnels, id.clone(), "deaf").await;
    out.send(paste(PASTED)).await.expect("sent");
    until("the terminal", || runtime.terminals() == 1).await;
    drop((out, frames));
    until("the hanging up", || runtime.terminals() == 0).await;

    // The connection breaks with the terminal open.
    let _open = terminal(&server, &mut tunnels, id, "cat").await;
    until("the terminal", || runtime.terminals() == 1).await;
    drop(serving);
    until("the hanging up", || runtime.terminals() == 0).await;
    end.cancel();
    running.await.expect("no panic").expect("a clean end");
}
