//! Where a call came from. Browsers send cookies along whoever asked; the Origin header says who did.

use crate::settings::Settings;
use actix_web::{
    HttpRequest,
    http::header::{HOST, ORIGIN},
};

/// Whether the page that sent this is ours: its origin is the public URL, or the very host that it called.
///
/// The second is safe as a page cannot choose the Host header, and a name that was rebound to us has none of our cookies.
pub fn is_ours(request: &HttpRequest, settings: &Settings) -> bool {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = header(ORIGIN) else { return false };
    if origin.eq_ignore_ascii_case(&settings.public_url) {
        return true;
    }
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    match (authority, header(HOST)) {
        (Some(authority), Some(host)) => authority.eq_ignore_ascii_case(host),
        _ => false,
    }
}

/// The same for calls that need no cookie: a program sends no Origin, a browser always does.
pub fn is_ours_or_no_browser(request: &HttpRequest, settings: &Settings) -> bool {
    !request.headers().contains_key(ORIGIN) || is_ours(request, settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::test_settings;
    use actix_web::test::TestRequest;

    fn ours(origin: Option<&str>, host: &str) -> bool {
        let mut settings = test_settings();
        settings.public_url = "https://berth.example".into();
        let mut request = TestRequest::post().insert_header((HOST, host));
        if let Some(origin) = origin {
            request = request.insert_header((ORIGIN, origin));
        }
        is_ours(&request.to_http_request(), &settings)
    }

    #[test]
    fn only_our_own_pages_may_change_things_by_cookie() {
        assert!(ours(Some("https://berth.example"), "10.0.0.1:7800"));
        assert!(ours(Some("http://127.0.0.1:7800"), "127.0.0.1:7800"));
        assert!(!ours(Some("https://evil.example"), "berth.example"));
        assert!(!ours(Some("https://berth.example.evil.example"), "berth.example"));
        assert!(!ours(Some("null"), "berth.example"));
        assert!(!ours(None, "berth.example"));
    }
}
