//! People of a tenant.

use crate::{
    authz::{action::people, permit::Permit},
    http::{
        error::Failure,
        input::{Json, Path, Query, State},
        page,
        reply::{Created, Done, Found},
    },
    service::people::{self as persons, NewPerson, Person},
};
use berth_api_types::{
    page::{Page, PageQuery},
    v1::people::{AddPersonBody, PersonView, UpdatePersonBody},
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

fn view(person: Person) -> PersonView {
    PersonView {
        id: person.id,
        email: person.email,
        display_name: person.display_name,
        role: person.role,
        since: person.since,
    }
}
