//! Roles at projects and environments.

use crate::{
    authz::{action::Action, permit::Permit, scope::HasPlace},
    http::{
        error::Failure,
        input::{Json, Path, Query, State},
        page,
        reply::{Created, Done, Found},
        v1::people::PersonPath,
    },
    service::roles::{self, Grant, PersonAt},
};
use berth_api_types::{
    page::{Page, PageQuery},
    v1::people::{GrantBody, PersonAtView, RoleAboveView, UpdatePersonBody},
};

/// People whose roles hold there.
pub async fn list<A: Action<Scope: HasPlace>>(
    permit: Permit<A>,
    app: State,
    Query(query): Query<PageQuery>,
) -> Result<Found<Page<PersonAtView>>, Failure> {
    let found = roles::list(&app, &permit, page::request(&query)?).await?;
    Ok(Found(page::view(found, view)))
}

/// Gives a role.
pub async fn grant<A: Action<Scope: HasPlace>>(
    permit: Permit<A>,
    app: State,
    Json(body): Json<GrantBody>,
) -> Result<Created<PersonAtView>, Failure> {
    let new = Grant::parse(&body.email, body.role)?;
    Ok(Created(view(roles::grant(&app, &permit, new).await?)))
}

/// Changes a role.
pub async fn update<A: Action<Scope: HasPlace>>(
    permit: Permit<A>,
    app: State,
    Path(path): Path<PersonPath>,
    Json(body): Json<UpdatePersonBody>,
) -> Result<Found<PersonAtView>, Failure> {
    Ok(Found(view(roles::update(&app, &permit, path.user, body.role).await?)))
}

/// Takes a role away.
pub async fn revoke<A: Action<Scope: HasPlace>>(
    permit: Permit<A>,
    app: State,
    Path(path): Path<PersonPath>,
) -> Result<Done, Failure> {
    roles::revoke(&app, &permit, path.user).await?;
    Ok(Done)
}

fn view(person: PersonAt) -> PersonAtView {
    PersonAtView {
        id: person.id,
        email: person.email,
        display_name: person.display_name,
        role: person.own.map(|(role, _)| role),
        since: person.own.map(|(_, since)| since),
        above: person.above.into_iter().map(|(project, role)| RoleAboveView { project, role }).collect(),
    }
}
