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
pub mod places;
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
    use v1::{
        apps, audit, credentials, events, images, installation, instances, live, logs, me, nodes, people, plan, projects,
        releases, roles, rollouts, session, tenants, terminal,
    };
    vec![
        open::<action::installation::Read>(GET, path::STATUS, "Whether set-up was done").to(installation::read),
        open::<action::installation::SetUp>(POST, path::SETUP, "Trades the set-up token for the first account").to(installation::set_up),
        open::<action::session::SignIn>(POST, path::SESSION, "Signs in").to(session::sign_in),
        open::<action::session::Refresh>(POST, path::SESSION_REFRESH, "Trades the refresh cookie for an access token").to(session::refresh),
        signed::<action::session::SignOut>(DELETE, path::SESSION, "Signs out").to(session::sign_out),

        signed::<action::me::Read>(GET, path::ME, "The caller with roles and rights").to(me::read),
        signed::<action::me::Update>(PATCH, path::ME, "Changes the caller's name or language").to(me::update),
        signed::<action::me::ChangePassword>(PUT, path::MY_PASSWORD, "Changes the password, ends other sessions").to(me::change_password),
        signed::<action::my_session::List>(GET, path::MY_SESSIONS, "Where the caller is signed in").to(me::list_sessions),
        signed::<action::my_session::EndOthers>(DELETE, path::MY_SESSIONS, "Ends all sessions of the caller but this one").to(me::end_other_sessions),
        signed::<action::my_session::End>(DELETE, path::MY_SESSION, "Ends a session of the caller").to(me::end_session),
        signed::<action::token::List>(GET, path::MY_TOKENS, "The caller's personal tokens").to(me::list_tokens),
        signed::<action::token::Create>(POST, path::MY_TOKENS, "Makes a personal token").to(me::create_token),
        signed::<action::token::Revoke>(DELETE, path::MY_TOKEN, "Ends a personal token").to(me::revoke_token),

        signed::<action::node::List>(GET, path::NODES, "All nodes").to(nodes::list),
        signed::<action::node::Join>(POST, path::JOIN_TOKENS, "Makes a one-time token with which a node joins").to(nodes::create_join_token),
        signed::<action::node::Read>(GET, path::NODE, "One node with what runs on it").to(nodes::read),
        signed::<action::node::Update>(PATCH, path::NODE, "Cordons, drains, activates or labels a node").to(nodes::update),
        signed::<action::node::Remove>(DELETE, path::NODE, "Removes a node that is lost, or drained and empty").to(nodes::remove),
        signed::<action::node::Read>(GET, path::NODE_EVENTS, "What happened to a node").to(nodes::list_events),
        signed::<action::platform::Live>(GET, path::PLATFORM_LIVE, "Changes of the platform, as they happen").to(live::follow_platform),
        signed::<action::tenant::Live>(GET, path::TENANT_LIVE, "Changes of a tenant, as they happen").to(live::follow_tenant),

        signed::<action::audit::ReadPlatform>(GET, path::PLATFORM_AUDIT, "The platform's audit trail, newest first").to(audit::list_platform),
        signed::<action::audit::ExportPlatform>(GET, path::PLATFORM_AUDIT_EXPORT, "The platform's audit trail as lines of JSON that can be checked elsewhere").to(audit::export_platform),
        signed::<action::audit::ExportPlatform>(GET, path::PLATFORM_AUDIT_TABLE, "Rows of the platform's audit trail as a table").to(audit::table_platform),
        signed::<action::audit::CheckPlatform>(GET, path::PLATFORM_AUDIT_CHECK, "Whether the platform's audit trail is whole").to(audit::check_platform),

        signed::<action::tenant::List>(GET, path::TENANTS, "Tenants that the caller may see").to(tenants::list),
        signed::<action::tenant::Create>(POST, path::TENANTS, "Makes a tenant; the caller becomes its owner").to(tenants::create),
        signed::<action::tenant::Read>(GET, path::TENANT, "One tenant with its usage and quota").to(tenants::read),
        signed::<action::tenant::Delete>(DELETE, path::TENANT, "Deletes a tenant that has no projects").to(tenants::delete),
        signed::<action::tenant::SetQuota>(PUT, path::TENANT_QUOTA, "Changes what a tenant may use").to(tenants::set_quota),
        signed::<action::audit::Read>(GET, path::TENANT_AUDIT, "A tenant's audit trail, newest first").to(audit::list),
        signed::<action::audit::Export>(GET, path::TENANT_AUDIT_EXPORT, "A tenant's audit trail as lines of JSON that can be checked elsewhere").to(audit::export),
        signed::<action::audit::Export>(GET, path::TENANT_AUDIT_TABLE, "Rows of a tenant's audit trail as a table").to(audit::table),
        signed::<action::audit::Check>(GET, path::TENANT_AUDIT_CHECK, "Whether a tenant's audit trail is whole").to(audit::check),
        signed::<action::people::List>(GET, path::PEOPLE, "People of a tenant").to(people::list),
        signed::<action::people::Add>(POST, path::PEOPLE, "Adds somebody, with a new account if need be").to(people::add),
        signed::<action::people::Update>(PATCH, path::PERSON, "Changes somebody's role").to(people::update),
        signed::<action::people::Remove>(DELETE, path::PERSON, "Takes somebody out of the tenant").to(people::remove),
        signed::<action::people::Explain>(GET, path::PERSON_RIGHTS, "What somebody may do somewhere in the tenant, and why").to(people::explain),

        signed::<action::project::List>(GET, path::PROJECTS, "Projects that the caller may see").to(projects::list),
        signed::<action::project::Create>(POST, path::PROJECTS, "Makes a project with its environments").to(projects::create),
        signed::<action::project::Read>(GET, path::PROJECT, "One project with its environments").to(projects::read),
        signed::<action::project::Delete>(DELETE, path::PROJECT, "Deletes a project that has no apps").to(projects::delete),
        signed::<action::environment::List>(GET, path::ENVIRONMENTS, "Environments of a project").to(projects::list_environments),
        signed::<action::environment::Create>(POST, path::ENVIRONMENTS, "Makes an environment after the others").to(projects::create_environment),
        signed::<action::environment::Delete>(DELETE, path::ENVIRONMENT, "Deletes an environment that has no apps").to(projects::delete_environment),
        signed::<action::people::ListAtProject>(GET, path::PROJECT_PEOPLE, "People with a role at a project, there or above").to(roles::list),
        signed::<action::people::GrantAtProject>(POST, path::PROJECT_PEOPLE, "Gives somebody a role at a project").to(roles::grant),
        signed::<action::people::UpdateAtProject>(PATCH, path::PROJECT_PERSON, "Changes somebody's role at a project").to(roles::update),
        signed::<action::people::RevokeAtProject>(DELETE, path::PROJECT_PERSON, "Takes somebody's role at a project away").to(roles::revoke),
        signed::<action::people::ListAtEnvironment>(GET, path::ENVIRONMENT_PEOPLE, "People with a role at an environment, there or above").to(roles::list),
        signed::<action::people::GrantAtEnvironment>(POST, path::ENVIRONMENT_PEOPLE, "Gives somebody a role at an environment").to(roles::grant),
        signed::<action::people::UpdateAtEnvironment>(PATCH, path::ENVIRONMENT_PERSON, "Changes somebody's role at an environment").to(roles::update),
        signed::<action::people::RevokeAtEnvironment>(DELETE, path::ENVIRONMENT_PERSON, "Takes somebody's role at an environment away").to(roles::revoke),
        signed::<action::credential::List>(GET, path::CREDENTIALS, "Registry credentials, without passwords").to(credentials::list),
        signed::<action::credential::Put>(PUT, path::CREDENTIALS, "Keeps credentials for a registry").to(credentials::put),
        signed::<action::credential::Delete>(DELETE, path::CREDENTIAL, "Deletes registry credentials").to(credentials::delete),
        signed::<action::image::Read>(GET, path::IMAGES, "Images loaded from files").to(images::list),
        signed::<action::image::Load>(POST, path::IMAGES, "Loads the archive of docker save").to(images::load),
        signed::<action::image::Load>(POST, path::SAMPLE_IMAGE, "Loads the sample's image").to(images::load_sample),
        signed::<action::image::Read>(GET, path::IMAGE, "One image").to(images::read),
        signed::<action::image::Delete>(DELETE, path::IMAGE, "Deletes an image that no release uses").to(images::delete),

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
    let document = openapi::document(&routes, app.sessions.access_cookie());
    let server = HttpServer::new(move || {
        Service::new()
            .app_data(state.clone())
            .app_data(web::Data::from(console.clone()))
            .configure(health::configure)
            .configure(|config| route::configure(config, &routes))
            .configure(|config| openapi::configure(config, document.clone()))
            .default_service(web::to(console::serve))
            .wrap(middleware::Compress::default())
            // Outermost, so that whatever refuses a request refuses it with a problem.
            .wrap(middleware::from_fn(envelope::wrap))
    })
    // Signals are for startup, which stops things in order.
    .disable_signals()
    .client_request_timeout(HEADERS_TIMEOUT)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(SHUTDOWN_TIMEOUT_S)
    .listen(listener)?;
    Ok(server.run())
}
