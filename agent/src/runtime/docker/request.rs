//! What stands on the wire when a container is asked for.

use crate::container::{ContainerRequest, LOG_FILE_SIZE, LOG_FILES, Network, PIDS_MAX, START_CPU_MILLI};
use berth_domain::app::Port;
use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigLogConfig, PortBinding, RestartPolicy, RestartPolicyNameEnum,
};
use std::collections::HashMap;

/// Thousandths of a core in the engine's unit.
pub fn nano_cpus(cpu_milli: u64) -> i64 {
    i64::try_from(cpu_milli.saturating_mul(1_000_000)).unwrap_or(i64::MAX)
}

/// The kernel's weight of a container where processors are short: 1024 for a core, as by default; at least 2, at most
/// 262144 (cgroup v1).
fn cpu_shares(cpu_milli: u64) -> i64 {
    i64::try_from(cpu_milli.saturating_mul(1_024) / 1_000).unwrap_or(i64::MAX).clamp(2, 262_144)
}

/// What stands on the wire for a request.
pub fn create_body(request: &ContainerRequest) -> ContainerCreateBody {
    let memory = i64::try_from(request.memory_mib.saturating_mul(1024 * 1024)).unwrap_or(i64::MAX);
    let port_name = |port: u16| format!("{port}/tcp");
    let (mode, published) = match &request.network {
        Network::Own { name, ports, publish_on } => (name.clone(), Some((ports, publish_on.to_string()))),
        Network::Joined(sandbox) => (format!("container:{sandbox}"), None),
    };
    let bindings = published.as_ref().map(|(ports, publish_on)| {
        let binding = |port: &Port| {
            // An empty port: the engine takes any free one.
            let host_port = Some(port.host.map_or_else(String::new, |host| host.to_string()));
            let binding = PortBinding { host_ip: Some(publish_on.clone()), host_port };
            (port_name(port.container), Some(vec![binding]))
        };
        ports.iter().map(binding).collect()
    });
    let host = HostConfig {
        memory: Some(memory),
        memory_swap: Some(memory),
        nano_cpus: Some(nano_cpus(request.cpu_milli.max(START_CPU_MILLI))),
        cpu_shares: Some(cpu_shares(request.cpu_milli)),
        pids_limit: Some(PIDS_MAX),
        init: Some(request.init),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(HashMap::from([
                ("max-size".to_owned(), LOG_FILE_SIZE.to_owned()),
                ("max-file".to_owned(), LOG_FILES.to_owned()),
            ])),
        }),
        network_mode: Some(mode),
        port_bindings: bindings,
        restart_policy: Some(RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None }),
        cap_drop: Some(vec!["ALL".to_owned()]),
        cap_add: Some(request.capabilities.iter().map(|capability| (*capability).to_owned()).collect()),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        ..Default::default()
    };
    ContainerCreateBody {
        image: Some(request.image.clone()),
        cmd: (!request.command.is_empty()).then(|| request.command.clone()),
        env: Some(request.env.clone()),
        labels: Some(request.labels.clone().into_iter().collect()),
        exposed_ports: published.map(|(ports, _)| ports.iter().map(|port| port_name(port.container)).collect()),
        stop_timeout: Some(request.stop_grace_s.into()),
        host_config: Some(host),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{admit::admit, container::network_name, sandbox::SandboxKey, testing};
    use std::collections::BTreeSet;
    use uuid::Uuid;

    #[test]
    fn what_is_made_of_a_spec_is_admitted() {
        let spec = r#"{"image":"nginx","env":{"A":"b"},"ports":[{"container":80},{"container":81,"host":8081}]}"#;
        let wanted = testing::wanted_with(1, spec.to_owned(), "nginx");
        let spec = wanted.spec.clone().expect("a valid spec");
        let publish_on = "10.1.2.3".parse().expect("an address");
        let name = network_name(wanted.environment);
        let own = Network::Own { name, ports: spec.ports().to_vec(), publish_on };
        let wire = |network: Network| {
            let request = ContainerRequest::new(testing::install(), &wanted, &spec, "nginx", network);
            serde_json::to_value(create_body(&request)).expect("JSON")
        };
        assert_eq!(admit(&wire(Network::Joined("ab".repeat(32)))), Ok(()));
        let ports = BTreeSet::from([80, 443]);
        let sandbox = SandboxKey { environment: wanted.environment, publish_on, ports };
        let sandbox = create_body(&sandbox.request(testing::install(), "sha256:1", Uuid::from_u128(1)));
        assert_eq!(admit(&serde_json::to_value(sandbox).expect("JSON")), Ok(()));
        let wire = wire(own);
        assert_eq!(admit(&wire), Ok(()));
        assert_eq!(wire["HostConfig"]["PortBindings"]["81/tcp"][0]["HostPort"], "8081");
        assert_eq!(wire["HostConfig"]["PortBindings"]["80/tcp"][0]["HostIp"], "10.1.2.3");
    }
}
