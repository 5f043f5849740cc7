//! Requirements: 4.4.lexical

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the numbers of a test are small"
)]

use std::collections::BTreeMap;
use std::ops::Deref;

use proptest::prelude::*;

use super::{DeadUnits, LexicalBlock, LexicalPart, UnitTerms, search};
use crate::error::IndexError;
use crate::rank::on_grid;
use crate::row_set::{Passing, RowSet};
use crate::text::tokenizer::each_word;

/// Rows as texts of their observations.
type Rows = Vec<Vec<String>>;

/// A section's bytes at an address that arrays can be read from.
pub(super) fn aligned(sections: &[(&str, Vec<u8>)], name: &str) -> Aligned {
    let (_, bytes) = sections.iter().find(|(other, _)| *other == name).unwrap();
    let mut words = vec![0_u64; bytes.len().div_ceil(8)];
    bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..bytes.len()].copy_from_slice(bytes);
    Aligned {
        words,
        len: bytes.len(),
    }
}

pub(super) struct Aligned {
    words: Vec<u64>,
    len: usize,
}

impl Deref for Aligned {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.len]
    }
}

fn sections_of(block: &LexicalBlock) -> Vec<(&'static str, Vec<u8>)> {
    let sections = block.to_sections();
    sections
        .iter()
        .map(|(name, bytes)| (*name, bytes.to_vec()))
        .collect()
}

fn read(sections: &[(&'static str, Vec<u8>)]) -> Result<LexicalBlock, IndexError> {
    LexicalBlock::from_sections(|name| Ok(aligned(sections, name)))
}

fn block_of(rows: &[&Vec<String>]) -> LexicalBlock {
    let units: Vec<Vec<UnitTerms>> = rows
        .iter()
        .map(|row| row.iter().map(|text| UnitTerms::of(text)).collect())
        .collect();
    LexicalBlock::from_rows(units.iter().map(Vec::as_slice)).unwrap()
}

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    each_word(text, |word| words.push(word.stem.to_owned()));
    words
}

/// (row, position, score) of the passing rows by the definition of BM25, in the order of rows.
fn reference(text: &str, rows: &Rows, live: &[bool], passing: &[bool]) -> Vec<(usize, u32, f64)> {
    let units: Vec<(usize, u32, Vec<String>)> = (0..)
        .zip(rows)
        .filter(|(row, _)| live[*row])
        .flat_map(|(row, texts)| {
            (0..)
                .zip(texts)
                .map(move |(at, text)| (row, at, words(text)))
        })
        .collect();
    let count = units.len() as f64;
    let total: usize = units.iter().map(|(_, _, words)| words.len()).sum();
    let mean = (total as f64 / count).max(1.0);
    let mut terms: Vec<(usize, String)> = words(text)
        .into_iter()
        .map(|term| {
            let has = |unit: &&(usize, u32, Vec<String>)| unit.2.contains(&term);
            (units.iter().filter(has).count(), term)
        })
        .filter(|(frequency, _)| *frequency > 0)
        .collect();
    terms.sort_unstable();
    terms.dedup();
    terms.truncate(256);
    let mut best: BTreeMap<usize, (u32, f64)> = BTreeMap::new();
    for (row, position, unit) in units.iter().filter(|(row, _, _)| passing[*row]) {
        let mut score = 0.0;
        for (frequency, term) in &terms {
            let found = unit.iter().filter(|word| *word == term).count() as f64;
            let frequency = *frequency as f64;
            let weight = (1.0 + (count - frequency + 0.5) / (frequency + 0.5)).ln();
            let length = unit.len() as f64 / mean;
            if found > 0.0 {
                score += weight * found * 2.2 / (found + 1.2 * (1.0 - 0.75 + 0.75 * length));
            }
        }
        let known = best.get(row).map_or(f64::NEG_INFINITY, |(_, known)| *known);
        if score > 0.0 && on_grid(score) > known {
            best.insert(*row, (*position, on_grid(score)));
        }
    }
    best.into_iter()
        .map(|(row, (position, score))| (row, position, score))
        .collect()
}

/// Those whose score is at least that of the `depth`-th best, best first.
fn cut(mut hits: Vec<(usize, u32, f64)>, depth: usize) -> Vec<(usize, u32, f64)> {
    hits.sort_by(|left, right| right.2.total_cmp(&left.2).then(left.0.cmp(&right.0)));
    if let Some(least) = hits.get(depth - 1).map(|hit| hit.2) {
        hits.retain(|hit| hit.2 >= least);
    }
    hits
}

/// Searches the rows spread over blocks: `spread[row]` is the row's block.
fn searched(
    text: &str,
    rows: &Rows,
    spread: &[usize],
    live: &[bool],
    passing: &[bool],
    depth: usize,
    rebuild: impl Fn(LexicalBlock) -> LexicalBlock,
) -> Vec<(usize, u32, f64)> {
    let blocks = spread.iter().max().map_or(0, |last| last + 1);
    let members: Vec<Vec<usize>> = (0..blocks)
        .map(|block| {
            (0..rows.len())
                .filter(|row| spread[*row] == block)
                .collect()
        })
        .collect();
    let built: Vec<(LexicalBlock, RowSet, RowSet)> = members
        .iter()
        .map(|members| {
            let texts: Vec<&Vec<String>> = members.iter().map(|row| &rows[*row]).collect();
            let set = |flags: &[bool]| RowSet::of(members.len(), |at| flags[members[at as usize]]);
            (rebuild(block_of(&texts)), set(live), set(passing))
        })
        .collect();
    let all_pass = passing.iter().all(|passes| *passes);
    let parts: Vec<LexicalPart<'_>> = built
        .iter()
        .map(|(block, live, passing)| LexicalPart {
            block,
            live,
            is_all_live: live.len() == block.len(),
            dead: None,
            passing: if all_pass {
                Passing::All
            } else {
                Passing::Rows(passing)
            },
        })
        .collect();
    let found = search(text, &parts, depth);
    let dead: Vec<DeadUnits> = parts
        .iter()
        .map(|part| DeadUnits::of(part.block, part.live))
        .collect();
    let kept = parts.iter().zip(&dead).map(|(part, dead)| LexicalPart {
        dead: Some(dead),
        ..*part
    });
    let kept: Vec<LexicalPart<'_>> = kept.collect();
    for _ in 0..2 {
        assert_eq!(search(text, &kept, depth), found);
    }
    let mut hits: Vec<(usize, u32, f64)> = found
        .iter()
        .map(|hit| (members[hit.part][hit.row as usize], hit.position, hit.score))
        .collect();
    hits.sort_by(|left, right| right.2.total_cmp(&left.2).then(left.0.cmp(&right.0)));
    hits
}

/// Few words, some of them common, so that ties, repeated words and long lists all occur.
fn a_text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        4 => "[a-d]",
        3 => "[a-f][a-c]",
        1 => "[a-z]{3}",
    ];
    prop::collection::vec(word, 0..12).prop_map(|words| words.join(" "))
}

fn some_rows(most: usize) -> impl Strategy<Value = Rows> {
    prop::collection::vec(prop::collection::vec(a_text(), 0..4), 1..most)
}

fn marks(len: usize, share: f64) -> impl Strategy<Value = Vec<bool>> {
    prop::collection::vec(prop::bool::weighted(share), len)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn an_answer_depends_on_live_rows_and_query_only(
        (rows, spread, live, passing) in some_rows(60).prop_flat_map(|rows| {
            let len = rows.len();
            let spread = prop::collection::vec(0_usize..4, len);
            (Just(rows), spread, marks(len, 0.8), prop_oneof![marks(len, 1.0), marks(len, 0.6), marks(len, 0.1)])
        }),
        text in a_text(),
        depth in 1_usize..12,
    ) {
        let passing: Vec<bool> = if passing.iter().all(|passes| *passes) { live.clone() } else { passing };
        let passing: Vec<bool> = passing.iter().zip(&live).map(|(passes, live)| *passes && *live).collect();
        let expected = cut(reference(&text, &rows, &live, &passing), depth);
        let found = searched(&text, &rows, &spread, &live, &passing, depth, |block| block);
        prop_assert_eq!(&found, &expected);
        let found = searched(&text, &rows, &spread, &live, &passing, depth, |block| {
            read(&sections_of(&block)).unwrap()
        });
        prop_assert_eq!(&found, &expected);
    }

    #[test]
    fn merging_keeps_the_listed_rows_as_if_they_had_been_written_together(
        left in some_rows(30),
        right in some_rows(30),
        kept in prop::collection::vec((prop::bool::ANY, 0_u32..100), 60),
        is_shuffled in prop::bool::ANY,
    ) {
        let chosen = |rows: &Rows, kept: &[(bool, u32)]| {
            let mut chosen: Vec<(u32, u32)> = (0..)
                .zip(rows)
                .zip(kept)
                .filter(|(_, (kept, _))| *kept)
                .map(|((row, _), (_, order))| (if is_shuffled { *order } else { 0 }, row))
                .collect();
            chosen.sort_unstable();
            chosen.into_iter().map(|(_, row)| row).collect::<Vec<u32>>()
        };
        let (from_left, from_right) = (chosen(&left, &kept), chosen(&right, &kept[30..]));
        let blocks = [&left, &right].map(|rows| block_of(&rows.iter().collect::<Vec<_>>()));
        let merged = LexicalBlock::concat(&[(&blocks[0], &from_left), (&blocks[1], &from_right)]).unwrap();
        let together: Vec<&Vec<String>> = from_left
            .iter()
            .map(|row| &left[*row as usize])
            .chain(from_right.iter().map(|row| &right[*row as usize]))
            .collect();
        prop_assert_eq!(sections_of(&merged), sections_of(&block_of(&together)));
        prop_assert!(merged.check().is_ok());
    }

    #[test]
    fn a_damaged_block_is_refused_or_answers_but_never_panics(
        rows in some_rows(20),
        damage in prop::collection::vec((0_usize..10, prop::num::usize::ANY, prop::num::u8::ANY), 1..4),
        cut in prop::option::of((0_usize..10, 0_usize..40)),
        text in a_text(),
    ) {
        let mut sections = sections_of(&block_of(&rows.iter().collect::<Vec<_>>()));
        for (section, at, value) in damage {
            let bytes = &mut sections[section].1;
            if !bytes.is_empty() {
                let at = at % bytes.len();
                bytes[at] = value;
            }
        }
        if let Some((section, len)) = cut {
            sections[section].1.truncate(len);
        }
        match read(&sections) {
            Ok(block) => {
                let all: Vec<u32> = (0..u32::try_from(block.len()).unwrap()).collect();
                let live = RowSet::of(block.len(), |row| row % 3 != 0);
                for (is_all_live, passing) in [(true, Passing::All), (false, Passing::Rows(&live))] {
                    let _ = search(&text, &[LexicalPart { block: &block, live: &live, is_all_live, dead: None, passing }], 3);
                }
                let _ = block.check();
                let _ = LexicalBlock::concat(&[(&block, &all)]);
            }
            Err(error) => prop_assert_eq!(error.code(), "INDEX_CORRUPT"),
        }
    }
}

/// Pseudo-random words with a Zipf-like distribution, enough for windows, long lists and pruning to matter.
fn large_corpus() -> (Rows, Vec<String>) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut text = move |words: usize| {
        (0..words)
            .map(|_| format!("w{}", (3_000_f64.powf(next()) - 1.0) as u32))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let rows = (0..6_000)
        .map(|row| {
            (0..row % 3)
                .map(|at| text(5 + (row + 7 * at) % 40))
                .collect()
        })
        .collect();
    (rows, (0..12).map(|at| text(2 + 4 * at)).collect())
}

#[test]
fn pruning_over_many_windows_changes_no_answer() {
    let (rows, queries) = large_corpus();
    let live: Vec<bool> = (0..rows.len()).map(|row| row % 7 != 3).collect();
    for (number, text) in queries.iter().enumerate() {
        let share = [1, 2, 40, 900][number % 4];
        let passing: Vec<bool> = (0..rows.len())
            .map(|row| live[row] && row % share == 0)
            .collect();
        let all = reference(text, &rows, &live, &passing);
        for (depth, blocks) in [(1, 1), (10, 3), (100, 7), (5_000, 2)] {
            let spread: Vec<usize> = (0..rows.len()).map(|row| row * 31 % blocks).collect();
            let found = searched(text, &rows, &spread, &live, &passing, depth, |block| block);
            assert_eq!(found, cut(all.clone(), depth), "{text}, depth {depth}");
        }
    }
}

#[test]
fn a_count_beyond_a_byte_is_exact() {
    let rows: Rows = [254, 255, 256, 70_000]
        .map(|count| vec!["abc ".repeat(count) + "xyz"])
        .to_vec();
    let flags = vec![true; rows.len()];
    let expected = cut(reference("abc", &rows, &flags, &flags), 4);
    let found = searched("abc", &rows, &[0; 4], &flags, &flags, 4, |block| block);
    assert_eq!(found, expected);
}

#[test]
fn nothing_is_found_where_nothing_is_asked_or_live() {
    let block = block_of(&[&vec!["one two".to_owned()]]);
    let none = RowSet::of(1, |_| false);
    let all = RowSet::of(1, |_| true);
    let part = |live| LexicalPart {
        block: &block,
        live,
        is_all_live: false,
        dead: None,
        passing: Passing::All,
    };
    assert!(search("one", &[part(&none)], 5).is_empty());
    assert!(search("one", &[part(&all)], 0).is_empty());
    assert!(search("", &[part(&all)], 5).is_empty());
    assert_eq!(search("one", &[part(&all)], usize::MAX).len(), 1);
    assert!(search("one", &[], 5).is_empty());
    assert!(LexicalBlock::default().check().is_ok());
    assert!(read(&sections_of(&LexicalBlock::default())).is_ok());
}
