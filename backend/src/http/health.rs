//! For whoever watches the process: whether it lives, and whether it can work.

use super::error::Failure;
use crate::{service::installation, startup::App};
use actix_web::{HttpResponse, http::Method, web};

pub(super) fn configure(config: &mut web::ServiceConfig) {
    // Load balancers ask with either.
    for method in [Method::GET, Method::HEAD] {
        config.route("/healthz", web::method(method.clone()).to(alive)).route("/readyz", web::method(method).to(ready));
    }
}

async fn alive() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("ok\n")
}

async fn ready(app: web::Data<App>) -> Result<HttpResponse, Failure> {
    installation::check_ready(&app).await?;
    Ok(HttpResponse::Ok().content_type("text/plain").body("ok\n"))
}
