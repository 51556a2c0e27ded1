//! What the engine's answers mean: a status and a sentence become a reason. Pure, so that every sentence that was met
//! in the field can be a test.

use super::RuntimeError;
use crate::{
    limit,
    reason::{Failure, Reason},
};

/// What was asked when the engine said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum During {
    /// A question, or something small.
    Call,
    /// Making a container.
    Create,
    /// Starting a container.
    Start,
    /// Stopping or removing a container.
    Stop,
    /// Making a network.
    Network,
    /// Fetching an image.
    Pull,
    /// Loading an archive.
    Load,
}

/// The error for a status (0 when the answer came within a stream) and a sentence.
pub fn classify(during: During, status: u16, message: &str) -> RuntimeError {
    let lower = message.to_lowercase();
    let has = |text: &str| lower.contains(text);
    let failed = |reason, message: String| RuntimeError::Failed(Failure::new(reason, limit::cut(&message)));
    match during {
        During::Create if status == 404 && has("no such image") => RuntimeError::ImageMissing(message.to_owned()),
        During::Create if status == 409 && has("already in use") => RuntimeError::NameTaken(message.to_owned()),
        During::Create | During::Start if status == 404 && has("network") => {
            RuntimeError::NetworkMissing(message.to_owned())
        }
        During::Pull => failed(pull_reason(&lower, status), pull_message(&lower, message)),
        _ if has("no space left on device") => failed(Reason::DiskFull, "The disk of this node is full.".to_owned()),
        During::Create if status != 404 => {
            failed(Reason::CreateFailed, format!("The container could not be made: {message}"))
        }
        During::Start if status != 404 => {
            let (reason, sentence) = start_failure(&lower, message);
            failed(reason, sentence)
        }
        During::Network if has("address pool") => failed(
            Reason::NetworkExhausted,
            "The Docker Engine has no addresses left for another network; give it more default-address-pools.".into(),
        ),
        During::Network => failed(Reason::CreateFailed, format!("The network could not be made: {message}")),
        During::Load => failed(Reason::BadArchive, format!("The image's archive could not be loaded: {message}")),
        _ if status == 404 => RuntimeError::NotFound(message.to_owned()),
        During::Stop => failed(Reason::StopFailed, format!("The container could not be stopped: {message}")),
        During::Call | During::Create | During::Start => {
            failed(Reason::StartFailed, format!("The Docker Engine refused: {message}"))
        }
    }
}

fn start_failure(lower: &str, message: &str) -> (Reason, String) {
    let has = |text: &str| lower.contains(text);
    if has("port is already allocated") || has("address already in use") {
        let sentence = match port_in(message) {
            Some(port) => format!("Port {port} of this node is in use by another program or container."),
            None => "A published port of this node is in use by another program or container.".to_owned(),
        };
        (Reason::PortInUse, sentence)
    } else if has("cannot assign requested address") {
        (Reason::AddressNotHere, "The agent's advertise address is not an address of this node.".to_owned())
    } else if has("executable file not found") || has("no such file or directory") && has("exec") {
        (Reason::CommandNotFound, format!("The image has no such command: {}", after_last_exec(message)))
    } else if has("permission denied") && has("exec") {
        (Reason::CommandNotFound, format!("The command is not executable: {}", after_last_exec(message)))
    } else {
        (Reason::StartFailed, format!("The container could not be started: {message}"))
    }
}

/// The node's port in `Bind for 127.0.0.1:8080 failed`, `listen tcp4 127.0.0.1:8080: bind` or
/// `bind host port for 127.0.0.1:8080:172.18.0.2:80/tcp`: the first number after the first address.
fn port_in(message: &str) -> Option<u16> {
    message.split([' ', ',']).find_map(|word| {
        let (address, rest) = word.split_once(':')?;
        address.parse::<std::net::Ipv4Addr>().ok()?;
        rest.split(':').next()?.parse().ok().filter(|port| *port != 0)
    })
}

/// The part that says what could not be executed, without the runtime's own call chain before it.
fn after_last_exec(message: &str) -> &str {
    message.rfind("exec: ").map_or(message, |at| &message[at + "exec: ".len()..]).trim_end_matches(": unknown")
}

fn pull_reason(lower: &str, status: u16) -> Reason {
    let has = |text: &str| lower.contains(text);
    if has("toomanyrequests") || has("too many requests") || has("rate limit") {
        Reason::RegistryRateLimited
    } else if has("no matching manifest") {
        Reason::WrongArchitecture
    } else if has("no space left on device") {
        Reason::DiskFull
    } else if ["denied", "unauthorized", "authentication required", "no basic auth", "forbidden"].iter().any(|t| has(t))
    {
        Reason::RegistryDenied
    } else if ["manifest unknown", "name unknown", "not found", "no such image"].iter().any(|t| has(t)) || status == 404
    {
        Reason::ImageNotFound
    } else {
        Reason::RegistryUnavailable
    }
}

fn pull_message(lower: &str, message: &str) -> String {
    match pull_reason(lower, 0) {
        Reason::RegistryDenied => {
            format!("The registry refused: the image does not exist or needs other credentials. It said: {message}")
        }
        Reason::WrongArchitecture => format!("The image is not made for this node's processor. {message}"),
        Reason::DiskFull => "The disk of this node is full.".to_owned(),
        Reason::RegistryRateLimited => format!("The registry wants fewer requests for a while. It said: {message}"),
        _ => format!("The image could not be fetched: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(during: During, status: u16, message: &str) -> Option<(Reason, String)> {
        match classify(during, status, message) {
            RuntimeError::Failed(failure) => Some((failure.reason, failure.message)),
            _ => None,
        }
    }

    #[test]
    fn a_port_in_use_is_named() {
        for message in [
            "driver failed programming external connectivity on endpoint berth-web: Bind for 127.0.0.1:8080 failed: port is already allocated",
            "driver failed programming external connectivity on endpoint x (1): Error starting userland proxy: listen tcp4 127.0.0.1:8080: bind: address already in use",
            "failed to set up container networking: driver failed programming external connectivity on endpoint x: failed to bind host port for 127.0.0.1:8080:172.18.0.2:80/tcp: address already in use",
        ] {
            let (reason, sentence) = reason(During::Start, 500, message).expect("a failure");
            assert_eq!(reason, Reason::PortInUse, "{message}");
            assert!(sentence.contains(" 8080 "), "{sentence}");
        }
    }

    #[test]
    fn registries_sentences_become_codes() {
        for (message, want) in [
            ("manifest for alpine:nope not found: manifest unknown: manifest unknown", Reason::ImageNotFound),
            (
                "pull access denied for x/y, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
                Reason::RegistryDenied,
            ),
            ("unauthorized: authentication required", Reason::RegistryDenied),
            (
                "Get \"https://r.example/v2/\": dial tcp 10.0.0.1:443: connect: connection refused",
                Reason::RegistryUnavailable,
            ),
            ("Get \"https://r.example/v2/\": dial tcp: lookup r.example: no such host", Reason::RegistryUnavailable),
            ("toomanyrequests: You have reached your pull rate limit.", Reason::RegistryRateLimited),
            ("no matching manifest for linux/arm64/v8 in the manifest list entries", Reason::WrongArchitecture),
            ("write /var/lib/docker/tmp/x: no space left on device", Reason::DiskFull),
        ] {
            assert_eq!(reason(During::Pull, 0, message).map(|(reason, _)| reason), Some(want), "{message}");
        }
    }

    #[test]
    fn what_can_be_mended_is_no_failure() {
        assert!(matches!(classify(During::Create, 404, "No such image: nginx:latest"), RuntimeError::ImageMissing(_)));
        assert!(matches!(
            classify(
                During::Create,
                409,
                "Conflict. The container name \"/berth-x\" is already in use by container \"1\"."
            ),
            RuntimeError::NameTaken(_)
        ));
        assert!(matches!(
            classify(During::Start, 404, "network berth-env_1 not found"),
            RuntimeError::NetworkMissing(_)
        ));
        assert!(matches!(classify(During::Call, 404, "No such container: x"), RuntimeError::NotFound(_)));
    }

    #[test]
    fn a_missing_command_is_named() {
        let message = "OCI runtime create failed: container_linux.go:380: starting container process caused: exec: \"nope\": executable file not found in $PATH: unknown";
        let (code, sentence) = reason(During::Start, 400, message).expect("a failure");
        assert_eq!(code, Reason::CommandNotFound);
        assert_eq!(sentence, "The image has no such command: \"nope\": executable file not found in $PATH");
    }
}
