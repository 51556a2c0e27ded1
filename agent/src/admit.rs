//! What may go to Docker: one function of the final request, as it will stand on the wire.
//!
//! The server has checked the spec already. This is asked again right before the request leaves, of the very bytes that
//! leave, so that no path around the server's check and no mistake in building the request leads to a container with
//! power over its host. It is a list of what is allowed: a field that is not on it is refused, also one that Docker
//! will only invent next year.

use crate::container::{CAPABILITIES, LOG_FILE_SIZE, LOG_FILES, PIDS_MAX, environment_of_network};
use serde_json::{Map, Value};

/// The request is not what a tenant may run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("refused before Docker: {field} {why}")]
pub struct NotAdmitted {
    /// Which field of the request.
    pub field: String,
    /// What is wrong with it.
    pub why: &'static str,
}

type Check = fn(&Value) -> bool;
const NOT_ALLOWED: &str = "is not allowed";

/// Fields of the request itself. `HostConfig` is looked into by [`HOST`].
const BODY: [(&str, Check); 7] = [
    ("ExposedPorts", Value::is_object),
    ("Env", is_texts),
    ("Cmd", is_texts),
    ("Image", is_text),
    ("Labels", Value::is_object),
    ("StopTimeout", Value::is_i64),
    ("HostConfig", Value::is_object),
];

/// Fields of `HostConfig`, each with what it may hold.
const HOST: [(&str, Check); 14] = [
    ("Memory", is_positive),
    ("MemorySwap", is_positive),
    ("NanoCpus", is_positive),
    ("CpuShares", is_positive),
    ("PidsLimit", is_pids),
    ("LogConfig", is_bounded_log),
    ("NetworkMode", is_own_network),
    ("PortBindings", is_bindings),
    ("RestartPolicy", is_no_restart),
    ("CapDrop", is_drop_all),
    ("CapAdd", is_known_capabilities),
    ("SecurityOpt", is_no_new_privileges),
    ("Init", Value::is_boolean),
    ("Privileged", is_false),
];

/// Fields of `HostConfig` that must be there: left out, Docker's own default would be too wide.
const HOST_REQUIRED: [&str; 9] = [
    "Memory",
    "MemorySwap",
    "NanoCpus",
    "PidsLimit",
    "LogConfig",
    "NetworkMode",
    "RestartPolicy",
    "CapDrop",
    "SecurityOpt",
];

/// Says no unless every field of a request for a container is allowed and every needed one is there.
pub fn admit(body: &Value) -> Result<(), NotAdmitted> {
    let refuse = |field: &str, why| NotAdmitted { field: field.to_owned(), why };
    let body = body.as_object().ok_or_else(|| refuse("the request", "is no object"))?;
    check_fields(body, &BODY, "")?;
    let host = body.get("HostConfig").and_then(Value::as_object).ok_or_else(|| refuse("HostConfig", "is missing"))?;
    check_fields(host, &HOST, "HostConfig.")?;
    for field in HOST_REQUIRED {
        if host.get(field).is_none_or(Value::is_null) {
            return Err(refuse(&format!("HostConfig.{field}"), "is missing"));
        }
    }
    let joins = host["NetworkMode"].as_str().is_some_and(|mode| joined_sandbox(mode).is_some());
    for (map, field) in [(body, "ExposedPorts"), (host, "PortBindings")] {
        if joins && map.get(field).is_some_and(|value| !value.is_null()) {
            return Err(refuse(field, "cannot be published on a network that was there before"));
        }
    }
    if host["MemorySwap"] != host["Memory"] {
        return Err(refuse("HostConfig.MemorySwap", "allows swap beyond the memory"));
    }
    Ok(())
}

fn check_fields(map: &Map<String, Value>, allowed: &[(&str, Check)], prefix: &str) -> Result<(), NotAdmitted> {
    for (field, value) in map {
        let check = allowed.iter().find(|(name, _)| name == field).map(|(_, check)| check);
        if value.is_null() || check.is_some_and(|check| check(value)) {
            continue;
        }
        return Err(NotAdmitted { field: format!("{prefix}{field}"), why: NOT_ALLOWED });
    }
    Ok(())
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}
fn is_texts(value: &Value) -> bool {
    texts(value).is_some()
}
fn texts(value: &Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}
fn is_positive(value: &Value) -> bool {
    value.as_i64().is_some_and(|n| n > 0)
}
fn is_pids(value: &Value) -> bool {
    value.as_i64().is_some_and(|n| n > 0 && n <= PIDS_MAX)
}
fn is_false(value: &Value) -> bool {
    value == &Value::Bool(false)
}
fn is_drop_all(value: &Value) -> bool {
    texts(value).is_some_and(|drop| drop == ["ALL"])
}
fn is_known_capabilities(value: &Value) -> bool {
    texts(value).is_some_and(|add| add.iter().all(|capability| CAPABILITIES.contains(capability)))
}
fn is_no_new_privileges(value: &Value) -> bool {
    texts(value).is_some_and(|options| options == ["no-new-privileges"])
}
/// A network of an environment, or one that was prepared there: never the host's or the engine's default one.
fn is_own_network(value: &Value) -> bool {
    value.as_str().is_some_and(|name| environment_of_network(name).is_some() || joined_sandbox(name).is_some())
}
/// A container by its whole id, as only the engine gives it: names can be chosen.
fn joined_sandbox(mode: &str) -> Option<&str> {
    let is_id = |id: &&str| id.len() == 64 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    mode.strip_prefix("container:").filter(is_id)
}
fn is_no_restart(value: &Value) -> bool {
    value.as_object().is_some_and(|policy| {
        policy.get("Name").is_some_and(|name| name == "no")
            && policy.iter().all(|(field, value)| field == "Name" || value.is_null())
    })
}
fn is_bounded_log(value: &Value) -> bool {
    let Some(log) = value.as_object() else { return false };
    let options = log.get("Config").and_then(Value::as_object);
    log.get("Type").is_some_and(|driver| driver == "json-file")
        && log.keys().all(|field| field == "Type" || field == "Config")
        && options.is_some_and(|options| {
            options.get("max-size").is_some_and(|size| size == LOG_FILE_SIZE)
                && options.get("max-file").is_some_and(|files| files == LOG_FILES)
                && options.len() == 2
        })
}
/// Each binding names an address: without one the engine would publish on every interface of the host.
fn is_bindings(value: &Value) -> bool {
    let named = |binding: &Value| {
        binding.as_object().is_some_and(|binding| {
            binding.keys().all(|field| field == "HostIp" || field == "HostPort")
                && binding.get("HostIp").is_some_and(is_text)
        })
    };
    value.as_object().is_some_and(|ports| {
        ports.iter().all(|(port, bindings)| {
            port.ends_with("/tcp") && bindings.as_array().is_some_and(|bindings| bindings.iter().all(named))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn good() -> Value {
        json!({
            "Image": "docker.io/library/nginx@sha256:00", "Env": ["A=b"], "Cmd": ["nginx"],
            "Labels": {"berth.install": "x"}, "ExposedPorts": {"80/tcp": {}}, "StopTimeout": 10,
            "HostConfig": {
                "Memory": 1, "MemorySwap": 1, "NanoCpus": 1, "PidsLimit": 1024, "Init": true,
                "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
                "NetworkMode": "berth-env_00000000000000000000000000000007",
                "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]},
                "RestartPolicy": {"Name": "no"}, "CapDrop": ["ALL"], "CapAdd": ["CHOWN"],
                "SecurityOpt": ["no-new-privileges"]
            }
        })
    }

    #[test]
    fn what_the_agent_makes_is_admitted() {
        assert_eq!(admit(&good()), Ok(()));
    }

    #[test]
    fn a_prepared_network_may_be_joined() {
        let mut body = good();
        body["HostConfig"]["NetworkMode"] = json!(format!("container:{}", "0af".repeat(22).split_at(64).0));
        assert!(admit(&body).is_err(), "nothing is published there");
        body["HostConfig"]["PortBindings"] = Value::Null;
        assert!(admit(&body).is_err(), "nothing is published there");
        body["ExposedPorts"] = Value::Null;
        assert_eq!(admit(&body), Ok(()));
    }

    #[test]
    fn every_way_to_the_host_is_refused() {
        let host: Vec<(&str, Value)> = vec![
            ("Privileged", json!(true)),
            ("Binds", json!(["/:/host"])),
            ("Binds", json!([])),
            ("Mounts", json!([{"Type": "bind", "Source": "/", "Target": "/host"}])),
            ("VolumesFrom", json!(["other"])),
            ("VolumeDriver", json!("local")),
            ("Devices", json!([{"PathOnHost": "/dev/sda"}])),
            ("DeviceRequests", json!([{"Count": -1}])),
            ("DeviceCgroupRules", json!(["a *:* rwm"])),
            ("PidMode", json!("host")),
            ("IpcMode", json!("host")),
            ("UTSMode", json!("host")),
            ("UsernsMode", json!("host")),
            ("CgroupnsMode", json!("host")),
            ("CgroupParent", json!("/")),
            ("NetworkMode", json!("host")),
            ("NetworkMode", json!("bridge")),
            ("NetworkMode", json!("container:other")),
            ("NetworkMode", json!("berth-")),
            ("NetworkMode", json!(format!("container:{}", "x".repeat(64)))),
            // It may join a prepared network, but not with ports that would have to be published on it.
            ("NetworkMode", json!(format!("container:{}", "a".repeat(64)))),
            ("CapAdd", json!(["SYS_ADMIN"])),
            ("CapAdd", json!(["ALL"])),
            ("CapDrop", json!([])),
            ("SecurityOpt", json!(["no-new-privileges", "seccomp=unconfined"])),
            ("SecurityOpt", json!(["apparmor=unconfined"])),
            ("SecurityOpt", json!([])),
            ("Sysctls", json!({"net.ipv4.ip_forward": "1"})),
            ("Tmpfs", json!({"/run": "exec"})),
            ("StorageOpt", json!({"size": "1T"})),
            ("Runtime", json!("other")),
            ("MaskedPaths", json!([])),
            ("ReadonlyPaths", json!([])),
            ("OomKillDisable", json!(true)),
            ("OomScoreAdj", json!(-1000)),
            ("Ulimits", json!([{"Name": "nofile", "Soft": 1, "Hard": 1}])),
            ("ExtraHosts", json!(["metadata:169.254.169.254"])),
            ("Dns", json!(["10.0.0.1"])),
            ("Links", json!(["db"])),
            ("GroupAdd", json!(["docker"])),
            ("PublishAllPorts", json!(true)),
            ("AutoRemove", json!(true)),
            ("CpusetCpus", json!("0")),
            ("RestartPolicy", json!({"Name": "always"})),
            ("PidsLimit", json!(-1)),
            ("PidsLimit", json!(100_000)),
            ("Memory", json!(0)),
            ("MemorySwap", json!(-1)),
            ("MemorySwap", json!(2)),
            ("NanoCpus", json!(0)),
            ("LogConfig", json!({"Type": "syslog", "Config": {"syslog-address": "tcp://10.0.0.1"}})),
            ("LogConfig", json!({"Type": "json-file", "Config": {}})),
            ("LogConfig", json!({"Type": "json-file", "Config": {"max-size": "-1", "max-file": "3"}})),
            ("LogConfig", json!({"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3", "tag": "x"}})),
            ("PortBindings", json!({"80/tcp": [{"HostPort": "80"}]})),
            ("PortBindings", json!({"53/udp": [{"HostIp": "127.0.0.1"}]})),
            ("SomethingNew", json!("anything")),
        ];
        for (field, value) in host {
            let mut body = good();
            body["HostConfig"][field] = value.clone();
            assert!(admit(&body).is_err(), "HostConfig.{field} = {value}");
        }
        let own: Vec<(&str, Value)> = vec![
            ("User", json!("root")),
            ("Hostname", json!("web")),
            ("Volumes", json!({"/var/run/docker.sock": {}})),
            ("Entrypoint", json!(["/bin/sh"])),
            ("NetworkingConfig", json!({"EndpointsConfig": {"host": {}}})),
            ("Healthcheck", json!({"Test": ["CMD-SHELL", "id"]})),
            ("MacAddress", json!("02:00:00:00:00:01")),
            ("Shell", json!(["/bin/sh"])),
            ("Cmd", json!("sh -c id")),
            ("Image", json!("")),
            ("HostConfig", json!(null)),
        ];
        for (field, value) in own {
            let mut body = good();
            body[field] = value.clone();
            assert!(admit(&body).is_err(), "{field} = {value}");
        }
    }

    #[test]
    fn nothing_needed_may_be_left_out() {
        for field in HOST_REQUIRED {
            let mut body = good();
            body["HostConfig"].as_object_mut().expect("an object").remove(field);
            assert!(admit(&body).is_err(), "without {field}");
            body["HostConfig"][field] = Value::Null;
            assert!(admit(&body).is_err(), "{field} null");
        }
    }
}
