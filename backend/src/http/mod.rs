//! HTTP in and out. Knows no SQL. The whole API is on this screen: method, path, what it is, who answers.

pub mod console;
pub mod endpoint;
mod envelope;
pub mod error;
mod health;
mod idempotency;
pub mod if_match;
pub mod input;
pub mod openapi;
pub mod page;
pub mod reply;
pub mod route;
pub mod v1;

use self::route::{Route, open, signed};
use crate::{authz::action, startup::App};
use actix_web::{App as Service, HttpServer, dev, middleware, web};
use berth_api_types::path;
use std::{net::TcpListener, sync::Arc, time::Duration};

use actix_web::http::Method;
const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// Every route. One without an action cannot be written, and its handler does not compile without the action's permit.
#[rustfmt::skip]
pub fn table() -> Vec<Route> {
    use v1::{apps, events, installation, instances, live, logs, nodes, plan, releases, rollouts, terminal};
    vec![
        open::<action::installation::Read>(GET, path::STATUS, "Whether set-up was done").to(installation::read),

        signed::<action::node::List>(GET, path::NODES, "All nodes").to(nodes::list),
        signed::<action::node::Join>(POST, path::JOIN_TOKENS, "Makes a one-time token with which a node joins").to(nodes::create_join_token),
        signed::<action::node::Read>(GET, path::NODE, "One node with what runs on it").to(nodes::read),
        signed::<action::node::Update>(PATCH, path::NODE, "Cordons, drains, activates or labels a node").to(nodes::update),
        signed::<action::node::Remove>(DELETE, path::NODE, "Removes a node that is lost, or drained and empty").to(nodes::remove),
        signed::<action::node::Read>(GET, path::NODE_EVENTS, "What happened to a node").to(nodes::list_events),
        signed::<action::platform::Live>(GET, path::PLATFORM_LIVE, "Changes of the platform, as they happen").to(live::follow_platform),
        signed::<action::tenant::Live>(GET, path::TENANT_LIVE, "Changes of a tenant, as they happen").to(live::follow_tenant),

        signed::<action::app::List>(GET, path::APPS, "Apps of an environment").to(apps::list),
        signed::<action::app::Create>(POST, path::APPS, "Creates an app and deploys its first release").to(apps::create),
        signed::<action::app::Read>(GET, path::APP, "One app").to(apps::read),
        signed::<action::app::Delete>(DELETE, path::APP, "Deletes an app with all that it has").to(apps::delete),
        signed::<action::app::Scale>(PUT, path::SCALE, "Changes the number of instances").to(apps::scale),
        signed::<action::app::Operate>(POST, path::STOP, "Stops all instances").to(apps::stop),
        signed::<action::app::Operate>(POST, path::START, "Starts them again").to(apps::start),
        signed::<action::app::Read>(GET, path::RELEASES, "An app's releases, newest first").to(releases::list),
        signed::<action::app::Deploy>(POST, path::RELEASES, "Makes a release and rolls it out").to(releases::deploy),
        signed::<action::app::Read>(GET, path::RELEASE, "One release, with its difference from the one before").to(releases::read),
        signed::<action::app::Deploy>(POST, path::ROLLBACK, "Goes back to an earlier release").to(releases::roll_back),
        signed::<action::app::Read>(GET, path::ROLLOUTS, "An app's rollouts, newest first").to(rollouts::list),
        signed::<action::app::Deploy>(POST, path::ABORT, "Takes back the rollout that is going on").to(rollouts::abort),
        signed::<action::app::Operate>(POST, path::RESTART, "Replaces every instance by a fresh one").to(rollouts::restart),
        signed::<action::app::Read>(GET, path::INSTANCES, "An app's instances").to(instances::list),
        signed::<action::app::Plan>(POST, path::PLAN, "What a deploy would do; changes nothing").to(plan::preview),
        signed::<action::app::Logs>(GET, path::LOGS, "The newest lines of an app's instances, merged").to(logs::read),
        signed::<action::app::Logs>(GET, path::LOGS_LIVE, "The same, and all that come").to(logs::follow),
        signed::<action::app::Terminal>(POST, path::TERMINAL_TICKET, "A one-time ticket for a terminal").to(terminal::issue_ticket),
        open::<action::terminal::Attach>(GET, path::TERMINAL, "The WebSocket of a terminal; its ticket is a subprotocol").to(terminal::attach),
        signed::<action::app::Read>(GET, path::APP_EVENTS, "What happened to an app").to(events::list_of_app),
        signed::<action::tenant::ReadEvents>(GET, path::TENANT_EVENTS, "What happened in a tenant").to(events::list_of_tenant),
    ]
}

/// How long a client may take to send its headers.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long open requests may take to end when the server stops, in seconds.
const SHUTDOWN_TIMEOUT_S: u64 = 3;

/// Serves the API and the console on `listener`.
pub fn serve(app: Arc<App>, listener: TcpListener) -> std::io::Result<dev::Server> {
    let state = web::Data::from(app.clone());
    let routes = Arc::new(table());
    let console = Arc::new(console::Files::open(app.settings.console_dir.as_deref())?);
    let document = openapi::document(&routes);
    let server = HttpServer::new(move || {
        Service::new()
            .app_data(state.clone())
            .app_data(web::Data::from(console.clone()))
            .configure(health::configure)
            .configure(|config| route::configure(config, &routes))
            .configure(|config| openapi::configure(config, document.clone()))
            .default_service(web::to(console::serve))
            .wrap(middleware::from_fn(envelope::wrap))
            .wrap(middleware::Compress::default())
    })
    // Signals are for startup, which stops things in order.
    .disable_signals()
    .client_request_timeout(HEADERS_TIMEOUT)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(SHUTDOWN_TIMEOUT_S)
    .listen(listener)?;
    Ok(server.run())
}
