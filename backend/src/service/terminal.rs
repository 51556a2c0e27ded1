//! Terminals in instances: a ticket within the tenant, redeemed by a WebSocket that can carry no other proof, and a way to
//! the instance's agent. Who opened one, in what, and when it ended is in the audit trail; what was typed is not.

use super::error::Error;
use crate::{
    authn::{actor::Via, token},
    authz::{
        action::{app::Terminal, terminal::Attach},
        gate::{self, Denied, Names},
        permit::{Open, Permit, SystemPermit},
    },
    startup::App,
    store::{
        ReadTx, SystemTx, Tx,
        audit::AuditEntry,
        instances::instance_name,
        instances_read::{InstanceRecord, list_instances},
        tickets::{NewTicket, insert_ticket, redeem_ticket},
    },
};
use berth_domain::{
    id::{InstanceId, NodeId},
    lifecycle::InstancePhase,
};
use berth_scheduler::fleet::{self, FleetError, TerminalOptions};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

/// What goes to a terminal.
pub type TerminalInput = fleet::TerminalInput;
/// What comes from a terminal.
pub type TerminalOutput = fleet::TerminalOutput;

/// How long a ticket is good: a page opens its socket at once.
const TICKET_LIFE: TimeDelta = TimeDelta::seconds(30);
/// What tickets start with. All of a ticket may stand in a subprotocol's name.
const TICKET_PREFIX: &str = "berth_tkt_";
/// The window until the page says its size.
const COLUMNS: u16 = 80;
/// The same, in rows.
const ROWS: u16 = 24;

/// A ticket, once.
pub struct Ticket {
    /// Its secret.
    pub secret: String,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

/// Makes a ticket for a terminal in an instance of the permit's app.
pub async fn issue(app: &App, permit: &Permit<Terminal>, instance: InstanceId) -> Result<Ticket, Error> {
    let place = find(app, permit, instance).await?;
    let secret = token::generate(&*app.ids, TICKET_PREFIX);
    let sha256 = token::sha256(TICKET_PREFIX, &secret).ok_or_else(|| anyhow::anyhow!("a ticket does not read"))?;
    let (session, token) = match permit.actor().via {
        Via::Session(session) => (Some(session), None),
        Via::Token(token) => (None, token),
    };
    let mut tx = Tx::begin(&app.store, permit).await?;
    let expires_at = tx.now() + TICKET_LIFE;
    let ticket = NewTicket {
        secret_sha256: &sha256,
        tenant: permit.scope().tenant.id,
        user: permit.actor().user,
        session,
        token,
        instance,
        expires_at,
    };
    insert_ticket(&mut tx, ticket).await?;
    tx.commit(AuditEntry::new().action("terminal.ticket").target(place.name, instance.uuid())).await?;
    Ok(Ticket { secret, expires_at })
}

/// Whom a ticket let in.
pub struct Admitted {
    /// What they may do, and where.
    pub permit: Permit<Terminal>,
    /// In which instance.
    pub place: Place,
}

/// An instance and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which.
    pub instance: InstanceId,
    /// Its name.
    pub name: String,
    /// Where.
    pub node: NodeId,
}

/// Uses a ticket up and asks the gate for whoever asked for it: what they lost since, the ticket does not give back.
pub async fn redeem(app: &App, open: &Open<Attach>, secret: &str) -> Result<Admitted, Error> {
    let sha256 = token::sha256(TICKET_PREFIX, secret).ok_or(Error::Unauthenticated)?;
    let mut tx = SystemTx::begin(&app.store, &SystemPermit::for_duty("terminal-tickets")).await?;
    let ticket = redeem_ticket(&mut tx, &sha256).await?;
    tx.commit_unaudited().await?;
    let ticket = ticket.ok_or(Error::Unauthenticated)?;
    let names = Names {
        tenant: Some(ticket.tenant),
        project: Some(ticket.project),
        environment: Some(ticket.environment),
        app: Some(ticket.app),
    };
    let admitted = gate::admit::<Terminal>(&app.store, ticket.credential, &names, open.request().clone()).await;
    let permit = admitted.map_err(|denied| match denied {
        Denied::Store(error) => error.into(),
        Denied::Unauthenticated | Denied::Hidden | Denied::Missing(_) => Error::Unauthenticated,
    })?;
    let place = find(app, &permit, ticket.instance).await?;
    Ok(Admitted { permit, place })
}

/// Opens the terminal, and writes that it was opened.
pub async fn open(app: &App, admitted: &Admitted) -> Result<fleet::Terminal, Error> {
    let Admitted { permit, place } = admitted;
    let options = TerminalOptions { command: Vec::new(), columns: COLUMNS, rows: ROWS };
    let opened = app.fleet.open_terminal(place.node, place.instance, options).await.map_err(|error| match error {
        FleetError::Refused(sentence) => Error::Conflict(sentence),
        FleetError::NotAttached | FleetError::Busy | FleetError::TimedOut => Error::NodeUnavailable(error.to_string()),
    })?;
    let tx = Tx::begin(&app.store, permit).await?;
    tx.commit(entry("terminal.open", place)).await?;
    Ok(opened)
}

/// How a terminal ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Why, in English.
    pub why: String,
    /// Exit code of the shell, when it ended by itself.
    pub exit_code: Option<i32>,
}

/// Writes that a terminal ended.
pub async fn close(app: &App, admitted: &Admitted, opened_at: DateTime<Utc>, ended: &Ended) -> Result<(), Error> {
    let tx = Tx::begin(&app.store, &admitted.permit).await?;
    let seconds = (tx.now() - opened_at).num_seconds();
    let after = json!({ "seconds": seconds, "exit_code": ended.exit_code, "why": ended.why });
    tx.commit(entry("terminal.close", &admitted.place).after(&after)).await?;
    Ok(())
}

/// Whether whoever opened a terminal still may.
pub async fn still_allowed(app: &App, admitted: &Admitted) -> bool {
    // Not known is not allowed.
    gate::still_holds(&app.store, &admitted.permit).await.unwrap_or(false)
}

fn entry(action: &'static str, place: &Place) -> AuditEntry {
    AuditEntry::new().action(action).target(place.name.as_str(), place.instance.uuid())
}

async fn find(app: &App, permit: &Permit<Terminal>, instance: InstanceId) -> Result<Place, Error> {
    let scope = &permit.scope().app;
    let mut tx = ReadTx::begin(&app.store, permit).await?;
    let all = list_instances(tx.conn(), scope.id).await?;
    let found = all.into_iter().find(|record| record.id == instance).ok_or(Error::NotFound)?;
    if !runs(&found) {
        return Err(Error::Conflict("the instance does not run".to_owned()));
    }
    Ok(Place { instance, name: instance_name(&scope.name, found.release_number, found.number), node: found.node })
}

fn runs(record: &InstanceRecord) -> bool {
    use InstancePhase as P;
    match record.observed.as_ref().map_or(P::Waiting, |seen| seen.phase) {
        P::Starting | P::Ready | P::Unready | P::Stopping => true,
        P::Waiting | P::Pulling | P::Creating | P::BackOff | P::Stopped => false,
    }
}
