//! Whether the installation was set up; its first account.

use crate::{
    authz::{action::installation, permit::Open},
    http::{error::Failure, input::State, reply::Found},
    store::installation as rows,
};
use berth_api_types::v1::session::StatusView;

/// What anybody may know.
pub async fn read(_open: Open<installation::Read>, app: State) -> Result<Found<StatusView>, Failure> {
    let set_up = rows::is_set_up(&app.store).await?;
    Ok(Found(StatusView { set_up, version: env!("CARGO_PKG_VERSION").to_owned() }))
}
