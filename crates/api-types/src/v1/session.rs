//! Set-up, sign-in, the caller and the caller's tokens.

use berth_domain::{
    id::{SessionId, TokenId, UserId},
    right::{Right, Role},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Shortest password, in characters (OWASP ASVS 5.0, 6.2.1).
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Longest password, in bytes: argon2 takes more, a body should not.
pub const PASSWORD_BYTES_MAX: usize = 512;

/// What anybody may know of the installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatusView {
    /// Whether the first account exists.
    pub set_up: bool,
    /// Version of the server.
    pub version: String,
}

/// Trades the set-up token for the first account, which administers the platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetupBody {
    /// As the first start printed it.
    pub setup_token: String,
    /// Signs in with it.
    pub email: String,
    /// Shown beside what this person does.
    pub display_name: String,
    /// At least 12 characters.
    pub password: String,
    /// `en` or `zh-CN`.
    #[serde(default)]
    pub locale: Option<String>,
}

/// Signs in. Sets the session's cookies; the body of the answer is [`SessionView`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SignInBody {
    /// E-mail.
    pub email: String,
    /// Password.
    pub password: String,
}

/// A session that was begun or refreshed. The tokens themselves are in cookies that scripts cannot read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionView {
    /// Who.
    pub user: UserId,
    /// When the access token runs out.
    pub access_expires_at: DateTime<Utc>,
}

/// The caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MeView {
    /// Who.
    pub id: UserId,
    /// E-mail.
    pub email: String,
    /// Shown name.
    pub display_name: String,
    /// `en` or `zh-CN`.
    pub locale: String,
    /// Rights on the platform; empty for most people.
    pub platform_rights: Vec<Right>,
    /// Tenants that the caller belongs to.
    pub tenants: Vec<MyTenantView>,
}

/// A tenant that the caller belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MyTenantView {
    /// Its name.
    pub name: String,
    /// Every role that the caller holds in it.
    pub bindings: Vec<MyBindingView>,
}

/// A role of the caller, where it is bound and what it allows there and below.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MyBindingView {
    /// The project; none when it is bound at the tenant.
    pub project: Option<String>,
    /// The environment; none when it is bound at the tenant or project.
    pub environment: Option<String>,
    /// The role.
    pub role: Role,
    /// Its rights.
    pub rights: Vec<Right>,
}

/// Changes what the caller says of themselves. Missing fields stay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UpdateMeBody {
    /// Shown name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// `en` or `zh-CN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
}

/// Changes the caller's password and ends all other sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ChangePasswordBody {
    /// The present one.
    pub current_password: String,
    /// The next one.
    pub new_password: String,
}

/// Makes a personal token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateTokenBody {
    /// What it is for.
    pub name: String,
    /// Days until it ends, 1 to 365.
    pub days: u32,
}

/// A place where the caller is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OpenSessionView {
    /// Which.
    pub id: SessionId,
    /// The browser, in its own words.
    pub user_agent: String,
    /// The address from which it was begun.
    pub source: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// When the browser was there last, to ten minutes.
    pub last_used_at: DateTime<Utc>,
    /// Until when, unless it is ended before.
    pub expires_at: DateTime<Utc>,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// A personal token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenView {
    /// Which.
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
    /// Last use, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A token that was just made: the only time that its secret is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreatedTokenView {
    /// The token.
    #[serde(flatten)]
    pub token: TokenView,
    /// Goes into `Authorization: Bearer …`. Starts with `berth_pat_`.
    pub secret: String,
}
