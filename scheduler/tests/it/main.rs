//! The agents' port, called over real gRPC with real certificates.

mod harness;

use berth_proto::{
    convert,
    fleet::{
        AgentMessage, CommandResult, DesiredSet, FetchImageRequest, Heartbeat, LogLine, PullCredentialRequest, Report,
        TunnelEnd, TunnelFrame, agent_message, command::Verb, server_message, tunnel_frame,
    },
};
use berth_scheduler::fleet::{Fleet as _, FleetError, LogOptions, TerminalOptions, TerminalOutput};
use futures::StreamExt as _;
use harness::{Port, install, instance, node};
use std::time::Duration;
use tonic::Code;

const OPTIONS: LogOptions = LogOptions { tail: 10, follow: false, since_ms: None, until_ms: None };

#[tokio::test]
async fn an_agent_attaches_gets_the_newest_set_and_its_report_is_acknowledged() {
    let port = Port::open().await;
    let mut agent = port.attach(node(1)).await;
    for generation in [3, 2] {
        let set = DesiredSet { epoch: 1, generation, ..Default::default() };
        port.registry.send_desired(node(1), set).expect("attached");
    }
    agent.say(agent_message::Kind::Report(Report { sequence: 7, ..Default::default() })).await;
    let (mut desired, mut acknowledged) = (None, None);
    while desired.is_none() || acknowledged.is_none() {
        match agent.hear().await {
            server_message::Kind::Desired(set) => desired = Some(set.generation),
            server_message::Kind::ReportAck(ack) => acknowledged = Some(ack.sequence),
            _ => {}
        }
    }
    assert_eq!((desired, acknowledged), (Some(3), Some(7)), "a set never goes back");
    assert_eq!(port.directory.reports(), [(node(1), 7)]);
}

#[tokio::test]
async fn without_a_certificate_or_with_a_foreign_one_there_is_nothing() {
    let port = Port::open().await;
    let mut nobody = port.client_without_certificate().await;
    let request = PullCredentialRequest { instance_id: convert::bytes(instance(1)) };
    let refused = nobody.get_pull_credential(request.clone()).await.expect_err("no certificate");
    assert_eq!(refused.code(), Code::Unauthenticated);

    let other = Port::open().await;
    let stranger = other.certificate(node(1), install());
    let refused = async { port.client(&stranger).await?.get_pull_credential(request.clone()).await }.await;
    assert!(refused.is_err(), "another authority's certificate ends in the handshake");

    let foreign = port.certificate(node(1), harness::other_install());
    let mut foreign = port.client(&foreign).await.expect("our authority signed it");
    let refused = foreign.get_pull_credential(request).await.expect_err("another installation's name");
    assert_eq!(refused.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_node_gets_its_own_things_only() {
    let port = Port::open().await;
    let (ours, theirs) = (port.certificate(node(1), install()), port.certificate(node(2), install()));
    let request = PullCredentialRequest { instance_id: convert::bytes(instance(1)) };
    let mut ours = port.client(&ours).await.expect("a good certificate");
    assert!(ours.get_pull_credential(request.clone()).await.expect("placed there").into_inner().present);
    let mut theirs = port.client(&theirs).await.expect("a good certificate");
    assert_eq!(theirs.get_pull_credential(request).await.expect_err("not theirs").code(), Code::NotFound);
    let image = FetchImageRequest { upload_id: vec![1; 16] };
    let mut chunks = ours.fetch_image(image.clone()).await.expect("needed there").into_inner();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.message().await.expect("it comes whole") {
        bytes.extend(chunk.data);
    }
    assert_eq!(bytes, harness::ARCHIVE);
    assert_eq!(theirs.fetch_image(image).await.expect_err("not theirs").code(), Code::NotFound);
}

#[tokio::test]
async fn a_revoked_certificate_and_a_removed_node_are_turned_away() {
    let port = Port::open().await;
    let mut agent = port.attach(node(1)).await;
    port.directory.revoke(node(1));
    agent.say(agent_message::Kind::Heartbeat(Heartbeat { docker_answers: true, facts: None })).await;
    agent.ended().await;
    let certificate = port.certificate(node(1), install());
    let mut client = port.client(&certificate).await.expect("TLS does not know of it");
    let request = PullCredentialRequest { instance_id: convert::bytes(instance(1)) };
    assert_eq!(client.get_pull_credential(request).await.expect_err("revoked").code(), Code::Unauthenticated);
}

#[tokio::test]
async fn the_newest_connection_of_a_node_wins() {
    let port = Port::open().await;
    let mut older = port.attach(node(1)).await;
    let mut newer = port.attach(node(1)).await;
    older.ended().await;
    port.registry
        .send_desired(node(1), DesiredSet { epoch: 1, generation: 1, ..Default::default() })
        .expect("attached");
    assert!(matches!(newer.hear().await, server_message::Kind::Desired(_)));
    assert_eq!(port.registry.attached().len(), 1);
}

#[tokio::test]
async fn a_log_comes_through_the_tunnel_that_was_asked_for_and_no_other_node_can_take_it() {
    let port = Port::open().await;
    let mut agent = port.attach(node(1)).await;
    let _other = port.attach(node(2)).await;
    let registry = port.registry.clone();
    let asking = tokio::spawn(async move { registry.open_log(node(1), instance(1), OPTIONS).await });
    let server_message::Kind::Command(command) = agent.hear().await else { panic!("a command comes") };
    let Some(Verb::OpenLog(open)) = command.verb else { panic!("it asks for a log") };

    let frames = |id: &str| {
        let line = LogLine { at_ns: 5, text: b"hello".to_vec(), ..Default::default() };
        let kinds = [
            tunnel_frame::Kind::Open(id.to_owned()),
            tunnel_frame::Kind::LogLine(line),
            tunnel_frame::Kind::End(TunnelEnd::default()),
        ];
        tokio_stream::iter(kinds.map(|kind| TunnelFrame { kind: Some(kind) }))
    };
    let thief = port.certificate(node(2), install());
    let mut thief = port.client(&thief).await.expect("a good certificate");
    assert_eq!(thief.tunnel(frames(&open.tunnel_id)).await.expect_err("not asked").code(), Code::NotFound);

    let mut client = port.client_of(node(1)).await;
    client.tunnel(frames(&open.tunnel_id)).await.expect("asked for");
    let lines: Vec<_> = asking.await.expect("no panic").expect("the log opens").collect().await;
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].as_ref().expect("a line").text, b"hello");
    assert_eq!(client.tunnel(frames(&open.tunnel_id)).await.expect_err("used up").code(), Code::NotFound);
}

#[tokio::test]
async fn a_terminal_goes_both_ways_and_ends_with_its_exit_code() {
    let port = Port::open().await;
    let mut agent = port.attach(node(1)).await;
    let registry = port.registry.clone();
    let options = TerminalOptions { command: vec![], columns: 80, rows: 24 };
    let asking = tokio::spawn(async move { registry.open_terminal(node(1), instance(1), options).await });
    let server_message::Kind::Command(command) = agent.hear().await else { panic!("a command comes") };
    let Some(Verb::OpenTerminal(open)) = command.verb else { panic!("it asks for a terminal") };
    let (to_server, frames) = tokio::sync::mpsc::channel(4);
    let send = |kind| to_server.send(TunnelFrame { kind: Some(kind) });
    send(tunnel_frame::Kind::Open(open.tunnel_id)).await.expect("room");
    let stream = tokio_stream::wrappers::ReceiverStream::new(frames);
    let mut typed = port.client_of(node(1)).await.tunnel(stream).await.expect("asked for").into_inner();
    let mut terminal = asking.await.expect("no panic").expect("it opens");
    terminal.input.data(b"exit\n".to_vec()).await.expect("open");
    let frame = typed.message().await.expect("open").expect("a frame");
    assert_eq!(frame.kind, Some(tunnel_frame::Kind::Data(b"exit\n".to_vec())));
    send(tunnel_frame::Kind::End(TunnelEnd { exit_code: 3, message: String::new() })).await.expect("room");
    let ended = TerminalOutput::Ended { exit_code: 3, message: String::new() };
    assert_eq!(terminal.output.next().await, Some(ended));
}

#[tokio::test]
async fn a_command_fails_when_the_agent_says_no_goes_away_or_was_never_there() {
    let port = Port::open().await;
    assert_eq!(port.registry.open_log(node(1), instance(1), OPTIONS).await.err(), Some(FleetError::NotAttached));
    let mut agent = port.attach(node(1)).await;
    let registry = port.registry.clone();
    let asking = tokio::spawn(async move { registry.open_log(node(1), instance(1), OPTIONS).await.err() });
    let server_message::Kind::Command(command) = agent.hear().await else { panic!("a command comes") };
    let no = CommandResult { command_id: command.command_id, ok: false, message: "no such container".into() };
    agent.say(agent_message::Kind::CommandResult(no)).await;
    assert_eq!(asking.await.expect("no panic"), Some(FleetError::Refused("no such container".into())));

    let registry = port.registry.clone();
    let asking = tokio::spawn(async move { registry.open_log(node(1), instance(1), OPTIONS).await.err() });
    agent.hear().await;
    drop(agent);
    let answer = tokio::time::timeout(Duration::from_secs(5), asking).await.expect("at once, not at the deadline");
    assert_eq!(answer.expect("no panic"), Some(FleetError::NotAttached));
}

#[tokio::test]
async fn a_broken_first_message_is_refused() {
    let port = Port::open().await;
    let mut client = port.client_of(node(1)).await;
    let heartbeat = agent_message::Kind::Heartbeat(Heartbeat::default());
    let stream = tokio_stream::iter([AgentMessage { kind: Some(heartbeat) }]);
    assert_eq!(client.attach(stream).await.expect_err("no hello").code(), Code::InvalidArgument);
    assert!(port.registry.attached().is_empty());
}
