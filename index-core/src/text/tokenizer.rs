//! Words of observations, instructions and queries. Shell output and instructions are full of identifiers, so
//! `git_commitTree2` must be found by `commit`, and by itself.

use std::ops::ControlFlow;

/// Characters of a segment beyond this are ignored: base64 and minified code are not words.
const SEGMENT_CHARS_MAX: usize = 64;

/// One word of a text; the strings live until the next word.
pub struct Word<'a> {
    /// Lower-case, as written.
    pub text: &'a str,
    /// Lower-case, with light English suffixes removed.
    pub stem: &'a str,
    /// A whole segment that was also split into its parts: `gitcommittree2` next to `git`, `commit`, `tree`, `2`.
    pub is_compound: bool,
}

/// Calls `found` for each word in order: first the parts of a segment, then the segment itself if it has several.
/// A segment is a run of alphanumeric characters; it is split between lower and upper case, before the last of several
/// upper-case letters, and between letters and digits.
pub fn each_word(text: &str, mut found: impl FnMut(&Word<'_>)) {
    let mut buffers = Buffers::default();
    let mut segment: Vec<char> = Vec::with_capacity(SEGMENT_CHARS_MAX);
    for character in text.chars() {
        if character.is_alphanumeric() {
            if segment.len() < SEGMENT_CHARS_MAX {
                segment.push(character);
            }
        } else if !segment.is_empty() {
            each_part(&segment, &mut buffers, &mut found);
            segment.clear();
        }
    }
    if !segment.is_empty() {
        each_part(&segment, &mut buffers, &mut found);
    }
}

#[derive(Default)]
struct Buffers {
    text: String,
    stem: String,
}

fn each_part(segment: &[char], buffers: &mut Buffers, found: &mut impl FnMut(&Word<'_>)) {
    let mut start = 0;
    for at in 1..segment.len() {
        if is_boundary(segment, at) {
            emit(&segment[start..at], false, buffers, found);
            start = at;
        }
    }
    emit(&segment[start..], false, buffers, found);
    if start > 0 {
        emit(segment, true, buffers, found);
    }
}

fn is_boundary(segment: &[char], at: usize) -> bool {
    let (before, here) = (segment[at - 1], segment[at]);
    if before.is_numeric() != here.is_numeric() {
        return true;
    }
    if !here.is_uppercase() {
        return false;
    }
    !before.is_uppercase() || segment.get(at + 1).is_some_and(|next| next.is_lowercase())
}

fn emit(
    part: &[char],
    is_compound: bool,
    buffers: &mut Buffers,
    found: &mut impl FnMut(&Word<'_>),
) {
    buffers.text.clear();
    buffers
        .text
        .extend(part.iter().flat_map(|character| character.to_lowercase()));
    buffers.stem.clear();
    buffers.stem.push_str(&buffers.text);
    stem(&mut buffers.stem);
    found(&Word {
        text: &buffers.text,
        stem: &buffers.stem,
        is_compound,
    });
}

/// Removes plural, `-ing`, `-ed` and final `-e` from words of at least four ASCII letters: `creates`, `created` and
/// `creating` become `creat`. Deliberately lighter than Porter's stemmer: command names must not run together.
pub fn stem(word: &mut String) {
    if word.len() < 4 || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return;
    }
    remove_plural(word);
    for suffix in ["ing", "ed"] {
        if remove_suffix(word, suffix).is_break() {
            break;
        }
    }
    if word.len() >= 4 && word.ends_with('e') && !word.ends_with("ee") {
        word.pop();
    }
}

/// Harman's S-stemmer (1991).
fn remove_plural(word: &mut String) {
    let ends = |suffix: &str| word.ends_with(suffix);
    if ends("ies") && !ends("eies") && !ends("aies") {
        word.truncate(word.len() - 3);
        word.push('y');
    } else if ends("s") && !ends("us") && !ends("ss") && !ends("is") {
        word.pop();
    }
}

fn remove_suffix(word: &mut String, suffix: &str) -> ControlFlow<()> {
    let Some(root) = word.strip_suffix(suffix) else {
        return ControlFlow::Continue(());
    };
    if root.len() < 3 || !root.bytes().any(|byte| b"aeiouy".contains(&byte)) {
        return ControlFlow::Continue(());
    }
    word.truncate(root.len());
    let bytes = word.as_bytes();
    let last = bytes[bytes.len() - 1];
    if bytes[bytes.len() - 2] == last && !b"aeioulsz".contains(&last) {
        word.pop();
    }
    ControlFlow::Break(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stems(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        each_word(text, |word| words.push(word.stem.to_owned()));
        words
    }

    #[test]
    fn identifiers_are_found_by_their_parts_and_whole() {
        assert_eq!(
            stems("git_commitTree2"),
            ["git", "commit", "tree", "2", "committree2"]
        );
        assert_eq!(stems("HTTPServer"), ["http", "server", "httpserver"]);
        assert_eq!(
            stems("--no-pager src/main.rs"),
            ["no", "pager", "src", "main", "rs"]
        );
    }

    #[test]
    fn inflections_of_one_word_meet() {
        assert_eq!(stems("create creates created creating"), ["creat"; 4]);
        assert_eq!(stems("stop stops stopped stopping"), ["stop"; 4]);
        assert_eq!(stems("copy copies copied"), ["copy", "copy", "copi"]);
        assert_eq!(
            stems("tree status class his"),
            ["tree", "status", "class", "his"]
        );
    }

    #[test]
    fn short_words_and_other_scripts_stay_as_they_are() {
        assert_eq!(
            stems("ls -la bed Größe 文件"),
            ["ls", "la", "bed", "größe", "文件"]
        );
    }

    #[test]
    fn a_segment_without_end_is_cut() {
        assert_eq!(stems(&"x".repeat(10_000)), ["x".repeat(SEGMENT_CHARS_MAX)]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_gives_words_without_upper_case_ascii(text in ".{0,200}") {
            each_word(&text, |word| {
                assert!(!word.text.is_empty());
                assert!(!word.text.bytes().any(|byte| byte.is_ascii_uppercase()));
            });
        }
    }
}
