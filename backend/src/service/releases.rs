//! Releases: deploy one, go back to one, read them.

use super::{
    apps::{conflict, lock_seen, touch_app},
    error::Error,
    page::{PageRequest, Paged},
    resolve::resolve_image,
    rollouts::{Change, change_app},
};
use crate::{
    authz::{
        action::app::{Deploy, Read},
        permit::Permit,
    },
    startup::App,
    store::{
        ReadTx, Store, Tx,
        apps::WantedApp,
        audit::AuditEntry,
        releases::{NewRelease, ReleaseRecord, get_number_before, get_release, insert_release, list_releases},
        rollouts::{Cause, get_proven_release, lock_open_rollout},
    },
};
use berth_domain::{
    app::AppSpec,
    diff::{SpecChange, diff},
    field_error::{FieldCode, FieldError},
    id::RolloutId,
};
use serde_json::json;

/// A release, for people.
pub type Release = ReleaseRecord;

/// What a call began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// The rollout; none when there is nothing to roll out.
    pub rollout: Option<RolloutId>,
    /// The release's number.
    pub release: u32,
    /// Whether anything changed: not when just this runs already.
    pub changed: bool,
}

/// Makes a release and rolls it out. What runs already, spec and image alike, is not made a second time; when it never
/// came to run, it is rolled out once more.
pub async fn deploy(
    app: &App,
    permit: &Permit<Deploy>,
    spec: AppSpec,
    note: &str,
    seen: Option<i64>,
) -> Result<Started, Error> {
    let image = resolve_image(app, permit, &permit.scope().project_scope(), spec.image()).await?;
    let mut tx = Tx::begin(&app.store, permit).await?;
    let before = lock_seen(&mut tx, permit.scope(), seen).await?;
    if before.spec == spec && before.pinned_image == image.pinned {
        return deploy_again(tx, permit, before).await;
    }
    let (at, release, number) = (tx.now(), tx.id(), before.next_release_number);
    let row = NewRelease {
        id: release,
        app: before.id,
        number,
        spec: &spec,
        pinned_image: &image.pinned,
        image: image.image_id,
        note,
        created_by: permit.actor().user,
        at,
    };
    insert_release(&mut tx, row).await?;
    // Names of fields only: values of environment variables may be secrets.
    let fields: Vec<_> = diff(&before.spec, &spec).into_iter().map(|change| change.field).collect();
    let after = WantedApp {
        next_release_number: number + 1,
        release,
        release_number: number,
        spec,
        pinned_image: image.pinned,
        ..before.clone()
    };
    let audit = AuditEntry::new()
        .before(&said(&before))
        .after(&json!({ "release": number, "image": after.pinned_image, "changed": fields, "note": note }));
    roll_out(tx, permit, before, after, Cause::Deploy, audit).await
}

/// The release that shall run is deployed again: nothing to do if it runs or is on its way.
async fn deploy_again(mut tx: Tx, permit: &Permit<Deploy>, app: WantedApp) -> Result<Started, Error> {
    let open = lock_open_rollout(&mut tx, app.id).await?;
    let proven = get_proven_release(tx.conn(), app.id).await?;
    let on_its_way = open.is_some_and(|open| open.to == app.release);
    if on_its_way || proven == Some(app.release) || app.wanted() == 0 {
        return Ok(Started { rollout: None, release: app.release_number, changed: false });
    }
    let audit = AuditEntry::new().after(&json!({ "release": app.release_number, "again": true }));
    roll_out(tx, permit, app.clone(), app, Cause::Deploy, audit).await
}

/// Goes back to release `number`, or to the one before the present one: the newest below it that once ran whole.
pub async fn roll_back(
    app: &App,
    permit: &Permit<Deploy>,
    number: Option<u32>,
    seen: Option<i64>,
) -> Result<Started, Error> {
    let mut tx = Tx::begin(&app.store, permit).await?;
    let before = lock_seen(&mut tx, permit.scope(), seen).await?;
    let number = match number {
        Some(number) => number,
        None => get_number_before(tx.conn(), before.id, before.release_number)
            .await?
            .ok_or_else(|| conflict("there is no earlier release to go back to"))?,
    };
    let Some(target) = get_release(tx.conn(), before.id, number).await? else {
        let error = FieldError::new("release", FieldCode::Unknown, "the app has no release of this number");
        return Err(Error::field(error.found(number.to_string())));
    };
    if target.id == before.release {
        return Err(conflict("this release shall run already; restart the app to get fresh instances"));
    }
    let after = WantedApp {
        release: target.id,
        release_number: target.number,
        spec: target.spec,
        pinned_image: target.pinned_image,
        ..before.clone()
    };
    let audit = AuditEntry::new().action("app.rollback").before(&said(&before)).after(&said(&after));
    roll_out(tx, permit, before, after, Cause::Rollback, audit).await
}

async fn roll_out(
    mut tx: Tx,
    permit: &Permit<Deploy>,
    before: WantedApp,
    after: WantedApp,
    cause: Cause,
    audit: AuditEntry,
) -> Result<Started, Error> {
    let release = after.release_number;
    let change = Change { by: permit.actor().user, at: tx.now(), rollout: tx.id(), cause: Some(cause) };
    let rollout = change_app(&mut tx, &before, after, change).await?.allowed()?;
    touch_app(&mut tx, permit.scope());
    tx.commit(audit).await?;
    Ok(Started { rollout, release, changed: true })
}

fn said(app: &WantedApp) -> serde_json::Value {
    json!({ "release": app.release_number, "image": app.pinned_image })
}

/// A page of an app's releases, newest first; its key is a release's number.
pub async fn list(store: &Store, permit: &Permit<Read>, page: &PageRequest<u32>) -> Result<Paged<Release, u32>, Error> {
    let mut tx = ReadTx::begin(store, permit).await?;
    let found = list_releases(tx.conn(), permit.scope().app.id, page.after, page.rows()).await?;
    Ok(page.cut(found, |release| release.number))
}

/// A release with its difference from the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseDetail {
    /// The release.
    pub release: Release,
    /// What changed.
    pub changes: Vec<SpecChange>,
    /// Since which one.
    pub compared_with: Option<u32>,
}

/// One release, compared with the one of the number before.
pub async fn read(store: &Store, permit: &Permit<Read>, number: u32) -> Result<ReleaseDetail, Error> {
    let mut tx = ReadTx::begin(store, permit).await?;
    // The release and the one below it are the first two below its successor.
    let mut found =
        list_releases(tx.conn(), permit.scope().app.id, Some(number.saturating_add(1)), 2).await?.into_iter();
    let release = found.next().filter(|release| release.number == number).ok_or(Error::NotFound)?;
    let before = found.next();
    Ok(ReleaseDetail {
        changes: before.as_ref().map(|before| diff(&before.spec, &release.spec)).unwrap_or_default(),
        compared_with: before.map(|before| before.number),
        release,
    })
}
