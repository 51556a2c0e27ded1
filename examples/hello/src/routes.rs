//! What each path does.

use crate::{
    behaviour::Behaviour,
    http::{Request, Response},
    page,
};
use std::{
    process,
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

/// Longest wait of `/slow`.
const SLOW_MAX: Duration = Duration::from_secs(600);
/// Most that one `/leak` takes, in MiB.
const LEAK_MIB_MAX: usize = 4096;

pub fn answer(request: &Request, behaviour: &Behaviour) -> Response {
    match request.path.as_str() {
        "/" if request.wants_json => {
            Response { status: 200, content_type: "application/json", body: page::json(behaviour) }
        }
        "/" => Response { status: 200, content_type: "text/html; charset=utf-8", body: page::html(behaviour) },
        "/healthz" => health(behaviour),
        "/slow" => slow(request),
        "/fail" => fail(request, behaviour),
        "/crash" => {
            println!("crashing, as asked");
            process::exit(1);
        }
        "/leak" => leak(request, behaviour),
        "/log" => {
            println!("{}", request.parameter("line").unwrap_or_else(|| "a line".into()));
            Response::text(200, "written")
        }
        "/env" => Response { status: 200, content_type: "application/json", body: page::environment() },
        _ => Response::text(404, "nothing here; / knows the way"),
    }
}

fn health(behaviour: &Behaviour) -> Response {
    if behaviour.stopping.load(Ordering::SeqCst) {
        Response::text(503, "stopping")
    } else if Instant::now() < behaviour.ready_at {
        Response::text(503, "starting")
    } else if behaviour.fail_health.load(Ordering::SeqCst) {
        Response::text(503, "failing, as asked")
    } else {
        Response::text(200, "ok")
    }
}

fn slow(request: &Request) -> Response {
    let wait_ms = request.parameter("ms").and_then(|ms| ms.parse().ok()).unwrap_or(1000);
    thread::sleep(Duration::from_millis(wait_ms).min(SLOW_MAX));
    Response::text(200, format!("waited {wait_ms} ms"))
}

fn fail(request: &Request, behaviour: &Behaviour) -> Response {
    match request.parameter("health").as_deref() {
        Some(wanted) => {
            behaviour.fail_health.store(wanted == "true", Ordering::SeqCst);
            Response::text(200, if wanted == "true" { "/healthz fails from now on" } else { "/healthz is well again" })
        }
        None => Response::text(500, "failed, as asked"),
    }
}

fn leak(request: &Request, behaviour: &Behaviour) -> Response {
    let mib = request.parameter("mib").and_then(|mib| mib.parse().ok()).unwrap_or(16).min(LEAK_MIB_MAX);
    let Ok(mut leaked) = behaviour.leaked.lock() else { return Response::text(500, "an earlier leak failed") };
    // Written to, or the kernel would only promise it.
    leaked.push(vec![1; mib * 1024 * 1024]);
    let total_mib: usize = leaked.iter().map(|block| block.len() / (1024 * 1024)).sum();
    Response::text(200, format!("holding {total_mib} MiB"))
}
