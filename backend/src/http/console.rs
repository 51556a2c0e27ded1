//! The console's files, as they were built: each beside its `.br`. Files whose name holds a hash are kept by browsers for
//! ever; `index.html` answers for every page, as the console routes them itself.

use super::error::Failure;
use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        Method,
        header::{self, HeaderValue},
    },
    web,
};
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

/// Digits of a hash in a file's name: fewer may be a word.
const HASH_DIGITS_MIN: usize = 8;

/// One file.
#[derive(Debug, Clone)]
struct Entry {
    plain: PathBuf,
    brotli: Option<PathBuf>,
    media_type: &'static str,
    for_ever: bool,
}

/// All of them, by their path in URLs. Read once: no path of a request ever reaches the file system.
#[derive(Debug, Default)]
pub struct Files {
    entries: HashMap<String, Entry>,
}

impl Files {
    /// Lists the files below `root`. Without one there is no console.
    pub fn open(root: Option<&Path>) -> std::io::Result<Self> {
        let mut entries = HashMap::new();
        if let Some(root) = root {
            collect(root, root, &mut entries)?;
        }
        Ok(Self { entries })
    }

    fn find(&self, path: &str) -> Option<&Entry> {
        let page = !path.rsplit('/').next().unwrap_or_default().contains('.');
        self.entries.get(path).or_else(|| page.then(|| self.entries.get("/index.html")).flatten())
    }
}

fn collect(root: &Path, folder: &Path, entries: &mut HashMap<String, Entry>) -> std::io::Result<()> {
    for found in fs::read_dir(folder)? {
        let path = found?.path();
        if path.is_dir() {
            collect(root, &path, entries)?;
            continue;
        }
        let (Ok(below), Some(name)) = (path.strip_prefix(root), path.file_name().and_then(|n| n.to_str())) else {
            continue;
        };
        let Some(media_type) = media_type(name) else { continue };
        let brotli = PathBuf::from(format!("{}.br", path.display()));
        let entry = Entry {
            media_type,
            for_ever: has_hash(name),
            brotli: brotli.is_file().then_some(brotli),
            plain: path.clone(),
        };
        entries.insert(format!("/{}", below.display()), entry);
    }
    Ok(())
}

fn media_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit('.').next()? {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => return None,
    })
}

/// `console-1a2b3c4d5e6f.js` has one, `index.html` has not.
fn has_hash(name: &str) -> bool {
    name.split(['-', '_', '.']).any(|part| part.len() >= HASH_DIGITS_MIN && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Answers whatever no route answered.
pub(super) async fn serve(request: HttpRequest, files: web::Data<Files>) -> Result<HttpResponse, Failure> {
    let path = request.path();
    if path == "/api" || path.starts_with("/api/") {
        return Err(Failure::not_found());
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Failure::method_not_allowed("GET, HEAD".into()));
    }
    let path = if path == "/" { "/index.html" } else { path };
    let entry = files.find(path).ok_or_else(Failure::not_found)?;
    let brotli = entry.brotli.as_ref().filter(|_| takes_brotli(&request));
    let file = brotli.unwrap_or(&entry.plain);
    let bytes =
        tokio::fs::read(file).await.map_err(|error| Failure::fault(anyhow::anyhow!("{}: {error}", file.display())))?;
    let mut response = HttpResponse::Ok();
    response.content_type(entry.media_type).insert_header((header::VARY, "accept-encoding"));
    let cache = if entry.for_ever { "public, max-age=31536000, immutable" } else { "no-cache" };
    response.insert_header((header::CACHE_CONTROL, cache));
    if brotli.is_some() {
        response.insert_header((header::CONTENT_ENCODING, HeaderValue::from_static("br")));
    }
    Ok(response.body(bytes))
}

fn takes_brotli(request: &HttpRequest) -> bool {
    let accepted = request.headers().get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| {
        accepted.split(',').any(|one| {
            let mut parts = one.split(';').map(str::trim);
            parts.next() == Some("br") && !parts.any(|weight| weight.trim_start_matches("q=").parse() == Ok(0.0_f32))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashed_names_are_told_from_plain_ones() {
        assert!(has_hash("console-1a2b3c4d5e6f7788_bg.wasm"));
        assert!(has_hash("app.0123abcd.css"));
        assert!(!has_hash("index.html"));
        assert!(!has_hash("favicon.svg"));
    }

    #[test]
    fn pages_are_answered_by_the_index_and_missing_files_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("index.html"), "x").expect("writes");
        let files = Files::open(Some(folder.path())).expect("lists");
        assert!(files.find("/acme/shop/dev").is_some());
        assert!(files.find("/gone-1a2b3c4d.js").is_none());
        assert!(files.find("/../etc/passwd.txt").is_none());
    }
}
