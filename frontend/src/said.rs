//! Sentences that the server says in English, in the person's language. The English text of a `said_…` code is the
//! sentence as the server says it: what stands at its placeholders is taken out and put into the other language's text.
//! A sentence that is not known is shown as it came.

use crate::i18n::{Locale, locale, t};
use std::collections::BTreeMap;

/// Codes that hold sentences.
const PREFIX: &str = "said_";

/// The sentence in the person's language.
pub fn said(sentence: &str) -> String {
    match locale() {
        Locale::En => sentence.to_owned(),
        other => said_in(other, sentence),
    }
}

fn said_in(language: Locale, sentence: &str) -> String {
    let known = t::CODES.iter().filter(|(code, _)| code.starts_with(PREFIX));
    // The one that says most by itself is the one that is meant: others may match by putting more into a placeholder.
    let found = known
        .filter_map(|(_, texts)| Some((texts, capture(texts[0], sentence)?)))
        .max_by_key(|(texts, values)| texts[0].len() - values.values().map(|value| value.len().min(1)).sum::<usize>());
    let Some((texts, values)) = found else { return sentence.to_owned() };
    let template = texts[language as usize];
    let values: BTreeMap<&str, String> =
        values.into_iter().map(|(name, value)| (name, said_in(language, value))).collect();
    fill(template, &values)
}

/// What stands at the placeholders of `template`, if `sentence` is made of it.
fn capture<'a>(template: &'a str, sentence: &'a str) -> Option<BTreeMap<&'a str, &'a str>> {
    let mut parts = template.split("{{");
    let mut rest = sentence.strip_prefix(parts.next()?)?;
    let mut values = BTreeMap::new();
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let (name, literal) = part.split_once("}}")?;
        // The last literal is the end of the sentence; the others end their placeholder at the first chance.
        let end = match parts.peek() {
            None => rest.strip_suffix(literal)?.len(),
            Some(_) => rest.find(literal)?,
        };
        values.insert(name.trim(), &rest[..end]);
        rest = &rest[end + literal.len()..];
    }
    (rest.is_empty() && values.values().all(|value| !value.is_empty())).then_some(values)
}

fn fill(template: &str, values: &BTreeMap<&str, String>) -> String {
    let mut out = String::new();
    for (at, part) in template.split("{{").enumerate() {
        match part.split_once("}}") {
            Some((name, literal)) if at > 0 => {
                out.push_str(values.get(name.trim()).map_or("", String::as_str));
                out.push_str(literal);
            }
            _ => out.push_str(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_domain::{app::RolloutPolicy, id::ReleaseId, lifecycle::RolloutPhase};
    use berth_scheduler_core::rollout::{RolloutView, step};

    fn chinese(sentence: &str) -> String {
        said_in(Locale::ZhCn, sentence)
    }

    #[test]
    fn the_reason_of_a_rollout_is_said_as_the_engine_says_it() {
        let view: RolloutView = RolloutView {
            phase: RolloutPhase::Progressing,
            target: release(2),
            before: Some(release(1)),
            replicas: 3,
            policy: RolloutPolicy { ready_deadline_s: 5, ..RolloutPolicy::default() },
            fixed_ports: false,
            progressed_at_ms: 0,
            instances: Vec::new(),
        };
        let reason = step(&view, 60_000).reason.expect("nothing became ready");
        assert_eq!(chinese(&reason), "5 秒内没有新的实例就绪，3 个中 0 个就绪：没有节点可以运行。");
    }

    fn release(number: u32) -> ReleaseId {
        format!("release_{number:032}").parse().expect("an id")
    }

    #[test]
    fn what_an_instance_said_stays_as_it_is() {
        let sentence = "A new instance was started again 3 times and is not ready: exited with code 1: no such table.";
        assert_eq!(chinese(sentence), "新实例已重启 3 次仍未就绪：exited with code 1: no such table。");
        assert_eq!(chinese("It was aborted."), "已被中止。");
        assert_eq!(chinese("node-03 lacks 512 MiB of memory"), "node-03 缺少 512 MiB 内存");
    }

    #[test]
    fn an_unknown_sentence_is_shown_as_it_came() {
        assert_eq!(chinese("Something else happened."), "Something else happened.");
    }
}
