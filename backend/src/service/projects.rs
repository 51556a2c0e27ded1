//! Projects and their environments.

use super::{
    collect::Wrong,
    error::Error,
    page::{PageRequest, Paged},
    room::{ENVIRONMENTS_MAX, must_have_room},
};
use crate::{
    authz::{action, permit::Permit},
    startup::App,
    store::{
        ReadTx, StoreError, Tx,
        audit::AuditEntry,
        counted::Counted,
        nudge::Topic,
        projects::{self, EnvironmentRecord, ProjectRecord},
    },
};
use berth_domain::{
    field_error::{FieldCode, FieldError},
    id::{EnvironmentId, ProjectId},
    name::Name,
};
use serde_json::json;

/// An environment with how many apps it has.
pub type Environment = EnvironmentRecord;

/// Environments of a project when nothing was said.
const ENVIRONMENTS_DEFAULT: [&str; 2] = ["dev", "production"];

/// A project with the environments that the caller may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The project.
    pub record: ProjectRecord,
    /// In the order of promotion.
    pub environments: Vec<EnvironmentRecord>,
}

/// A page of the projects that the caller may see.
pub async fn list(
    app: &App,
    permit: &Permit<action::project::List>,
    page: PageRequest<String>,
) -> Result<Paged<Project, String>, Error> {
    let user = permit.actor().user;
    let after = page.after.as_deref().unwrap_or_default();
    let mut tx = ReadTx::begin(&app.store, permit).await?;
    let rows = projects::list_projects(tx.conn(), user, None, after, page.rows()).await?;
    let Paged { items, next } = page.cut(rows, |project| project.name.clone());
    let ids: Vec<_> = items.iter().map(|project| project.id).collect();
    let environments = projects::list_environments(tx.conn(), user, &ids).await?;
    let of = |project: ProjectId| environments.iter().filter(|e| e.project == project).cloned().collect();
    let items = items.into_iter().map(|record| Project { environments: of(record.id), record }).collect();
    Ok(Paged { items, next })
}

/// One project.
pub async fn read(app: &App, permit: &Permit<action::project::Read>) -> Result<Project, Error> {
    let (user, project) = (permit.actor().user, permit.scope().project.id);
    let mut tx = ReadTx::begin(&app.store, permit).await?;
    let found = projects::list_projects(tx.conn(), user, Some(project), "", 1).await?.pop();
    let environments = projects::list_environments(tx.conn(), user, &[project]).await?;
    Ok(Project { record: found.ok_or(Error::NotFound)?, environments })
}

/// A project to make.
pub struct NewProject {
    name: Name,
    environments: Vec<Name>,
}

impl NewProject {
    /// Parses what was typed.
    pub fn parse(name: &str, environments: Option<&[String]>) -> Result<Self, Error> {
        let mut wrong = Wrong::default();
        let name = wrong.take(Name::parse(name));
        let texts: Vec<&str> = match environments {
            Some(texts) => texts.iter().map(String::as_str).collect(),
            None => ENVIRONMENTS_DEFAULT.to_vec(),
        };
        if texts.len() > ENVIRONMENTS_MAX {
            let message = format!("at most {ENVIRONMENTS_MAX} environments");
            wrong.push(FieldError::new("environments", FieldCode::TooMany, message).limit(ENVIRONMENTS_MAX as u64));
        }
        let mut parsed: Vec<Name> = Vec::new();
        for (i, text) in texts.into_iter().enumerate().take(ENVIRONMENTS_MAX) {
            let field = format!("environments[{i}]");
            let Some(name) = wrong.take(Name::parse(text).map_err(|e| FieldError { field: field.clone(), ..e })) else {
                continue;
            };
            if parsed.contains(&name) {
                wrong.push(FieldError::new(field, FieldCode::Duplicate, "named twice").found(name.as_str()));
            }
            parsed.push(name);
        }
        match name {
            Some(name) if wrong.is_empty() => Ok(Self { name, environments: parsed }),
            _ => Err(wrong.error()),
        }
    }
}

/// Makes a project with its environments.
pub async fn create(app: &App, permit: &Permit<action::project::Create>, new: NewProject) -> Result<Project, Error> {
    let mut tx = Tx::begin(&app.store, permit).await?;
    must_have_room(&mut tx, Counted::Projects(permit.scope().tenant.id)).await?;
    let (id, at): (ProjectId, _) = (tx.id(), tx.now());
    if !projects::insert_project(&mut tx, permit.scope().tenant.id, id, &new.name, at).await? {
        return Err(taken("project", &new.name));
    }
    let mut environments = Vec::new();
    for name in &new.environments {
        let environment: EnvironmentId = tx.id();
        projects::insert_environment(&mut tx, id, environment, name, at).await?;
        environments.push(EnvironmentRecord { id: environment, project: id, name: name.as_str().to_owned(), apps: 0 });
    }
    tx.touch(Topic::Projects);
    let entry = AuditEntry::new().target(new.name.as_str(), id.uuid());
    tx.commit(entry.after(&json!({ "environments": new.environments }))).await?;
    Ok(Project { record: ProjectRecord { id, name: new.name.as_str().to_owned(), created_at: at }, environments })
}

/// Deletes a project that has no apps.
pub async fn delete(app: &App, permit: &Permit<action::project::Delete>) -> Result<(), Error> {
    let mut tx = Tx::begin(&app.store, permit).await?;
    projects::delete_project(&mut tx, permit.scope().project.id).await.map_err(|e| not_empty(e, "project"))?;
    tx.touch(Topic::Projects);
    tx.commit(AuditEntry::new()).await?;
    Ok(())
}

/// Environments of a project that the caller may see.
pub async fn list_environments(
    app: &App,
    permit: &Permit<action::environment::List>,
) -> Result<Vec<Environment>, Error> {
    let mut tx = ReadTx::begin(&app.store, permit).await?;
    let project = permit.scope().project.id;
    Ok(projects::list_environments(tx.conn(), permit.actor().user, &[project]).await?)
}

/// Makes an environment after the others.
pub async fn create_environment(
    app: &App,
    permit: &Permit<action::environment::Create>,
    name: Name,
) -> Result<Environment, Error> {
    let project = permit.scope().project.id;
    let mut tx = Tx::begin(&app.store, permit).await?;
    must_have_room(&mut tx, Counted::Environments(project)).await?;
    let (id, at): (EnvironmentId, _) = (tx.id(), tx.now());
    if !projects::insert_environment(&mut tx, project, id, &name, at).await? {
        let there = projects::has_project(tx.conn(), project).await?;
        return Err(if there { taken("environment", &name) } else { Error::NotFound });
    }
    tx.touch(Topic::Projects);
    tx.commit(AuditEntry::new().target(name.as_str(), id.uuid())).await?;
    Ok(EnvironmentRecord { id, project, name: name.as_str().to_owned(), apps: 0 })
}

/// Deletes an environment that has no apps.
pub async fn delete_environment(app: &App, permit: &Permit<action::environment::Delete>) -> Result<(), Error> {
    let mut tx = Tx::begin(&app.store, permit).await?;
    let environment = permit.scope().environment.id;
    projects::delete_environment(&mut tx, environment).await.map_err(|e| not_empty(e, "environment"))?;
    tx.touch(Topic::Projects);
    tx.commit(AuditEntry::new()).await?;
    Ok(())
}

fn taken(what: &str, name: &Name) -> Error {
    let article = if what.starts_with('e') { "An" } else { "A" };
    Error::NameTaken(FieldError::new("name", FieldCode::Taken, format!("{article} {what} “{name}” is there already.")))
}

fn not_empty(error: StoreError, what: &str) -> Error {
    match error {
        StoreError::Referenced { .. } => Error::NotEmpty(format!(
            "The {what} still has apps, or instances of deleted apps that are stopping. Delete them first."
        )),
        error => error.into(),
    }
}
