//! What the node has: processors, memory, disk, images, ports that others hold.

use crate::{images::Images, limit, observe::Observation, runtime::Runtime};
use berth_proto::fleet::NodeFacts;
use nix::sys::statvfs::statvfs;
use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, time};

/// Between two looks at the node.
const FACTS_PERIOD: Duration = Duration::from_secs(30);
/// Kept for the system, in hundredths of all.
const RESERVE_PERCENT: u64 = 5;
/// Kept of the processors at least and at most, in thousandths of a core.
const CPU_RESERVE_MILLI: (u64, u64) = (50, 1_000);
/// Kept of the memory at least and at most, in MiB: the engine, the agent, sshd and a few pages to breathe.
const MEMORY_RESERVE_MIB: (u64, u64) = (256, 4_096);

/// Looks at the node for as long as the agent runs. Facts are shown whenever they change.
pub async fn attend(
    runtime: Arc<dyn Runtime>,
    address: IpAddr,
    observation: watch::Receiver<Option<Arc<Observation>>>,
    images: Arc<Images>,
    show: watch::Sender<NodeFacts>,
) {
    let mut changes = images.changes();
    loop {
        let own_ports = observation.borrow().as_ref().map(|seen| seen.own_ports.clone()).unwrap_or_default();
        let before = show.borrow().clone();
        let mut facts = gather(runtime.as_ref(), address, &own_ports, &before).await;
        facts.images.extend(images.digests_among(&facts.images));
        show.send_if_modified(|shown| {
            let changed = *shown != facts;
            *shown = facts;
            changed
        });
        // A new image is worth knowing at once: it decides where the next instance goes.
        let _ = time::timeout(FACTS_PERIOD, changes.changed()).await;
    }
}

/// Looks once. What the engine does not say now is taken from `before`.
pub async fn gather(
    runtime: &dyn Runtime,
    address: IpAddr,
    own_ports: &BTreeSet<u16>,
    before: &NodeFacts,
) -> NodeFacts {
    let engine = runtime.engine().await.ok();
    let images = match runtime.images().await {
        Ok(mut images) => {
            images.sort();
            images.dedup();
            images.truncate(limit::FACT_IMAGES_MAX);
            images
        }
        // What is there does not go away while nobody answers.
        Err(_) => before.images.clone(),
    };
    let root = engine.as_ref().map_or("/", |engine| engine.root.as_str());
    let cpu_milli = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64 * 1000;
    let memory_mib = memory_mib(&read("/proc/meminfo"));
    NodeFacts {
        cpu_milli: cpu_milli.saturating_sub(reserve(cpu_milli, CPU_RESERVE_MILLI)),
        memory_mib: memory_mib.saturating_sub(reserve(memory_mib, MEMORY_RESERVE_MIB)),
        architecture: architecture().to_owned(),
        os: os_name(&read("/etc/os-release")),
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        docker_version: engine.as_ref().map_or_else(|| before.docker_version.clone(), |e| e.version.clone()),
        address: address.to_string(),
        images,
        used_host_ports: foreign_ports(&read("/proc/net/tcp"), &read("/proc/net/tcp6"), address, own_ports),
        disk_free_mib: disk_free_mib(root, before.disk_free_mib),
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn reserve(all: u64, (least, most): (u64, u64)) -> u64 {
    (all * RESERVE_PERCENT / 100).clamp(least, most)
}

fn memory_mib(meminfo: &str) -> u64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// As images name it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn os_name(release: &str) -> String {
    let line = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    line.unwrap_or("Linux").trim_matches('"').to_owned()
}

/// In steps of 64 MiB, so that a log line is no change of facts.
fn disk_free_mib(root: &str, before: u64) -> u64 {
    statvfs(root).map_or(before, |disk| disk.blocks_available() * disk.fragment_size() / (1024 * 1024) / 64 * 64)
}

/// TCP ports on which others listen where ours would be published.
fn foreign_ports(tcp: &str, tcp6: &str, address: IpAddr, own: &BTreeSet<u16>) -> Vec<u32> {
    let listening = tcp.lines().chain(tcp6.lines()).filter_map(listener);
    let clashes = listening.filter(|(on, _)| on.is_unspecified() || *on == address);
    let ports: BTreeSet<u16> = clashes.map(|(_, port)| port).filter(|port| !own.contains(port)).collect();
    ports.into_iter().map(u32::from).take(limit::FACT_PORTS_MAX).collect()
}

/// The address and port of a line of `/proc/net/tcp` or `tcp6`, when it listens.
fn listener(line: &str) -> Option<(IpAddr, u16)> {
    /// TCP_LISTEN of the kernel's `tcp_states.h`.
    const LISTEN: &str = "0A";
    let mut words = line.split_whitespace();
    let local = words.nth(1)?;
    if words.nth(1)? != LISTEN {
        return None;
    }
    let (address, port) = local.split_once(':')?;
    Some((kernel_address(address)?, u16::from_str_radix(port, 16).ok()?))
}

/// The kernel prints addresses as words of the machine's byte order.
fn kernel_address(text: &str) -> Option<IpAddr> {
    let word = |text: &str| u32::from_str_radix(text, 16).ok().map(u32::to_ne_bytes);
    match text.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(text)?))),
        32 => {
            let mut bytes = [0; 16];
            for (i, chunk) in bytes.chunks_mut(4).enumerate() {
                chunk.copy_from_slice(&word(&text[i * 8..i * 8 + 8])?);
            }
            Some(Ipv6Addr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n\
        0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n\
        1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n\
        2: 0100007F:1F91 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0\n\
        3: 0500000A:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n";
    const TCP6: &str = "0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A\n\
        1: 0000000000000000FFFF00000100007F:1F92 00000000000000000000000000000000:0000 0A\n";

    #[cfg(target_endian = "little")]
    #[test]
    fn ports_of_others_on_our_address_are_used() {
        let ports = |address: &str, own: &[u16]| {
            foreign_ports(TCP, TCP6, address.parse().expect("an address"), &own.iter().copied().collect())
        };
        assert_eq!(ports("127.0.0.1", &[]), [22, 443, 8080, 8082]);
        assert_eq!(ports("127.0.0.1", &[8080]), [22, 443, 8082]);
        assert_eq!(ports("10.0.0.5", &[]), [22, 80, 443]);
    }

    #[test]
    fn memory_and_system_are_read() {
        assert_eq!(memory_mib("MemTotal:       16384000 kB\nMemFree: 1 kB\n"), 16_000);
        assert_eq!(
            os_name("NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
            "Debian GNU/Linux 12 (bookworm)"
        );
        assert_eq!(reserve(2_000, CPU_RESERVE_MILLI), 100);
        assert_eq!(reserve(1_024, MEMORY_RESERVE_MIB), 256);
        assert_eq!(reserve(1_000_000, MEMORY_RESERVE_MIB), 4_096);
    }
}
