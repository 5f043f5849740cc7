//! Exact observation match (paper §2.4: "the current observation equals some oᵢ"), made robust against what a terminal
//! adds without changing what it says.

use crate::text::stable_hash::stable_hash128;

/// The text whose equality counts as "the same observation":
/// 1. terminal escape sequences (CSI `ESC [ … final`, OSC `ESC ] … BEL|ESC \`, and two-character ones) are removed;
/// 2. runs of white space within a line become one space; the line's ends are trimmed (so CRLF is LF);
/// 3. empty lines are removed.
///
/// Nothing else: digits, paths and letter case carry state, and two states must not be taken for one.
#[must_use]
pub fn normalise_observation(text: &str) -> String {
    let plain = without_escapes(text);
    let mut normal = String::with_capacity(plain.len());
    for line in plain.split(['\n', '\r']) {
        for (index, word) in line.split_whitespace().enumerate() {
            if index > 0 {
                normal.push(' ');
            } else if !normal.is_empty() {
                normal.push('\n');
            }
            normal.push_str(word);
        }
    }
    normal
}

/// 128-bit FNV-1a of the normalised text; `None` for a text of white space only, which says nothing and matches nothing.
#[must_use]
pub fn observation_hash(text: &str) -> Option<u128> {
    let normal = normalise_observation(text);
    (!normal.is_empty()).then(|| stable_hash128([normal.as_bytes()]))
}

fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\u{1b}' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('[') => {
                characters
                    .by_ref()
                    .find(|next| ('\u{40}'..='\u{7e}').contains(next));
            }
            Some(']') => {
                while let Some(next) = characters.next() {
                    if next == '\u{7}'
                        || (next == '\u{1b}' && characters.next_if_eq(&'\\').is_some())
                    {
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_line_ends_and_indentation_do_not_matter() {
        let plain = "total 4\nREADME.md  2 KB";
        let coloured =
            "\u{1b}[0mtotal 4\r\n\r\n\u{1b}]0;title\u{7}  \u{1b}[01;34mREADME.md\u{1b}[0m\t2 KB \n";
        assert_eq!(observation_hash(plain), observation_hash(coloured));
    }

    #[test]
    fn numbers_case_and_line_structure_do_matter() {
        for (left, right) in [("exit code 0", "exit code 1"), ("A", "a"), ("a b", "a\nb")] {
            assert_ne!(
                observation_hash(left),
                observation_hash(right),
                "{left} / {right}"
            );
        }
    }

    #[test]
    fn silence_is_no_observation() {
        assert_eq!(observation_hash(" \n\t\u{1b}[0m\r\n"), None);
    }

    #[test]
    fn an_unfinished_escape_sequence_ends_with_the_text() {
        assert_eq!(normalise_observation("done\u{1b}[31"), "done");
        assert_eq!(normalise_observation("done\u{1b}]0;ti"), "done");
        assert_eq!(normalise_observation("done\u{1b}"), "done");
    }

    proptest::proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "(?s)[a-z \t\r\n\u{1b}\\[\\]0-9m;]{0,100}") {
            let once = normalise_observation(&text);
            proptest::prop_assert_eq!(normalise_observation(&once), once);
        }
    }
}
