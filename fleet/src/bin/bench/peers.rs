//! Plain Docker and Docker Swarm, driven through the same engine's HTTP as the agent drives it.

use anyhow::{Context, Result, bail};
use berth_local_docker::api::Api;
use chrono::DateTime;
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant, SystemTime},
};

/// Between two questions whether an app answers.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// The longest wait for one that does not come.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// Marks what was made here.
const LABEL: &str = "berth.bench";

/// A network like those that environments have: isolated, with names of its own.
const NETWORK: &str = "berth-bench";

/// Where a plain container is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// On the engine's default bridge, with whatever else is there.
    Shared,
    /// On a bridge of its app's own, as Compose makes it.
    Own,
}

/// An engine and where its published ports are reached.
pub struct Engine {
    pub api: Api,
    pub address: Ipv4Addr,
    pub image: String,
}

impl Engine {
    /// Name and version.
    pub fn version(&self) -> Result<String> {
        let version = self.api.get("/version")?;
        Ok(format!("Docker Engine {}", version["Version"].as_str().unwrap_or("of an unknown version")))
    }

    /// Creates and starts so many containers at once, and waits until each answers.
    pub fn run_plain(&self, count: usize, network: Network) -> Result<Duration> {
        let begun = Instant::now();
        thread::scope(|scope| {
            let all: Vec<_> = (0..count).map(|_| scope.spawn(|| self.run_one(network))).collect();
            all.into_iter().try_for_each(|one| one.join().unwrap_or_else(|_| bail!("a thread failed")))
        })?;
        Ok(begun.elapsed())
    }

    /// Makes the network that [`Network::Own`] is.
    pub fn make_network(&self) -> Result<()> {
        self.api.post("/networks/create", &json!({ "Name": NETWORK, "Driver": "bridge" }))?;
        Ok(())
    }

    fn run_one(&self, network: Network) -> Result<()> {
        let mut wanted = json!({
            "Image": self.image,
            "Labels": { LABEL: "plain" },
            "HostConfig": { "PortBindings": { "8080/tcp": [{ "HostPort": "" }] } },
        });
        if network == Network::Own {
            wanted["HostConfig"]["NetworkMode"] = NETWORK.into();
        }
        let made = self.api.post("/containers/create", &wanted)?;
        let id = made["Id"].as_str().context("a container without an id")?;
        self.api.post(&format!("/containers/{id}/start"), &Value::Null)?;
        let seen = self.api.get(&format!("/containers/{id}/json"))?;
        let port = port(&seen["NetworkSettings"]["Ports"]["8080/tcp"][0]["HostPort"]).context("no port")?;
        until_answers(SocketAddr::from((self.address, port)))
    }

    /// Waits until the agent has removed the sandboxes that served and has exactly one ready for the next instance.
    pub fn until_prepared(&self) -> Result<()> {
        let begun = Instant::now();
        loop {
            let sandboxes = self.containers("berth.sandbox")?;
            if sandboxes.len() == 1 && sandboxes[0]["State"] == "running" {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                bail!("no sandbox is prepared: {sandboxes:?}");
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Removes what `run_plain` made.
    pub fn remove_plain(&self) -> Result<()> {
        for container in self.containers(&format!("{LABEL}=plain"))? {
            let id = container["Id"].as_str().context("a container without an id")?;
            self.api.delete(&format!("/containers/{id}?force=true&v=true"))?;
        }
        Ok(())
    }

    /// Makes the engine a swarm of one.
    pub fn init_swarm(&self) -> Result<()> {
        let wanted = json!({ "ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1" });
        self.api.post("/swarm/init", &wanted)?;
        Ok(())
    }

    /// Creates a service with so many tasks, and waits until each answers.
    pub fn run_service(&self, name: &str, count: usize) -> Result<Duration> {
        let wanted = json!({
            "Name": name,
            "TaskTemplate": { "ContainerSpec": { "Image": self.image, "Labels": { LABEL: name } } },
            "Mode": { "Replicated": { "Replicas": count } },
            // On the node itself: the routing mesh would be another thing, and needs IPVS.
            "EndpointSpec": { "Ports": [{ "TargetPort": 8080, "PublishMode": "host", "Protocol": "tcp" }] },
        });
        let begun = Instant::now();
        self.api.post("/services/create", &wanted)?;
        let mut answered = std::collections::BTreeSet::new();
        while answered.len() < count {
            for container in self.containers(&format!("{LABEL}={name}"))? {
                let Some(port) =
                    container["Ports"].as_array().into_iter().flatten().find_map(|p| port(&p["PublicPort"]))
                else {
                    continue;
                };
                if !answered.contains(&port) && answers(SocketAddr::from((self.address, port))) {
                    answered.insert(port);
                }
            }
            if begun.elapsed() > PATIENCE {
                let tasks = self.api.get(&format!("/tasks?filters={}", filter("service", name)))?;
                bail!("the service does not come up: {tasks}");
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(begun.elapsed())
    }

    /// Removes a service and waits until its containers are gone.
    pub fn remove_service(&self, name: &str) -> Result<()> {
        self.api.delete(&format!("/services/{name}"))?;
        let begun = Instant::now();
        while !self.containers(&format!("{LABEL}={name}"))?.is_empty() {
            if begun.elapsed() > PATIENCE {
                bail!("the service {name} does not go");
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// When the engine was asked for a container with a label, and when its process ran, by the engine's own record.
    pub fn newest(&self, label: &str) -> Result<(SystemTime, SystemTime)> {
        let containers = self.containers(label)?;
        let id = containers.first().and_then(|container| container["Id"].as_str()).context("no such container")?;
        let seen = self.api.get(&format!("/containers/{id}/json"))?;
        let time = |value: &Value| -> Result<SystemTime> {
            Ok(DateTime::parse_from_rfc3339(value.as_str().context("no time")?)?.into())
        };
        Ok((time(&seen["Created"])?, time(&seen["State"]["StartedAt"])?))
    }

    fn containers(&self, label: &str) -> Result<Vec<Value>> {
        let listed = self.api.get(&format!("/containers/json?all=true&filters={}", filter("label", label)))?;
        Ok(listed.as_array().cloned().unwrap_or_default())
    }
}

/// A filter in a query.
fn filter(name: &str, value: &str) -> String {
    let text = json!({ name: [value] }).to_string();
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { (b as char).to_string() } else { format!("%{b:02X}") })
        .collect()
}

fn port(value: &Value) -> Option<u16> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    u16::try_from(number).ok().filter(|port| *port != 0)
}

/// Waits until an app answers.
pub fn until_answers(address: SocketAddr) -> Result<()> {
    let begun = Instant::now();
    while !answers(address) {
        if begun.elapsed() > PATIENCE {
            bail!("{address} does not answer");
        }
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

/// Whether an app answers 200.
pub fn answers(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok(answer.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}
