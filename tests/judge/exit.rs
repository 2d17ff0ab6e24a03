//! Which exit code wins, for every pair.

use deadheat::summary::Exit;

/// Most important first; written down here a second time on purpose.
const ORDER: [(Exit, u8); 12] = [
    (Exit::Usage, 2),
    (Exit::Unreachable, 9),
    (Exit::Interrupted, 130),
    (Exit::Invariant, 6),
    (Exit::Internal, 1),
    (Exit::LoadInvalid, 7),
    (Exit::OverBudget, 10),
    (Exit::Threshold, 5),
    (Exit::Regression, 3),
    (Exit::NothingMeasured, 4),
    (Exit::Inconclusive, 8),
    (Exit::Pass, 0),
];

#[test]
fn of_every_pair_the_more_important_decides_whatever_the_order() {
    for (i, (first, code)) in ORDER.into_iter().enumerate() {
        assert_eq!(first.code(), code, "{first:?}");
        for (second, _) in ORDER.into_iter().skip(i) {
            assert_eq!(Exit::most_important(&[first, second]), first, "{first:?} and {second:?}");
            assert_eq!(Exit::most_important(&[second, first]), first, "{second:?} and {first:?}");
        }
    }
}

#[test]
fn no_reason_is_a_pass() {
    assert_eq!(Exit::most_important(&[]), Exit::Pass);
}

/// People read it in two places, and pipelines are written by them.
#[test]
fn the_documents_have_every_code_and_the_same_order() {
    let order = ORDER.iter().map(|(_, code)| *code).filter(|code| *code != 0).map(|code| code.to_string());
    let order = format!("the first of {} is the exit code", order.collect::<Vec<_>>().join(", "));
    for file in ["README.md", "docs/ci.md"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text = std::fs::read_to_string(path).expect("a document").replace('\n', " ");
        assert!(text.contains(&order), "{file} does not say: {order}");
        for (exit, code) in ORDER {
            assert!(text.contains(&format!("| {code} | ")), "{file} has no {exit:?} in its table");
        }
    }
}
