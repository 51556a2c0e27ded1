//! Values for this crate's tests.

use crate::{
    container::{Container, ContainerState},
    sandbox::SandboxKey,
    wanted::Wanted,
};
use berth_domain::{app::AppSpecInput, id::InstallId};
use berth_proto::fleet;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The installation of tests.
pub fn install() -> InstallId {
    InstallId::new(Uuid::from_u128(0xfeed))
}

/// An instance with this number that runs `image` with every default.
pub fn wanted(number: u128, image: &str) -> Wanted {
    let spec = AppSpecInput::new(image).parse().expect("a valid spec");
    wanted_with(number, serde_json::to_string(&spec).expect("a spec is JSON"), image)
}

/// An instance with this number and this text for a spec.
pub fn wanted_with(number: u128, spec_json: String, image: &str) -> Wanted {
    let id = |n: u128| Uuid::from_u128(n).as_bytes().to_vec();
    Wanted::from_wire(fleet::DesiredInstance {
        instance_id: id(number),
        generation: 1,
        name: format!("web-1-{}", number % 1000),
        app_id: id(11),
        release_id: id(12),
        environment_id: id(13),
        tenant_id: id(14),
        image: Some(fleet::Image { reference: image.to_owned(), ..Default::default() }),
        spec_json,
        ..Default::default()
    })
    .expect("a valid instance")
}

/// A running container of the instance with this number, of its first generation.
pub fn container(id: &str, number: u128) -> Container {
    let wanted = wanted(number, "nginx");
    Container {
        id: id.to_owned(),
        install: Some(install()),
        instance: Some(wanted.instance),
        generation: 1,
        environment: Some(wanted.environment),
        sandbox: None,
        joined: None,
        state: ContainerState::Running,
        address: None,
        ports: BTreeMap::new(),
        started_at_ms: 0,
        cpu_milli: 1,
    }
}

/// A running sandbox.
pub fn sandbox(id: &str, key: SandboxKey) -> Container {
    let environment = Some(key.environment);
    Container { instance: None, environment, sandbox: Some(key), ..container(id, 1) }
}
