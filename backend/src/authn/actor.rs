//! The person behind a call.

use berth_domain::id::{SessionId, TokenId, UserId};

/// A person, as the gate found them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Who.
    pub user: UserId,
    /// E-mail.
    pub email: String,
    /// Shown name.
    pub display_name: String,
    /// Whether they administer the platform.
    pub platform_administrator: bool,
    /// How they showed who they are.
    pub via: Via,
}

impl Actor {
    /// The session, when the call came from a browser.
    pub fn session(&self) -> Option<SessionId> {
        match self.via {
            Via::Session(session) => Some(session),
            Via::Token(_) => None,
        }
    }
}

/// How a caller showed who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// A browser's session.
    Session(SessionId),
    /// A personal token.
    Token(Option<TokenId>),
}
