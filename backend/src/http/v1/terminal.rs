//! Terminals: the ticket, and the WebSocket that it opens.
//!
//! The socket offers the subprotocols `berth.terminal.v1` and `berth.ticket.{ticket}`. Binary frames carry the terminal's
//! bytes both ways, text frames carry `TerminalControl`.

use crate::{
    authn::origin,
    authz::{
        action::{app::Terminal, terminal::Attach},
        permit::{Open, Permit},
    },
    http::{
        error::Failure,
        input::{Input, Path, State},
        reply::{Created, Secret, Upgraded},
    },
    service::{
        error::Error,
        terminal::{self, Admitted, Ended, TerminalInput, TerminalOutput},
    },
};
use actix_web::{FromRequest as _, HttpRequest, dev::Payload, http::header::SEC_WEBSOCKET_PROTOCOL, rt, web};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Session};
use berth_api_types::v1::logs::{TERMINAL_PROTOCOL, TerminalControl, TicketView};
use berth_domain::id::InstanceId;
use futures::{StreamExt as _, stream::BoxStream};
use serde::Deserialize;
use std::{cell::Cell, time::Duration};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep, sleep_until},
};

/// What a ticket's subprotocol starts with.
const TICKET_PROTOCOL: &str = "berth.ticket.";
/// Largest frame that is taken, in bytes: pages cut what is pasted into pieces of 16 KiB.
const FRAME_BYTES_MAX: usize = 64 * 1024;
/// Between two questions whether the person still may, in milliseconds: a lost right ends a terminal within 5 s.
const GUARD_MS: u64 = 4_000;
/// A terminal in which nothing was typed or shown for this long is closed: somebody left it open.
const IDLE_MAX: Duration = Duration::from_secs(30 * 60);
/// Between two pings, so that a connection that broke silently is noticed, and none on the way is thought idle.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Largest window, in columns and rows.
const WINDOW_MAX: u16 = 1_000;
/// Longest sentence in a close frame, in bytes: a control frame holds 125, two of them the code.
const CLOSE_BYTES_MAX: usize = 120;
/// Exit code of what never ran.
const NEVER_RAN: i32 = -1;
/// Terminals that one server serves at the same time: each holds a tunnel.
static TERMINALS: Semaphore = Semaphore::const_new(200);

/// The instance in a path.
#[derive(Deserialize)]
pub struct TicketPath {
    instance: InstanceId,
}

/// A one-time ticket for a terminal in an instance.
pub async fn issue_ticket(
    permit: Permit<Terminal>,
    app: State,
    Path(path): Path<TicketPath>,
) -> Result<Secret<Created<TicketView>>, Failure> {
    let ticket = terminal::issue(&app, &permit, path.instance).await?;
    Ok(Secret(Created(TicketView { ticket: ticket.secret, expires_at: ticket.expires_at })))
}

/// The request's body, for an upgrade.
pub struct Socket(web::Payload);

impl Input for Socket {
    async fn read(request: &HttpRequest, payload: &mut Payload) -> Result<Self, Failure> {
        let payload = web::Payload::from_request(request, payload).await;
        payload.map(Self).map_err(|_| Failure::malformed("the request cannot be upgraded"))
    }
}

/// The WebSocket of a terminal.
pub async fn attach(
    open: Open<Attach>,
    app: State,
    request: HttpRequest,
    Socket(payload): Socket,
) -> Result<Upgraded, Failure> {
    // A foreign page must not even use up a ticket. A program sends no Origin.
    if !origin::is_ours_or_no_browser(&request, &app.settings) {
        return Err(Failure::foreign_origin());
    }
    let (response, session, messages) = actix_ws::handle_with_protocols(&request, payload, &[TERMINAL_PROTOCOL])
        .map_err(|_| Failure::malformed("open a WebSocket here"))?;
    let place = TERMINALS.try_acquire().map_err(|_| Error::TooManyRequests { after_s: 5 })?;
    let ticket = ticket(&request).ok_or_else(Failure::unauthenticated)?;
    let admitted = terminal::redeem(&app, &open, ticket).await?;
    let messages =
        messages.max_frame_size(FRAME_BYTES_MAX).aggregate_continuations().max_continuation_size(FRAME_BYTES_MAX);
    rt::spawn(serve(app, admitted, session, messages, place));
    Ok(Upgraded(response))
}

/// The ticket among the offered subprotocols, if the terminal's own is among them, too.
fn ticket(request: &HttpRequest) -> Option<&str> {
    let offered = || {
        let values = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).map(str::trim)
    };
    offered().find(|name| *name == TERMINAL_PROTOCOL)?;
    offered().find_map(|name| name.strip_prefix(TICKET_PROTOCOL))
}

async fn serve(
    app: State,
    admitted: Admitted,
    session: Session,
    messages: AggregatedMessageStream,
    place: SemaphorePermit<'static>,
) {
    let _place = place;
    let opened_at = app.clock.now();
    let ended = match terminal::open(&app, &admitted).await {
        Ok(opened) => {
            let ended = bridge(&app, &admitted, session.clone(), messages, opened.input, opened.output).await;
            if let Err(error) = terminal::close(&app, &admitted, opened_at, &ended).await {
                tracing::error!(%error, instance.id = %admitted.place.instance, "cannot write that a terminal ended");
            }
            ended
        }
        Err(error) => Ended { why: error.to_string(), exit_code: Some(NEVER_RAN) },
    };
    say_end(session, ended).await;
}

/// Tells the page how it ended. A page that is gone does not hear it.
async fn say_end(mut session: Session, ended: Ended) {
    if let Some(exit_code) = ended.exit_code {
        let control = TerminalControl::Ended { exit_code, message: ended.why.clone() };
        let text = serde_json::to_string(&control).unwrap_or_default();
        session.text(text).await.ok();
    }
    let mut why = ended.why;
    why.truncate(why.floor_char_boundary(CLOSE_BYTES_MAX));
    let reason = CloseReason { code: CloseCode::Normal, description: Some(why) };
    session.close(Some(reason)).await.ok();
}

/// Carries bytes both ways until one side ends, the right is gone, nothing happens for long, or the server stops.
async fn bridge(
    app: &State,
    admitted: &Admitted,
    session: Session,
    messages: AggregatedMessageStream,
    input: TerminalInput,
    output: BoxStream<'static, TerminalOutput>,
) -> Ended {
    let last = Cell::new(Instant::now());
    let because = |why: &str| Ended { why: why.to_owned(), exit_code: None };
    // Each direction waits for its own reader alone: a shell that does not read still shows what it writes.
    tokio::select! {
        ended = show(session.clone(), output, &last) => ended,
        why = type_in(session.clone(), messages, input, &last) => because(why),
        () = idle(&last) => because("nothing was typed or shown for half an hour"),
        () = not_allowed(app, admitted) => because("the right to use it is gone"),
        () = keep_alive(session.clone()) => because("the connection broke"),
        () = app.stopping.cancelled() => because("the server stops"),
    }
}

async fn show(mut session: Session, mut output: BoxStream<'static, TerminalOutput>, last: &Cell<Instant>) -> Ended {
    while let Some(item) = output.next().await {
        last.set(Instant::now());
        match item {
            TerminalOutput::Data(bytes) => {
                if session.binary(bytes).await.is_err() {
                    return Ended { why: "the page is gone".to_owned(), exit_code: None };
                }
            }
            TerminalOutput::Ended { exit_code, message } => return Ended { why: message, exit_code: Some(exit_code) },
        }
    }
    Ended { why: "the connection to the node broke".to_owned(), exit_code: None }
}

async fn type_in(
    mut session: Session,
    mut messages: AggregatedMessageStream,
    input: TerminalInput,
    last: &Cell<Instant>,
) -> &'static str {
    const SHELL_GONE: &str = "the shell takes nothing more";
    while let Some(message) = messages.recv().await {
        let Ok(message) = message else { return "the page sent what is no terminal's" };
        match message {
            AggregatedMessage::Binary(bytes) => {
                last.set(Instant::now());
                if input.data(bytes.to_vec()).await.is_err() {
                    return SHELL_GONE;
                }
            }
            AggregatedMessage::Text(text) => match serde_json::from_str(&text) {
                Ok(TerminalControl::Resize { columns, rows }) => {
                    let within = |size: u16| size.clamp(1, WINDOW_MAX);
                    if input.resize(within(columns), within(rows)).await.is_err() {
                        return SHELL_GONE;
                    }
                }
                Ok(TerminalControl::Ended { .. }) | Err(_) => return "the page sent what is no terminal's",
            },
            AggregatedMessage::Ping(bytes) => {
                if session.pong(&bytes).await.is_err() {
                    break;
                }
            }
            AggregatedMessage::Pong(_) => {}
            AggregatedMessage::Close(_) => break,
        }
    }
    "the page closed it"
}

async fn idle(last: &Cell<Instant>) {
    loop {
        let end = last.get() + IDLE_MAX;
        if Instant::now() >= end {
            return;
        }
        sleep_until(end).await;
    }
}

async fn not_allowed(app: &State, admitted: &Admitted) {
    loop {
        sleep(Duration::from_millis(GUARD_MS)).await;
        if !terminal::still_allowed(app, admitted).await {
            return;
        }
    }
}

async fn keep_alive(mut session: Session) {
    loop {
        sleep(PING_EVERY).await;
        if session.ping(b"").await.is_err() {
            return;
        }
    }
}
