//! What can answer a route: a function of a guard first, then inputs. The guard is asked before anything else of the
//! request is read, so that nobody learns from a body's errors what they may not see.

use super::{error::Failure, idempotency, input::Input, openapi::Description, reply::Reply};
use crate::{
    authn::{
        credential::{self, NoCredential},
        origin,
    },
    authz::{
        action::{Action, OpenAction},
        gate::{self, Names},
        permit::{Open, Permit, RequestContext},
    },
    startup::App,
};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, dev::Payload, web};
use berth_domain::{id::UserId, right::Right};
use futures::future::LocalBoxFuture;

/// What lets a request in: a permit, or proof that nobody need be signed in.
pub trait Guard: Sized + 'static {
    /// `noun.verb`.
    const ACTION: &'static str;
    /// The right that is needed.
    const RIGHT: Option<Right>;
    /// Whether nobody need be signed in.
    const OPEN: bool;
    /// Asks the gate.
    fn admit(app: &App, request: &HttpRequest) -> impl Future<Output = Result<Self, Failure>>;
    /// The request.
    fn context(&self) -> &RequestContext;
    /// Who, when somebody is signed in.
    fn user(&self) -> Option<UserId>;
}

impl<A: Action> Guard for Permit<A> {
    const ACTION: &'static str = A::NAME;
    const RIGHT: Option<Right> = A::RIGHT;
    const OPEN: bool = false;

    async fn admit(app: &App, request: &HttpRequest) -> Result<Self, Failure> {
        let context = idempotency::with_key(context(request)?, request)?;
        let credential = credential::read(request, &app.settings, &app.sessions).map_err(|no| match no {
            NoCredential::Unauthenticated => Failure::unauthenticated(),
            NoCredential::Expired => Failure::token_expired(),
            NoCredential::ForeignOrigin => Failure::foreign_origin(),
        })?;
        Ok(gate::admit(&app.store, credential, &names(request), context).await?)
    }
    fn context(&self) -> &RequestContext {
        self.request()
    }
    fn user(&self) -> Option<UserId> {
        Some(self.actor().user)
    }
}

impl<A: OpenAction> Guard for Open<A> {
    const ACTION: &'static str = A::NAME;
    const RIGHT: Option<Right> = None;
    const OPEN: bool = true;

    async fn admit(app: &App, request: &HttpRequest) -> Result<Self, Failure> {
        if !request.method().is_safe() && !origin::is_ours_or_no_browser(request, &app.settings) {
            return Err(Failure::foreign_origin());
        }
        Ok(gate::open(context(request)?))
    }
    fn context(&self) -> &RequestContext {
        self.request()
    }
    fn user(&self) -> Option<UserId> {
        None
    }
}

fn context(request: &HttpRequest) -> Result<RequestContext, Failure> {
    request
        .extensions()
        .get::<RequestContext>()
        .cloned()
        .ok_or_else(|| Failure::fault(anyhow::anyhow!("the envelope is missing around this route")))
}

fn names(request: &HttpRequest) -> Names {
    let name = |key| request.match_info().get(key).map(str::to_owned);
    Names { tenant: name("tenant"), project: name("project"), environment: name("environment"), app: name("app") }
}

/// The action for which the gate let a request in. The envelope names it in the answer and in the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Admitted(pub(super) &'static str);

/// A handler.
pub trait Endpoint<G, Args>: Copy + Send + Sync + 'static {
    /// What it takes and answers, for the API document.
    fn describe(description: &mut Description);
    /// Guard, inputs, handler, answer, in this order.
    fn call(self, request: HttpRequest, payload: Payload) -> LocalBoxFuture<'static, Result<HttpResponse, Failure>>;
}

/// One implementation per number of inputs: Rust has no other way to say "any number".
macro_rules! endpoint {
    ($($input:ident $value:ident),*) => {
        impl<G, F, Answer, R, $($input),*> Endpoint<G, (G, $($input,)*)> for F
        where
            G: Guard,
            F: Fn(G, $($input),*) -> Answer + Copy + Send + Sync + 'static,
            Answer: Future<Output = Result<R, Failure>>,
            R: Reply,
            $($input: Input,)*
        {
            fn describe(description: &mut Description) {
                $($input::describe(description);)*
                R::describe(description);
            }
            #[allow(unused_mut, unused_variables)]
            fn call(self, request: HttpRequest, mut payload: Payload)
                -> LocalBoxFuture<'static, Result<HttpResponse, Failure>>
            {
                Box::pin(async move {
                    let app = app(&request)?;
                    let guard = G::admit(&app, &request).await?;
                    request.extensions_mut().insert(Admitted(G::ACTION));
                    $(let $value = $input::read(&request, &mut payload).await?;)*
                    let calls = idempotency::Call::new(&app, &request, guard.context().clone(), guard.user());
                    if let Some(answer) = calls.remembered().await? {
                        return Ok(answer);
                    }
                    match self(guard, $($value),*).await {
                        Ok(reply) => calls.keep(reply.into_answer()?).await,
                        Err(failure) if failure.is_key_used() => calls.wait_for_first().await,
                        Err(failure) => Err(failure),
                    }
                })
            }
        }
    };
}
endpoint!();
endpoint!(T1 t1);
endpoint!(T1 t1, T2 t2);
endpoint!(T1 t1, T2 t2, T3 t3);
endpoint!(T1 t1, T2 t2, T3 t3, T4 t4);
endpoint!(T1 t1, T2 t2, T3 t3, T4 t4, T5 t5);

fn app(request: &HttpRequest) -> Result<web::Data<App>, Failure> {
    request
        .app_data::<web::Data<App>>()
        .cloned()
        .ok_or_else(|| Failure::fault(anyhow::anyhow!("the app's state is missing around this route")))
}
