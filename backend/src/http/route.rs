//! A row of the route table: its action comes with the guard that its handler takes.

use super::{
    endpoint::{Endpoint, Guard},
    error::Failure,
    openapi::Description,
};
use crate::authz::{
    action::{Action, OpenAction},
    permit::{Open, Permit},
};
use actix_web::{
    FromRequest as _, HttpRequest, HttpResponse,
    http::{Method, header},
    web,
};
use berth_domain::right::Right;
use std::{collections::BTreeMap, marker::PhantomData, sync::Arc};

/// A row of the route table.
#[derive(Clone)]
pub struct Route {
    /// HTTP method.
    pub method: Method,
    /// From `berth_api_types::path`.
    pub path: &'static str,
    /// `noun.verb`.
    pub action: &'static str,
    /// The right that it needs.
    pub right: Option<Right>,
    /// Whether it needs nobody signed in.
    pub open: bool,
    /// What it does, in a line.
    pub summary: &'static str,
    pub(super) description: Description,
    mount: Arc<dyn Fn() -> actix_web::Route + Send + Sync>,
}

/// A row whose handler is still to be named.
pub struct Draft<G> {
    method: Method,
    path: &'static str,
    summary: &'static str,
    guard: PhantomData<fn() -> G>,
}

/// A row for what needs a permit.
pub fn signed<A: Action>(method: Method, path: &'static str, summary: &'static str) -> Draft<Permit<A>> {
    Draft { method, path, summary, guard: PhantomData }
}

/// A row for what needs nobody signed in.
pub fn open<A: OpenAction>(method: Method, path: &'static str, summary: &'static str) -> Draft<Open<A>> {
    Draft { method, path, summary, guard: PhantomData }
}

impl<G: Guard> Draft<G> {
    /// Names the handler: a function whose first argument is the guard.
    pub fn to<Args: 'static, E: Endpoint<G, Args>>(self, handler: E) -> Route {
        let mut description = Description::default();
        E::describe(&mut description);
        Route {
            method: self.method.clone(),
            path: self.path,
            action: G::ACTION,
            right: G::RIGHT,
            open: G::OPEN,
            summary: self.summary,
            description,
            mount: Arc::new(move || {
                actix_web::Route::new()
                    .method(self.method.clone())
                    .to(move |request: HttpRequest, payload: web::Payload| handler.call(request, payload.into_inner()))
            }),
        }
    }
}

/// Registers the table. Literal segments go before `{names}`, whatever the table's order.
pub(super) fn configure(config: &mut web::ServiceConfig, routes: &[Route]) {
    let mut by_path: BTreeMap<String, Vec<&Route>> = BTreeMap::new();
    for route in routes {
        by_path.entry(route.path.replace('{', "\u{10FFFF}")).or_default().push(route);
    }
    for group in by_path.into_values() {
        let mut resource = web::resource(group[0].path);
        for route in &group {
            resource = resource.route((route.mount)());
        }
        let allowed = group.iter().map(|route| route.method.as_str()).collect::<Vec<_>>().join(", ");
        config.service(resource.default_service(web::to(move || method_not_allowed(allowed.clone()))));
    }
}

async fn method_not_allowed(allowed: String) -> Result<HttpResponse, Failure> {
    Err(Failure::method_not_allowed(allowed))
}

/// Keeps `Allow` in one place.
pub(super) const ALLOW: header::HeaderName = header::ALLOW;

/// Reads path values by name, such as ids; one that does not read names nothing that exists.
pub(super) fn path_values<T: serde::de::DeserializeOwned + 'static>(request: &HttpRequest) -> Result<T, Failure> {
    let mut nothing = actix_web::dev::Payload::None;
    let path = web::Path::<T>::from_request(request, &mut nothing).into_inner();
    path.map(web::Path::into_inner).map_err(|_| Failure::not_found())
}
