//! Sessions of browsers: a signed access token of ten minutes, and an opaque refresh token that is replaced with every
//! use. Both live in cookies that scripts cannot read.

use super::token;
use crate::{clock::Clock, clock::Ids, settings::Settings};
use actix_web::cookie::{Cookie, SameSite, time};
use berth_api_types::path;
use berth_domain::id::{InstallId, SessionId, UserId};
use chrono::{DateTime, TimeDelta, Utc};
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey as _};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// An access token is good for this long.
pub const ACCESS_LASTS: TimeDelta = TimeDelta::minutes(10);
/// A session ends after this long, however busy it was.
pub const SESSION_LASTS: TimeDelta = TimeDelta::days(30);
/// Two tabs may refresh at the same moment with the same token: within this time the slower one gets an access token
/// too, and no new refresh token. After it, the replaced token can only be a copy.
pub const REFRESH_GRACE: TimeDelta = TimeDelta::seconds(10);
/// Clocks of servers that share a database may differ by so much.
const CLOCK_SKEW: TimeDelta = TimeDelta::seconds(30);

/// Says in the header what kind of token this is: no other token of ours is one.
const TOKEN_TYPE: &str = "berth-access+jwt";
const AUDIENCE: &str = "berth-api";

/// What an access token says. Every claim must be there, with this type.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    exp: i64,
    nbf: i64,
    iat: i64,
    jti: String,
}

/// Why an access token is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessError {
    /// It was, until it ran out.
    Expired,
    /// It is none of ours.
    Invalid,
}

/// A new access token.
#[derive(Debug, Clone)]
pub struct Access {
    /// The token.
    pub token: String,
    /// When it runs out.
    pub expires_at: DateTime<Utc>,
}

/// Makes and opens access tokens, and the cookies of sessions.
pub struct Sessions {
    signing: EncodingKey,
    verifying: DecodingKey,
    key_id: String,
    issuer: String,
    secure: bool,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl Sessions {
    /// With the installation's key (32 bytes of Ed25519).
    pub fn new(
        key: &[u8; 32],
        install: InstallId,
        settings: &Settings,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
    ) -> anyhow::Result<Self> {
        let signing = SigningKey::from_bytes(key);
        let public = signing.verifying_key().to_bytes();
        let der = signing.to_pkcs8_der().map_err(|e| anyhow::anyhow!("the signing key: {e}"))?;
        Ok(Self {
            signing: EncodingKey::from_ed_der(der.as_bytes()),
            verifying: DecodingKey::from_ed_der(&public),
            key_id: hex::encode(&Sha256::digest(public)[..8]),
            issuer: format!("berth://{install}"),
            secure: settings.secure_cookies(),
            clock,
            ids,
        })
    }

    /// A fresh access token.
    pub fn access(&self, user: UserId, session: SessionId) -> anyhow::Result<Access> {
        let now = self.clock.now();
        let expires_at = now + ACCESS_LASTS;
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid = Some(self.key_id.clone());
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            sub: user,
            sid: session,
            exp: expires_at.timestamp(),
            nbf: now.timestamp(),
            iat: now.timestamp(),
            jti: self.ids.uuid().simple().to_string(),
        };
        let token = encode(&header, &claims, &self.signing)?;
        Ok(Access { token, expires_at })
    }

    /// The session that an access token names, if the token is ours and has not run out.
    pub fn open_access(&self, token: &str) -> Result<SessionId, AccessError> {
        let header = decode_header(token).map_err(|_| AccessError::Invalid)?;
        let expected = header.typ.as_deref() == Some(TOKEN_TYPE)
            && header.kid.as_deref() == Some(&self.key_id)
            && header.crit.is_none();
        if !expected {
            return Err(AccessError::Invalid);
        }
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[AUDIENCE]);
        // Times are judged below, by our own clock.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let claims = decode::<Claims>(token, &self.verifying, &validation).map_err(|_| AccessError::Invalid)?.claims;
        let now = self.clock.now().timestamp();
        let latest = now.saturating_add(CLOCK_SKEW.num_seconds());
        if claims.nbf > latest
            || claims.iat > latest
            || claims.exp.saturating_sub(claims.iat) > ACCESS_LASTS.num_seconds()
        {
            return Err(AccessError::Invalid);
        }
        if claims.exp <= now { Err(AccessError::Expired) } else { Ok(claims.sid) }
    }

    /// A fresh refresh token.
    pub fn refresh_token(&self) -> String {
        token::generate(&*self.ids, token::REFRESH_PREFIX)
    }

    /// Name of the cookie with the access token.
    pub fn access_cookie(&self) -> &'static str {
        if self.secure { "__Host-berth-access" } else { "berth-access" }
    }
    /// Name of the cookie with the refresh token.
    pub fn refresh_cookie(&self) -> &'static str {
        if self.secure { "__Secure-berth-refresh" } else { "berth-refresh" }
    }

    /// The access token's cookie.
    pub fn set_access(&self, access: &Access) -> Cookie<'static> {
        self.cookie(self.access_cookie(), access.token.clone(), "/", ACCESS_LASTS)
    }
    /// The refresh token's cookie: sent to one URL alone.
    pub fn set_refresh(&self, token: String, lasts: TimeDelta) -> Cookie<'static> {
        self.cookie(self.refresh_cookie(), token, path::SESSION_REFRESH, lasts)
    }
    /// Both cookies, emptied.
    pub fn unset(&self) -> [Cookie<'static>; 2] {
        [
            self.cookie(self.access_cookie(), String::new(), "/", TimeDelta::zero()),
            self.cookie(self.refresh_cookie(), String::new(), path::SESSION_REFRESH, TimeDelta::zero()),
        ]
    }

    fn cookie(&self, name: &'static str, value: String, path: &'static str, lasts: TimeDelta) -> Cookie<'static> {
        Cookie::build(name, value)
            .path(path)
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Strict)
            .max_age(time::Duration::seconds(lasts.num_seconds()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::{Counting, Fixed},
        settings::test_settings,
    };
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::{Value, json};
    use uuid::Uuid;

    const INSTALL: InstallId = InstallId::new(Uuid::from_u128(1));
    const USER: UserId = UserId::new(Uuid::from_u128(2));
    const SESSION: SessionId = SessionId::new(Uuid::from_u128(3));

    fn sessions(key: u8, clock: Arc<Fixed>) -> Sessions {
        Sessions::new(&[key; 32], INSTALL, &test_settings(), clock, Arc::new(Counting::default())).expect("a key")
    }
    fn clock() -> Arc<Fixed> {
        Fixed::at(DateTime::from_timestamp(1_800_000_000, 0).expect("a time"))
    }
    fn parts(token: &str) -> (Value, Value, String) {
        let mut parts = token.split('.');
        let mut json = || {
            let bytes = URL_SAFE_NO_PAD.decode(parts.next().expect("three parts")).expect("base64");
            serde_json::from_slice(&bytes).expect("json")
        };
        let (header, claims) = (json(), json());
        (header, claims, token.rsplit('.').next().expect("a signature").to_owned())
    }
    fn joined(header: &Value, claims: &Value, signature: &str) -> String {
        let text = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.{signature}", text(header), text(claims))
    }

    #[test]
    fn an_access_token_is_good_for_ten_minutes() {
        let clock = clock();
        let sessions = sessions(7, clock.clone());
        let access = sessions.access(USER, SESSION).expect("signs");
        assert_eq!(sessions.open_access(&access.token), Ok(SESSION));
        clock.advance(ACCESS_LASTS);
        assert_eq!(sessions.open_access(&access.token), Err(AccessError::Expired));
    }

    #[test]
    fn what_was_not_signed_by_us_as_an_access_token_is_refused() {
        let sessions = sessions(7, clock());
        let good = sessions.access(USER, SESSION).expect("signs").token;
        let (header, claims, signature) = parts(&good);
        let with = |value: &Value, key: &str, new: Value| {
            let mut value = value.clone();
            value[key] = new;
            value
        };
        let mut bad = vec![
            String::new(),
            "a.b.c".into(),
            joined(&with(&header, "alg", json!("none")), &claims, ""),
            joined(&with(&header, "alg", json!("HS256")), &claims, &signature),
            joined(&with(&header, "typ", json!("JWT")), &claims, &signature),
            joined(&with(&header, "kid", json!("../../key")), &claims, &signature),
            joined(&header, &with(&claims, "sid", json!(SessionId::new(Uuid::from_u128(9)))), &signature),
            joined(&header, &with(&claims, "exp", json!(9_999_999_999_i64)), &signature),
        ];
        bad.push(self::sessions(8, clock()).access(USER, SESSION).expect("signs").token);
        for token in bad {
            assert_eq!(sessions.open_access(&token), Err(AccessError::Invalid), "{token}");
        }
    }

    #[test]
    fn claims_of_a_wrong_type_or_missing_are_refused_even_when_signed() {
        let sessions = sessions(7, clock());
        let good = sessions.access(USER, SESSION).expect("signs").token;
        let (_, claims, _) = parts(&good);
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TOKEN_TYPE.into());
        header.kid = Some(sessions.key_id.clone());
        let signed = |claims: &Value| encode(&header, claims, &sessions.signing).expect("signs");
        assert_eq!(sessions.open_access(&signed(&claims)), Ok(SESSION));
        for key in ["iss", "aud", "sub", "sid", "exp", "nbf", "iat", "jti"] {
            let mut without = claims.clone();
            without.as_object_mut().expect("an object").remove(key);
            assert_eq!(sessions.open_access(&signed(&without)), Err(AccessError::Invalid), "without {key}");
            let mut wrong = claims.clone();
            wrong[key] = json!({"a": 1});
            assert_eq!(sessions.open_access(&signed(&wrong)), Err(AccessError::Invalid), "wrong {key}");
        }
        let mut long = claims.clone();
        long["exp"] = json!(claims["iat"].as_i64().expect("a number") + 3600);
        assert_eq!(sessions.open_access(&signed(&long)), Err(AccessError::Invalid), "longer than we make them");
    }
}
