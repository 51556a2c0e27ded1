//! Who may depend on whom, read from the manifests.

use super::{Fault, tree::Tree};

/// A package and what it may never use.
struct Boundary {
    manifest: &'static str,
    never: &'static [&'static str],
    why: &'static str,
}

const SERVER_SIDE: &[&str] = &["tokio", "sqlx", "actix-web", "tonic", "leptos", "rand", "reqwest"];

const BOUNDARIES: &[Boundary] = &[
    Boundary {
        manifest: "crates/domain/Cargo.toml",
        never: SERVER_SIDE,
        why: "domain is pure and builds for the browser",
    },
    Boundary {
        manifest: "crates/api-types/Cargo.toml",
        never: SERVER_SIDE,
        why: "the contract is shared with the browser and the command line",
    },
    Boundary {
        manifest: "crates/audit/Cargo.toml",
        never: SERVER_SIDE,
        why: "a proof is checked by whoever holds it: no IO, nothing of the server",
    },
    Boundary {
        manifest: "scheduler/core/Cargo.toml",
        never: SERVER_SIDE,
        why: "decisions are pure: the same code plans on the server, in the simulator and in the browser",
    },
    Boundary {
        manifest: "scheduler/Cargo.toml",
        never: &["sqlx", "actix-web", "berth-server", "berth-agent"],
        why: "the scheduler commands agents; it knows neither the database nor requests",
    },
    Boundary {
        manifest: "agent/Cargo.toml",
        never: &["sqlx", "actix-web", "berth-server", "berth-scheduler", "berth-scheduler-core", "berth-api-types"],
        why: "an agent knows its node and the wire; it works without the control plane",
    },
    Boundary {
        manifest: "frontend/Cargo.toml",
        never: &[
            "tokio",
            "sqlx",
            "actix-web",
            "tonic",
            "reqwest",
            "berth-server",
            "berth-agent",
            "berth-scheduler",
            "berth-proto",
        ],
        why: "the console knows the HTTP contract, the domain and the planner, nothing else of ours",
    },
    Boundary {
        manifest: "cli/Cargo.toml",
        never: &["sqlx", "actix-web", "tonic", "bollard", "berth-server", "berth-agent", "berth-scheduler"],
        why: "the command line is a client of the API and starts programs; it links none of them",
    },
];

/// Every dependency that crosses a boundary.
pub fn check(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for boundary in BOUNDARIES {
        let Some(file) = tree.files.iter().find(|file| file.path == boundary.manifest) else { continue };
        let Ok(manifest) = file.text.parse::<toml::Table>() else {
            faults.push(Fault { place: file.path.clone(), what: "cannot be read".into(), why: "a manifest is TOML" });
            continue;
        };
        let dependencies = manifest.get("dependencies").and_then(|table| table.as_table());
        for name in dependencies.into_iter().flat_map(|table| table.keys()) {
            if boundary.never.contains(&name.as_str()) {
                faults.push(Fault { place: file.path.clone(), what: format!("uses {name}"), why: boundary.why });
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{super::tree::File, *};

    #[test]
    fn a_crossed_boundary_is_found() {
        let text = "[dependencies]\nsqlx.workspace = true\n[dev-dependencies]\ntokio.workspace = true\n";
        let tree = Tree { files: vec![File::new("crates/domain/Cargo.toml".into(), text.into())] };
        assert_eq!(check(&tree).len(), 1);
    }
}
