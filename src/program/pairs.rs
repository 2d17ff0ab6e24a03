//! For programs that claim nothing: the pairs of a job's tag and an answer's nonce in what they print.

use super::claims::nonce_here;
use crate::history::JobKey;

/// Longest tag.
const TAG_MAX: usize = 64;

/// Something that stands on a line.
enum Mark<'a> {
    /// `[job:0042]` or `job:0042`, and whether it begins where a word does.
    Tag(&'a str, bool),
    /// `R-` and 16 hex digits.
    Nonce(u64),
}

/// The pairs on a line: each nonce with the tag before it that says whose answer the program takes it for.
///
/// The text of an answer begins with its own tag and nonce. So a line that only prints it pairs what belongs
/// together; one label of the program's own before it says whose answer it takes it for. Threads that print
/// at once may leave several labels: then the answer's own is taken if it is among them, else it cannot be
/// tell.
pub(super) fn pairs(line: &str, pair: &mut dyn FnMut(JobKey, u64)) {
    let mut labels: Vec<&str> = Vec::new();
    for mark in marks(line) {
        match mark {
            Mark::Tag(tag, true) => labels.push(tag),
            Mark::Tag(_, false) => {}
            Mark::Nonce(number) => {
                let label = match labels.as_slice() {
                    [] => None,
                    [only] | [only, _] => Some(*only),
                    [before @ .., own] => before.contains(own).then_some(*own),
                };
                if let Some(label) = label {
                    pair(JobKey::tagged(label), number);
                }
                labels.clear();
            }
        }
    }
}

/// The tags on a line, also where something runs into them.
pub(super) fn tags(line: &str) -> impl Iterator<Item = &str> {
    marks(line).filter_map(|mark| match mark {
        Mark::Tag(tag, _) => Some(tag),
        Mark::Nonce(_) => None,
    })
}

fn marks(line: &str) -> impl Iterator<Item = Mark<'_>> {
    let mut rest = line;
    std::iter::from_fn(move || {
        loop {
            let at = match (rest.find("job:"), rest.find("R-")) {
                (Some(tag), Some(number)) => tag.min(number),
                (one, other) => one.or(other)?,
            };
            let found = &rest[at..];
            let before = rest[..at].chars().next_back();
            if found.starts_with("job:") {
                let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-');
                let bracketed = before == Some('[');
                let end = found.find(|c| !allowed(c)).unwrap_or(found.len());
                let tag = if bracketed { &found[..end] } else { bare(&found[..end]) };
                rest = &found[tag.len().max(4)..];
                let inside = before.is_some_and(char::is_alphanumeric);
                if tag.len() > 4 && tag.len() <= TAG_MAX {
                    return Some(Mark::Tag(tag, !inside));
                }
            } else {
                let here = nonce_here(found);
                rest = &found[2..];
                if let Some(number) = here {
                    return Some(Mark::Nonce(number));
                }
            }
        }
    })
}

/// A tag that nothing encloses is a number of ours: `job:0042:` ends before the colon.
fn bare(tag: &str) -> &str {
    let digits = |c: char| c.is_ascii_digit() || c == '.';
    let end = tag[4..].find(|c| !digits(c)).map_or(tag.len(), |end| 4 + end);
    tag[..end].trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(line: &str) -> Vec<(String, u64)> {
        let mut found = Vec::new();
        pairs(line, &mut |job, number| found.push((job.to_string(), number)));
        found
    }

    #[test]
    fn a_label_before_an_answer_says_whose_it_is_taken_for() {
        let own = "[job:0001] R-00000000000000aa amber dune";
        assert_eq!(of(own), [("job:0001".to_owned(), 0xaa)]);
        assert_eq!(of(&format!("job:0003: {own}")), [("job:0003".to_owned(), 0xaa)]);
        assert_eq!(of(&format!("job:0003 -> {own}; job:0004 -> {own}")).len(), 2);
        assert_eq!(of("chatcmpl-R-00000000000000aa for job:0001"), []);
        assert_eq!(of("job:0002 chatcmpl-R-00000000000000ab"), [("job:0002".to_owned(), 0xab)]);
        let two = format!("job:0004 job:0001 -> {own}");
        assert_eq!(of(&two), [("job:0001".to_owned(), 0xaa)], "two threads, and its own label is there");
        assert_eq!(of(&format!("job:0004 job:0005 {own}")), [], "it cannot be told");
        let json = format!(r#"{{"job:0002": "{own}", "job:0001": "[job:0002] R-00000000000000bb x"}}"#);
        assert_eq!(of(&json), [("job:0002".to_owned(), 0xaa), ("job:0001".to_owned(), 0xbb)]);
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        for line in [
            "R-00aa",
            "job: R-00000000000000aa",
            "[job:0001] R-00000000000000aaff",
            "ajob:0001 R-00000000000000aa",
        ] {
            assert_eq!(of(line), [], "{line}");
        }
        assert_eq!(tags("[job:a-b] done, job:0002. ok").collect::<Vec<_>>(), ["job:a-b", "job:0002"]);
        assert_eq!(
            tags("failedjob:0003job:0001").collect::<Vec<_>>(),
            ["job:0003", "job:0001"],
            "threads that print"
        );
    }

    proptest! {
        #[test]
        fn no_line_is_too_odd(line in ".{0,60}", more in "(job:|R-|[0-9a-f]|\\[|\\]|é){0,40}") {
            let _ = of(&line);
            let _ = of(&more);
        }
    }
}
