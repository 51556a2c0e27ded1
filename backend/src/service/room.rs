//! Limits of how many there may be of what no quota counts: more is a program that forgets its own, or an attack.

use super::error::Error;
use crate::store::{
    Tx,
    counted::{Counted, lock_and_count},
};

/// Registry credentials of a project.
const CREDENTIALS_MAX: i64 = 100;
/// Environments of a project: each is a network on every node that it has instances on.
pub(super) const ENVIRONMENTS_MAX: usize = 20;
/// Images of a project: each may be large.
const IMAGES_MAX: i64 = 200;
/// Join tokens that can be used.
const JOIN_TOKENS_MAX: i64 = 1_000;
/// People with a role anywhere in a tenant.
const PEOPLE_MAX: i64 = 10_000;
/// Projects of a tenant.
const PROJECTS_MAX: i64 = 1_000;
/// Personal tokens of a person that still work.
const TOKENS_MAX: i64 = 100;

/// Refuses one more where there are as many as there may be. Holds for the rest of the transaction: of those who add one
/// at the same moment, the next counts what the one before left.
pub(super) async fn must_have_room(tx: &mut Tx, what: Counted) -> Result<(), Error> {
    let now = tx.now();
    let (max, sentence) = limit(what);
    if lock_and_count(tx.conn(), what, now).await? < max { Ok(()) } else { Err(Error::Conflict(sentence)) }
}

/// How many there may be, and what is said to who wants more.
fn limit(what: Counted) -> (i64, String) {
    let (max, sentence) = match what {
        Counted::Credentials(_) => (CREDENTIALS_MAX, "A project has credentials for at most {} registries."),
        Counted::Environments(_) => (ENVIRONMENTS_MAX as i64, "A project has at most {} environments."),
        Counted::Images(_) => (IMAGES_MAX, "A project has at most {} images. Delete some."),
        Counted::JoinTokens => {
            (JOIN_TOKENS_MAX, "There are {} unused join tokens already. Use them, or let them run out.")
        }
        Counted::People(_) => (PEOPLE_MAX, "A tenant has at most {} people."),
        Counted::Projects(_) => (PROJECTS_MAX, "A tenant has at most {} projects."),
        Counted::Tokens(_) => (TOKENS_MAX, "There are {} tokens already. Revoke some."),
    };
    (max, sentence.replace("{}", &max.to_string()))
}
