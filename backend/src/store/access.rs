//! Who calls, what the names in the path mean, and which roles the caller holds there: one round trip for every call.

use super::{Store, StoreError};
use berth_domain::{
    id::{AppId, EnvironmentId, ProjectId, SessionId, TenantId, TokenId, UserId},
    right::Role,
};
use uuid::Uuid;

/// What a caller brought to show who they are; already checked for form and signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A session, from an access token.
    Session(SessionId),
    /// SHA-256 of a personal token.
    Token([u8; 32]),
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who.
    pub credential: &'a Credential,
    /// Names in the path; a name that cannot exist is given as the empty text, and found nowhere.
    pub tenant: Option<&'a str>,
    /// Within the tenant.
    pub project: Option<&'a str>,
    /// Within the project.
    pub environment: Option<&'a str>,
    /// Within the environment.
    pub app: Option<&'a str>,
}

/// The answer for a caller who is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Who.
    pub user: UserId,
    /// E-mail.
    pub email: String,
    /// Shown name.
    pub display_name: String,
    /// Whether they administer the platform.
    pub platform_administrator: bool,
    /// The personal token that was used.
    pub token: Option<TokenId>,
    /// The tenant of that name.
    pub tenant: Option<TenantId>,
    /// The project of that name.
    pub project: Option<ProjectId>,
    /// The environment of that name.
    pub environment: Option<EnvironmentId>,
    /// The app of that name.
    pub app: Option<AppId>,
    /// The caller's roles anywhere in the tenant.
    pub bindings: Vec<Binding>,
}

/// A role of the caller in the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// None: at the tenant.
    pub project: Option<ProjectId>,
    /// None: at the tenant or project.
    pub environment: Option<EnvironmentId>,
    /// Which.
    pub role: Role,
}

/// Asks. `None`: nobody is known by that credential (any more).
pub async fn get_access(store: &Store, question: Question<'_>) -> Result<Option<Access>, StoreError> {
    let (session, token) = match question.credential {
        Credential::Session(session) => (Some(session.uuid()), None),
        Credential::Token(sha256) => (None, Some(&sha256[..])),
    };
    let row = sqlx::query!(
        r#"WITH token AS (
               SELECT id, user_id FROM tokens
               WHERE secret_sha256 = $2 AND revoked_at IS NULL AND expires_at > $3),
           used AS (
               -- To the minute: a busy token must not write on every call.
               UPDATE tokens SET last_used_at = date_trunc('minute', $3::timestamptz)
               WHERE secret_sha256 = $2 AND (last_used_at IS NULL OR last_used_at < $3::timestamptz - interval '1 minute')),
           session AS (
               SELECT user_id FROM sessions WHERE id = $1 AND revoked_at IS NULL AND expires_at > $3)
           SELECT u.id AS user_id, u.email, u.display_name, u.platform_administrator,
                  (SELECT id FROM token) AS token_id,
                  t.id AS "tenant_id?", p.id AS "project_id?", e.id AS "environment_id?", a.id AS "app_id?",
                  coalesce(b.projects, '{}') AS "projects!: Vec<Option<Uuid>>",
                  coalesce(b.environments, '{}') AS "environments!: Vec<Option<Uuid>>",
                  coalesce(b.roles, '{}') AS "roles!: Vec<String>"
           FROM users u
           LEFT JOIN tenants t ON t.name = $4
           LEFT JOIN projects p ON p.tenant_id = t.id AND p.name = $5
           LEFT JOIN environments e ON e.tenant_id = t.id AND e.project_id = p.id AND e.name = $6
           LEFT JOIN apps a ON a.tenant_id = t.id AND a.environment_id = e.id AND a.name = $7 AND a.deleted_at IS NULL
           LEFT JOIN LATERAL (
               SELECT array_agg(r.project_id) AS projects, array_agg(r.environment_id) AS environments,
                      array_agg(r.role) AS roles
               FROM role_bindings r WHERE r.user_id = u.id AND r.tenant_id = t.id) b ON true
           WHERE u.id = coalesce((SELECT user_id FROM session), (SELECT user_id FROM token))
             AND u.deactivated_at IS NULL"#,
        session,
        token,
        store.clock.now(),
        question.tenant,
        question.project,
        question.environment,
        question.app,
    )
    .fetch_optional(&store.system)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let bindings = row
        .projects
        .into_iter()
        .zip(row.environments)
        .zip(row.roles)
        .map(|((project, environment), role)| {
            Ok(Binding {
                project: project.map(ProjectId::new),
                environment: environment.map(EnvironmentId::new),
                role: Role::from_word(&role).ok_or_else(|| StoreError::Damaged(format!("role {role}")))?,
            })
        })
        .collect::<Result<_, StoreError>>()?;
    Ok(Some(Access {
        user: UserId::new(row.user_id),
        email: row.email,
        display_name: row.display_name,
        platform_administrator: row.platform_administrator,
        token: row.token_id.map(TokenId::new),
        tenant: row.tenant_id.map(TenantId::new),
        project: row.project_id.map(ProjectId::new),
        environment: row.environment_id.map(EnvironmentId::new),
        app: row.app_id.map(AppId::new),
        bindings,
    }))
}
