//! What every request meets at the door: bodies, methods, headers, documents, a database that is away.

use crate::{
    helpers::{Bare, Browser, Door, full, set_up, setup_token, with_project},
    world::World,
};
use berth_api_types::path;
use berth_server::{health_check, http};
use berth_testkit::wait::until_async;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

#[tokio::test]
async fn a_body_that_cannot_be_read_names_the_place() {
    let world = World::new().await;
    let admin = set_up(&world).await;
    let raw = |text: &'static str| {
        let request = admin.request("POST", &path::tenants()).header("content-type", "application/json").body(text);
        async { full(request).await }
    };
    for (text, field, code) in [
        (r#"{"name":"a","color":"red"}"#, "color", "unknown"),
        (r#"{"name":7}"#, "name", "bad_format"),
        (r#"{}"#, ".", "required"),
        (r#"{"name":"a","quota":{"cpu_milli":"x"}}"#, "quota.cpu_milli", "bad_format"),
    ] {
        let refused = raw(text).await;
        assert_eq!((refused.status, refused.code()), (400, "malformed_request"), "{text}");
        assert_eq!(refused.fields(), [(field, code)], "{text}");
    }
    for text in ["", "{", "[]", "null", r#"{"name":"a"} x"#] {
        assert_eq!(raw(text).await.status, 400, "{text}");
    }
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let request = admin.request("POST", &path::tenants()).header("content-type", "application/json").body(deep);
    assert_eq!(full(request).await.status, 400);
    let form = admin.request("POST", &path::tenants()).header("content-type", "text/plain").body("{}");
    let refused = full(form).await;
    assert_eq!((refused.status, refused.code()), (415, "unsupported_media_type"));
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_with_and_without_its_length() {
    let world = World::new().await;
    let admin = set_up(&world).await;
    let large = format!(r#"{{"name":"{}"}}"#, "x".repeat(1024 * 1024));
    let request = || admin.request("POST", &path::tenants()).header("content-type", "application/json");
    let refused = full(request().body(large.clone())).await;
    assert_eq!((refused.status, refused.code()), (413, "body_too_large"));
    let pieces = large.into_bytes().chunks(64 * 1024).map(|c| Ok::<_, std::io::Error>(c.to_vec())).collect::<Vec<_>>();
    let refused = full(request().body(reqwest::Body::wrap_stream(futures::stream::iter(pieces)))).await;
    assert_eq!((refused.status, refused.code()), (413, "body_too_large"));
}

#[tokio::test]
async fn unknown_paths_and_methods_get_problems_too() {
    let world = World::new().await;
    let browser = Browser::at(world.address);
    for (method, url, status, code) in [
        ("GET", "/api/v1/nowhere", 404, "not_found"),
        ("GET", "/api", 404, "not_found"),
        ("DELETE", "/api/v1/status", 405, "method_not_allowed"),
        ("POST", "/anything", 405, "method_not_allowed"),
    ] {
        let answer = browser.act(method, url).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{method} {url}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.body["request_id"], answer.headers["x-request-id"].to_str().expect("text"));
    }
    assert_eq!(browser.act("DELETE", "/api/v1/status").await.headers["allow"], "GET");
}

#[tokio::test]
async fn names_that_cannot_exist_are_not_found() {
    let world = World::new().await;
    let admin = with_project(&world).await;
    for name in ["%00", "..%2F..", "ACME", "%F0%9F%92%A5", "a%0d%0ab", "'%20OR%201=1--", &"x".repeat(3000)] {
        let answer = admin.get(&format!("/api/v1/tenants/{name}")).await;
        assert_eq!((answer.status, answer.code()), (404, "not_found"), "{name}");
    }
    for id in ["x", "image_1", "%00"] {
        let answer = admin.get(&format!("{}/{id}", path::images("acme", "shop"))).await;
        assert_eq!(answer.status, 404, "{id}");
    }
}

#[tokio::test]
async fn browsers_are_told_what_not_to_do() {
    let world = World::new().await;
    let answer = Browser::at(world.address).get(&path::status()).await;
    let header = |name: &str| answer.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    assert!(header("content-security-policy").contains("default-src 'self'"));
    assert!(header("content-security-policy").contains("frame-ancestors 'none'"));
    assert!(!header("content-security-policy").contains("'unsafe-eval'"));
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("cache-control"), "no-store");
    assert!(header("x-request-id").starts_with("req_"));
}

#[tokio::test]
async fn over_https_cookies_are_bound_to_the_host() {
    let door = Door::new().await;
    let server = Bare::new(&door.url, |settings| settings.public_url = "https://berth.example".into()).await;
    let token = crate::helpers::setup_token(&server.app).await;
    let body = json!({ "setup_token": token, "email": "a@b.c", "display_name": "A", "password": "a long passphrase" });
    let done = Browser::at(server.address).sent_from(Some("https://berth.example")).post(&path::setup(), body).await;
    assert_eq!(done.status, 201, "{}", done.body);
    assert!(done.cookie("__Host-berth-access").expect("set").contains("Secure"));
    assert!(done.cookie("__Secure-berth-refresh").expect("set").contains("Secure"));
    assert!(done.headers.contains_key("strict-transport-security"));
}

#[tokio::test]
async fn when_the_database_is_away_callers_are_told_to_come_back_and_it_recovers() {
    let door = Door::new().await;
    let server = Bare::new(&door.url, |_| {}).await;
    let browser = Browser::at(server.address);
    assert_eq!(browser.get("/readyz").await.status, 200);

    door.shut();

    for url in [path::status(), "/readyz".into()] {
        let away = browser.get(&url).await;
        assert_eq!((away.status, away.code()), (503, "unavailable"), "{url}: {}", away.body);
        assert!(away.headers.contains_key("retry-after"));
        assert!(!away.body.to_string().contains("PGSQL"), "nothing internal: {}", away.body);
    }
    let asked = browser.request("HEAD", "/readyz").send().await.expect("an answer");
    assert_eq!(asked.status(), 503, "however a load balancer asks");
    assert_eq!(browser.get("/healthz").await.status, 200, "the process lives");
    door.open();
    let answers = || async { (browser.get(&path::status()).await.status == 200).then_some(()) };
    until_async("the server to recover by itself", Duration::from_secs(20), answers).await;
}

#[tokio::test]
async fn a_supervisor_asks_with_the_servers_own_binary() {
    let door = Door::new().await;
    let server = Bare::new(&door.url, |_| {}).await;
    let address = server.address;
    let ask = move || tokio::task::spawn_blocking(move || health_check::ask(address));
    ask().await.expect("asks").expect("it is ready");
    door.shut();
    let refused = ask().await.expect("asks").expect_err("its database is away").to_string();
    assert!(refused.contains("not ready: HTTP/1.") && refused.contains("503"), "{refused}");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
    assert!(health_check::ask(nobody).is_err());
}

#[tokio::test]
async fn a_change_whose_commit_is_not_answered_is_not_said_to_have_failed() {
    let door = Door::new().await;
    let server = Bare::new(&door.url, |_| {}).await;
    let admin = Browser::at(server.address);
    let body = json!({ "setup_token": setup_token(&server.app).await, "email": "a@b.c", "display_name": "A",
        "password": "a long passphrase" });
    assert_eq!(admin.post(&path::setup(), body).await.status, 201);
    let create = || {
        let request = admin.request("POST", &path::tenants()).header("idempotency-key", "once");
        full(request.json(&json!({ "name": "acme" })))
    };
    door.swallow_next_commit();
    let lost = create().await;
    assert_eq!((lost.status, lost.code()), (503, "unsettled"), "{}", lost.body);
    assert!(!lost.headers.contains_key("retry-after"), "nobody is told to repeat it blindly");
    let again = create().await;
    assert_eq!((again.status, again.code()), (409, "conflict"), "it was done: {}", again.body);
    let tenants = admin.get(&path::tenants()).await.body;
    assert_eq!(tenants["items"].as_array().map(Vec::len), Some(1), "{tenants}");

    door.shut();
    let refused = admin.post(&path::tenants(), json!({ "name": "other" })).await;
    assert_eq!((refused.status, refused.code()), (503, "unavailable"), "{}", refused.body);
    assert!(refused.headers.contains_key("retry-after"));
    door.open();
    let answers = || async { (admin.get(&path::tenants()).await.status == 200).then_some(()) };
    until_async("the server to recover by itself", Duration::from_secs(20), answers).await;
    let tenants = admin.get(&path::tenants()).await.body;
    assert_eq!(tenants["items"].as_array().map(Vec::len), Some(1), "and nothing was changed: {tenants}");
}

#[tokio::test]
async fn the_document_names_every_route_and_every_path_is_routed() {
    let world = World::new().await;
    let browser = Browser::at(world.address);
    let document = browser.get("/api/openapi.json").await;
    assert_eq!(document.status, 200);
    assert_eq!(document.body["openapi"].as_str().map(|v| &v[..3]), Some("3.1"));
    let documented: BTreeSet<(String, String)> = document.body["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().expect("operations").keys();
            methods.map(move |method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
        })
        .collect();
    let table: BTreeSet<(String, String)> =
        http::table().iter().map(|route| (route.method.to_string(), route.path.to_owned())).collect();
    assert_eq!(documented, table);
    let routed: BTreeSet<&str> = table.iter().map(|(_, path)| path.as_str()).collect();
    assert_eq!(routed, path::ALL.iter().copied().collect());
    let text = document.body.to_string();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("#/components/schemas/") {
        rest = &rest[at + "#/components/schemas/".len()..];
        let name = &rest[..rest.find('"').expect("a quoted reference")];
        assert_ne!(document.body["components"]["schemas"][name], Value::Null, "{name} is defined");
    }
    let parameters = |path: &str, method: &str| {
        let found = document.body["paths"][path][method]["parameters"].as_array().expect("parameters").iter();
        found.map(|p| (p["name"].as_str().expect("a name"), p["schema"].clone())).collect::<BTreeMap<_, _>>()
    };
    let scale = parameters(path::SCALE, "put");
    assert_eq!(
        scale.keys().copied().collect::<Vec<_>>(),
        ["app", "environment", "idempotency-key", "if-match", "project", "tenant"]
    );
    assert!(scale["app"]["pattern"].as_str().is_some_and(|pattern| pattern.starts_with("^[a-z]")), "{scale:?}");
    let ids: Vec<&str> = document.body["paths"]
        .as_object()
        .expect("paths")
        .values()
        .flat_map(|item| item.as_object().expect("operations").values().filter_map(|op| op["operationId"].as_str()))
        .collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "operation ids are unique");
    assert_eq!(browser.get("/api/docs/").await.status, 200);
    assert_eq!(document.body["components"]["securitySchemes"]["session"]["name"], "berth-access");
}

#[tokio::test]
async fn whatever_refuses_a_request_says_why() {
    let world = World::new().await;
    let browser = Browser::at(world.address);
    let nothing = browser.get("/api/docs/nothing").await;
    assert_eq!((nothing.status, nothing.code()), (404, "not_found"));
    let picky = browser.request("GET", "/api/openapi.json").header("accept-encoding", "identity;q=0, *;q=0");
    let refused = full(picky).await;
    assert_eq!((refused.status, refused.code()), (400, "malformed_request"), "{}", refused.body);
    assert!(refused.headers.contains_key("x-request-id"));
}

#[tokio::test]
async fn the_console_is_served_compressed_and_pages_are_its_own() {
    let files = tempfile::tempdir().expect("a directory");
    std::fs::write(files.path().join("index.html"), "<title>Berth</title>").expect("writes");
    std::fs::write(files.path().join("app-0123456789abcdef.js"), "plain").expect("writes");
    std::fs::write(files.path().join("app-0123456789abcdef.js.br"), "brotli").expect("writes");
    let door = Door::new().await;
    let server = Bare::new(&door.url, |settings| settings.console_dir = Some(files.path().to_owned())).await;
    let get = |path: &'static str, accept: &'static str| {
        let url = format!("http://{}{path}", server.address);
        async move { reqwest::Client::new().get(url).header("accept-encoding", accept).send().await.expect("answers") }
    };
    for page in ["/", "/acme/shop/dev", "/index.html"] {
        let answer = get(page, "identity").await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["cache-control"]),
            (200, &"no-cache".parse().expect("a value"))
        );
        assert_eq!(answer.text().await.expect("text"), "<title>Berth</title>", "{page}");
    }
    let hashed = get("/app-0123456789abcdef.js", "gzip, br").await;
    assert_eq!(hashed.headers()["content-encoding"], "br");
    assert!(hashed.headers()["cache-control"].to_str().expect("text").contains("immutable"));
    assert_eq!(hashed.text().await.expect("text"), "brotli");
    assert_eq!(get("/app-0123456789abcdef.js", "identity").await.text().await.expect("text"), "plain");
    for missing in ["/gone.js", "/..%2fmaster.key", "/%2e%2e/master.key"] {
        assert_eq!(get(missing, "identity").await.status().as_u16(), 404, "{missing}");
    }
}
