//! Every URL, once: as a template for the route table, and as a function for callers.

use berth_domain::id::{ImageId, InstanceId, RegistryCredentialId, SessionId, TokenId, UserId};

/// Where every path of this version starts.
pub const V1: &str = "/api/v1";

/// Declares a template and a function that fills it. Values are percent-encoded, so that no name can leave its place.
macro_rules! paths {
    ($($(#[$doc:meta])* $template:ident = $path:literal, $name:ident($($arg:ident: $ty:ty),*);)*) => {
        $(
            $(#[$doc])*
            pub const $template: &str = $path;
            $(#[$doc])*
            pub fn $name($($arg: $ty),*) -> String {
                #[allow(unused_mut)]
                let mut path = String::from($path);
                $(path = path.replace(concat!("{", stringify!($arg), "}"), &encode(&$arg.to_string()));)*
                path
            }
        )*
        /// Every template, for checks against the route table.
        pub const ALL: &[&str] = &[$($path),*];
    };
}

paths! {
    /// Whether set-up was done, the version. Open to all.
    STATUS = "/api/v1/status", status();
    /// Trades the set-up token for the first account.
    SETUP = "/api/v1/setup", setup();
    /// Sign in, sign out.
    SESSION = "/api/v1/session", session();
    /// Trades the refresh cookie for a new access token.
    SESSION_REFRESH = "/api/v1/session/refresh", session_refresh();
    /// The caller: name, tenants, rights.
    ME = "/api/v1/me", me();
    /// The caller's password.
    MY_PASSWORD = "/api/v1/me/password", my_password();
    /// Where the caller is signed in.
    MY_SESSIONS = "/api/v1/me/sessions", my_sessions();
    /// One of these.
    MY_SESSION = "/api/v1/me/sessions/{session}", my_session(session: SessionId);
    /// The caller's personal tokens.
    MY_TOKENS = "/api/v1/me/tokens", my_tokens();
    /// One of them.
    MY_TOKEN = "/api/v1/me/tokens/{token}", my_token(token: TokenId);

    /// Nodes.
    NODES = "/api/v1/nodes", nodes();
    /// One-time tokens with which nodes join.
    JOIN_TOKENS = "/api/v1/nodes/join-tokens", join_tokens();
    /// One node.
    NODE = "/api/v1/nodes/{node}", node(node: &str);
    /// What happened on a node.
    NODE_EVENTS = "/api/v1/nodes/{node}/events", node_events(node: &str);
    /// Changes of the platform, as server-sent events.
    PLATFORM_LIVE = "/api/v1/live", platform_live();
    /// The platform's audit trail.
    PLATFORM_AUDIT = "/api/v1/audit", platform_audit();
    /// The whole of it, as lines that can be checked elsewhere.
    PLATFORM_AUDIT_EXPORT = "/api/v1/audit/export", platform_audit_export();
    /// Rows of it as a table.
    PLATFORM_AUDIT_TABLE = "/api/v1/audit/table", platform_audit_table();
    /// Whether it is whole.
    PLATFORM_AUDIT_CHECK = "/api/v1/audit/check", platform_audit_check();

    /// Tenants.
    TENANTS = "/api/v1/tenants", tenants();
    /// One tenant.
    TENANT = "/api/v1/tenants/{tenant}", tenant(tenant: &str);
    /// Its quota.
    TENANT_QUOTA = "/api/v1/tenants/{tenant}/quota", tenant_quota(tenant: &str);
    /// Who belongs to it.
    PEOPLE = "/api/v1/tenants/{tenant}/people", people(tenant: &str);
    /// One of them.
    PERSON = "/api/v1/tenants/{tenant}/people/{user}", person(tenant: &str, user: UserId);
    /// What one of them may do somewhere in the tenant, and why.
    PERSON_RIGHTS = "/api/v1/tenants/{tenant}/people/{user}/rights", person_rights(tenant: &str, user: UserId);
    /// People with a role at a project, there or above.
    PROJECT_PEOPLE = "/api/v1/tenants/{tenant}/projects/{project}/people", project_people(tenant: &str, project: &str);
    /// One of them.
    PROJECT_PERSON = "/api/v1/tenants/{tenant}/projects/{project}/people/{user}",
        project_person(tenant: &str, project: &str, user: UserId);
    /// People with a role at an environment, there or above.
    ENVIRONMENT_PEOPLE = "/api/v1/tenants/{tenant}/projects/{project}/environments/{environment}/people",
        environment_people(tenant: &str, project: &str, environment: &str);
    /// One of them.
    ENVIRONMENT_PERSON = "/api/v1/tenants/{tenant}/projects/{project}/environments/{environment}/people/{user}",
        environment_person(tenant: &str, project: &str, environment: &str, user: UserId);
    /// Its audit trail.
    TENANT_AUDIT = "/api/v1/tenants/{tenant}/audit", tenant_audit(tenant: &str);
    /// The whole of it, as lines that can be checked elsewhere.
    TENANT_AUDIT_EXPORT = "/api/v1/tenants/{tenant}/audit/export", tenant_audit_export(tenant: &str);
    /// Rows of it as a table.
    TENANT_AUDIT_TABLE = "/api/v1/tenants/{tenant}/audit/table", tenant_audit_table(tenant: &str);
    /// Whether it is whole.
    TENANT_AUDIT_CHECK = "/api/v1/tenants/{tenant}/audit/check", tenant_audit_check(tenant: &str);
    /// What happened in it: the activity page.
    TENANT_EVENTS = "/api/v1/tenants/{tenant}/events", tenant_events(tenant: &str);
    /// Its changes, as server-sent events.
    TENANT_LIVE = "/api/v1/tenants/{tenant}/live", tenant_live(tenant: &str);

    /// Projects.
    PROJECTS = "/api/v1/tenants/{tenant}/projects", projects(tenant: &str);
    /// One project.
    PROJECT = "/api/v1/tenants/{tenant}/projects/{project}", project(tenant: &str, project: &str);
    /// Its environments.
    ENVIRONMENTS = "/api/v1/tenants/{tenant}/projects/{project}/environments", environments(tenant: &str, project: &str);
    /// One environment.
    ENVIRONMENT = "/api/v1/tenants/{tenant}/projects/{project}/environments/{environment}",
        environment(tenant: &str, project: &str, environment: &str);
    /// Registry credentials.
    CREDENTIALS = "/api/v1/tenants/{tenant}/projects/{project}/credentials", credentials(tenant: &str, project: &str);
    /// One of them.
    CREDENTIAL = "/api/v1/tenants/{tenant}/projects/{project}/credentials/{credential}",
        credential(tenant: &str, project: &str, credential: RegistryCredentialId);
    /// Images loaded from files.
    IMAGES = "/api/v1/tenants/{tenant}/projects/{project}/images", images(tenant: &str, project: &str);
    /// Loads the sample's image, which every installation carries.
    SAMPLE_IMAGE = "/api/v1/tenants/{tenant}/projects/{project}/images/sample", sample_image(tenant: &str, project: &str);
    /// One of them.
    IMAGE = "/api/v1/tenants/{tenant}/projects/{project}/images/{image}",
        image(tenant: &str, project: &str, image: ImageId);

    /// Apps of an environment.
    APPS = "/api/v1/tenants/{tenant}/projects/{project}/environments/{environment}/apps",
        apps(tenant: &str, project: &str, environment: &str);
    /// What a deploy would do: where it would run, what it would use. Changes nothing.
    PLAN = "/api/v1/tenants/{tenant}/projects/{project}/environments/{environment}/plan",
        plan(tenant: &str, project: &str, environment: &str);
    /// One app.
    APP = "/api/v1/tenants/{tenant}/projects/{project}/environments/{environment}/apps/{app}",
        app(tenant: &str, project: &str, environment: &str, app: &str);
    /// Its releases; a new one is a deploy.
    RELEASES = "/api/v1/tenants/{tenant}/projects/{project}/environments/{environment}/apps/{app}/releases",
        releases(tenant: &str, project: &str, environment: &str, app: &str);
    /// One release, with its difference from the one before.
    RELEASE = "/api/v1/tenants/{tenant}/projects/{project}/environments/{environment}/apps/{app}/releases/{number}",
        release(tenant: &str, project: &str, environment: &str, app: &str, number: u32);
    /// Goes back to an earlier release.
    ROLLBACK = "/api/v1/tenants/{tenant}/projects/{project}/environments/{environment}/apps/{app}/rollback",
        rollback(tenant: &str, project: &str, environment: &str, app: &str);
    /// The number of instances.
    SCALE = "/api/v1/tenants/{tenant}/projects/{project}/environments/{environment}/apps/{app}/scale",
        scale(tenant: &str, project: &str, environment: &str, app: &str);
    /// Stops all instances.
    STOP = "/api/v1/tenants/{tenant}/projects/{project}/environments/{environment}/apps/{app}/stop",
        stop(tenant: &str, project: &str, environment: &str, app: &str);
    /// Starts them again.
    START = "/api/v1/tenants/{tenant}/projects/{project}/environments/{environment}/apps/{app}/start",
        start(tenant: &str, project: &str, environment: &str, app: &str);
    /// Replaces every instance by a fresh one, as a rollout.
    RESTART = "/api/v1/tenants/{tenant}/projects/{project}/environments/{environment}/apps/{app}/restart",
        restart(tenant: &str, project: &str, environment: &str, app: &str);
    /// Its rollouts.
    ROLLOUTS = "/api/v1/tenants/{tenant}/projects/{project}/environments/{environment}/apps/{app}/rollouts",
        rollouts(tenant: &str, project: &str, environment: &str, app: &str);
    /// Takes back the rollout that is going on.
    ABORT = "/api/v1/tenants/{tenant}/projects/{project}/environments/{environment}/apps/{app}/rollouts/abort",
        abort(tenant: &str, project: &str, environment: &str, app: &str);
    /// Its instances.
    INSTANCES = "/api/v1/tenants/{tenant}/projects/{project}/environments/{environment}/apps/{app}/instances",
        instances(tenant: &str, project: &str, environment: &str, app: &str);
    /// What happened to it.
    APP_EVENTS = "/api/v1/tenants/{tenant}/projects/{project}/environments/{environment}/apps/{app}/events",
        app_events(tenant: &str, project: &str, environment: &str, app: &str);
    /// The newest lines of all its instances, merged.
    LOGS = "/api/v1/tenants/{tenant}/projects/{project}/environments/{environment}/apps/{app}/logs",
        logs(tenant: &str, project: &str, environment: &str, app: &str);
    /// The same, and all that come, as server-sent events.
    LOGS_LIVE = "/api/v1/tenants/{tenant}/projects/{project}/environments/{environment}/apps/{app}/logs/live",
        logs_live(tenant: &str, project: &str, environment: &str, app: &str);
    /// A one-time ticket for a terminal in one instance.
    TERMINAL_TICKET =
        "/api/v1/tenants/{tenant}/projects/{project}/environments/{environment}/apps/{app}/instances/{instance}/terminal",
        terminal_ticket(tenant: &str, project: &str, environment: &str, app: &str, instance: InstanceId);
    /// The WebSocket of a terminal. The ticket comes as subprotocol `berth.ticket.{ticket}` beside `berth.terminal.v1`.
    TERMINAL = "/api/v1/terminal", terminal();
}

/// Percent-encodes one path segment.
fn encode(segment: &str) -> String {
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_in_its_segment() {
        assert_eq!(tenant("acme"), "/api/v1/tenants/acme");
        assert_eq!(tenant("../x?y"), "/api/v1/tenants/..%2Fx%3Fy");
        assert_eq!(
            release("acme", "shop", "dev", "web", 3),
            "/api/v1/tenants/acme/projects/shop/environments/dev/apps/web/releases/3"
        );
    }

    #[test]
    fn every_template_is_filled_and_unique() {
        let mut seen = std::collections::BTreeSet::new();
        for path in ALL {
            assert!(path.starts_with(V1) && seen.insert(path), "{path}");
        }
    }
}
