//! How many texts a second one core turns into `hash-v1` vectors: `cargo run --release --example embed_bench`. Prints one
//! JSON line per length of text.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::{Duration, Instant};

use hindcast_index_core::text::{Features, document_vector};

const WORDS: [&str; 24] = [
    "create",
    "the",
    "folder",
    "of",
    "an",
    "annotated",
    "tag",
    "for",
    "last",
    "commit",
    "README.md",
    "git_commitTree2",
    "and",
    "install",
    "package",
    "from",
    "a",
    "local",
    "branch",
    "--no-pager",
    "listing",
    "status",
    "with",
    "changes",
];

/// Texts of this many words, no two alike.
fn texts(words: usize) -> Vec<String> {
    (0..1_000_usize)
        .map(|text| {
            (0..words)
                .map(|at| {
                    let word = WORDS[(text * 7 + at * at + at) % WORDS.len()];
                    if at % 3 == 0 {
                        format!("{word}{}", (text + at) % 97)
                    } else {
                        word.to_owned()
                    }
                })
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect()
}

fn main() {
    for words in [12, 30, 60] {
        let texts = texts(words);
        let (mut done, start) = (0_u32, Instant::now());
        while start.elapsed() < Duration::from_secs(1) {
            for text in &texts {
                let vector = document_vector(&Features::of([text.as_str()]));
                done += u32::from(std::hint::black_box(vector).is_some());
            }
        }
        let per_second = f64::from(done) / start.elapsed().as_secs_f64();
        println!("{{\"words\":{words},\"texts_per_second\":{per_second:.0}}}");
    }
}
