//! Join tokens: `berth_join_{secret}.{fingerprint of the authority}`. An agent that has one trusts that authority and
//! nothing else, and may join once.

use crate::{clock::Ids, store::join_tokens::NewJoinToken};
use berth_domain::id::UserId;
use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest as _, Sha256};

/// How long a join token is good: long enough to log in to a machine and paste a command.
const LIFETIME: TimeDelta = TimeDelta::hours(1);
/// How long the token for the first node is good, which the server makes for itself: a cold start with a build in between.
const BOOTSTRAP_LIFETIME: TimeDelta = TimeDelta::hours(24);
const PREFIX: &str = "berth_join_";

/// A new token: what is kept, and its text, which is shown once.
pub struct Drawn {
    /// For the store.
    pub kept: NewJoinToken,
    /// For the agent.
    pub text: String,
}

/// Draws a token that `created_by` asked for; nobody: the server's own, for its first node.
pub fn draw(ids: &dyn Ids, now: DateTime<Utc>, fingerprint: &str, created_by: Option<UserId>) -> Drawn {
    let secret = hex::encode(ids.secret::<32>());
    let lifetime = if created_by.is_some() { LIFETIME } else { BOOTSTRAP_LIFETIME };
    let kept = NewJoinToken {
        id: ids.id(),
        secret_sha256: sha256(&secret),
        created_by,
        created_at: now,
        expires_at: now + lifetime,
    };
    Drawn { kept, text: format!("{PREFIX}{secret}.{fingerprint}") }
}

/// SHA-256 of a token's secret. Takes the secret alone, or the whole text as people paste it.
pub fn sha256(token: &str) -> [u8; 32] {
    let secret = token.strip_prefix(PREFIX).unwrap_or(token);
    let secret = secret.split_once('.').map_or(secret, |(secret, _)| secret);
    Sha256::digest(secret.as_bytes()).into()
}

/// The command to run on a new machine.
pub fn command(agent_public_url: &str, token: &str) -> String {
    format!("berth-agent --server {agent_public_url} --join-token {token}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Counting;

    #[test]
    fn the_secret_in_a_tokens_text_is_the_one_that_is_kept() {
        let drawn = draw(&Counting::default(), DateTime::UNIX_EPOCH, "ab12", None);
        let rest = drawn.text.strip_prefix("berth_join_").expect("its prefix");
        let (secret, fingerprint) = rest.split_once('.').expect("two parts");
        assert_eq!(fingerprint, "ab12");
        assert_eq!(sha256(secret), drawn.kept.secret_sha256);
        assert_eq!(sha256(&drawn.text), drawn.kept.secret_sha256);
    }
}
