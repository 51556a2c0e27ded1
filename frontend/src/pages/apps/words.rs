//! Sentences about apps: why something has no place, why it ended, how an image is called for short.

use crate::{
    components::{pill::Tone, state},
    i18n::{Locale, bytes, locale, mebibytes, t, word_by_code},
    said::said,
};
use berth_api_types::v1::apps::{InstanceView, PullView, RefusalView};
use berth_domain::{image::ImageReference, lifecycle::InstancePhase};
use std::collections::BTreeMap;

/// Restarts from which on a failing instance counts as a crash loop.
pub const CRASH_LOOP_RESTARTS: u32 = 2;

/// `shop/web:1.4` or `web@9f2c01ab34cd`: without the registry that everybody uses, the digest short.
pub fn short_image(image: &str) -> String {
    let Ok(reference) = ImageReference::parse(image) else { return image.to_owned() };
    let repository = reference.repository().strip_prefix("library/").unwrap_or(reference.repository());
    let mut out = match reference.registry() {
        berth_domain::image::DEFAULT_REGISTRY => repository.to_owned(),
        registry => format!("{registry}/{repository}"),
    };
    if let Some(tag) = reference.tag() {
        out.push(':');
        out.push_str(tag);
    }
    if let Some(digest) = reference.digest() {
        out.push('@');
        out.push_str(digest.short());
    }
    out
}

/// `web:1.4`: the last part alone, for a place with little room.
pub fn image_name(image: &str) -> String {
    let short = short_image(image);
    short.rsplit('/').next().unwrap_or_default().to_owned()
}

/// How many nodes lack what: `2 lack memory, 1 is cordoned or drained`.
pub fn reasons(reasons: &BTreeMap<String, u32>) -> String {
    if reasons.is_empty() {
        return t::apps::refusal_no_nodes().to_owned();
    }
    let sentence = |(kind, count): (&String, &u32)| {
        let count = u64::from(*count);
        match kind.as_str() {
            "cpu" => t::apps::refusal_cpu(count),
            "memory" => t::apps::refusal_memory(count),
            "host_port" => t::apps::refusal_host_port(count),
            "label" => t::apps::refusal_label(count),
            "not_ready" => t::apps::refusal_not_ready(count),
            "not_active" => t::apps::refusal_not_active(count),
            other => t::apps::refusal_other(count, other),
        }
    };
    reasons.iter().map(sentence).collect::<Vec<_>>().join(t::apps::list_joint())
}

/// Why instances have no place, as sentences; those with the same reason together.
pub fn refusals(refusals: &[RefusalView]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for refusal in refusals {
        let mut sentence = t::apps::refusal_because(reasons(&refusal.reasons));
        if let Some(nearest) = &refusal.nearest {
            sentence = format!("{sentence} {}", t::apps::refusal_nearest(said(nearest.trim_end_matches('.'))));
        }
        if !found.contains(&sentence) {
            found.push(sentence);
        }
    }
    found
}

/// Whether an instance fails again and again.
pub fn in_crash_loop(instance: &InstanceView) -> bool {
    matches!(instance.phase, InstancePhase::BackOff | InstancePhase::Starting | InstancePhase::Unready)
        && instance.restarts >= CRASH_LOOP_RESTARTS
}

/// The state of an instance: colour and words, with the numbers of what it is doing.
pub fn instance_state(instance: &InstanceView) -> (Tone, String) {
    if instance.node_lost {
        return (Tone::Bad, t::apps::phase_node_lost().to_owned());
    }
    if in_crash_loop(instance) {
        return (Tone::Bad, t::apps::phase_crash_loop().to_owned());
    }
    let (tone, word) = state::instance_phase(instance.phase);
    match (instance.phase, instance.pull) {
        (InstancePhase::Pulling, Some(pull)) if pull.total_bytes > 0 => {
            (tone, t::apps::phase_pulling_bytes(bytes(pull.bytes), bytes(pull.total_bytes)))
        }
        _ => (tone, word.to_owned()),
    }
}

/// What an instance is doing, as a sentence; none when it does nothing that one waits for.
pub fn doing(instance: &InstanceView, check: Option<&str>) -> Option<String> {
    let (name, node) = (&instance.name, &instance.node);
    Some(match instance.phase {
        InstancePhase::BackOff | InstancePhase::Unready => t::apps::now_failing(name, node, failure(instance)),
        InstancePhase::Pulling => match instance.pull {
            Some(PullView { bytes: done, total_bytes }) if total_bytes > 0 => {
                t::apps::now_pulling_bytes(name, node, bytes(done), bytes(total_bytes))
            }
            _ => t::apps::now_pulling(name, node),
        },
        InstancePhase::Creating => t::apps::now_creating(name, node),
        InstancePhase::Starting => match check {
            Some(check) => t::apps::now_starting_check(name, node, check),
            None => t::apps::now_starting(name, node),
        },
        InstancePhase::Waiting => t::apps::now_waiting(name, node),
        InstancePhase::Stopping => t::apps::now_stopping(name, node),
        InstancePhase::Ready | InstancePhase::Stopped => return None,
    })
}

/// Why an instance is not ready: what its agent says, restarts, and what its exit code means.
pub fn failure(instance: &InstanceView) -> String {
    let mut parts: Vec<String> = cause(instance).into_iter().collect();
    if instance.restarts > 0 {
        parts.push(match instance.exit_code {
            Some(code) => t::apps::crash_text(instance.restarts, code),
            None => t::apps::crash_text_plain(instance.restarts),
        });
    }
    parts.extend(instance.exit_code.and_then(|code| exit_meaning(code, instance)));
    parts.join(" ")
}

/// What its agent says. It says it in English, so other languages get the reason in their own words before it.
fn cause(instance: &InstanceView) -> Option<String> {
    let reason = word_by_code(&format!("reason_{}", instance.reason));
    let text = match (reason, instance.message.as_str()) {
        (None, "") => return None,
        (Some(reason), "") => reason.to_owned(),
        (Some(reason), message) if locale() != Locale::En => t::apps::reason_with_message(reason, said(message)),
        (_, message) => message.to_owned(),
    };
    let ends = text.ends_with(['.', '!', '?', '。']);
    Some(if ends { text } else { format!("{text}.") })
}

/// What a well-known exit code means.
fn exit_meaning(code: i32, instance: &InstanceView) -> Option<String> {
    Some(match code {
        126 => t::apps::exit_126().to_owned(),
        127 => t::apps::exit_127().to_owned(),
        137 => t::apps::exit_137(mebibytes(instance.resources.memory_mib.0)),
        139 => t::apps::exit_139().to_owned(),
        143 => t::apps::exit_143().to_owned(),
        _ => return None,
    })
}

/// Why an instance was told to stop.
pub fn stop_reason(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "surplus" => t::apps::instance_stop_surplus(),
        "node_lost" => t::apps::instance_stop_node_lost(),
        "node_drained" => t::apps::instance_stop_node_drained(),
        "outdated" => t::apps::instance_stop_outdated(),
        _ => return None,
    })
}
