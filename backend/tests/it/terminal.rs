//! Terminals: a ticket over HTTP, then a WebSocket.

use crate::world::{Answer, Caller, PLENTY, Tenant, World};
use berth_domain::{id::InstanceId, right::Role};
use berth_testkit::wait::until_async;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _},
};

const PATIENCE: Duration = Duration::from_secs(20);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn begin(world: &World, phase: &str) -> (Tenant, Caller, InstanceId) {
    let acme = world.tenant("acme", PLENTY).await;
    let ada = world.person(&acme, Role::Developer).await;
    ada.create(&acme, "web", 1).await;
    let node = world.node("node-1").await;
    let instance = world.instance("web", 1, node, phase).await;
    (acme, ada, instance)
}

async fn ticket(who: &Caller, tenant: &Tenant, instance: InstanceId) -> Answer {
    who.act(&tenant.app(&format!("web/instances/{instance}/terminal"))).await
}

async fn secret(who: &Caller, tenant: &Tenant, instance: InstanceId) -> String {
    let answer = ticket(who, tenant, instance).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.body["ticket"].as_str().expect("text").to_owned()
}

/// Opens the socket; the status when it is refused.
async fn attach(world: &World, ticket: &str, origin: Option<&str>) -> Result<Socket, u16> {
    let mut request = format!("ws://{}/api/v1/terminal", world.address).into_client_request().expect("a URL");
    let protocols = format!("berth.terminal.v1, berth.ticket.{ticket}");
    request.headers_mut().insert("sec-websocket-protocol", protocols.parse().expect("a header"));
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().expect("a header"));
    }
    match connect_async(request).await {
        Ok((socket, response)) => {
            assert_eq!(response.headers()["sec-websocket-protocol"], "berth.terminal.v1");
            Ok(socket)
        }
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("the socket breaks: {error}"),
    }
}

async fn next(socket: &mut Socket) -> Message {
    loop {
        let message = tokio::time::timeout(PATIENCE, socket.next()).await.expect("something comes in time");
        match message.expect("the socket is open").expect("a frame") {
            Message::Ping(_) => {}
            message => return message,
        }
    }
}

#[tokio::test]
async fn bytes_go_both_ways_and_the_end_has_an_exit_code() {
    let world = World::new().await;
    let (acme, ada, instance) = begin(&world, "ready").await;
    let ticket = secret(&ada, &acme, instance).await;
    let mut socket = attach(&world, &ticket, Some(&format!("http://{}", world.address))).await.expect("it opens");

    socket.send(Message::binary(&b"echo"[..])).await.expect("it is sent");
    assert_eq!(next(&mut socket).await, Message::binary(&b"echo"[..]));
    socket.send(Message::text(r#"{"kind":"resize","columns":120,"rows":40}"#)).await.expect("it is sent");
    assert_eq!(next(&mut socket).await, Message::binary(&b"120x40"[..]));
    socket.send(Message::binary(&b"exit\n"[..])).await.expect("it is sent");
    let Message::Text(said) = next(&mut socket).await else { panic!("the end is said as text") };
    let said: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((&said["kind"], &said["exit_code"]), (&Value::from("ended"), &Value::from(3)));

    let rows =
        "SELECT string_agg(action || ' ' || target, ', ' ORDER BY sequence) FROM audit WHERE action LIKE 'terminal%'";
    let web = "acme/shop/dev/web/web-1-1";
    let wanted = format!("terminal.ticket {web}, terminal.open {web}, terminal.close {web}");
    until_async("the end in the audit trail", PATIENCE, || async {
        (world.value::<String>(rows).await == wanted).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_ticket_is_good_once_for_half_a_minute_and_from_our_own_page() {
    let world = World::new().await;
    let (acme, ada, instance) = begin(&world, "ready").await;
    let ticket = secret(&ada, &acme, instance).await;

    assert_eq!(attach(&world, &ticket, Some("https://evil.example")).await.err(), Some(403));
    let socket = attach(&world, &ticket, None).await;
    assert!(socket.is_ok(), "a foreign page did not use it up");
    assert_eq!(attach(&world, &ticket, None).await.err(), Some(401), "a second time");
    assert_eq!(attach(&world, "berth_tkt_unknown", None).await.err(), Some(401));

    let late = secret(&ada, &acme, instance).await;
    world.wait(31);
    assert_eq!(attach(&world, &late, None).await.err(), Some(401), "too late");
}

#[tokio::test]
async fn a_ticket_does_not_give_back_a_right_that_was_lost() {
    let world = World::new().await;
    let (acme, ada, instance) = begin(&world, "ready").await;
    let early = secret(&ada, &acme, instance).await;
    let ticket = secret(&ada, &acme, instance).await;
    let mut open = attach(&world, &early, None).await.expect("it opens");
    sqlx::query("UPDATE role_bindings SET role = 'viewer'").execute(&world.pool).await.expect("the role is less");

    assert_eq!(attach(&world, &ticket, None).await.err(), Some(401));
    assert!(matches!(next(&mut open).await, Message::Close(_)), "one that is open ends");
}

#[tokio::test]
async fn what_does_not_run_has_no_terminal_and_what_is_not_there_is_not_found() {
    let world = World::new().await;
    let (acme, ada, instance) = begin(&world, "back_off").await;
    assert_eq!(ticket(&ada, &acme, instance).await.status, 409);
    let nobody = "inst_00000000000000000000000000000007".parse().expect("an id");
    assert_eq!(ticket(&ada, &acme, nobody).await.status, 404);
}
