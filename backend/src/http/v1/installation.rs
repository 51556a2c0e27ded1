//! Whether the installation was set up; its first account.

use super::session::{cookies_of, user_agent};
use crate::{
    authz::{action::installation, permit::Open},
    http::{
        error::Failure,
        input::{Json, State},
        reply::{Created, Found, WithCookies},
    },
    service::{
        installation as installations,
        setup::{self, FirstAccount},
    },
};
use actix_web::HttpRequest;
use berth_api_types::v1::session::{SessionView, SetupBody, StatusView};

/// What anybody may know.
pub async fn read(_open: Open<installation::Read>, app: State) -> Result<Found<StatusView>, Failure> {
    let set_up = installations::is_set_up(&app).await?;
    Ok(Found(StatusView { set_up, version: env!("CARGO_PKG_VERSION").to_owned() }))
}

/// Makes the first account and signs it in.
pub async fn set_up(
    open: Open<installation::SetUp>,
    app: State,
    request: HttpRequest,
    Json(body): Json<SetupBody>,
) -> Result<WithCookies<Created<SessionView>>, Failure> {
    let first =
        FirstAccount::parse(&body.setup_token, &body.email, &body.display_name, body.password, body.locale.as_deref())?;
    let signed_in = setup::set_up(&app, open.request(), first, user_agent(&request)).await?;
    let (view, cookies) = cookies_of(&app, signed_in);
    Ok(WithCookies { reply: Created(view), cookies })
}
