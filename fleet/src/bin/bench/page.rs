//! What a browser fetches before the console can be used for the first time, as the server sends it.

use anyhow::{Context, Result};
use berth_fleet_tests::client::http;
use std::collections::BTreeSet;

/// A file and the bytes that were sent for it.
pub struct File {
    pub path: String,
    pub bytes: usize,
}

/// The page and everything that it names, compressed. Parts that are loaded when they are opened are not named by a
/// `src` or `href`, and fonts only by the styles.
pub async fn first_load(base: &str) -> Result<Vec<File>> {
    let client = http(|builder| builder);
    let (page, sent) = fetch(&client, base, "/", "identity").await?;
    let mut files = vec![File { path: "/".into(), bytes: fetch(&client, base, "/", "br").await?.1 }];
    anyhow::ensure!(sent > 0, "there is no page");
    for path in references(&String::from_utf8_lossy(&page)) {
        let (_, bytes) = fetch(&client, base, &path, "br").await?;
        files.push(File { path, bytes });
    }
    Ok(files)
}

/// Fonts that the styles of a page name; a browser fetches those that the text needs.
pub async fn fonts(base: &str, files: &[File]) -> Result<Vec<File>> {
    let client = http(|builder| builder);
    let mut found = BTreeSet::new();
    for style in files.iter().filter(|file| file.path.ends_with(".css")) {
        let (text, _) = fetch(&client, base, &style.path, "identity").await?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let folder = style.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for address in text.split("url(").skip(1).filter_map(|rest| rest.split(')').next()) {
            let address = address.trim_matches(['"', '\'']);
            let is_font = [".woff2", ".woff", ".ttf"].iter().any(|ending| address.ends_with(ending));
            if is_font {
                let name = address.trim_start_matches("./");
                found.insert(if name.starts_with('/') { name.to_owned() } else { format!("{folder}/{name}") });
            }
        }
    }
    let mut fonts = Vec::new();
    for path in found {
        let (_, bytes) = fetch(&client, base, &path, "br").await?;
        fonts.push(File { path, bytes });
    }
    Ok(fonts)
}

async fn fetch(client: &reqwest::Client, base: &str, path: &str, encoding: &str) -> Result<(Vec<u8>, usize)> {
    let request = client.get(format!("{base}{path}")).header("accept-encoding", encoding);
    let request = request.header("accept", "text/html,*/*");
    let answer = request.send().await.and_then(reqwest::Response::error_for_status);
    // Nothing here undoes a compression: these are the bytes on the wire.
    let bytes = answer.with_context(|| format!("fetching {path}"))?.bytes().await?;
    Ok((bytes.to_vec(), bytes.len()))
}

fn references(page: &str) -> BTreeSet<String> {
    let attributes = ["src=\"", "href=\""];
    let found = attributes.iter().flat_map(|attribute| page.split(attribute).skip(1));
    let local = found.filter_map(|rest| rest.split('"').next()).filter(|path| path.starts_with('/'));
    local.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::references;

    #[test]
    fn only_what_the_page_loads_itself_counts() {
        let page = r#"<link rel="stylesheet" href="/assets/a.css"><script src="/assets/b.js"></script>
            <meta name="berth-part-terminal" content="/assets/t.js"><a href="https://example.org">x</a>"#;
        assert_eq!(references(page).into_iter().collect::<Vec<_>>(), ["/assets/a.css", "/assets/b.js"]);
    }
}
