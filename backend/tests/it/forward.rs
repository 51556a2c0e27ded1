//! Audit trails on their way to a log collector.

use crate::{helpers::with_project, world::World};
use berth_api_types::path;
use berth_audit::{export::Line, verify::Verifier};
use berth_server::service::{
    audit_forward::{Sender, round},
    checkpoints,
};
use serde_json::json;
use std::time::Duration;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    net::{TcpListener, TcpStream, UdpSocket},
    time::timeout,
};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A message as the length before it says.
async fn message(stream: &mut BufReader<TcpStream>) -> String {
    let read = async {
        let mut length = Vec::new();
        stream.read_until(b' ', &mut length).await.expect("a length");
        let length = String::from_utf8(length).expect("digits");
        let mut text = vec![0; length.trim().parse().expect("a number")];
        stream.read_exact(&mut text).await.expect("a whole message");
        String::from_utf8(text).expect("text")
    };
    timeout(PATIENCE, read).await.expect("a message in time")
}

/// What stands behind the head of a message.
fn line(message: &str) -> Line {
    Line::read(message.splitn(8, ' ').last().expect("eight parts")).expect("the line of an export")
}

fn sender(to: &str) -> Sender {
    Sender::new(to.parse().expect("a collector"), "node-01".to_owned())
}

#[tokio::test]
async fn a_collector_gets_every_row_and_signature_once_and_can_check_them() {
    let world = World::new().await;
    let owner = with_project(&world).await;
    checkpoints::round(&world.app).await.expect("signed");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut sender = sender(&format!("tcp://{}", listener.local_addr().expect("an address")));
    let sent = round(&world.app, &mut sender).await.expect("sent");
    let (stream, _) = timeout(PATIENCE, listener.accept()).await.expect("in time").expect("a connection");
    let mut stream = BufReader::new(stream);
    let mut messages = Vec::new();
    for _ in 0..sent {
        messages.push(message(&mut stream).await);
    }
    assert_eq!(sent, 5, "three rows of two trails and a checkpoint of each: {messages:#?}");
    assert!(messages[0].starts_with("<109>1 2"), "{}", messages[0]);
    assert!(messages[0].contains("Z node-01 berth - audit - {"), "{}", messages[0]);
    assert_eq!(round(&world.app, &mut sender).await.expect("nothing to send"), 0);

    // On the same connection: what is new, and only that.
    owner.post(&path::projects("acme"), json!({ "name": "b" })).await;
    assert_eq!(round(&world.app, &mut sender).await.expect("sent"), 1);
    let Line::Row(row) = line(&message(&mut stream).await) else { panic!("a row") };
    assert_eq!((row.sequence, row.target.as_str()), (2, "acme/b"));

    // What was collected finds what the database no longer says.
    let kept = messages.iter().filter_map(|message| match line(message) {
        Line::Checkpoint(checkpoint) => Some(checkpoint),
        _ => None,
    });
    let tenant = row.tenant;
    let mut verifier = Verifier::new(world.app.audit_signer.public_key()).with_checkpoints(tenant, kept);
    let export = owner.get_text(&path::tenant_audit_export("acme")).await;
    let changed = export.lines().try_for_each(|text| match Line::read(text).expect("a line") {
        Line::Row(mut row) => {
            row.source = "198.51.100.9".to_owned();
            row.sha256 = row.hash();
            verifier.check(&Line::Row(row))
        }
        other => verifier.check(&other),
    });
    assert_eq!(changed.expect_err("written anew").what.code(), "elsewhere");
}

#[tokio::test]
async fn a_collector_that_was_away_gets_what_it_missed() {
    let world = World::new().await;
    with_project(&world).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let mut sender = sender(&format!("tcp://{address}"));
    let error = round(&world.app, &mut sender).await.expect_err("nothing listens there");
    assert!(format!("{error:#}").contains(&address.to_string()), "{error:#}");

    let listener = TcpListener::bind(address).await.expect("the same port");
    let sent = round(&world.app, &mut sender).await.expect("sent");
    let (stream, _) = timeout(PATIENCE, listener.accept()).await.expect("in time").expect("a connection");
    let mut stream = BufReader::new(stream);
    assert_eq!(sent, 3);
    for _ in 0..sent {
        message(&mut stream).await;
    }

    // It goes away and comes back: what is written to a connection that it closed would be lost.
    drop(stream);
    world.stranger().await;
    checkpoints::round(&world.app).await.expect("signed");
    assert!(round(&world.app, &mut sender).await.is_err(), "the connection is closed");
    let sent = round(&world.app, &mut sender).await.expect("sent again");
    assert_eq!(sent, 2, "a checkpoint of each trail");
}

#[tokio::test]
async fn datagrams_carry_them_too() {
    let world = World::new().await;
    with_project(&world).await;
    let collector = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let mut sender = sender(&format!("udp://{}", collector.local_addr().expect("an address")));
    assert_eq!(round(&world.app, &mut sender).await.expect("sent"), 3);
    let mut datagram = [0; 9_000];
    let length = timeout(PATIENCE, collector.recv(&mut datagram)).await.expect("in time").expect("a datagram");
    let text = std::str::from_utf8(&datagram[..length]).expect("text");
    assert!(matches!(line(text), Line::Row(row) if row.sequence == 1), "{text}");
}
