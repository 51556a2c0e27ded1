//! People of a tenant.

use crate::{
    authz::{action::people, permit::Permit},
    http::{
        error::Failure,
        input::{Json, Path, Query, State},
        page,
        reply::{Created, Done, Found},
    },
    service::{
        people::{self as persons, NewPerson, Person},
        rights::{self, Explained, NamedBinding, Where},
    },
};
use berth_api_types::{
    page::{Page, PageQuery},
    v1::people::{
        AddPersonBody, PersonRightsView, PersonView, RightView, RightsQuery, RoleGivenView, UpdatePersonBody,
    },
};
use berth_domain::id::UserId;
use serde::Deserialize;

/// People with a role at the tenant.
pub async fn list(
    permit: Permit<people::List>,
    app: State,
    Query(query): Query<PageQuery>,
) -> Result<Found<Page<PersonView>>, Failure> {
    let found = persons::list(&app, &permit, page::request(&query)?).await?;
    Ok(Found(page::view(found, view)))
}

/// Adds somebody; makes an account for who has none.
pub async fn add(
    permit: Permit<people::Add>,
    app: State,
    Json(body): Json<AddPersonBody>,
) -> Result<Created<PersonView>, Failure> {
    let new = NewPerson::parse(&body.email, body.role, body.display_name.as_deref(), body.password)?;
    Ok(Created(view(persons::add(&app, &permit, new).await?)))
}

/// Which person.
#[derive(Deserialize)]
pub struct PersonPath {
    pub(super) user: UserId,
}

/// Changes a role.
pub async fn update(
    permit: Permit<people::Update>,
    app: State,
    Path(path): Path<PersonPath>,
    Json(body): Json<UpdatePersonBody>,
) -> Result<Found<PersonView>, Failure> {
    Ok(Found(view(persons::update(&app, &permit, path.user, body.role).await?)))
}

/// Takes somebody out of the tenant.
pub async fn remove(permit: Permit<people::Remove>, app: State, Path(path): Path<PersonPath>) -> Result<Done, Failure> {
    persons::remove(&app, &permit, path.user).await?;
    Ok(Done)
}

/// What one may do somewhere in the tenant, and why.
pub async fn explain(
    permit: Permit<people::Explain>,
    app: State,
    Path(path): Path<PersonPath>,
    Query(query): Query<RightsQuery>,
) -> Result<Found<PersonRightsView>, Failure> {
    let at = Where { project: query.project, environment: query.environment };
    if [&at.project, &at.environment].into_iter().flatten().any(|name| name.contains('\0')) {
        return Err(Failure::malformed("a name has no NUL"));
    }
    let rights = rights::explain(&app, &permit, path.user, &at).await?;
    Ok(Found(PersonRightsView { id: path.user, rights: rights.into_iter().map(right_view).collect() }))
}

fn right_view(explained: Explained) -> RightView {
    let given = |one: NamedBinding| RoleGivenView {
        role: one.binding.role,
        project: one.project,
        environment: one.environment,
    };
    RightView { right: explained.right, by: explained.by.into_iter().map(given).collect(), roles: explained.roles }
}

fn view(person: Person) -> PersonView {
    PersonView {
        id: person.id,
        email: person.email,
        display_name: person.display_name,
        role: person.role,
        since: person.since,
    }
}
