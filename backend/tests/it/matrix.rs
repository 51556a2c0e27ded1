//! The matrix: every route × every caller × every place, over HTTP, against a reviewed file.
//!
//! Whether the gate let a caller in is read from the answer's `x-berth-action`, so that nothing need succeed: bodies are
//! broken, revisions are wrong, ids name nothing. The file is written anew with `BERTH_MATRIX=write` and reviewed as any
//! policy is; what must hold whatever it says is asserted here.

use crate::world::{Caller, IMAGE, PLENTY, Tenant, World, spec};
use berth_api_types::path;
use berth_domain::{
    id::{EnvironmentId, ProjectId},
    right::Role,
};
use berth_server::http::{self, openapi::path_names, route::Route};
use serde_json::json;
use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf};

/// How a call went, as a letter of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// Let in.
    Admitted,
    /// 403: sees the place, lacks the right.
    Missing,
    /// 404: not there, or not to be seen.
    Hidden,
    /// 401: nobody.
    Nobody,
}

impl Cell {
    fn letter(self) -> char {
        match self {
            Self::Admitted => '+',
            Self::Missing => '-',
            Self::Hidden => '.',
            Self::Nobody => '!',
        }
    }
}

/// A place that a path's names are filled with: tenant, project, environment, app.
const PLACES: [(&str, [&str; 4]); 8] = [
    ("own", ["acme", "shop", "dev", "web"]),
    ("other environment", ["acme", "shop", "production", "web"]),
    ("other project", ["acme", "blog", "dev", "web"]),
    ("other tenant", ["other", "shop", "dev", "web"]),
    ("missing tenant", ["nowhere", "shop", "dev", "web"]),
    ("missing project", ["acme", "nothing", "dev", "web"]),
    ("missing environment", ["acme", "shop", "nothing", "web"]),
    ("deleted app", ["acme", "shop", "dev", "gone"]),
];

/// The names of `place` in a route's path, and ids that name nothing.
fn fill(route: &Route, place: [&str; 4]) -> String {
    let nothing = format!("{:032x}", 1);
    let value = |name: &str| match name {
        "tenant" => place[0].to_owned(),
        "project" => place[1].to_owned(),
        "environment" => place[2].to_owned(),
        "app" => place[3].to_owned(),
        "credential" => format!("cred_{nothing}"),
        "image" => format!("image_{nothing}"),
        "instance" => format!("inst_{nothing}"),
        "session" => format!("session_{nothing}"),
        "token" => format!("token_{nothing}"),
        "user" => format!("user_{nothing}"),
        "node" => "node-1".to_owned(),
        "number" => "7".to_owned(),
        other => panic!("a path names {other}: say what the matrix fills in"),
    };
    path_names(route.path).fold(route.path.to_owned(), |url, name| url.replace(&format!("{{{name}}}"), &value(name)))
}

/// Those who call, in the order of the file's columns.
async fn callers(world: &World, acme: &Tenant, other: &Tenant) -> Vec<(String, Option<Caller>)> {
    let stranger = world.person(other, Role::Owner).await;
    let administrator = world.stranger().await;
    sqlx::query("UPDATE users SET platform_administrator = true WHERE id = $1")
        .bind(administrator.user.uuid())
        .execute(&world.pool)
        .await
        .expect("the account is there");
    let mut callers = vec![
        ("nobody".to_owned(), None),
        ("of another tenant".to_owned(), Some(stranger)),
        ("platform administrator".to_owned(), Some(administrator)),
    ];
    let places: [(&str, Option<ProjectId>, Option<EnvironmentId>); 3] = [
        ("tenant", None, None),
        ("project", Some(acme.project), None),
        ("environment", Some(acme.project), Some(acme.environment)),
    ];
    for (place, project, environment) in places {
        for role in Role::ALL {
            // Owners are of the whole tenant.
            if role == Role::Owner && project.is_some() {
                continue;
            }
            let caller = world.stranger().await;
            world.bind(&caller, acme, project, environment, role).await;
            callers.push((format!("{} at {place}", role.as_str()), Some(caller)));
        }
    }
    callers
}

/// Makes what the places name.
async fn furnish(world: &World, acme: &Tenant, other: &Tenant) {
    for tenant in [acme, other] {
        let owner = world.person(tenant, Role::Owner).await;
        let name = tenant.name.as_str();
        for (made, body) in [
            (path::environments(name, "shop"), json!({ "name": "production" })),
            (path::projects(name), json!({ "name": "blog" })),
        ] {
            assert_eq!(owner.post(&made, body).await.status, 201, "{made}");
        }
        world.load_images("blog").await;
        for (project, environment, app) in
            [("shop", "dev", "web"), ("shop", "production", "web"), ("shop", "dev", "gone"), ("blog", "dev", "web")]
        {
            // Without instances nothing is rolled out that a call could change.
            let body = json!({ "name": app, "replicas": 0, "spec": spec(IMAGE) });
            let url = path::apps(name, project, environment);
            let made = owner.post(&url, body).await;
            assert_eq!(made.status, 202, "{url}: {}", made.body);
        }
        assert_eq!(owner.delete(&path::app(name, "shop", "dev", "gone")).await.status, 204);
    }
}

async fn try_route(world: &World, caller: Option<&Caller>, route: &Route, url: &str) -> Cell {
    let address = format!("http://{}{url}", world.address);
    let method = reqwest::Method::from_bytes(route.method.as_str().as_bytes()).expect("a method");
    let request = match caller {
        Some(caller) => caller.request(route.method.as_str(), url),
        None => reqwest::Client::new().request(method, address),
    };
    // A body that no handler takes and a revision that no app has: whoever is let in changes nothing.
    let answer = request
        .header("content-type", "application/json")
        .header("if-match", "\"999999\"")
        .body("{")
        .send()
        .await
        .expect("the server answers");
    let (status, admitted) = (answer.status().as_u16(), answer.headers().get("x-berth-action"));
    match (admitted, status) {
        (Some(action), _) => {
            assert_eq!(action, route.action, "{url} lets in for what its row says");
            assert!(status < 500, "{} {url}: {status}", route.method);
            Cell::Admitted
        }
        (None, 401) => Cell::Nobody,
        (None, 403) => Cell::Missing,
        (None, 404) => Cell::Hidden,
        (None, status) => panic!("{} {url}: {status} from before the gate", route.method),
    }
}

/// Every cell: place, route, then a cell for each caller.
type Matrix = BTreeMap<(usize, usize), Vec<Cell>>;

async fn measure(world: &World, callers: &[(String, Option<Caller>)], routes: &[Route]) -> Matrix {
    let mut matrix = Matrix::new();
    for (r, route) in routes.iter().enumerate() {
        let mut seen = Vec::new();
        for (p, (_, place)) in PLACES.iter().enumerate() {
            let url = fill(route, *place);
            if seen.contains(&url) {
                continue;
            }
            let mut cells = Vec::new();
            for (_, caller) in callers {
                cells.push(try_route(world, caller.as_ref(), route, &url).await);
            }
            matrix.insert((p, r), cells);
            seen.push(url);
        }
    }
    matrix
}

fn write(matrix: &Matrix, callers: &[(String, Option<Caller>)], routes: &[Route]) -> String {
    let mut text = String::from(
        "# Who is let in where. + let in, - 403 the right is missing, . 404 hidden, ! 401 nobody.\n# Columns:\n",
    );
    for (i, (name, _)) in callers.iter().enumerate() {
        writeln!(text, "#  {:2} {name}", i + 1).expect("writes to a string");
    }
    for (p, (name, place)) in PLACES.iter().enumerate() {
        writeln!(text, "\n## {name}: {}", place.join("/")).expect("writes to a string");
        for (r, route) in routes.iter().enumerate() {
            if let Some(cells) = matrix.get(&(p, r)) {
                let letters: String = cells.iter().map(|cell| cell.letter()).collect();
                writeln!(text, "{letters}  {} {}", route.method, route.path).expect("writes to a string");
            }
        }
    }
    text
}

/// What must hold whatever the file says.
fn check(matrix: &Matrix, callers: &[(String, Option<Caller>)], routes: &[Route]) {
    for ((p, r), cells) in matrix {
        let (route, place) = (&routes[*r], PLACES[*p].0);
        for (cell, (caller, _)) in cells.iter().zip(callers) {
            let what = format!("{caller} at {place}: {} {} is {cell:?}", route.method, route.path);
            match caller.as_str() {
                _ if route.open => assert_eq!(*cell, Cell::Admitted, "{what}"),
                "nobody" => assert_eq!(*cell, Cell::Nobody, "{what}"),
                "platform administrator" => {
                    let within = path_names(route.path).any(|name| name == "project");
                    assert!(!within || *cell == Cell::Hidden, "no sight into a tenant: {what}");
                }
                "of another tenant" => {
                    let foreign = route.path.contains("{tenant}") && place != "other tenant";
                    assert!(!foreign || *cell == Cell::Hidden, "{what}");
                }
                _ if route.path.contains("{tenant}") && matches!(place, "other tenant" | "missing tenant") => {
                    assert_eq!(*cell, Cell::Hidden, "{what}");
                }
                _ if path_names(route.path).any(|name| name == "project") && place == "missing project" => {
                    assert_eq!(*cell, Cell::Hidden, "{what}");
                }
                // What lies beside the place of a role is as hidden as what is not there.
                _ if caller.ends_with("at environment")
                    && path_names(route.path).any(|name| name == "environment")
                    && matches!(place, "other environment" | "missing environment") =>
                {
                    assert_eq!(*cell, Cell::Hidden, "{what}");
                }
                _ if !caller.ends_with("at tenant")
                    && path_names(route.path).any(|name| name == "project")
                    && place == "other project" =>
                {
                    assert_eq!(*cell, Cell::Hidden, "{what}");
                }
                _ if path_names(route.path).any(|name| name == "app") && place == "deleted app" => {
                    assert_ne!(*cell, Cell::Admitted, "{what}");
                }
                _ => {}
            }
            assert!(*cell != Cell::Nobody || caller == "nobody", "{what}");
        }
    }
    holds_downwards(matrix, callers, routes);
}

/// A role at a place is never worth more than the same role further up.
fn holds_downwards(matrix: &Matrix, callers: &[(String, Option<Caller>)], routes: &[Route]) {
    let column = |name: &str| callers.iter().position(|(caller, _)| caller == name);
    for ((p, r), cells) in matrix {
        for role in Role::ALL.iter().map(|role| role.as_str()) {
            let at = |place: &str| column(&format!("{role} at {place}")).map(|i| cells[i] == Cell::Admitted);
            let (Some(tenant), Some(project), Some(environment)) = (at("tenant"), at("project"), at("environment"))
            else {
                continue;
            };
            let what = format!("{role} at {}: {} {}", PLACES[*p].0, routes[*r].method, routes[*r].path);
            assert!(tenant || !project, "{what}");
            assert!(project || !environment, "{what}");
        }
    }
}

#[tokio::test]
async fn every_route_lets_in_whom_the_policy_names_and_nobody_else() {
    let world = World::new().await;
    let (acme, other) = (world.tenant("acme", PLENTY).await, world.tenant("other", PLENTY).await);
    furnish(&world, &acme, &other).await;
    let callers = callers(&world, &acme, &other).await;
    let routes = http::table();
    let before = rows(&world).await;

    let matrix = measure(&world, &callers, &routes).await;

    check(&matrix, &callers, &routes);
    assert_eq!(rows(&world).await, before, "nobody changed anything");
    let text = write(&matrix, &callers, &routes);
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/matrix.policy");
    if std::env::var("BERTH_MATRIX").is_ok_and(|value| value == "write") {
        std::fs::write(&file, &text).expect("the file can be written");
    }
    let policy = std::fs::read_to_string(&file).unwrap_or_default();
    let wrong = text.lines().zip(policy.lines()).filter(|(is, should)| is != should).count()
        + text.lines().count().abs_diff(policy.lines().count());
    println!("matrix: {} cells, {wrong} lines that differ from the policy", matrix.len() * callers.len());
    let differs: Vec<_> = text.lines().filter(|line| !policy.lines().any(|known| known == *line)).collect();
    assert_eq!(wrong, 0, "not as the policy says, or a new route (BERTH_MATRIX=write, then review):\n{differs:#?}");
}

/// What no call of the matrix may change.
async fn rows(world: &World) -> [i64; 6] {
    [
        world.value("SELECT count(*) FROM tenants").await,
        world.value("SELECT count(*) FROM projects").await,
        world.value("SELECT count(*) FROM environments").await,
        world.value("SELECT count(*) FROM apps WHERE deleted_at IS NULL").await,
        world.value("SELECT sum(revision)::bigint FROM apps").await,
        world.value("SELECT count(*) FROM role_bindings").await,
    ]
}
