//! The control plane: HTTP API, console files, live stream, reconcilers, and the store beneath them.
//!
//! Who may import whom: `http` → `service`, `authz`, `authn`, `live`; `service` → `store`, `authz`; `store` alone
//! speaks SQL; `startup` alone wires things. See `docs/add-an-endpoint.md` for the way of one request.

pub mod authn;
pub mod authz;
pub mod clock;
pub mod grpc;
pub mod health_check;
pub mod http;
pub mod live;
pub mod reconcile;
pub mod seal;
pub mod service;
pub mod settings;
pub mod startup;
pub mod store;
