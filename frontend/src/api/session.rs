//! Set-up, sign-in, the caller and their tokens.

use super::{
    client::{delete, get, get_with, patch, post, put_only},
    error::ApiError,
};
use berth_api_types::{
    page::{Page, PageQuery},
    path,
    v1::session::{
        ChangePasswordBody, CreateTokenBody, CreatedTokenView, MeView, OpenSessionView, SessionView, SetupBody,
        SignInBody, StatusView, TokenView, UpdateMeBody,
    },
};
use berth_domain::id::{SessionId, TokenId};

/// Whether set-up was done.
pub async fn status() -> Result<StatusView, ApiError> {
    get(&path::status()).await
}
/// Makes the first account and signs in.
pub async fn set_up(body: &SetupBody) -> Result<SessionView, ApiError> {
    post(&path::setup(), body).await
}
/// Signs in.
pub async fn sign_in(body: &SignInBody) -> Result<SessionView, ApiError> {
    post(&path::session(), body).await
}
/// Signs out.
pub async fn sign_out() -> Result<(), ApiError> {
    delete(&path::session()).await
}
/// The caller.
pub async fn me() -> Result<MeView, ApiError> {
    get(&path::me()).await
}
/// Changes what the caller says of themselves.
pub async fn update_me(body: &UpdateMeBody) -> Result<MeView, ApiError> {
    patch(&path::me(), body).await
}
/// Changes the caller's password.
pub async fn change_password(body: &ChangePasswordBody) -> Result<(), ApiError> {
    put_only(&path::my_password(), body).await
}
/// Where the caller is signed in.
pub async fn list_sessions(page: &PageQuery) -> Result<Page<OpenSessionView>, ApiError> {
    get_with(&path::my_sessions(), page).await
}
/// Ends a session.
pub async fn end_session(session: SessionId) -> Result<(), ApiError> {
    delete(&path::my_session(session)).await
}
/// Ends all but this one.
pub async fn end_other_sessions() -> Result<(), ApiError> {
    delete(&path::my_sessions()).await
}
/// The caller's tokens.
pub async fn list_tokens(page: &PageQuery) -> Result<Page<TokenView>, ApiError> {
    get_with(&path::my_tokens(), page).await
}
/// Makes a token.
pub async fn create_token(body: &CreateTokenBody) -> Result<CreatedTokenView, ApiError> {
    post(&path::my_tokens(), body).await
}
/// Ends a token.
pub async fn delete_token(token: TokenId) -> Result<(), ApiError> {
    delete(&path::my_token(token)).await
}
