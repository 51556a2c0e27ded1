//! Signing in and out, and staying signed in.

use crate::{
    authz::{
        action::session::{Refresh, SignIn, SignOut},
        permit::{Open, Permit},
    },
    http::{
        error::Failure,
        input::{Json, State},
        reply::{Created, Done, Found, WithCookies},
    },
    service::session::{self, SignedIn},
    startup::App,
};
use actix_web::{HttpRequest, cookie::Cookie, http::header::USER_AGENT};
use berth_api_types::v1::session::{SessionView, SignInBody};

/// Signs in.
pub async fn sign_in(
    open: Open<SignIn>,
    app: State,
    request: HttpRequest,
    Json(body): Json<SignInBody>,
) -> Result<WithCookies<Created<SessionView>>, Failure> {
    let agent = user_agent(&request);
    let signed_in = session::sign_in(&app, open.request(), &body.email, &body.password, agent).await?;
    let (view, cookies) = cookies_of(&app, signed_in);
    Ok(WithCookies { reply: Created(view), cookies })
}

/// Trades the refresh cookie for a new access token. A browser that has none gets the same answer as one whose is old.
pub async fn refresh(
    open: Open<Refresh>,
    app: State,
    request: HttpRequest,
) -> Result<WithCookies<Found<SessionView>>, Failure> {
    let cookie = request.cookie(app.sessions.refresh_cookie()).ok_or_else(Failure::unauthenticated)?;
    // Here the cookie is the credential, so a program without an Origin is not enough.
    if !crate::authn::origin::is_ours(&request, &app.settings) {
        return Err(Failure::foreign_origin());
    }
    let signed_in = session::refresh(&app, open.request(), cookie.value()).await?;
    let (view, cookies) = cookies_of(&app, signed_in);
    Ok(WithCookies { reply: Found(view), cookies })
}

/// Signs out.
pub async fn sign_out(permit: Permit<SignOut>, app: State) -> Result<WithCookies<Done>, Failure> {
    session::sign_out(&app, &permit).await?;
    Ok(WithCookies { reply: Done, cookies: app.sessions.unset().into() })
}

/// The session's view and cookies.
pub(super) fn cookies_of(app: &App, signed_in: SignedIn) -> (SessionView, Vec<Cookie<'static>>) {
    let mut cookies = vec![app.sessions.set_access(&signed_in.access)];
    if let Some((token, lasts)) = signed_in.refresh {
        cookies.push(app.sessions.set_refresh(token, lasts));
    }
    (SessionView { user: signed_in.user, access_expires_at: signed_in.access.expires_at }, cookies)
}

/// The browser, in its own words.
pub(super) fn user_agent(request: &HttpRequest) -> &str {
    request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
