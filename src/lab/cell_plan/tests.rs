use super::*;
use crate::plan::Source;
use crate::scenario::load;

fn plan(profile: &str) -> Plan {
    let text = format!(
        "version = 1\nname = \"cut\"\n[target.mock]\napi = \"openai-chat\"\nmodel = \"m\"\n\
         [strategy.unbounded]\n{profile}"
    );
    load(&Source { path: "cut.toml".into(), text }, &[], &|_| None)
        .unwrap_or_else(|faults| panic!("{faults}"))
}

fn cut(profile: &str) -> (CellPlan, Vec<String>) {
    let plan = plan(profile);
    let cut = CellPlan::new(&plan, plan.cells()[0]);
    let left_out = cut.config(HuntBudget::Schedules(1)).left_out;
    (cut, left_out)
}

fn jobs(plan: &Plan) -> Vec<u64> {
    let count = |phases: usize| {
        let mut plan = plan.clone();
        plan.phases.truncate(phases);
        profile::planned(&plan).unwrap()
    };
    (1..=plan.phases.len()).map(|phases| count(phases) - count(phases - 1)).collect()
}

#[test]
fn every_phase_is_hunted_and_small_ones_leave_their_share_to_others() {
    let two = "[profile.barrier]\nsize = 2\n[profile.shared-iterations]\nvus = 4\niterations = ";
    let (mut small, left_out) = cut(&format!("{two}8\n"));
    assert_eq!(jobs(&small.under(&Schedule::default(), None)), [2, 8]);
    assert!(left_out.is_empty(), "{left_out:?}");
    let (mut large, left_out) = cut(&format!("{two}100\n"));
    assert_eq!(jobs(&large.under(&Schedule::default(), None)), [2, 18]);
    assert_eq!(left_out, ["82 more jobs of the scenario"]);
    // The first jobs are the same ones, however many there are.
    assert_eq!(jobs(&large.under(&Schedule::default(), Some(5))), [2, 3]);
    assert_eq!(jobs(&large.under(&Schedule::default(), Some(2))), [2]);
    assert_eq!(jobs(&large.under(&Schedule::default(), Some(1))), [1]);
}

#[test]
fn what_is_left_out_is_counted_by_what_is_really_run() {
    let (mut each, left_out) = cut("[profile.per-vu-iterations]\nvus = 8\niterations = 5\n");
    assert_eq!(jobs(&each.under(&Schedule::default(), None)), [16]);
    assert_eq!(left_out, ["24 more jobs of the scenario"]);
    let (mut rounds, left_out) = cut("[profile.barrier]\nsize = 7\nrounds = 3\n");
    assert_eq!((jobs(&rounds.under(&Schedule::default(), None)), left_out.len()), (vec![14], 1));
    let (mut timed, left_out) = cut("[profile.constant-vus]\nvus = 4\nduration = \"30s\"\n");
    assert_eq!(jobs(&timed.under(&Schedule::default(), None)), [20]);
    assert_eq!(left_out, ["jobs beyond the first 20, of as many as time allows"]);
}
