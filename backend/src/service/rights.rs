//! What somebody may do somewhere, and why: the gate's own rule, asked for each right.

use super::error::Error;
use crate::{
    authz::{action, permit::Permit, rule},
    startup::App,
    store::{
        ReadTx,
        roles::{get_place_ids, list_roles_of},
    },
};

pub use crate::store::roles::NamedBinding;
use berth_domain::{
    field_error::{FieldCode, FieldError},
    id::UserId,
    right::{Right, Role},
};

/// A right, and what gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Which.
    pub right: Right,
    /// Nothing: it is not held.
    pub by: Vec<NamedBinding>,
    /// Roles that would give it, the least powerful first.
    pub roles: Vec<Role>,
}

/// Where in the tenant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Where {
    /// The project's name; none: the tenant itself.
    pub project: Option<String>,
    /// The environment's name; none: the whole project.
    pub environment: Option<String>,
}

/// Every right that there is in a tenant, with what gives it to a person at a place.
pub async fn explain(
    app: &App,
    permit: &Permit<action::people::Explain>,
    user: UserId,
    at: &Where,
) -> Result<Vec<Explained>, Error> {
    let tenant = permit.scope().tenant.id;
    let mut tx = ReadTx::begin(&app.store, permit).await?;
    let unknown = |field: &'static str, name: &str| {
        Error::field(
            FieldError::new(field, FieldCode::Unknown, format!("the tenant has no {field} of this name")).found(name),
        )
    };
    let (project, environment) = match (&at.project, &at.environment) {
        (None, None) => (None, None),
        (None, Some(name)) => return Err(unknown("environment", name)),
        (Some(name), environment) => {
            let found = get_place_ids(tx.conn(), tenant, name, environment.as_deref()).await?;
            match (found.ok_or_else(|| unknown("project", name))?, environment) {
                ((_, None), Some(name)) => return Err(unknown("environment", name)),
                ((project, environment), _) => (Some(project), environment),
            }
        }
    };
    let roles = list_roles_of(tx.conn(), tenant, user).await?;
    if roles.is_empty() {
        return Err(Error::NotFound);
    }
    let explained = Role::all_rights().iter().map(|right| Explained {
        right: *right,
        by: roles.iter().filter(|one| rule::gives(&one.binding, project, environment, *right)).cloned().collect(),
        roles: Role::ALL.into_iter().rev().filter(|role| role.rights().contains(right)).collect(),
    });
    Ok(explained.collect())
}
