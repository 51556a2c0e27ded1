//! People of a tenant. Only an owner makes, changes or removes owners, and the last owner stays.

use super::{
    collect::Wrong,
    error::{Error, Forbidden},
    page::{PageRequest, Paged},
    room::must_have_room,
};
use crate::{
    authn::{
        account::{Email, Locale, Title},
        password,
    },
    authz::{action, permit::Permit, scope::Place},
    startup::App,
    store::{
        ReadTx, Tx,
        audit::AuditEntry,
        counted::Counted,
        nudge::Topic,
        people::{self, PersonRecord},
        roles::{insert_role_at, update_role_at},
        users::{self, NewUser},
    },
};
use berth_domain::{
    field_error::{FieldCode, FieldError},
    id::UserId,
    right::Role,
};
use serde_json::json;

/// A person with a role at the tenant.
pub type Person = PersonRecord;

/// A page of the people with a role at the tenant.
pub async fn list(
    app: &App,
    permit: &Permit<action::people::List>,
    page: PageRequest<UserId>,
) -> Result<Paged<Person, UserId>, Error> {
    let mut tx = ReadTx::begin(&app.store, permit).await?;
    let tenant = permit.scope().tenant.id;
    let rows = people::list_people(tx.conn(), tenant, None, page.after, page.rows()).await?;
    Ok(page.cut(rows, |person| person.id))
}

/// Somebody to add.
pub struct NewPerson {
    email: Email,
    role: Role,
    account: Option<(Title, String)>,
}

impl NewPerson {
    /// Parses what was typed. Name and password are for an account that is not there yet, and both or none are given.
    pub fn parse(email: &str, role: Role, display_name: Option<&str>, password: Option<String>) -> Result<Self, Error> {
        let mut wrong = Wrong::default();
        let address = wrong.take(Email::parse(email));
        let title = display_name.map(|text| wrong.take(Title::parse("display_name", text)));
        if let Some(password) = &password {
            wrong.take(password::check_new("password", password, email));
        }
        match address {
            Some(email) if wrong.is_empty() => Ok(Self { email, role, account: title.flatten().zip(password) }),
            _ => Err(wrong.error()),
        }
    }
}

/// Adds somebody to the tenant; makes an account for who has none.
pub async fn add(app: &App, permit: &Permit<action::people::Add>, new: NewPerson) -> Result<Person, Error> {
    let tenant = permit.scope().tenant.id;
    // Hashing is dear, and no transaction waits for it.
    let hash = match &new.account {
        Some((_, password)) => Some(app.passwords.hash(password).await?),
        None => None,
    };
    // Accounts belong to no tenant.
    let mut tx = Tx::begin_as_system(&app.store, permit).await?;
    if new.role == Role::Owner {
        let owners = people::lock_owners(tx.conn(), tenant).await?;
        must_be_owner(&owners, permit.actor().user)?;
    }
    let at = tx.now();
    let (user, made) = match users::get_id_by_email(tx.conn(), new.email.as_str()).await? {
        Some(user) => (user, false),
        None => {
            let (Some((title, _)), Some(hash)) = (&new.account, &hash) else { return Err(account_needed(&new)) };
            let user: UserId = tx.id();
            let account = NewUser {
                id: user,
                email: new.email.as_str(),
                display_name: title.as_str(),
                password_hash: hash,
                platform_administrator: false,
                locale: Locale::parse(None).map_err(Error::field)?.as_str(),
                created_at: at,
            };
            if !users::insert_user(tx.conn(), account).await? {
                return Err(Error::Conflict("Somebody made this account at the same moment. Try again.".into()));
            }
            (user, true)
        }
    };
    must_have_room(&mut tx, Counted::People(tenant)).await?;
    if !insert_role_at(tx.conn(), app.ids.uuid(), Place::of_tenant(tenant), user, new.role, at).await? {
        let message = format!("{} belongs to this tenant already.", new.email.as_str());
        return Err(Error::NameTaken(FieldError::new("email", FieldCode::Taken, message)));
    }
    if !made && new.account.is_some() {
        // A password that is dropped in silence is one that somebody then tries in vain.
        return Err(account_exists(&new));
    }
    let person = one(&mut tx, permit.scope().tenant.id, user).await?;
    tx.touch(Topic::Tenant);
    let entry = AuditEntry::new().target(&person.email, user.uuid());
    tx.commit(entry.after(&json!({ "role": new.role, "account_made": made }))).await?;
    Ok(person)
}

/// Changes a person's role at the tenant.
pub async fn update(
    app: &App,
    permit: &Permit<action::people::Update>,
    user: UserId,
    role: Role,
) -> Result<Person, Error> {
    let tenant = permit.scope().tenant.id;
    let mut tx = Tx::begin(&app.store, permit).await?;
    let owners = people::lock_owners(tx.conn(), tenant).await?;
    let before = one(&mut tx, tenant, user).await?;
    if before.role == Role::Owner || role == Role::Owner {
        must_be_owner(&owners, permit.actor().user)?;
    }
    if before.role == Role::Owner && role != Role::Owner {
        must_leave_an_owner(&owners, user)?;
    }
    update_role_at(tx.conn(), Place::of_tenant(tenant), user, role).await?;
    tx.touch(Topic::Tenant);
    let entry = AuditEntry::new().target(&before.email, user.uuid());
    tx.commit(entry.before(&json!({ "role": before.role })).after(&json!({ "role": role }))).await?;
    Ok(PersonRecord { role, ..before })
}

/// Takes somebody out of the tenant, with all roles in its projects. The account stays.
pub async fn remove(app: &App, permit: &Permit<action::people::Remove>, user: UserId) -> Result<(), Error> {
    let tenant = permit.scope().tenant.id;
    let mut tx = Tx::begin(&app.store, permit).await?;
    let owners = people::lock_owners(tx.conn(), tenant).await?;
    let before = one(&mut tx, tenant, user).await?;
    if before.role == Role::Owner {
        must_be_owner(&owners, permit.actor().user)?;
        must_leave_an_owner(&owners, user)?;
    }
    people::delete_roles(tx.conn(), tenant, user).await?;
    tx.touch(Topic::Tenant);
    let entry = AuditEntry::new().target(&before.email, user.uuid());
    tx.commit(entry.before(&json!({ "role": before.role }))).await?;
    Ok(())
}

async fn one(tx: &mut Tx, tenant: berth_domain::id::TenantId, user: UserId) -> Result<Person, Error> {
    people::list_people(tx.conn(), tenant, Some(user), None, 1).await?.pop().ok_or(Error::NotFound)
}

fn must_be_owner(owners: &[UserId], actor: UserId) -> Result<(), Error> {
    if owners.contains(&actor) {
        return Ok(());
    }
    Err(Error::Forbidden(Forbidden::Rule("Only an owner of the tenant makes, changes or removes owners.")))
}

fn must_leave_an_owner(owners: &[UserId], leaving: UserId) -> Result<(), Error> {
    if owners.iter().any(|owner| *owner != leaving) {
        return Ok(());
    }
    Err(Error::Conflict("This is the last owner of the tenant. Make somebody else an owner first.".into()))
}

fn account_exists(new: &NewPerson) -> Error {
    let email = new.email.as_str();
    let message = format!("{email} has an account and signs in with its own password: leave name and password out");
    Error::field(FieldError::new("password", FieldCode::Conflict, message).found(email))
}

fn account_needed(new: &NewPerson) -> Error {
    let message = |what: &str| format!("{} has no account yet: give {what}", new.email.as_str());
    Error::Invalid(vec![
        FieldError::new("display_name", FieldCode::Required, message("a name")),
        FieldError::new("password", FieldCode::Required, message("a first password")),
    ])
}
