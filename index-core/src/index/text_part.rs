//! What a segment of demonstrations has beside columns and vectors: payloads, token counts, the exact table, postings,
//! and what tells near-duplicates.

use crate::error::IndexError;
use crate::index::demonstration::Likeness;
use crate::index::exact_table::ExactTable;
use crate::index::jagged::{Jagged, Pods};
use crate::index::prepared::PreparedText;
use crate::lexical::{FeatureCounts, LexicalBlock};
use crate::storage::{SegmentReader, SegmentWriter};
use crate::text::Features;

pub(crate) struct TextPart {
    payloads: Jagged<u8>,
    tokens: Jagged<u32>,
    /// Kept so that a row's features can be taken out of the counts again; the features would be ten times as large.
    dense_texts: Jagged<u8>,
    actions: Pods<u128>,
    instructions: Jagged<u64>,
    pub(crate) exact: ExactTable,
    pub(crate) lexical: LexicalBlock,
    pub(crate) features: FeatureCounts,
}

impl TextPart {
    pub(crate) fn from_rows(rows: &[&PreparedText]) -> Result<Self, IndexError> {
        Ok(Self {
            payloads: Jagged::from_rows(rows.iter().map(|row| row.payload.as_bytes())),
            tokens: Jagged::from_rows(rows.iter().map(|row| row.tokens.as_slice())),
            dense_texts: Jagged::from_rows(rows.iter().map(|row| row.dense_text.as_bytes())),
            actions: Pods::from_vec(rows.iter().map(|row| row.likeness.actions).collect()),
            instructions: Jagged::from_rows(rows.iter().map(|row| &row.likeness.instruction)),
            exact: ExactTable::from_rows(rows.iter().map(|row| row.observation_hashes.as_slice())),
            lexical: LexicalBlock::from_rows(rows.iter().map(|row| row.units.as_slice()))?,
            features: FeatureCounts::from_rows(
                &rows.iter().map(|row| &row.features).collect::<Vec<_>>(),
            ),
        })
    }

    /// The listed rows of each part, in order.
    pub(crate) fn concat(parts: &[(&Self, &[u32])]) -> Result<Self, IndexError> {
        let texts =
            |pick: fn(&Self) -> &Jagged<u8>| {
                Jagged::from_rows(parts.iter().flat_map(|(part, rows)| {
                    rows.iter().map(move |row| pick(part).row(*row as usize))
                }))
            };
        let tokens = parts
            .iter()
            .flat_map(|(part, rows)| rows.iter().map(|row| part.tokens.row(*row as usize)));
        let actions = parts
            .iter()
            .flat_map(|(part, rows)| rows.iter().map(|row| part.actions[*row as usize]));
        let instructions = parts
            .iter()
            .flat_map(|(part, rows)| rows.iter().map(|row| part.instructions.row(*row as usize)));
        let exact: Vec<_> = parts
            .iter()
            .map(|(part, rows)| (&part.exact, *rows))
            .collect();
        let lexical: Vec<_> = parts
            .iter()
            .map(|(part, rows)| (&part.lexical, *rows))
            .collect();
        Ok(Self {
            payloads: texts(|part| &part.payloads),
            tokens: Jagged::from_rows(tokens),
            dense_texts: texts(|part| &part.dense_texts),
            actions: Pods::from_vec(actions.collect()),
            instructions: Jagged::from_rows(instructions),
            exact: ExactTable::concat(&exact),
            lexical: LexicalBlock::concat(&lexical)?,
            features: concat_features(parts),
        })
    }

    pub(crate) fn payload(&self, row: u32) -> &str {
        self.payloads.text(row as usize)
    }

    /// Of what stands above the first step, then of each step.
    pub(crate) fn tokens(&self, row: u32) -> &[u32] {
        self.tokens.row(row as usize)
    }

    pub(crate) fn features_of(&self, row: u32) -> Features {
        Features::of([self.dense_texts.text(row as usize)])
    }

    pub(crate) fn likeness(&self, row: u32) -> Likeness<&[u64]> {
        Likeness {
            actions: self.actions[row as usize],
            instruction: self.instructions.row(row as usize),
        }
    }

    pub(crate) fn write(&self, writer: &mut SegmentWriter) -> Result<(), IndexError> {
        self.payloads.write(writer, "payload")?;
        self.tokens.write(writer, "tokens")?;
        self.dense_texts.write(writer, "dense-text")?;
        self.actions.write(writer, "actions")?;
        self.instructions.write(writer, "instruction")?;
        self.exact.write(writer)?;
        for (name, bytes) in self.lexical.to_sections() {
            writer.add(name, bytes)?;
        }
        for (name, bytes) in self.features.to_sections() {
            writer.add(name, bytes)?;
        }
        Ok(())
    }

    pub(crate) fn read(reader: &SegmentReader, rows: usize) -> Result<Self, IndexError> {
        let part = Self {
            payloads: Jagged::read(reader, "payload", Some(rows))?,
            tokens: Jagged::read(reader, "tokens", Some(rows))?,
            dense_texts: Jagged::read(reader, "dense-text", Some(rows))?,
            actions: Pods::read(reader, "actions", Some(rows))?,
            instructions: Jagged::read(reader, "instruction", Some(rows))?,
            exact: ExactTable::read(reader, rows)?,
            lexical: LexicalBlock::from_sections(|name| reader.section(name))?,
            features: FeatureCounts::from_sections(|name| reader.section(name))?,
        };
        if part.lexical.len() != rows {
            return Err(IndexError::Corrupt(
                "section lexical has another number of rows".into(),
            ));
        }
        Ok(part)
    }
}

/// The counts of all rows less those of the rows that are left out, which are few.
fn concat_features(parts: &[(&TextPart, &[u32])]) -> FeatureCounts {
    let counts: Vec<&FeatureCounts> = parts.iter().map(|(part, _)| &part.features).collect();
    let dropped: Vec<Features> = parts
        .iter()
        .flat_map(|(part, kept)| {
            let mut kept = kept.iter().peekable();
            (0_u32..)
                .take(part.payloads.len())
                .filter(move |row| kept.next_if_eq(&row).is_none())
                .map(|row| part.features_of(row))
        })
        .collect();
    FeatureCounts::concat(&counts, &dropped.iter().collect::<Vec<_>>())
}
