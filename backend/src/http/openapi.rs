//! The API document, made from the route table: what is not in the table is not in it, and the other way round.

use super::{idempotency, route::Route};
use actix_web::{
    http::{Method, StatusCode},
    web,
};
use berth_api_types::error::{PROBLEM_JSON, Problem};
use berth_domain::{
    id::{ImageId, InstanceId, RegistryCredentialId, SessionId, TokenId, UserId},
    name::Name,
};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{
        ComponentsBuilder, ContentBuilder, HttpMethod, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathItem,
        PathsBuilder, Ref, RefOr, Required, Response, ResponseBuilder, Schema, SecurityRequirement,
        extensions::ExtensionsBuilder,
        path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
        request_body::{RequestBody, RequestBodyBuilder},
        schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
        tag::TagBuilder,
    },
};
use utoipa_swagger_ui::{Config, SwaggerUi};

/// Where the document is.
pub const DOCUMENT: &str = "/api/openapi.json";

type NamedSchema = (String, RefOr<Schema>);

/// What a handler takes and answers. Filled by its inputs and its reply.
#[derive(Clone, Default)]
pub struct Description {
    parameters: Vec<Parameter>,
    body: Option<RequestBody>,
    answers: Vec<(StatusCode, Response)>,
    schemas: Vec<NamedSchema>,
}

impl Description {
    pub(super) fn header(&mut self, name: &str, description: &str, schema: impl Into<RefOr<Schema>>) {
        self.parameters.push(header(name, description, schema));
    }
    pub(super) fn query<T: IntoParams>(&mut self) {
        self.parameters.extend(T::into_params(|| Some(ParameterIn::Query)));
    }
    pub(super) fn json_body<T: ToSchema>(&mut self) {
        let content = ContentBuilder::new().schema(Some(self.reference::<T>())).build();
        let body = RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True));
        self.body = Some(body.build());
    }
    pub(super) fn binary_body(&mut self, media_type: &str) {
        let schema =
            ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)));
        let content = ContentBuilder::new().schema(Some(schema)).build();
        self.body = Some(RequestBodyBuilder::new().content(media_type, content).required(Some(Required::True)).build());
    }
    pub(super) fn view<T: ToSchema>(&mut self, status: StatusCode) {
        let content = ContentBuilder::new().schema(Some(self.reference::<T>())).build();
        let answer = ResponseBuilder::new().description(text(status)).content("application/json", content);
        self.answers.push((status, answer.build()));
    }
    pub(super) fn empty(&mut self, status: StatusCode) {
        self.answers.push((status, ResponseBuilder::new().description(text(status)).build()));
    }
    pub(super) fn stream(&mut self, media_type: &str, description: &str) {
        let schema = ObjectBuilder::new().schema_type(Type::String);
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let answer = ResponseBuilder::new().description(description).content(media_type, content);
        self.answers.push((StatusCode::OK, answer.build()));
    }

    fn reference<T: ToSchema>(&mut self) -> RefOr<Schema> {
        self.schemas.push((T::name().into_owned(), <T as PartialSchema>::schema()));
        T::schemas(&mut self.schemas);
        RefOr::Ref(Ref::from_schema_name(T::name()))
    }
}

fn text(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or_default().to_owned()
}

/// The document of a route table, for a server whose browsers carry their access token in `access_cookie`.
pub fn document(routes: &[Route], access_cookie: &str) -> OpenApi {
    let mut schemas: BTreeMap<String, RefOr<Schema>> = BTreeMap::new();
    let mut problem = Description::default();
    let problem_reference = problem.reference::<Problem>();
    schemas.extend(problem.schemas);
    let mut paths = PathsBuilder::new();
    let mut by_path: BTreeMap<&str, PathItem> = BTreeMap::new();
    let mut tags = BTreeSet::new();
    for route in routes {
        schemas.extend(route.description.schemas.iter().cloned());
        tags.insert(noun(route));
        let item = PathItem::new(http_method(&route.method), operation(route, problem_reference.clone()));
        match by_path.get_mut(route.path) {
            Some(existing) => existing.merge_operations(item),
            None => {
                by_path.insert(route.path, item);
            }
        }
    }
    for (path, item) in by_path {
        paths = paths.path(path, item);
    }
    let info = InfoBuilder::new()
        .title("Berth")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Everything that the console does. Failures are problem details (RFC 9457) with a `code`. \
             Lists are pages: give `next_cursor` as `cursor`. Calls that change something take `Idempotency-Key`.",
        ))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()));
    OpenApiBuilder::new()
        .info(info.build())
        .paths(paths.build())
        .components(Some(
            ComponentsBuilder::new()
                .schemas_from_iter(schemas)
                .security_scheme(
                    "token",
                    SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
                )
                .security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(access_cookie))))
                .build(),
        ))
        .tags(Some(tags.into_iter().map(|tag| TagBuilder::new().name(tag).build())))
        .build()
}

fn operation(route: &Route, problem: RefOr<Schema>) -> Operation {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(format!("{}_{}", route.method.as_str().to_lowercase(), operation_name(route.path))))
        .summary(Some(route.summary))
        .tag(noun(route))
        .extensions(Some(
            ExtensionsBuilder::new()
                .add("x-berth-action", route.action)
                .add("x-berth-right", route.right.map(|right| right.as_str()))
                .build(),
        ));
    for name in path_names(route.path) {
        operation = operation.parameter(
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(path_schema(name))),
        );
    }
    if !route.open && !route.method.is_safe() {
        operation = operation.parameter(idempotency::describe());
    }
    for parameter in &route.description.parameters {
        operation = operation.parameter(parameter.clone());
    }
    operation = operation.request_body(route.description.body.clone());
    for (status, answer) in &route.description.answers {
        operation = operation.response(status.as_str(), answer.clone());
    }
    let failure = ContentBuilder::new().schema(Some(problem)).build();
    operation = operation.response(
        "default",
        ResponseBuilder::new().description("What went wrong").content(PROBLEM_JSON, failure).build(),
    );
    if !route.open {
        operation = operation.securities(Some([
            SecurityRequirement::new("token", [] as [&str; 0]),
            SecurityRequirement::new("session", [] as [&str; 0]),
        ]));
    }
    operation.build()
}

fn noun(route: &Route) -> &'static str {
    route.action.split('.').next().unwrap_or(route.action)
}

/// `/api/v1/tenants/{tenant}/quota` is `tenants_tenant_quota`.
fn operation_name(path: &str) -> String {
    let short = path.trim_start_matches(berth_api_types::path::V1).trim_start_matches('/');
    short.chars().filter(|c| !matches!(c, '{' | '}')).map(|c| if c.is_alphanumeric() { c } else { '_' }).collect()
}

/// What may stand in place of a `{name}` of a path.
fn path_schema(name: &str) -> RefOr<Schema> {
    match name {
        "credential" => RegistryCredentialId::schema(),
        "image" => ImageId::schema(),
        "instance" => InstanceId::schema(),
        "session" => SessionId::schema(),
        "token" => TokenId::schema(),
        "user" => UserId::schema(),
        "number" => ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).into(),
        // Tenants, projects, environments, apps and nodes.
        _ => Name::schema(),
    }
}

/// A header that a request may carry.
pub(super) fn header(name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

/// The `{names}` of a path.
pub fn path_names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn http_method(method: &Method) -> HttpMethod {
    match method.as_str() {
        "POST" => HttpMethod::Post,
        "PUT" => HttpMethod::Put,
        "PATCH" => HttpMethod::Patch,
        "DELETE" => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

pub(super) fn configure(config: &mut web::ServiceConfig, document: OpenApi) {
    config.route("/api/docs", web::get().to(|| async { web::Redirect::to("/api/docs/") })).service(
        SwaggerUi::new("/api/docs/{_:.*}")
            .url(DOCUMENT, document)
            .config(Config::from(DOCUMENT).try_it_out_enabled(false).validator_url("none")),
    );
}
