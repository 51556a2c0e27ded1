//! References resolved against a registry that the test plays, and against images that were loaded.

use crate::{
    helpers::with_project,
    world::{PLENTY, World, spec},
};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use berth_api_types::path;
use berth_domain::right::Role;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::net::{Ipv4Addr, TcpListener};

const CONFIG: &str = r#"{"architecture":"amd64","os":"linux","config":{"ExposedPorts":{"9000/tcp":{}}},"rootfs":{"type":"layers","diff_ids":[]}}"#;

fn digest(text: &str) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(text)))
}

fn manifest() -> String {
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(CONFIG), "size": CONFIG.len() },
        "layers": [],
    })
    .to_string()
}

/// A registry with `team/app:1` for everybody and `private/app:1` for `bot` with the password `s3cret`.
async fn registry(request: HttpRequest) -> HttpResponse {
    let path = request.path();
    let signed_in =
        request.headers().get("authorization").is_some_and(|value| value.as_bytes() == b"Basic Ym90OnMzY3JldA==");
    let challenge = || {
        HttpResponse::Unauthorized()
            .insert_header(("www-authenticate", "Basic realm=\"test\""))
            .json(json!({ "errors": [{ "code": "UNAUTHORIZED", "message": "no", "detail": null }] }))
    };
    match path {
        "/v2/" => challenge(),
        _ if path.starts_with("/v2/private/") && !signed_in => challenge(),
        "/v2/broken/app/manifests/1" => HttpResponse::InternalServerError().body("stack trace of the registry"),
        _ if path.ends_with("/manifests/1") || path.ends_with(&format!("/manifests/{}", digest(&manifest()))) => {
            HttpResponse::Ok()
                .insert_header(("docker-content-digest", digest(&manifest())))
                .content_type("application/vnd.oci.image.manifest.v1+json")
                .body(manifest())
        }
        _ if path.ends_with(&format!("/blobs/{}", digest(CONFIG))) => HttpResponse::Ok().body(CONFIG),
        _ => HttpResponse::NotFound()
            .json(json!({ "errors": [{ "code": "MANIFEST_UNKNOWN", "message": "no", "detail": null }] })),
    }
}

/// Starts it; returns its host and port.
fn serve() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("bound");
    let server = HttpServer::new(|| App::new().default_service(web::to(registry)));
    tokio::spawn(server.workers(1).disable_signals().listen(listener).expect("listens").run());
    address.to_string()
}

#[tokio::test]
async fn a_tag_is_pinned_to_what_the_registry_says() {
    let world = World::new().await;
    let acme = world.tenant("acme", PLENTY).await;
    let ada = world.person(&acme, Role::Developer).await;
    let host = serve();

    let made = ada.post(&acme.apps(), json!({ "name": "web", "spec": spec(&format!("{host}/team/app:1")) })).await;

    assert_eq!(made.status, 202, "{}", made.body);
    assert_eq!(made.body["release"]["image"], format!("{host}/team/app:1@{}", digest(&manifest())));
}

#[tokio::test]
async fn a_plan_tells_the_ports_that_the_image_says() {
    let world = World::new().await;
    let acme = world.tenant("acme", PLENTY).await;
    let ada = world.person(&acme, Role::Developer).await;
    let image = format!("{}/team/app:1", serve());

    let planned =
        ada.post(&acme.apps().replace("/apps", "/plan"), json!({ "replicas": 1, "spec": spec(&image) })).await;

    assert_eq!(planned.status, 200, "{}", planned.body);
    assert_eq!(planned.body["exposed_ports"], json!([9000]));
}

#[tokio::test]
async fn what_a_registry_refuses_is_said_plainly_and_nothing_is_made() {
    let world = World::new().await;
    let acme = world.tenant("acme", PLENTY).await;
    let ada = world.person(&acme, Role::Developer).await;
    let host = serve();
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port").local_addr().expect("bound");
    for (image, status, code) in [
        (format!("{host}/team/app:gone"), 422, "image_not_found"),
        (format!("{host}/private/app:1"), 422, "registry_denied"),
        (format!("{host}/broken/app:1"), 502, "registry_unavailable"),
        (format!("{closed}/team/app:1"), 502, "registry_unavailable"),
        ("169.254.169.254/latest/meta-data:1".to_owned(), 502, "registry_unavailable"),
        ("berth.local/upload:1".to_owned(), 422, "image_not_found"),
    ] {
        let refused = ada.post(&acme.apps(), json!({ "name": "web", "spec": spec(&image) })).await;
        assert_eq!((refused.status, &refused.body["code"]), (status, &json!(code)), "{image}: {}", refused.body);
        assert!(!refused.body.to_string().contains("stack trace"), "the registry's words stay in our log");
    }
    assert_eq!(world.value::<i64>("SELECT count(*) FROM apps").await, 0);
}

#[tokio::test]
async fn the_projects_credentials_open_a_private_repository() {
    let world = World::new().await;
    let owner = with_project(&world).await;
    let host = serve();
    let put = |password: &str| {
        let body = json!({ "registry": host, "username": "bot", "password": password });
        let owner = owner.clone();
        async move { owner.send("PUT", &path::credentials("acme", "shop"), body).await.status }
    };
    let body = json!({ "name": "web", "spec": spec(&format!("{host}/private/app:1")) });
    let url = path::apps("acme", "shop", "dev");
    assert_eq!(put("wrong").await, 200);
    assert_eq!(owner.post(&url, body.clone()).await.code(), "registry_denied");
    assert_eq!(put("s3cret").await, 200);
    let made = owner.post(&url, body).await;
    assert_eq!(made.status, 202, "{}", made.body);
}
