//! Images loaded from files.

use crate::{
    helpers::{Bare, Browser, Door, Full, full, setup_token, with_project},
    world::World,
};
use berth_api_types::path;
use berth_testkit::wait::until_async;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::time::Duration;

const CONFIG: &str = r#"{"architecture":"amd64","config":{"ExposedPorts":{"8080/tcp":{}}}}"#;

/// An archive as `docker save` makes it.
fn archive(tags: &str) -> Vec<u8> {
    archive_with(tags, "layer")
}

/// The same with other bytes in its one layer.
pub fn archive_with(tags: &str, layer: &str) -> Vec<u8> {
    let config = format!("{}.json", hex::encode(Sha256::digest(CONFIG)));
    let manifest = format!(r#"[{{"Config":"{config}","RepoTags":{tags},"Layers":["l/layer.tar"]}}]"#);
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in [(config.as_str(), CONFIG), ("l/layer.tar", layer), ("manifest.json", manifest.as_str())] {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append_data(&mut header, name, bytes.as_bytes()).expect("appends");
    }
    builder.into_inner().expect("finishes")
}

async fn load(browser: &Browser, query: &str, media_type: &str, bytes: Vec<u8>) -> Full {
    let url = format!("{}{query}", path::images("acme", "shop"));
    full(browser.request("POST", &url).header("content-type", media_type).body(bytes)).await
}

#[tokio::test]
async fn an_archive_becomes_an_image_under_its_own_name() {
    let world = World::new().await;
    let owner = with_project(&world).await;

    let loaded = load(&owner, "", "application/x-tar", archive(r#"["shop/web:1"]"#)).await;

    assert_eq!(loaded.status, 201, "{}", loaded.body);
    assert_eq!(loaded.body["reference"], "docker.io/shop/web:1");
    assert_eq!(loaded.body["digest"], format!("sha256:{}", hex::encode(Sha256::digest(CONFIG))));
    assert_eq!((&loaded.body["exposed_ports"], &loaded.body["created_by"]), (&json!([8080]), &json!("Ann")));
    let kept: String = world.value("SELECT archive_sha256 FROM images").await;
    let file = world.app.settings.data_dir.join("images").join(format!("{}.tar", kept.trim_start_matches("sha256:")));
    let bytes = std::fs::read(&file).expect("the archive is kept under its digest");
    assert_eq!(hex::encode(Sha256::digest(&bytes)), kept.trim_start_matches("sha256:"));
    assert!(!String::from_utf8_lossy(&bytes).contains("shop/web"), "and names nothing on a node");
    let again = load(&owner, "", "application/x-tar", archive(r#"["shop/web:1"]"#)).await;
    assert_eq!(again.body["id"], loaded.body["id"], "the same bytes change nothing");
    assert_eq!(owner.get(&path::images("acme", "shop")).await.body["items"].as_array().map(Vec::len), Some(1));
    let id = loaded.body["id"].as_str().expect("an id").parse().expect("an image");
    assert_eq!(owner.act("DELETE", &path::image("acme", "shop", id)).await.status, 204);
    assert_eq!(owner.get(&path::image("acme", "shop", id)).await.status, 404);
}

#[tokio::test]
async fn a_reference_in_the_query_wins_over_the_archives_name() {
    let world = World::new().await;
    let owner = with_project(&world).await;
    let named = load(&owner, "?reference=my.registry/team/app:7", "application/x-tar", archive("null")).await;
    assert_eq!((named.status, &named.body["reference"]), (201, &json!("my.registry/team/app:7")));
    let nameless = load(&owner, "", "application/x-tar", archive("null")).await;
    assert_eq!(nameless.fields(), [("reference", "required")]);
    let wrong = load(&owner, "?reference=A%20B", "application/x-tar", archive("null")).await;
    assert_eq!(wrong.fields(), [("reference", "bad_character")]);
}

#[tokio::test]
async fn what_is_no_archive_is_refused_and_leaves_nothing() {
    let world = World::new().await;
    let owner = with_project(&world).await;
    let good = archive("null");
    for bytes in [Vec::new(), b"not a tar".to_vec(), vec![0x1F, 0x8B, 8], good[..good.len() / 2].to_vec()] {
        let refused = load(&owner, "?reference=a/b:1", "application/x-tar", bytes).await;
        assert_eq!((refused.status, refused.code()), (422, "invalid_archive"));
    }
    let other = load(&owner, "?reference=a/b:1", "application/zip", good).await;
    assert_eq!((other.status, other.code()), (415, "unsupported_media_type"));
    let left = std::fs::read_dir(world.app.settings.data_dir.join("images")).expect("the directory").count();
    assert_eq!(left, 0, "no file stays behind");
}

#[tokio::test]
async fn one_person_sends_few_archives_at_once() {
    let world = World::new().await;
    let owner = with_project(&world).await;
    let url = format!("{}?reference=a/b:1", path::images("acme", "shop"));
    // Two that have begun and not ended hold their places.
    let begin = || {
        let (more, body) = tokio::sync::mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
        let body = reqwest::Body::wrap_stream(tokio_stream::wrappers::ReceiverStream::new(body));
        let request = owner.request("POST", &url).header("content-type", "application/x-tar").body(body);
        (more, tokio::spawn(async move { full(request).await.status }))
    };
    let (one, two) = (begin(), begin());
    let images = world.app.settings.data_dir.join("images");
    let held = || async { (std::fs::read_dir(&images).map_or(0, Iterator::count) == 2).then_some(()) };
    until_async("both archives to be under way", Duration::from_secs(10), held).await;
    let third = load(&owner, "?reference=a/b:1", "application/x-tar", archive("null")).await;
    assert_eq!((third.status, third.code()), (429, "too_many_requests"), "{}", third.body);
    drop((one.0, two.0));
    assert_eq!((one.1.await.expect("ends"), two.1.await.expect("ends")), (422, 422), "an empty archive is none");
    let fourth = load(&owner, "?reference=a/b:1", "application/x-tar", archive("null")).await;
    assert_eq!(fourth.status, 201, "{}", fourth.body);
}

#[tokio::test]
async fn without_a_sample_there_is_none() {
    let world = World::new().await;
    let owner = with_project(&world).await;
    assert_eq!(owner.act("POST", &path::sample_image("acme", "shop")).await.status, 404);
}

#[tokio::test]
async fn the_sample_is_loaded_from_the_installation() {
    let folder = tempfile::tempdir().expect("a directory");
    let sample = folder.path().join("hello.tar");
    std::fs::write(&sample, archive(r#"["berth/hello:1"]"#)).expect("writes");
    let door = Door::new().await;
    let server = Bare::new(&door.url, |settings| settings.sample_image = Some(sample)).await;
    let owner = Browser::at(server.address);
    let token = setup_token(&server.app).await;
    let body = json!({ "setup_token": token, "email": "a@b.c", "display_name": "A", "password": "a long passphrase" });
    assert_eq!(owner.post(&path::setup(), body).await.status, 201);
    owner.post(&path::tenants(), json!({ "name": "acme" })).await;
    owner.post(&path::projects("acme"), json!({ "name": "shop" })).await;
    let first = owner.act("POST", &path::sample_image("acme", "shop")).await;
    assert_eq!((first.status, &first.body["reference"]), (201, &json!("docker.io/berth/hello:1")));
    let again = owner.act("POST", &path::sample_image("acme", "shop")).await;
    assert_eq!((again.status, &again.body["id"]), (201, &first.body["id"]));
}
