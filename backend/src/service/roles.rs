//! Roles below the tenant: who may do what at a project or an environment.
//!
//! Roles add up: what is given further up holds further down, and nothing is taken away there.

use super::{
    error::{Error, Forbidden},
    page::{PageRequest, Paged},
    room::must_have_room,
};
use crate::{
    authn::account::Email,
    authz::{
        action::Action,
        permit::Permit,
        scope::{HasPlace, Place},
    },
    startup::App,
    store::{
        ReadTx, Tx,
        audit::AuditEntry,
        counted::Counted,
        nudge::Topic,
        roles::{
            RoleRecord, delete_role_at, get_role_at, insert_role_at, is_of_tenant, list_roles_at, lock_role_at,
            update_role_at,
        },
        users::get_id_by_email,
    },
};
use berth_domain::{
    field_error::{FieldCode, FieldError},
    id::UserId,
    right::{Right, Role},
};
use chrono::{DateTime, Utc};
use serde_json::json;

/// A person with a role at a place, there or above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonAt {
    /// Who.
    pub id: UserId,
    /// E-mail.
    pub email: String,
    /// Shown name.
    pub display_name: String,
    /// What was given there, and since when.
    pub own: Option<(Role, DateTime<Utc>)>,
    /// What was given above: the tenant's first, with the project's name where it was given there.
    pub above: Vec<(Option<String>, Role)>,
}

/// A page of the people whose roles hold at the permit's place.
pub async fn list<A: Action<Scope: HasPlace>>(
    app: &App,
    permit: &Permit<A>,
    page: PageRequest<UserId>,
) -> Result<Paged<PersonAt, UserId>, Error> {
    let scope = permit.scope();
    let mut tx = ReadTx::begin(&app.store, permit).await?;
    let rows = list_roles_at(tx.conn(), scope.place(), None, page.after, page.rows()).await?;
    Ok(page.cut(gather(rows, scope.place(), scope.project_name()), |person| person.id))
}

/// Somebody to give a role.
pub struct Grant {
    email: Email,
    role: Role,
}

impl Grant {
    /// Parses what was typed.
    pub fn parse(email: &str, role: Role) -> Result<Self, Error> {
        let email = Email::parse(email).map_err(Error::field)?;
        must_be_bindable(role)?;
        Ok(Self { email, role })
    }
}

/// Gives somebody a role at the permit's place.
///
/// Who comes new to the tenant by it is let in by somebody who may let people into the tenant: whoever manages one project
/// neither brings strangers in nor learns who else has an account.
pub async fn grant<A: Action<Scope: HasPlace>>(app: &App, permit: &Permit<A>, new: Grant) -> Result<PersonAt, Error> {
    let place = permit.scope().place();
    // Accounts belong to no tenant.
    let mut tx = Tx::begin_as_system(&app.store, permit).await?;
    let known = get_id_by_email(tx.conn(), new.email.as_str()).await?;
    let lets_in = get_role_at(tx.conn(), Place::of_tenant(place.tenant), permit.actor().user)
        .await?
        .is_some_and(|role| role.rights().contains(&Right::PeopleManage));
    let user = match known {
        Some(user) if lets_in || is_of_tenant(tx.conn(), place.tenant, user).await? => user,
        _ => return Err(unknown(&new, lets_in)),
    };
    must_have_room(&mut tx, Counted::People(place.tenant)).await?;
    let at = tx.now();
    if !insert_role_at(tx.conn(), app.ids.uuid(), place, user, new.role, at).await? {
        let message = format!("{} has a role here already; change it instead.", new.email.as_str());
        return Err(Error::NameTaken(FieldError::new("email", FieldCode::Taken, message)));
    }
    let person = one(&mut tx, permit, user).await?;
    let entry = AuditEntry::new().target(&person.email, user.uuid()).after(&json!({ "role": new.role }));
    tx.touch(Topic::Tenant);
    tx.commit(entry).await?;
    Ok(person)
}

/// Changes the role that somebody was given at the permit's place.
pub async fn update<A: Action<Scope: HasPlace>>(
    app: &App,
    permit: &Permit<A>,
    user: UserId,
    role: Role,
) -> Result<PersonAt, Error> {
    must_be_bindable(role)?;
    let place = permit.scope().place();
    let mut tx = Tx::begin(&app.store, permit).await?;
    let before = lock_role_at(tx.conn(), place, user).await?.ok_or(Error::NotFound)?;
    update_role_at(tx.conn(), place, user, role).await?;
    let person = one(&mut tx, permit, user).await?;
    let entry = AuditEntry::new().target(&person.email, user.uuid());
    tx.touch(Topic::Tenant);
    tx.commit(entry.before(&json!({ "role": before })).after(&json!({ "role": role }))).await?;
    Ok(person)
}

/// Takes the role away that somebody was given at the permit's place. What they were given above stays.
pub async fn revoke<A: Action<Scope: HasPlace>>(app: &App, permit: &Permit<A>, user: UserId) -> Result<(), Error> {
    let place = permit.scope().place();
    let mut tx = Tx::begin(&app.store, permit).await?;
    let before = lock_role_at(tx.conn(), place, user).await?.ok_or(Error::NotFound)?;
    let person = one(&mut tx, permit, user).await?;
    delete_role_at(tx.conn(), place, user).await?;
    tx.touch(Topic::Tenant);
    tx.commit(AuditEntry::new().target(&person.email, user.uuid()).before(&json!({ "role": before }))).await?;
    Ok(())
}

async fn one<A: Action<Scope: HasPlace>>(tx: &mut Tx, permit: &Permit<A>, user: UserId) -> Result<PersonAt, Error> {
    let scope = permit.scope();
    let rows = list_roles_at(tx.conn(), scope.place(), Some(user), None, 1).await?;
    gather(rows, scope.place(), scope.project_name()).pop().ok_or(Error::NotFound)
}

/// Rows of one person follow each other.
fn gather(rows: Vec<RoleRecord>, place: Place, project: &str) -> Vec<PersonAt> {
    let mut people: Vec<PersonAt> = Vec::new();
    for row in rows {
        if people.last().is_none_or(|last| last.id != row.user) {
            people.push(PersonAt {
                id: row.user,
                email: row.email,
                display_name: row.display_name,
                own: None,
                above: Vec::new(),
            });
        }
        let Some(person) = people.last_mut() else { continue };
        if row.project == place.project && row.environment == place.environment {
            person.own = Some((row.role, row.since));
        } else {
            person.above.push((row.project.map(|_| project.to_owned()), row.role));
        }
    }
    people
}

fn must_be_bindable(role: Role) -> Result<(), Error> {
    if role != Role::Owner {
        return Ok(());
    }
    let message = "an owner is of the whole tenant; give another role here";
    Err(Error::field(FieldError::new("role", FieldCode::Unknown, message)))
}

fn unknown(new: &Grant, lets_in: bool) -> Error {
    let email = new.email.as_str();
    if lets_in {
        let message = format!("{email} has no account; add them to the tenant first");
        return Error::field(FieldError::new("email", FieldCode::Unknown, message).found(email));
    }
    Error::Forbidden(Forbidden::Rule(
        "This person has no role in the tenant yet. Somebody who manages the tenant's people adds them first.",
    ))
}
