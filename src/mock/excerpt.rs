//! How a person recognises a request that carries no name: by how its question begins.

use crate::units::shown::is_unsafe;

/// Most characters of an excerpt.
const LONG: usize = 40;

/// The beginning of the last text in a request's body: of `content`, `text` or `input`, whichever comes last.
pub(super) fn excerpt(body: &[u8]) -> Option<String> {
    let body = std::str::from_utf8(body).ok()?;
    let begins =
        ["\"content\"", "\"text\"", "\"input\""].iter().filter_map(|key| last_text(body, key)).max()?;
    let mut text = String::new();
    let mut letters = body[begins..].chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return Some(text),
            '\\' => match letters.next()? {
                'n' | 'r' | 't' => text.push(' '),
                plain => text.push(plain),
            },
            letter if is_unsafe(letter) => {}
            letter => text.push(letter),
        }
        if text.chars().count() >= LONG {
            return Some(text + "…");
        }
    }
    None
}

/// Where the last string behind this key begins.
fn last_text(body: &str, key: &str) -> Option<usize> {
    body.rmatch_indices(key).find_map(|(at, _)| {
        let rest = body[at + key.len()..].trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
        Some(body.len() - rest.len())
    })
}

#[cfg(test)]
mod tests {
    use super::excerpt;

    #[test]
    fn it_is_the_last_question_s_beginning() {
        let of = |body: &str| excerpt(body.as_bytes());
        let chat = r#"{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content": "Say \"hi\"\nnow"}]}"#;
        assert_eq!(of(chat).as_deref(), Some("Say \"hi\" now"));
        let parts =
            r#"{"messages":[{"content":[{"type":"text","text":"What is this?"}]}],"text":{"format":1}}"#;
        assert_eq!(of(parts).as_deref(), Some("What is this?"));
        let long = format!(r#"{{"input":"{}"}}"#, "word ".repeat(20));
        assert_eq!(of(&long).map(|text| text.chars().count()), Some(41));
        assert_eq!((of("{}"), of(r#"{"content":"never ends"#), of("\u{fffd}")), (None, None, None));
    }
}
