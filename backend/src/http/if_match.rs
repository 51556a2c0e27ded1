//! `If-Match`: change a thing only as it was seen.

use super::{error::Failure, input::Input, openapi::Description};
use actix_web::{HttpRequest, dev::Payload, http::header::IF_MATCH};
use utoipa::openapi::schema::{ObjectBuilder, Type};

/// The revision that the caller saw, if they say. `"7"` and `7` are the same; `*` is whatever it is now.
pub struct IfMatch(pub Option<i64>);

impl Input for IfMatch {
    async fn read(request: &HttpRequest, _: &mut Payload) -> Result<Self, Failure> {
        let Some(value) = request.headers().get(IF_MATCH) else { return Ok(Self(None)) };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Self(None));
        }
        let revision = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text).parse();
        revision.map(|revision| Self(Some(revision))).map_err(|_| Failure::malformed("If-Match must be a revision"))
    }
    fn describe(description: &mut Description) {
        let says =
            "The `revision` that the caller saw: 409 if it is another by now. Without it, or with `*`, whatever it is.";
        description.header(IF_MATCH.as_str(), says, ObjectBuilder::new().schema_type(Type::String).examples(["\"7\""]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    async fn read(value: &str) -> Option<Option<i64>> {
        let request = TestRequest::put().insert_header((IF_MATCH, value)).to_http_request();
        IfMatch::read(&request, &mut Payload::None).await.ok().map(|seen| seen.0)
    }

    #[actix_web::test]
    async fn a_revision_is_read_with_or_without_quotes() {
        assert_eq!(read("\"7\"").await, Some(Some(7)));
        assert_eq!(read("7").await, Some(Some(7)));
        assert_eq!(read("*").await, Some(None));
        assert_eq!(read("seven").await, None);
    }
}
