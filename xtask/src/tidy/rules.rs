//! What may not be said in which part of the tree.

use super::{Fault, tree::Tree};
use regex::Regex;

/// Whether a rule binds tests, too.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Binds {
    Everything,
    RunningCode,
    Tests,
}

/// Something that may not be said.
struct Rule {
    what: &'static str,
    pattern: &'static str,
    /// Kinds of file, by extension.
    kinds: &'static [&'static str],
    /// Where it holds; everywhere when empty.
    within: &'static [&'static str],
    /// Where it does not.
    except: &'static [&'static str],
    binds: Binds,
    why: &'static str,
}

const RUST: &[&str] = &["rs"];
const SCRIPTS: &[&str] = &["ts", "mjs", "js"];

const RULES: &[Rule] = &[
    Rule {
        what: "SQL outside the store",
        pattern: r"\bsqlx::",
        kinds: RUST,
        within: &[],
        except: &["backend/src/store/", "backend/tests/", "crates/testkit/"],
        binds: Binds::Everything,
        why: "only backend/src/store speaks SQL: permits, tenants and the audit trail are checked there and nowhere else",
    },
    Rule {
        what: "Docker outside the agent's runtime",
        pattern: r"\bbollard::",
        kinds: RUST,
        within: &[],
        except: &["agent/src/runtime/docker.rs", "agent/src/runtime/docker/"],
        binds: Binds::Everything,
        why: "only agent/src/runtime/docker knows Docker, so that a second runtime needs a second module and nothing else",
    },
    Rule {
        what: "HTTP from the console outside its api",
        pattern: r"gloo_net::http|XmlHttpRequest|fetch_with_",
        kinds: RUST,
        within: &["frontend/src/"],
        except: &["frontend/src/api/"],
        binds: Binds::Everything,
        why: "only frontend/src/api fetches: sessions, errors and retries are handled there once",
    },
    Rule {
        what: "the store, SQL or the scheduler in HTTP",
        pattern: r"crate::(\{[^}]*\b)?store\b|\bsqlx::|berth_scheduler",
        kinds: RUST,
        within: &["backend/src/http/"],
        except: &[],
        binds: Binds::RunningCode,
        why: "a handler translates: permit, body to domain, one call of a service, domain to view",
    },
    Rule {
        what: "HTTP or gRPC in a service",
        pattern: r"\bactix_web::|\bberth_api_types::|\btonic::|crate::http\b",
        kinds: RUST,
        within: &["backend/src/service/"],
        except: &[],
        binds: Binds::RunningCode,
        why: "a use case takes and returns domain values, whoever asks for it",
    },
    Rule {
        what: "an upper layer in the store",
        pattern: r"crate::(\{[^}]*\b)?(http|service|reconcile)\b",
        kinds: RUST,
        within: &["backend/src/store/"],
        except: &[],
        binds: Binds::RunningCode,
        why: "the store is the lowest layer; what it needs from above is an argument",
    },
    Rule {
        what: "HTTP in a reconciler",
        pattern: r"crate::(\{[^}]*\b)?http\b|\bactix_web::",
        kinds: RUST,
        within: &["backend/src/reconcile/"],
        except: &[],
        binds: Binds::RunningCode,
        why: "reconcilers work from rows; nothing that a request knows may decide what they do",
    },
    Rule {
        what: "time, chance, floats, hash order or IO in a decision",
        pattern: r"\bstd::(fs|net|time|thread|env|process|io)\b|\b(f32|f64)\b|\bHashMap\b|\bHashSet\b|\basync fn\b|\bUtc::now\b",
        kinds: RUST,
        within: &["scheduler/core/src/", "crates/domain/src/"],
        except: &[],
        binds: Binds::RunningCode,
        why: "the same snapshot gives the same plan, byte for byte, on the server, in the simulator and in the browser",
    },
    Rule {
        what: "the clock or chance outside their one place",
        pattern: r"\bUtc::now\(|\bSystemTime::now\(|\bUuid::(new_v4|now_v7)\(",
        kinds: RUST,
        within: &["agent/src/", "backend/src/", "scheduler/", "crates/"],
        except: &["agent/src/clock.rs", "backend/src/clock.rs", "crates/testkit/"],
        binds: Binds::RunningCode,
        why: "time and randomness are arguments, so that tests and the simulator can choose them",
    },
    Rule {
        what: "a URL of the API spelt out",
        pattern: r#""/api/v1"#,
        kinds: RUST,
        within: &[],
        except: &["crates/api-types/src/path.rs"],
        binds: Binds::RunningCode,
        why: "every URL stands once, in api-types/src/path.rs, for the server and for all callers",
    },
    Rule {
        what: "unwrap",
        pattern: r"\.unwrap\(\)",
        kinds: RUST,
        within: &[],
        except: &[],
        binds: Binds::RunningCode,
        why: "running code handles it, or says with expect why it cannot happen",
    },
    Rule {
        what: "a fixed wait",
        pattern: r"\bsleep\(|waitForTimeout",
        kinds: &["rs", "ts", "mjs", "js"],
        within: &[],
        // The engine in memory plays apps that live for a while: their time is what it models.
        except: &["crates/testkit/src/wait.rs", "crates/testkit/src/database.rs", "agent/tests/it/fake.rs"],
        binds: Binds::Tests,
        why: "too short on a busy machine, too long on all others: wait for a condition with a deadline (testkit::wait)",
    },
    Rule {
        what: "a test that does not run",
        pattern: r"#\[ignore|\b(test|it|describe)\.(skip|only)\(",
        kinds: &["rs", "ts", "mjs", "js"],
        within: &[],
        except: &[],
        binds: Binds::Everything,
        why: "a test that does not run holds nothing: mend it or remove it",
    },
    Rule {
        what: "an unfinished mark",
        pattern: r"\b(TODO|FIXME|XXX)\b",
        kinds: &["rs", "ts", "mjs", "js", "css", "sql", "proto", "html", "toml", "yml", "sh"],
        within: &[],
        except: &[],
        binds: Binds::Everything,
        why: "what is not there is absent, and what is planned is an issue",
    },
    Rule {
        what: "a path of somebody's machine",
        pattern: r#"(^|[\s"'`(=])/(root|work|home/[a-z]+)/"#,
        kinds: &["rs", "ts", "mjs", "js", "css", "sql", "proto", "html", "toml", "yml", "sh", "md", "json"],
        within: &[],
        except: &[],
        binds: Binds::Everything,
        why: "the tree must work wherever it is cloned",
    },
    Rule {
        what: "where packages came from",
        pattern: r#""resolved":"#,
        kinds: &["json"],
        within: &[],
        except: &[],
        binds: Binds::Everything,
        why: "a lock file names versions and hashes; the registry is the business of whoever installs",
    },
    Rule {
        what: "console output by script",
        pattern: r"\bconsole\.log\(",
        kinds: SCRIPTS,
        within: &["frontend/js/src/"],
        except: &[],
        binds: Binds::Everything,
        why: "what matters is shown to the user; the rest is noise in a stranger's browser",
    },
];

/// Every line that says what it may not.
pub fn check(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for rule in RULES {
        let pattern = Regex::new(rule.pattern).expect("the patterns are tested");
        let bound = tree.files.iter().filter(|file| {
            rule.kinds.contains(&file.kind())
                && (rule.within.is_empty() || file.is_in(rule.within))
                && !file.is_in(rule.except)
                // The rules name what they forbid.
                && !file.path.starts_with("xtask/src/tidy/")
        });
        for file in bound {
            for (number, line, in_test) in file.code() {
                let binds = match rule.binds {
                    Binds::Everything => true,
                    Binds::RunningCode => !in_test,
                    // Where a test holds the clock, waiting takes no time.
                    Binds::Tests => in_test && !file.text.contains("start_paused"),
                };
                if binds && pattern.is_match(line) {
                    let place = format!("{}:{number}", file.path);
                    faults.push(Fault { place, what: format!("{}: {}", rule.what, line.trim()), why: rule.why });
                }
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{super::tree::File, *};

    fn faults(path: &str, text: &str) -> usize {
        check(&Tree { files: vec![File::new(path.into(), text.into())] }).len()
    }

    #[test]
    fn a_layer_may_not_reach_past_its_neighbour() {
        assert_eq!(faults("backend/src/http/v1/apps.rs", "use crate::store::apps;"), 1);
        assert_eq!(faults("backend/src/http/v1/apps.rs", "use crate::{authz, store};"), 1);
        assert_eq!(faults("backend/src/http/v1/apps.rs", "use crate::service::apps;"), 0);
        assert_eq!(faults("backend/src/store/apps.rs", "use crate::service::apps;"), 1);
        assert_eq!(faults("backend/src/service/apps.rs", "use actix_web::web;"), 1);
    }

    #[test]
    fn tests_are_bound_by_their_own_rules() {
        assert_eq!(faults("agent/src/a.rs", "fn f() { x.unwrap(); }"), 1);
        assert_eq!(faults("agent/src/a.rs", "#[cfg(test)]\nmod tests { fn f() { x.unwrap(); } }"), 0);
        assert_eq!(faults("agent/src/a.rs", "fn f() { sleep(pause).await; }"), 0);
        assert_eq!(faults("agent/tests/it/a.rs", "fn f() { sleep(pause).await; }"), 1);
    }

    #[test]
    fn only_one_place_may_say_it() {
        assert_eq!(faults("backend/src/live.rs", "sqlx::query!(\"SELECT 1\")"), 1);
        assert_eq!(faults("backend/src/store/live.rs", "sqlx::query!(\"SELECT 1\")"), 0);
        assert_eq!(faults("agent/src/diff.rs", "use bollard::Docker;"), 1);
        assert_eq!(faults("scheduler/core/src/plan.rs", "use std::collections::HashMap;"), 1);
        assert_eq!(faults("docs/a.md", "see /home/ann/berth"), 1);
        assert_eq!(faults("docs/a.md", "see /api/v1/me"), 0);
    }
}
