//! From what was typed to a spec, with the server's own checks. What is wrong is named by the server's field paths,
//! so that its answers and ours land at the same fields.

use super::{
    draft::{Draft, MemoryUnit, PairRow, ReadinessKind},
    words,
};
use berth_domain::{
    app::{AppSpecInput, PlacementPolicy, Port, Probe, ProbeCheck, RolloutPolicy, parse_replicas},
    field_error::{FieldCode, FieldError},
    name::Name,
    quantity::Resources,
};
use std::{collections::BTreeMap, str::FromStr};

/// What a draft says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Instances.
    pub replicas: u32,
    /// The spec; `None` when something is wrong with it.
    pub spec: Option<AppSpecInput>,
    /// All that is wrong. Fields of the spec are relative to it; `name` and `replicas` stand beside it.
    pub errors: Vec<FieldError>,
}

impl Reading {
    /// Whether the draft can be sent.
    pub fn is_valid(&self) -> bool {
        self.spec.is_some() && self.errors.is_empty()
    }
}

/// Reads the fields of a spec and the number of instances, without a name.
pub fn read(draft: &Draft) -> Reading {
    let mut errors = Vec::new();
    let replicas = number::<u32>("replicas", &draft.replicas, &mut errors).unwrap_or_default();
    errors.extend(parse_replicas(replicas).err());
    let mut typed = Vec::new();
    let input = input(draft, &mut typed);
    // A field that could not even be read has its error already; the check would complain of its stand-in.
    let mut found = input.parse().err().unwrap_or_default();
    found.retain(|error| !typed.iter().any(|t: &FieldError| t.field == error.field));
    let spec = (typed.is_empty() && found.is_empty()).then_some(input);
    errors.extend(typed);
    errors.extend(found);
    Reading { replicas, spec, errors }
}

/// The same with the name of a new app.
pub fn read_new(draft: &Draft) -> Reading {
    let mut reading = read(draft);
    reading.errors.extend(Name::parse(draft.name.trim()).err());
    reading
}

fn input(draft: &Draft, errors: &mut Vec<FieldError>) -> AppSpecInput {
    let mut input = AppSpecInput::new(draft.image.trim());
    input.command = words::split(&draft.command).unwrap_or_else(|| {
        errors.push(FieldError::new("command", FieldCode::BadFormat, "a quote is not closed"));
        Vec::new()
    });
    input.env = pairs("env", &draft.env, errors);
    input.ports = ports(draft, errors);
    input.resources = Resources::new(cpu_milli(&draft.cpu, errors), memory_mib(draft, errors));
    input.readiness = readiness(draft, errors);
    input.stop_grace_s = number("stop_grace_s", &draft.stop_grace_s, errors).unwrap_or_default();
    input.rollout = RolloutPolicy {
        max_surge: number("rollout.max_surge", &draft.max_surge, errors).unwrap_or(1),
        max_unavailable: number("rollout.max_unavailable", &draft.max_unavailable, errors).unwrap_or(1),
        ready_deadline_s: number("rollout.ready_deadline_s", &draft.ready_deadline_s, errors).unwrap_or(1),
    };
    input.placement = PlacementPolicy {
        node_labels: pairs("placement.node_labels", &draft.labels, errors),
        strategy: draft.strategy,
    };
    input
}

/// A whole number, or an error at `field`.
fn number<T: FromStr>(field: &str, text: &str, errors: &mut Vec<FieldError>) -> Option<T> {
    let text = text.trim();
    match text.parse() {
        Ok(value) => return Some(value),
        Err(_) if text.is_empty() => errors.push(FieldError::new(field, FieldCode::Required, "give a number")),
        Err(_) => errors.push(FieldError::new(field, FieldCode::BadFormat, "a whole number").found(text)),
    }
    None
}

/// Cores such as `0.5`, `2` or `250m`, in thousandths.
fn cpu_milli(text: &str, errors: &mut Vec<FieldError>) -> u64 {
    const FIELD: &str = "resources.cpu_milli";
    let text = text.trim();
    if let Some(milli) = text.strip_suffix('m') {
        return number(FIELD, milli, errors).unwrap_or_default();
    }
    decimal_thousandths(text).unwrap_or_else(|| {
        let code = if text.is_empty() { FieldCode::Required } else { FieldCode::BadFormat };
        errors.push(FieldError::new(FIELD, code, "cores, such as 0.5").found(text));
        0
    })
}

fn memory_mib(draft: &Draft, errors: &mut Vec<FieldError>) -> u64 {
    const FIELD: &str = "resources.memory_mib";
    let text = draft.memory.trim();
    let thousandths = decimal_thousandths(text).unwrap_or_else(|| {
        let code = if text.is_empty() { FieldCode::Required } else { FieldCode::BadFormat };
        errors.push(FieldError::new(FIELD, code, "a number").found(text));
        0
    });
    match draft.memory_unit {
        MemoryUnit::Mib => thousandths / 1000,
        MemoryUnit::Gib => thousandths.saturating_mul(1024) / 1000,
    }
}

/// A decimal number with up to three places, times a thousand. Integers only, so that 0.1 is 100.
fn decimal_thousandths(text: &str) -> Option<u64> {
    let (whole, places) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && places.is_empty()) || !digits(whole) || !digits(places) || places.len() > 3 {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let places: u64 = format!("{places:0<3}").parse().ok()?;
    whole.checked_mul(1000)?.checked_add(places)
}

/// Rows with a name as a map. A name that is there twice is an error at the second; empty rows are no rows.
fn pairs(field: &str, rows: &[PairRow], errors: &mut Vec<FieldError>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for row in rows.iter().filter(|row| !(row.name.trim().is_empty() && row.value.is_empty())) {
        let name = row.name.trim().to_owned();
        let twice = FieldError::new(format!("{field}.{name}"), FieldCode::Duplicate, format!("{name} is there twice"));
        if found.insert(name.clone(), row.value.clone()).is_some() {
            errors.push(twice.found(name));
        }
    }
    found
}

fn ports(draft: &Draft, errors: &mut Vec<FieldError>) -> Vec<Port> {
    let mut found = Vec::new();
    for (i, row) in draft.ports.iter().enumerate() {
        let container = port(&format!("ports[{i}].container"), &row.container, errors);
        let host = (!row.host.trim().is_empty()).then(|| port(&format!("ports[{i}].host"), &row.host, errors));
        // A row that cannot be read keeps its place, so that the other rows' errors name the right ones.
        found.push(Port { container: container.unwrap_or_default(), host: host.flatten() });
    }
    found
}

fn port(field: &str, text: &str, errors: &mut Vec<FieldError>) -> Option<u16> {
    let number = number::<u32>(field, text, errors)?;
    u16::try_from(number)
        .map_err(|_| {
            errors.push(FieldError::new(field, FieldCode::TooLarge, "at most 65535").limit(u16::MAX.into()));
        })
        .ok()
}

fn readiness(draft: &Draft, errors: &mut Vec<FieldError>) -> Option<Probe> {
    let typed = &draft.readiness;
    let check = match typed.kind {
        ReadinessKind::None => return None,
        ReadinessKind::Http => {
            let port = port("readiness.check.port", draft.probe_port_text(), errors).unwrap_or_default();
            ProbeCheck::Http { path: typed.path.trim().to_owned(), port }
        }
        ReadinessKind::Tcp => {
            let port = port("readiness.check.port", draft.probe_port_text(), errors).unwrap_or_default();
            ProbeCheck::Tcp { port }
        }
    };
    let mut times = |name: &str, text: &str| number(&format!("readiness.{name}"), text, errors).unwrap_or_default();
    Some(Probe {
        check,
        initial_delay_ms: times("initial_delay_ms", &typed.initial_delay_ms),
        period_ms: times("period_ms", &typed.period_ms),
        timeout_ms: times("timeout_ms", &typed.timeout_ms),
        success_threshold: times("success_threshold", &typed.success_threshold),
        failure_threshold: times("failure_threshold", &typed.failure_threshold),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::apps::form::draft::cores_text;

    fn codes(draft: &Draft) -> Vec<(String, FieldCode)> {
        read_new(draft).errors.into_iter().map(|e| (e.field, e.code)).collect()
    }
    fn valid() -> Draft {
        let mut draft = Draft::new();
        draft.set_image("reg.example/shop/web:2".into());
        draft
    }

    #[test]
    fn what_is_there_reads_back() {
        let mut spec = AppSpecInput::new("reg.example/shop/web:2");
        spec.command = vec!["run".into(), "--name".into(), "a b".into()];
        spec.env.insert("A".into(), "x\ny".into());
        spec.ports = vec![Port { container: 80, host: Some(8080) }, Port { container: 81, host: None }];
        spec.resources = Resources::new(1250, 3 * 1024);
        spec.readiness = Some(Probe::new(ProbeCheck::Tcp { port: 81 }));
        spec.placement.node_labels.insert("zone".into(), "a".into());
        assert_eq!(read(&Draft::of(&spec, 3)).spec, Some(spec));
    }

    #[test]
    fn fields_that_are_no_numbers_are_named_once() {
        let mut draft = valid();
        draft.cpu = "lots".into();
        draft.replicas = "-1".into();
        draft.ports = Vec::new();
        draft.add_port("80x".into(), "70000".into());
        assert_eq!(
            codes(&draft),
            [
                ("replicas".to_owned(), FieldCode::BadFormat),
                ("ports[0].container".to_owned(), FieldCode::BadFormat),
                ("ports[0].host".to_owned(), FieldCode::TooLarge),
                ("resources.cpu_milli".to_owned(), FieldCode::BadFormat),
            ]
        );
    }

    #[test]
    fn a_variable_that_is_there_twice_is_an_error() {
        let mut draft = valid();
        draft.add_env("A".into(), "1".into());
        draft.add_env("A".into(), "2".into());
        assert_eq!(codes(&draft), [("env.A".to_owned(), FieldCode::Duplicate)]);
    }

    #[test]
    fn a_check_asks_the_first_port_when_none_is_typed() {
        let mut draft = valid();
        draft.readiness.kind = ReadinessKind::Http;
        assert_eq!(codes(&draft), [("readiness.check.port".to_owned(), FieldCode::Required)]);
        draft.add_port("8080".into(), String::new());
        let probe = read(&draft).spec.and_then(|spec| spec.readiness).map(|probe| probe.check);
        assert_eq!(probe, Some(ProbeCheck::Http { path: "/healthz".into(), port: 8080 }));
    }

    #[test]
    fn cores_are_exact() {
        for (text, milli) in [("0.1", 100), ("2", 2000), ("250m", 250), (".5", 500), ("1,25", 1250)] {
            let mut draft = valid();
            draft.cpu = text.into();
            assert_eq!(read(&draft).spec.map(|spec| spec.resources.cpu_milli.0), Some(milli), "{text}");
        }
        assert_eq!((cores_text(250), cores_text(2000), cores_text(1005)), ("0.25".into(), "2".into(), "1.005".into()));
    }
}
