//! A block as named sections of bytes, and back. Nothing that is read is believed: a malformed file whose checksum is
//! right must be refused, not followed.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use super::UNIT_TOLERANCE;
use super::block::{VectorBlock, longest, worth_reading};
use super::graph::{Graph, Level, level0_lines};
use super::graph_build::CONNECTIVITY_MAX;
use super::quantise::{stride4, stride8};
use super::rows::StoredRows;
use super::section::{Line, Section, SharedBytes};
use crate::error::IndexError;
use crate::row_set::RowSet;
use crate::vector_storage::VectorStorage;

const GRAPH: &str = "graph";

/// More levels than any graph of u32 rows has.
const LEVELS_MAX: usize = 64;

impl VectorBlock {
    /// Every section with its name. Numbers are little-endian.
    #[must_use]
    pub fn to_sections(&self) -> Vec<(&'static str, Cow<'_, [u8]>)> {
        let mut sections = self.vectors.to_sections();
        sections.extend([
            ("codes8", Cow::Borrowed(self.codes8.bytes())),
            ("scales8", Cow::Borrowed(self.scales8.bytes())),
            ("residuals8", Cow::Borrowed(self.residuals8.bytes())),
            ("codes4", Cow::Borrowed(self.codes4.bytes())),
            ("scales4", Cow::Borrowed(self.scales4.bytes())),
            ("residuals4", Cow::Borrowed(self.residuals4.bytes())),
            (
                "present",
                Cow::Borrowed(bytemuck::cast_slice(self.present.words())),
            ),
        ]);
        if let Some(graph) = &self.graph {
            let upper = || graph.upper.iter();
            let mut head = vec![
                number(graph.connectivity),
                graph.entry,
                number(graph.repaired),
            ];
            head.extend(upper().map(|level| number(level.rows.len())));
            sections.push((GRAPH, Cow::Owned(bytes_of(head.iter()))));
            sections.push(("graph0", Cow::Borrowed(graph.level0.bytes())));
            let rows = upper().flat_map(|level| &level.rows);
            sections.push(("graph-rows", Cow::Owned(bytes_of(rows))));
            let links = upper().flat_map(|level| &level.links);
            sections.push(("graph-links", Cow::Owned(bytes_of(links))));
        }
        sections
    }

    /// `get` gives the bytes of a section, `None` if there is none of this name. Aligned to 64 bytes they are used in
    /// place, otherwise copied.
    ///
    /// # Errors
    /// `INDEX_CORRUPT` for sections that are not those of a block of `rows` rows in this storage, and what `get` fails with.
    pub fn from_sections<B>(
        dimensions: usize,
        storage: VectorStorage,
        rows: usize,
        get: impl Fn(&str) -> Result<Option<B>, IndexError>,
    ) -> Result<Self, IndexError>
    where
        B: Deref<Target = [u8]> + Send + Sync + 'static,
    {
        if dimensions == 0 || dimensions > super::DIMENSIONS_MAX || u32::try_from(rows).is_err() {
            return Err(corrupt(format!(
                "a block of {rows} rows of {dimensions} dimensions"
            )));
        }
        let find = |name: &str| -> Result<SharedBytes, IndexError> {
            let bytes = get(name)?.ok_or_else(|| corrupt(format!("section {name} is missing")))?;
            Ok(Arc::new(bytes))
        };
        let floats = |name: &str, length: usize| Section::<f32>::of(name, find(name)?, length);
        let lines = |name: &str, stride: usize| {
            Section::<Line>::of(name, find(name)?, rows * (stride / size_of::<Line>()))
        };
        let lengths = |name: &str| {
            let values = floats(name, rows)?;
            let is_length = |value: &f32| (0.0..=2.0).contains(value);
            if values.iter().all(is_length) {
                Ok(values)
            } else {
                Err(corrupt(format!("section {name} holds what is no length")))
            }
        };
        let words = Section::<u64>::of("present", find("present")?, rows.div_ceil(64))?;
        let present = RowSet::from_words(words.to_vec());
        if !rows.is_multiple_of(64) && words.last().is_some_and(|word| word >> (rows % 64) != 0) {
            return Err(corrupt("section present holds rows beyond the last".into()));
        }
        let (residuals8, residuals4) = (lengths("residuals8")?, lengths("residuals4")?);
        let mut block = Self {
            dimensions,
            vectors: StoredRows::from_sections(dimensions, storage, rows, find)?,
            codes8: Arc::new(lines("codes8", stride8(dimensions))?),
            scales8: Arc::new(lengths("scales8")?),
            residual8_max: longest(&residuals8),
            residuals8,
            codes4: lines("codes4", stride4(dimensions))?,
            scales4: lengths("scales4")?,
            reads_codes4: worth_reading(&residuals4, present.len()),
            residual4_max: longest(&residuals4),
            residuals4,
            present,
            graph: None,
        };
        if let Some(head) = get(GRAPH)? {
            block.graph = Some(block.read_graph(&head, find)?);
        }
        Ok(block)
    }

    fn read_graph(
        &self,
        head: &[u8],
        find: impl Fn(&str) -> Result<SharedBytes, IndexError>,
    ) -> Result<Graph, IndexError> {
        let head = numbers(GRAPH, head)?;
        let [connectivity, entry, repaired, ref counts @ ..] = head[..] else {
            return Err(corrupt("section graph is too short".into()));
        };
        let connectivity = connectivity as usize;
        if !(2..=CONNECTIVITY_MAX).contains(&connectivity) || counts.len() > LEVELS_MAX {
            return Err(corrupt("section graph describes no graph".into()));
        }
        let length = level0_lines(self.len(), connectivity);
        let level0 = Section::<Line>::of("graph0", find("graph0")?, length)?;
        let all_rows = numbers("graph-rows", &find("graph-rows")?)?;
        let all_links = numbers("graph-links", &find("graph-links")?)?;
        let total: usize = counts.iter().map(|count| *count as usize).sum();
        if all_rows.len() != total || all_links.len() != total * connectivity {
            return Err(corrupt(
                "the upper levels of the graph have another length".into(),
            ));
        }
        let (mut upper, mut at) = (Vec::with_capacity(counts.len()), 0);
        for count in counts {
            let next = at + *count as usize;
            let rows = all_rows[at..next].to_vec();
            let links = all_links[at * connectivity..next * connectivity].to_vec();
            upper.push(Level { rows, links });
            at = next;
        }
        let (rows, repaired) = (self.len(), repaired as usize);
        let graph = Graph {
            rows,
            connectivity,
            entry,
            repaired,
            level0,
            upper,
        };
        if !graph.is_of(&self.present, rows) {
            return Err(corrupt("the graph links to what is no row".into()));
        }
        Ok(graph)
    }

    /// Reads every vector and refuses those that `from_rows` would have refused. Not part of reading, because it would
    /// touch all of what is mapped.
    ///
    /// # Errors
    /// `INDEX_CORRUPT` naming the row.
    pub fn verify_vectors(&self) -> Result<(), IndexError> {
        for row in self.present.iter() {
            let unit = self.vectors.unit(row as usize);
            let norm = super::query::checked_norm(&unit, self.dimensions)
                .map_err(|error| corrupt(format!("row {row}: {error}")))?;
            if (norm - 1.0).abs() > UNIT_TOLERANCE {
                return Err(corrupt(format!("row {row} has length {norm}")));
            }
        }
        Ok(())
    }
}

fn corrupt(message: String) -> IndexError {
    IndexError::Corrupt(message)
}

/// Counts of a block of u32 rows fit.
fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn bytes_of<'a>(values: impl Iterator<Item = &'a u32>) -> Vec<u8> {
    values.flat_map(|value| value.to_le_bytes()).collect()
}

fn numbers(name: &str, bytes: &[u8]) -> Result<Vec<u32>, IndexError> {
    let (values, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(corrupt(format!("section {name} is not made of numbers")));
    }
    Ok(values
        .iter()
        .map(|value| u32::from_le_bytes(*value))
        .collect())
}
