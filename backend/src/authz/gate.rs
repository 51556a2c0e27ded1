//! The gate: the only maker of permits. One round trip resolves the names, the caller and the caller's rights.

use super::{
    action::{Action, OpenAction},
    denial,
    permit::{Open, Permit, RequestContext},
    rule::{self, Refusal},
    scope::Scope,
};
use crate::{
    authn::actor::{Actor, Via},
    store::{
        Store, StoreError,
        access::{self, Access, Credential, Question},
    },
};
use berth_domain::{name::Name, right::Right};

/// Why the gate stays shut.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// Nobody is signed in, or no longer.
    #[error("nobody is signed in")]
    Unauthenticated,
    /// Not there, or not to be seen.
    #[error("not there, or not to be seen")]
    Hidden,
    /// This right is missing.
    #[error("{} is missing", .0.as_str())]
    Missing(Right),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The names in a request's path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// `{tenant}`.
    pub tenant: Option<String>,
    /// `{project}`.
    pub project: Option<String>,
    /// `{environment}`.
    pub environment: Option<String>,
    /// `{app}`.
    pub app: Option<String>,
}

/// Lets a caller do `A`, or says why not. What is denied to somebody known is written to the audit trail.
pub async fn admit<A: Action>(
    store: &Store,
    credential: Credential,
    names: &Names,
    request: RequestContext,
) -> Result<Permit<A>, Denied> {
    let access = ask(store, &credential, names).await?;
    match judge::<A>(&access, &credential, names) {
        Ok(scope) => Ok(Permit::new(actor(&access, &credential), scope, request, credential)),
        Err(Refusal::Hidden) => Err(Denied::Hidden),
        Err(Refusal::Missing { right, place }) => {
            denial::record(store, &access, A::NAME, &place, &request).await?;
            Err(Denied::Missing(right))
        }
    }
}

/// Asks again whether a permit still holds, for streams that stay open: the session may have ended, a role may be
/// gone, the app may be another one of the same name. Not written to the audit trail: nobody called.
pub async fn still_holds<A: Action>(store: &Store, permit: &Permit<A>) -> Result<bool, Denied> {
    let path = permit.scope().path();
    let at = |place: usize| path.get(place).cloned();
    let names = Names { tenant: at(0), project: at(1), environment: at(2), app: at(3) };
    let access = match ask(store, permit.credential(), &names).await {
        Ok(access) => access,
        Err(error @ Denied::Store(_)) => return Err(error),
        Err(_) => return Ok(false),
    };
    Ok(judge::<A>(&access, permit.credential(), &names).is_ok_and(|scope| scope.id() == permit.scope().id()))
}

/// Lets anybody through to what needs nobody signed in.
pub fn open<A: OpenAction>(request: RequestContext) -> Open<A> {
    Open::new(request)
}

async fn ask(store: &Store, credential: &Credential, names: &Names) -> Result<Access, Denied> {
    access::get_access(store, question(credential, names)).await?.ok_or(Denied::Unauthenticated)
}

fn judge<A: Action>(access: &Access, credential: &Credential, names: &Names) -> Result<A::Scope, Refusal> {
    let resolved = rule::judge(access, &question(credential, names), A::Scope::DEPTH, A::RIGHT)?;
    A::Scope::from_resolved(resolved).ok_or(Refusal::Hidden)
}

fn question<'a>(credential: &'a Credential, names: &'a Names) -> Question<'a> {
    // What is not a name cannot exist; the empty text is found nowhere. It still costs the same round trip.
    fn known(name: &Option<String>) -> Option<&str> {
        name.as_deref().map(|text| if Name::parse(text).is_ok() { text } else { "" })
    }
    Question {
        credential,
        tenant: known(&names.tenant),
        project: known(&names.project),
        environment: known(&names.environment),
        app: known(&names.app),
    }
}

fn actor(access: &Access, credential: &Credential) -> Actor {
    Actor {
        user: access.user,
        email: access.email.clone(),
        display_name: access.display_name.clone(),
        platform_administrator: access.platform_administrator,
        via: match (credential, access.token) {
            (Credential::Session(session), _) => Via::Session(*session),
            (Credential::Token(_), token) => Via::Token(token),
        },
    }
}
