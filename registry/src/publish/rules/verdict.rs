//! What follows from all that the rules say.

use jackfield_package::check::{Level, Outcome, State};

use super::{EXAMINED, REGISTERED};

/// What follows from all outcomes of one release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every rule of level error holds.
    Passed,
    /// A person must look.
    Held(String),
    /// A rule is broken.
    Rejected(String),
    /// Not every rule has an answer. Never a pass.
    Unknown(String),
}

/// Tri-state, and closed: a rule without an outcome counts as unknown, and unknown is never a pass.
pub fn verdict(outcomes: &[Outcome]) -> Verdict {
    let needed = jackfield_package::check::rules()
        .chain(EXAMINED.iter().chain(REGISTERED).map(|rule| (rule.id, rule.level)))
        .filter(|(_, level)| *level == Level::Error);
    let grave =
        |state: State| outcomes.iter().filter(move |outcome| outcome.level == Level::Error && outcome.state == state);
    let holds = |outcome: &Outcome| REGISTERED.iter().any(|rule| rule.holds && rule.id == outcome.id);
    let list =
        |outcomes: Vec<&Outcome>| outcomes.iter().map(|outcome| outcome.id.as_ref()).collect::<Vec<_>>().join(", ");
    let broken: Vec<_> = grave(State::Fail).filter(|outcome| !holds(outcome)).collect();
    if !broken.is_empty() {
        return Verdict::Rejected(format!("broken: {}", list(broken)));
    }
    let unknown: Vec<_> = grave(State::Unknown).collect();
    if !unknown.is_empty() {
        return Verdict::Unknown(format!("not found out: {}", list(unknown)));
    }
    for (id, _) in needed {
        let said: Vec<_> = outcomes.iter().filter(|outcome| outcome.id == id).collect();
        let [outcome] = said[..] else { return Verdict::Unknown(format!("the rule {id} has no outcome")) };
        if outcome.state == State::Unknown || outcome.level != Level::Error {
            return Verdict::Unknown(format!("the rule {id} has no good outcome"));
        }
    }
    let held: Vec<_> = grave(State::Fail).collect();
    match held.first() {
        Some(first) => Verdict::Held(format!("{}: {}", first.id, first.message)),
        None => Verdict::Passed,
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::publish::rules::Rule;

    fn all_pass() -> Vec<Outcome> {
        let of_bytes = jackfield_package::check::rules().map(|(id, level)| Outcome {
            id: Cow::Borrowed(id),
            title: Cow::Borrowed(""),
            level,
            state: State::Pass,
            message: String::new(),
            hint: None,
        });
        of_bytes.chain(EXAMINED.iter().chain(REGISTERED).map(Rule::pass)).collect()
    }

    #[test]
    fn only_a_full_set_of_passes_passes() {
        assert_eq!(verdict(&all_pass()), Verdict::Passed);
        assert!(matches!(verdict(&[]), Verdict::Unknown(_)));
        for index in 0..all_pass().len() {
            let mut one_less = all_pass();
            let outcome = one_less.remove(index);
            if outcome.level == Level::Warning {
                continue;
            }
            assert!(matches!(verdict(&one_less), Verdict::Unknown(_)), "{}", outcome.id);
            let with = |state: State| {
                let mut outcomes = one_less.clone();
                outcomes.push(Outcome { state, ..outcome.clone() });
                verdict(&outcomes)
            };
            assert!(matches!(with(State::Unknown), Verdict::Unknown(_)), "{}", outcome.id);
            let held = REGISTERED.iter().any(|rule| rule.holds && rule.id == outcome.id);
            assert_eq!(matches!(with(State::Fail), Verdict::Held(_)), held, "{}", outcome.id);
            assert_eq!(matches!(with(State::Fail), Verdict::Rejected(_)), !held, "{}", outcome.id);
            // A rule that a validator calls a mere warning is not passed by that.
            let mut mild = one_less.clone();
            mild.push(Outcome { level: Level::Warning, ..outcome.clone() });
            assert!(matches!(verdict(&mild), Verdict::Unknown(_)), "{}", outcome.id);
            let mut twice = all_pass();
            twice.push(outcome.clone());
            assert!(matches!(verdict(&twice), Verdict::Unknown(_)), "{}", outcome.id);
        }
    }
}
