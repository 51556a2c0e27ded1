//! The caller's own account and personal tokens.

use crate::{
    authz::{
        action::{me, my_session, token},
        permit::Permit,
    },
    http::{
        error::Failure,
        input::{Json, Path, Query, State},
        page,
        reply::{Created, Done, Found, Secret},
    },
    service::{
        me::{self as account, Me, ProfileChange},
        sessions::{self, Session},
        tokens::{self, NewToken, Token},
    },
};
use berth_api_types::{
    page::{Page, PageQuery},
    v1::session::{
        ChangePasswordBody, CreateTokenBody, CreatedTokenView, MeView, MyBindingView, MyTenantView, OpenSessionView,
        TokenView, UpdateMeBody,
    },
};
use berth_domain::{
    id::{SessionId, TokenId},
    right::PLATFORM_ADMINISTRATOR,
};
use serde::Deserialize;

/// Who am I.
pub async fn read(permit: Permit<me::Read>, app: State) -> Result<Found<MeView>, Failure> {
    let me = account::read(&app, &permit).await?;
    let actor = permit.actor();
    Ok(Found(MeView {
        id: actor.user,
        email: actor.email.clone(),
        display_name: me.profile.display_name.clone(),
        locale: me.profile.locale.clone(),
        platform_rights: if actor.platform_administrator { PLATFORM_ADMINISTRATOR.to_vec() } else { Vec::new() },
        tenants: tenants(me),
    }))
}

fn tenants(me: Me) -> Vec<MyTenantView> {
    let mut tenants: Vec<MyTenantView> = Vec::new();
    for binding in me.bindings {
        let view = MyBindingView {
            project: binding.project,
            environment: binding.environment,
            role: binding.role,
            rights: binding.role.rights().to_vec(),
        };
        match tenants.last_mut().filter(|tenant| tenant.name == binding.tenant_name) {
            Some(tenant) => tenant.bindings.push(view),
            None => tenants.push(MyTenantView { name: binding.tenant_name, bindings: vec![view] }),
        }
    }
    tenants
}

/// Changes name or language.
pub async fn update(permit: Permit<me::Update>, app: State, Json(body): Json<UpdateMeBody>) -> Result<Done, Failure> {
    let change = ProfileChange::parse(body.display_name.as_deref(), body.locale.as_deref())?;
    account::update(&app, &permit, change).await?;
    Ok(Done)
}

/// Changes the password and ends all other sessions.
pub async fn change_password(
    permit: Permit<me::ChangePassword>,
    app: State,
    Json(body): Json<ChangePasswordBody>,
) -> Result<Done, Failure> {
    account::change_password(&app, &permit, &body.current_password, &body.new_password).await?;
    Ok(Done)
}

/// Where the caller is signed in, the newest first.
pub async fn list_sessions(
    permit: Permit<my_session::List>,
    app: State,
    Query(query): Query<PageQuery>,
) -> Result<Found<Page<OpenSessionView>>, Failure> {
    let found = sessions::list(&app, &permit, page::request(&query)?).await?;
    let current = permit.actor().session();
    Ok(Found(page::view(found, |session| session_view(session, current))))
}

/// Which session.
#[derive(Deserialize)]
pub struct SessionPath {
    session: SessionId,
}

/// Ends a session at once.
pub async fn end_session(
    permit: Permit<my_session::End>,
    app: State,
    Path(path): Path<SessionPath>,
) -> Result<Done, Failure> {
    sessions::end(&app, &permit, path.session).await?;
    Ok(Done)
}

/// Ends all but the one that asks.
pub async fn end_other_sessions(permit: Permit<my_session::EndOthers>, app: State) -> Result<Done, Failure> {
    sessions::end_others(&app, &permit).await?;
    Ok(Done)
}

fn session_view(session: Session, current: Option<SessionId>) -> OpenSessionView {
    OpenSessionView {
        current: current == Some(session.id),
        id: session.id,
        user_agent: session.user_agent,
        source: session.source,
        created_at: session.created_at,
        last_used_at: session.refreshed_at,
        expires_at: session.expires_at,
    }
}

/// Tokens that still work.
pub async fn list_tokens(
    permit: Permit<token::List>,
    app: State,
    Query(query): Query<PageQuery>,
) -> Result<Found<Page<TokenView>>, Failure> {
    let tokens = tokens::list(&app, &permit, page::request(&query)?).await?;
    Ok(Found(page::view(tokens, token_view)))
}

/// Makes a token. Its secret is shown this once.
pub async fn create_token(
    permit: Permit<token::Create>,
    app: State,
    Json(body): Json<CreateTokenBody>,
) -> Result<Secret<Created<CreatedTokenView>>, Failure> {
    let new = NewToken::parse(&body.name, body.days)?;
    let (token, secret) = tokens::create(&app, &permit, new).await?;
    Ok(Secret(Created(CreatedTokenView { token: token_view(token), secret })))
}

/// Which token.
#[derive(Deserialize)]
pub struct TokenPath {
    token: TokenId,
}

/// Ends a token.
pub async fn revoke_token(
    permit: Permit<token::Revoke>,
    app: State,
    Path(path): Path<TokenPath>,
) -> Result<Done, Failure> {
    tokens::revoke(&app, &permit, path.token).await?;
    Ok(Done)
}

fn token_view(token: Token) -> TokenView {
    TokenView {
        id: token.id,
        name: token.name,
        created_at: token.created_at,
        expires_at: token.expires_at,
        last_used_at: token.last_used_at,
    }
}
